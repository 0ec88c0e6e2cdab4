//! The programs that docs/webhooks.md shows: each takes what a real gateway signed, and nothing else.

use std::net::TcpStream;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::Value;
use sha2::Sha256;
use tokio::process::Command;
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::party::Message;
use wakeeper_e2e::port::Port;
use wakeeper_e2e::process::Process;
use wakeeper_e2e::webhook::{Delivery, HMAC_KEY};
use wakeeper_e2e::{Addressing, Lab, PATIENCE};

/// More than ASCII: a receiver that decodes and encodes the body again computes another signature.
const TEXT: &str = "Grüße \u{1f60b} from \"Ben\"";
/// Requests that are older than this are refused.
const FRESH_SECONDS: u64 = 300;

/// The page as people read it.
fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/webhooks.md");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The one block of the page in that language.
fn block(page: &str, language: &str) -> String {
    let mut blocks = page.split("```").skip(1).step_by(2);
    let wanted = blocks.find_map(|block| block.strip_prefix(&format!("{language}\n")));
    wanted.unwrap_or_else(|| panic!("docs/webhooks.md has no block of {language}")).to_owned()
}

/// A message that a real gateway signed.
async fn signed(lab: &Lab) -> Delivery {
    let mut anna = lab.linked_gateway("anna", "491701000001").await;
    let ben = lab.contact("ben", "491701000003").await;
    ben.send(&anna.chat(), &Message::Text(TEXT.to_owned())).await;
    let (_, webhooks) = anna.as_gateway();
    webhooks.wait("message", PATIENCE, |payload| payload["body"] == TEXT).await
}

/// A receiver of the page, started as its first line says.
struct Receiver {
    url: String,
    _process: Process,
    _port: Port,
}

impl Receiver {
    async fn start(lab: &Lab, language: &str, file: &str, program: &[&str]) -> Self {
        let code = block(&page(), language);
        assert!(code.contains(&format!("{file}: WEBHOOK_KEY=")), "the block says how it is started");
        let path = lab.folder().join(file);
        std::fs::write(&path, code).expect("the program");
        let port = Port::reserve();
        let address = format!("127.0.0.1:{}", port.number());
        let mut command = Command::new(program[0]);
        command.args(program[1..].iter().map(|word| word.replace("ADDRESS", &address))).arg(&path);
        command.env("WEBHOOK_KEY", HMAC_KEY).env("PORT", port.number().to_string());
        let mut process = Process::start(file, &mut command, &lab.logs());
        eventually("the receiver to listen", PATIENCE, async || {
            assert_eq!(process.exited(), None, "{file} ended");
            TcpStream::connect(&address).map(drop)
        })
        .await;
        Self { url: format!("http://{address}/"), _process: process, _port: port }
    }

    async fn answer(&self, headers: &HeaderMap, body: &[u8]) -> StatusCode {
        let mut headers = headers.clone();
        headers.remove("host");
        headers.remove("content-length");
        let request = reqwest::Client::new().post(&self.url).headers(headers).body(body.to_vec());
        request.send().await.expect("an answer").status()
    }
}

fn with(headers: &HeaderMap, name: &'static str, value: &str) -> HeaderMap {
    let mut headers = headers.clone();
    headers.insert(name, HeaderValue::from_str(value).expect("a header"));
    headers
}

fn without(headers: &HeaderMap, name: &'static str) -> HeaderMap {
    let mut headers = headers.clone();
    headers.remove(name);
    headers
}

/// A request of an hour ago, signed correctly then.
fn old(headers: &HeaderMap, body: &[u8]) -> HeaderMap {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
    let then = (now - 2 * FRESH_SECONDS).to_string();
    let id = headers["webhook-id"].to_str().expect("an id");
    let mut mac = Hmac::<Sha256>::new_from_slice(HMAC_KEY.as_bytes()).expect("a key");
    mac.update(format!("{id}.{then}.").as_bytes());
    mac.update(body);
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    with(&with(headers, "webhook-timestamp", &then), "webhook-signature", &signature)
}

#[tokio::test]
async fn the_programs_of_the_documentation_take_what_the_gateway_signed_and_nothing_else() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let Delivery { headers, raw, .. } = signed(&lab).await;
    let programs = [
        ("js", "receiver.mjs", &["node"][..]),
        ("python", "receiver.py", &["python3"]),
        ("php", "receiver.php", &["php", "-S", "ADDRESS"]),
    ];
    for (language, file, program) in programs {
        let receiver = Receiver::start(&lab, language, file, program).await;
        assert_eq!(receiver.answer(&headers, &raw).await, StatusCode::OK, "{language}");
        let mut changed = raw.to_vec();
        let at = changed.iter().position(|byte| *byte == b'G').expect("the text");
        changed[at] = b'g';
        let of_another = hex::encode([7; 64]);
        let forged = [
            ("a changed body", headers.clone(), changed),
            ("no signature", without(&headers, "x-webhook-hmac"), raw.to_vec()),
            ("no standard signature", without(&headers, "webhook-signature"), raw.to_vec()),
            ("another key", with(&headers, "x-webhook-hmac", &of_another), raw.to_vec()),
            ("another id", with(&headers, "webhook-id", "evt_other"), raw.to_vec()),
            ("no time", without(&headers, "webhook-timestamp"), raw.to_vec()),
            ("a time that is no number", with(&headers, "webhook-timestamp", "soon"), raw.to_vec()),
            ("an old request", old(&headers, &raw), raw.to_vec()),
        ];
        for (what, headers, body) in forged {
            assert_eq!(
                receiver.answer(&headers, &body).await,
                StatusCode::UNAUTHORIZED,
                "{language}: {what}"
            );
        }
        assert_eq!(
            receiver.answer(&headers, &raw).await,
            StatusCode::OK,
            "{language}, after the forged ones"
        );
    }
    // The body that the page shows has the fields of a real one.
    let shown: Value = serde_json::from_str(&block(&page(), "json")).expect("the example is JSON");
    let real: Value = serde_json::from_slice(&raw).expect("the event is JSON");
    assert_eq!(fields(&shown), fields(&real));
    assert_eq!(
        (&shown["engine"], &shown["environment"]["tier"]),
        (&real["engine"], &real["environment"]["tier"])
    );
}

/// The names of all fields, but for those inside of what WhatsApp's own data is.
fn fields(value: &Value) -> Vec<String> {
    let Some(object) = value.as_object() else { return Vec::new() };
    let mut names: Vec<String> = object
        .iter()
        .flat_map(|(name, inner)| {
            let inner = if name == "_data" { Vec::new() } else { fields(inner) };
            let inner = inner.into_iter().map(move |field| format!("{name}.{field}"));
            std::iter::once(name.clone()).chain(inner)
        })
        .collect();
    names.sort();
    names
}
