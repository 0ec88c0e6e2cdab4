//! The command line as it was typed. Commands that are printed repeat what matters of it, so that they can be pasted.

use std::path::Path;
use std::sync::OnceLock;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use crate::{Failure, print_failure, quoted};

/// Heading of the flags that add to what the files tell: what was known for one command must be known to the next.
pub const FACTS: &str = "What else is known";
/// Heading of the flags that say which session is meant.
pub const SESSION: &str = "Which session";
/// These say how a command answers, or that it only shows.
const HOW: [&str; 3] = ["json", "dry_run", "yes"];

static TYPED: OnceLock<Typed> = OnceLock::new();

struct Typed {
    program: Command,
    /// Of the innermost command.
    matches: ArgMatches,
    path: Vec<String>,
}

/// Keeps what was typed.
pub fn remember(program: Command, matches: &ArgMatches) {
    let (mut path, mut inner) = (Vec::new(), matches);
    while let Some((name, matches)) = inner.subcommand() {
        path.push(name.to_owned());
        inner = matches;
    }
    let _ = TYPED.set(Typed { program, matches: inner.clone(), path });
}

/// Ends the program over its command line, which are these `words`, or once it has told how it is used.
pub fn wrong_usage(error: &clap::Error, words: impl Iterator<Item = String>) -> ! {
    let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let wants_json = words.skip(1).take_while(|word| word != "--").any(|word| word == "--json");
    if wants_json && !is_help {
        let message = error.render().to_string();
        let message = message.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        print_failure(&Failure { code: "wrong_usage", message, hint: None });
    }
    error.exit()
}

/// Whether a program reads the answer.
pub fn wants_json() -> bool {
    TYPED.get().is_some_and(|typed| matches!(typed.matches.try_get_one("json"), Ok(Some(true))))
}

/// What is known besides the files, as flags of another command; nothing where it does not take them.
pub fn facts_for(command: &str) -> String {
    let Some(typed) = TYPED.get() else { return String::new() };
    let taken = innermost(&typed.program, command.split(' '));
    let takes = |arg: &Arg| taken.get_arguments().any(|other| other.get_long() == arg.get_long());
    typed.given(|arg| arg.get_help_heading() == Some(FACTS) && takes(arg))
}

/// A command to be typed: with these flags, which say where the session is, and with what is known besides its files.
pub fn command(flags: &str, command: &str) -> String {
    let flags = format!("{flags}{}", facts_for(command));
    match command.split_once(' ') {
        Some((verb, rest)) if verb != "backup" => format!("wakeeper {verb}{flags} {rest}"),
        _ => format!("wakeeper {command}{flags}"),
    }
}

/// The flags and arguments of the command itself, for the same command once more, but this time not as a rehearsal.
pub fn again() -> String {
    let told_elsewhere = |arg: &Arg| matches!(arg.get_help_heading(), Some(FACTS | SESSION));
    TYPED.get().map_or_else(String::new, |typed| {
        typed.given(|arg| !told_elsewhere(arg) && !HOW.contains(&arg.get_id().as_str()))
    })
}

/// Those of these flags that were given.
pub fn flags(ids: &[&str]) -> String {
    TYPED.get().map_or_else(String::new, |typed| typed.given(|arg| ids.contains(&arg.get_id().as_str())))
}

/// Whether the log came through a pipe, and so is gone.
pub fn log_was_piped() -> bool {
    let log = |typed: &Typed| given(&typed.matches, "log").is_some_and(|values| values == ["-"]);
    TYPED.get().is_some_and(log)
}

impl Typed {
    /// Flags and arguments that were typed, as a shell takes them: flags first.
    fn given(&self, wanted: impl Fn(&Arg) -> bool) -> String {
        let command = innermost(&self.program, self.path.iter().map(String::as_str));
        let (mut flags, mut arguments) = (Vec::new(), Vec::new());
        for arg in command.get_arguments().filter(|arg| wanted(arg)) {
            let Some(values) = given(&self.matches, arg.get_id().as_str()) else { continue };
            let values = values.iter().map(|value| shell(value));
            match arg.get_long() {
                Some(long) if !arg.get_action().takes_values() => flags.push(format!(" --{long}")),
                Some(long) => flags.extend(values.map(|value| format!(" --{long} {value}"))),
                None => arguments.extend(values.map(|value| format!(" {value}"))),
            }
        }
        flags.append(&mut arguments);
        flags.concat()
    }
}

fn shell(value: &str) -> String {
    quoted(Path::new(value))
}

/// The values of what was given on the command line.
fn given(matches: &ArgMatches, id: &str) -> Option<Vec<String>> {
    // Asking for an argument that the command has not would be a panic.
    matches.try_contains_id(id).ok()?;
    (matches.value_source(id)? == ValueSource::CommandLine).then_some(())?;
    let values = matches.get_raw(id).unwrap_or_default();
    Some(values.map(|value| value.to_string_lossy().into_owned()).collect())
}

fn innermost<'c, 'w>(program: &'c Command, words: impl Iterator<Item = &'w str>) -> &'c Command {
    let mut innermost = program;
    for word in words {
        let Some(inner) = innermost.find_subcommand(word) else { break };
        innermost = inner;
    }
    innermost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_the_same_places() {
        let told = |typed: &str| command(" --data-dir bot", typed);
        assert_eq!(told("clean --dry-run"), "wakeeper clean --data-dir bot --dry-run");
        assert_eq!(told("backup list"), "wakeeper backup list --data-dir bot");
    }
}
