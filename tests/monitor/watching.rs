//! What `wakeeper monitor` does about containers, whatever runs in them: it finds them by their label, follows them as they
//! come and go, reads on after a restart, rehearses, backs them up while they run, and gives up aloud. The containers
//! print what a test writes into a file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use wakeeper_e2e::docker::{Engine, Removal};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::{Addressing, Lab, PATIENCE, Watch, Watched};

/// A contact of the session in the container; the Signal session with it is years old.
const CONTACT: &str = "6281100000002";
const RECORD: &str = "session-6281100000002.0.json";
const IMAGE: &str = "debian:bookworm-slim";
/// The worst night that was reported.
const BURST: usize = 168_000;
/// A monitor that has not read all of it by then hangs.
const READ: Duration = Duration::from_mins(10);
/// Prints its log as it grows, and ends when it is asked to. What `/lines/start` holds is run first.
const PROGRAM: &str = "trap 'exit 0' TERM; . /lines/start; tail -n +1 -F /lines/log & wait";

/// A container that prints lines, and its session.
struct LoggingContainer {
    engine: Engine,
    name: String,
    folder: PathBuf,
    labelled: bool,
    _removal: Removal,
}

impl LoggingContainer {
    /// Makes its files; it does not run yet.
    fn new(lab: &Lab, engine: &Engine, name: &str, labelled: bool) -> Self {
        let folder = lab.folder().join(name);
        for part in ["auth_info", "lines"] {
            std::fs::create_dir_all(folder.join(part)).expect("a folder to mount");
        }
        for file in ["log", "start"] {
            std::fs::write(folder.join("lines").join(file), "").expect("a file to mount");
        }
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/doctor/fixtures/baileys7");
        for item in std::fs::read_dir(fixture).expect("the fixture") {
            let path = item.expect("a file").path();
            let copy = folder.join("auth_info").join(path.file_name().expect("a name"));
            std::fs::copy(&path, copy).expect("copy a file");
        }
        let name = format!("watching-{name}-{}", std::process::id());
        let removal = engine.removes(&name);
        Self { engine: engine.clone(), name, folder, labelled, _removal: removal }
    }

    async fn run(&self) {
        let mount = |part: &str, at: &str| format!("{}:{at}", self.folder.join(part).display());
        let (auth_info, lines) = (mount("auth_info", "/app/auth_info"), mount("lines", "/lines"));
        let label = format!("whatsapp.session.managed={}", self.labelled);
        let words = ["run", "--detach", "--name", &self.name, "--label", &label];
        let rest = ["--volume", &auth_info, "--volume", &lines, IMAGE, "sh", "-c", PROGRAM];
        self.engine.docker(&[&words[..], &rest[..]].concat()).await;
    }

    async fn start(lab: &Lab, engine: &Engine, name: &str) -> Self {
        let container = Self::new(lab, engine, name, false);
        container.run().await;
        container
    }

    /// Prints a line.
    fn prints(&self, line: &str) {
        use std::io::Write;
        let path = self.folder.join("lines/log");
        let mut file = std::fs::File::options().append(true).open(path).expect("its log");
        writeln!(file, "{line}").expect("write a line");
    }

    /// What is run whenever the container starts, before anything is printed.
    fn at_start(&self, script: &str) {
        std::fs::write(self.folder.join("lines/start"), script).expect("write the script");
    }

    fn record(&self) -> PathBuf {
        self.folder.join("auth_info").join(RECORD)
    }

    fn tear(&self) {
        let content = std::fs::read(self.record()).expect("a record");
        std::fs::write(self.record(), &content[..content.len() / 2]).expect("tear it");
    }

    /// When the container last started.
    async fn started(&self) -> String {
        self.engine.docker(&["inspect", "--format", "{{.State.StartedAt}}", &self.name]).await
    }

    fn label(&self) -> String {
        format!("session=\"{}\"", self.name)
    }
}

