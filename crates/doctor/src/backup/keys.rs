//! What is left of the keys of a login in credentials that are torn: enough to tell one login from another.

use memchr::memmem;

/// What stands before each key in the credentials that Baileys writes (`JSON.stringify` of `initAuthCreds`, with its
/// `BufferJSON.replacer`). A login keeps the first two as long as it lives.
const NOISE: &[u8] = br#""noiseKey":{"private":{"type":"Buffer","data":""#;
const IDENTITY: &[u8] = br#""signedIdentityKey":{"private":{"type":"Buffer","data":""#;
/// The signed pre-key may be made anew, under the next id.
const SIGNED: &[u8] = br#""signedPreKey":{"keyPair":{"private":{"type":"Buffer","data":""#;
/// What stands before its id.
const KEY_ID: &[u8] = br#""keyId":"#;
/// Its id follows within so many bytes: a public key and a signature in base64 lie between.
const TO_KEY_ID: usize = 400;
/// Characters of a key that have to be the same: 48 bits.
const TELLING: usize = 8;
/// Characters of the whole key, without the sign that fills it up.
const KEY: usize = 43;

/// What is left of each key, in base64.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Keys {
    noise: Vec<u8>,
    identity: Vec<u8>,
    signed: Vec<u8>,
    /// The signed pre-key's id.
    signed_id: Option<u32>,
}

/// Private keys are not printed.
impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lengths = [&self.noise, &self.identity, &self.signed].map(Vec::len);
        write!(formatter, "Keys({lengths:?}, {:?})", self.signed_id)
    }
}

impl Keys {
    /// Looks for them, wherever the text is torn.
    pub(super) fn in_text(text: &[u8]) -> Self {
        let (noise, identity, signed) = (key(text, NOISE), key(text, IDENTITY), key(text, SIGNED));
        let signed_id = memmem::find(text, SIGNED).and_then(|at| {
            let near = &text[at..text.len().min(at + SIGNED.len() + TO_KEY_ID)];
            number(&near[memmem::find(near, KEY_ID)? + KEY_ID.len()..])
        });
        Self { noise, identity, signed, signed_id }
    }

    /// How many of them are the same, and how many are another login's.
    pub(super) fn compared_with(&self, other: &Self) -> (usize, usize) {
        let (mut same, mut others) = (0, 0);
        let is_same_id = self.signed_id.is_some() && self.signed_id == other.signed_id;
        let all = [
            (&self.noise, &other.noise, true),
            (&self.identity, &other.identity, true),
            (&self.signed, &other.signed, is_same_id),
        ];
        for (ours, theirs, is_lasting) in all {
            let both = ours.len().min(theirs.len());
            if ours[..both] == theirs[..both] {
                same += usize::from(both >= TELLING);
            } else {
                others += usize::from(is_lasting);
            }
        }
        (same, others)
    }
}

/// A key, whole or cut off by the end of the text or by what a loss of power leaves.
fn key(text: &[u8], before: &[u8]) -> Vec<u8> {
    let Some(at) = memmem::find(text, before) else { return Vec::new() };
    let rest = &text[at + before.len()..];
    let is_of_key = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let len = rest.iter().take(KEY).take_while(is_of_key).count();
    let is_left = matches!((rest.get(len), len), (None | Some(0), _) | (Some(b'='), KEY));
    if is_left { rest[..len].to_vec() } else { Vec::new() }
}

fn number(text: &[u8]) -> Option<u32> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    // What the end of the text cuts off may be longer.
    (digits < text.len()).then(|| std::str::from_utf8(&text[..digits]).ok()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn login(fixture: &str) -> Vec<u8> {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        std::fs::read(fixtures.join(fixture).join("creds.json")).unwrap()
    }

    /// Nothing but what begins with the signed pre-key.
    fn signed_alone(text: &[u8]) -> Vec<u8> {
        let at = memmem::find(text, SIGNED).unwrap();
        [&vec![0; at][..], &text[at..]].concat()
    }

    #[test]
    fn each_key_tells_its_login_alone() {
        let (own, other) = (login("baileys6"), login("baileys7"));
        let theirs = [Keys::in_text(&own), Keys::in_text(&other)];
        assert!(theirs.iter().all(|keys| keys.signed_id == Some(1)), "{theirs:?}");
        let compared = |text: &[u8]| theirs.each_ref().map(|keys| Keys::in_text(text).compared_with(keys));
        assert_eq!(compared(&own), [(3, 0), (0, 3)]);
        assert_eq!(compared(&signed_alone(&own)), [(1, 0), (0, 1)]);
        assert_eq!(compared(&own[..60]), [(1, 0), (0, 1)], "cut in the first one");
        assert_eq!(compared(b"{"), [(0, 0), (0, 0)]);
        // Damage in the middle of a key tells nothing of it.
        let mut spoilt = signed_alone(&own);
        let at = memmem::find(&spoilt, SIGNED).unwrap() + SIGNED.len() + 20;
        spoilt[at] = b'\n';
        assert_eq!(compared(&spoilt), [(0, 0), (0, 0)]);
    }

    #[test]
    fn a_signed_pre_key_that_was_made_anew_is_no_other_login() {
        let own = login("baileys6");
        let text = String::from_utf8(login("baileys7")).unwrap();
        let newer = text.replace(r#""keyId":1"#, r#""keyId":2"#);
        assert_ne!(text, newer);
        let signed = Keys::in_text(&signed_alone(newer.as_bytes()));
        assert_eq!(signed.compared_with(&Keys::in_text(&own)), (0, 0));
    }
}
