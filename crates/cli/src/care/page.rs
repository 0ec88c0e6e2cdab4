//! A page of text for people, with colours where they are wanted.

use std::fmt::Write;

use wakeeper_bounded_tar::{is_shown_plainly, shown_whole};
use wakeeper_doctor::{Finding, Report, Severity};
pub use wakeeper_model::plural;

/// Findings of one kind that are shown in full; a folder of thousands may have thousands alike.
const SHOWN_ALIKE: usize = 5;

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

    /// The tone of a severity.
    pub fn of(severity: Severity) -> Self {
        match severity {
            Severity::Error => Self::Bad,
            Severity::Warning => Self::Warning,
            Severity::Info => Self::Faint,
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

    /// Findings, errors first, those of one kind together.
    pub fn findings(&mut self, findings: &[Finding]) {
        self.gap();
        self.line(self.tone(Tone::Strong, &counted(findings)));
        let mut rest = findings;
        while let Some(first) = rest.first() {
            let alike: Vec<_> = rest.iter().take_while(|next| is_alike(first, next)).collect();
            for finding in alike.iter().take(SHOWN_ALIKE) {
                self.finding(finding);
            }
            if alike.len() > SHOWN_ALIKE {
                let more = alike.len() - SHOWN_ALIKE;
                self.line(format!("  and {more} more of {} (--json shows all)", first.code));
            }
            rest = &rest[alike.len()..];
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let word = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        let word = self.tone(Tone::of(finding.severity), &format!("{word:<7}"));
        let peer = finding.peer.as_ref().map(|peer| format!(" ({peer})")).unwrap_or_default();
        self.line(format!("  {word}  {}{peer}: {}", finding.path, finding.code));
        self.line(format!("           {}", finding.evidence));
        if finding.severity > Severity::Info {
            let cure = format!("           cure: {}", finding.repair.describe());
            self.line(self.tone(Tone::Faint, &cure));
        }
    }
}

fn is_alike(first: &Finding, next: &Finding) -> bool {
    (first.code, first.severity) == (next.code, next.severity)
}

/// `2 errors, 1 warning, 3 remarks`.
fn counted(findings: &[Finding]) -> String {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let parts: Vec<String> =
        [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Info, "remark")]
            .into_iter()
            .map(|(severity, word)| (count(severity), word))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| plural(count, word))
            .collect();
    if parts.is_empty() { "No findings".to_owned() } else { parts.join(", ") }
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

/// The first lines about a session.
pub fn heading(page: &mut Page, report: &Report) {
    use wakeeper_doctor::examine::{CredentialsState, Format};
    let kind = match (report.format, report.version) {
        (Format::Empty, _) => "no session".to_owned(),
        (Format::Native, _) => "a session of wakeeper".to_owned(),
        (Format::Baileys, Some(version)) => format!("a session of Baileys {version}"),
        (Format::Baileys, None) => "a session of Baileys".to_owned(),
    };
    let verdict = if report.healthy { (Tone::Good, "healthy") } else { (Tone::Bad, "not healthy") };
    let verdict = page.tone(verdict.0, verdict.1);
    page.line(format!("{}: {kind}, {verdict}", report.path.display()));
    let login = match report.credentials {
        CredentialsState::Sound => page.tone(Tone::Good, "sound"),
        CredentialsState::Damaged => page.tone(Tone::Bad, "damaged"),
        CredentialsState::Missing => page.tone(Tone::Warning, "missing"),
    };
    page.fact("login", login);
    let files = plural(report.files, "file");
    page.fact(
        "files",
        format!("{files}, {}", plural(report.signal_sessions, "record") + " of Signal sessions"),
    );
    if let Some(store) = &report.store {
        let chats = plural(store.chats, "chat");
        page.fact("store", format!("{chats}, {}", plural(store.messages, "message")));
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
    fn sizes_and_counts_read_well() {
        for (bytes, expected) in [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 KB"), (999_960, "1.0 MB")] {
            assert_eq!(size(bytes), expected);
        }
        assert_eq!(counted(&[]), "No findings");
    }
}
