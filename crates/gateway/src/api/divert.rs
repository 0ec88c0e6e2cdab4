//! Takes the file out of a JSON body while it comes in: the text of `file.data` goes through the
//! base64 decoder to disk, everything else stays text. So a request of any size needs little memory.
//!
//! Only a body whose outermost value is an object with a field `file`, which is an object with a
//! string `data`, is changed ([`Divert::bare`]: with a string `data` itself); the string is then empty in the text that is left. What is no JSON
//! stays so: the parser that reads the text judges it.

use memchr::memchr2;

/// Follows the structure of a JSON text as far as it must.
#[derive(Default)]
pub(super) struct Divert {
    /// Objects and arrays that are open.
    depth: usize,
    /// The outermost value is the file.
    bare: bool,
    /// The outermost value is an object.
    object: bool,
    /// The present value at depth 2 is the object `file`.
    in_file: bool,
    /// The next string at this depth, 1 or 2, is a key.
    key_next: bool,
    /// The last key at depth 1 is `file`.
    file_key: bool,
    /// The last key at the depth of the file is `data`.
    data_key: bool,
    string: Text,
    /// A file was taken out. Only the first is: JSON with two is refused by the parser.
    taken: bool,
}

/// Inside which kind of string the text is.
#[derive(Default)]
enum Text {
    /// In none.
    #[default]
    Outside,
    /// A key, as far as it is short.
    Key { raw: Vec<u8>, escaped: bool },
    /// A value that stays.
    Value { escaped: bool },
    /// The file.
    File(Escape),
}

/// How far an escape sequence in the file's text has come.
enum Escape {
    No,
    Begun,
    /// `\u` and some hex digits.
    Unicode(u32, u8),
}

/// Longer keys are not looked at.
const LONGEST_KEY: usize = 8;

impl Divert {
    /// For a body that is itself what stands in the field `file` of others.
    pub(super) fn bare() -> Self {
        Self { bare: true, ..Self::default() }
    }

    /// Is there a file?
    pub(super) fn taken(&self) -> bool {
        self.taken
    }

    /// Sorts the next bytes: the text that stays, and the base64 text of the file.
    pub(super) fn feed(&mut self, mut bytes: &[u8], text: &mut Vec<u8>, file: &mut Vec<u8>) {
        while let Some((&first, rest)) = bytes.split_first() {
            match &mut self.string {
                Text::Outside => {
                    text.push(first);
                    self.outside(first);
                    bytes = rest;
                }
                Text::Key { .. } => {
                    text.push(first);
                    self.key(first);
                    bytes = rest;
                }
                Text::Value { escaped: true } => {
                    text.push(first);
                    self.string = Text::Value { escaped: false };
                    bytes = rest;
                }
                Text::Value { escaped: false } => {
                    let end = memchr2(b'"', b'\\', bytes);
                    let plain = end.unwrap_or(bytes.len());
                    text.extend_from_slice(&bytes[..plain]);
                    bytes = &bytes[plain..];
                    if let Some((&end, rest)) = bytes.split_first() {
                        text.push(end);
                        self.string = if end == b'"' { Text::Outside } else { Text::Value { escaped: true } };
                        bytes = rest;
                    }
                }
                Text::File(Escape::No) => {
                    let end = memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
                    // Bare control characters are no JSON: they stay, so that the parser says so.
                    text.extend(bytes[..end].iter().filter(|byte| **byte < 0x20));
                    file.extend_from_slice(&bytes[..end]);
                    bytes = &bytes[end..];
                    if let Some((&end, rest)) = bytes.split_first() {
                        if end == b'"' {
                            text.push(b'"');
                            self.string = Text::Outside;
                        } else {
                            self.string = Text::File(Escape::Begun);
                        }
                        bytes = rest;
                    }
                }
                Text::File(escape) => {
                    if let Some(byte) = escape.next(first) {
                        file.push(byte);
                    }
                    bytes = rest;
                }
            }
        }
    }

