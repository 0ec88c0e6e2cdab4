//! One entry of a container's files, asked of the engine: what it is, whose it is, and for a small file its content.
//!
//! The engine answers with the tar stream of all that is there. Of a folder only the first header is read, and the
//! answer is dropped. A link at the end of the path is told as itself; links before it the engine follows, so whoever
//! asks must have asked for every folder on the way.

use std::path::Path;

use bollard::query_parameters::DownloadFromContainerOptions;
use futures::StreamExt;
use wakeeper_bounded_tar::{Bounds, Kind, Reader, TarError};

use crate::docker::engine::Engine;
use crate::docker::error::EngineError;

/// The largest file whose content is wanted, with its headers.
const BYTES: usize = 4 << 20;
const BOUNDS: Bounds =
    Bounds { total: u64::MAX, entries: 1, entry: u64::MAX, name: 4096, extensions: 1 << 20, records: 1024 };

/// What stands at a path of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    pub(crate) mode: u32,
    /// The content of a regular file, when it was asked for.
    pub(crate) content: Vec<u8>,
}

/// Asks for an entry; `None` when there is none, or no answer that can be read.
pub(crate) async fn ask(
    engine: &Engine,
    id: &str,
    path: &Path,
    content: bool,
) -> Result<Option<Entry>, EngineError> {
    let options = DownloadFromContainerOptions { path: path.to_string_lossy().into_owned() };
    let mut stream = Box::pin(engine.docker.download_from_container(id, Some(options)));
    let mut begun = Vec::new();
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(piece) => begun.extend_from_slice(&piece),
            Err(error) if is_no_such_file(&error) => return Ok(None),
            Err(error) => return Err(EngineError::of(format!("look at {}", path.display()), id, error)),
        }
        match first(&begun, content) {
            Err(TarError::Short) if begun.len() < BYTES => {}
            found => return Ok(found.ok().flatten()),
        }
    }
    Ok(None)
}

/// A container that is there has no such file.
pub(crate) fn is_no_such_file(error: &bollard::errors::Error) -> bool {
    matches!(error, bollard::errors::Error::DockerResponseServerError { status_code: 404, message }
        if !message.contains("No such container:"))
}

fn first(begun: &[u8], content: bool) -> Result<Option<Entry>, TarError> {
    let mut reader = Reader::new(begun, BOUNDS);
    let Some(mut found) = reader.next_entry()? else {
        // The stream has only begun.
        return Err(TarError::Short);
    };
    let mut entry =
        Entry { kind: found.kind, uid: found.uid, gid: found.gid, mode: found.mode, content: Vec::new() };
    if content && found.kind == Kind::File {
        let mut room = [0; 4096];
        loop {
            match found.piece(&mut room)? {
                0 => break,
                read => entry.content.extend_from_slice(&room[..read]),
            }
        }
    }
    Ok(Some(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_entry_is_read_as_soon_as_it_is_there() {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, content) in [("passwd", &b"app:x:7:8::/:"[..]), ("more", b"more")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o640);
            header.set_uid(70_000);
            header.set_gid(8);
            tar.append_data(&mut header, name, content).unwrap();
        }
        let stream = tar.into_inner().unwrap();
        for len in [0, 1, 511] {
            assert!(matches!(first(&stream[..len], true), Err(TarError::Short)), "{len}");
        }
        assert!(matches!(first(&stream[..520], true), Err(TarError::Short)));
        assert!(first(&stream[..512], false).unwrap().unwrap().content.is_empty());
        let entry = first(&stream[..530], true).unwrap().unwrap();
        assert_eq!((entry.kind, entry.uid, entry.gid, entry.mode), (Kind::File, 70_000, 8, 0o640));
        assert_eq!(entry.content, b"app:x:7:8::/:");
        assert!(first(&[7; 512], true).is_err());
    }
}