/// A message that cannot be decrypted, as Baileys logs it.
fn bad_mac(id: &str) -> String {
    let key = json!({"remoteJid": format!("{CONTACT}@s.whatsapp.net"), "id": id});
    json!({"level": 50, "key": key, "err": {"type": "Error", "message": "Bad MAC"}, "msg": "failed to decrypt message"})
        .to_string()
}

async fn backups(watch: &Watch) -> Vec<Value> {
    watch.run_on_target(&["backup", "list"]).await.as_array().expect("a list").clone()
}

async fn laboratory() -> (Engine, Lab) {
    (Engine::of_this_run(), Lab::start(Addressing::PhoneNumber).await)
}

async fn reported(watch: &Watch, step: &str) -> Value {
    eventually(&format!("an incident with the step {step}"), PATIENCE, async || {
        let all = watch.incidents().await;
        let [incident] = all.as_slice() else { return Err(format!("{all:?}")) };
        let id = incident["id"].to_string();
        let whole = watch.asks(&["incidents", &id]).await;
        let steps = whole["steps"].as_array().expect("steps").clone();
        if steps.iter().any(|one| one["step"] == step) { Ok(whole) } else { Err(whole.to_string()) }
    })
    .await
}

#[tokio::test]
async fn labelled_containers_are_watched_as_they_come_and_go() {
    let (engine, lab) = laboratory().await;
    let first = LoggingContainer::new(&lab, &engine, "first", true);
    let second = LoggingContainer::new(&lab, &engine, "second", true);
    let other = LoggingContainer::new(&lab, &engine, "other", false);
    first.run().await;
    // Others may run labelled containers on the same engine, of which nothing is to be changed.
    let mut watch = Watch::spawn(&lab, &Watched::Labelled(&engine), &["--dry-run"], &[]);
    watch.wait_line(&format!("watching container {}", first.name)).await;
    other.run().await;
    second.run().await;
    watch.wait_line(&format!("watching container {}", second.name)).await;
    for (container, id) in [(&first, "A"), (&other, "B"), (&second, "C")] {
        container.prints(&bad_mac(id));
    }
    for container in [&first, &second] {
        watch.wait_metric("wakeeper_symptoms_total", &container.label(), 1.0).await;
    }
    assert!(watch.metric("wakeeper_symptoms_total", &other.label()).await.is_none(), "it has no label");
    let lines = watch.lines();
    assert!(lines.iter().all(|line| !line.contains(&other.name)), "it has no label");

    engine.docker(&["rm", "--force", &first.name]).await;
    eventually("the end of watching", PATIENCE, async || {
        let lines = watch.lines();
        let told = lines.iter().any(|line| line.contains("no longer watched") && line.contains(&first.name));
        if told { Ok(()) } else { Err("nothing") }
    })
    .await;
    // Made anew under its name, its log printed from the start: the old message counts once.
    first.run().await;
    first.prints(&bad_mac("D"));
    eventually("the new container to be watched", PATIENCE, async || {
        let lines = watch.lines();
        let count =
            lines.iter().filter(|line| line.contains(&format!("watching container {}", first.name))).count();
        if count == 2 { Ok(()) } else { Err(count) }
    })
    .await;
    watch.wait_metric("wakeeper_symptoms_total", &first.label(), 3.0).await;
    watch.terminate().await;
}

#[tokio::test]
async fn a_rehearsal_reports_and_touches_nothing() {
    let (engine, lab) = laboratory().await;
    let container = LoggingContainer::start(&lab, &engine, "rehearsal").await;
    container.tear();
    let before = wakeeper_e2e::damaged_session::contents(&container.folder.join("auth_info"));
    let started = container.started().await;
    let settings = [("SESSION_CLEANUP_WAIT", "1s"), ("BACKUP_INTERVAL", "1s")];
    let watched = Watched::Container(&engine, &container.name);
    let mut watch = Watch::spawn(&lab, &watched, &["--dry-run"], &settings);
    watch.wait_line("reports only: SESSION_CLEANUP_ENABLED is false").await;
    for id in ["A", "B", "C"] {
        container.prints(&bad_mac(id));
    }
    let incident = reported(&watch, "reported").await;
    assert!(incident["summary"].as_str().expect("a text").contains("wakeeper would"), "{incident:#}");
    assert_eq!(container.started().await, started, "it was stopped");
    assert_eq!(wakeeper_e2e::damaged_session::contents(&container.folder.join("auth_info")), before);
    assert!(!lab.folder().join("backups").exists(), "a rehearsal backs nothing up");
    watch.terminate().await;
}

