//! Linking to a phone that asks for the account's passkey.

use reqwest::Method;
use serde_json::{Value, json};
use wakeeper_e2e::gateway::Answer;
use wakeeper_e2e::peer::peers_folder;
use wakeeper_e2e::shapes::Shapes;
use wakeeper_e2e::{Addressing, Gateway, Lab, PATIENCE, Phone, Webhooks};

const ORIGIN: &str = "https://web.whatsapp.com";
const BASE: &str = "/api/{session}/auth/passkey";

/// Runs the software authenticator.
async fn authenticator(arguments: &[&str]) -> Value {
    let mut command = tokio::process::Command::new("node");
    command.arg(peers_folder().join("passkey.mjs")).args(arguments);
    let output = command.output().await.expect("node");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// Signs a challenge.
async fn signed(passkey: &Value, challenge: &Value, origin: &str) -> Value {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let (key, id) = (text(&passkey["privateKey"]), text(&passkey["id"]));
    let (challenge, rp) = (text(&challenge["challenge"]), text(&challenge["rpId"]));
    authenticator(&["sign", &key, &id, &challenge, &rp, origin]).await
}

async fn asked(gateway: &Gateway, method: Method, below: &str, body: Option<&Value>) -> Answer {
    let mut request = gateway.request(method, &format!("/api/default/auth/passkey{below}"));
    if let Some(body) = body {
        request = request.json(body);
    }
    gateway.answer(request).await.unwrap()
}

/// A phone whose account has a passkey, and that passkey.
async fn with_passkey(lab: &Lab) -> (Phone, Value) {
    let phone = lab.simulator().phone("491701000001", "Anna").await;
    let passkey = authenticator(&["create"]).await;
    phone.post("passkey", json!({"id": passkey["id"], "public_key": passkey["publicKey"]})).await;
    (phone, passkey)
}

#[tokio::test]
async fn a_phone_that_asks_for_a_passkey_is_linked_by_it() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let (phone, passkey) = with_passkey(&lab).await;
    let shapes = Shapes::read();
    let webhooks = Webhooks::start().await;
    let mut gateway = lab.gateway("gateway", &webhooks);
    gateway.start().await;
    let early = asked(&gateway, Method::GET, "/challenge", None).await;
    assert_eq!((early.status.as_u16(), &early.body["code"]), (422, &json!("wrong_state")));
    phone.scan(&gateway.qr().await).await;
    gateway.wait_status("PASSKEY_REQUIRED").await;
    let info = gateway.call(Method::GET, "/api/sessions/default", None).await;
    assert!(info["reason"].as_str().unwrap().contains("/api/default/auth/passkey/challenge"), "{info}");

    let get =
        |below: &str| ((Method::GET, format!("{BASE}{below}")), format!("/api/default/auth/passkey{below}"));
    let ((method, path), filled) = get("/challenge");
    let challenge = shapes.call(&gateway, (method, &path), &filled, None).await;
    assert_eq!(challenge["rpId"], "web.whatsapp.com");
    assert_eq!(challenge["allowCredentials"][0]["id"], passkey["id"]);
    let early = asked(&gateway, Method::POST, "/confirm", None).await;
    assert_eq!(early.body["expected"], json!(["PASSKEY_CONFIRMATION_REQUIRED"]), "{}", early.body);

    // Signed on another page, or for another challenge, it is nothing.
    let stray = json!({"challenge": "AAAA", "rpId": challenge["rpId"]});
    for mut wrong in
        [signed(&passkey, &challenge, "https://example.com").await, signed(&passkey, &stray, ORIGIN).await]
    {
        // `credential.toJSON()` of a browser has these besides, which WAHA does not document.
        wrong["authenticatorAttachment"] = json!("cross-platform");
        wrong["clientExtensionResults"] = json!({"appid": false});
        let refused = asked(&gateway, Method::POST, "", Some(&wrong)).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.body["code"]),
            (422, &json!("refused")),
            "{}",
            refused.body
        );
    }
    let mut malformed = signed(&passkey, &challenge, ORIGIN).await;
    malformed["response"]["signature"] = json!("+++");
    assert_eq!(asked(&gateway, Method::POST, "", Some(&malformed)).await.status, 400);

    let answer = signed(&passkey, &challenge, ORIGIN).await;
    shapes.call(&gateway, (Method::POST, BASE), "/api/default/auth/passkey", Some(answer)).await;
    gateway.wait_status("PASSKEY_CONFIRMATION_REQUIRED").await;
    let ((method, path), filled) = get("/confirmation");
    let shown = shapes.call(&gateway, (method, &path), &filled, None).await;
    assert_eq!(phone.get("passkey").await, shown, "the phone shows another code");
    let confirm = (Method::POST, "/api/{session}/auth/passkey/confirm");
    shapes.call(&gateway, confirm, "/api/default/auth/passkey/confirm", None).await;
    gateway.wait_working().await;
    for status in ["PASSKEY_REQUIRED", "PASSKEY_CONFIRMATION_REQUIRED", "WORKING"] {
        let told = webhooks.wait("session.status", PATIENCE, |payload| payload["status"] == status).await;
        shapes.check_event("session.status", told.payload()).unwrap();
        let data = match status {
            "PASSKEY_REQUIRED" => &challenge,
            "PASSKEY_CONFIRMATION_REQUIRED" => &shown,
            _ => &Value::Null,
        };
        assert_eq!(told.payload()["data"], *data);
    }
    let me = gateway.call(Method::GET, "/api/sessions/default/me", None).await;
    assert_eq!(me["id"], "491701000001@c.us");
    let late = asked(&gateway, Method::GET, "/confirmation", None).await;
    assert_eq!(late.status, 422);
}
