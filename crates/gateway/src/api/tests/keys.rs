//! API keys: what each opens, and what is noted.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::requests::{Answer, KEY, Lab, TO, assert_error};
use super::*;

async fn ask(lab: &Lab, key: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let builder = Request::builder().method(method).uri(path).header("X-Api-Key", key);
    let request = match body {
        Some(body) => builder.header("Content-Type", "application/json").body(Body::from(body.to_string())),
        None => builder.body(Body::empty()),
    };
    lab.ask(request.unwrap()).await
}

async fn made(lab: &Lab, path: &str, wanted: Value) -> (String, String) {
    let answer = lab.call(Method::POST, path, wanted).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json());
    let text = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

async fn two_sessions() -> Lab {
    let lab = Lab::open().await;
    let answer = lab.call(Method::POST, "/api/sessions", json!({"name": "other", "start": false})).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    lab
}

/// A path of the route, about this session.
fn path(route: &str, session: &str) -> String {
    let filled = route.replace("{session}", session);
    let mut path = String::new();
    for part in filled.split('/').skip(1) {
        path.push('/');
        path.push_str(if part.starts_with('{') { TO } else { part });
    }
    path
}

/// Every route of the document: method, route, a body that is well-formed.
fn routes() -> Vec<(Method, String)> {
    let document = serde_json::to_value(document()).unwrap();
    let mut routes = Vec::new();
    for (route, operations) in document["paths"].as_object().unwrap() {
        if !route.starts_with("/api/") {
            continue;
        }
        for method in operations.as_object().unwrap().keys() {
            routes.push((method.to_uppercase().parse().unwrap(), route.clone()));
        }
    }
    routes
}

#[tokio::test]
async fn a_key_without_the_scope_is_refused_on_every_route() {
    let lab = two_sessions().await;
    for action in ["read", "send", "control", "setting", "media", "delete", "app"] {
        let wanted =
            json!({"isAdmin": false, "session": "default", "isActive": true, "actions": {action: true}});
        let (_, key) = made(&lab, "/api/keys", wanted).await;
        let actions = serde_json::from_value(json!({action: true})).unwrap();
        for (method, route) in routes() {
            let (scope, _) = scopes::of(&method, &route).unwrap();
            if scope.is_in(Some(actions)) {
                continue;
            }
            let answer = ask(&lab, &key, method.clone(), &path(&route, "default"), None).await;
            assert_error(&format!("{action}: {method} {route}"), &answer, 403, "scope_not_allowed");
        }
    }
}

#[tokio::test]
async fn a_key_of_one_session_is_refused_for_another_on_every_route_that_names_it_in_its_path() {
    let lab = two_sessions().await;
    let wanted = json!({"isAdmin": false, "session": "default", "isActive": true});
    let (_, key) = made(&lab, "/api/keys", wanted).await;
    let mut seen = 0;
    for (method, route) in routes() {
        let (scope, place) = scopes::of(&method, &route).unwrap();
        // Also for one that is not there: nobody learns which sessions there are.
        for session in ["other", "unknown", "default%2F..%2Fother"] {
            if place != scopes::Place::InPath {
                continue;
            }
            let answer = ask(&lab, &key, method.clone(), &path(&route, session), None).await;
            assert_error(&format!("{scope} {method} {route} {session}"), &answer, 403, "session_not_allowed");
            seen += 1;
        }
    }
    assert!(seen > 150, "{seen}");
    assert_eq!(lab.names().await, ["default", "other"]);
}

