//! The words the gateway speaks: sessions, chats, messages, events. Shared by the engine, the
//! webhooks and the HTTP surface; knows none of them.

mod chat;
mod config;
mod event;
mod kept_secrets;
mod media;
mod message_id;
mod outgoing;
mod query;
mod secret;
mod session;

pub use chat::{ChatId, ChatIdError, ChatKind};
pub use config::{
    ClientConfig, CustomHeader, HmacConfig, IgnoreConfig, ProxyConfig, RetriesConfig, RetryPolicy,
    SessionConfig, WebhookConfig,
};
pub use event::{Ack, EventName, EventNameError, UnknownAck};
pub use kept_secrets::NoStoredSecret;
pub use media::MediaFile;
pub use message_id::{MessageId, MessageIdError};
pub use outgoing::{
    Delete, Edit, FileBody, IdempotencyKey, IdempotencyKeyError, Media, MediaKind, MediaSource, Outgoing,
    Reaction, Seen, Sent, Text, Typing,
};
pub use query::MessageQuery;
pub use secret::{PLACEHOLDER, Secret};
pub use session::{Me, SessionInfo, SessionName, SessionNameError, SessionStatus, StatusChange, Timestamps};
