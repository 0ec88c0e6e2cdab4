//! The session doctor on a folder of many session files, against `tar` reading the same bytes and one `jq` per file.

use std::path::Path;

use anyhow::{Context, ensure};

use super::Outcome;
use crate::figures::{Figure, median};
use crate::measure::{self, Measured};
use crate::plan::Plan;
use crate::session_folder;

/// Something to measure.
struct Contender {
    name: &'static str,
    command: Vec<String>,
    taken: Vec<Measured>,
}

impl Contender {
    fn new(name: &'static str, command: &[&str]) -> Self {
        Self { name, command: command.iter().map(|word| (*word).to_owned()).collect(), taken: Vec::new() }
    }

    fn run(&mut self) -> anyhow::Result<()> {
        self.taken.push(measure::in_process_of_its_own(&self.command)?);
        Ok(())
    }

    fn seconds(&self) -> f64 {
        median(self.taken.iter().map(|one| one.seconds))
    }

    fn peak_mb(&self) -> f64 {
        self.taken.iter().map(|one| one.peak_kb).max().unwrap_or_default() as f64 / 1000.0
    }
}

/// Measures.
pub fn run(plan: &Plan) -> anyhow::Result<Outcome> {
    let scratch = tempfile::tempdir().context("cannot make a folder")?;
    let session = scratch.path().join("auth_info");
    let bytes = session_folder::make(&session, plan.files)?;

    let mut contenders = contenders(&plan.wakeeper, scratch.path());
    // Once for the page cache: what is compared is the work, not the disk.
    for contender in &mut contenders {
        contender.run()?;
        contender.taken.clear();
    }
    for _ in 0..plan.rounds {
        // One after the other within a round, so that a busy machine is busy for all.
        for contender in &mut contenders {
            contender.run()?;
        }
    }
    let jq = one_jq_per_file(&session, plan)?;
    let case = format!("{} session files, {:.1} MB", plan.files, bytes as f64 / 1e6);
    let tar = contenders.first().map(Contender::seconds).unwrap_or_default();
    let row = |name: &str, seconds: f64| {
        Figure::new(&case, name)
            .with("seconds", seconds)
            .with("times tar", seconds / tar)
            .with("times faster than jq", jq / seconds)
    };
    let mut figures: Vec<Figure> =
        contenders.iter().map(|one| row(one.name, one.seconds()).with("peak MB", one.peak_mb())).collect();
    figures.push(row("find -exec jq empty", jq));
    let counted = if plan.jq_files < plan.files {
        format!("jq was run on {} files, and counted up.", plan.jq_files)
    } else {
        String::new()
    };
    let about = vec!["All files are in the page cache.".to_owned(), counted];
    Ok(Outcome { figures, about, ..Outcome::default() })
}

fn contenders(program: &Path, scratch: &Path) -> Vec<Contender> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let (program, folder) = (text(program), text(scratch));
    let (session, shelf) = (text(&scratch.join("auth_info")), text(&scratch.join("backups")));
    // tar writes nothing at all when its output is /dev/null itself, hence the pipe.
    let tar = format!("tar cf - -C '{folder}' auth_info | cat > /dev/null");
    let examine = [&program, "examine", "--json", &session];
    let backup = [
        &program,
        "backup",
        "create",
        "--always",
        "--json",
        "--auth-info-dir",
        &session,
        "--backup-dir",
        &shelf,
    ];
    vec![
        Contender::new("tar c | cat", &["sh", "-c", &tar]),
        Contender::new("wakeeper examine", &examine),
        Contender::new("wakeeper backup create", &backup),
    ]
}

/// `find -exec jq empty`, on some of the files, counted up to all of them.
fn one_jq_per_file(session: &Path, plan: &Plan) -> anyhow::Result<f64> {
    let count = plan.jq_files.min(plan.files);
    ensure!(count > 0, "--jq-files must not be 0");
    let some = tempfile::tempdir().context("cannot make a folder")?;
    for index in 0..count {
        let name = session_folder::session_name(index);
        std::fs::hard_link(session.join(&name), some.path().join(&name))
            .or_else(|_| std::fs::copy(session.join(&name), some.path().join(&name)).map(drop))
            .context("cannot copy a session file")?;
    }
    let folder = some.path().to_string_lossy().into_owned();
    let command = ["find", &folder, "-type", "f", "-exec", "jq", "empty", "{}", ";"];
    let taken = measure::in_process_of_its_own(&command.map(str::to_owned))?;
    Ok(taken.seconds * plan.files as f64 / count as f64)
}
