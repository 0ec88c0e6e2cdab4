use super::*;

fn text(body: &str) -> Outgoing {
    Outgoing::Text(Text {
        chat: "628111".parse().unwrap(),
        text: body.to_owned(),
        reply_to: None,
        mentions: Vec::new(),
    })
}

#[test]
fn a_plan_survives_the_row_it_is_kept_in() {
    let plan = Plan { chat: "628111".parse().unwrap(), message: text_message("hello".to_owned(), None) };
    let back = Plan::from_json(&plan.to_json()).unwrap();
    assert_eq!(back.chat, plan.chat);
    assert_eq!(back.message, plan.message);
    assert!(Plan::from_json("{}").is_none());
}

#[test]
fn the_same_request_has_the_same_fingerprint_and_any_change_another() {
    assert_eq!(fingerprint(&text("a")), fingerprint(&text("a")));
    assert_ne!(fingerprint(&text("a")), fingerprint(&text("b")));
    let reaction = |emoji: &str| {
        Outgoing::Reaction(Reaction {
            message: "true_628111@c.us_A".parse().unwrap(),
            emoji: emoji.to_owned(),
        })
    };
    assert_ne!(fingerprint(&reaction("x")), fingerprint(&reaction("")));
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
            mentions: Vec::new(),
        })
    };
    assert_ne!(fingerprint(&file(b"1", "c")), fingerprint(&file(b"2", "c")));
    assert_ne!(fingerprint(&file(b"1", "c")), fingerprint(&file(b"1", "d")));
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
    let after = with_caption(before, "new").unwrap();
    let image = after.image_message.as_option().unwrap();
    assert_eq!((image.caption.as_deref(), image.direct_path.as_deref()), (Some("new"), Some("/x")));
    assert!(with_caption(text_message("plain".to_owned(), None), "new").is_none());
}
