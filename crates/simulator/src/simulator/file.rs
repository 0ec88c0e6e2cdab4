//! The state file.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, ErrorKind, Write};
use std::path::Path;

use super::{SavedSimulator, SimulatorError};

/// Reads the state file; none when there is none.
pub(super) fn read(path: &Path) -> Result<Option<SavedSimulator>, SimulatorError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(SimulatorError::StateFile("read", error)),
    };
    serde_json::from_reader(BufReader::new(file)).map(Some).map_err(SimulatorError::StateFormat)
}

/// Writes the state file anew and puts it in the place of the old one.
pub(super) fn write(saved: &SavedSimulator, path: &Path) -> Result<(), SimulatorError> {
    let failed = |error| SimulatorError::StateFile("write", error);
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = Path::new(&part);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut writer = BufWriter::new(options.open(part).map_err(failed)?);
    serde_json::to_writer(&mut writer, saved).map_err(SimulatorError::StateFormat)?;
    writer.flush().map_err(failed)?;
    writer.get_ref().sync_all().map_err(failed)?;
    std::fs::rename(part, path).map_err(failed)
}