#[tokio::test]
async fn a_key_of_one_session_is_refused_for_another_that_a_request_names() {
    let lab = two_sessions().await;
    let wanted = json!({"isAdmin": false, "session": "default", "isActive": true});
    let (_, key) = made(&lab, "/api/keys", wanted).await;
    let file = json!({"url": "http://example.org/a.webp", "mimetype": "image/webp"});
    let message = format!("true_{TO}_3EB0AA");
    for (method, path, body) in [
        ("POST", "/api/sendText", json!({"text": "hello"})),
        ("POST", "/api/reply", json!({"text": "hello", "reply_to": message})),
        ("POST", "/api/sendImage", json!({"file": file})),
        ("POST", "/api/sendFile", json!({"file": file})),
        ("POST", "/api/sendVoice", json!({"file": file})),
        ("POST", "/api/sendVideo", json!({"file": file})),
        ("POST", "/api/sendSticker", json!({"file": file})),
        ("POST", "/api/sendSeen", json!({})),
        ("POST", "/api/startTyping", json!({})),
        ("POST", "/api/stopTyping", json!({})),
        ("PUT", "/api/reaction", json!({"messageId": message, "reaction": ""})),
        ("PUT", "/api/star", json!({"messageId": message, "star": true})),
        (
            "POST",
            "/api/sendPoll",
            json!({"poll": {"name": "a", "options": ["b", "c"], "multipleAnswers": false}}),
        ),
        ("POST", "/api/sendLocation", json!({"latitude": 1, "longitude": 2, "title": "a"})),
        ("POST", "/api/forwardMessage", json!({"messageId": message})),
        ("POST", "/api/contacts/block", json!({"contactId": TO})),
        ("POST", "/api/contacts/unblock", json!({"contactId": TO})),
        ("POST", "/api/sessions", json!({"name": "other"})),
        ("POST", "/api/sessions", json!({})),
        ("POST", "/api/sessions/start", json!({"name": "other"})),
        ("POST", "/api/sessions/stop", json!({"name": "other"})),
        ("POST", "/api/sessions/stop", json!({"name": "other", "logout": true})),
        ("POST", "/api/sessions/logout", json!({"name": "other"})),
        ("DELETE", "/api/sessions/stop", json!({})),
    ] {
        let mut whole = body;
        let is_of_sessions = path.starts_with("/api/sessions");
        let reacts = matches!(path, "/api/reaction") || path.starts_with("/api/contacts");
        if !is_of_sessions {
            whole["session"] = json!("other");
            if !reacts {
                whole["chatId"] = json!(TO);
            }
        }
        let answer = ask(&lab, &key, method.parse().unwrap(), path, Some(whole)).await;
        assert_error(&format!("{method} {path}"), &answer, 403, "session_not_allowed");
    }
    for path in [
        format!("/api/sendText?session=other&phone={TO}&text=a"),
        "/api/contacts/check-exists?session=other&phone=491701000002".to_owned(),
        "/api/checkNumberStatus?session=other&phone=491701000002".to_owned(),
        format!("/api/contacts/about?session=other&contactId={TO}"),
        format!("/api/contacts/profile-picture?session=other&contactId={TO}"),
        "/api/sessions/stop".to_owned(),
    ] {
        assert_error(&path, &ask(&lab, &key, Method::GET, &path, None).await, 403, "session_not_allowed");
    }
    assert_eq!(lab.names().await, ["default", "other"]);
    let listed = ask(&lab, &key, Method::GET, "/api/sessions?all=true", None).await.json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["name"]), (1, &json!("default")));
}

#[tokio::test]
async fn keys_are_made_listed_changed_and_revoked_as_waha_has_them() {
    let lab = two_sessions().await;
    let actions = json!({"read": true, "send": true});
    let wanted = json!({"isAdmin": false, "session": "default", "isActive": true, "actions": actions});
    let answer = lab.call(Method::POST, "/api/keys", wanted).await;
    let whole = answer.json();
    assert_eq!(
        (answer.status, &whole["session"], &whole["isAdmin"], &whole["isActive"]),
        (StatusCode::CREATED, &json!("default"), &json!(false), &json!(true))
    );
    assert_eq!((&whole["actions"]["read"], &whole["actions"]["control"]), (&json!(true), &json!(false)));
    let (id, key) = (whole["id"].as_str().unwrap().to_owned(), whole["key"].as_str().unwrap().to_owned());
    let listed = lab.get("/api/keys").await.json();
    assert_eq!(listed[0]["id"], whole["id"]);
    assert!(!listed.to_string().contains(&key), "only its beginning is shown: {listed}");
    let status = "/api/sessions/default";
    assert_eq!(ask(&lab, &key, Method::GET, status, None).await.status, StatusCode::OK);
    let in_query =
        lab.ask(Request::builder().uri(format!("{status}?x-api-key={key}")).body(Body::empty()).unwrap());
    assert_eq!(in_query.await.status, StatusCode::OK);

    let changed = format!("/api/keys/{id}");
    let off = json!({"isAdmin": false, "session": "default", "isActive": false, "actions": null});
    let answer = lab.call(Method::PUT, &changed, off).await;
    assert_eq!((answer.status, &answer.json()["isActive"]), (StatusCode::OK, &json!(false)));
    assert_error("off", &ask(&lab, &key, Method::GET, status, None).await, 401, "unauthorized");
    let admin = json!({"isAdmin": true, "session": null, "isActive": true});
    assert_eq!(lab.call(Method::PUT, &changed, admin).await.status, StatusCode::OK);
    assert_eq!(ask(&lab, &key, Method::GET, "/api/keys", None).await.status, StatusCode::OK);
    for method in [Method::DELETE, Method::PUT] {
        let body = (method == Method::PUT).then(|| json!({"isAdmin": true}));
        let unknown = ask(&lab, KEY, method, "/api/keys/key_0123456789abcdef", body).await;
        assert_error("unknown", &unknown, 404, "key_not_found");
    }
    assert_eq!(ask(&lab, KEY, Method::DELETE, &changed, None).await.status, StatusCode::OK);
    assert_error("revoked", &ask(&lab, &key, Method::GET, status, None).await, 401, "unauthorized");
    for (wanted, code, status) in [
        (json!({"isAdmin": true, "session": "default"}), "invalid_request", 400),
        (json!({"session": "unknown"}), "session_not_found", 404),
        (json!({"session": "a/b"}), "invalid_request", 400),
        (json!({"actions": {"reed": true}}), "invalid_request", 400),
        (json!({"rateLimit": 0}), "invalid_request", 400),
    ] {
        assert_error(&wanted.to_string(), &lab.call(Method::POST, "/api/keys", wanted).await, status, code);
    }
    assert_eq!(lab.get("/api/keys").await.json(), json!([]));
}

