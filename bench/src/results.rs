//! What came out, on a page. Each part is kept as a document of its own in `results/`, and the page is made of all of them: a
//! part that is measured again replaces its section alone.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::figures::{Figure, LIMIT, RATE};
use crate::machine::Machine;
use crate::parts::{self, Outcome, Part};
use crate::plan::Plan;

const HEAD: &str = "\
# What was measured

Written by `cargo xtask bench`; nothing here is written by hand. Numbers are medians of rounds in which all contenders took turns;
latencies are those of all rounds together. CPU, system calls, fsyncs and KB are per message, of the contender's processes and no
others. \"KB to disk\" is what the kernel counts as written to a disk, \"KB written\" all that went through write calls, to sockets as
well. \"of bare\" is the rate beside that of bare whatsapp-rust in the same run. fsyncs and system calls are counted in a round of
their own, on the disk as it is. What holds on another machine too are ratios, calls and bytes; rates and times are this machine's.
";

/// A part's numbers, with where they come from.
#[derive(Debug, Serialize, Deserialize)]
pub struct Section {
    part: Part,
    when: String,
    command: String,
    remark: String,
    machine: Machine,
    contenders: Vec<String>,
    about: Vec<String>,
    troubles: Vec<String>,
    figures: Vec<Figure>,
}

impl Section {
    /// What came of a part just now.
    pub fn new(part: Part, outcome: Outcome, plan: &Plan) -> Self {
        let Outcome { figures, contenders, about, mut troubles, missed, .. } = outcome;
        troubles.extend(missed);
        Self {
            part,
            when: Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
            command: command(part, plan),
            remark: plan.remark.clone(),
            machine: Machine::here(plan),
            contenders,
            about,
            troubles,
            figures,
        }
    }
}

/// The command that measures this part again, with all that the plan says.
fn command(part: Part, plan: &Plan) -> String {
    let mut words = format!("cargo xtask bench {}", parts::name(part));
    match plan.shown_program().as_str() {
        "target/release/wakeeper" => {}
        "target/debug/wakeeper" => words.push_str(" --profile dev"),
        other => words.extend([" --wakeeper ", other]),
    }
    if plan.smoke {
        return words + " --smoke";
    }
    let delays: Vec<String> = plan.delays.iter().map(u64::to_string).collect();
    let _ = match part {
        Part::Folder => {
            write!(words, " --rounds {} --files {} --jq-files {}", plan.rounds, plan.files, plan.jq_files)
        }
        Part::Logs => write!(words, " --mebibytes {}", plan.mebibytes),
        Part::Burst => write!(words, " --errors {}", plan.errors),
        Part::Send | Part::Receive => write!(
            words,
            " --rounds {} --messages {} --delays {}",
            plan.rounds,
            plan.messages,
            delays.join(",")
        ),
        Part::Sessions | Part::Start | Part::Idle => {
            write!(words, " --rounds {} --sessions {}", plan.rounds, plan.sessions)
        }
    };
    if !matches!(part, Part::Folder | Part::Logs | Part::Burst) {
        let _ = write!(words, " --contenders {}", plan.contenders.join(","));
    }
    words
}

/// Where the page is.
pub fn page(output: &Path) -> PathBuf {
    output.join("RESULTS.md")
}

fn document(output: &Path, part: Part) -> PathBuf {
    output.join("results").join(format!("{}.json", parts::name(part)))
}

/// Keeps a part's numbers and makes the page anew.
pub fn write(plan: &Plan, section: &Section) -> anyhow::Result<()> {
    let path = document(&plan.output, section.part);
    std::fs::create_dir_all(plan.output.join("results")).context("the folder of results")?;
    let text = serde_json::to_string_pretty(section)? + "\n";
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    let mut sections = Vec::new();
    for part in Part::value_variants() {
        let path = document(&plan.output, *part);
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let section: Section = serde_json::from_str(&text)
            .with_context(|| format!("{} is of another version; remove it", path.display()))?;
        sections.push(section);
    }
    std::fs::write(page(&plan.output), rendered(&sections)).context("cannot write the results")
}

