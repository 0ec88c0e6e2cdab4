//! Tools for language models, as a client of the protocol calls them.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

use super::lists::filled;
use super::requests::{Answer, KEY, Lab, TO, assert_error};

async fn post(lab: &Lab, key: Option<&str>, message: Value) -> Answer {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri("/mcp")
        .header("Host", "localhost")
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", "2025-06-18");
    if let Some(key) = key {
        request = request.header("X-Api-Key", key);
    }
    lab.ask(request.body(Body::from(message.to_string())).unwrap()).await
}

async fn result(lab: &Lab, key: &str, method: &str, params: Value) -> Value {
    let message = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    let answer = post(lab, Some(key), message).await;
    let body = answer.json();
    assert_eq!((answer.status.as_u16(), &body["id"]), (200, &json!(7)), "{method}: {body}");
    body
}

async fn call(lab: &Lab, key: &str, tool: &str, arguments: Value) -> (bool, Value) {
    let body = result(lab, key, "tools/call", json!({"name": tool, "arguments": arguments})).await;
    let result = &body["result"];
    let text = result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{tool}: {body}"));
    let said = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    (!result["isError"].as_bool().unwrap_or_default(), said)
}

#[tokio::test]
async fn tools_are_named_and_answer_as_the_api_does() {
    let lab = filled().await;
    let client = json!({"name": "test", "version": "1"});
    let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
    let begun = result(&lab, KEY, "initialize", hello).await;
    assert_eq!(begun["result"]["serverInfo"]["name"], "wakeeper", "{begun}");
    let listed = result(&lab, KEY, "tools/list", json!({})).await;
    let tools = listed["result"]["tools"].as_array().unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let all =
        ["list_sessions", "read_session", "list_chats", "read_messages", "search_messages", "send_text"];
    assert_eq!(names, all);
    assert!(tools.iter().all(|tool| tool["inputSchema"]["type"] == "object"), "{listed}");

    let (good, sessions) = call(&lab, KEY, "list_sessions", json!({})).await;
    assert!(good && sessions["items"].as_array().unwrap().len() == 4, "{sessions}");
    let (good, health) = call(&lab, KEY, "read_session", json!({})).await;
    assert_eq!((good, &health["status"]), (true, &json!("STOPPED")), "{health}");
    let (good, page) = call(&lab, KEY, "read_messages", json!({"chatId": TO, "limit": 3})).await;
    assert!(good && page["items"][0]["body"] == "M3", "{page}");
    let next = json!({"chatId": TO, "limit": 3, "cursor": page["nextCursor"]});
    let (_, page) = call(&lab, KEY, "read_messages", next).await;
    assert_eq!((&page["items"][0]["body"], page.get("nextCursor")), (&json!("M0"), None), "{page}");
    let (good, found) = call(&lab, KEY, "search_messages", json!({"q": "M5"})).await;
    assert!(good && found["items"].as_array().unwrap().len() == 1, "{found}");
    let (good, chats) = call(&lab, KEY, "list_chats", json!({"limit": 1})).await;
    assert!(good && chats["items"].as_array().unwrap().len() == 1, "{chats}");
    let (good, refused) = call(&lab, KEY, "send_text", json!({"chatId": TO, "text": "hello"})).await;
    assert_eq!((good, &refused["code"]), (false, &json!("wrong_state")), "{refused}");
}

#[tokio::test]
async fn a_tool_is_refused_as_its_route_is() {
    let lab = filled().await;
    for key in [None, Some("wrong")] {
        let asked = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        assert_error("a stranger", &post(&lab, key, asked).await, 401, "unauthorized");
    }
    let made =
        lab.call(Method::POST, "/api/keys", json!({"session": "a", "actions": {"read": true}})).await.json();
    let key = made["key"].as_str().unwrap();
    let (good, mine) = call(&lab, key, "read_messages", json!({"session": "a", "chatId": TO})).await;
    assert!(good, "{mine}");
    for (tool, arguments, code) in [
        ("read_messages", json!({"session": "default", "chatId": TO}), "session_not_allowed"),
        ("search_messages", json!({"session": "b", "q": "M1"}), "session_not_allowed"),
        ("send_text", json!({"session": "a", "chatId": TO, "text": "x"}), "scope_not_allowed"),
        ("read_session", json!({"session": "default"}), "session_not_allowed"),
    ] {
        let (good, refused) = call(&lab, key, tool, arguments).await;
        assert_eq!((good, &refused["code"]), (false, &json!(code)), "{tool}: {refused}");
    }
}

#[tokio::test]
async fn arguments_are_read_to_the_last_and_lead_nowhere_else() {
    let lab = filled().await;
    for (tool, arguments, said) in [
        ("list_sessions", json!({"all": true}), "all: unknown field"),
        ("read_messages", json!({}), "chatId"),
        ("read_messages", json!({"chatId": TO, "limit": 51}), "limit"),
        ("read_messages", json!({"session": "..", "chatId": TO}), "a dot"),
        ("send_text", json!({"chatId": TO}), "text"),
    ] {
        let (good, refused) = call(&lab, KEY, tool, arguments.clone()).await;
        assert!(!good && refused.to_string().contains(said), "{tool} {arguments}: {refused}");
    }
    for session in ["../keys", "a/b", "a?x=1", "a#b", "%2e%2e", "default/me"] {
        let (good, refused) = call(&lab, KEY, "read_session", json!({"session": session})).await;
        assert_eq!((good, &refused["code"]), (false, &json!("session_not_found")), "{session}: {refused}");
    }
    let asked = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "stop_server"}});
    assert!(post(&lab, Some(KEY), asked).await.json()["error"]["message"].is_string());
}
