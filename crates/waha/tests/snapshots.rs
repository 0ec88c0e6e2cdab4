//! How each answer and each event is written: what WAHA's clients read. A changed snapshot is a changed interface.

// Helpers of tests are not marked as tests themselves.
#![allow(clippy::unwrap_used)]

use insta::assert_json_snapshot;
use wakeeper_model::{ChatId, MessageId};
use wakeeper_waha::*;

fn chat(text: &str) -> ChatId {
    text.parse().unwrap()
}

fn id(text: &str) -> MessageId {
    text.parse().unwrap()
}

fn key() -> MessageKey {
    MessageKey {
        remote_jid: "120363@g.us".to_owned(),
        remote_jid_alt: None,
        from_me: false,
        id: "3EB0AA".to_owned(),
        participant: Some("900@lid".to_owned()),
        participant_alt: Some("628111@s.whatsapp.net".to_owned()),
    }
}

/// A group's message with everything that a message can have.
fn message() -> Message {
    Message {
        id: id("false_120363@g.us_3EB0AA_628111@c.us"),
        timestamp: 1_700_000_000,
        from: Some(chat("120363@g.us")),
        to: Some(chat("628000@c.us")),
        participant: Some(chat("628111@c.us")),
        from_me: false,
        source: Source::App,
        body: "look".to_owned(),
        has_media: true,
        media: Some(Media {
            url: Some("http://localhost:8192/api/files/default/3EB0AA.jpeg".to_owned()),
            mimetype: "image/jpeg".to_owned(),
            filename: None,
            s3: (),
            error: (),
        }),
        media_url: Some("http://localhost:8192/api/files/default/3EB0AA.jpeg".to_owned()),
        ack: 2,
        ack_name: "DEVICE".to_owned(),
        location: Some(Location {
            latitude: "-6.2".to_owned(),
            longitude: "106.8".to_owned(),
            live: false,
            name: Some("Monas".to_owned()),
            address: None,
            url: None,
            description: Some("Monas".to_owned()),
        }),
        v_cards: vec!["BEGIN:VCARD\nEND:VCARD".to_owned()],
        mentioned_ids: vec!["628333@c.us".to_owned()],
        reply_to: Some(ReplyTo {
            id: "3EB0BB".to_owned(),
            participant: Some("628000@c.us".to_owned()),
            body: Some("where?".to_owned()),
            has_media: false,
        }),
        edited: None,
        revoked: None,
        data: MessageData { key: key(), kind: "image".to_owned(), push_name: Some("Ann".to_owned()) },
    }
}

/// An own text, as little as a message can have.
fn text() -> Message {
    Message {
        id: id("true_628111@c.us_3EB0CC"),
        from: Some(chat("628000@c.us")),
        to: Some(chat("628111@c.us")),
        participant: None,
        from_me: true,
        source: Source::Api,
        body: "hello".to_owned(),
        has_media: false,
        media: None,
        media_url: None,
        ack: 1,
        ack_name: "SERVER".to_owned(),
        location: None,
        v_cards: Vec::new(),
        mentioned_ids: Vec::new(),
        reply_to: None,
        data: MessageData { key: key(), kind: "text".to_owned(), push_name: None },
        ..message()
    }
}

fn webhook(event: EventName, payload: impl Into<Payload>) -> WebhookBody<Payload> {
    WebhookBody {
        id: "evt_01h455vb4pex5vsknk084sn02q".to_owned(),
        timestamp: 1_700_000_000_123,
        event,
        session: "default".parse().unwrap(),
        metadata: [("team".to_owned(), "blue".into())].into(),
        me: Some(Me {
            id: chat("628000@c.us"),
            lid: Some(chat("800@lid")),
            jid: "628000:3@s.whatsapp.net".to_owned(),
            push_name: Some("Shop".to_owned()),
        }),
        payload: payload.into(),
        engine: "WHATSAPP-RUST".to_owned(),
        environment: Environment {
            version: "0.1.0".to_owned(),
            platform: "linux/x86_64".to_owned(),
            ..Environment::default()
        },
    }
}

#[test]
fn messages() {
    assert_json_snapshot!("a_message_with_everything", message());
    assert_json_snapshot!("an_own_text", text());
    let listed = Message { edited: Some(true), revoked: Some(false), ..text() };
    assert_json_snapshot!("a_listed_message", listed);
}