#[tokio::test]
async fn no_line_is_lost_or_counted_twice_over_a_restart_of_the_monitor() {
    let (engine, lab) = laboratory().await;
    let container = LoggingContainer::start(&lab, &engine, "restart").await;
    let settings = [("SESSION_CLEANUP_ENABLED", "false"), ("SESSION_CLEANUP_WAIT", "1s")];
    let watched = Watched::Container(&engine, &container.name);
    let watch = Watch::spawn(&lab, &watched, &[], &settings);
    container.prints(&bad_mac("A"));
    container.prints(&bad_mac("B"));
    watch.wait_metric("wakeeper_symptoms_total", &container.label(), 2.0).await;
    assert!(watch.incidents().await.is_empty(), "two are noise");
    watch.terminate().await;
    // The third message of the contact fails while nobody watches.
    container.prints(&bad_mac("C"));
    let watch = Watch::spawn(&lab, &watched, &[], &settings);
    let incident = reported(&watch, "reported").await;
    assert_eq!(incident["messages"], 3, "{incident:#}");
    watch.wait_metric("wakeeper_symptoms_total", &container.label(), 3.0).await;
    watch.kill().await;
    // The same incident goes on in a third process; what was read before counts no second time.
    let watch = Watch::spawn(&lab, &watched, &[], &settings);
    watch.wait_metric("wakeeper_symptoms_total", &container.label(), 3.0).await;
    container.prints(&bad_mac("D"));
    eventually("the fourth message", PATIENCE, async || {
        let all = watch.incidents().await;
        let known = |incident: &Value| incident["messages"].as_i64();
        if all.len() == 1 && known(&all[0]) == Some(4) { Ok(()) } else { Err(format!("{all:?}")) }
    })
    .await;
    watch.terminate().await;
}

/// What a program outside of the container has open is not changed under it, and the container is not stopped for nothing.
#[tokio::test]
async fn a_session_that_a_program_outside_uses_is_left_alone() {
    let (engine, lab) = laboratory().await;
    let container = LoggingContainer::start(&lab, &engine, "used").await;
    container.tear();
    let started = container.started().await;
    let open = std::fs::File::open(container.folder.join("auth_info/creds.json")).expect("its login");
    let mut program = std::process::Command::new("sleep").arg("infinity").stdin(open).spawn().expect("sleep");
    let settings = [("SESSION_CLEANUP_WAIT", "1s"), ("SESSION_CLEANUP_COOL_DOWN", "1s")];
    let watch = Watch::spawn(&lab, &Watched::Container(&engine, &container.name), &[], &settings);
    for id in ["A", "B", "C"] {
        container.prints(&bad_mac(id));
    }
    watch.wait_metric("wakeeper_symptoms_total", &container.label(), 3.0).await;
    let incident = reported(&watch, "not_verified").await;
    let said = incident["steps"].to_string();
    let torn = std::fs::metadata(container.record()).map(|file| file.len());
    let since = container.started().await;
    program.kill().expect("end it");
    program.wait().expect("its end");
    assert!(said.contains("(sleep)"), "{incident:#}");
    assert!(torn.is_ok() && since == started, "it was stopped, or changed");
    watch.terminate().await;
}

