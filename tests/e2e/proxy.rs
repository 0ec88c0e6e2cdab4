//! A proxy per session, with Debian's own proxies. The simulator's name is known to the proxies alone, so nothing reaches it
//! past them.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::party::Message;
use wakeeper_e2e::port::Port;
use wakeeper_e2e::process::Process;
use wakeeper_e2e::{Addressing, Baileys, Gateway, Lab, PATIENCE, Party, Webhooks};

use crate::conversation::{picture_goes, wait_id};

/// The simulator's name, which only the proxies' `/etc/hosts` has.
const SERVER: &str = "hidden-simulator";
const CERTIFICATE: &str = "proxy.pem";
const KEY: &str = "proxy.key";
const USER: &str = "anna";
const PASSWORD: &str = "hush-3128";

/// A kind of proxy.
#[derive(Clone, Copy)]
enum Kind {
    /// tinyproxy.
    Http,
    /// tinyproxy behind stunnel.
    Https,
    /// microsocks.
    Socks5,
}

/// A proxy that can be stopped and started again at its address.
struct Proxy<'a> {
    kind: Kind,
    lab: &'a Lab,
    port: Port,
    behind: Port,
    running: Vec<Process>,
}

impl<'a> Proxy<'a> {
    fn start(kind: Kind, lab: &'a Lab) -> Self {
        let mut proxy =
            Self { kind, lab, port: Port::reserve(), behind: Port::reserve(), running: Vec::new() };
        proxy.run();
        proxy
    }

    /// As settings name it; without a kind, as WAHA's users write it, where that is possible.
    fn server(&self) -> String {
        self.name().trim_start_matches("http://").to_owned()
    }

    /// As people are told of it.
    fn name(&self) -> String {
        let kind = match self.kind {
            Kind::Http => "http",
            Kind::Https => "https",
            Kind::Socks5 => "socks5",
        };
        format!("{kind}://127.0.0.1:{}", self.port.number())
    }

    fn setting(&self) -> Value {
        json!({"config": {"proxy": {"server": self.server(), "username": USER, "password": PASSWORD}}})
    }

    fn run(&mut self) {
        self.running = match self.kind {
            Kind::Http => vec![self.tinyproxy(&self.port)],
            Kind::Https => vec![self.tinyproxy(&self.behind), self.stunnel()],
            Kind::Socks5 => vec![self.microsocks()],
        };
    }

    fn stop(&mut self) {
        self.running.clear();
    }

    fn tinyproxy(&self, port: &Port) -> Process {
        let settings = format!(
            "Port {}\nListen 127.0.0.1\nTimeout 600\nLogLevel Connect\nMaxClients 100\nBasicAuth {USER} {PASSWORD}\n",
            port.number()
        );
        let file = self.lab.folder().join("tinyproxy.conf");
        std::fs::write(&file, settings).expect("tinyproxy's settings");
        self.who_knows_the_name("tinyproxy", &["-d", "-c", &file.to_string_lossy()])
    }

    fn microsocks(&self) -> Process {
        let port = self.port.number().to_string();
        self.who_knows_the_name("microsocks", &["-i", "127.0.0.1", "-p", &port, "-u", USER, "-P", PASSWORD])
    }

    fn stunnel(&self) -> Process {
        let folder = self.lab.folder();
        let settings = folder.join("stunnel.conf");
        let text = format!(
            "foreground = yes\npid =\n[proxy]\naccept = 127.0.0.1:{}\nconnect = 127.0.0.1:{}\ncert = {}\nkey = {}\n",
            self.port.number(),
            self.behind.number(),
            folder.join(CERTIFICATE).display(),
            folder.join(KEY).display()
        );
        std::fs::write(&settings, text).expect("stunnel's settings");
        Process::start("stunnel", Command::new("stunnel4").arg(settings), &self.lab.logs())
    }

    fn who_knows_the_name(&self, program: &str, arguments: &[&str]) -> Process {
        let hosts = self.lab.folder().join("hosts");
        std::fs::write(&hosts, format!("127.0.0.1 localhost {SERVER}\n")).expect("a hosts file");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--map-root-user", "sh", "-c"]);
        command.arg("mount --bind \"$0\" /etc/hosts && exec \"$@\"").arg(hosts).arg(program).args(arguments);
        Process::start(program, &mut command, &self.lab.logs())
    }

    /// How many connections to addresses, not to the server's name, it was asked for: those of media.
    fn media(&self) -> usize {
        let asked = |line: &&String| {
            line.contains("127.0.0.1:") && (line.contains("CONNECT ") || line.contains("connected to"))
        };
        self.running.iter().map(|one| one.lines().read(|lines| lines.iter().filter(asked).count())).sum()
    }
}

