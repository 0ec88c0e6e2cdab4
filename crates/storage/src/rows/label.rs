use std::fmt;

/// A label that chats can have.
#[derive(Clone, PartialEq, Eq)]
pub struct LabelRow {
    /// The id that the account's devices know it by.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Its colour, by WhatsApp's number.
    pub color: i32,
    /// It was deleted; the row keeps its id taken, until there is no room for another label.
    pub deleted: bool,
    /// The raw `SyncActionValue.LabelEditAction`.
    pub action: Vec<u8>,
}

impl fmt::Debug for LabelRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LabelRow")
            .field("id", &self.id)
            .field("color", &self.color)
            .field("deleted", &self.deleted)
            .finish_non_exhaustive()
    }
}

/// That a chat has a label.
#[derive(Clone, PartialEq, Eq)]
pub struct LabelChatRow {
    /// The label's id. The label itself may be unknown: its own row may come later.
    pub label: String,
    /// The chat as callers know it.
    pub chat: String,
    /// The chat's JID, as the action names it.
    pub wire: String,
}

impl fmt::Debug for LabelChatRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LabelChatRow").field("label", &self.label).finish_non_exhaustive()
    }
}

/// What happened to labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelChange {
    /// A label was made, changed or deleted. A deleted one is taken off every chat.
    Label(LabelRow),
    /// A chat got a label.
    Added(LabelChatRow),
    /// A chat lost a label: under each of these names of it.
    Removed {
        /// The label's id.
        label: String,
        /// The chat, as callers may know it.
        chats: Vec<String>,
    },
}

impl LabelChange {
    /// How many labels of a session are stored at most. WhatsApp's apps allow 20. Deleted ones are counted, and give way to
    /// new ones, all but the one with the highest number.
    pub const MOST_LABELS: u32 = 1_000;
    /// How many chats of a session with a label are stored at most, those with several counted for each.
    pub const MOST_CHATS: u32 = 200_000;
}
