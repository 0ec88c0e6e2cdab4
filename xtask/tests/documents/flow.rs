//! `docs/n8n-flow.json`: an importable flow, with steps and options that n8n has.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::text;

/// Types of steps with the versions that n8n 2.41 knows, from the package `n8n-nodes-base` 2.41.2, and their options.
const STEPS: [(&str, &[f64], &[&str]); 5] = [
    ("webhook", &[1.0, 1.1, 2.0, 2.1], &["httpMethod", "path", "responseMode", "options"]),
    ("extractFromFile", &[1.0, 1.1], &["operation", "binaryPropertyName", "destinationKey", "options"]),
    (
        "crypto",
        &[2.0],
        &["action", "binaryData", "binaryPropertyName", "type", "dataPropertyName", "encoding"],
    ),
    ("if", &[2.0, 2.1, 2.2, 2.3], &["conditions", "looseTypeValidation", "options"]),
    (
        "httpRequest",
        &[3.0, 4.0, 4.1, 4.2, 4.3, 4.4, 4.5],
        &[
            "method",
            "url",
            "authentication",
            "genericAuthType",
            "sendHeaders",
            "headerParameters",
            "sendBody",
            "specifyBody",
            "jsonBody",
            "options",
        ],
    ),
];

fn flow() -> Value {
    serde_json::from_str(&text("docs/n8n-flow.json")).expect("docs/n8n-flow.json is JSON")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn every_step_is_one_of_n8ns() {
    let flow = flow();
    assert!(flow["name"].is_string() && flow["settings"].is_object() && flow["active"] == false);
    for node in list(&flow["nodes"]) {
        let name = node["type"].as_str().and_then(|name| name.strip_prefix("n8n-nodes-base."));
        let known = STEPS.iter().find(|(known, ..)| Some(*known) == name);
        let (_, versions, options) = known.unwrap_or_else(|| panic!("n8n has no {}", node["type"]));
        assert!(node["typeVersion"].as_f64().is_some_and(|version| versions.contains(&version)), "{node}");
        assert!(list(&node["position"]).len() == 2 && node["id"].is_string(), "{node}");
        for option in node["parameters"].as_object().expect("parameters").keys() {
            assert!(options.contains(&option.as_str()), "{} has no {option}", node["type"]);
        }
        assert!(node.get("credentials").is_none(), "credentials belong to one n8n: {node}");
    }
}

/// As `IConnections` of the package `n8n-workflow` 2.41.0 has it: by a step's name, each output's list of ends.
#[test]
fn connections_are_shaped_as_n8n_imports_them() {
    let flow = flow();
    let nodes = list(&flow["nodes"]);
    let all = |field: &str| nodes.iter().map(|node| node[field].as_str().expect("text")).collect::<Vec<_>>();
    for field in ["name", "id"] {
        let texts = all(field);
        let different: BTreeSet<_> = texts.iter().collect();
        assert_eq!(different.len(), texts.len(), "each {field} once");
    }
    for (from, outputs) in flow["connections"].as_object().expect("connections") {
        let node = nodes.iter().find(|node| node["name"] == **from).expect("a step");
        let kinds: Vec<_> = outputs.as_object().expect("kinds of outputs").keys().collect();
        assert_eq!(kinds, ["main"], "{from}");
        // A question has one output for yes and one for no.
        let most = if node["type"] == "n8n-nodes-base.if" { 2 } else { 1 };
        let outputs = list(&outputs["main"]);
        assert!((1..=most).contains(&outputs.len()), "{from} has {} outputs", outputs.len());
        for end in outputs.iter().flat_map(list) {
            let fields: BTreeSet<_> = end.as_object().expect("an end").keys().map(String::as_str).collect();
            assert_eq!(fields, BTreeSet::from(["index", "node", "type"]), "{from}");
            assert!(end["type"] == "main" && end["index"] == 0, "{from}: every step has one input");
            assert!(all("name").contains(&end["node"].as_str().expect("text")), "{from}: {end}");
        }
    }
}

#[test]
fn every_step_is_reached_from_the_webhook() {
    let flow = flow();
    let names: BTreeSet<&str> =
        list(&flow["nodes"]).iter().filter_map(|node| node["name"].as_str()).collect();
    let (mut reached, mut waiting) = (BTreeSet::new(), vec!["wakeeper"]);
    while let Some(name) = waiting.pop() {
        assert!(names.contains(name), "a connection leads to {name}, which is no step");
        if reached.insert(name) {
            let outputs = list(&flow["connections"][name]["main"]).iter().flat_map(list);
            waiting.extend(outputs.filter_map(|end| end["node"].as_str()));
        }
    }
    assert_eq!(reached, names);
}

#[test]
fn the_flow_and_the_compose_file_speak_of_the_same_addresses() {
    let (flow, compose) = (flow(), text("docker-compose.n8n.yml"));
    let step =
        |name: &str| list(&flow["nodes"]).iter().find(|node| node["name"] == name).cloned().expect("a step");
    let path = step("wakeeper")["parameters"]["path"].as_str().unwrap().to_owned();
    assert!(compose.contains(&format!("http://n8n:5678/webhook/{path}}}")), "{path}");
    let url = step("Answer pong")["parameters"]["url"].as_str().unwrap().to_owned();
    let gateway = url.strip_suffix("/api/sendText").expect("the gateway's address");
    assert!(compose.contains(&format!("PUBLIC_URL: ${{PUBLIC_URL:-{gateway}}}")), "{gateway}");
    let openapi: Value = serde_json::from_str(&text("openapi.json")).expect("openapi.json");
    assert!(openapi["paths"]["/api/sendText"]["post"].is_object());
    // The signature that the flow computes is the one that the gateway sends.
    assert_eq!(step("Compute the signature")["parameters"]["type"], "SHA512");
    assert!(flow.to_string().contains("x-webhook-hmac"));
}
