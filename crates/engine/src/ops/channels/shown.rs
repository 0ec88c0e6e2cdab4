//! Channels as callers see them, made of what WhatsApp answers.

use serde_json::Value;
use wakeeper_model::{ChatId, ChatKind};
use wakeeper_waha::{Channel, ChannelPublicInfo, ChannelRole};

/// Start of an invite link.
const INVITE: &str = "https://www.whatsapp.com/channel/";
/// Where WhatsApp's pictures lie when only their path is told (as WAHA and Baileys have it).
const PICTURES: &str = "https://mmg.whatsapp.net";

/// A channel with this account's role in it; `None` when its id is none.
pub(super) fn channel(answer: &Value) -> Option<Channel> {
    let role = answer["viewer_metadata"]["role"].as_str().unwrap_or_default();
    // WhatsApp writes it in capitals; whatsmeow and whatsapp-rust expect small letters.
    let role = match role.to_ascii_uppercase().as_str() {
        "OWNER" => ChannelRole::Owner,
        "ADMIN" => ChannelRole::Admin,
        "SUBSCRIBER" => ChannelRole::Subscriber,
        _ => ChannelRole::Guest,
    };
    public(answer).map(|info| Channel::new(info, role))
}

/// What everybody may see of a channel; `None` when its id is none.
pub(super) fn public(answer: &Value) -> Option<ChannelPublicInfo> {
    let id: ChatId = answer["id"].as_str()?.parse().ok()?;
    if id.kind() != ChatKind::Channel {
        return None;
    }
    let thread = &answer["thread_metadata"];
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let picture = |value: &Value| {
        let address = text(&value["direct_path"]).map(|path| format!("{PICTURES}{path}"));
        text(&value["url"]).or(address)
    };
    let (whole, small) = (picture(&thread["picture"]), picture(&thread["preview"]));
    Some(ChannelPublicInfo {
        id,
        name: text(&thread["name"]["text"]).unwrap_or_default(),
        invite: text(&thread["invite"]).map(|code| format!("{INVITE}{code}")).unwrap_or_default(),
        preview: small,
        picture: whole,
        description: text(&thread["description"]["text"]),
        verified: thread["verification"] == "VERIFIED",
        subscribers_count: number(&thread["subscribers_count"]),
    })
}

/// A number, which WhatsApp mostly writes as a text.
fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_channel_is_read_in_whichever_way_it_is_written() {
        let answer = |role: &str, count: Value| {
            json!({"id": "120363012345678901@newsletter", "viewer_metadata": {"role": role},
                "thread_metadata": {"name": {"text": "News"}, "description": {"text": ""}, "invite": "0029Va1",
                    "picture": {"direct_path": ""}, "preview": {"direct_path": "/m1/v/a"},
                    "verification": "VERIFIED", "subscribers_count": count}})
        };
        for (role, expected) in [("owner", ChannelRole::Owner), ("SUBSCRIBER", ChannelRole::Subscriber)] {
            for count in [json!(7), json!("7")] {
                let channel = channel(&answer(role, count)).unwrap();
                assert_eq!((channel.role, channel.subscribers_count), (expected, 7));
                assert_eq!(channel.invite, "https://www.whatsapp.com/channel/0029Va1");
                assert_eq!(channel.preview.as_deref(), Some("https://mmg.whatsapp.net/m1/v/a"));
                assert_eq!((channel.picture, channel.description), (None, None));
            }
        }
    }

    #[test]
    fn what_is_no_channel_is_left_out() {
        for answer in
            [json!(null), json!({}), json!({"id": 1}), json!({"id": "628111@c.us"}), json!({"id": "x"})]
        {
            assert!(channel(&answer).is_none(), "{answer}");
        }
        let bare = channel(&json!({"id": "1@newsletter"})).unwrap();
        assert_eq!((bare.role, bare.name.as_str()), (ChannelRole::Guest, ""));
    }
}
