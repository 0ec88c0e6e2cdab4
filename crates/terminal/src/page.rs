//! A page of text for people, with colours where they are wanted.

use std::fmt::Write;

use wakeeper_bounded_tar::{is_shown_plainly, shown_whole};

/// Text under construction.
#[derive(Debug)]
pub struct Page {
    text: String,
    colours: bool,
    /// Columns of the terminal; lines are as long as they are where there is none.
    width: Option<usize>,
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

/// Columns that everything that need not be longer fits into.
const COLUMNS: usize = 80;
/// Columns of a fact's name.
const FACT: usize = 14;

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
        Self { text: String::new(), colours, width: None }
    }

    /// The same with long lines broken, for a terminal of so many columns.
    #[must_use]
    pub fn wrapped(self, width: Option<usize>) -> Self {
        Self { width, ..self }
    }

    /// What stands on it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A line; what a file name or a log brought in cannot steer the terminal, nor hide what stands there.
    pub fn line(&mut self, line: impl AsRef<str>) {
        match self.width {
            Some(width) => broken(line.as_ref(), width).iter().for_each(|part| self.whole(part)),
            None => self.whole(line.as_ref()),
        }
    }

    /// A line that stays one, such as a command to be copied.
    fn whole(&mut self, line: &str) {
        for c in line.chars() {
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
        let _ = write!(line, "  {name:<FACT$} {}", value.as_ref());
        self.line(line);
    }

    /// A named fact that may be long: broken at 80 columns also where there is no terminal.
    pub fn long_fact(&mut self, name: &str, value: impl AsRef<str>) {
        let line = format!("  {name:<FACT$} {}", value.as_ref());
        let width = self.width.unwrap_or(COLUMNS).min(COLUMNS);
        for part in broken(&line, width) {
            self.whole(&part);
        }
    }

    /// What to do now.
    pub fn next(&mut self, steps: &[(String, &str)]) {
        if steps.is_empty() {
            return;
        }
        self.gap();
        self.line("What to do now:");
        let longest = |of: &dyn Fn(&(String, &str)) -> usize| steps.iter().map(of).max().unwrap_or(0);
        let width = longest(&|(command, _)| command.chars().count());
        let fits = width + longest(&|(_, why)| why.chars().count()) + 4 <= COLUMNS;
        for (command, why) in steps {
            let blanks = " ".repeat(width - command.chars().count());
            let command = self.tone(Tone::Strong, command);
            if fits {
                self.whole(&format!("  {command}{blanks}  {why}"));
            } else {
                self.whole(&format!("  {command}"));
                self.line(format!("      {why}"));
            }
        }
    }
}

/// A line in parts of at most so many columns, broken at blanks; further parts are indented as its text is. Marks of tones
/// take no room.
fn broken(line: &str, width: usize) -> Vec<String> {
    let columns = |text: &str| text.chars().filter(|c| !is_mark(*c)).count();
    if columns(line) <= width {
        return vec![line.to_owned()];
    }
    let indent = " ".repeat(text_begins(line).min(width * 2 / 3));
    let mut parts = vec![String::new()];
    for (at, word) in line.split(' ').enumerate() {
        let part = parts
            .last_mut()
            .filter(|part| columns(part) + 1 + columns(word) <= width || part.trim().is_empty());
        match part {
            Some(part) if at == 0 => part.push_str(word),
            Some(part) => {
                part.push(' ');
                part.push_str(word);
            }
            None => parts.push(format!("{indent}{word}")),
        }
    }
    parts
}

/// The column of a line's text: behind its indent, and behind the name of a fact.
fn text_begins(line: &str) -> usize {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let name = line.get(indent..).and_then(|text| text.find("  "));
    let behind = name.filter(|name| *name < FACT).and_then(|name| {
        let rest = line.get(indent + name..)?;
        Some(indent + name + rest.len() - rest.trim_start_matches(' ').len())
    });
    behind.unwrap_or(indent)
}

fn is_mark(c: char) -> bool {
    c == PLAIN || Tone::ALL.into_iter().any(|tone| tone.mark() == c)
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
    fn long_lines_are_broken_at_blanks_and_commands_are_not() {
        let mut page = Page::new(true).wrapped(Some(30));
        page.fact("login", page.tone(Tone::Good, "kept: no new QR code is needed"));
        let plain = page.text().replace("\u{1b}[32m", "").replace("\u{1b}[0m", "");
        assert_eq!(
            plain,
            "  login          kept: no new\n                 QR code is\n                 needed\n"
        );
        let mut page = Page::new(false);
        page.long_fact("log read", "a line that is long ".repeat(9).trim());
        assert!(page.text().lines().count() == 3 && page.text().lines().all(|line| line.len() <= 80));
        assert!(page.text().lines().skip(1).all(|line| line.starts_with(&" ".repeat(17))), "{}", page.text());
        let mut page = Page::new(false).wrapped(Some(30));
        let command = format!("wakeeper clean --data-dir /srv/{}", "bot".repeat(20));
        page.next(&[(command.clone(), "repairs what is damaged in it and nothing else")]);
        assert!(page.text().contains(&format!("\n  {command}\n")), "{}", page.text());
        let others = page.text().lines().filter(|line| !line.contains(&command));
        assert!(others.clone().count() > 2 && others.clone().all(|line| line.len() <= 30), "{}", page.text());
    }

    #[test]
    fn sizes_read_well() {
        for (bytes, expected) in [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 KB"), (999_960, "1.0 MB")] {
            assert_eq!(size(bytes), expected);
        }
    }
}
