use std::fmt;

/// Where a send is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendState {
    /// On disk; whether WhatsApp has it is not known.
    Accepted,
    /// WhatsApp's server acknowledged it. Final.
    Acked,
    /// It cannot be sent. Final.
    Failed,
}

/// A send that was accepted, kept so that it happens once even across a crash.
#[derive(Clone, PartialEq, Eq)]
pub struct SendRow {
    /// The session it goes out of.
    pub session: String,
    /// The caller's `Idempotency-Key`, when there is one; unique inside a session.
    pub idempotency_key: Option<String>,
    /// Hash of the request, to tell another body under the same key.
    pub request_hash: String,
    /// The stanza id chosen before the first attempt; unique inside a session.
    pub message_id: String,
    /// Where it is.
    pub state: SendState,
    /// The chat it goes to.
    pub chat: String,
    /// The `wa.Message` that goes out, to send it again after a crash.
    pub proto: Vec<u8>,
    /// Of a status update: who is to see it, as the wire names them. Empty for every other send.
    pub recipients: Vec<String>,
    /// Why it failed, once it did.
    pub error: Option<String>,
    /// When it was accepted.
    pub created_ms: i64,
    /// When it last moved.
    pub updated_ms: i64,
}

impl fmt::Debug for SendRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendRow")
            .field("session", &self.session)
            .field("message_id", &self.message_id)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// What [`crate::OwnedRows::begin_send`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendBegun {
    /// Nothing was under this key: the row is stored, go on.
    New,
    /// The key is taken; compare `request_hash`, then answer or go on with this one.
    Existing(Box<SendRow>),
    /// Another send has this stanza id; nothing was stored.
    IdTaken,
}