#[tokio::test]
async fn keys_for_media_and_for_control_open_that_alone() {
    let lab = two_sessions().await;
    let (_, media) = made(&lab, "/api/keys/media", json!({"session": "default"})).await;
    let (_, control) = made(&lab, "/api/keys/control", json!({"session": "default"})).await;
    let file = ask(&lab, &media, Method::GET, "/api/files/default/a.jpg", None).await;
    assert_error("a file", &file, 404, "file_not_found");
    let status = ask(&lab, &media, Method::GET, "/api/sessions/default", None).await;
    assert_error("a status", &status, 403, "scope_not_allowed");
    assert_eq!(ask(&lab, &control, Method::GET, "/api/sessions/default", None).await.status, StatusCode::OK);
    let stopped = ask(&lab, &control, Method::POST, "/api/sessions/default/stop", None).await;
    assert_eq!(stopped.status, StatusCode::CREATED);
    let read = ask(&lab, &control, Method::GET, &format!("/api/default/chats/{TO}/messages"), None).await;
    assert_error("messages", &read, 403, "scope_not_allowed");
    let logout = json!({"name": "default", "logout": true});
    let deleted = ask(&lab, &control, Method::POST, "/api/sessions/stop", Some(logout)).await;
    assert_error("stop and delete", &deleted, 403, "scope_not_allowed");
    let config = json!({"name": "default", "config": {}});
    let changed = ask(&lab, &control, Method::POST, "/api/sessions/start", Some(config)).await;
    assert_error("start and change", &changed, 403, "scope_not_allowed");
}

#[tokio::test]
async fn keys_go_with_their_session_and_a_new_one_of_its_name_is_not_theirs() {
    let lab = two_sessions().await;
    let (_, key) = made(&lab, "/api/keys", json!({"session": "other"})).await;
    assert_eq!(ask(&lab, KEY, Method::DELETE, "/api/sessions/other", None).await.status, StatusCode::OK);
    lab.call(Method::POST, "/api/sessions", json!({"name": "other", "start": false})).await;
    let answer = ask(&lab, &key, Method::GET, "/api/sessions/other", None).await;
    assert_error("its key", &answer, 401, "unauthorized");
}

#[tokio::test]
async fn a_key_that_is_used_too_often_is_told_when_to_come_back() {
    let lab = two_sessions().await;
    let (_, key) = made(&lab, "/api/keys", json!({"session": "default", "rateLimit": 2})).await;
    for _ in 0..2 {
        assert_eq!(ask(&lab, &key, Method::GET, "/api/version", None).await.status, StatusCode::OK);
    }
    let answer = ask(&lab, &key, Method::GET, "/api/version", None).await;
    assert_error("the third", &answer, 429, "rate_limited");
    let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(lab.get("/api/version").await.status, StatusCode::OK, "others are not held up");
}

#[tokio::test]
async fn what_changes_something_is_noted_and_nothing_else() {
    let lab = two_sessions().await;
    let (id, key) = made(&lab, "/api/keys/control", json!({"session": "default"})).await;
    ask(&lab, &key, Method::POST, "/api/sessions/default/stop", None).await;
    ask(&lab, &key, Method::DELETE, "/api/sessions/default", None).await;
    ask(&lab, &key, Method::GET, "/api/sessions/default", None).await;
    let text = json!({"session": "default", "chatId": TO, "text": "a secret"});
    ask(&lab, KEY, Method::POST, "/api/sendText", Some(text)).await;
    let notes = lab.get("/api/audit?limit=2").await.json();
    let seen: Vec<_> = notes
        .as_array()
        .unwrap()
        .iter()
        .map(|note| {
            (note["key"].clone(), note["route"].clone(), note["session"].clone(), note["status"].clone())
        })
        .collect();
    assert_eq!(
        seen,
        [
            (json!(id), json!("/api/sessions/{session}/stop"), json!("default"), json!(201)),
            (Value::Null, json!("/api/keys/control"), json!("default"), json!(201)),
        ]
    );
    let before = format!("/api/audit?before={}", notes[1]["id"]);
    let older = lab.get(&before).await.json();
    assert_eq!((older.as_array().unwrap().len(), &older[0]["route"]), (1, &json!("/api/sessions")));
    assert_error("a limit", &lab.get("/api/audit?limit=0").await, 400, "invalid_request");
    assert_error(
        "no admin",
        &ask(&lab, &key, Method::GET, "/api/audit", None).await,
        403,
        "scope_not_allowed",
    );
}

#[tokio::test]
async fn where_no_key_is_asked_for_none_is_made() {
    let lab = Lab::with_keys(KeyPolicy::Off).await;
    let request = Request::builder().method(Method::POST).uri("/api/keys").header("Host", "localhost");
    let request = request.header("Content-Type", "application/json").body(Body::from("{}")).unwrap();
    assert_error("keys are off", &lab.ask(request).await, 409, "conflict");
}
