//! `wakeeper exec`: a command in the container, with a terminal when there is one.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use futures::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use wakeeper_containers::docker::exec::Running;
use wakeeper_containers::docker::{ExecRequest, Output};

use crate::containers::terminal::{self, RawTerminal};
use crate::containers::{ContainerFlag, connect};

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
        let result = talk(&mut running, terminal.is_some()).await;
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

async fn talk(running: &mut Running, tty: bool) -> anyhow::Result<()> {
    let mut resized = signal(SignalKind::window_change())?;
    if tty && let Some((columns, rows)) = terminal::size() {
        // The command may have ended already.
        let _ = running.resize(columns, rows).await;
    }
    let mut typed = keyboard();
    let mut open = true;
    loop {
        tokio::select! {
            piece = running.output.next() => match piece {
                Some(piece) => {
                    let (to, bytes) = piece?;
                    if !write(to, &bytes)? {
                        return Ok(());
                    }
                }
                None => return Ok(()),
            },
            keys = typed.recv(), if open => if let Some(keys) = keys {
                // A command that does not read any more is about to end.
                open = running.input.write_all(&keys).await.is_ok() && running.input.flush().await.is_ok();
            } else {
                open = false;
                let _ = running.input.shutdown().await;
            },
            _ = resized.recv(), if tty => {
                if let Some((columns, rows)) = terminal::size() {
                    let _ = running.resize(columns, rows).await;
                }
            }
        }
    }
}

/// Standard input on a thread of its own, which ends with the program: a read that waits cannot be called off.
fn keyboard() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut room = [0; 8192];
        while let Ok(read) = io::stdin().lock().read(&mut room) {
            if read == 0 || sender.blocking_send(room[..read].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// False when nobody reads any more.
fn write(to: Output, bytes: &[u8]) -> anyhow::Result<bool> {
    let written = if to == Output::Stderr {
        io::stderr().lock().write_all(bytes)
    } else {
        let mut output = io::stdout().lock();
        output.write_all(bytes).and_then(|()| output.flush())
    };
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("cannot write the command's output"),
    }
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
