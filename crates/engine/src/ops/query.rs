//! Questions to the message store.

/// Which messages of a chat, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageQuery {
    /// At most so many.
    pub limit: u32,
    /// Skip so many.
    pub offset: u32,
    /// Not older than this, in seconds since 1970.
    pub since: Option<i64>,
    /// Not newer than this, in seconds since 1970.
    pub until: Option<i64>,
    /// Only own messages, or only others'.
    pub from_me: Option<bool>,
    /// Fetch the files too, so that the `media.url` of the answers serves at once.
    pub download_media: bool,
}

impl Default for MessageQuery {
    fn default() -> Self {
        Self { limit: 100, offset: 0, since: None, until: None, from_me: None, download_media: false }
    }
}
