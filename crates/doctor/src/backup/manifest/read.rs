//! Reads a manifest that anybody may have written. Its text is never in memory as a whole, and what it makes us keep is
//! bounded while it is read: the length of a string, the depth, the number of rows.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufReader, Read};
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::LAYOUT;
use crate::backup::Reason;
use crate::backup::series::Told;
use crate::examine::CredentialsState;
use crate::json::guard::{Exceeded, Guard};
use crate::whatsmeow::FORMAT;

/// Bytes of a manifest. One of 200,000 files has about 40 MB.
pub(crate) const BYTES: u64 = 48 << 20;
/// Files that a manifest may name.
pub(crate) const FILES: usize = 200_000;
/// Rows of what could not be backed up.
pub(crate) const LEFT_OUT: usize = 10_000;
/// Bytes of a string or a number. The longest genuine ones are file names, of at most 255 bytes, and the system's words.
const TOKEN: usize = 4096;
/// Nesting of a manifest: itself, a list, a row; and what later layouts may add.
const DEPTH: usize = 8;
/// Bytes of the beginning in which the layout stands.
const HEAD: usize = 4096;

/// Why a manifest cannot be read.
#[derive(Debug)]
pub(crate) enum Refused {
    /// A later layout.
    Newer(u32),
    /// Its layout is not there at all: another kind of file.
    NoLayout,
    /// What is wrong.
    Because(&'static str),
    /// The stream that it is in.
    Stream(io::Error),
}

/// What a list of backups tells of one. Rows are counted, not kept.
#[derive(Debug, Deserialize)]
pub struct Summary {
    layout: u32,
    /// The state of the credentials when it was made.
    pub credentials: CredentialsState,
    /// Errors that its examination found in the files when it was made.
    #[serde(default)]
    pub errors: Option<usize>,
    /// Which login, see [`super::account_mark`].
    #[serde(default)]
    pub account: Option<String>,
    /// Where the session lies, see [`crate::backup::place_mark`].
    #[serde(default)]
    pub place: Option<String>,
    /// How the session was stored.
    #[serde(default)]
    pub format: Option<String>,
    /// Why it was made.
    #[serde(default)]
    pub reason: Option<Reason>,
    /// Number of records of Signal sessions.
    pub signal_sessions: usize,
    /// Number of files.
    #[serde(deserialize_with = "counted")]
    pub files: usize,
}

impl Summary {
    /// Whose it is, as far as it says so.
    pub(in crate::backup) fn told(&self) -> Told<'_> {
        Told {
            login: self.account.as_deref().filter(|_| self.credentials != CredentialsState::Missing),
            place: self.place.as_deref(),
            of_a_store: self.format.as_deref() == Some(FORMAT),
        }
    }
}

/// What tells its layout.
pub(crate) trait Layered {
    /// The layout.
    fn layout(&self) -> u32;
}

impl Layered for Summary {
    fn layout(&self) -> u32 {
        self.layout
    }
}

/// Reads a manifest, or a part of one, from its member.
pub(crate) fn read<T: DeserializeOwned + Layered>(member: impl Read) -> Result<T, Refused> {
    let mut head = Head { inner: member, head: Vec::new() };
    let guard = Guard::new(&mut head, TOKEN, DEPTH);
    let parsed: Result<T, _> = serde_json::from_reader(BufReader::with_capacity(1 << 14, guard));
    match (parsed, layout_of(&head.head)) {
        // A later layout may have another shape.
        (_, Some(layout)) if layout > LAYOUT => Err(Refused::Newer(layout)),
        (Ok(parsed), _) if parsed.layout() > LAYOUT => Err(Refused::Newer(parsed.layout())),
        (Ok(parsed), _) => Ok(parsed),
        (Err(error), _) if error.is_io() => {
            let error = io::Error::from(error);
            match error.get_ref().and_then(|inner| inner.downcast_ref::<Exceeded>()) {
                Some(Exceeded(what)) => Err(Refused::Because(what)),
                None => Err(Refused::Stream(error)),
            }
        }
        (Err(_), None) => Err(Refused::NoLayout),
        (Err(error), Some(_)) if error.to_string().starts_with(MANY) => Err(Refused::Because(MANY)),
        (Err(_), Some(_)) => Err(Refused::Because("it is not a manifest")),
    }
}

const MANY: &str = "it names too many files";

/// Deserializes a list of at most `LIMIT` rows.
pub(super) fn rows<'de, D: Deserializer<'de>, T: Deserialize<'de>, const LIMIT: usize>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    from.deserialize_seq(Rows::<T, LIMIT>(PhantomData))
}

struct Rows<T, const LIMIT: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const LIMIT: usize> Visitor<'de> for Rows<T, LIMIT> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut rows = Vec::new();
        while let Some(row) = items.next_element()? {
            if rows.len() == LIMIT {
                return Err(serde::de::Error::custom(MANY));
            }
            rows.push(row);
        }
        Ok(rows)
    }
}

fn counted<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    struct Count;
    impl<'de> Visitor<'de> for Count {
        type Value = usize;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<usize, A::Error> {
            let mut count = 0;
            while items.next_element::<IgnoredAny>()?.is_some() {
                count += 1;
                if count > FILES {
                    return Err(serde::de::Error::custom(MANY));
                }
            }
            Ok(count)
        }
    }
    from.deserialize_seq(Count)
}

/// The layout, as far as the beginning of the text tells it.
fn layout_of(head: &[u8]) -> Option<u32> {
    struct Find<'c>(&'c Cell<Option<u32>>);
    impl<'de> Visitor<'de> for Find<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a manifest")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(key) = map.next_key::<String>()? {
                if key == "layout" {
                    self.0.set(Some(map.next_value()?));
                    return Ok(());
                }
                map.next_value::<IgnoredAny>()?;
            }
            Ok(())
        }
    }
    impl<'de> DeserializeSeed<'de> for Find<'_> {
        type Value = ();

        fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
            from.deserialize_map(self)
        }
    }
    let found = Cell::new(None);
    // The text is cut short, so this fails in the end; what was found before that counts.
    let _ = Find(&found).deserialize(&mut serde_json::Deserializer::from_slice(head));
    found.get()
}

/// Remembers the beginning.
struct Head<R> {
    inner: R,
    head: Vec<u8>,
}

impl<R: Read> Read for Head<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(room)?;
        let missing = HEAD - self.head.len();
        self.head.extend(&room[..read.min(missing)]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
