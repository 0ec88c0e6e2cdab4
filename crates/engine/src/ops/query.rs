//! Questions to the message store.

/// Whether files are fetched, so that the `media.url` of an answer serves at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Download {
    /// None.
    #[default]
    Nothing,
    /// Every one.
    All,
    /// Those of these types, told by their beginnings: `image/png`, or `image/` for every picture.
    Of(Vec<String>),
}

impl Download {
    /// Is a file of this type fetched?
    pub(crate) fn wants(&self, mimetype: Option<&str>) -> bool {
        match self {
            Self::Nothing => false,
            Self::All => true,
            Self::Of(types) => {
                let mimetype = mimetype.unwrap_or_default().to_ascii_lowercase();
                types.iter().any(|wanted| mimetype.starts_with(&wanted.trim().to_ascii_lowercase()))
            }
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_chosen_by_the_beginning_of_their_type() {
        let of = Download::Of(vec!["image/png".to_owned(), "Audio/".to_owned()]);
        for (mimetype, wanted) in [
            (Some("image/png"), true),
            (Some("audio/ogg; codecs=opus"), true),
            (Some("image/jpeg"), false),
            (None, false),
        ] {
            assert_eq!(of.wants(mimetype), wanted, "{mimetype:?}");
            assert!(Download::All.wants(mimetype) && !Download::Nothing.wants(mimetype));
        }
    }
}
