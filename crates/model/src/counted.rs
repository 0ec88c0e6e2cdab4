//! Counted words, and spans of time as people say them.

/// `1 file`, `2 files`.
pub fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// A time in the past, milliseconds since 1970 both: `just now`, `2 hours ago`.
pub fn ago(at_ms: i64, now_ms: i64) -> String {
    let minutes = (now_ms - at_ms).max(0) / 60_000;
    match minutes {
        0 => "just now".to_owned(),
        1..60 => format!("{} ago", plural(minutes as usize, "minute")),
        60..2880 => format!("{} ago", plural(minutes as usize / 60, "hour")),
        _ => format!("{} ago", plural(minutes as usize / 1440, "day")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_nothing_else() {
        let told = [0, 1, 2].map(|count| plural(count, "file"));
        assert_eq!(told, ["0 files", "1 file", "2 files"]);
    }

    #[test]
    fn times_read_well() {
        let cases = [
            (0, "just now"),
            (61_000, "1 minute ago"),
            (7_300_000, "2 hours ago"),
            (200_000_000, "2 days ago"),
        ];
        for (since, expected) in cases {
            assert_eq!(ago(0, since), expected);
        }
        assert_eq!(ago(5, 0), "just now", "a clock that went back");
    }
}