    fn outside(&mut self, byte: u8) {
        match byte {
            b'{' | b'[' => {
                self.depth += 1;
                if self.depth == 1 {
                    self.object = byte == b'{';
                } else if self.depth == 2 {
                    self.in_file = byte == b'{' && self.object && self.file_key;
                }
                self.key_next = byte == b'{';
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth < 2 {
                    self.in_file = false;
                }
            }
            b',' => self.key_next = true,
            b':' => self.key_next = false,
            b'"' => self.string = self.begin(),
            _ => {}
        }
    }

    fn begin(&mut self) -> Text {
        let in_file = self.depth == 2 && self.in_file && !self.bare;
        let looked_at = (self.depth == 1 && self.object) || in_file;
        if looked_at && self.key_next {
            return Text::Key { raw: Vec::new(), escaped: false };
        }
        if looked_at && (self.bare || self.depth == 2) && self.data_key && !self.taken {
            self.taken = true;
            return Text::File(Escape::No);
        }
        Text::Value { escaped: false }
    }

    fn key(&mut self, byte: u8) {
        let Text::Key { raw, escaped } = &mut self.string else { return };
        if *escaped || byte != b'"' {
            *escaped = !*escaped && byte == b'\\';
            if raw.len() < LONGEST_KEY {
                raw.push(byte);
            }
            return;
        }
        if self.depth == 1 && !self.bare {
            self.file_key = raw == b"file";
        } else {
            self.data_key = raw == b"data";
        }
        self.string = Text::Outside;
    }
}