#[tokio::test]
async fn a_container_that_nothing_helps_is_left_alone_aloud() {
    const TRIES: usize = 2;
    let (engine, lab) = laboratory().await;
    let alerts = wakeeper_e2e::Alerts::start().await;
    let container = LoggingContainer::new(&lab, &engine, "hopeless", false);
    // A gateway that tears the same file whenever it starts, and says so.
    container.at_start(&format!("echo started >> /lines/starts; echo '{{\"_sess' > /app/auth_info/{RECORD}"));
    container.run().await;
    let (tries, url) = (TRIES.to_string(), alerts.url());
    let settings = [
        ("SESSION_CLEANUP_TRIES", tries.as_str()),
        ("SESSION_CLEANUP_WAIT", "1s"),
        ("SESSION_CLEANUP_VERIFY", "1s"),
        ("SESSION_CLEANUP_COOL_DOWN", "1s"),
        ("MONITOR_ALERT_URL", url.as_str()),
        ("MONITOR_ALERT_HMAC_KEY", wakeeper_e2e::alerts::ALERT_KEY),
    ];
    let watch = Watch::spawn(&lab, &Watched::Container(&engine, &container.name), &[], &settings);
    container.prints(&bad_mac("A"));
    let alert = alerts.wait("session_state", "left_alone").await;
    assert_eq!(alert["step"], "gave_up", "{alert}");
    assert!(alert["text"].as_str().expect("a text").contains("did not help"), "{alert}");
    let starts = || {
        let text = std::fs::read_to_string(container.folder.join("lines/starts")).expect("its starts");
        text.lines().count()
    };
    let after = starts();
    assert!((2..=TRIES + 2).contains(&after), "{after} starts");
    let read = watch.metric("wakeeper_symptoms_total", &container.label()).await.expect("symptoms");
    // More of the same: it is read, and nothing is done about it.
    for n in 0..20 {
        container.prints(&bad_mac(&format!("LATER{n}")));
    }
    watch.wait_metric("wakeeper_symptoms_total", &container.label(), read + 20.0).await;
    watch.wait_metric("wakeeper_left_alone", &container.label(), 1.0).await;
    let incidents = watch.incidents().await;
    assert_eq!((incidents.len(), starts()), (1, after), "{incidents:?}");
    let given_up = alerts.taken().iter().filter(|alert| alert["step"] == "gave_up").count();
    assert_eq!(given_up, 1, "{:?}", alerts.taken());
    alerts.assert_all_signed();
    // It runs: nothing is left stopped.
    let state = engine.docker(&["inspect", "--format", "{{.State.Running}}", &container.name]).await;
    assert_eq!(state, "true");
    watch.terminate().await;
}

#[tokio::test]
async fn a_running_container_is_backed_up_and_the_last_good_backup_stays() {
    let (engine, lab) = laboratory().await;
    let container = LoggingContainer::start(&lab, &engine, "backups").await;
    let started = container.started().await;
    let settings = [
        ("BACKUP_INTERVAL", "1s"),
        ("BACKUP_KEEP_LAST", "1"),
        ("BACKUP_KEEP_DAILY", "0"),
        ("BACKUP_KEEP_WEEKLY", "0"),
        // Nothing is repaired meanwhile.
        ("SESSION_CLEANUP_WAIT", "1h"),
    ];
    let mut watch = Watch::spawn(&lab, &Watched::Container(&engine, &container.name), &[], &settings);
    let line = watch.wait_line("INFO backed up to").await;
    assert!(line.contains(&container.name) && line.contains("files"), "{line}");
    let good = backups(&watch).await;
    assert_eq!((good.len(), &good[0]["errors"]), (1, &json!(0)), "{good:?}");

    // Each damaged state is another one, and so another backup; of those one stays.
    container.tear();
    watch.wait_line("the last backup without any is kept").await;
    let record = std::fs::read(container.record()).expect("a record");
    for n in 1..3 {
        std::fs::write(container.record(), &record[..record.len() - n]).expect("tear it again");
        watch
            .wait_metric(
                "wakeeper_backups_total",
                "result=\"made\"",
                f64::from(u32::try_from(n).expect("few") + 2),
            )
            .await;
    }
    let left = backups(&watch).await;
    let errors: Vec<_> = left.iter().map(|one| one["errors"].as_u64().expect("a number")).collect();
    assert!(left.len() == 2 && errors[0] > 0 && errors[1] == 0, "{left:?}");
    assert_eq!(left[1]["path"], good[0]["path"]);
    let verified =
        watch.run_on_target(&["backup", "verify", left[1]["path"].as_str().expect("a path")]).await;
    assert_eq!(verified[0]["report"]["healthy"], true, "{verified:#}");
    assert_eq!(container.started().await, started, "a backup stops nothing");
    watch.terminate().await;
}

