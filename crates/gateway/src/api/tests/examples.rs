//! The examples of the document are requests that work, and what it says of numbers and bodies is so.

use axum::http::Method;
use serde_json::{Value, json};

use super::requests::{Lab, assert_error, request};
use super::*;

#[tokio::test]
async fn every_example_is_a_request_that_is_understood() {
    let lab = Lab::open().await;
    let stopped = lab.call(Method::POST, "/api/sessions/default/stop", json!({})).await;
    assert!(stopped.status.is_success(), "{}", stopped.json());
    let described = serde_json::to_value(document()).unwrap();
    let mut seen = 0;
    for (method, path, body) in document::examples_of_requests() {
        let operation = &described["paths"][path][method.to_lowercase()];
        assert_eq!(
            operation["requestBody"]["content"]["application/json"]["example"], body,
            "{method} {path}"
        );
        let filled = operation["parameters"].as_array().into_iter().flatten().fold(
            path.to_owned(),
            |path, parameter| {
                let name = format!("{{{}}}", parameter["name"].as_str().unwrap());
                path.replace(&name, parameter["example"].as_str().unwrap_or("none"))
            },
        );
        let answer = lab.call(method.parse().unwrap(), &filled, body).await;
        // The session is not linked, and the message not there: but nothing is wrong with what is asked for.
        assert!(
            ![400, 405, 413, 415].contains(&answer.status.as_u16()) && !answer.status.is_server_error(),
            "{method} {filled}: {}",
            answer.json()
        );
        seen += 1;
    }
    assert!(seen > 25, "{seen}");
}

#[tokio::test]
async fn numbers_go_as_far_as_the_document_says() {
    let lab = Lab::open().await;
    let path = "/api/contacts/all";
    for (offset, status) in [(u64::from(u32::MAX), 200), (u64::from(u32::MAX) + 1, 400)] {
        let answer = lab.get(&format!("{path}?session=default&offset={offset}")).await;
        assert_eq!(answer.status.as_u16(), status, "{offset}: {}", answer.json());
    }
    let described = serde_json::to_value(document()).unwrap();
    let parameters = described["paths"][path]["get"]["parameters"].as_array().unwrap();
    let offset = parameters.iter().find(|parameter| parameter["name"] == "offset").unwrap();
    assert_eq!(offset["schema"]["maximum"], u32::MAX, "{offset}");
}

#[tokio::test]
async fn bodies_that_may_be_left_out_are_described_so() {
    let described = serde_json::to_value(document()).unwrap();
    let optional = [
        "/api/sessions",
        "/api/sessions/{session}/logout",
        "/api/sessions/{session}/repair",
        "/api/sessions/{session}/webhooks/test",
        "/api/sessions/{session}/webhooks/dead-letters/replay",
        "/api/server/stop",
    ];
    for (path, operations) in described["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let Some(body) = operation.get("requestBody") else { continue };
            let required = body["required"].as_bool().unwrap_or_default();
            let is_optional = method == "post" && optional.contains(&path.as_str());
            assert_eq!(required, !is_optional, "{method} {path}");
            let schema = &body["content"]["application/json"]["schema"];
            let nulls = schema["oneOf"].as_array().into_iter().flatten();
            assert_eq!(nulls.filter(|one| one["type"] == "null").count(), 0, "{method} {path}: {schema}");
        }
    }
    let lab = Lab::open().await;
    for path in ["/api/sessions", "/api/sessions/default/webhooks/dead-letters/replay"] {
        let answer = lab.ask(request(Method::POST, path, None)).await;
        assert_eq!(answer.status.as_u16(), 201, "{path}: {}", answer.json());
        assert_error(path, &lab.call(Method::POST, path, Value::Null).await, 400, "invalid_request");
    }
}

#[tokio::test]
async fn what_is_kept_for_other_engines_is_of_the_type_that_is_described() {
    let lab = Lab::open().await;
    for field in ["noweb", "gows", "webjs"] {
        let body = json!({"name": "x", "start": false, "config": {field: []}});
        let answer = lab.call(Method::POST, "/api/sessions", body).await;
        assert_error(field, &answer, 400, "invalid_request");
    }
    for (name, debug, kept) in
        [("a", json!("True"), json!(true)), ("b", json!(0), json!(false)), ("c", json!(""), Value::Null)]
    {
        let body = json!({"name": name, "start": false, "config": {"debug": debug}});
        let answer = lab.call(Method::POST, "/api/sessions", body).await;
        assert_eq!(answer.json()["config"]["debug"], kept, "{}", answer.json());
    }
}