#[test]
fn events() {
    let point = StatusChange { status: SessionStatus::ScanQrCode, timestamp: 1_700_000_000_000 };
    let status = SessionStatusBody {
        name: "default".parse().unwrap(),
        status: SessionStatus::Failed,
        statuses: vec![point],
        data: None,
        reason: Some("The phone unlinked this device".to_owned()),
    };
    assert_json_snapshot!("session_status", webhook(EventName::SessionStatus, status));
    assert_json_snapshot!("message_any", webhook(EventName::MessageAny, text()));
    let ack = MessageAck {
        id: id("true_628111@c.us_3EB0CC"),
        from: Some(chat("628000@c.us")),
        to: Some(chat("628111@c.us")),
        participant: None,
        from_me: true,
        ack: 3,
        ack_name: "READ".to_owned(),
        data: AckData { key: key(), timestamp: 1_700_000_000 },
    };
    assert_json_snapshot!("message_ack", webhook(EventName::MessageAck, ack.clone()));
    let ack = MessageAck {
        id: id("true_120363@g.us_3EB0CC"),
        to: Some(chat("120363@g.us")),
        participant: Some(chat("628111@c.us")),
        ..ack
    };
    assert_json_snapshot!("message_ack_group", webhook(EventName::MessageAckGroup, ack));
}

#[test]
fn answers_that_are_events_too() {
    let reaction = MessageReaction {
        id: id("true_628111@c.us_3EB0DD"),
        timestamp: 1_700_000_000,
        from: Some(chat("628000@c.us")),
        to: Some(chat("628111@c.us")),
        participant: None,
        from_me: true,
        source: Source::Api,
        reaction: Reaction { text: "👍".to_owned(), message_id: id("false_628111@c.us_3EB0EE") },
        data: ReactionData { key: key(), push_name: None },
    };
    assert_json_snapshot!("message_reaction", reaction);
    let edited = MessageEdited { message: text(), edited_message_id: "3EB0CC".to_owned() };
    assert_json_snapshot!("message_edited", edited);
    let revoked = MessageRevoked {
        revoked_message_id: "3EB0CC".to_owned(),
        after: RevokedMessage {
            id: id("true_628111@c.us_3EB0CC"),
            timestamp: 1_700_000_001,
            from: Some(chat("628000@c.us")),
            to: Some(chat("628111@c.us")),
            participant: None,
            from_me: true,
            source: Source::Api,
            body: String::new(),
            has_media: false,
            media_url: String::new(),
            ack: 1,
            ack_name: "SERVER".to_owned(),
        },
        before: Some(text()),
        data: RevokedData { key: key() },
    };
    assert_json_snapshot!("message_revoked", revoked);
}

#[test]
fn votes() {
    let vote = PollVotePayload {
        vote: PollVote {
            id: id("false_120363@g.us_3EB0AA_628111@c.us"),
            selected_options: vec!["Awesome!".to_owned()],
            timestamp: 1_700_000_000,
            from: Some(chat("120363@g.us")),
            to: Some(chat("628000@c.us")),
            from_me: false,
            participant: Some(chat("628111@c.us")),
        },
        poll: MessageDestination {
            id: id("true_120363@g.us_3EB0EE_628000@c.us"),
            from: Some(chat("628000@c.us")),
            to: Some(chat("120363@g.us")),
            from_me: true,
            participant: Some(chat("628000@c.us")),
        },
        data: VoteData { key: key(), push_name: None },
    };
    assert_json_snapshot!("poll_vote", vote);
    let call = CallData {
        id: "A1B2".to_owned(),
        from: Some("628111@c.us".parse().unwrap()),
        timestamp: 1_700_000_000,
        is_video: true,
        is_group: false,
        data: serde_json::json!({"from": "628111@s.whatsapp.net"}),
    };
    assert_json_snapshot!("call", call);
    let label = Label::new("7".to_owned(), "Lead".to_owned(), 1);
    let chat_id = "628111@c.us".parse().unwrap();
    let association = LabelChatAssociation { label_id: "7".to_owned(), chat_id, label: Some(label) };
    assert_json_snapshot!("label_of_a_chat", association);
}

