//! ffmpeg as a process with bounds.

use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Resource, Rlimit, prlimit, setpriority_process};
use tokio::process::{Child, Command};

use super::ConvertError;
use super::recipe::Recipe;
use crate::media::spool::{Spool, Spooled};

/// Most memory, in bytes of address space. A video of 1920 by 1080 pixels needs 600 MB, half of them libraries.
const MEMORY: u64 = 1 << 30;
/// Most open files.
const FILES: u64 = 64;
/// What a process may keep busy.
const CORES: u64 = 2;
/// After everybody else.
const NICENESS: i32 = 10;
/// The signal that ends whoever writes more than it may.
const SIGXFSZ: i32 = 25;

/// Runs ffmpeg on a file; the new file.
pub(super) async fn run(
    program: &Path,
    recipe: &Recipe,
    input: &Spooled,
    spool: &Spool,
) -> Result<Spooled, ConvertError> {
    let (output, room) = spool.reserve(recipe.most_bytes).await?;
    let handle = output.try_clone().map_err(ConvertError::NotRun)?;
    let mut child = start(program, recipe, input, Stdio::from(handle))?;
    let status = end(&mut child, recipe).await?;
    judge(status, recipe)?;
    let length = length(output.try_clone()).await?;
    if length == 0 {
        return Err(ConvertError::Unreadable(recipe.wanted));
    }
    Ok(Spooled::with_room_to_spare(output, length, room))
}

/// Begins. The process ends when it is dropped.
pub(super) fn start(
    program: &Path,
    recipe: &Recipe,
    input: &Spooled,
    output: Stdio,
) -> Result<Child, ConvertError> {
    let mut command = Command::new(program);
    command.args(recipe.command_line()).env_clear().current_dir("/").kill_on_drop(true);
    command.stdin(input.stdio().map_err(ConvertError::NotRun)?).stdout(output).stderr(Stdio::null());
    let child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ConvertError::Missing,
        _ => ConvertError::NotRun(error),
    })?;
    bound(&child, recipe).map_err(ConvertError::NotRun)?;
    Ok(child)
}

/// Waits for its end, for as long as it may take.
pub(super) async fn end(child: &mut Child, recipe: &Recipe) -> Result<ExitStatus, ConvertError> {
    if let Ok(status) = tokio::time::timeout(recipe.patience, child.wait()).await {
        return status.map_err(ConvertError::NotRun);
    }
    let _ = child.kill().await;
    Err(ConvertError::TooLong(recipe.patience))
}

/// What an end means.
pub(super) fn judge(status: ExitStatus, recipe: &Recipe) -> Result<(), ConvertError> {
    match status.signal() {
        Some(SIGXFSZ) => Err(ConvertError::TooLarge(recipe.most_bytes)),
        None if status.success() => Ok(()),
        _ => Err(ConvertError::Unreadable(recipe.wanted)),
    }
}

/// Sets the bounds from outside, a moment after the start: until then it has read nothing that matters.
fn bound(child: &Child, recipe: &Recipe) -> io::Result<()> {
    let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) else { return Ok(()) };
    let bounds = [
        (Resource::As, MEMORY),
        (Resource::Cpu, recipe.patience.as_secs() * CORES),
        (Resource::Fsize, recipe.most_bytes),
        (Resource::Nofile, FILES),
        (Resource::Core, 0),
    ];
    for (resource, most) in bounds {
        match prlimit(Some(pid), resource, Rlimit { current: Some(most), maximum: Some(most) }) {
            // It is over already.
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            result => result?,
        };
    }
    // Where that is not allowed it runs as everybody does.
    let _ = setpriority_process(Some(pid), NICENESS);
    Ok(())
}

async fn length(file: io::Result<File>) -> Result<u64, ConvertError> {
    let asked = tokio::task::spawn_blocking(move || file?.metadata().map(|data| data.len()));
    asked.await.map_err(io::Error::other).flatten().map_err(ConvertError::NotRun)
}
