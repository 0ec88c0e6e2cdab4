//! Which chats and people are asked for.

use wakeeper_model::ChatId;
use wakeeper_storage::ChatOrder;

/// Which chats are listed, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatListQuery {
    /// In which order.
    pub order: ChatOrder,
    /// The last first.
    pub descending: bool,
    /// At most so many.
    pub limit: u32,
    /// Skip so many.
    pub offset: u32,
}

/// Which chats are shown with their last messages: the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverviewQuery {
    /// Only these. Empty: all.
    pub ids: Vec<ChatId>,
    /// At most so many.
    pub limit: u32,
    /// Skip so many.
    pub offset: u32,
}

/// Which people are listed, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactListQuery {
    /// By name instead of by id.
    pub by_name: bool,
    /// The last first.
    pub descending: bool,
    /// At most so many.
    pub limit: u32,
    /// Skip so many.
    pub offset: u32,
}