impl Escape {
    /// Takes the next byte of an escape sequence and answers the character when it is complete. What
    /// is not in the alphabet of base64 becomes something that the decoder refuses.
    fn next(&mut self, byte: u8) -> Option<u8> {
        let (next, character) = match (&self, byte) {
            (Self::Begun, b'u') => (Self::Unicode(0, 0), None),
            (Self::Begun, b'/') => (Self::No, Some(b'/')),
            (Self::Begun, b'n' | b'r' | b't') => (Self::No, Some(b'\n')),
            (Self::Unicode(value, digits), _) => match char::from(byte).to_digit(16) {
                Some(digit) => {
                    let value = value * 16 + digit;
                    if *digits == 3 {
                        (Self::No, Some(u8::try_from(value).unwrap_or(0xff)))
                    } else {
                        (Self::Unicode(value, digits + 1), None)
                    }
                }
                None => (Self::No, Some(0xff)),
            },
            _ => (Self::No, Some(0xff)),
        };
        *self = next;
        character
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn divert(json: &[u8], size: usize) -> (String, Option<String>) {
        let (mut divert, mut text, mut file) = (Divert::default(), Vec::new(), Vec::new());
        for chunk in json.chunks(size.max(1)) {
            divert.feed(chunk, &mut text, &mut file);
        }
        let file = divert.taken().then(|| String::from_utf8_lossy(&file).into_owned());
        (String::from_utf8_lossy(&text).into_owned(), file)
    }

    #[test]
    fn only_the_data_of_the_file_is_taken() {
        for (json, left, file) in [
            (r#"{"file":{"data":"QUJD"}}"#, r#"{"file":{"data":""}}"#, Some("QUJD")),
            (r#"{"a":[{"file":{"data":"x"}}]}"#, r#"{"a":[{"file":{"data":"x"}}]}"#, None),
            (
                r#"{"a":{"data":"x"},"file":{"data":"y","z":"w"}}"#,
                r#"{"a":{"data":"x"},"file":{"data":"","z":"w"}}"#,
                Some("y"),
            ),
            (
                r#"{"file" : { "mimetype":"a","data" : "y" } , "b":"c"}"#,
                r#"{"file" : { "mimetype":"a","data" : "" } , "b":"c"}"#,
                Some("y"),
            ),
            (r#"{"data":"x","caption":"file"}"#, r#"{"data":"x","caption":"file"}"#, None),
            (r#"{"file":["data","x"]}"#, r#"{"file":["data","x"]}"#, None),
            (r#"{"file":{"x":{"data":"y"}}}"#, r#"{"file":{"x":{"data":"y"}}}"#, None),
            (r#"{"file":{"x":"data","y":"z"}}"#, r#"{"file":{"x":"data","y":"z"}}"#, None),
            (r#"[{"file":{"data":"x"}}]"#, r#"[{"file":{"data":"x"}}]"#, None),
            (r#"{"file":{"data":5}}"#, r#"{"file":{"data":5}}"#, None),
            (r#"{"fil\"e":{"data":"x"}}"#, r#"{"fil\"e":{"data":"x"}}"#, None),
            (r#"{"file":{"data":"a\/b\u002bc\n"}}"#, r#"{"file":{"data":""}}"#, Some("a/b+c\n")),
            (r#"{"file":{"data":"x","data":"y"}}"#, r#"{"file":{"data":"","data":"y"}}"#, Some("x")),
            (r#"{"caption":"\\","file":{"data":"x"}}"#, r#"{"caption":"\\","file":{"data":""}}"#, Some("x")),
        ] {
            for size in [1, 2, 3, 1000] {
                assert_eq!(
                    divert(json.as_bytes(), size),
                    (left.to_owned(), file.map(str::to_owned)),
                    "{json}"
                );
            }
        }
    }

    #[test]
    fn a_body_may_be_the_file_itself() {
        for (json, left, file) in [
            (r#"{"data":"QUJD","url":""}"#, r#"{"data":"","url":""}"#, Some("QUJD")),
            (r#"{"url":"data","data":"x","data":"y"}"#, r#"{"url":"data","data":"","data":"y"}"#, Some("x")),
            (r#"{"file":{"data":"x"}}"#, r#"{"file":{"data":"x"}}"#, None),
            (r#"{"data":["x"],"a":{"data":"x"}}"#, r#"{"data":["x"],"a":{"data":"x"}}"#, None),
            (r#"{"data":{"x":"y"},"b":"z"}"#, r#"{"data":{"x":"y"},"b":"z"}"#, None),
            (r#"["data","x"]"#, r#"["data","x"]"#, None),
        ] {
            for size in [1, 2, 1000] {
                let (mut divert, mut text, mut taken) = (Divert::bare(), Vec::new(), Vec::new());
                for chunk in json.as_bytes().chunks(size) {
                    divert.feed(chunk, &mut text, &mut taken);
                }
                assert_eq!(String::from_utf8(text).unwrap(), left, "{json}");
                assert_eq!(
                    divert.taken().then(|| String::from_utf8(taken).unwrap()).as_deref(),
                    file,
                    "{json}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_json_stays_so() {
        let (left, _) = divert(b"{\"file\":{\"data\":\"QU\nJD\"}}", 3);
        assert!(serde_json::from_str::<serde_json::Value>(&left).is_err(), "{left:?}");
        let (left, _) = divert(br#"{"file":{"data":"QUJD"#, 3);
        assert!(serde_json::from_str::<serde_json::Value>(&left).is_err(), "{left:?}");
    }

    proptest! {
        #[test]
        fn other_json_is_left_alone(
            fields in proptest::collection::btree_map("[a-z]{1,5}", ".{0,20}", 0..6),
            size in 1usize..40,
        ) {
            let json = serde_json::json!({ "x": fields, "list": [fields] }).to_string();
            prop_assert_eq!(divert(json.as_bytes(), size), (json, None));
        }

        #[test]
        fn files_come_out_as_they_went_in(data in "[A-Za-z0-9+/]{0,300}", caption in ".{0,20}", size in 1usize..40) {
            let json = serde_json::json!({ "caption": caption, "file": { "data": data } }).to_string();
            let (left, file) = divert(json.as_bytes(), size);
            prop_assert_eq!(file, Some(data));
            let left: serde_json::Value = serde_json::from_str(&left).unwrap();
            prop_assert_eq!(left, serde_json::json!({ "caption": caption, "file": { "data": "" } }));
        }
    }
}
