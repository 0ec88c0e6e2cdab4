use std::collections::BTreeMap;

use serde_json::{Value, json};
use wakeeper_storage::{MessageRef, open_sqlite};
use whatsapp_rust::buffa::MessageField;

use super::*;
use crate::message::{WireKey, edited, quote_context, text_message};

const BEFORE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../storage/tests/before_protobuf");

fn session() -> SessionName {
    SessionName::default_session()
}

fn row(message: &wa::Message) -> MessageRow {
    MessageRow {
        session: "default".to_owned(),
        chat: "628111@c.us".to_owned(),
        id: "AAA".to_owned(),
        from_me: false,
        participant: String::new(),
        sender: "628111@c.us".to_owned(),
        account: Some("628000@c.us".to_owned()),
        timestamp_s: 1_700_000_000,
        kind: "text".to_owned(),
        ack: 2,
        from_api: false,
        push_name: None,
        wire: WireKey { chat: "628111@s.whatsapp.net".to_owned(), ..WireKey::default() },
        target: None,
        proto: codec::message_to_vec(message),
        described: wakeeper_storage::Described::default(),
        reply_to: None,
        edited: false,
        revoked: false,
        hidden: false,
    }
}

fn show(row: &MessageRow) -> Result<Value, StorageError> {
    let session = session();
    let message = listed(row, Place { session: &session, public_url: "http://localhost:8192" })?;
    Ok(serde_json::to_value(message).unwrap())
}

fn answered(
    row: &MessageRow,
    sent: &wa::Message,
    before: Option<&MessageRow>,
) -> Result<Value, StorageError> {
    let session = session();
    let place = Place { session: &session, public_url: "http://localhost:8192" };
    let facts = Facts { ack: Ack::Server, ..facts(row, place.media_url(&row.id, sent))? };
    let payload = answer(&facts, sent, target(row)?.as_ref(), before, &[], place)?;
    Ok(serde_json::to_value(payload).unwrap())
}

fn shown(message: &wa::Message) -> Value {
    show(&row(message)).unwrap()
}

/// Of every message in a database that an earlier version wrote: it looks as it did, or is an error where that version
/// showed `null`.
#[tokio::test]
async fn messages_of_an_earlier_version_look_as_they_did() {
    let expected = std::fs::read_to_string(format!("{BEFORE}/expected.json")).unwrap();
    let expected: BTreeMap<String, Option<Value>> = serde_json::from_str(&expected).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wakeeper.db");
    std::fs::copy(format!("{BEFORE}/wakeeper.db"), &path).unwrap();
    let storage = open_sqlite(path).await.unwrap();
    for (id, expected) in expected {
        let target = MessageRef { session: "default".to_owned(), id: id.clone(), from_me: None, chat: None };
        let row = storage.message(&target).await.unwrap().unwrap();
        match (show(&row), expected) {
            (Ok(shown), Some(expected)) => assert_eq!(shown, expected, "{id}"),
            (Err(error), None) => {
                assert!(
                    error.to_string().starts_with(&format!("message {id} of session default is damaged: "))
                );
            }
            (shown, _) => panic!("{id}: {shown:?}"),
        }
    }
    storage.close().await;
}

