//! Counted words.

/// `1 file`, `2 files`.
pub fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::plural;

    #[test]
    fn one_is_singular_and_nothing_else() {
        let told = [0, 1, 2].map(|count| plural(count, "file"));
        assert_eq!(told, ["0 files", "1 file", "2 files"]);
    }
}
