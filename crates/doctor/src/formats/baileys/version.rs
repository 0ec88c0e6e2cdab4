//! The releases of Baileys, as far as they differ in what they store and how they find it again.
//!
//! The major version does not tell: 6.7.19 stores sender keys as 7.x does, and names devices as 6.7.18 does. What is said
//! here was tried with the packages themselves: each of them read what each other one had written.

use super::sender_key::Shape;

/// Releases that store alike: which of them wrote a folder, or is to run on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Version {
    /// 6.7.18 and before, and 6.17.16, which is older than its number.
    #[serde(rename = "6")]
    V6,
    /// 6.7.19 to 6.7.24.
    #[serde(rename(serialize = "6", deserialize = "6.7.19"))]
    V6Late,
    /// 6 and no more, as people write it: one of the two above.
    #[serde(rename(serialize = "6", deserialize = "6.7"))]
    Six,
    /// 7.0.0-rc.1 to rc.4.
    #[serde(rename(serialize = "7", deserialize = "7.0.0-rc.1"))]
    V7Early,
    /// 7.0.0-rc.5 to rc14.
    #[serde(rename = "7")]
    V7,
    /// One that wakeeper was not tried with; taken for one like the newest, but nothing is renamed or removed for its sake.
    #[serde(rename(serialize = "7", deserialize = "8"))]
    Newer,
}

/// The newest release candidate of 7.0.0 that wakeeper was tried with.
const NEWEST_CANDIDATE: u32 = 14;

impl Version {
    /// How it stores sender keys.
    pub fn sender_keys(self) -> Shape {
        if matches!(self, Self::V6 | Self::Six) { Shape::Array } else { Shape::Buffer }
    }

    /// The release that a folder is written for: 6 and no more is 6.7.18.
    #[must_use]
    pub fn to_write(self) -> Self {
        if self == Self::Six { Self::V6 } else { self }
    }

    /// Whether the name of a device's file says that its number is a LID, and whether it keeps LIDs of phone numbers.
    pub fn knows_lids(self) -> bool {
        self >= Self::V7Early
    }

    /// Whether a record without an open session keeps it from sending: the file's existence counts as a session.
    pub fn trusts_any_record(self) -> bool {
        self <= Self::V7Early
    }

    /// Reads the number of a release, as `package.json` or a person writes it: `6`, `6.7.21`, `7.0.0-rc.9`, `v7.0.0-rc14`.
    pub fn of_release(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix('v').unwrap_or(text);
        let (numbers, candidate) = match text.split_once('-') {
            Some((numbers, rest)) => (numbers, Some(candidate(rest)?)),
            None => (text, None),
        };
        let numbers: Vec<u32> = numbers.split('.').map(number).collect::<Option<_>>()?;
        match (numbers.as_slice(), candidate) {
            ([6] | [6, 7], None) => Some(Self::Six),
            ([6, 7, 19..=24], None) => Some(Self::V6Late),
            (
                [6, 7, 0..=18]
                | [6, 17, 16]
                | [6, 0..=6]
                | [6, 0..=6, _]
                | [4 | 5]
                | [4 | 5, _]
                | [4 | 5, _, _],
                None,
            ) => Some(Self::V6),
            ([6, _] | [6, _, _], None) => Some(Self::Newer),
            ([7, 0, 0], Some(1..=4)) => Some(Self::V7Early),
            ([7] | [7, 0], None) | ([7, 0, 0], Some(5..=NEWEST_CANDIDATE)) => Some(Self::V7),
            ([major] | [major, _] | [major, _, _], _) if *major >= 7 => Some(Self::Newer),
            _ => None,
        }
    }
}

/// `rc.9` and `rc14` are both names that were given to releases.
fn candidate(text: &str) -> Option<u32> {
    let text = text.strip_prefix("rc")?;
    number(text.strip_prefix('.').unwrap_or(text))
}

fn number(text: &str) -> Option<u32> {
    let digits = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V6 => "6.7.18 and before",
            Self::V6Late => "6.7.19 to 6.7.24",
            Self::V7Early => "7.0.0-rc.1 to rc.4",
            Self::V7 => "7.0.0-rc.5 to rc14",
            Self::Six => "6.7.18 or 6.7.24",
            Self::Newer => "of a release that wakeeper does not know (taken for one like 7.0.0-rc14)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_tells_how_it_stores() {
        for (text, version) in [
            ("6", Version::Six),
            ("6.7", Version::Six),
            ("6.6.0", Version::V6),
            ("5.0.0", Version::V6),
            ("6.8.0", Version::Newer),
            ("8.0.0", Version::Newer),
            ("6.7.9", Version::V6),
            ("6.7.18", Version::V6),
            ("6.7.19", Version::V6Late),
            ("v6.7.24", Version::V6Late),
            ("6.17.16", Version::V6),
            ("7.0.0-rc.1", Version::V7Early),
            ("7.0.0-rc.4", Version::V7Early),
            ("7.0.0-rc.5", Version::V7),
            ("7.0.0-rc10", Version::V7),
            ("7.0.0-rc14", Version::V7),
            ("7", Version::V7),
            ("7.0.0-rc15", Version::Newer),
            ("7.0.0", Version::Newer),
            ("7.1.3", Version::Newer),
            ("6.7.25", Version::Newer),
        ] {
            assert_eq!(Version::of_release(text), Some(version), "{text}");
        }
    }

    #[test]
    fn what_is_no_release_is_none() {
        for text in
            ["", "x", "6.", "6.7.x", "^6.7.18", "7.0.0-beta", "7.0.0-rc", "6.7.18-rc.1", "1.2.3", "6.7.18.1"]
        {
            assert_eq!(Version::of_release(text), None, "{text}");
        }
    }

    #[test]
    fn manifests_of_older_wakeepers_are_read_and_read_ours() {
        for version in [Version::V6Late, Version::V7Early, Version::Newer] {
            let text = serde_json::to_string(&version).unwrap();
            assert!(text == "\"6\"" || text == "\"7\"", "{text}");
            assert!(serde_json::from_str::<Version>(&text).is_ok());
        }
    }
}
