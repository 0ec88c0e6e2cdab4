//! Examples of requests: what "Try it out" fills in. Each is a request that means something; only the person is made up.

use serde_json::{Value, json};

const PERSON: &str = "628111222333@c.us";
const GROUP: &str = "120363000000000000@g.us";
const CHANNEL: &str = "123123123@newsletter";
const MESSAGE: &str = "false_628111222333@c.us_3EB0C767D097B7C7C045";
/// A picture of one point.
const PICTURE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";

/// The example of a request's body.
pub(super) fn of(method: &str, path: &str) -> Option<Value> {
    all().find(|(its_method, its_path, _)| *its_method == method && *its_path == path).map(|(.., body)| body)
}

/// The example of a parameter.
pub(super) fn of_parameter(path: &str, name: &str) -> Option<&'static str> {
    Some(match name {
        "session" => "default",
        "chatId" | "contactId" => PERSON,
        "messageId" => MESSAGE,
        "phone" | "phoneNumber" => "628111222333",
        "lid" => "148290530881501@lid",
        "labelId" => "1",
        "text" => "Hello!",
        "id" if path.contains("/groups/") => GROUP,
        "id" if path.contains("/channels/") => CHANNEL,
        _ => return None,
    })
}

/// All of them: method, path, body.
pub(in crate::api) fn all() -> impl Iterator<Item = (&'static str, &'static str, Value)> {
    sends().into_iter().chain(others())
}

fn sends() -> Vec<(&'static str, &'static str, Value)> {
    let to = |mut fields: Value| {
        fields["session"] = json!("default");
        fields["chatId"] = json!(PERSON);
        fields
    };
    let picture = || json!({"mimetype": "image/png", "filename": "point.png", "data": PICTURE});
    vec![
        ("POST", "/api/sendText", to(json!({"text": "Hello!"}))),
        ("POST", "/api/reply", to(json!({"text": "Yes", "reply_to": MESSAGE}))),
        ("POST", "/api/sendImage", to(json!({"file": picture(), "caption": "A point"}))),
        ("POST", "/api/sendFile", to(json!({"file": picture()}))),
        ("POST", "/api/sendLocation", to(json!({"latitude": -6.2, "longitude": 106.8, "title": "Office"}))),
        (
            "POST",
            "/api/sendContactVcard",
            to(json!({"contacts": [{"fullName": "Ann Lee", "phoneNumber": "+62 811 122 2334"}]})),
        ),
        (
            "POST",
            "/api/sendPoll",
            to(
                json!({"poll": {"name": "Tea or coffee?", "options": ["Tea", "Coffee"], "multipleAnswers": false}}),
            ),
        ),
        ("POST", "/api/forwardMessage", to(json!({"messageId": MESSAGE}))),
        ("POST", "/api/sendSeen", to(json!({}))),
        ("POST", "/api/startTyping", to(json!({}))),
        ("POST", "/api/stopTyping", to(json!({}))),
        ("PUT", "/api/reaction", json!({"session": "default", "messageId": MESSAGE, "reaction": "👍"})),
        (
            "PUT",
            "/api/star",
            json!({"session": "default", "chatId": PERSON, "messageId": MESSAGE, "star": true}),
        ),
        ("PUT", "/api/{session}/chats/{chatId}/messages/{messageId}", json!({"text": "Hello again!"})),
        (
            "POST",
            "/api/{session}/status/text",
            json!({"text": "At the lake", "backgroundColor": "#38b42f", "font": 1}),
        ),
    ]
}

fn others() -> Vec<(&'static str, &'static str, Value)> {
    let webhook = json!({"url": "https://example.org/hook", "events": ["message", "session.status"]});
    vec![
        (
            "POST",
            "/api/sessions",
            json!({"name": "second", "start": true, "config": {"webhooks": [webhook.clone()]}}),
        ),
        ("PUT", "/api/sessions/{session}", json!({"config": {"webhooks": [webhook]}})),
        ("POST", "/api/{session}/auth/request-code", json!({"phoneNumber": "628111222333"})),
        (
            "POST",
            "/api/{session}/groups",
            json!({"name": "Lake on Sunday", "participants": [{"id": PERSON}]}),
        ),
        ("PUT", "/api/{session}/groups/{id}/subject", json!({"subject": "Lake on Saturday"})),
        ("PUT", "/api/{session}/groups/{id}/description", json!({"description": "We meet at ten"})),
        ("POST", "/api/{session}/groups/{id}/participants/add", json!({"participants": [{"id": PERSON}]})),
        ("POST", "/api/{session}/channels", json!({"name": "News", "description": "Once a week"})),
        ("POST", "/api/{session}/labels", json!({"name": "New order", "color": 1})),
        ("POST", "/api/{session}/presence", json!({"presence": "online"})),
        ("PUT", "/api/{session}/profile/name", json!({"name": "Wanda"})),
        ("PUT", "/api/{session}/profile/status", json!({"status": "At the lake"})),
        ("POST", "/api/contacts/block", json!({"session": "default", "contactId": PERSON})),
        ("POST", "/api/contacts/unblock", json!({"session": "default", "contactId": PERSON})),
        ("POST", "/api/keys", json!({"session": "default", "actions": {"read": true, "send": true}})),
        (
            "POST",
            "/api/{session}/bulk",
            json!({"text": "Hello {name}!", "recipients": [{"chatId": PERSON, "variables": {"name": "Ann"}}]}),
        ),
    ]
}
