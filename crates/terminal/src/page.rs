//! A page of text for people, with colours where they are wanted.

use std::fmt::Write;
use std::path::Path;

use wakeeper_bounded_tar::{is_shown_plainly, shown_whole};

/// Text under construction.
#[derive(Debug)]
pub struct Page {
    text: String,
    colours: bool,
}

/// How a piece of text stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// A heading or a command to type.
    Strong,
    /// What is fine.
    Good,
    /// What deserves attention.
    Warning,
    /// What is damaged.
    Bad,
    /// What matters less.
    Faint,
}

/// Stands for the end of a tone until a line is put on the page. These are no characters (Unicode 23.7), and a name that
/// holds one all the same can only change a colour.
const PLAIN: char = '\u{fdef}';

impl Tone {
    const ALL: [Self; 5] = [Self::Strong, Self::Good, Self::Warning, Self::Bad, Self::Faint];

    /// Stands for the beginning of a tone.
    fn mark(self) -> char {
        match self {
            Self::Strong => '\u{fdd0}',
            Self::Good => '\u{fdd1}',
            Self::Warning => '\u{fdd2}',
            Self::Bad => '\u{fdd3}',
            Self::Faint => '\u{fdd4}',
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Strong => "1",
            Self::Good => "32",
            Self::Warning => "33",
            Self::Bad => "31",
            Self::Faint => "2",
        }
    }
}

impl Page {
    /// An empty page.
    pub fn new(colours: bool) -> Self {
        Self { text: String::new(), colours }
    }

    /// What stands on it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A line; what a file name or a log brought in cannot steer the terminal, nor hide what stands there.
    pub fn line(&mut self, line: impl AsRef<str>) {
        for c in line.as_ref().chars() {
            match Tone::ALL.into_iter().map(Tone::mark).position(|mark| mark == c) {
                Some(at) if self.colours => {
                    let _ = write!(self.text, "\u{1b}[{}m", Tone::ALL[at].code());
                }
                None if c == PLAIN && self.colours => self.text.push_str("\u{1b}[0m"),
                None if is_shown_plainly(c) => self.text.push(c),
                // Only such marks stay that no page made.
                _ => self.text.extend(c.escape_unicode()),
            }
        }
        self.text.push('\n');
    }

    /// An empty line, unless the page is empty.
    pub fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// Text in a tone, for a line of the page: what it brought in is escaped, and marks stand for the colours.
    pub fn tone(&self, tone: Tone, text: &str) -> String {
        let text = shown_whole(text);
        if self.colours { format!("{}{text}{PLAIN}", tone.mark()) } else { text }
    }

    /// A named fact.
    pub fn fact(&mut self, name: &str, value: impl AsRef<str>) {
        let mut line = String::new();
        let _ = write!(line, "  {name:<14} {}", value.as_ref());
        self.line(line);
    }

    /// What to do now.
    pub fn next(&mut self, steps: &[(String, &str)]) {
        if steps.is_empty() {
            return;
        }
        self.gap();
        self.line("What to do now:");
        let width = steps.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
        for (command, why) in steps {
            let blanks = " ".repeat(width - command.len());
            let command = self.tone(Tone::Strong, command);
            self.line(format!("  {command}{blanks}  {why}"));
        }
    }
}

/// `1.2 MB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A path as a shell takes it.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_steers_the_terminal() {
        let mut page = Page::new(true);
        let tinted = page.tone(Tone::Bad, "evil\u{1b}[2Jname");
        page.line(format!("{tinted}: a\u{1b}[2J\u{202e}b\r"));
        assert_eq!(page.text(), "\u{1b}[31mevil\\u{1b}[2Jname\u{1b}[0m: a\\u{1b}[2J\\u{202e}b\\u{d}\n");
        let mut plain = Page::new(false);
        plain.line("a\u{1b}[2Jb\rc\u{9b}d\u{2028}\u{fdd0}");
        assert_eq!(plain.text(), "a\\u{1b}[2Jb\\u{d}c\\u{9b}d\\u{2028}\\u{fdd0}\n");
    }

    #[test]
    fn paths_come_back_as_a_shell_takes_them() {
        assert_eq!(quoted(Path::new("/srv/bot-1")), "/srv/bot-1");
        assert_eq!(quoted(Path::new("my bot")), "'my bot'");
        assert_eq!(quoted(Path::new("it's")), r"'it'\''s'");
    }

    #[test]
    fn sizes_read_well() {
        for (bytes, expected) in [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 KB"), (999_960, "1.0 MB")] {
            assert_eq!(size(bytes), expected);
        }
    }
}
