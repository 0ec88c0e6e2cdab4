//! `wakeeper exec`: a command in the container, with a terminal when there is one.

use std::io;
use std::process::ExitCode;

use clap::Args;
use wakeeper_containers::docker::{ExecRequest, Output};
use wakeeper_terminal::{RawTerminal, keyboard, sizes, write_out};

use crate::chosen::ContainerFlag;
use crate::environment::connect;

/// Run a command in the container; its exit code is passed on
#[derive(Args)]
#[command(after_help = "Examples:\n  wakeeper exec bash\n  wakeeper exec \"ls -la /app/auth_info\"\n  \
    wakeeper exec ls -la /app/auth_info\n  wakeeper exec --user root bash\n\n\
    One word with blanks is given to a shell; several words are run as they are.")]
pub struct Exec {
    #[command(flatten)]
    container: ContainerFlag,
    /// Run as this user instead of the container's own
    #[arg(long, short = 'u')]
    user: Option<String>,
    /// The command
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl Exec {
    /// Runs it to its end.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let engine = connect().await?;
        let name = self.container.name();
        // Found before the terminal changes, so that an error looks as it should.
        let container = engine.find(&name).await?;
        let terminal = RawTerminal::enter();
        let request = ExecRequest {
            command: words(self.command),
            tty: terminal.is_some(),
            stdin: true,
            user: self.user,
            environment: std::env::var("TERM").map(|term| format!("TERM={term}")).into_iter().collect(),
        };
        let mut running = engine.exec(&container.name, &request).await?;
        let result = running.talk(keyboard(), sizes(terminal.is_some())?, print).await;
        drop(terminal);
        result?;
        let code = running.exit_code().await?;
        Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
    }
}

/// A single word with blanks is a line for a shell.
fn words(command: Vec<String>) -> Vec<String> {
    match command.as_slice() {
        [line] if line.contains(char::is_whitespace) => vec!["sh".to_owned(), "-c".to_owned(), line.clone()],
        _ => command,
    }
}

/// False when nobody reads any more.
fn print(to: Output, bytes: &[u8]) -> io::Result<bool> {
    if to == Output::Stderr { write_out(io::stderr(), bytes) } else { write_out(io::stdout(), bytes) }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn both_forms_of_the_guide() {
        let split = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(words(split(&["bash"])), ["bash"]);
        assert_eq!(words(split(&["ls -la /app/auth_info"])), ["sh", "-c", "ls -la /app/auth_info"]);
        assert_eq!(words(split(&["ls", "-la", "/a b"])), ["ls", "-la", "/a b"]);
    }
}
