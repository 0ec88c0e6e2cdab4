//! Sends of a structure of their own that are wrong: each is refused by the name of its field, before WhatsApp hears of it.

use axum::http::Method;
use serde_json::{Value, json};

use super::requests::{Lab, TO, assert_error};

/// What `path` answers to a body that differs from a good one in `field`.
async fn refused(lab: &Lab, path: &str, good: &Value, wrong: &[(&str, Value)]) {
    for (pointer, value) in wrong {
        let mut body = good.clone();
        body["chatId"] = json!(TO);
        *body.pointer_mut(pointer).unwrap_or_else(|| panic!("{path} has no {pointer}")) = value.clone();
        let answer = lab.call(Method::POST, path, body).await;
        assert_error(&format!("{path} {pointer} {value}"), &answer, 400, "invalid_request");
        let field = pointer.split('/').nth(1).unwrap();
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(field), "{path} {pointer}: {message}");
    }
}

#[tokio::test]
async fn places_and_cards_are_checked() {
    let lab = Lab::open().await;
    let place = json!({"latitude": 1.0, "longitude": 2.0, "title": "a", "id": "A1", "reply_to": "A2"});
    let wrong = [
        ("/latitude", json!(90.5)),
        ("/latitude", json!("north")),
        ("/longitude", json!(-181)),
        ("/title", json!("x".repeat(1_001))),
        ("/id", json!("a b")),
        ("/reply_to", json!("a b")),
    ];
    refused(&lab, "/api/sendLocation", &place, &wrong).await;

    let card = json!({"vcard": null, "fullName": "Ann", "phoneNumber": "+62 811", "whatsappId": "62811"});
    let wrong = [
        ("/contacts", json!([])),
        ("/contacts", json!(vec![card.clone(); 101])),
        ("/contacts/0/fullName", json!("")),
        ("/contacts/0/phoneNumber", json!("none")),
        ("/contacts/0/whatsappId", json!("1@g.us")),
        ("/contacts/0/vcard", json!("BEGIN:VCARD\nFN:A\nEND:VCARD")),
        ("/contacts/0", json!({"vcard": "FN:A"})),
        ("/contacts/0", json!({"vcard": "", "name": "Ann"})),
    ];
    refused(&lab, "/api/sendContactVcard", &json!({"contacts": [card]}), &wrong).await;
}

#[tokio::test]
async fn polls_and_votes_are_checked() {
    let lab = Lab::open().await;
    let poll = json!({"poll": {"name": "?", "options": ["a", "b"], "multipleAnswers": false}});
    let many: Vec<_> = (0..13).map(|number| number.to_string()).collect();
    let wrong = [
        ("/poll/name", json!(" ")),
        ("/poll/name", json!("x".repeat(256))),
        ("/poll/options", json!(["a"])),
        ("/poll/options", json!(many)),
        ("/poll/options", json!(["a", "a"])),
        ("/poll/options/1", json!("")),
        ("/poll/options/1", json!("x".repeat(101))),
    ];
    refused(&lab, "/api/sendPoll", &poll, &wrong).await;
    let vote = json!({"pollMessageId": format!("false_{TO}_A1"), "pollServerId": null, "votes": ["a"]});
    let wrong = [
        ("/pollMessageId", json!("false_491701000009@c.us_A1")),
        ("/pollMessageId", json!("a b")),
        ("/pollServerId", json!(7)),
        ("/votes", json!(["a", "a"])),
    ];
    refused(&lab, "/api/sendPollVote", &vote, &wrong).await;
}

#[tokio::test]
async fn links_menus_and_buttons_are_checked() {
    let lab = Lab::open().await;
    let link = json!({"text": "see http://a.b", "preview": {
        "url": "http://a.b", "title": "t", "description": "", "image": {"url": "", "data": null}}});
    let wrong = [
        ("/text", json!("see")),
        ("/text", json!("")),
        ("/preview/url", json!("")),
        ("/preview/title", json!("")),
        ("/preview/image", json!({"url": "ftp://a.b"})),
        ("/preview/image", json!({"data": "***"})),
        ("/preview/image", json!({"data": "QUJD", "url": "http://a.b/c.jpeg"})),
    ];
    refused(&lab, "/api/send/link-custom-preview", &link, &wrong).await;

    let row = json!({"title": "r", "rowId": "1", "description": null});
    let list = json!({"message": {"title": "t", "description": "", "footer": "", "button": "b",
        "sections": [{"title": "", "rows": [row]}]}});
    let wrong = [
        ("/message/title", json!("")),
        ("/message/button", json!("")),
        ("/message/sections", json!([])),
        ("/message/sections/0/rows", json!([])),
        ("/message/sections/0/rows", json!([row, row])),
        ("/message/sections/0/rows/0/rowId", json!("")),
        ("/message/sections/0/rows/0/title", json!("x".repeat(1_025))),
    ];
    refused(&lab, "/api/sendList", &list, &wrong).await;

    let buttons = json!({"header": "", "headerImage": null, "body": "b", "footer": "", "buttons": [
        {"type": "url", "text": "t", "url": "http://a.b", "id": null}]});
    let wrong = [
        ("/body", json!("")),
        ("/headerImage", json!({"mimetype": "image/png", "data": "***"})),
        ("/buttons", json!([])),
        ("/buttons/0/text", json!("")),
        ("/buttons/0/url", json!("")),
        ("/buttons/0/id", json!("x")),
        ("/buttons/0/type", json!("jump")),
    ];
    refused(&lab, "/api/sendButtons", &buttons, &wrong).await;
    let press = json!({"selectedDisplayText": "No", "selectedButtonID": "no", "replyTo": null});
    let wrong = [("/selectedDisplayText", json!("")), ("/selectedButtonID", json!(""))];
    refused(&lab, "/api/send/buttons/reply", &press, &wrong).await;
}

#[tokio::test]
async fn stickers_and_pins_are_checked() {
    let lab = Lab::open().await;
    let sticker = json!({"file": {"mimetype": "image/webp", "data": "QUJD"}});
    let wrong = [("/file/mimetype", json!("png")), ("/file/data", json!(""))];
    refused(&lab, "/api/sendSticker", &sticker, &wrong).await;
    let pin = format!("/api/default/chats/{TO}/messages/true_{TO}_A1/pin");
    for body in [json!({"duration": 7}), json!({})] {
        assert_error("a pin", &lab.call(Method::POST, &pin, body).await, 400, "invalid_request");
    }
    let elsewhere = json!({"chatId": TO, "messageId": "true_491701000009@c.us_A1", "star": true});
    assert_error("a star", &lab.call(Method::PUT, "/api/star", elsewhere).await, 400, "invalid_request");
}
