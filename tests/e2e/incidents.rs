//! What happens to a gateway's own session is an incident, as a monitor's are: kept, shown, measured and told.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use wakeeper_e2e::alerts::{ALERT_KEY, Alerts};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::simulator::Phone;
use wakeeper_e2e::{Addressing, FailingDisk, Gateway, Lab, PATIENCE, Webhooks};

const ANNA: &str = "491701000001";

/// Links the gateway's session, and answers which device it is.
async fn link(gateway: &Gateway, phone: &Phone) -> u64 {
    let linked = phone.post("scan", json!({ "qr": gateway.qr().await })).await;
    gateway.wait_working().await;
    linked["device"].as_u64().expect("a device")
}

/// A gateway that sends signed alerts, not started yet.
fn alerting(lab: &Lab, alerts: &Alerts, webhooks: &Webhooks) -> Gateway {
    let mut gateway = lab.gateway("anna", webhooks);
    gateway.set("MONITOR_ALERT_URL", alerts.url());
    gateway.set("MONITOR_ALERT_HMAC_KEY", ALERT_KEY);
    gateway
}

/// What `wakeeper incidents` shows of a folder, with more arguments.
async fn incidents(lab: &Lab, folder: &Path, arguments: &[&str]) -> Value {
    let folder = folder.to_string_lossy();
    let (code, out, errors) =
        lab.run(&[&["incidents", "--state", &folder, "--json"], arguments].concat()).await;
    assert_eq!(code, Some(0), "{out}{errors}");
    serde_json::from_str(&out).expect("a document")
}

async fn wait_metric(gateway: &Gateway, line: &str) {
    eventually(line, PATIENCE, async || {
        let answer =
            gateway.request(Method::GET, "/metrics").send().await.map_err(|error| error.to_string())?;
        let text = answer.text().await.map_err(|error| error.to_string())?;
        if text.lines().any(|found| found == line) { Ok(()) } else { Err(text) }
    })
    .await;
}

#[tokio::test]
async fn a_session_that_the_phone_logs_out_is_an_incident_until_it_is_linked_again() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let (alerts, webhooks) = (Alerts::start().await, Webhooks::start().await);
    let phone = lab.simulator().phone(ANNA, "anna").await;
    let mut gateway = alerting(&lab, &alerts, &webhooks);
    gateway.set("METRICS", "true");
    gateway.start().await;
    let device = link(&gateway, &phone).await;
    let folder = gateway.folder().join("session_backups/monitor");
    assert!(!folder.exists(), "nothing happened yet");

    phone.post(&format!("devices/{device}/logout"), json!({})).await;
    gateway.wait_status("FAILED").await;
    let alert = alerts.wait("logged_out", "open").await;
    assert_eq!((&alert["session"], &alert["step"]), (&json!("default"), &json!("opened")));
    let open = incidents(&lab, &folder, &["--open"]).await;
    assert_eq!(open.as_array().map(Vec::len), Some(1), "{open:#}");
    assert_eq!((&open[0]["id"], &open[0]["kind"]), (&alert["incident"], &json!("logged_out")));
    wait_metric(&gateway, "wakeeper_incidents_open{session=\"default\"} 1").await;

    // Another process goes on with it.
    assert!(gateway.terminate().await.success());
    gateway.start().await;
    gateway.call(Method::POST, "/api/sessions/default/start", None).await;
    link(&gateway, &phone).await;
    let over = alerts.wait("logged_out", "closed").await;
    assert_eq!((&over["incident"], &over["outcome"]), (&alert["incident"], &json!("ceased")));
    wait_metric(&gateway, "wakeeper_incidents_open{session=\"default\"} 0").await;
    let shown = incidents(&lab, &folder, &[&alert["incident"].to_string()]).await;
    let steps: Vec<_> = shown["steps"].as_array().expect("steps").iter().map(|step| &step["step"]).collect();
    assert_eq!(steps, ["opened", "closed"], "{shown:#}");
    assert!(shown["closed_ms"].is_i64() && shown["state"] == "closed", "{shown:#}");
    assert_eq!(alerts.taken().len(), 2, "{:?}", alerts.taken());
    alerts.assert_all_signed();
    assert!(gateway.terminate().await.success());
}

#[tokio::test]
async fn what_a_full_disk_did_not_take_is_kept_and_told_when_there_is_room_again() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let (alerts, webhooks) = (Alerts::start().await, Webhooks::start().await);
    let phone = lab.simulator().phone(ANNA, "anna").await;
    let mut gateway = alerting(&lab, &alerts, &webhooks);
    let disk = FailingDisk::under(&mut gateway, lab.folder());
    gateway.start().await;
    let device = link(&gateway, &phone).await;
    phone.post(&format!("devices/{device}/logout"), json!({})).await;
    gateway.wait_status("FAILED").await;
    let alert = alerts.wait("logged_out", "open").await;

    disk.set("fail write,sync ENOSPC incidents.db");
    gateway.call(Method::POST, "/api/sessions/default/start", None).await;
    link(&gateway, &phone).await;
    gateway.wait_line("a step of an incident could not be stored").await;
    disk.set("");
    let over = alerts.wait("logged_out", "closed").await;
    assert_eq!(over["incident"], alert["incident"]);
    let folder = gateway.folder().join("session_backups/monitor");
    let shown = incidents(&lab, &folder, &[&alert["incident"].to_string()]).await;
    let steps: Vec<_> = shown["steps"].as_array().expect("steps").iter().map(|step| &step["step"]).collect();
    assert_eq!(steps, ["opened", "closed"], "{shown:#}");
    assert!(gateway.terminate().await.success());
}
