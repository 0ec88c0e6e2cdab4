//! The pages for people who run wakeeper use usual words.

use crate::text;

/// Pages for people who run wakeeper. The others are for those who work on it, or are generated.
const PAGES: [&str; 8] = [
    "README.md",
    "docs/demo.md",
    "docs/docker.md",
    "docs/doctor.md",
    "docs/n8n.md",
    "docs/recovery.md",
    "docs/releasing.md",
    "docs/webhooks.md",
];

/// Words with a private meaning, and what stands in their place.
const PRIVATE: [(&str, &str); 10] = [
    ("mend", "repair"),
    ("mends", "repairs"),
    ("mended", "repaired"),
    ("cure", "repair"),
    ("cures", "repairs"),
    ("cured", "repaired"),
    ("negotiate", "agree on, replace"),
    ("negotiates", "agrees on, replaces"),
    ("sound", "OK, good"),
    ("ladder", "steps"),
];

#[test]
fn private_words_are_not_used() {
    let mut found = Vec::new();
    for name in PAGES {
        let text = text(name);
        // What the program printed stays as it was printed.
        let prose = text.split("```").step_by(2);
        for line in prose.flat_map(str::lines) {
            let words: Vec<String> = line
                .split(|character: char| !character.is_alphanumeric() && character != '_')
                .map(str::to_lowercase)
                .collect();
            for (word, instead) in PRIVATE {
                if words.iter().any(|one| one == word) {
                    found.push(format!("{name}: {word} ({instead}): {line}"));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
