//! Words in braces in the text of a bulk send.

use std::collections::BTreeMap;

/// The text with each `{word}` replaced by what stands for it.
///
/// # Errors
/// The word that nothing stands for.
pub fn filled(text: &str, variables: &BTreeMap<String, String>) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        if let Some((word, after)) = after.split_once('}').filter(|(word, _)| is_word(word)) {
            filled.push_str(variables.get(word).ok_or_else(|| word.to_owned())?);
            rest = after;
        } else {
            filled.push('{');
            rest = after;
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_braces_are_filled_in_and_others_stay() {
        let variables = BTreeMap::from([("name".to_owned(), "Ann {x}".to_owned())]);
        let written = filled("Hi {name}, {name}! {} {a b} {", &variables).unwrap();
        assert_eq!(written, "Hi Ann {x}, Ann {x}! {} {a b} {");
        assert_eq!(filled("Hi {first}", &variables).unwrap_err(), "first");
    }
}
