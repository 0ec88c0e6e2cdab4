//! A child process whose lines are kept, and that never outlives its test.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::journal::Journal;

/// A running child. Dropping it kills it.
pub struct Process {
    name: String,
    child: Child,
    lines: Arc<Journal<String>>,
}

impl Process {
    /// Starts `command`; everything it prints goes to its journal and to `<logs>/<name>.log`.
    pub fn start(name: &str, command: &mut Command, logs: &Path) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name} ({command:?}): {error}"));
        let lines = Arc::new(Journal::default());
        let file = File::options().create(true).append(true).open(logs.join(format!("{name}.log")));
        let file = Arc::new(Mutex::new(file.expect("a log file")));
        follow(child.stdout.take(), &lines, &file);
        follow(child.stderr.take(), &lines, &file);
        Self { name: name.to_owned(), child, lines }
    }

    /// Everything the process printed, line by line.
    pub fn lines(&self) -> &Arc<Journal<String>> {
        &self.lines
    }

    /// The process's standard input, once.
    pub fn take_stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("stdin is taken once")
    }

    /// Waits for a line that contains `text`, and fails at once when the process ends without it.
    pub async fn wait_line(&mut self, text: &str, deadline: Duration) -> String {
        let Self { name, child, lines } = self;
        let find = |all: &[String]| all.iter().find(|line| line.contains(text)).cloned();
        let what = format!("{name} to print {text:?}");
        tokio::select! {
            line = lines.wait(&what, deadline, find) => line,
            status = child.wait() => {
                // The reader may still be taking in the last lines.
                match lines.find(Duration::from_secs(1), find).await {
                    Some(line) => line,
                    None => panic!("{name} ended ({}) before it printed {text:?}", shown(status)),
                }
            }
        }
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id().expect("a running child")
    }

    /// Waits for the process to end by itself.
    pub async fn wait_exit(&mut self, deadline: Duration) -> ExitStatus {
        let ended = tokio::time::timeout(deadline, self.child.wait()).await;
        let status = ended.unwrap_or_else(|_| panic!("{} still runs after {deadline:?}", self.name));
        status.expect("the exit status of a child")
    }

    /// `None` while it runs.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the state of a child")
    }

    /// Ends the process with SIGKILL and waits until it is gone. What it wrote stays written: see [`Self::cut_power`].
    pub async fn kill(mut self) {
        self.child.kill().await.expect("kill a child");
    }

    /// Asks the process to end with SIGTERM and returns how it ended.
    pub async fn terminate(self, deadline: Duration) -> ExitStatus {
        self.signalled(Signal::TERM, deadline).await
    }

    /// Ends a process on a [`crate::FailingDisk`] that loses things, which then loses what was not synced.
    pub async fn cut_power(self, deadline: Duration) {
        let status = self.signalled(Signal::USR2, deadline).await;
        assert_eq!(
            status.signal(),
            Some(Signal::KILL.as_raw()),
            "the disk's library ends the process: {status}"
        );
    }

    async fn signalled(mut self, signal: Signal, deadline: Duration) -> ExitStatus {
        let id = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        kill_process(id.expect("a running child"), signal).expect("signal a child");
        self.wait_exit(deadline).await
    }
}

fn shown(status: std::io::Result<ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

fn follow(
    stream: Option<impl AsyncRead + Unpin + Send + 'static>,
    lines: &Arc<Journal<String>>,
    file: &Arc<Mutex<File>>,
) {
    let mut reader = BufReader::new(stream.expect("a piped stream")).lines();
    let (lines, file) = (Arc::clone(lines), Arc::clone(file));
    tokio::spawn(async move {
        while let Ok(Some(line)) = reader.next_line().await {
            let mut out = file.lock().unwrap_or_else(PoisonError::into_inner);
            // A full disk must not hide what the test found out.
            let _ = writeln!(out, "{line}");
            drop(out);
            lines.push(line);
        }
    });
}
