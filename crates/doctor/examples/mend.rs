//! Mends a folder: `cargo run -p wakeeper-doctor --example mend -- FOLDER BACKUPS [LOG]`. The judge's other half.

use std::io::BufReader;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use wakeeper_doctor::clean::{CleanOptions, clean};
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::{Options, symptoms};

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (folder, shelf) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let seen = match arguments.next() {
        Some(log) => symptoms::scan(BufReader::new(std::fs::File::open(log)?))?,
        None => Vec::new(),
    };
    let peer_failures = symptoms::peer_failures(&seen);
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let how = CleanOptions {
        extent: Extent::Damaged,
        dry_run: false,
        shelf: Path::new(&shelf),
        label: "mend",
        passphrase: None,
        approve: None,
    };
    let options = Options { peer_failures: &peer_failures, ..Options::at(now) };
    let outcome = clean(Path::new(&folder), &options, &how)?;
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}
