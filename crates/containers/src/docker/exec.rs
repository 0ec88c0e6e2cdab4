//! Commands inside running containers.

use std::pin::Pin;

use bollard::exec::{CreateExecOptions, ResizeExecOptions, StartExecOptions, StartExecResults};
use futures::{Stream, StreamExt};
use tokio::io::AsyncWrite;

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

impl Running {
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
