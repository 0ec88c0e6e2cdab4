//! Commands inside running containers.

use std::pin::Pin;

use bollard::exec::{CreateExecOptions, ResizeExecOptions, StartExecOptions, StartExecResults};
use futures::{Stream, StreamExt};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::docker::container::Status;
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;
use crate::docker::logs::Output;

/// Output of one captured command is kept up to this many bytes per stream.
const CAPTURE_LIMIT: usize = 16 << 20;

/// What to run.
#[derive(Debug, Clone, Default)]
pub struct ExecRequest {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// With a terminal.
    pub tty: bool,
    /// With standard input.
    pub stdin: bool,
    /// As this user instead of the container's.
    pub user: Option<String>,
    /// Additional `NAME=value`.
    pub environment: Vec<String>,
}

/// Pieces of output as they come.
pub type Pieces = Pin<Box<dyn Stream<Item = Result<(Output, bytes::Bytes), EngineError>> + Send>>;

/// A command that runs.
pub struct Running {
    engine: Engine,
    id: String,
    container: String,
    /// What it prints.
    pub output: Pieces,
    /// Its standard input.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
}

/// What a command printed and how it ended.
#[derive(Debug, Clone)]
pub struct ExecOutput {
    /// The exit code.
    pub code: i64,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Engine {
    /// Starts a command in a running container.
    pub async fn exec(&self, name: &str, request: &ExecRequest) -> Result<Running, EngineError> {
        let container = self.find(name).await?;
        match container.status {
            Status::Running => {}
            Status::Paused => {
                let action = format!("run a command in container {name}");
                let reason = "it is paused; run `docker unpause` first".to_owned();
                return Err(EngineError::Failed { action, reason });
            }
            _ => return Err(EngineError::NotRunning { name: name.to_owned() }),
        }
        let action =
            || format!("run {:?} in container {name}", request.command.first().map_or("", String::as_str));
        let options = CreateExecOptions::<String> {
            attach_stdin: Some(request.stdin),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(request.tty),
            cmd: Some(request.command.clone()),
            user: request.user.clone(),
            env: (!request.environment.is_empty()).then(|| request.environment.clone()),
            ..CreateExecOptions::default()
        };
        let failed = |error| EngineError::of(action(), name, error);
        let id = self.docker.create_exec(&container.id, options).await.map_err(failed)?.id;
        let start = StartExecOptions { detach: false, tty: request.tty, output_capacity: None };
        match self.docker.start_exec(&id, Some(start)).await.map_err(failed)? {
            StartExecResults::Attached { output, input } => {
                let (action, container) = (action(), name.to_owned());
                let output = output.map(move |piece| match piece {
                    Ok(piece) => Ok((which(&piece), piece.into_bytes())),
                    Err(error) => Err(EngineError::of(action.clone(), &container, error)),
                });
                Ok(Running {
                    engine: self.clone(),
                    id,
                    container: name.to_owned(),
                    output: Box::pin(output),
                    input,
                })
            }
            StartExecResults::Detached => Err(EngineError::Failed {
                action: action(),
                reason: "it went into the background".to_owned(),
            }),
        }
    }

    /// Runs a command to its end and keeps what it prints.
    pub async fn run(&self, name: &str, command: &[&str]) -> Result<ExecOutput, EngineError> {
        let command = command.iter().map(ToString::to_string).collect();
        let mut running = self.exec(name, &ExecRequest { command, ..ExecRequest::default() }).await?;
        let mut output = ExecOutput { code: 0, stdout: Vec::new(), stderr: Vec::new() };
        while let Some(piece) = running.output.next().await {
            let (to, bytes) = piece?;
            let kept = if to == Output::Stderr { &mut output.stderr } else { &mut output.stdout };
            kept.extend_from_slice(&bytes[..bytes.len().min(CAPTURE_LIMIT.saturating_sub(kept.len()))]);
        }
        output.code = running.exit_code().await?;
        Ok(output)
    }
}

/// Why a command's terminal broke off.
#[derive(Debug, thiserror::Error)]
pub enum TalkError {
    /// The engine no longer gives its output.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Its output could not be passed on.
    #[error("cannot write the command's output")]
    Output(#[source] std::io::Error),
}

impl Running {
    /// Passes on what is typed, what the command prints, and the terminal's size when it changes, until the command ends or
    /// nobody reads any more: `print` answers false then.
    ///
    /// # Errors
    /// When the output breaks off, or cannot be passed on.
    pub async fn talk(
        &mut self,
        mut typed: mpsc::Receiver<Vec<u8>>,
        mut sizes: mpsc::Receiver<(u16, u16)>,
        mut print: impl FnMut(Output, &[u8]) -> std::io::Result<bool>,
    ) -> Result<(), TalkError> {
        let mut open = true;
        loop {
            tokio::select! {
                piece = self.output.next() => {
                    let Some(piece) = piece else { return Ok(()) };
                    let (to, bytes) = piece?;
                    if !print(to, &bytes).map_err(TalkError::Output)? {
                        return Ok(());
                    }
                }
                keys = typed.recv(), if open => if let Some(keys) = keys {
                    // A command that does not read any more is about to end.
                    open = self.input.write_all(&keys).await.is_ok() && self.input.flush().await.is_ok();
                } else {
                    open = false;
                    let _ = self.input.shutdown().await;
                },
                Some((columns, rows)) = sizes.recv() => {
                    // The command may have ended already.
                    let _ = self.resize(columns, rows).await;
                }
            }
        }
    }

    /// Tells the command the size of its terminal.
    pub async fn resize(&self, columns: u16, rows: u16) -> Result<(), EngineError> {
        let options = ResizeExecOptions { height: rows, width: columns };
        let done = self.engine.docker.resize_exec(&self.id, options).await;
        done.map_err(|error| EngineError::of("resize the terminal", &self.container, error))
    }

    /// The exit code, once the output has ended.
    pub async fn exit_code(&self) -> Result<i64, EngineError> {
        let action = "tell how the command ended";
        let end = self.engine.docker.inspect_exec(&self.id).await;
        let end = end.map_err(|error| EngineError::of(action, &self.container, error))?;
        end.exit_code.ok_or_else(|| EngineError::Failed {
            action: action.to_owned(),
            reason: "it still runs, or the container was stopped under it".to_owned(),
        })
    }
}

fn which(piece: &bollard::container::LogOutput) -> Output {
    use bollard::container::LogOutput;
    match piece {
        LogOutput::StdErr { .. } => Output::Stderr,
        LogOutput::Console { .. } => Output::Terminal,
        LogOutput::StdOut { .. } | LogOutput::StdIn { .. } => Output::Stdout,
    }
}
