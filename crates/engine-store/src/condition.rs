//! Can a session's database be started from? Judged before the client opens it, which makes an empty database of whatever
//! is missing and then asks for a QR code.

use std::path::Path;

use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore::store::traits::DeviceStore;

use crate::error::{NativeError, io};
use crate::{SIDE_FILES, generation, rows, write};

/// What lies where a session's database should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Missing,
    /// A file without content.
    Empty,
    /// A sound database that holds no login.
    NoLogin,
    /// A sound database with a login.
    Sound,
    /// Something that cannot be used; the text says what is wrong with it.
    Damaged(String),
}

/// Looks at a session's database, which its caller holds the lock of.
///
/// # Errors
/// When it cannot be looked at, which says nothing of its state: no permission, no room, locked by another program.
pub async fn condition(database: &Path) -> Result<Condition, NativeError> {
    if let Some(plain) = of_file(database)? {
        return Ok(plain);
    }
    let problems = rows::check(database).await?;
    // The first line says it; the rest is one line for each page.
    if let Some(first) = problems.first().and_then(|text| text.lines().find(|line| !line.starts_with("***")))
    {
        return Ok(Condition::Damaged(format!("SQLite says: {first}")));
    }
    let marked = match generation::marked(database).await {
        Ok(marked) => marked,
        Err(error) => return Ok(Condition::Damaged(error.to_string())),
    };
    if marked.identity.is_none() {
        return Ok(Condition::NoLogin);
    }
    // As the client will read it. Bringing it to the client's newest schema is all that changes in it.
    let opened = write::open(database).await?;
    let device = match opened.load().await {
        Ok(Some(device)) => device,
        Ok(None) => return Ok(Condition::NoLogin),
        Err(error) => return Ok(Condition::Damaged(format!("its login cannot be read: {error}"))),
    };
    let pairs = [
        ("Noise key", &device.noise_key),
        ("identity key", &device.identity_key),
        ("signed pre-key", &device.signed_pre_key),
    ];
    Ok(match pairs.into_iter().find(|(_, pair)| !fits(pair)) {
        Some((what, _)) => Condition::Damaged(format!("the two halves of its {what} do not belong together")),
        None => Condition::Sound,
    })
}

/// What the file itself tells, without its content.
fn of_file(database: &Path) -> Result<Option<Condition>, NativeError> {
    let metadata = match std::fs::symlink_metadata(database) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Some(Condition::Missing)),
        Err(error) => return Err(io("examine", database)(error)),
    };
    let damaged = |what: &str| Some(Condition::Damaged(what.to_owned()));
    if metadata.is_symlink() {
        return Ok(damaged("a link lies in its place"));
    }
    if metadata.is_dir() {
        return Ok(damaged("a folder lies in its place"));
    }
    if !metadata.is_file() {
        return Ok(damaged("what lies in its place is not a file"));
    }
    std::fs::File::open(database).map_err(io("open", database))?;
    if metadata.len() > 0 {
        return Ok(None);
    }
    // A database whose content is still in the log beside it is not an empty one.
    let log = database.with_file_name(SIDE_FILES[0]);
    let has_log = std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
    Ok((!has_log).then_some(Condition::Empty))
}

fn fits(pair: &KeyPair) -> bool {
    pair.private_key.public_key().is_ok_and(|public| public == pair.public_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_database_is_told_from_what_is_not_there() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(crate::DATABASE);
        assert_eq!(condition(&path).await.unwrap(), Condition::Missing);
        std::fs::write(&path, "").unwrap();
        assert_eq!(condition(&path).await.unwrap(), Condition::Empty);
        for garbage in [b"x".repeat(10), b"SQLite format 3\0".to_vec(), b"x".repeat(100_000)] {
            std::fs::write(&path, garbage).unwrap();
            assert!(matches!(condition(&path).await.unwrap(), Condition::Damaged(_)));
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "").unwrap();
        drop(write::open(&path).await.unwrap());
        assert_eq!(condition(&path).await.unwrap(), Condition::NoLogin);
        let whole = std::fs::read(&path).unwrap();
        for cut in [99, 4096, whole.len() / 2, whole.len() - 4096] {
            for side in SIDE_FILES {
                let _ = std::fs::remove_file(root.path().join(side));
            }
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(matches!(condition(&path).await.unwrap(), Condition::Damaged(_)), "cut at {cut}");
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(condition(&path).await.unwrap(), Condition::Damaged(_)));
        std::fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        assert!(matches!(condition(&path).await.unwrap(), Condition::Damaged(_)));
    }
}
