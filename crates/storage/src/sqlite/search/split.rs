//! Texts as the table of words takes them: bounded, and with each letter by itself where a script writes no spaces between
//! words. A word of such a script is searched as its letters, one after the other.

/// So many characters of a text are searched.
const LONGEST: usize = 8_192;

/// Whether words of this letter's script are not told apart by spaces.
fn stands_alone(letter: char) -> bool {
    matches!(letter,
        '\u{0e00}'..='\u{0eff}' // Thai, Lao
        | '\u{1000}'..='\u{109f}' // Burmese
        | '\u{1780}'..='\u{17ff}' // Khmer
        | '\u{3040}'..='\u{30ff}' // Hiragana, Katakana
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// The text as the table takes it.
pub(super) fn words(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(4 * LONGEST));
    for letter in text.chars().take(LONGEST) {
        if stands_alone(letter) {
            out.extend([' ', letter, ' ']);
        } else {
            // A text could hold the end of another.
            out.push(if letter == '\0' { ' ' } else { letter });
        }
    }
    if out.chars().any(char::is_alphanumeric) { out } else { String::new() }
}