#[test]
fn a_finished_send_is_answered_as_it_was_whatever_happened_since() {
    let sent = text_message("hello".to_owned(), None);
    let own = MessageRow { from_me: true, from_api: true, ack: 1, ..row(&sent) };
    let first = answered(&own, &sent, None).unwrap();
    assert_eq!((first["ackName"].as_str(), first["body"].as_str()), (Some("SERVER"), Some("hello")));
    let after = row(&text_message("edited".to_owned(), None)).proto;
    let later = MessageRow { ack: 4, edited: true, revoked: true, proto: after, ..own.clone() };
    assert_eq!(answered(&later, &sent, None).unwrap(), first);

    let key = wa::MessageKey { id: Some("AAA".to_owned()), ..Default::default() };
    let deletion = crate::message::revoke_message(key);
    let target = Some("true_628111@c.us_AAA".to_owned());
    let gone =
        MessageRow { id: "DDD".to_owned(), kind: "revoke".to_owned(), target, hidden: true, ..own.clone() };
    let told = answered(&gone, &deletion, Some(&own)).unwrap();
    assert_eq!(
        (told["revokedMessageId"].as_str(), told["before"]["body"].as_str()),
        (Some("AAA"), Some("hello"))
    );
    let aimless = answered(&MessageRow { target: None, ..gone }, &deletion, None).unwrap_err();
    assert!(aimless.to_string().starts_with("message DDD of session default is damaged"), "{aimless}");
}

#[test]
fn a_deleted_message_shows_that_it_was() {
    let revoked = MessageRow { revoked: true, ..row(&text_message("oops".to_owned(), None)) };
    let payload = show(&revoked).unwrap();
    assert_eq!((payload["body"].as_str(), payload["revoked"].as_bool()), (Some(""), Some(true)));
}

#[test]
fn a_row_that_makes_no_sense_is_an_error_with_its_name_and_without_its_contents() {
    let text = row(&text_message("secret".to_owned(), None));
    for damaged in [
        MessageRow { ack: 17, ..text.clone() },
        MessageRow { chat: "nobody 628111".to_owned(), ..text.clone() },
        MessageRow { proto: vec![0xff; 9], ..text.clone() },
        MessageRow { proto: Vec::new(), ..text.clone() },
    ] {
        let error = show(&damaged).unwrap_err().to_string();
        assert!(error.starts_with("message AAA of session default is damaged: "), "{error}");
        assert!(!error.contains("secret") && !error.contains("628111"), "{error}");
    }
}

fn quote() -> crate::message::Quote {
    crate::message::Quote {
        stanza_id: "Q1".to_owned(),
        sender: "628222@s.whatsapp.net".to_owned(),
        message: text_message("the question".to_owned(), None),
    }
}

#[test]
fn an_edited_text_says_what_is_new_and_answers_what_it_answered() {
    let plain = text_message("old".to_owned(), None);
    let answer = text_message("old".to_owned(), quote_context(Some(quote()), &[]));
    let edit = text_message("new".to_owned(), quote_context(None, &["628333@s.whatsapp.net".to_owned()]));
    let after = shown(&edited(answer.clone(), &edit).unwrap());
    assert_eq!(after["body"], "new");
    assert_eq!(after["replyTo"]["body"], "the question");
    assert_eq!(after["mentionedIds"], json!(["628333@c.us"]));
    // An edit cannot make an answer of what was none.
    let pretending = text_message("new".to_owned(), quote_context(Some(quote()), &[]));
    assert_eq!(shown(&edited(plain.clone(), &pretending).unwrap())["replyTo"], Value::Null);
    let short = edited(answer, &text_message("new".to_owned(), None)).unwrap();
    assert_eq!(shown(&short)["replyTo"]["id"], "Q1");
    assert_eq!(
        edited(plain, &text_message("new".to_owned(), None)).unwrap().conversation.as_deref(),
        Some("new")
    );
}

#[test]
fn an_edited_caption_keeps_its_file_and_a_place_its_text() {
    let image = wa::Message {
        image_message: MessageField::some(wa::message::ImageMessage {
            caption: Some("old".to_owned()),
            direct_path: Some("/x".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let after = edited(image, &text_message("new".to_owned(), None)).unwrap();
    let part = after.image_message.as_option().unwrap();
    assert_eq!((part.caption.as_deref(), part.direct_path.as_deref()), (Some("new"), Some("/x")));
    let place = wa::Message {
        location_message: MessageField::some(wa::message::LocationMessage::default()),
        ..Default::default()
    };
    assert!(edited(place, &text_message("new".to_owned(), None)).is_none());
}
