//! A file system of its own, small enough to be filled. Needs root, as the container tests do.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Name of the file that takes all the room.
const FILLER: &str = "filler";

/// A mounted tmpfs. Dropping it unmounts it.
pub struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts one of this many megabytes on an empty folder.
    pub fn mount(path: &Path, megabytes: u32) -> Self {
        let size = format!("size={megabytes}m,mode=0700");
        run("mount", &["-t", "tmpfs", "-o", &size, "wakeeper-test", &path.to_string_lossy()]);
        Self { path: path.to_owned() }
    }

    /// Takes all the room that is left.
    pub fn fill(&self) {
        let mut file = File::create(self.path.join(FILLER)).expect("a file that fills the disk");
        for size in [1 << 16, 1 << 12, 1] {
            let block = vec![b'x'; size];
            loop {
                match file.write(&block) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("filling the disk: {error}"),
                }
            }
        }
    }

    /// Gives the room back.
    pub fn empty(&self) {
        std::fs::remove_file(self.path.join(FILLER)).expect("the file that fills the disk");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        unmount(&self.path);
    }
}

/// Unmounts a file system, lazily: the gateway may still have its files open.
pub(crate) fn unmount(path: &Path) {
    let _ = Command::new("umount").arg("-l").arg(path).status();
}

/// Runs a program that must succeed.
pub(crate) fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().expect("a program that runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?} (this test needs root): {errors}");
}
