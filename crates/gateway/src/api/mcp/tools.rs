//! The tools: what each is called, what it takes, and which request of the API it is.

use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::api::error::{ApiError, ErrorCode};
use crate::api::sending::default_session;
use crate::api::strict;

/// The one that is there only where messages can be searched.
pub(super) const SEARCH: &str = "search_messages";
/// Most messages and chats of one answer: whoever reads them has little room.
const MOST: u64 = 50;

/// A tool.
pub(super) struct Described {
    pub name: &'static str,
    pub description: &'static str,
    /// It changes nothing.
    pub reads: bool,
    pub schema: fn() -> Value,
    /// The request that it is.
    pub ask: fn(Value) -> Result<Asked, ApiError>,
}

/// A request of the API.
pub(super) struct Asked {
    pub method: Method,
    /// With its query.
    pub path: String,
    pub body: Option<Value>,
    pub idempotency_key: Option<String>,
}

pub(super) static ALL: [Described; 6] = [
    Described {
        name: "list_sessions",
        description: "The sessions (linked WhatsApp accounts), with the status of each: WORKING can send and receive, \
                      SCAN_QR_CODE waits for a person with the phone.",
        reads: true,
        schema: || object(json!({}), &[]),
        ask: |arguments| {
            strict::from_value::<Nothing>("", arguments)?;
            get(&["api", "sessions"], &[("all", Some("true".to_owned()))])
        },
    },
    Described {
        name: "read_session",
        description: "The status of one session, since when, and the account that is linked.",
        reads: true,
        schema: || object(json!({"session": session()}), &[]),
        ask: |arguments| {
            let of: OfSession = strict::from_value("", arguments)?;
            get(&["api", "sessions", &of.session], &[])
        },
    },
    Described {
        name: "list_chats",
        description: "The chats of a session with the last message of each, the newest first.",
        reads: true,
        schema: || {
            let offset = json!({"type": "integer", "minimum": 0, "description": "Skip so many."});
            object(json!({"session": session(), "limit": limit(), "offset": offset}), &[])
        },
        ask: |arguments| {
            let list: Chats = strict::from_value("", arguments)?;
            let query = [
                ("limit", Some(bounded(list.limit)?)),
                ("offset", list.offset.map(|offset| offset.to_string())),
            ];
            get(&["api", &list.session, "chats", "overview"], &query)
        },
    },
    Described {
        name: "read_messages",
        description: "The messages of a chat, the newest first. What stands in them was written by other people.",
        reads: true,
        schema: || {
            let fields =
                json!({"session": session(), "chatId": chat(), "limit": limit(), "cursor": cursor()});
            object(fields, &["chatId"])
        },
        ask: |arguments| {
            let list: Messages = strict::from_value("", arguments)?;
            let query = [("limit", Some(bounded(list.limit)?)), ("cursor", list.cursor)];
            get(&["api", &list.session, "chats", &list.chat_id, "messages"], &query)
        },
    },
    Described {
        name: SEARCH,
        description: "Messages that hold all of some words, the newest first.",
        reads: true,
        schema: || {
            let words = json!({"type": "string", "description": "The words; with * behind three letters or more: words that begin so."});
            let fields = json!({
                "session": session(), "q": words, "chatId": chat(), "limit": limit(), "cursor": cursor(),
            });
            object(fields, &["q"])
        },
        ask: |arguments| {
            let search: Search = strict::from_value("", arguments)?;
            let query = [
                ("q", Some(search.q)),
                ("chatId", search.chat_id),
                ("limit", Some(bounded(search.limit)?)),
                ("cursor", search.cursor),
            ];
            get(&["api", &search.session, "messages", "search"], &query)
        },
    },
    Described {
        name: "send_text",
        description: "Sends a text to a person or a group. It goes out at once.",
        reads: false,
        schema: || {
            let fields = json!({
                "session": session(),
                "chatId": chat(),
                "text": {"type": "string", "description": "The text."},
                "replyTo": {"type": "string", "description": "Id of the message that it answers."},
                "idempotencyKey": {"type": "string", "description": "The same key and text are sent once, however often they are asked for."},
            });
            object(fields, &["chatId", "text"])
        },
        ask: |arguments| {
            let send: Send = strict::from_value("", arguments)?;
            let mut body = json!({"session": send.session, "chatId": send.chat_id, "text": send.text});
            if let Some(answered) = send.reply_to {
                body["reply_to"] = Value::from(answered);
            }
            let (method, path) = (Method::POST, "/api/sendText".to_owned());
            Ok(Asked { method, path, body: Some(body), idempotency_key: send.idempotency_key })
        },
    },
];

#[derive(Deserialize)]
struct Nothing {}

#[derive(Deserialize)]
struct OfSession {
    #[serde(default = "default_session")]
    session: String,
}

#[derive(Deserialize)]
struct Chats {
    #[serde(default = "default_session")]
    session: String,
    limit: Option<u64>,
    offset: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Messages {
    #[serde(default = "default_session")]
    session: String,
    chat_id: String,
    limit: Option<u64>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Search {
    #[serde(default = "default_session")]
    session: String,
    q: String,
    chat_id: Option<String>,
    limit: Option<u64>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Send {
    #[serde(default = "default_session")]
    session: String,
    chat_id: String,
    text: String,
    reply_to: Option<String>,
    idempotency_key: Option<String>,
}

fn object(properties: Value, required: &[&str]) -> Value {
    let mut schema = json!({"type": "object", "required": required, "additionalProperties": false});
    schema["properties"] = properties;
    schema
}

fn session() -> Value {
    json!({"type": "string", "default": "default", "description": "Name of the session."})
}

fn chat() -> Value {
    json!({"type": "string", "description": "Id of the chat, such as 628111222333@c.us or 120363000000000000@g.us."})
}

fn limit() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": MOST, "default": 10, "description": "How many at most."})
}

fn cursor() -> Value {
    json!({"type": "string", "description": "The nextCursor of the answer before, for the ones behind it."})
}

fn bounded(limit: Option<u64>) -> Result<String, ApiError> {
    let limit = limit.unwrap_or(10);
    if !(1..=MOST).contains(&limit) {
        return Err(ApiError::invalid(format!("limit: a number from 1 to {MOST}")));
    }
    Ok(limit.to_string())
}

/// A request that reads. What stands in its path and its query is encoded.
fn get(segments: &[&str], query: &[(&str, Option<String>)]) -> Result<Asked, ApiError> {
    // Of an address with `.` or nothing between two slashes, less would be left than was asked for.
    if segments.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
        return Err(ApiError::invalid("an argument is empty or a dot"));
    }
    let unfit = || ApiError::new(ErrorCode::Internal, "The gateway could not ask itself");
    let mut address = Url::parse("http://localhost/").map_err(|_| unfit())?;
    address.path_segments_mut().map_err(|()| unfit())?.clear().extend(segments);
    for (name, value) in query {
        if let Some(value) = value {
            address.query_pairs_mut().append_pair(name, value);
        }
    }
    let path = match address.query() {
        Some(query) => format!("{}?{query}", address.path()),
        None => address.path().to_owned(),
    };
    Ok(Asked { method: Method::GET, path, body: None, idempotency_key: None })
}
