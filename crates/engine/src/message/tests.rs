use wakeeper_model::{Ack, ChatId, MessageId};
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::prelude::wa;
use whatsapp_rust::waproto::whatsapp::message::protocol_message::Type;

use super::*;

fn json_of(payload: impl Into<wakeeper_waha::Payload>) -> serde_json::Value {
    serde_json::to_value(payload.into()).unwrap()
}

fn chat(text: &str) -> ChatId {
    text.parse().unwrap()
}

fn facts(id: &str) -> Facts {
    let id: MessageId = id.parse().unwrap();
    Facts {
        wire: WireKey {
            chat: id.chat.to_wire(),
            chat_alt: Some("900@lid".to_owned()),
            participant: id.participant.as_ref().map(ChatId::to_wire),
            participant_alt: None,
        },
        id,
        me: Some(chat("628000@c.us")),
        timestamp_s: 1_700_000_000,
        ack: Ack::Device,
        from_api: false,
        push_name: Some("Ann".to_owned()),
        media_url: None,
    }
}

fn message_of(message: &wa::Message) -> Content {
    match read(message) {
        Incoming::Message(content) => content,
        other => panic!("{other:?}"),
    }
}

fn protocol(kind: Type, edited: Option<wa::Message>) -> wa::Message {
    wa::Message {
        protocol_message: MessageField::some(wa::message::ProtocolMessage {
            key: MessageField::some(wa::MessageKey {
                id: Some("T1".to_owned()),
                from_me: Some(true),
                ..Default::default()
            }),
            r#type: Some(kind),
            edited_message: edited.map(MessageField::some).unwrap_or_default(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[test]
fn a_text_becomes_wahas_payload() {
    let content = message_of(&text_message("hello".to_owned(), None));
    let payload = json_of(message_payload(&facts("false_628111@c.us_AAA"), &content));
    assert_eq!(
        payload,
        serde_json::json!({
            "id": "false_628111@c.us_AAA",
            "timestamp": 1_700_000_000,
            "from": "628111@c.us",
            "to": "628000@c.us",
            "participant": "",
            "fromMe": false,
            "source": "app",
            "body": "hello",
            "hasMedia": false,
            "media": null,
            "mediaUrl": "",
            "ack": 2,
            "ackName": "DEVICE",
            "location": null,
            "vCards": [],
            "mentionedIds": [],
            "replyTo": null,
            "_data": {
                "key": {
                    "remoteJid": "628111@s.whatsapp.net",
                    "remoteJidAlt": "900@lid",
                    "fromMe": false,
                    "id": "AAA",
                    "participant": null,
                    "participantAlt": null
                },
                "type": "text",
                "pushName": "Ann"
            }
        })
    );
}

#[test]
fn own_messages_go_from_me_to_the_chat() {
    let payload = json_of(message_payload(&facts("true_628111@c.us_AAA"), &Content::default()));
    assert_eq!(payload["from"], "628000@c.us");
    assert_eq!(payload["to"], "628111@c.us");
}

#[test]
fn a_reply_quotes_and_mentions() {
    let quote = Quote {
        stanza_id: "Q1".to_owned(),
        sender: "628222@s.whatsapp.net".to_owned(),
        message: text_message("the question".to_owned(), None),
    };
    let context = quote_context(Some(quote), &[chat("628333").to_wire()]);
    let content = message_of(&text_message("the answer @628333".to_owned(), context));
    assert_eq!(content.body, "the answer @628333");
    let payload = json_of(message_payload(&facts("false_123@g.us_AAA_628111@c.us"), &content));
    assert_eq!(
        payload["replyTo"],
        serde_json::json!({"id": "Q1", "participant": "628222@c.us", "body": "the question", "hasMedia": false})
    );
    assert_eq!(payload["mentionedIds"], serde_json::json!(["628333@c.us"]));
    assert_eq!(payload["participant"], "628111@c.us");
}

#[test]
fn a_text_without_context_stays_plain() {
    assert!(quote_context(None, &[]).is_none());
    assert_eq!(text_message("x".to_owned(), None).conversation.as_deref(), Some("x"));
}

#[test]
fn a_preview_stands_beside_the_text_and_what_it_answers() {
    let preview = || Preview {
        link: "https://example.org".to_owned(),
        title: "A page".to_owned(),
        description: None,
        picture: Some(vec![0xff, 0xd8]),
    };
    let text = || "see https://example.org".to_owned();
    let mentioning = quote_context(None, &["628333@s.whatsapp.net".to_owned()]);
    for (message, mentions) in [(text_message(text(), None), 0), (text_message(text(), mentioning), 1)] {
        let message = with_preview(message, preview(), None);
        let content = message_of(&message);
        assert_eq!((content.body, content.mentions.len()), (text(), mentions));
        let extended = message.extended_text_message.as_option().unwrap();
        assert_eq!(extended.matched_text.as_deref(), Some("https://example.org"));
        assert_eq!(extended.title.as_deref(), Some("A page"));
        assert!(message.conversation.is_none() && extended.jpeg_thumbnail.is_some());
    }
}

#[test]
fn every_kind_with_a_file_says_what_it_is() {
    let image = wa::Message {
        image_message: MessageField::some(wa::message::ImageMessage {
            caption: Some("look".to_owned()),
            mimetype: Some("image/png".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let content = message_of(&image);
    assert_eq!((content.kind, content.body.as_str()), ("image", "look"));
    assert_eq!(content.media.unwrap().mimetype, "image/png");
    assert!(media_part(&image).is_some());

    let voice = wa::Message {
        audio_message: MessageField::some(wa::message::AudioMessage {
            ptt: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert_eq!(message_of(&voice).kind, "voice");

    let note = wa::Message {
        ptv_message: MessageField::some(wa::message::VideoMessage::default()),
        ..Default::default()
    };
    assert_eq!(message_of(&note).kind, "video_note");

    let document = wa::Message {
        document_message: MessageField::some(wa::message::DocumentMessage {
            file_name: Some("a.pdf".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert_eq!(message_of(&document).media.unwrap().filename.as_deref(), Some("a.pdf"));
}

#[test]
fn a_document_with_a_caption_is_found_inside_its_wrapper() {
    let document = wa::Message {
        document_message: MessageField::some(wa::message::DocumentMessage {
            caption: Some("here".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let wrapped = wa::Message {
        document_with_caption_message: MessageField::some(wa::message::FutureProofMessage {
            message: MessageField::some(document),
        }),
        ..Default::default()
    };
    assert_eq!(message_of(&wrapped).body, "here");
    assert!(media_part(&wrapped).is_some());
}

#[test]
fn places_and_cards_are_read() {
    let place = wa::Message {
        location_message: MessageField::some(wa::message::LocationMessage {
            degrees_latitude: Some(1.5),
            degrees_longitude: Some(2.5),
            name: Some("Home".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let payload = json_of(message_payload(&facts("false_628111@c.us_A"), &message_of(&place)));
    assert_eq!(
        payload["location"],
        serde_json::json!({
            "latitude": "1.5", "longitude": "2.5", "live": false, "name": "Home", "address": null, "url": null,
            "description": "Home",
        })
    );

    let card = wa::Message {
        contact_message: MessageField::some(wa::message::ContactMessage {
            display_name: Some("Bob".to_owned()),
            vcard: Some("BEGIN:VCARD".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert_eq!(message_of(&card).vcards, ["BEGIN:VCARD"]);
}

#[test]
fn reactions_come_and_go() {
    let key = wa::MessageKey { id: Some("T1".to_owned()), ..Default::default() };
    let message = reaction_message(key, "👍", 5);
    let Incoming::Reaction { target, emoji } = read(&message) else { panic!() };
    assert_eq!((target.id.as_deref(), emoji.as_str()), (Some("T1"), "👍"));
    let target: MessageId = "true_628111@c.us_T1".parse().unwrap();
    let payload = json_of(reaction_payload(&facts("false_628111@c.us_R1"), &target, ""));
    assert_eq!(payload["reaction"], serde_json::json!({"text": "", "messageId": "true_628111@c.us_T1"}));
}

#[test]
fn an_edit_names_its_target_and_says_what_is_new() {
    let message = protocol(Type::MESSAGE_EDIT, Some(text_message("better".to_owned(), None)));
    let Incoming::Edit { target, content, .. } = read(&message) else { panic!() };
    assert_eq!((target.id.as_deref(), content.body.as_str()), (Some("T1"), "better"));
    let target: MessageId = "false_628111@c.us_T1".parse().unwrap();
    let payload = json_of(edited_payload(&facts("false_628111@c.us_E1"), &target, &content));
    assert_eq!(payload["editedMessageId"], "T1");
    assert_eq!(payload["body"], "better");
    assert_eq!(payload["id"], "false_628111@c.us_E1");
}

#[test]
fn an_outgoing_edit_reads_back() {
    let key = wa::MessageKey { id: Some("T1".to_owned()), ..Default::default() };
    let message = edit_message(key, text_message("new".to_owned(), None), 7);
    assert!(matches!(read(&message), Incoming::Edit { .. }));
}

#[test]
fn a_deletion_names_what_is_gone() {
    assert!(matches!(read(&protocol(Type::REVOKE, None)), Incoming::Revoke { .. }));
    let target: MessageId = "false_628111@c.us_T1".parse().unwrap();
    let said = Content { body: "oops".to_owned(), ..Content::default() };
    let before = message_payload(&facts("false_628111@c.us_T1"), &said);
    let payload = json_of(revoked_payload(&facts("false_628111@c.us_D1"), &target, Some(before)));
    assert_eq!(payload["revokedMessageId"], "T1");
    assert_eq!(payload["before"]["body"], "oops");
    assert_eq!(payload["after"]["body"], "");
}

#[test]
fn keys_and_housekeeping_are_no_messages() {
    let keys = wa::Message {
        sender_key_distribution_message: MessageField::some(wa::message::SenderKeyDistributionMessage {
            group_id: Some("123@g.us".to_owned()),
            ..Default::default()
        }),
        message_context_info: MessageField::some(wa::MessageContextInfo::default()),
        ..Default::default()
    };
    assert!(matches!(read(&keys), Incoming::Nothing));
    assert!(matches!(read(&protocol(Type::APP_STATE_SYNC_KEY_SHARE, None)), Incoming::Nothing));
    assert!(matches!(read(&wa::Message::default()), Incoming::Nothing));
}

#[test]
fn an_unknown_kind_is_still_a_message() {
    let invite = wa::Message {
        group_invite_message: MessageField::some(wa::message::GroupInviteMessage {
            group_jid: Some("123@g.us".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert_eq!(message_of(&invite).kind, "unknown");
}
