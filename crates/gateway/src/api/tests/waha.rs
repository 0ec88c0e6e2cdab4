//! What WAHA's clients rely on, where nothing but the gateway itself is asked; `tests/e2e/waha.rs` has the rest.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::requests::{Answer, KEY, Lab, TO, assert_error, request};
use super::*;

async fn names(lab: &Lab, path: &str) -> Vec<String> {
    let answer = lab.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.json());
    let sessions = answer.json().as_array().unwrap().clone();
    sessions.iter().map(|session| session["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn queries_take_pythons_words_empty_texts_and_no_unknown_names() {
    let lab = Lab::open().await;
    lab.call(Method::POST, "/api/sessions", json!({"name": "second", "start": false})).await;
    for all in ["true", "True", "TRUE", "1"] {
        assert_eq!(names(&lab, &format!("/api/sessions?all={all}")).await, ["default", "second"], "{all}");
    }
    for started in ["", "?all=", "?all=false", "?all=False", "?all=0", "?all=&expand="] {
        assert_eq!(names(&lab, &format!("/api/sessions{started}")).await, ["default"], "{started}");
    }
    let answer = lab.get("/api/sessions?al=true").await;
    assert_error("a typo", &answer, 400, "invalid_request");
    assert_eq!(answer.json()["message"], "al: unknown field");
    let answer = lab.get("/api/sessions?all=perhaps").await;
    assert_error("no flag", &answer, 400, "invalid_request");
    assert_eq!(answer.json()["message"], "all: expected true or false");
}

#[tokio::test]
async fn apps_are_shown_when_they_are_asked_for_and_there_are_none() {
    let lab = Lab::open().await;
    for path in ["/api/sessions/default", "/api/sessions/default?expand="] {
        assert_eq!(lab.get(path).await.json().get("apps"), None, "{path}");
    }
    assert_eq!(lab.get("/api/sessions/default?expand=apps").await.json()["apps"], json!([]));
    assert_eq!(lab.get("/api/sessions?expand=apps").await.json()[0]["apps"], json!([]));
    assert_error("more", &lab.get("/api/sessions/default?expand=all").await, 400, "invalid_request");
    let apps = json!([{"id": "a", "session": "default", "app": "chatwoot", "enabled": true, "config": {}}]);
    for (method, path, body) in [
        (Method::POST, "/api/sessions", json!({"name": "x", "apps": apps})),
        (Method::PUT, "/api/sessions/default", json!({"apps": apps})),
    ] {
        let answer = lab.call(method, path, body).await;
        assert_error(path, &answer, 400, "invalid_request");
        assert!(answer.json()["message"].as_str().unwrap().starts_with("apps: "), "{}", answer.json());
    }
    assert_eq!(lab.names().await, ["default"]);
}

#[tokio::test]
async fn a_session_says_what_wahas_sessions_say() {
    let lab = Lab::open().await;
    let config = json!({"metadata": {"n": 5, "on": true, "list": ["a"], "empty": "", "none": null}});
    let made =
        lab.call(Method::POST, "/api/sessions", json!({"name": "a", "start": false, "config": config})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.json());
    let info = lab.get("/api/sessions/a").await.json();
    let kept = json!({"n": 5, "on": true, "list": ["a"], "empty": ""});
    assert_eq!(info["config"]["metadata"], kept, "any value but null");
    assert_eq!(info.get("presence"), Some(&Value::Null), "nobody is connected");
    assert_eq!(info["engine"], json!({"engine": "WHATSAPP-RUST"}));
    assert!(info["timestamps"]["activity"].is_i64(), "{info}");
    for _ in 0..3 {
        lab.call(Method::POST, "/api/sessions/a/start", json!({})).await;
        lab.call(Method::POST, "/api/sessions/a/stop", json!({})).await;
    }
    let statuses = lab.get("/api/sessions/a").await.json()["statuses"].clone();
    assert_eq!(statuses.as_array().unwrap().len(), 3, "the last three: {statuses}");
}

#[tokio::test]
async fn deleting_can_be_repeated() {
    let lab = Lab::open().await;
    lab.call(Method::POST, "/api/sessions", json!({"name": "a", "start": false})).await;
    for _ in 0..2 {
        let answer = lab.ask(request(Method::DELETE, "/api/sessions/a", None)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
    }
    let odd = lab.ask(request(Method::DELETE, "/api/sessions/..%2Fetc", None)).await;
    assert_eq!(odd.status, StatusCode::OK, "{}", odd.json());
    assert_eq!(lab.names().await, ["default"]);
}

#[tokio::test]
async fn a_stopped_session_is_logged_out_without_an_error() {
    let lab = Lab::open().await;
    lab.call(Method::POST, "/api/sessions/default/stop", json!({})).await;
    for body in [json!({}), json!({"apps": {"purge": true}}), json!({"apps": {"purge": null}})] {
        let answer = lab.call(Method::POST, "/api/sessions/default/logout", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json());
        assert_eq!(answer.json()["status"], "STOPPED");
    }
}

async fn post_form(lab: &Lab, path: &str, form: &str) -> Answer {
    let builder = Request::builder().method(Method::POST).uri(path).header("X-Api-Key", KEY);
    let builder = builder.header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
    lab.ask(builder.body(Body::from(form.to_owned())).unwrap()).await
}

#[tokio::test]
async fn forms_are_read_as_json_is() {
    let lab = Lab::open().await;
    let made = post_form(&lab, "/api/sessions", "name=a&start=False&config[metadata][team]=blue&apps=").await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.json());
    assert_eq!(
        (&made.json()["status"], &made.json()["config"]["metadata"]["team"]),
        (&json!("STOPPED"), &json!("blue"))
    );
    // As far as the state of the session allows.
    for (path, form) in [
        ("/api/sendText", "session=a&chatId=491701000002&text=hello+there&reply_to=&mentions[]=491701000003"),
        ("/api/sendImage", "session=a&chatId=491701000002&file[mimetype]=image%2Fpng&file[data]=aGVsbG8%3D"),
        ("/api/sendVideo", "session=a&chatId=491701000002&file[url]=http%3A%2F%2Fa%2Fb&asNote=True&convert="),
    ] {
        assert_error(path, &post_form(&lab, path, form).await, 422, "wrong_state");
    }
    let unknown = post_form(&lab, "/api/sendText", "session=a&chatId=491701000002&text=a&file[x]=1").await;
    assert_error("unknown", &unknown, 400, "invalid_request");
    assert_eq!(unknown.json()["message"], "file: unknown field");
    assert_error("no text", &post_form(&lab, "/api/sendText", "chatId=1").await, 400, "invalid_request");
}

/// A page of somebody else's can make a browser send a form to this machine. Only a key proves that it was not one.
#[tokio::test]
async fn without_a_key_no_form_is_taken() {
    let lab = Lab::with_keys(KeyPolicy::Off).await;
    let builder = Request::builder().method(Method::POST).uri("/api/sessions").header("Host", "localhost");
    let builder = builder.header("Content-Type", "application/x-www-form-urlencoded");
    let answer = lab.ask(builder.body(Body::from("name=a&start=false")).unwrap()).await;
    assert_error("a form", &answer, 415, "unsupported_media_type");
    assert_eq!(lab.names().await, ["default"]);
}

#[tokio::test]
async fn the_key_may_stand_in_the_address() {
    let lab = Lab::open().await;
    let ask = |path: &str| lab.ask(Request::builder().uri(path.to_owned()).body(Body::empty()).unwrap());
    let answer = ask(&format!("/api/sessions?x-api-key={KEY}&all=true")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
    assert_error("a wrong one", &ask("/api/sessions?x-api-key=wrong").await, 401, "unauthorized");
}

#[tokio::test]
async fn versions_tell_the_machine_and_that_there_is_no_browser() {
    let lab = Lab::open().await;
    for path in ["/api/version", "/api/server/version"] {
        let version = lab.get(path).await.json();
        assert_eq!(version.get("browser"), Some(&Value::Null), "{version}");
        assert!(version["worker"]["id"].as_str().is_some_and(|name| !name.is_empty()), "{version}");
    }
}

#[tokio::test]
async fn a_message_that_a_bare_id_names_must_be_known() {
    let lab = Lab::open().await;
    let bare = json!({"session": "default", "chatId": TO, "text": "a", "reply_to": "3EB0AA"});
    let answer = lab.call(Method::POST, "/api/sendText", bare).await;
    assert_error("a reply", &answer, 404, "message_not_found");
    for chat in [TO, "all"] {
        let path = format!("/api/default/chats/{chat}/messages/3EB0AA");
        assert_error(chat, &lab.get(&path).await, 404, "message_not_found");
        let edit = lab.call(Method::PUT, &path, json!({"text": "b"})).await;
        assert_error(chat, &edit, 404, "message_not_found");
        let path =
            format!("/api/default/chats/{chat}/messages/true_{TO}_3EB0AA?merge=False&downloadMedia=True");
        assert_error(chat, &lab.get(&path).await, 404, "message_not_found");
    }
}

#[tokio::test]
async fn the_gateway_tells_since_when_it_serves_and_can_be_stopped() {
    let lab = Lab::open().await;
    let status = lab.get("/api/server/status").await.json();
    assert!(status["startTimestamp"].as_u64() > Some(1_600_000_000_000), "{status}");
    assert!(status["uptime"].is_u64() && status["worker"]["id"].is_string(), "{status}");
    let set = lab.get("/api/server/environment").await.json();
    assert_eq!(set, json!({"PORT": "8192"}));
    let all = lab.get("/api/server/environment?all=True").await.json();
    assert_eq!(all, json!({"LOG_DIR": null, "PORT": "8192"}));
    for force in [false, true] {
        let lab = Lab::open().await;
        let stopped = lab.call(Method::POST, "/api/server/stop", json!({"force": force})).await;
        assert_eq!((stopped.status, stopped.json()), (StatusCode::CREATED, json!({"stopping": true})));
        assert_eq!(lab.at_once.is_cancelled(), force);
        assert_error("after it", &lab.get("/api/server/status").await, 503, "shutting_down");
    }
}

#[tokio::test]
async fn sessions_are_started_and_stopped_by_name_as_older_clients_do() {
    let lab = Lab::open().await;
    let post = |path: &'static str, body: Value| lab.call(Method::POST, path, body);
    let config = json!({"metadata": {"team": "blue"}});
    let made = post("/api/sessions/start", json!({"name": "a", "config": config})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.json());
    assert_eq!((&made.json()["status"], &made.json()["config"]), (&json!("STARTING"), &config));
    let again = post("/api/sessions/start", json!({"name": "a"})).await;
    assert_eq!(again.json()["config"], config, "without settings the old ones stay");
    for _ in 0..2 {
        assert_eq!(post("/api/sessions/stop", json!({"name": "a"})).await.status, StatusCode::CREATED);
    }
    assert_eq!(lab.get("/api/sessions/a").await.json()["status"], "STOPPED");
    for _ in 0..2 {
        assert_eq!(post("/api/sessions/logout", json!({"name": "a"})).await.status, StatusCode::CREATED);
        assert_eq!(lab.names().await, ["default"]);
    }
    post("/api/sessions/start", json!({"name": "b"})).await;
    let gone = post("/api/sessions/stop", json!({"name": "b", "logout": "True"})).await;
    assert_eq!(gone.status, StatusCode::CREATED, "{}", gone.json());
    assert_eq!(lab.names().await, ["default"]);
    assert_error("no name", &post("/api/sessions/start", json!({})).await, 400, "invalid_request");
}

/// These paths end as sessions may be called.
#[tokio::test]
async fn a_session_may_be_called_start() {
    let lab = Lab::open().await;
    for name in ["start", "stop", "logout"] {
        lab.call(Method::POST, "/api/sessions", json!({"name": name, "start": false})).await;
        let path = format!("/api/sessions/{name}");
        assert_eq!(lab.get(&path).await.json()["name"], name);
        let change = json!({"config": {"metadata": {"team": "red"}}});
        assert_eq!(lab.call(Method::PUT, &path, change).await.json()["config"]["metadata"]["team"], "red");
        assert_eq!(lab.ask(request(Method::DELETE, &path, None)).await.status, StatusCode::OK);
    }
    assert_eq!(lab.names().await, ["default"]);
}

#[tokio::test]
async fn presence_contacts_and_names_need_a_working_session_and_good_ids() {
    let lab = Lab::open().await;
    lab.call(Method::POST, "/api/sessions/default/stop", json!({})).await;
    for path in [
        "/api/default/presence/491701000002@c.us",
        "/api/contacts/check-exists?phone=491701000002",
        "/api/checkNumberStatus?phone=491701000002&session=default",
        "/api/contacts/about?contactId=491701000002@c.us&session=",
        "/api/contacts/profile-picture?contactId=491701000002@c.us&refresh=True",
        "/api/default/lids?limit=&offset=",
        "/api/default/lids/count",
        "/api/default/lids/123456",
        "/api/default/lids/pn/491701000002",
        "/api/sessions/default/capping",
        "/api/sessions/default/timelock",
    ] {
        assert_error(path, &lab.get(path).await, 422, "wrong_state");
    }
    for path in [
        "/api/default/presence/anna",
        "/api/contacts/check-exists",
        "/api/contacts/check-exists?phone=anna",
        "/api/contacts/about",
        "/api/default/lids/123456@c.us",
        "/api/default/lids/pn/123456@lid",
    ] {
        assert_error(path, &lab.get(path).await, 400, "invalid_request");
    }
    assert_eq!(lab.get("/api/default/presence").await.json(), json!([]));
    for (method, path, body) in [
        (Method::POST, "/api/default/presence", json!({"presence": "away"})),
        (Method::PUT, "/api/default/contacts/491701000002@c.us", json!({"firstName": "", "lastName": "Lee"})),
    ] {
        assert_error(path, &lab.call(method, path, body).await, 400, "invalid_request");
    }
    for (path, body) in [
        ("/api/default/presence", json!({"presence": "offline", "chatId": ""})),
        ("/api/contacts/block", json!({"session": "default", "contactId": TO})),
        ("/api/contacts/unblock", json!({"session": "default", "contactId": TO})),
    ] {
        assert_error(path, &lab.call(Method::POST, path, body).await, 422, "wrong_state");
    }
}
