//! How often a conversation with Baileys had to be told again: the harness of the end-to-end tests notes each in a file
//! (`tests/src/story.rs`), with the evidence of the race that spoilt it.

use std::io::ErrorKind;
use std::path::PathBuf;

use crate::run::workspace;

fn record() -> PathBuf {
    workspace().join("target/told-again.txt")
}

/// Forgets what earlier runs noted.
pub fn begin() -> Result<(), String> {
    match std::fs::remove_file(record()) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", record().display()))
        }
        _ => Ok(()),
    }
}

/// What is printed at the end of a run.
pub fn closing_lines() -> Result<Vec<String>, String> {
    match std::fs::read_to_string(record()) {
        Ok(notes) => Ok(lines(&notes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(lines("")),
        Err(error) => Err(format!("cannot read {}: {error}", record().display())),
    }
}

fn lines(notes: &str) -> Vec<String> {
    let told = notes.lines().map(|note| {
        let (which, why) = note.split_once('\t').unwrap_or((note, "no reason was noted"));
        format!("  {which}: {}", why.chars().take(300).collect::<String>())
    });
    let mut lines = vec![format!("conversations told again: {}", notes.lines().count())];
    lines.extend(told);
    lines
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn says_how_often_and_why() {
        assert_eq!(lines(""), ["conversations told again: 0"]);
        assert_eq!(
            lines("doctor::healthy\tben used a key twice\nmessages::lid\tlate\n"),
            [
                "conversations told again: 2",
                "  doctor::healthy: ben used a key twice",
                "  messages::lid: late"
            ]
        );
    }
}
