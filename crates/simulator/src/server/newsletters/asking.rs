//! GraphQL about channels: made, described, changed, followed, muted and ended.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use rand::RngExt;
use serde_json::{Value, json};

use super::{FIRST_NUMBER, MOST_CHANNELS, Newsletter, Role};
use crate::jid::Jid;
use crate::server::account::Address;
use crate::server::groups::Picture;
use crate::server::world::World;

/// Longest name and description, in characters.
const LONGEST_NAME: usize = 100;
const LONGEST_DESCRIPTION: usize = 2048;
/// Largest picture, in bytes.
const LARGEST_PICTURE: usize = 1 << 20;

/// Why a query is refused: code and text.
type Refusal = (u16, &'static str);

const BAD_REQUEST: Refusal = (400, "Bad Request");
const FORBIDDEN: Refusal = (403, "Forbidden");
const NOT_FOUND: Refusal = (404, "Not Found");

/// What a query asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Query {
    Create,
    Update,
    Describe,
    List,
    Follow,
    Unfollow,
    Setting,
    Mute,
    Unmute,
    Delete,
    Directory,
    Search,
}

/// The numbers of persisted queries, and the field in which the answer lies: those of whatsapp-rust 0.7.0
/// (`wacore/src/iq/mex_operations.rs`), Baileys 7.0.0-rc14 (`Types/Mex.js`) and Baileys 6.7.24 (`Types/Newsletter.js`).
const QUERIES: [(&str, Query, &str); 16] = [
    ("25149874324715067", Query::Create, "xwa2_newsletter_create"),
    ("8823471724422422", Query::Create, "xwa2_newsletter_create"),
    ("24250201037901610", Query::Update, "xwa2_newsletter_update"),
    ("27456920720571478", Query::Describe, "xwa2_newsletter"),
    ("6563316087068696", Query::Describe, "xwa2_newsletter"),
    ("25399611239711790", Query::List, "xwa2_newsletter_subscribed"),
    ("24404358912487870", Query::Follow, "xwa2_newsletter_join_v2"),
    ("7871414976211147", Query::Follow, "xwa2_newsletter_follow"),
    ("9767147403369991", Query::Unfollow, "xwa2_newsletter_leave_v2"),
    ("7238632346214362", Query::Unfollow, "xwa2_newsletter_unfollow"),
    ("31938993655691868", Query::Setting, "xwa2_newsletter_update_user_setting"),
    ("29766401636284406", Query::Mute, "xwa2_newsletter_mute_v2"),
    ("9864994326891137", Query::Unmute, "xwa2_newsletter_unmute_v2"),
    ("30062808666639665", Query::Delete, "xwa2_newsletter_delete_v2"),
    ("26125047313831973", Query::Directory, "xwa2_newsletters_directory_list"),
    ("26301059626252132", Query::Search, "xwa2_newsletters_directory_search"),
];

impl World {
    /// Answers a query about channels; `None` when it is about something else.
    pub(in crate::server) fn ask_newsletters(
        &mut self,
        caller: &Address,
        id: &str,
        variables: &Value,
    ) -> Option<Value> {
        let (_, query, field) = QUERIES.into_iter().find(|(number, ..)| *number == id)?;
        Some(match self.newsletter_query(caller, query, variables) {
            Ok(answer) => json!({ "data": { field: answer } }),
            Err((code, text)) => json!({ "data": null, "errors": [{ "message": text,
                "extensions": { "error_code": code, "severity": "CRITICAL", "is_retryable": false } }] }),
        })
    }

    fn newsletter_query(
        &mut self,
        caller: &Address,
        query: Query,
        variables: &Value,
    ) -> Result<Value, Refusal> {
        let number = caller.number.as_str();
        match query {
            Query::Create => self.create_newsletter(number, &variables["input"]),
            Query::Describe => {
                let (kind, key) = (&variables["input"]["type"], &variables["input"]["key"]);
                self.describe_newsletter(number, kind.as_str(), key.as_str())
            }
            Query::List => Ok(Value::Array(
                self.newsletters
                    .values()
                    .filter(|one| one.role(number).is_some())
                    .map(|one| described(one, Some(number)))
                    .collect(),
            )),
            Query::Directory => Ok(self.directory(&variables["input"])),
            Query::Search => Ok(self.search_directory(&variables["input"])),
            Query::Setting => {
                let input = &variables["input"];
                let on = input["value"] == "ON";
                if !matches!(input["type"].as_str(), Some("MUTE_FOLLOWER_ACTIVITY" | "MUTE_ADMIN_ACTIVITY")) {
                    return Err(BAD_REQUEST);
                }
                self.mute_newsletter(number, input["newsletter_id"].as_str(), on)
            }
            Query::Mute | Query::Unmute => {
                self.mute_newsletter(number, variables["newsletter_id"].as_str(), query == Query::Mute)
            }
            _ => {
                let jid = variables["newsletter_id"].as_str().and_then(Jid::parse).ok_or(BAD_REQUEST)?;
                self.change_newsletter(number, query, &jid, &variables["updates"])
            }
        }
    }

    fn describe_newsletter(
        &self,
        number: &str,
        kind: Option<&str>,
        key: Option<&str>,
    ) -> Result<Value, Refusal> {
        let key = key.ok_or(BAD_REQUEST)?;
        let found = match kind {
            Some("JID") => Jid::parse(key).and_then(|jid| self.newsletter(&jid)),
            Some("INVITE") => self.newsletters.values().find(|one| one.invite == key),
            _ => return Err(BAD_REQUEST),
        };
        found.map(|one| described(one, Some(number))).ok_or(NOT_FOUND)
    }