#[tokio::test]
async fn a_session_that_went_back_is_told_and_its_newest_backup_stays_the_newest() {
    let (engine, lab) = laboratory().await;
    let container = LoggingContainer::start(&lab, &engine, "rollback").await;
    let settings = [("BACKUP_INTERVAL", "1s"), ("SESSION_CLEANUP_WAIT", "1h")];
    let mut watch = Watch::spawn(&lab, &Watched::Container(&engine, &container.name), &[], &settings);
    watch.wait_line("INFO backed up to").await;
    let text = std::fs::read_to_string(container.record()).expect("a record");
    let mut record: Value = serde_json::from_str(&text).expect("JSON");
    for session in record["_sessions"].as_object_mut().expect("sessions").values_mut() {
        let used = session["indexInfo"]["used"].as_i64().expect("a time");
        session["indexInfo"]["used"] = json!(used - 1000);
    }
    std::fs::write(container.record(), record.to_string()).expect("put an older record back");
    let line = watch.wait_line("the scheduled backup failed, trying again in 1 s").await;
    assert!(line.contains("its newest backup is ahead of it in 1 file,"), "{line}");
    watch.wait_metric("wakeeper_backups_total", "result=\"made\"", 1.0).await;
    // It is what shows the damage, and the doctor repairs by it.
    let health = watch.run_on_target(&["health"]).await;
    let codes: Vec<_> =
        health["findings"].as_array().expect("findings").iter().map(|one| &one["code"]).collect();
    assert!(codes.contains(&&json!("ratchet_rolled_back")), "{codes:?}");
    std::fs::write(container.record(), text).expect("put the record back");
    watch.wait_line("scheduled backups work again").await;
    watch.terminate().await;
}

#[tokio::test]
async fn a_burst_in_a_containers_log_is_one_incident() {
    let (engine, lab) = laboratory().await;
    let container = LoggingContainer::start(&lab, &engine, "burst").await;
    let frame = format!("    at async {CONTACT}.0 [as awaitable] (/app/session_cipher.js:171:28)");
    let text = format!("Session error:Error: Bad MAC Error: Bad MAC\n{frame}\n").repeat(BURST);
    let settings = [("SESSION_CLEANUP_ENABLED", "false"), ("SESSION_CLEANUP_WAIT", "1s")];
    let watch = Watch::spawn(&lab, &Watched::Container(&engine, &container.name), &[], &settings);
    for id in ["A", "B", "C"] {
        container.prints(&bad_mac(id));
    }
    container.prints(text.trim_end());
    eventually("all lines to be read", READ, async || {
        let read = watch.metric("wakeeper_symptoms_total", &container.label()).await;
        if read == Some((BURST + 3) as f64) { Ok(()) } else { Err(format!("{read:?}")) }
    })
    .await;
    let mine = |incident: &&Value| incident["session"] == container.name.as_str();
    let incident = eventually("one incident", PATIENCE, async || {
        let all = watch.incidents().await;
        let mine: Vec<_> = all.iter().filter(mine).cloned().collect();
        if mine.len() == 1 { Ok(mine[0].clone()) } else { Err(format!("{mine:?}")) }
    })
    .await;
    assert!(incident["closed_ms"].is_null(), "{incident:#}");
    watch.terminate().await;
}

