//! What is refused, and how.

use serde_json::{Value, json};

use super::Cast;
use super::asking::Asking;

pub async fn unknown_and_forbidden(cast: &Cast<'_>, group: &str) {
    let unknown = "120363999999999999@g.us";
    let people = json!({"participants": [{"id": cast.other.chat_id()}]});
    for (method, path, body) in [
        ("GET", "/{id}", Value::Null),
        ("GET", "/{id}/picture", Value::Null),
        ("GET", "/{id}/participants/v2", Value::Null),
        ("GET", "/{id}/participants/join-requests", Value::Null),
        ("GET", "/{id}/invite-code", Value::Null),
        ("PUT", "/{id}/subject", json!({"subject": "a"})),
        ("POST", "/{id}/participants/add", people.clone()),
        ("POST", "/{id}/leave", Value::Null),
        ("DELETE", "/{id}", Value::Null),
    ] {
        let body = Some(body).filter(|body| !body.is_null());
        cast.api.refused(method, path, unknown, body, 404, "group_not_found").await;
    }
    cast.api.send_refused(unknown, 404, "group_not_found").await;
    let wrong = json!({"code": "no-such-code"});
    cast.api.refused("POST", "/join", "", Some(wrong), 404, "group_not_found").await;
    let answer = cast.api.answer("GET", "/join-info", "", "?code=no-such-code", None).await;
    assert_eq!(answer.body["code"], "group_not_found");
    for (path, body) in [
        ("/{id}/subject", json!({"subject": ""})),
        ("/{id}/subject", json!({"subject": "a".repeat(101)})),
        ("/{id}/description", json!({"description": "a".repeat(2_049)})),
        ("/{id}/settings/security/info-admin-only", json!({"adminsOnly": "x"})),
    ] {
        cast.api.refused("PUT", path, group, Some(body), 400, "invalid_request").await;
    }
    for body in [
        json!({"participants": []}),
        json!({"participants": [{"id": group}]}),
        json!({"participants": [{"id": "anna"}]}),
        json!({"participants": [{"id": cast.other.chat_id(), "role": "admin"}]}),
    ] {
        cast.api.refused("POST", "/{id}/participants/add", group, Some(body), 400, "invalid_request").await;
    }
    let person = cast.other.chat_id();
    cast.api.refused("GET", "/{id}", &person, None, 400, "invalid_request").await;
    for query in ["?sortBy=name", "?limit=-1", "?exclude=all"] {
        let answer = cast.api.answer("GET", "", "", query, None).await;
        assert_eq!(answer.status.as_u16(), 400, "{query}: {}", answer.body);
    }
}

/// Sends to a group that does not exist and to one that was left are refused at once.
pub async fn sends(cast: &Cast<'_>, left: &str) {
    let gateway = cast.api.gateway();
    for (group, status, code) in
        [("120363999999999999@g.us", 404, "group_not_found"), (left, 403, "group_forbidden")]
    {
        let body = json!({"session": "default", "chatId": group, "text": "to nobody"});
        let request = gateway.request(reqwest::Method::POST, "/api/sendText").json(&body);
        let answer = gateway.answer(request).await.unwrap();
        let told = (answer.status.as_u16(), answer.body["code"].as_str().unwrap_or_default());
        assert_eq!(told, (status, code), "{group}: {}", answer.body);
    }
}

/// A session that does not work has no groups to tell of.
pub async fn stopped(api: &Asking<'_>) {
    api.gateway().call(reqwest::Method::POST, "/api/sessions/default/stop", None).await;
    api.refused("GET", "/count", "", None, 422, "wrong_state").await;
}