/// Makes a certificate of the HTTPS proxy, which nobody signed.
fn certificate(lab: &Lab) -> PathBuf {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    std::fs::write(lab.folder().join(KEY), certified.signing_key.serialize_pem()).expect("a key");
    let path = lab.folder().join(CERTIFICATE);
    std::fs::write(&path, certified.cert.pem()).expect("a certificate");
    path
}

async fn session(gateway: &Gateway) -> Result<Value, String> {
    let answer = gateway.answer(gateway.request(Method::GET, "/api/sessions/default")).await;
    Ok(answer.map_err(|error| error.to_string())?.body)
}

async fn wait_reason(gateway: &Gateway, reason: &str) {
    eventually(&format!("the reason {reason:?}"), PATIENCE, async || {
        let session = session(gateway).await?;
        let told = session["reason"].as_str().is_some_and(|told| told.contains(reason));
        if told && session["status"] != "WORKING" { Ok(()) } else { Err(session.to_string()) }
    })
    .await;
}

async fn everything_goes_through(kind: Kind) {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let webhooks = Webhooks::start().await;
    let mut gateway = lab.gateway("gateway", &webhooks);
    gateway.set("SSL_CERT_FILE", certificate(&lab).to_string_lossy());
    gateway.set("WHATSAPP_WS_URL", lab.simulator().websocket().replace("127.0.0.1", SERVER));
    gateway.start().await;
    wait_reason(&gateway, &format!("the address of {SERVER} cannot be looked up")).await;

    let mut proxy = Proxy::start(kind, &lab);
    let set = gateway.call(Method::PUT, "/api/sessions/default", Some(proxy.setting())).await;
    assert_eq!(set["config"]["proxy"]["password"], "********", "{set}");
    let phone = lab.simulator().phone("491701000001", "Anna").await;
    phone.scan(&gateway.qr().await).await;
    gateway.wait_working().await;
    let mut me = Party::gateway("gateway", phone, gateway, webhooks);
    let ben = lab.linked_peer("baileys", Baileys::Six, "491701000002").await;
    picture_goes(&me, &ben, 1).await;
    assert!(proxy.media() > 0, "what was sent went another way");

    // A proxy that fails is waited for.
    proxy.stop();
    let (gateway, _) = me.as_gateway();
    wait_reason(gateway, &format!("the session's proxy {}", proxy.name())).await;
    proxy.run();
    gateway.wait_working().await;
    picture_goes(&ben, &me, 2).await;
    assert!(proxy.media() > 0, "what came in went another way");
    let id = ben.send(&me.chat(), &Message::Text("through again".to_owned())).await;
    wait_id(&me, &id).await;
}

#[tokio::test]
async fn everything_goes_through_an_http_proxy() {
    everything_goes_through(Kind::Http).await;
}

#[tokio::test]
async fn everything_goes_through_an_https_proxy() {
    everything_goes_through(Kind::Https).await;
}

#[tokio::test]
async fn everything_goes_through_a_socks_proxy() {
    everything_goes_through(Kind::Socks5).await;
}

/// The simulator is near, and reached without a proxy; the session has one, so it is not.
#[tokio::test]
async fn a_proxy_that_refuses_is_never_gone_round() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let mut me = lab.linked_gateway("gateway", "491701000001").await;
    let (gateway, _) = me.as_gateway();
    let proxy = Proxy::start(Kind::Http, &lab);
    let wrong =
        json!({"config": {"proxy": {"server": proxy.server(), "username": USER, "password": "wrong"}}});
    gateway.call(Method::PUT, "/api/sessions/default", Some(wrong)).await;
    wait_reason(gateway, "opens no way to 127.0.0.1").await;
    gateway.terminate().await;
    gateway.start().await;
    wait_reason(gateway, "opens no way to 127.0.0.1").await;
    let state = lab.simulator().state().await;
    assert_eq!(state["accounts"][0]["devices"][1]["online"], false, "{state}");
    assert_eq!(state["counters"]["logins"], 1, "{state}");
    gateway.call(Method::PUT, "/api/sessions/default", Some(proxy.setting())).await;
    gateway.wait_working().await;
    gateway.call(Method::PUT, "/api/sessions/default", Some(json!({"config": {}}))).await;
    gateway.wait_working().await;
    drop(proxy);
    assert_eq!(session(gateway).await.expect("a session")["status"], "WORKING", "it has no proxy any more");
}
