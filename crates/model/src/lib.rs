//! The words that every crate shares: sessions, chats, messages, how far a message got, the time of day, counts, names of our databases. No I/O.

mod ack;
mod backoff;
mod chat;
mod clock;
mod counted;
mod databases;
mod message_id;
mod rows_failure;
mod session_name;
pub mod time;

pub use ack::{Ack, UnknownAck};
pub use backoff::Backoff;
pub use chat::{ChatId, ChatIdError, ChatKind};
pub use clock::Clock;
pub use counted::{ago, plural};
pub use databases::{ENGINE_DATABASE, ROWS_DATABASE};
pub use message_id::{MessageId, MessageIdError, NamedMessage, StanzaId};
pub use rows_failure::RowsFailure;
pub use session_name::{SessionName, SessionNameError};
