//! PAX records: `<length> <key>=<value>\n`, the length in decimal and of the whole record. A value may hold any byte, so
//! records are told apart by their lengths and not by line ends.

use crate::bounds::TarError;

/// What the records of one entry say that matters here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Records {
    pub path: Option<Vec<u8>>,
    pub link: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub uid: Option<u64>,
    pub gid: Option<u64>,
    pub sparse: bool,
}

const BROKEN: TarError = TarError::Broken("its PAX records cannot be read");

impl Records {
    /// Reads records; those that are already known are overridden, as POSIX has it.
    pub(crate) fn read(&mut self, mut text: &[u8], limit: usize) -> Result<(), TarError> {
        let mut count = 0;
        while !text.is_empty() {
            count += 1;
            if count > limit {
                return Err(TarError::Records { limit });
            }
            let blank = text.iter().take(20).position(|byte| *byte == b' ').ok_or(BROKEN)?;
            let length = usize::try_from(number(&text[..blank])?).map_err(|_| BROKEN)?;
            if length <= blank + 1 || length > text.len() {
                return Err(BROKEN);
            }
            let (record, rest) = text.split_at(length);
            let record = record[blank + 1..].strip_suffix(b"\n").ok_or(BROKEN)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or(BROKEN)?;
            self.take(&record[..equals], &record[equals + 1..])?;
            text = rest;
        }
        Ok(())
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), TarError> {
        match key {
            b"path" => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = Some(number(value)?),
            b"uid" => self.uid = Some(number(value)?),
            b"gid" => self.gid = Some(number(value)?),
            _ => self.sparse |= key.starts_with(b"GNU.sparse."),
        }
        Ok(())
    }
}

fn number(digits: &[u8]) -> Result<u64, TarError> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    text.and_then(|text| text.parse().ok()).ok_or(BROKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_told_apart_by_their_lengths() {
        let mut records = Records::default();
        records.read(b"13 path=a/b\nc\n11 size=42\n18 SCHILY.xattr.x=\n", 9).unwrap_err();
        let mut records = Records::default();
        records.read(b"14 path=a/b\nc\n11 size=42\n19 SCHILY.xattr.x=\n", 9).unwrap();
        assert_eq!(records.path.as_deref(), Some(&b"a/b\nc"[..]));
        assert_eq!(records.size, Some(42));
        assert!(!records.sparse);
        records.read(b"22 GNU.sparse.major=1\n", 9).unwrap();
        assert!(records.sparse);
    }

    #[test]
    fn broken_records_are_refused() {
        for text in [
            &b"x"[..],
            b"5 a=b",
            b"0 \n",
            b"3 \n",
            b"99 path=a\n",
            b"11 size=-2\n",
            b"+9 path=\n",
            b"6 abc\n",
        ] {
            assert!(Records::default().read(text, 9).is_err(), "{text:?}");
        }
        let many = b"6 a=b\n".repeat(10);
        assert!(matches!(Records::default().read(&many, 9), Err(TarError::Records { limit: 9 })));
    }
}
