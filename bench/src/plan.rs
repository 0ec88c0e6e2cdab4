//! What is measured, how much of it, and where it is written.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::{Args, ValueEnum};

use crate::contenders;
use crate::parts::Part;

/// What was asked for.
#[derive(Args, Clone)]
pub struct Plan {
    /// What to measure; everything when nothing is named
    #[arg(value_enum, value_name = "PART")]
    pub parts: Vec<Part>,
    /// The program to measure, built with `--features demo`
    #[arg(long, value_name = "FILE", default_value = "target/release/wakeeper")]
    pub wakeeper: PathBuf,
    /// Who is measured, with commas between them; everybody when nobody is named
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub contenders: Vec<String>,
    /// How often everything is measured; medians count
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Messages of one measurement with 32 at once, and of one burst; a quarter of it alone, a tenth of it paced
    #[arg(long, default_value_t = 1_000)]
    pub messages: usize,
    /// Sessions of the parts that measure many of them
    #[arg(long, default_value_t = 100)]
    pub sessions: usize,
    /// Milliseconds that every fsync takes longer, with commas between them
    #[arg(long, value_delimiter = ',', default_value = "0,2,8")]
    pub delays: Vec<u64>,
    /// Session files of the part `folder`
    #[arg(long, default_value_t = 100_000)]
    pub files: usize,
    /// Session files that jq is run on, one process each; fewer than all are counted up to all
    #[arg(long, default_value_t = 5_000)]
    pub jq_files: usize,
    /// Size of the log of the part `logs`
    #[arg(long, default_value_t = 1024)]
    pub mebibytes: u64,
    /// Errors of the worst night of the part `burst`; the quiet one has a hundredth of them
    #[arg(long, default_value_t = 168_000)]
    pub errors: u64,
    /// Folder that RESULTS.md is written to, with what it is made of
    #[arg(long, value_name = "FOLDER", default_value = concat!(env!("CARGO_MANIFEST_DIR")))]
    pub output: PathBuf,
    /// A remark that is written into the results, such as what else the machine did
    #[arg(long, default_value = "")]
    pub remark: String,
    /// Everything, tiny, with the contenders that need no packages of Node: does it work at all? Judges no speed
    #[arg(long)]
    pub smoke: bool,
}

impl Plan {
    /// Checked, and with nothing left open.
    pub fn settled(mut self) -> anyhow::Result<Self> {
        if self.smoke {
            self.shrink();
        }
        if self.parts.is_empty() {
            self.parts = Part::value_variants().to_vec();
        }
        if self.contenders.is_empty() {
            self.contenders = contenders::NAMES.map(str::to_owned).to_vec();
        }
        if let Some(unknown) = self.contenders.iter().find(|name| !contenders::NAMES.contains(&name.as_str()))
        {
            bail!("there is no contender {unknown}; there are {}", contenders::NAMES.join(", "));
        }
        ensure!(
            self.rounds > 0 && self.messages > 0 && self.sessions > 1,
            "nothing can be measured so few times"
        );
        ensure!(
            self.files > 0 && self.jq_files > 0 && self.errors >= 1_000,
            "nothing can be measured with so little"
        );
        ensure!(!self.delays.is_empty(), "--delays names none; 0 is the disk as it is");
        self.wakeeper = self.wakeeper.canonicalize().with_context(|| {
            format!(
                "{} is not there: cargo build --release --package wakeeper --features demo",
                self.wakeeper.display()
            )
        })?;
        Ok(self)
    }

    /// As little as shows that everything works.
    fn shrink(&mut self) {
        if self.contenders.is_empty() {
            self.contenders = contenders::WITHOUT_NODE.map(str::to_owned).to_vec();
        }
        self.rounds = 1;
        self.messages = 16;
        self.sessions = 3;
        self.delays = vec![0, 2];
        self.files = 100;
        self.jq_files = 10;
        self.mebibytes = 1;
        self.errors = 1_000;
    }

    /// Messages of a measurement in which one waits for the other.
    pub fn few(&self) -> usize {
        self.messages.div_ceil(4)
    }

    /// Messages of a measurement in which they come at a pace.
    pub fn paced(&self) -> usize {
        self.messages.div_ceil(10)
    }

    /// The program to measure, as it is written down: no path of this machine.
    pub fn shown_program(&self) -> String {
        let inside = self.wakeeper.strip_prefix(workspace());
        inside.unwrap_or(Path::new(self.wakeeper.file_name().unwrap_or_default())).display().to_string()
    }
}

/// The folder of the whole project.
pub fn workspace() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}