#[test]
fn sessions() {
    let info: SessionInfo = serde_json::from_value(serde_json::json!({
        "name": "default",
        "status": "WORKING",
        "config": {"webhooks": [{"url": "https://example.com/hook", "events": ["*"], "hmac": {"key": "k"}}]},
        "me": {"id": "628000@c.us", "lid": null, "jid": "628000:3@s.whatsapp.net", "pushName": "Shop"},
        "timestamps": {"activity": 1_700_000_000_000_i64},
        "statuses": [],
    }))
    .unwrap();
    assert_json_snapshot!("session", info);
}

fn group() -> Group {
    let member = |id: &str, pn: &str, role, admin| GroupMember {
        id: chat(id),
        pn: Some(chat(pn)),
        phone_number: Some(chat(pn)),
        lid: Some(chat(id)),
        role,
        admin,
    };
    Group {
        id: chat("120363@g.us"),
        subject: "Lake on Sunday".to_owned(),
        description: "Bring a towel".to_owned(),
        members_can_add_new_member: true,
        members_can_send_messages: true,
        new_members_approval_required: false,
        members_can_share_history: false,
        addressing_mode: GroupAddressing::Lid,
        subject_owner: Some(chat("900@lid")),
        subject_time: Some(1_700_000_000),
        size: 2,
        creation: Some(1_700_000_000),
        owner: Some(chat("900@lid")),
        owner_pn: Some(chat("628111@c.us")),
        desc: Some("Bring a towel".to_owned()),
        desc_id: Some("A1B2C3D4".to_owned()),
        desc_owner: Some(chat("900@lid")),
        desc_time: Some(1_700_000_001),
        linked_parent: None,
        restrict: false,
        announce: false,
        is_community: false,
        is_community_announce: false,
        join_approval_mode: false,
        member_add_mode: true,
        ephemeral_duration: Some(86_400),
        participants: Some(vec![
            member("900@lid", "628111@c.us", GroupRole::SuperAdmin, Some(GroupAdmin::SuperAdmin)),
            member("901@lid", "628000@c.us", GroupRole::Participant, None),
        ]),
    }
}

#[test]
fn groups() {
    let data = serde_json::json!({"group_jid": "120363@g.us"});
    let joined = GroupJoin { timestamp: 1_700_000_000, group: group(), data: data.clone() };
    assert_json_snapshot!("group_join", webhook(EventName::GroupV2Join, joined));
    let part = || GroupPart { id: chat("120363@g.us") };
    let participants = GroupParticipantsChange {
        kind: GroupParticipantsChangeKind::Promote,
        timestamp: 1_700_000_000,
        group: part(),
        participants: vec![GroupParticipant {
            id: chat("901@lid"),
            pn: Some(chat("628000@c.us")),
            role: GroupRole::Admin,
        }],
        data: data.clone(),
    };
    assert_json_snapshot!("group_participants", participants);
    let change =
        GroupChange { subject: Some("Lake on Monday".to_owned()), ..GroupChange::of(chat("120363@g.us")) };
    let updated = GroupUpdated { timestamp: 1_700_000_000, group: change, data: data.clone() };
    assert_json_snapshot!("group_update", updated);
    let asked = GroupJoinRequestChange {
        action: GroupJoinRequestAction::Created,
        requester_id: chat("902@lid"),
        requester_pn: None,
        request_method: Some("invite_link".to_owned()),
        timestamp: 1_700_000_000,
        group: part(),
        data: data.clone(),
    };
    assert_json_snapshot!("group_join_request", asked);
    assert_json_snapshot!("group_leave", GroupLeave { timestamp: 1_700_000_000, group: part(), data });
    let without_members = Group { participants: None, ..group() };
    let listed = serde_json::to_string(&GroupList(vec![
        Group { id: chat("2@g.us"), ..without_members.clone() },
        Group { id: chat("1@g.us"), ..without_members },
    ]));
    let listed = listed.unwrap();
    // In the order that was asked for, and without what was left out.
    assert!(
        listed.starts_with(r#"{"2@g.us":{"id":"2@g.us""#) && !listed.contains("participants"),
        "{listed}"
    );
    assert!(listed.find(r#""1@g.us":{"#) > listed.find(r#""2@g.us":{"#));
}
