//! `wakeeper man`.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory};
use wakeeper_terminal::write_out;

/// Print the manual page, or write those of all commands to a folder
#[derive(Args)]
#[command(after_help = "Examples:\n  wakeeper man | man -l -\n  wakeeper man --out ~/.local/share/man/man1")]
pub struct Man {
    /// Write wakeeper.1 and one page for each command to this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl Man {
    /// Prints or writes.
    pub fn run(self) -> anyhow::Result<()> {
        let program = crate::Cli::command();
        let Some(folder) = self.out else {
            let mut page = Vec::new();
            clap_mangen::Man::new(program).render(&mut page)?;
            write_out(std::io::stdout(), &page)?;
            return Ok(());
        };
        let failed = || format!("cannot write manual pages to {}", folder.display());
        std::fs::create_dir_all(&folder).with_context(failed)?;
        clap_mangen::generate_to(program, &folder).with_context(failed)
    }
}