/// The proxy that docs/security.md describes, in front of the engine's socket. Returns the socket that it offers.
async fn socket_proxy(engine: &Engine, lab: &Lab) -> (PathBuf, Removal) {
    let recipe = lab.folder().join("Dockerfile");
    let text = "FROM debian:bookworm-slim\nRUN apt-get update && apt-get install -y --no-install-recommends haproxy \
                && rm -rf /var/lib/apt/lists/*\n";
    std::fs::write(&recipe, text).expect("write a recipe");
    let empty = lab.folder().join("empty");
    let offered = lab.folder().join("proxy");
    for folder in [&empty, &offered] {
        std::fs::create_dir(folder).expect("a folder");
    }
    engine.build("wakeeper-test-haproxy", &recipe, &empty, &[]).await;
    let name = format!("watching-proxy-{}", std::process::id());
    let removal = engine.removes(&name);
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/socket-proxy/haproxy.cfg");
    let mounts = [
        format!("{}:/etc/haproxy.cfg:ro", config.canonicalize().expect("the configuration").display()),
        format!("{}:/var/run/docker.sock", engine.socket().display()),
        format!("{}:/proxy", offered.display()),
    ];
    let mut words =
        vec!["run", "--detach", "--name", &name, "--network", "none", "--read-only", "--cap-drop", "ALL"];
    for mount in &mounts {
        words.extend(["--volume", mount]);
    }
    words.extend(["wakeeper-test-haproxy", "haproxy", "-W", "-db", "-f", "/etc/haproxy.cfg"]);
    engine.docker(&words).await;
    let socket = offered.join("docker.sock");
    let host = format!("unix://{}", socket.display());
    eventually("the proxy to answer", PATIENCE, async || {
        let output = engine.try_docker(&["--host", &host, "version"]).await;
        if output.status.success() { Ok(()) } else { Err(engine.docker(&["logs", &name]).await) }
    })
    .await;
    (socket, removal)
}

#[tokio::test]
async fn a_monitor_behind_a_socket_proxy_repairs_and_may_do_nothing_else() {
    let (engine, lab) = laboratory().await;
    let container = LoggingContainer::start(&lab, &engine, "behind").await;
    let (socket, _removal) = socket_proxy(&engine, &lab).await;
    let host = format!("unix://{}", socket.display());
    let settings = [
        ("DOCKER_HOST", host.as_str()),
        ("SESSION_CLEANUP_WAIT", "1s"),
        ("SESSION_CLEANUP_VERIFY", "1s"),
        ("BACKUP_INTERVAL", "1s"),
    ];
    let mut watch = Watch::spawn(&lab, &Watched::Container(&engine, &container.name), &[], &settings);
    watch.wait_line("; repairs are on").await;
    watch.wait_line("INFO backed up to").await;
    let started = container.started().await;
    container.tear();
    container.prints(&bad_mac("A"));
    let incident = watch.closed(PATIENCE).await;
    assert_eq!(incident["outcome"], "recovered", "{incident:#}");
    assert_ne!(container.started().await, started, "it was stopped for the repair");
    let health = watch.run_on_target(&["health"]).await;
    assert_eq!(health["healthy"], true, "{health:#}");
    watch.terminate().await;

    let target = format!("{}:/etc/motd", container.name);
    for words in [
        &["exec", &container.name, "true"][..],
        &["create", "--volume", "/:/machine", IMAGE],
        &["rm", "--force", &container.name],
        &["cp", "/etc/hostname", &target],
        &["images"],
    ] {
        // The proxy does not wait for what a request sends: who is still sending may not hear the answer, and asks again.
        eventually("a refusal", PATIENCE, async || {
            let output = engine.try_docker(&[&["--host", host.as_str()], words].concat()).await;
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success(), "{words:?} was let through");
            let is_refused = told.contains("403") || (words[0] == "cp" && told.contains("broken pipe"));
            if is_refused { Ok(()) } else { Err(format!("{words:?}: {told}")) }
        })
        .await;
    }
    // wakeeper says what was refused, in one line.
    let mut command = lab.binary().command(lab.folder());
    command.args(["exec", "--container", &container.name, "true"]).env("DOCKER_HOST", &host);
    let output = command.output().await.expect("run wakeeper");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("refuse") && told.lines().count() == 1, "{told}");
}
