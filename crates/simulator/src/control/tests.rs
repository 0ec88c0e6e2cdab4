//! The control API over real sockets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::simulator::{Simulator, SimulatorConfig};

/// One HTTP exchange: status and body.
async fn call(simulator: &Simulator, method: &str, path: &str, body: &str) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(simulator.address()).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
    (status, answer[end + 4..].to_vec())
}

async fn post(simulator: &Simulator, path: &str, body: Value) -> (u16, Value) {
    let (status, body) = call(simulator, "POST", path, &body.to_string()).await;
    (status, serde_json::from_slice(&body).unwrap())
}

async fn get(simulator: &Simulator, path: &str) -> Value {
    let (status, body) = call(simulator, "GET", path, "").await;
    assert_eq!(status, 200, "{path}");
    serde_json::from_slice(&body).unwrap()
}

async fn two_phones(config: SimulatorConfig) -> Simulator {
    let simulator = Simulator::start(config).await.unwrap();
    for (number, name) in [("628110001", "Ana"), ("628110002", "Ben")] {
        let (status, made) = post(&simulator, "/sim/phones", json!({"number": number, "name": name})).await;
        assert_eq!((status, &made["name"]), (201, &json!(name)));
        assert!(made["lid"].as_str().is_some_and(|lid| !lid.is_empty()));
    }
    simulator
}

#[tokio::test]
async fn phones_are_played_over_http() {
    let simulator = two_phones(SimulatorConfig::default()).await;
    let (status, sent) =
        post(&simulator, "/sim/phones/628110001/send", json!({"to": "628110002", "text": "hello"})).await;
    assert_eq!(status, 200);
    let id = sent["id"].as_str().unwrap();
    let inbox = get(&simulator, "/sim/phones/628110002/inbox?wait_ms=20000").await;
    assert_eq!(inbox["messages"][0]["text"], "hello");
    assert_eq!(inbox["messages"][0]["id"], id);
    assert_eq!(inbox["last"], 1);
    let image = json!({"to": "628110001", "image": {"data": STANDARD.encode(b"picture"), "caption": "see"}});
    let (_, sent) = post(&simulator, "/sim/phones/628110002/send", image).await;
    let image = sent["id"].as_str().unwrap();
    get(&simulator, "/sim/phones/628110001/inbox?wait_ms=20000").await;
    let path = format!("/sim/phones/628110001/messages/{image}/media");
    assert_eq!(call(&simulator, "GET", &path, "").await, (200, b"picture".to_vec()));
    assert_eq!(
        post(&simulator, "/sim/phones/628110002/react", json!({"id": id, "emoji": "👍"})).await.0,
        200
    );
    assert_eq!(post(&simulator, "/sim/phones/628110002/read", json!({})).await.1, json!({"read": 1}));
    assert_eq!(post(&simulator, "/sim/phones/628110001/edit", json!({"id": id, "text": "hi"})).await.0, 200);
    let found = get(&simulator, "/sim/phones/628110002/inbox?since=2&wait_ms=20000").await;
    assert_eq!(found["messages"][0]["kind"], "edit");
    let (_, group) = post(
        &simulator,
        "/sim/groups",
        json!({"creator": "628110001", "subject": "Two", "participants": ["628110002"]}),
    )
    .await;
    assert!(group["id"].as_str().unwrap().ends_with("@g.us"));
    let state = get(&simulator, "/sim/state").await;
    assert_eq!(state["oracle"]["reused"], 0);
    assert!(state["oracle"]["observed"].as_u64() > Some(0));
    assert_eq!(state["root_public"].as_str().unwrap().len(), 64);
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn errors_say_what_is_wrong() {
    let simulator = two_phones(SimulatorConfig::default()).await;
    for (path, body, status, code) in [
        ("/sim/phones", json!({"number": "628110001"}), 409, "account_exists"),
        ("/sim/phones", json!({"number": "x"}), 422, "malformed_number"),
        ("/sim/phones", json!({"nummer": "628110003"}), 400, "bad_request"),
        ("/sim/phones/1/send", json!({"to": "2", "text": "x"}), 404, "unknown_phone"),
        ("/sim/phones/628110001/send", json!({"to": "628110009", "text": "x"}), 404, "unknown_recipient"),
        ("/sim/phones/628110001/send", json!({"to": "628110002"}), 422, "bad_value"),
        ("/sim/phones/628110001/scan", json!({"qr": "a,b"}), 422, "malformed_qr"),
        ("/sim/phones/628110001/devices/4/logout", json!({}), 404, "unknown_device"),
        ("/sim/faults", json!({"kind": "nonsense"}), 400, "bad_request"),
        ("/sim/save", json!({}), 409, "no_state_file"),
        ("/sim/nothing", json!({}), 404, "no_such_path"),
    ] {
        let (found, answer) = post(&simulator, path, body).await;
        assert_eq!((found, answer["error"].as_str()), (status, Some(code)), "{path}: {answer}");
        assert!(answer["message"].as_str().is_some_and(|message| !message.is_empty()));
    }
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn a_restarted_simulator_still_knows_everyone() {
    let path = std::env::temp_dir().join(format!("simulator-state-{}.json", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let config = || SimulatorConfig { state_file: Some(path.clone()), ..SimulatorConfig::default() };
    let first = two_phones(config()).await;
    let (root, number) = (first.root_public(), "628110002");
    let send = |text: &str| json!({"to": number, "text": text});
    post(&first, "/sim/phones/628110001/send", send("before")).await;
    get(&first, "/sim/phones/628110002/inbox?wait_ms=20000").await;
    first.stop().await.unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let second = Simulator::start(config()).await.unwrap();
    assert_eq!(second.root_public(), root);
    assert_eq!(post(&second, "/sim/phones/628110001/send", send("after")).await.0, 200);
    let inbox = get(&second, "/sim/phones/628110002/inbox?wait_ms=20000&count=2").await;
    let texts: Vec<_> = inbox["messages"].as_array().unwrap().iter().map(|m| m["text"].clone()).collect();
    assert_eq!(texts, ["before", "after"]);
    assert_eq!(second.oracle().summary().reused, 0);
    second.stop().await.unwrap();
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn other_than_loopback_addresses_are_refused() {
    let config = SimulatorConfig { listen: "0.0.0.0:0".parse().unwrap(), ..SimulatorConfig::default() };
    let error = Simulator::start(config).await.unwrap_err();
    assert!(error.to_string().contains("loopback"), "{error}");
}
