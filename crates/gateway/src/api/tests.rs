use super::*;

/// Where the committed document is: what clients are generated from.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.json");

#[test]
fn the_committed_openapi_document_is_the_generated_one() {
    let generated = document().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("WAKEEPER_WRITE_OPENAPI").is_some() {
        std::fs::write(COMMITTED, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(committed == generated, "openapi.json is not up to date: run `cargo xtask openapi`");
}

#[test]
fn every_path_under_api_asks_for_the_key_and_tells_of_errors() {
    let document = serde_json::to_value(document()).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let public = operation["security"].as_array().is_some_and(|schemes| {
                schemes.iter().any(|scheme| scheme.as_object().is_some_and(serde_json::Map::is_empty))
            });
            assert_eq!(public, !(path.starts_with("/api/") || path == "/ws"), "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
        }
    }
}

#[test]
fn errors_are_described_once_and_every_reference_leads_somewhere() {
    let document = serde_json::to_value(document()).unwrap();
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    for reference in &references {
        let target = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
        assert!(target.is_some(), "{reference} leads nowhere");
    }
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (status, answer) in operations
            .as_object()
            .unwrap()
            .values()
            .flat_map(|operation| operation["responses"].as_object().unwrap())
        {
            // What is not well says so with the body of what is.
            let is_health = path.ends_with("/health") && status == "503";
            if path.starts_with("/api/") && status.as_str() >= "400" && !is_health {
                assert!(answer["$ref"].is_string(), "{path} describes {status} by itself");
            }
        }
    }
}

#[test]
fn every_answer_and_every_event_says_what_it_holds() {
    let document = serde_json::to_value(document()).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            for (status, answer) in operation["responses"].as_object().unwrap() {
                let Some(contents) = answer["content"].as_object() else { continue };
                for (kind, content) in contents {
                    let schema = &content["schema"];
                    let typed = ["$ref", "type", "oneOf", "allOf"].iter().any(|word| !schema[word].is_null());
                    let anything = schema["type"] == "array"
                        && schema["items"].as_object().is_some_and(serde_json::Map::is_empty);
                    assert!(typed && !anything, "{method} {path} {status} {kind}: {schema}");
                }
            }
        }
    }
    for event in wakeeper_waha::EventName::ALL {
        let body =
            &document["webhooks"][event.as_str()]["post"]["requestBody"]["content"]["application/json"];
        let schema = body["schema"]["$ref"].as_str().and_then(|name| document.pointer(&name[1..])).unwrap();
        assert!(schema["properties"]["payload"]["$ref"].is_string(), "{event}: {schema}");
    }
}

fn collect_references(value: &serde_json::Value, into: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(object) => {
            into.extend(object.get("$ref").and_then(serde_json::Value::as_str).map(str::to_owned));
            object.values().for_each(|value| collect_references(value, into));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|value| collect_references(value, into)),
        _ => {}
    }
}

// Sessions need a server to connect to, and only demo builds may connect to one of this machine.
#[cfg(feature = "demo")]
mod answers;
#[cfg(feature = "demo")]
mod bodies;
#[cfg(feature = "demo")]
mod care;
#[cfg(feature = "demo")]
mod converting;
#[cfg(feature = "demo")]
mod examples;
#[cfg(feature = "demo")]
mod keys;
#[cfg(feature = "demo")]
mod lists;
#[cfg(feature = "demo")]
mod live;
#[cfg(feature = "demo")]
mod mcp;
#[cfg(feature = "demo")]
mod requests;
#[cfg(feature = "demo")]
mod search;
#[cfg(feature = "demo")]
mod structured;
#[cfg(feature = "demo")]
mod waha;

#[test]
fn the_page_offers_every_event_to_webhooks() {
    let text = wakeeper_dashboard::file("events.js").unwrap();
    let lists = text.split("export const EVENTS").nth(1).unwrap();
    let mut offered: Vec<&str> = lists
        .split('\'')
        .skip(1)
        .step_by(2)
        .filter(|name| name.contains('.') || *name == "message")
        .collect();
    let mut sent: Vec<&str> = wakeeper_waha::EventName::ALL.map(wakeeper_waha::EventName::as_str).to_vec();
    offered.sort_unstable();
    sent.sort_unstable();
    assert_eq!(offered, sent, "crates/dashboard/page/events.js");
}
