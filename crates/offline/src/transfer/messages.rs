//! What `baileys_store.json` kept for display, into the rows that the gateway shows.

use std::path::Path;

use serde::Serialize;
use wakeeper_doctor::address::Address;
use wakeeper_doctor::formats::baileys_store::{self, StoredMessage};
use wakeeper_doctor::model::Session;
use wakeeper_doctor::source::{Folder, Limits};
use wakeeper_engine_store::text_message;
use wakeeper_model::{Ack, ChatId, ChatKind, MessageId, SessionName};
use wakeeper_storage::{Change, Described, MessageRow, OwnedRows, StorageError, WireKey};

/// Messages that are committed together.
const BATCH: usize = 500;
/// Largest store that is read; genuine ones are rewritten every few seconds and stay far below.
const LARGEST: u64 = 1 << 30;

/// What came out of a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct StoreImport {
    /// Messages that can be read in their chats now.
    pub messages: usize,
    /// Messages that made no sense, or that no person sees.
    pub skipped: usize,
}

/// Why a store was not imported.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreImportError {
    #[error("it cannot be read: {0}")]
    Read(String),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("the task that read it failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// Imports the messages of a store. Those that are stored already stay as they are; nobody is told of any.
pub(super) async fn import(
    path: &Path,
    name: &SessionName,
    session: &Session,
    owned: &OwnedRows,
) -> Result<StoreImport, StoreImportError> {
    let path = path.to_owned();
    let (found, mut skipped) = tokio::task::spawn_blocking(move || read(&path)).await??;
    let translator = Translator { name, session };
    let mut rows: Vec<MessageRow> = Vec::with_capacity(found.len());
    for message in &found {
        match translator.row(message) {
            Some(row) => rows.push(row),
            None => skipped += 1,
        }
    }
    // Rows of a chat come in the order of their arrival.
    rows.sort_by_key(|row| row.timestamp_s);
    let mut messages = 0;
    for batch in rows.chunks(BATCH) {
        let changes: Vec<Change> = batch
            .iter()
            .map(|row| Change::Message {
                row: Box::new(row.clone()),
                updates: Vec::new(),
                events: Vec::new(),
            })
            .collect();
        messages += owned.commit(changes.into()).await?.applied.iter().filter(|applied| **applied).count();
    }
    Ok(StoreImport { messages, skipped })
}

fn read(path: &Path) -> Result<(Vec<StoredMessage>, usize), StoreImportError> {
    let unreadable = |error: &dyn std::fmt::Display| StoreImportError::Read(error.to_string());
    let parent =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let folder = Folder::open(parent).map_err(|error| unreadable(&error))?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let limits = Limits { file: LARGEST, ..Limits::default() };
    let text = folder.read(name, &limits).map_err(|error| unreadable(&error))?;
    let mut found = Vec::new();
    let skipped = baileys_store::messages(&text, |message| found.push(message));
    Ok((found, skipped))
}

struct Translator<'a> {
    name: &'a SessionName,
    session: &'a Session,
}

impl Translator<'_> {
    fn row(&self, message: &StoredMessage) -> Option<MessageRow> {
        let chat = self.chat(&message.chat)?;
        let grouped = matches!(chat.kind(), ChatKind::Group | ChatKind::Broadcast);
        let me = self.chat(&self.session.credentials.me.phone.to_string())?;
        let participant = match &message.participant {
            Some(jid) if grouped => self.chat(jid),
            _ if grouped && message.from_me => Some(me.clone()),
            _ => None,
        };
        let sender = match &participant {
            _ if message.from_me => me.clone(),
            Some(participant) => participant.clone(),
            None => chat.clone(),
        };
        let id = MessageId { from_me: message.from_me, chat, stanza_id: message.id.clone(), participant };
        // An id that its own callers could not write back is none.
        id.to_string().parse::<MessageId>().ok()?;
        let ack = ack(message);
        let proto = proto(message);
        // What the protobuf does not say.
        let described = if proto.is_empty() {
            Described {
                body: Some(message.body.clone()),
                mimetype: message.mimetype.clone(),
                filename: message.file_name.clone().filter(|_| message.mimetype.is_some()),
                ..Described::default()
            }
        } else {
            Described::default()
        };
        Some(MessageRow {
            session: self.name.as_str().to_owned(),
            chat: id.chat.as_str().to_owned(),
            id: message.id.clone(),
            from_me: message.from_me,
            participant: id.participant.as_ref().map(ToString::to_string).unwrap_or_default(),
            sender: sender.as_str().to_owned(),
            account: Some(me.as_str().to_owned()),
            timestamp_s: message.timestamp_s,
            kind: kind(message).to_owned(),
            ack: i32::from(ack.number()),
            from_api: false,
            push_name: message.push_name.clone(),
            wire: WireKey {
                chat: message.chat.clone(),
                participant: message.participant.clone(),
                ..WireKey::default()
            },
            target: None,
            proto,
            described,
            reply_to: None,
            edited: false,
            revoked: false,
            hidden: false,
        })
    }

    /// A chat as callers see it: by phone number where that is known, and without a device.
    fn chat(&self, jid: &str) -> Option<ChatId> {
        let Some(address) = Address::from_jid(jid) else { return jid.parse().ok() };
        let me = &self.session.credentials.me;
        let own_lid = me.lid.as_ref().is_some_and(|lid| lid.user == address.user);
        let phone = match address.domain.is_lid() {
            true if own_lid => Some(me.phone.user.as_str()),
            true => self.session.phone_of(&address.user),
            false => Some(address.user.as_str()),
        };
        match phone {
            Some(phone) => format!("{phone}@c.us").parse().ok(),
            None => format!("{}@lid", address.user).parse().ok(),
        }
    }
}

fn ack(message: &StoredMessage) -> Ack {
    match message.status {
        Some(0) => Ack::Error,
        Some(1) => Ack::Pending,
        Some(3) => Ack::Device,
        Some(4) => Ack::Read,
        Some(5) => Ack::Played,
        _ if message.from_me => Ack::Server,
        _ => Ack::Device,
    }
}

fn kind(message: &StoredMessage) -> &'static str {
    match message.kind.as_str() {
        "conversation" | "extendedText" => "text",
        "image" => "image",
        "video" | "ptv" => "video",
        "audio" => "audio",
        "document" => "document",
        "sticker" => "sticker",
        "location" => "location",
        "liveLocation" => "live_location",
        "contact" => "contact",
        "contactsArray" => "contacts",
        "pollCreation" | "pollCreationMessageV2" | "pollCreationMessageV3" => "poll",
        _ => "unknown",
    }
}

/// Texts can be answered and forwarded; files cannot be fetched any more, so their messages have no protobuf.
fn proto(message: &StoredMessage) -> Vec<u8> {
    if kind(message) != "text" || message.body.is_empty() || message.mimetype.is_some() {
        return Vec::new();
    }
    text_message(&message.body)
}
