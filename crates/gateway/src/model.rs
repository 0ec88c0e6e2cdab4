//! What callers ask of the engine and get from it. Shared by the engine and the HTTP surface; knows neither.

mod media;
mod outgoing;
mod query;

pub use media::MediaFile;
pub use outgoing::{
    Delete, Edit, FileBody, IdempotencyKey, IdempotencyKeyError, Media, MediaKind, MediaSource, Outgoing,
    Reaction, Seen, Sent, Text, Typing,
};
pub use query::MessageQuery;
