//! Contact cards as texts: vCard 3.0 (RFC 2426), with `waid` for the number on WhatsApp, as WhatsApp's own apps write them.

use wakeeper_model::{ChatId, ChatKind};

use super::Card;

/// Longest card, in bytes. One with a picture has some ten thousand.
const LONGEST: usize = 256 << 10;

/// Why something is no contact card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// The text is no vCard.
    #[error("vcard: one text from BEGIN:VCARD to END:VCARD")]
    NoCard,
    /// The text names nobody.
    #[error("vcard: a card has a name, in FN or N")]
    Nameless,
    /// The text is too long.
    #[error("vcard: at most {LONGEST} bytes")]
    TooLong,
    /// There is no name.
    #[error("fullName: must not be empty")]
    NoName,
    /// There is no number.
    #[error("phoneNumber: a phone number such as +62 811 1222 333")]
    NoNumber,
    /// The number on WhatsApp is none.
    #[error("whatsappId: a phone number without signs, such as 628111222333")]
    NoWhatsAppId,
}

impl Card {
    /// A card that is a vCard text already.
    ///
    /// # Errors
    /// When it is none, or more than one.
    pub fn of_text(vcard: &str) -> Result<Self, CardError> {
        if vcard.len() > LONGEST {
            return Err(CardError::TooLong);
        }
        let lines = unfolded(vcard);
        let is = |line: Option<&String>, text: &str| line.is_some_and(|line| line.eq_ignore_ascii_case(text));
        let begins = lines.iter().filter(|line| line.eq_ignore_ascii_case("BEGIN:VCARD")).count();
        if begins != 1 || !is(lines.first(), "BEGIN:VCARD") || !is(lines.last(), "END:VCARD") {
            return Err(CardError::NoCard);
        }
        let name = value(&lines, "FN").or_else(|| value(&lines, "N").map(|name| name.replace(';', " ")));
        let name = name.unwrap_or_default().trim().to_owned();
        if name.is_empty() {
            return Err(CardError::Nameless);
        }
        Ok(Self { name, vcard: vcard.trim().to_owned() })
    }

    /// A card made of what is known of a person. No value can add a line to it.
    ///
    /// # Errors
    /// When name or number is missing, or the number on WhatsApp is none.
    pub fn of_person(
        name: &str,
        organization: Option<&str>,
        number: &str,
        whatsapp_id: Option<&str>,
    ) -> Result<Self, CardError> {
        let (name, number) = (name.trim(), number.trim());
        if name.is_empty() {
            return Err(CardError::NoName);
        }
        if number.chars().all(|letter| !letter.is_ascii_digit()) || number.chars().any(char::is_control) {
            return Err(CardError::NoNumber);
        }
        let waid = match whatsapp_id {
            Some(id) => {
                let id: ChatId = id.parse().map_err(|_| CardError::NoWhatsAppId)?;
                let digits = id.as_str().split('@').next().unwrap_or_default();
                if id.kind() != ChatKind::Phone {
                    return Err(CardError::NoWhatsAppId);
                }
                format!(";waid={digits}")
            }
            None => String::new(),
        };
        let mut lines = vec!["BEGIN:VCARD".to_owned(), "VERSION:3.0".to_owned()];
        lines.push(format!("N:;{};;;", escaped(name)));
        lines.push(format!("FN:{}", escaped(name)));
        if let Some(organization) = organization.map(str::trim).filter(|text| !text.is_empty()) {
            lines.push(format!("ORG:{};", escaped(organization)));
        }
        lines.push(format!("TEL;type=CELL;type=VOICE{waid}:{}", escaped(number)));
        lines.push("END:VCARD".to_owned());
        let card = Self { name: name.to_owned(), vcard: lines.join("\n") };
        if card.vcard.len() > LONGEST { Err(CardError::TooLong) } else { Ok(card) }
    }
}

/// A value as a vCard writes it (RFC 2426, section 5). Line breaks of every kind become `\n`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' | ',' | ';' => escaped.extend(['\\', letter]),
            '\r' if letters.peek() == Some(&'\n') => {}
            '\r' | '\n' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => escaped.push_str("\\n"),
            letter if letter.is_control() => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// The lines of a card; a line that begins with space goes on from the one before (RFC 2426, section 2.6).