fn rendered(sections: &[Section]) -> String {
    let mut page = HEAD.to_owned();
    let (mut said_of_machine, mut said_of_contenders) = (String::new(), String::new());
    for section in sections {
        let _ =
            write!(page, "\n## {}\n\n{}: `{}`\n", parts::name(section.part), section.when, section.command);
        if !section.remark.is_empty() {
            let _ = write!(page, "\n**{}**\n", section.remark);
        }
        let Machine { hardware, programs, moment } = &section.machine;
        let machine = format!("\n{}. {}.\n", hardware.join(", "), programs.join(", "));
        new_only(&mut page, machine, &mut said_of_machine);
        let _ = write!(page, "\n{}.\n", sentence(&moment.join(", ")));
        let contenders =
            if section.contenders.is_empty() { String::new() } else { list(&section.contenders) };
        new_only(&mut page, contenders, &mut said_of_contenders);
        page.push_str(&list(&section.about));
        let troubles: Vec<String> = section.troubles.iter().map(|one| format!("Wrong: {one}")).collect();
        page.push_str(&list(&troubles));
        for table in section.figures.chunk_by(|one, other| one.case == other.case) {
            page.push_str(&rendered_table(table));
        }
    }
    page
}

/// Adds what was not said last time.
fn new_only(page: &mut String, text: String, said: &mut String) {
    if !text.is_empty() && text != *said {
        page.push_str(&text);
        *said = text;
    }
}

/// Begins with a capital letter.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// With an empty line before it, when there is something to list.
fn list(items: &[String]) -> String {
    let mut lines = String::new();
    for item in items.iter().filter(|item| !item.is_empty()) {
        if lines.is_empty() {
            lines.push('\n');
        }
        let _ = writeln!(lines, "- {item}");
    }
    lines
}

fn rendered_table(rows: &[Figure]) -> String {
    let mut columns: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flat_map(|row| &row.values) {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    let limit = rows.iter().find(|row| row.contender == LIMIT).and_then(|row| row.value(RATE));
    let is_compared = |column: &str| column == RATE && limit.is_some();
    let case = rows.first().map(|row| row.case.as_str()).unwrap_or_default();
    let mut table = format!("\n### {case}\n\n| |");
    for column in &columns {
        let _ = write!(table, " {column} |");
        if is_compared(column) {
            let _ = write!(table, " of {LIMIT} |");
        }
    }
    table.push_str("\n|---|");
    table.push_str(
        &"---|".repeat(columns.len() + usize::from(columns.iter().any(|column| is_compared(column)))),
    );
    for row in rows {
        let _ = write!(table, "\n| {} |", row.contender.replace('|', "\\|"));
        for column in &columns {
            let number = row.value(column);
            let _ = write!(table, " {} |", number.map_or_else(|| "-".to_owned(), shown));
            if is_compared(column) {
                let ratio = number.zip(limit).map(|(number, limit)| number / limit);
                let _ = write!(
                    table,
                    " {} |",
                    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
                );
            }
        }
    }
    table.push('\n');
    for row in rows {
        for note in &row.notes {
            let _ = write!(table, "\n{}: {note}.\n", row.contender);
        }
    }
    table
}

/// With three figures that count.
fn shown(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 || size.fract() < f64::EPSILON => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        size if size >= 1.0 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_stands_beside_its_ratio() {
        let mut slow = Figure::new("sends", "wakeeper").with(RATE, 250.0).with("p50 ms", 1.5);
        slow.notes.push("was slow".to_owned());
        let table = rendered_table(&[slow, Figure::new("sends", LIMIT).with(RATE, 1000.0)]);
        let expected = "\n### sends\n\n| | per second | of bare | p50 ms |\n|---|---|---|---|\n\
                        | wakeeper | 250 | 0.25 | 1.50 |\n| bare | 1000 | 1.00 | - |\n\nwakeeper: was slow.\n";
        assert_eq!(table, expected);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [1234.5, 12.345, 1.2345, 0.012_345, 3.0].map(shown),
            ["1234", "12.3", "1.23", "0.012", "3"]
        );
    }
}
