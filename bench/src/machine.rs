//! The machine and the programs that something was measured with.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use procfs::Current;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::figures::median;
use crate::plan::{Plan, workspace};

/// How often fsync is tried.
const SYNCS: usize = 100;

/// Where and with what something was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Processor, memory, kernel.
    pub hardware: Vec<String>,
    /// Programs with their versions.
    pub programs: Vec<String>,
    /// What changes by the minute: disk, load.
    pub moment: Vec<String>,
}

impl Machine {
    /// This one, now.
    pub fn here(plan: &Plan) -> Self {
        Self { hardware: hardware(), programs: programs(plan), moment: moment() }
    }
}

fn hardware() -> Vec<String> {
    let mut all = Vec::new();
    if let Ok(processors) = procfs::CpuInfo::current() {
        let model = processors.model_name(0).unwrap_or("an unknown processor");
        all.push(format!("{} cores of {model}", processors.num_cores()));
    }
    if let Ok(memory) = procfs::Meminfo::current() {
        all.push(format!("{:.1} GB of memory", memory.mem_total as f64 / 1e9));
    }
    if let Ok(kernel) = procfs::sys::kernel::Version::current() {
        all.push(format!("Linux {}.{}.{}", kernel.major, kernel.minor, kernel.patch));
    }
    all
}

fn moment() -> Vec<String> {
    let mut all = Vec::new();
    if let Some(milliseconds) = fsync_milliseconds(&workspace().join("target")) {
        all.push(format!("a write with fsync takes {milliseconds:.2} ms"));
    }
    if let Ok(load) = procfs::LoadAverage::current() {
        all.push(format!("load {:.1} at the end", load.one));
    }
    all
}

/// What a small write with fsync takes in a folder.
fn fsync_milliseconds(folder: &Path) -> Option<f64> {
    let mut file: File = tempfile::tempfile_in(folder).ok()?;
    let mut times = Vec::new();
    for _ in 0..SYNCS {
        file.write_all(&[0; 4096]).ok()?;
        let begun = Instant::now();
        file.sync_data().ok()?;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    Some(median(times))
}

fn programs(plan: &Plan) -> Vec<String> {
    let build = if cfg!(debug_assertions) { "not optimised" } else { "optimised" };
    let mut all = vec![
        format!("{} ({})", first_line(&plan.wakeeper, &["--version"]), plan.shown_program()),
        format!("commit {}", first_line("git", &["describe", "--always", "--dirty"])),
        format!("this program's own build, which bare whatsapp-rust is a part of: {build}"),
        format!("whatsapp-rust {}", locked("whatsapp-rust")),
    ];
    if plan.contenders.iter().any(|name| name.starts_with("baileys")) {
        all.push(format!("Node {}", first_line("node", &["--version"])));
        for folder in ["baileys6", "baileys7"] {
            all.push(format!("Baileys {}", installed(folder)));
        }
    }
    all
}

fn first_line(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(workspace()).stdin(Stdio::null()).stderr(Stdio::null());
    let text = command.output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.ok().and_then(|text| text.lines().next().map(str::to_owned)).unwrap_or_else(|| "unknown".to_owned())
}

/// The version of a crate that the lock file names.
fn locked(name: &str) -> String {
    let text = std::fs::read_to_string(workspace().join("Cargo.lock")).unwrap_or_default();
    let after = text.split_once(&format!("name = \"{name}\"\nversion = \"")).map(|(_, rest)| rest);
    after.and_then(|rest| rest.split('"').next()).unwrap_or("unknown").to_owned()
}

/// The version of a package that is installed beside the tests' Node programs.
fn installed(folder: &str) -> String {
    let path = workspace().join("tests/peers/node_modules").join(folder).join("package.json");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let package: Value = serde_json::from_str(&text).unwrap_or_default();
    package["version"].as_str().unwrap_or("not installed").to_owned()
}
