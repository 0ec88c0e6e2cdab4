//! The table of measurements in `docs/recovery.md`. Each test tells its own row; it is written when
//! `WAKEEPER_WRITE_RECOVERY` is set, and otherwise only printed.

use std::fs::File;
use std::path::Path;

/// The lines around the table.
const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// What a recovery took, counted from the third bad message.
pub struct Measured {
    /// `None` where nobody but a person notices.
    pub noticed_ms: Option<i64>,
    pub repaired_ms: i64,
    pub downtime_ms: i64,
    pub lost: usize,
    pub of: usize,
    pub new_qr: bool,
}

/// One line of the table.
pub struct Row {
    pub fault: &'static str,
    pub measured: Measured,
}

impl Row {
    fn line(&self) -> String {
        let Measured { noticed_ms, repaired_ms, downtime_ms, lost, of, new_qr } = self.measured;
        // Tenths, and no "-0.0" for what the gateway's log and its messages tell at once.
        let seconds = |ms: i64| format!("{:.1} s", (ms / 100) as f64 / 10.0);
        let qr = if new_qr { "yes" } else { "no" };
        let noticed = noticed_ms.map_or_else(|| "by a person".to_owned(), seconds);
        let (repaired, down) = (seconds(repaired_ms), seconds(downtime_ms));
        format!("| {} | {noticed} | {repaired} | {down} | {lost} of {of} | {qr} |", self.fault)
    }
}

/// Prints a row, and writes it when asked to.
pub fn write(row: &Row) {
    let line = row.line();
    eprintln!("{line}");
    if std::env::var_os("WAKEEPER_WRITE_RECOVERY").is_none() {
        return;
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    // Tests of one run write at the same time; the folder itself is what they lock.
    let lock = File::open(&docs).expect("the folder of documents");
    lock.lock().expect("the sole use of the folder of documents");
    let path = docs.join("recovery.md");
    let text = std::fs::read_to_string(&path).expect("docs/recovery.md");
    std::fs::write(&path, replaced(&text, row.fault, &line)).expect("write docs/recovery.md");
}

/// The page with this line as the fault's row.
fn replaced(text: &str, fault: &str, line: &str) -> String {
    let (before, rest) = text.split_once(BEGIN).expect("the beginning of the table");
    let (table, after) = rest.split_once(END).expect("the end of the table");
    let own = format!("| {fault} |");
    let mut lines: Vec<_> = table.trim().lines().map(str::to_owned).collect();
    match lines.iter_mut().find(|line| line.starts_with(&own)) {
        Some(old) => line.clone_into(old),
        None => lines.push(line.to_owned()),
    }
    format!("{before}{BEGIN}\n{}\n{END}{after}", lines.join("\n"))
}

#[test]
fn a_row_replaces_its_older_self() {
    let page = format!("a\n{BEGIN}\n| fault | x |\n|---|---|\n| torn | 1 |\n{END}\nb\n");
    let page = replaced(&page, "torn", "| torn | 2 |");
    let page = replaced(&page, "flipped", "| flipped | 3 |");
    let table = "| fault | x |\n|---|---|\n| torn | 2 |\n| flipped | 3 |";
    assert_eq!(page, format!("a\n{BEGIN}\n{table}\n{END}\nb\n"));
}
