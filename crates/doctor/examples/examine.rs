//! Examines a folder or a backup and prints the report: `cargo run -p wakeeper-doctor --example examine -- PATH`.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use wakeeper_doctor::{Options, examine};

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or_default();
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let report = examine(Path::new(&path), &Options::at(now))?;
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}