    fn create_newsletter(&mut self, number: &str, input: &Value) -> Result<Value, Refusal> {
        let name = input["name"].as_str().filter(|name| !name.is_empty()).ok_or(BAD_REQUEST)?.to_owned();
        let description = input["description"].as_str().unwrap_or_default().to_owned();
        if self.newsletters.len() >= MOST_CHANNELS || !fits(&name, &description) {
            return Err(BAD_REQUEST);
        }
        let picture = self.newsletter_picture(&input["picture"])?;
        let user: u64 = self.rng.random_range(100_000_000_000_000..1_000_000_000_000_000);
        let code: u64 = self.rng.random();
        let made = Newsletter {
            id: format!("120{user}"),
            name,
            description,
            invite: format!("0029Va{code:016x}"),
            creation: self.seconds(),
            picture,
            members: [(number.to_owned(), Role::Owner)].into(),
            muted: BTreeSet::new(),
            posts: Vec::new(),
            last_number: FIRST_NUMBER,
            watchers: BTreeMap::new(),
        };
        let answer = described(&made, Some(number));
        self.newsletters.insert(made.id.clone(), made);
        Ok(answer)
    }

    /// A picture comes as the base64 of a JPEG; an empty one is none.
    fn newsletter_picture(&mut self, picture: &Value) -> Result<Option<Picture>, Refusal> {
        let Some(text) = picture.as_str().filter(|text| !text.is_empty()) else { return Ok(None) };
        let bytes = STANDARD.decode(text).map_err(|_| BAD_REQUEST)?;
        if !bytes.starts_with(&[0xff, 0xd8]) || bytes.len() > LARGEST_PICTURE {
            return Err(BAD_REQUEST);
        }
        let at = self.config.media.put("picture", Bytes::from(bytes));
        Ok(Some(Picture { id: self.next_sequence().to_string(), direct_path: at.direct_path }))
    }

    fn mute_newsletter(&mut self, number: &str, id: Option<&str>, on: bool) -> Result<Value, Refusal> {
        let jid = id.and_then(Jid::parse).ok_or(BAD_REQUEST)?;
        let channel = self.newsletter_mut(&jid).ok_or(NOT_FOUND)?;
        channel.role(number).ok_or(FORBIDDEN)?;
        if on {
            channel.muted.insert(number.to_owned());
        } else {
            channel.muted.remove(number);
        }
        Ok(stated(channel, "ACTIVE"))
    }

    fn change_newsletter(
        &mut self,
        number: &str,
        query: Query,
        jid: &Jid,
        updates: &Value,
    ) -> Result<Value, Refusal> {
        let picture = match query {
            Query::Update => self.newsletter_picture(&updates["picture"])?,
            _ => None,
        };
        let channel = self.newsletter_mut(jid).ok_or(NOT_FOUND)?;
        let role = channel.role(number);
        match query {
            Query::Follow => {
                channel.members.entry(number.to_owned()).or_insert(Role::Subscriber);
                Ok(described(channel, Some(number)))
            }
            Query::Unfollow if role == Some(Role::Subscriber) => {
                channel.members.remove(number);
                channel.muted.remove(number);
                Ok(stated(channel, "ACTIVE"))
            }
            Query::Delete if role == Some(Role::Owner) => {
                let answer = stated(channel, "DELETED");
                self.newsletters.remove(&jid.user);
                Ok(answer)
            }
            Query::Update if role == Some(Role::Owner) => {
                let text = |field: &str, old: &str| updates[field].as_str().unwrap_or(old).to_owned();
                let (name, description) =
                    (text("name", &channel.name), text("description", &channel.description));
                if name.is_empty() || !fits(&name, &description) {
                    return Err(BAD_REQUEST);
                }
                (channel.name, channel.description) = (name, description);
                if updates["picture"].is_string() {
                    channel.picture = picture;
                }
                Ok(described(channel, Some(number)))
            }
            _ => Err(FORBIDDEN),
        }
    }
}

fn fits(name: &str, description: &str) -> bool {
    name.chars().count() <= LONGEST_NAME && description.chars().count() <= LONGEST_DESCRIPTION
}

fn stated(channel: &Newsletter, state: &str) -> Value {
    json!({ "id": channel.jid().to_string(), "state": { "type": state } })
}

/// A channel as answers tell it; `viewer` is who asks, where the answer is for them alone.
pub(super) fn described(channel: &Newsletter, viewer: Option<&str>) -> Value {
    let time = channel.creation.to_string();
    let text = |text: &str| json!({ "id": time, "text": text, "update_time": time });
    // Baileys 7 reads the picture's fields without looking whether there is one.
    let picture = |kind: &str| {
        let known = channel.picture.as_ref();
        json!({ "id": known.map(|picture| picture.id.as_str()).unwrap_or_default(), "type": kind,
            "direct_path": known.map(|picture| picture.direct_path.as_str()).unwrap_or_default() })
    };
    let mut answer = stated(channel, "ACTIVE");
    answer["thread_metadata"] = json!({
        "creation_time": time,
        "name": text(&channel.name),
        "description": text(&channel.description),
        "invite": channel.invite,
        "handle": null,
        "picture": picture("IMAGE"),
        "preview": picture("PREVIEW"),
        "subscribers_count": channel.subscribers().to_string(),
        "verification": "UNVERIFIED",
    });
    if let Some(viewer) = viewer {
        let mute = if channel.muted.contains(viewer) { "ON" } else { "OFF" };
        answer["viewer_metadata"] = json!({
            "role": Role::name(channel.role(viewer)),
            "mute": mute,
            "settings": [{ "type": "MUTE_FOLLOWER_ACTIVITY", "value": mute }],
        });
    }
    answer
}
