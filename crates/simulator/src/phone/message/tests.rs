use buffa::Message;
use rand::SeedableRng;
use rand::rngs::StdRng;
use waproto::whatsapp as wa;

use super::*;
use crate::media::MediaLocation;
use crate::phone::media::encrypt;

fn frame(quoted: Option<(String, String, wa::Message)>) -> Frame<'static> {
    Frame { chat: "1@s.whatsapp.net", timestamp_ms: 1_000, quoted, secret: [1; 32] }
}

/// Through the wire format and back.
fn read_back(outgoing: &Outgoing, quoted: Option<(String, String, wa::Message)>) -> Decoded {
    let message = build(outgoing, &frame(quoted), None);
    read(&unwrap(wa::Message::decode_from_slice(&message.encode_to_vec()).unwrap()))
}

#[test]
fn texts_replies_and_mentions() {
    let plain = read_back(&Outgoing::text("hello"), None);
    assert_eq!((plain.kind, plain.text.as_deref()), (Kind::Text, Some("hello")));
    let mut reply = Outgoing::text("yes");
    reply.mentions = vec!["2@s.whatsapp.net".into()];
    let quoted = wa::Message { conversation: Some("question".into()), ..Default::default() };
    let read = read_back(&reply, Some(("ID1".into(), "2@s.whatsapp.net".into(), quoted)));
    assert_eq!(read.mentions, ["2@s.whatsapp.net"]);
    let expected = Quoted {
        id: "ID1".into(),
        participant: Some("2@s.whatsapp.net".into()),
        text: Some("question".into()),
    };
    assert_eq!(read.quoted, Some(expected));
}

#[test]
fn reactions_edits_and_revocations_name_their_target() {
    let target = Target { id: "ID1".into(), from_me: true, participant: None };
    let reaction =
        read_back(&Outgoing::new(Body::Reaction { target: target.clone(), emoji: "👍".into() }), None);
    assert_eq!((reaction.kind, reaction.emoji.as_deref()), (Kind::Reaction, Some("👍")));
    assert_eq!(reaction.target.as_ref(), Some(&target));
    let edit = read_back(&Outgoing::new(Body::Edit { target: target.clone(), text: "new".into() }), None);
    assert_eq!((edit.kind, edit.text.as_deref()), (Kind::Edit, Some("new")));
    assert_eq!(edit.target.as_ref(), Some(&target));
    let revoke = read_back(&Outgoing::new(Body::Revoke { target: target.clone() }), None);
    assert_eq!((revoke.kind, revoke.target.as_ref()), (Kind::Revoke, Some(&target)));
}

#[test]
fn media_messages_carry_what_opens_the_file() {
    let mut rng = StdRng::seed_from_u64(1);
    for (kind, voice, expected) in [
        (MediaKind::Image, false, Kind::Image),
        (MediaKind::Video, false, Kind::Video),
        (MediaKind::Audio, false, Kind::Audio),
        (MediaKind::Audio, true, Kind::Voice),
        (MediaKind::Document, false, Kind::Document),
    ] {
        let encrypted = encrypt(kind, b"content", &mut rng).unwrap();
        let location = MediaLocation { url: "https://h/p".into(), direct_path: "/p".into() };
        let uploaded = Uploaded { encrypted: &encrypted, location: &location, timestamp: 1 };
        let body = MediaBody {
            kind,
            voice,
            data: b"content".to_vec(),
            mimetype: None,
            caption: None,
            filename: Some("a.pdf".into()),
        };
        let message = build(&Outgoing::new(Body::Media(body)), &frame(None), Some(&uploaded));
        let read = read(&unwrap(message));
        let media = read.media.unwrap();
        assert_eq!((read.kind, media.kind, media.length), (expected, kind, 7));
        assert_eq!(media.direct_path, "/p");
        assert_eq!(media.media_key, encrypted.media_key);
        assert_eq!(media.filename.is_some(), kind == MediaKind::Document);
    }
}

#[test]
fn wrappers_are_taken_off_and_nonsense_is_other() {
    let inner = wa::Message { conversation: Some("in".into()), ..Default::default() };
    let wrapped = wa::Message {
        ephemeral_message: buffa::MessageField::some(wa::message::FutureProofMessage {
            message: buffa::MessageField::some(inner),
        }),
        ..Default::default()
    };
    assert_eq!(read(&unwrap(wrapped)).text.as_deref(), Some("in"));
    assert_eq!(read(&wa::Message::default()).kind, Kind::Other);
}