fn unfolded(vcard: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in vcard.trim().lines() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(more), Some(last)) => last.push_str(more),
            _ => lines.push(line.trim_end().to_owned()),
        }
    }
    lines
}

/// The value of the first property of that name, whatever its group and parameters.
fn value(lines: &[String], name: &str) -> Option<String> {
    lines.iter().find_map(|line| {
        let (property, value) = line.split_once(':')?;
        let property = property.split(';').next()?;
        let property = property.rsplit('.').next()?;
        property.eq_ignore_ascii_case(name).then(|| plain(value))
    })
}

/// The opposite of [`escaped`].
fn plain(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n' | 'N') => plain.push('\n'),
                Some(letter) => plain.push(letter),
                None => {}
            },
            letter => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_becomes_a_card() {
        let card = Card::of_person("Jane Doe", Some("Acme, Inc."), "+62 811 1222 333", Some("628111222333"))
            .unwrap();
        assert_eq!(card.name, "Jane Doe");
        assert_eq!(
            card.vcard,
            "BEGIN:VCARD\nVERSION:3.0\nN:;Jane Doe;;;\nFN:Jane Doe\nORG:Acme\\, Inc.;\n\
             TEL;type=CELL;type=VOICE;waid=628111222333:+62 811 1222 333\nEND:VCARD"
        );
        let bare = Card::of_person("Jane", None, "112", None).unwrap();
        assert!(bare.vcard.contains("\nTEL;type=CELL;type=VOICE:112\n") && !bare.vcard.contains("ORG"));
        let same = Card::of_person("Jane", None, "+62 811 1222 333", Some("628111222333@c.us")).unwrap();
        assert!(same.vcard.contains(";waid=628111222333:"));
    }

    #[test]
    fn no_value_adds_a_line() {
        for end in ["\n", "\r", "\r\n", "\u{85}", "\u{2028}", "\u{b}", "\u{c}"] {
            let evil = format!("Jane{end}TEL:666");
            let card = Card::of_person(&evil, Some(&evil), "112", None).unwrap();
            let lines: Vec<_> =
                card.vcard.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{b}', '\u{c}']).collect();
            assert_eq!(lines.len(), 7, "{:?}", card.vcard);
            assert!(lines.iter().all(|line| !line.starts_with("TEL:")), "{:?}", card.vcard);
            assert_eq!(
                Card::of_person("Jane", None, &format!("1{end}TEL:666"), None).is_err(),
                end.chars().all(char::is_control)
            );
        }
    }

    #[test]
    fn what_is_no_person_is_refused() {
        assert_eq!(Card::of_person(" ", None, "112", None), Err(CardError::NoName));
        assert_eq!(Card::of_person("Jane", None, "", None), Err(CardError::NoNumber));
        assert_eq!(Card::of_person("Jane", None, "1\nTEL:2", None), Err(CardError::NoNumber));
        for id in ["jane", "1@g.us", "900@lid", "628;x=1", ""] {
            assert_eq!(Card::of_person("Jane", None, "112", Some(id)), Err(CardError::NoWhatsAppId), "{id}");
        }
    }

    #[test]
    fn a_text_is_a_card_when_it_is_one() {
        let text =
            "begin:vcard\r\nVERSION:3.0\r\nitem1.FN;CHARSET=UTF-8:Jane\r\n  Doe\\, Dr.\r\nEND:VCARD\r\n";
        let card = Card::of_text(text).unwrap();
        assert_eq!((card.name.as_str(), card.vcard.as_str()), ("Jane Doe, Dr.", text.trim()));
        let named = Card::of_text("BEGIN:VCARD\nN:Doe;Jane\nEND:VCARD").unwrap();
        assert_eq!(named.name, "Doe Jane");
        let two = "BEGIN:VCARD\nFN:A\nEND:VCARD\nBEGIN:VCARD\nFN:B\nEND:VCARD";
        for bad in ["", "Jane", "BEGIN:VCARD\nFN:A", two] {
            assert_eq!(Card::of_text(bad), Err(CardError::NoCard), "{bad}");
        }
        assert_eq!(Card::of_text(&"x".repeat(LONGEST + 1)), Err(CardError::TooLong));
    }
}
