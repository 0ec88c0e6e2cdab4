//! Mends a folder: `cargo run -p wakeeper-session --example mend -- FOLDER BACKUPS`. The judge's other half.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use wakeeper_session::Options;
use wakeeper_session::clean::{CleanOptions, clean};
use wakeeper_session::repair::Extent;

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (folder, shelf) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let how = CleanOptions {
        extent: Extent::Damaged,
        dry_run: false,
        shelf: Path::new(&shelf),
        label: "mend",
        passphrase: None,
    };
    let outcome = clean(Path::new(&folder), &Options::at(now), &how)?;
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}
