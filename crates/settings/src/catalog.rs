//! What a setting is, and all settings of a program.

use std::fmt::Write;

use crate::Foreign;

/// One setting. Its name is also its key in the TOML file, in lower case.
#[derive(Debug)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// What the value may be.
    pub kind: Kind,
    /// Never shown, and also read from the file that `<name>_FILE` names.
    pub secret: bool,
    /// It holds several values, separated by commas: in the TOML file they may be a list.
    pub list: bool,
    /// The one command that acts on it; `None` is every command that it concerns.
    pub command: Option<&'static str>,
}

impl Setting {
    /// A setting.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, secret: false, list: false, command: None }
    }

    /// The same as a secret.
    #[must_use]
    pub const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// The same, for several values.
    #[must_use]
    pub const fn list(self) -> Self {
        Self { list: true, ..self }
    }

    /// The same, for one command alone.
    #[must_use]
    pub const fn of(self, command: &'static str) -> Self {
        Self { command: Some(command), ..self }
    }
}

/// What a setting's value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Free text, checked by whoever uses it; the text says what is allowed.
    Text(&'static str),
    /// `true` or `false`.
    Bool,
    /// A whole number between the two, both included.
    Number(u64, u64),
    /// A time such as `60`, `60s`, `15m`, `6h` or `2d`; a bare number is seconds.
    Duration,
    /// A time as above, of a second at least.
    Time,
    /// A time as above, or `0` or `off` for never.
    Interval,
    /// A size in bytes such as `64MB`, `512KB` or `1048576`, more than nothing.
    Size,
    /// One of these words.
    Word(&'static [&'static str]),
}

impl Kind {
    /// What is allowed, as error messages say it.
    pub fn allowed(self) -> String {
        match self {
            Self::Text(allowed) => allowed.to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Number(low, high) => format!("a whole number from {low} to {high}"),
            Self::Duration => "a time such as 60s, 15m or 6h (a bare number is seconds)".to_owned(),
            Self::Time => "a time such as 60s, 15m or 6h (a bare number is seconds), not 0".to_owned(),
            Self::Interval => "a time such as 6h or 30m (a bare number is seconds), or off".to_owned(),
            Self::Size => "a size such as 512KB, 64MB or a number of bytes, not 0".to_owned(),
            Self::Word(words) => words.join(", "),
        }
    }
}

/// All settings of a program.
#[derive(Debug)]
pub struct Catalog {
    /// In the order the documentation lists them.
    pub settings: &'static [Setting],
    /// Names that start with one of these are the program's, so an unknown one is a typing error.
    pub own_prefixes: &'static [&'static str],
    /// The environment variable that names the settings file.
    pub file_variable: &'static str,
    /// The settings file that is read when it is there and none is named.
    pub usual_file: &'static str,
    /// Settings of another program that people bring along in their environment.
    pub foreign: &'static [Foreign],
    /// All other names that start with one of these are that program's, too.
    pub foreign_prefixes: &'static [&'static str],
    /// Names that start with one of these may be either's: one that is like a setting here is a typing error.
    pub shared_prefixes: &'static [&'static str],
    /// Names that other programs use and that look like a setting here, mistyped.
    pub others: &'static [&'static str],
    /// Whether two values of a setting mean the same.
    pub same: fn(&'static Setting, &str, &str) -> bool,
}

