//! Running other programs, with their output on the terminal.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The workspace's folder.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_path_buf()
}

/// A program started in the workspace's folder, without what Cargo told `xtask` about itself: build scripts that look
/// at such variables would run again, and half of the dependencies would be compiled anew.
pub fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(workspace()).stdin(Stdio::null());
    for (variable, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|own| variable.to_string_lossy().starts_with(own)) {
            command.env_remove(variable);
        }
    }
    command
}

/// Runs to the end; an error names the program and how it ended.
pub fn succeed(mut command: Command) -> Result<(), String> {
    let shown = shown(&command);
    println!("$ {shown}");
    let status = command.status().map_err(|error| format!("cannot start `{shown}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` ended with {status}")) }
}

/// Runs to the end and hands each line that the program writes to standard error to `is_shown`, which says whether it is
/// worth showing. True when the program ended well.
pub fn watched(mut command: Command, mut is_shown: impl FnMut(&str) -> bool) -> Result<bool, String> {
    let shown = shown(&command);
    println!("$ {shown}");
    let mut child =
        command.stderr(Stdio::piped()).spawn().map_err(|error| format!("cannot start `{shown}`: {error}"))?;
    if let Some(stderr) = child.stderr.take() {
        let mut reader = BufReader::new(stderr);
        let mut raw = Vec::new();
        while reader
            .read_until(b'\n', &mut raw)
            .map_err(|error| format!("reading from `{shown}`: {error}"))?
            > 0
        {
            let text = String::from_utf8_lossy(&raw);
            if is_shown(text.trim_end()) {
                eprint!("{text}");
            }
            raw.clear();
        }
    }
    let status = child.wait().map_err(|error| format!("waiting for `{shown}`: {error}"))?;
    Ok(status.success())
}

/// What a program prints, when it ends well.
pub fn output(name: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = program(name, arguments);
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("cannot start `{}`: {error}", shown(&command)))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        Err(format!("`{}` ended with {}", shown(&command), output.status))
    }
}

/// The first line a program prints, when it can be run at all.
pub fn first_line(name: &str, arguments: &[&str]) -> Option<String> {
    let output = program(name, arguments).stderr(Stdio::null()).output().ok()?;
    output.status.success().then_some(())?;
    String::from_utf8(output.stdout).ok()?.lines().next().map(str::to_owned)
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
