use std::sync::Arc;

use bytes::Bytes;
use whatsapp_rust::buffa::MessageField;

use super::*;
use crate::outbound::outgoing::FileBody;

fn text(body: &str) -> Outgoing {
    Outgoing::Text(Text {
        chat: "628111".parse().unwrap(),
        text: body.to_owned(),
        reply_to: None,
        mentions: Mentions::default(),
        id: None,
        link_preview: LinkPreview::None,
    })
}

fn print(outgoing: &Outgoing) -> String {
    fingerprint(outgoing).unwrap()
}

#[test]
fn a_plan_survives_the_row_it_is_kept_in() {
    let prepared = PreparedMessage {
        chat: "628111".parse().unwrap(),
        message: text_message("hello".to_owned(), None),
        recipients: vec!["1@lid".to_owned()],
    };
    let row = SendRow {
        session: "default".to_owned(),
        idempotency_key: None,
        request_hash: String::new(),
        message_id: "AAA".to_owned(),
        state: wakeeper_storage::SendState::Accepted,
        chat: prepared.chat.to_string(),
        proto: prepared.proto(),
        recipients: prepared.recipients.clone(),
        error: None,
        created_ms: 1,
        updated_ms: 1,
    };
    let back = PreparedMessage::stored(&row).unwrap();
    assert_eq!(back.chat, prepared.chat);
    assert_eq!(back.message, prepared.message);
    assert_eq!(back.recipients, prepared.recipients);
    assert!(PreparedMessage::stored(&SendRow { proto: Vec::new(), ..row.clone() }).is_none());
    assert!(PreparedMessage::stored(&SendRow { proto: vec![0xff], ..row.clone() }).is_none());
    assert!(PreparedMessage::stored(&SendRow { chat: String::new(), ..row }).is_none());
}

#[test]
fn the_same_request_has_the_same_fingerprint_and_any_change_another() {
    assert_eq!(print(&text("a")), print(&text("a")));
    assert_ne!(print(&text("a")), print(&text("b")));
    let changed = |change: fn(&mut Text)| {
        let Outgoing::Text(mut text) = text("a") else { unreachable!() };
        change(&mut text);
        print(&Outgoing::Text(text))
    };
    assert_ne!(print(&text("a")), changed(|text| text.mentions.all = true));
    assert_ne!(print(&text("a")), changed(|text| text.id = Some("3EB0AA".parse().unwrap())));
    let reaction = |emoji: &str| {
        Outgoing::Reaction(Reaction {
            message: "true_628111@c.us_A".parse().unwrap(),
            emoji: emoji.to_owned(),
        })
    };
    assert_ne!(print(&reaction("x")), print(&reaction("")));
    let file = |bytes: &'static [u8], caption: &str| {
        Outgoing::Media(Media {
            chat: "628111".parse().unwrap(),
            kind: MediaKind::Image,
            file: FileBody {
                source: MediaSource::Data(Bytes::from_static(bytes)),
                mimetype: None,
                filename: None,
            },
            caption: Some(caption.to_owned()),
            reply_to: None,
            mentions: Mentions::default(),
            convert: false,
        })
    };
    assert_ne!(print(&file(b"1", "c")), print(&file(b"2", "c")));
    assert_ne!(print(&file(b"1", "c")), print(&file(b"1", "d")));
}

#[test]
fn an_edited_caption_keeps_the_file() {
    let before = wa::Message {
        image_message: MessageField::some(wa::message::ImageMessage {
            direct_path: Some("/x".to_owned()),
            caption: Some("old".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let after = with_caption(before, "new", vec!["628333@s.whatsapp.net".to_owned()]).unwrap();
    let image = after.image_message.as_option().unwrap();
    assert_eq!((image.caption.as_deref(), image.direct_path.as_deref()), (Some("new"), Some("/x")));
    let mentioned = image.context_info.as_option().map(|context| context.mentioned_jid.clone());
    assert_eq!(mentioned, Some(vec!["628333@s.whatsapp.net".to_owned()]));
    assert!(with_caption(text_message("plain".to_owned(), None), "new", Vec::new()).is_none());
}

#[tokio::test]
async fn a_file_on_disk_has_the_fingerprint_of_one_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let content = Bytes::from(vec![7u8; 300_000]);
    let mut draft = crate::media::spool::Spool::new(folder.path(), 1 << 20).begin();
    draft.write(&content).await.unwrap();
    let spooled = Arc::new(draft.finish().await.unwrap());
    let media = |source| {
        Outgoing::Media(Media {
            chat: "628111".parse().unwrap(),
            kind: MediaKind::File,
            file: FileBody { source, mimetype: None, filename: None },
            caption: None,
            reply_to: None,
            mentions: Mentions::default(),
            convert: false,
        })
    };
    assert_eq!(print(&media(MediaSource::Spooled(spooled))), print(&media(MediaSource::Data(content))));
}

/// A send is answered in full after its message was removed: what it concerns stands in the send itself.
#[test]
fn a_plan_names_the_message_that_it_reacts_to_edits_or_deletes() {
    let prepared =
        |message| PreparedMessage { chat: "628111".parse().unwrap(), message, recipients: Vec::new() };
    let key = || wa::MessageKey {
        id: Some("T1".to_owned()),
        from_me: Some(true),
        participant: Some("628333@s.whatsapp.net".to_owned()),
        ..Default::default()
    };
    let text = || text_message("hello".to_owned(), None);
    let target = Some("true_628111@c.us_T1_628333@c.us".parse().unwrap());
    assert_eq!(prepared(reaction_message(key(), "x", 7)).target(), target);
    assert_eq!(prepared(edit_message(key(), text(), 7)).target(), target);
    assert_eq!(prepared(revoke_message(key())).target(), target);
    assert_eq!(prepared(text()).target(), None);
    assert_eq!(prepared(revoke_message(wa::MessageKey::default())).target(), None);
}