impl Catalog {
    /// The setting of that name.
    pub fn find(&self, name: &str) -> Option<&'static Setting> {
        self.settings.iter().find(|setting| setting.name == name)
    }

    /// Does that environment name belong to the program?
    pub fn is_own_name(&self, name: &str) -> bool {
        self.own_prefixes.iter().any(|prefix| name.starts_with(prefix))
    }

    /// The other program's setting of that name.
    pub(crate) fn find_foreign(&self, name: &str) -> Option<&'static Foreign> {
        self.foreign.iter().find(|foreign| foreign.name == name)
    }

    /// The known name that is closest to a mistyped one, when one is close.
    pub fn closest(&self, name: &str) -> Option<&'static str> {
        self.closest_within(name, 3)
    }

    /// The same, at most so many letters away.
    pub(crate) fn closest_within(&self, name: &str, letters: usize) -> Option<&'static str> {
        self.settings
            .iter()
            .map(|setting| (strsim::levenshtein(name, setting.name), setting.name))
            .min()
            .filter(|(distance, _)| *distance <= letters)
            .map(|(_, name)| name)
    }

    /// The name that this one stands for: the variable of the settings file, or a setting's.
    pub(crate) fn meant(&self, name: &str) -> Option<&'static str> {
        let spelled = spelled(name);
        let file = (strsim::osa_distance(&spelled, self.file_variable) <= 2).then_some(self.file_variable);
        let setting = || self.find(&spelled).or_else(|| self.mistyped(&spelled)).map(|setting| setting.name);
        file.or_else(setting).or_else(|| self.closest(&spelled))
    }

    /// The setting whose name this is, mistyped, though nothing else tells that the name is the program's.
    pub(crate) fn mistyped(&self, name: &str) -> Option<&'static Setting> {
        if self.others.contains(&name) {
            return None;
        }
        let direct = self.settings.iter().find(|setting| is_mistyped(name, setting.name));
        direct.or_else(|| {
            let base = name.strip_suffix("_FILE")?;
            self.mistyped(base).filter(|setting| setting.secret)
        })
    }

    /// A line or more for each setting: its name and what it may be.
    pub fn help(&self) -> String {
        let mut help = String::new();
        for setting in self.settings {
            let note = setting.command.map(|command| format!(" ({command})")).unwrap_or_default();
            let allowed = format!("{}{note}", setting.kind.allowed());
            let mut name = setting.name;
            for line in lines(&allowed, COLUMNS - INDENT) {
                let _ = writeln!(help, "  {name:<width$} {line}", width = INDENT - 3);
                name = "";
            }
        }
        help
    }
}

/// Whether a name is another one with one wrong letter, with two where it is long. A plural, a number at the end and a prefix are
/// no typing errors: other programs have such names.
fn is_mistyped(name: &str, setting: &str) -> bool {
    if has_ending(name, setting) || has_prefix(name, setting) {
        return false;
    }
    let (words, wanted): (Vec<_>, Vec<_>) = (name.split('_').collect(), setting.split('_').collect());
    if words.len() > 1 && words.len() == wanted.len() {
        // `LOGS_DIR` and `PUBLIC_URI` are other names: each word is judged by itself.
        let mut pairs = words.iter().zip(&wanted).filter(|(word, wanted)| word != wanted);
        return strsim::osa_distance(name, setting) <= 2
            && pairs.all(|(word, wanted)| is_mistyped(word, wanted));
    }
    let distance = strsim::osa_distance(name, setting);
    match setting.len() {
        // Most words of four letters are one letter away from others.
        ..=5 => distance == 1 && (is_swapped(name, setting) || is_doubled(name, setting)),
        6..10 => distance == 1,
        _ => distance == 1 || (distance == 2 && name.chars().next() == setting.chars().next()),
    }
}

/// A name as settings are spelled: in capitals, with underscores.
pub(crate) fn spelled(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

/// `API_KEYS`, `API_KEY2`, `API_KEY_2`
fn has_ending(name: &str, setting: &str) -> bool {
    let ending = name.strip_prefix(setting).map(|ending| ending.trim_start_matches('_'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    ending.is_some_and(|ending| ending == "S" || is_number(ending))
}

/// `MY_API_KEY`, though not `AAPI_KEY`.
fn has_prefix(name: &str, setting: &str) -> bool {
    let prefix = name.strip_suffix(setting).filter(|prefix| !prefix.is_empty());
    prefix.is_some_and(|prefix| prefix.len() > 1 || !setting.starts_with(prefix))
}

/// Two letters changed places.
fn is_swapped(name: &str, setting: &str) -> bool {
    let sorted = |text: &str| {
        let mut letters: Vec<char> = text.chars().collect();
        letters.sort_unstable();
        letters
    };
    sorted(name) == sorted(setting)
}

/// A letter was typed twice.
fn is_doubled(name: &str, setting: &str) -> bool {
    let mut once: Vec<char> = name.chars().collect();
    once.dedup();
    name.len() > setting.len() && once.into_iter().eq(setting.chars())
}

/// Columns of a line of help.
const COLUMNS: usize = 80;
/// Columns before what a setting may be.
const INDENT: usize = 39;

/// A text in lines of at most so many columns, broken at blanks.
fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
