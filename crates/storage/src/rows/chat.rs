use std::fmt;

use super::{MessageRow, NewEvent};

/// A person, as far as they are known. Unique by `(session, id)`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ContactRow {
    /// The phone number as a chat id where it is known, else the LID.
    pub id: String,
    /// The LID beside the phone number.
    pub lid: Option<String>,
    /// The full name in the account's address book.
    pub name: Option<String>,
    /// The first name there.
    pub short_name: Option<String>,
    /// The name that the person chose.
    pub push_name: Option<String>,
    /// The name of a business that WhatsApp verified.
    pub business_name: Option<String>,
    /// Stands in the address book.
    pub saved: bool,
}

impl ContactRow {
    /// The name that people know the person by.
    #[must_use]
    pub fn shown_name(&self) -> Option<&str> {
        let names = [&self.name, &self.business_name, &self.push_name];
        names.into_iter().flatten().map(String::as_str).next()
    }
}

impl fmt::Debug for ContactRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContactRow").field("saved", &self.saved).finish_non_exhaustive()
    }
}

/// What was learnt of a person. What is `None` stays as it is; an empty text takes a name away.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ContactUpdate {
    /// One name of the person: the phone number as a chat id, or the LID.
    pub id: String,
    /// The LID, when `id` is a phone number and both are known to be the same person.
    pub lid: Option<String>,
    /// See [`ContactRow::name`].
    pub name: Option<String>,
    /// See [`ContactRow::short_name`].
    pub short_name: Option<String>,
    /// See [`ContactRow::push_name`].
    pub push_name: Option<String>,
    /// See [`ContactRow::business_name`].
    pub business_name: Option<String>,
    /// See [`ContactRow::saved`].
    pub saved: Option<bool>,
}

impl fmt::Debug for ContactUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContactUpdate").field("saved", &self.saved).finish_non_exhaustive()
    }
}

/// A chat. Unique by `(session, id)`.
#[derive(Clone, PartialEq, Eq)]
pub struct ChatRow {
    /// Its id: of a person the phone number where it is known, else the LID.
    pub id: String,
    /// What the phone calls it.
    pub name: Option<String>,
    /// When it was last written in, Unix seconds.
    pub last_s: i64,
    /// How many messages were not read.
    pub unread: u32,
    /// Somebody marked it as unread.
    pub marked_unread: bool,
    /// It is archived.
    pub archived: bool,
    /// Since when it is pinned, Unix seconds.
    pub pinned_s: Option<i64>,
    /// Until when it is muted, Unix milliseconds; -1 for good.
    pub muted_until_ms: Option<i64>,
    /// The person it is with.
    pub contact: Option<ContactRow>,
}

impl ChatRow {
    /// The name that people know it by: the address book's before the phone's before the person's own.
    #[must_use]
    pub fn shown_name(&self) -> Option<&str> {
        let book = self.contact.as_ref().and_then(|contact| contact.name.as_deref());
        let own = || self.contact.as_ref().and_then(ContactRow::shown_name);
        book.or(self.name.as_deref()).or_else(own)
    }
}

impl fmt::Debug for ChatRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatRow").field("unread", &self.unread).finish_non_exhaustive()
    }
}

/// What happened to a chat as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatChange {
    /// It went to the archive, or came back.
    Archived(bool),
    /// It was pinned at this time, Unix seconds, or is not any more.
    Pinned(Option<i64>),
    /// It is muted until then, Unix milliseconds (-1 for good), or not any more.
    Muted(Option<i64>),
    /// It was marked as unread.
    MarkedUnread,
    /// It was read until this, Unix seconds, and its messages until then count as read. Newer ones stay unread.
    Read {
        /// Until here.
        until_s: i64,
    },
    /// It is called so. What it was called later stays.
    Named {
        /// Its name.
        name: String,
        /// Since when, Unix seconds.
        at_s: i64,
    },
    /// It is there no more, unless it was written in after this, Unix seconds. Its messages go with
    /// [`crate::OwnedRows::clear_chat`].
    Deleted {
        /// Until here.
        until_s: i64,
    },
    /// Its messages until this, Unix seconds, are gone: none of them is unread; newer ones may be.
    Cleared {
        /// Until here.
        until_s: i64,
    },
}

/// A chat as the phone's history tells of it.
#[derive(Clone, PartialEq, Eq)]
pub struct PastChat {
    /// Its id; see [`ChatRow::id`].
    pub id: String,
    /// See [`ChatRow::name`].
    pub name: Option<String>,
    /// See [`ChatRow::last_s`].
    pub last_s: i64,
    /// See [`ChatRow::unread`].
    pub unread: u32,
    /// See [`ChatRow::marked_unread`].
    pub marked_unread: bool,
    /// See [`ChatRow::archived`].
    pub archived: bool,
    /// See [`ChatRow::pinned_s`].
    pub pinned_s: Option<i64>,
    /// See [`ChatRow::muted_until_ms`].
    pub muted_until_ms: Option<i64>,
}

impl fmt::Debug for PastChat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PastChat").field("unread", &self.unread).finish_non_exhaustive()
    }
}

/// One step through a part of the history: no events come of it, and a message that is known stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastStep {
    /// Which part.
    pub part: String,
    /// How many steps of it are done with this one.
    pub done: i64,
    /// A chat. What is known of it already stays, but for an older name.
    pub chats: Vec<PastChat>,
    /// Messages.
    pub messages: Vec<MessageRow>,
    /// People.
    pub contacts: Vec<ContactUpdate>,
}

/// A change of a chat, with the events that tell of it if it is one.
#[derive(Clone)]
pub struct ChatUpdate {
    /// Any name of the chat.
    pub id: String,
    /// What happened.
    pub change: ChatChange,
    /// The events.
    pub events: Vec<NewEvent>,
}

/// By what chats are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChatOrder {
    /// By the time of the last message.
    #[default]
    Time,
    /// By id.
    Id,
    /// By the name that is shown; those without one last.
    Name,
}

/// Which chats to read. A chat in which nothing was written is not among them.
#[derive(Clone, Debug, Default)]
pub struct ChatQuery {
    /// Only these, by their ids. Empty: all.
    pub ids: Vec<String>,
    /// In which order.
    pub order: ChatOrder,
    /// The last first.
    pub descending: bool,
    /// At most so many.
    pub limit: u32,
    /// Skip so many first.
    pub offset: u32,
}

/// Which people to read.
#[derive(Clone, Debug, Default)]
pub struct ContactQuery {
    /// By the name that is shown instead of by id; those without one last.
    pub by_name: bool,
    /// The last first.
    pub descending: bool,
    /// At most so many.
    pub limit: u32,
    /// Skip so many first.
    pub offset: u32,
}
