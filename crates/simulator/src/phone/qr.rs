//! The text inside the QR code that a new device shows.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A QR code that does not link a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QrError {
    /// There must be four fields (older clients) or five (with the client type).
    #[error("cannot read the QR code: expected 4 or 5 fields separated by commas, found {0}")]
    Fields(usize),
    /// A key field is not standard base64 of 32 bytes.
    #[error("cannot read the QR code: the {0} is not 32 bytes in base64")]
    Key(&'static str),
    /// The first field is empty.
    #[error("cannot read the QR code: it has no reference")]
    Reference,
}

/// What a new device tells the phone that scans it.
#[derive(Clone, PartialEq, Eq)]
pub struct QrCode {
    /// The server's reference to the connection.
    pub reference: String,
    /// The device's static Noise key.
    pub noise_public: [u8; 32],
    /// The device's Signal identity key.
    pub identity_public: [u8; 32],
    /// Secret under which the phone's answer is authenticated.
    pub adv_secret: [u8; 32],
}

impl fmt::Debug for QrCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QrCode(..)")
    }
}

impl QrCode {
    /// Reads `ref,noise,identity,secret[,client type]`, perhaps behind a `https://wa.me/...#` link.
    pub fn parse(text: &str) -> Result<Self, QrError> {
        let text = text.trim();
        let text = if text.starts_with("http://") || text.starts_with("https://") {
            text.rsplit_once('#').map_or(text, |(_, fields)| fields)
        } else {
            text
        };
        let fields: Vec<&str> = text.split(',').collect();
        if !(4..=5).contains(&fields.len()) {
            return Err(QrError::Fields(fields.len()));
        }
        if fields[0].is_empty() {
            return Err(QrError::Reference);
        }
        Ok(Self {
            reference: fields[0].to_owned(),
            noise_public: key(fields[1], "Noise key")?,
            identity_public: key(fields[2], "identity key")?,
            adv_secret: key(fields[3], "secret")?,
        })
    }
}

fn key(field: &str, which: &'static str) -> Result<[u8; 32], QrError> {
    STANDARD.decode(field).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(QrError::Key(which))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> String {
        let key = |byte: u8| STANDARD.encode([byte; 32]);
        format!("2@ref/with=signs,{},{},{}", key(1), key(2), key(3))
    }

    #[test]
    fn four_and_five_fields_and_links_are_read() {
        for text in [
            fields(),
            format!("{},1", fields()),
            format!(" {} \n", fields()),
            format!("https://wa.me/settings/linked_devices#{},1", fields()),
        ] {
            let code = QrCode::parse(&text).unwrap();
            assert_eq!(code.reference, "2@ref/with=signs", "{text}");
            assert_eq!(code.noise_public, [1; 32]);
            assert_eq!(code.identity_public, [2; 32]);
            assert_eq!(code.adv_secret, [3; 32]);
        }
    }

    #[test]
    fn damaged_codes_are_refused_with_the_reason() {
        assert_eq!(QrCode::parse("").unwrap_err(), QrError::Fields(1));
        assert_eq!(QrCode::parse("a,b,c").unwrap_err(), QrError::Fields(3));
        assert_eq!(QrCode::parse("a,b,c,d").unwrap_err(), QrError::Key("Noise key"));
        assert_eq!(QrCode::parse(&fields().replacen("2@ref/with=signs", "", 1)), Err(QrError::Reference));
        let short = fields().replace(&STANDARD.encode([3; 32]), &STANDARD.encode([3; 31]));
        assert_eq!(QrCode::parse(&short).unwrap_err(), QrError::Key("secret"));
    }
}
