//! The preloaded library that makes a program's disk fail: `tests/preload/failing_disk.c`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::gateway::Gateway;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/preload/failing_disk.c");

/// What one power cut took.
#[derive(Clone, Copy, Debug)]
pub struct PowerCut {
    /// Changes of files that were not synced.
    pub unsynced: usize,
    /// Those of them that are gone.
    pub lost: usize,
    /// Those of which a part is there.
    pub torn: usize,
}

/// The rules of one program's disk.
pub struct FailingDisk {
    rules: PathBuf,
}

impl FailingDisk {
    /// Has the gateway's next process preload the library; nothing fails until there are rules.
    pub fn under(gateway: &mut Gateway, folder: &Path) -> Self {
        let disk = Self::new(folder);
        for (name, value) in disk.variables() {
            gateway.set(name, value);
        }
        disk
    }

    /// Keeps its rules in this folder; there are none yet.
    pub fn new(folder: &Path) -> Self {
        let disk = Self { rules: folder.join("rules") };
        disk.set("");
        disk
    }

    /// What a program's environment holds, so that it has this disk.
    pub fn variables(&self) -> [(&'static str, String); 2] {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        [("LD_PRELOAD", text(library())), ("FAILING_DISK", text(&self.rules))]
    }

    /// Replaces the rules; they count from the next call on.
    pub fn set(&self, rules: &str) {
        let new = self.rules.with_extension("new");
        std::fs::write(&new, rules).expect("a file of rules");
        std::fs::rename(&new, &self.rules).expect("a file of rules");
    }

    /// How often a rule struck so far.
    pub fn strikes(&self) -> usize {
        self.log().lines().count()
    }

    /// What the power cuts so far took: of each how many writes were not synced, and how many of these were lost or torn.
    pub fn power_cuts(&self) -> Vec<PowerCut> {
        let number = |line: &str, word: &str| {
            let before = line.split(word).next()?.rsplit([' ', ':']).find(|piece| !piece.is_empty())?;
            before.parse().ok()
        };
        let cut = |line: &str| {
            let counts = line.strip_prefix("0 power-cut ")?;
            let unsynced = counts.split(' ').next()?.parse().ok()?;
            Some(PowerCut { unsynced, lost: number(counts, " lost")?, torn: number(counts, " torn")? })
        };
        self.log().lines().filter_map(cut).collect()
    }

    fn log(&self) -> String {
        let mut log = self.rules.as_os_str().to_owned();
        log.push(".log");
        std::fs::read_to_string(log).unwrap_or_default()
    }
}

/// Builds the library once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let test = std::env::current_exe().expect("the test's own path");
        let folder = test.ancestors().nth(2).expect("a target folder");
        let library = folder.join("libfailing_disk.so");
        // Built under a name of its own: tests of other processes may build it now too.
        let fresh = folder.join(format!("libfailing_disk.{}.so", std::process::id()));
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o"])
            .args([fresh.as_os_str(), SOURCE.as_ref(), "-ldl".as_ref()])
            .output()
            .expect("a C compiler; `cargo xtask setup` installs one");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::rename(&fresh, &library).expect("the built library");
        library
    })
}
