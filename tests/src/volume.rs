//! A file system in an image, which can be rolled back as a whole. Needs root, as the container tests do.

use std::path::{Path, PathBuf};

use crate::small_disk::{run, unmount};

/// A mounted ext4 file system. Dropping it unmounts it.
pub struct Volume {
    image: PathBuf,
    path: PathBuf,
}

impl Volume {
    /// Makes one in a file beside the empty folder `path`, and mounts it there.
    pub fn mount(path: &Path) -> Self {
        let volume = Self { image: path.with_extension("ext4"), path: path.to_owned() };
        let image = volume.image.to_string_lossy().into_owned();
        run("truncate", &["--size=128M", &image]);
        run("mkfs.ext4", &["-q", "-F", &image]);
        volume.attach();
        volume
    }

    fn attach(&self) {
        run("mount", &["-o", "loop", &self.image.to_string_lossy(), &self.path.to_string_lossy()]);
    }

    /// A snapshot of the whole file system, as a power cut would leave it. Whoever uses it goes on.
    pub fn snapshot(&self, name: &str) -> PathBuf {
        let snapshot = self.image.with_file_name(name);
        let path = self.path.to_string_lossy();
        run("fsfreeze", &["--freeze", &path]);
        let copied = std::fs::copy(&self.image, &snapshot);
        run("fsfreeze", &["--unfreeze", &path]);
        copied.expect("a copy of the image");
        snapshot
    }

    /// Puts a snapshot in the place of what is there. Nobody may use the file system meanwhile.
    pub fn roll_back(&self, snapshot: &Path) {
        run("umount", &[&self.path.to_string_lossy()]);
        std::fs::copy(snapshot, &self.image).expect("the image put back");
        self.attach();
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        unmount(&self.path);
    }
}
