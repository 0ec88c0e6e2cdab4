//! A built program: for which processor it is, and whether people may be given it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::program;

/// Text that only a demo build holds: the address of the simulator's control API.
const OF_THE_DEMO: &[u8] = b"/sim/phones";

/// The processors that releases are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit Intel and AMD.
    X86,
    /// 64-bit ARM.
    Arm,
}

impl Architecture {
    /// As `readelf` calls it.
    fn read(header: &str) -> Option<Self> {
        let machine = header.lines().find_map(|line| line.trim().strip_prefix("Machine:"))?.trim();
        match machine {
            "Advanced Micro Devices X86-64" => Some(Self::X86),
            "AArch64" => Some(Self::Arm),
            _ => None,
        }
    }

    /// As archives are named.
    pub fn plain(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "aarch64",
        }
    }

    /// As Debian calls it.
    pub fn debian(self) -> &'static str {
        match self {
            Self::X86 => "amd64",
            Self::Arm => "arm64",
        }
    }
}

/// A built program.
#[derive(Debug)]
pub struct Program {
    /// Where it lies.
    pub path: PathBuf,
    /// What it runs on.
    pub architecture: Architecture,
    /// Does it need no library of the system that it runs on?
    pub is_static: bool,
}

impl Program {
    /// Reads the file's headers.
    pub fn of(path: &Path) -> Result<Self, String> {
        let mut readelf = program("readelf", &["--file-header", "--program-headers", "--wide"]);
        let told = readelf.arg(path).env("LC_ALL", "C").output();
        let told =
            told.map_err(|error| format!("cannot start readelf (Debian package binutils): {error}"))?;
        let header = String::from_utf8_lossy(&told.stdout);
        let architecture = Architecture::read(&header).ok_or_else(|| {
            format!("{} is no program for 64-bit Intel, AMD or ARM processors under Linux", path.display())
        })?;
        Ok(Self { path: path.to_owned(), architecture, is_static: !header.contains(" INTERP ") })
    }

    /// Refuses a program that runs only here, or that talks to simulators instead of WhatsApp.
    pub fn fit_for_people(&self) -> Result<(), String> {
        let path = self.path.display();
        if !self.is_static {
            return Err(format!(
                "{path} is not static: it runs only where the same libraries are. Build it with: cargo xtask package --target \
                 {}-unknown-linux-musl",
                self.architecture.plain()
            ));
        }
        let bytes = fs::read(&self.path).map_err(|error| format!("{path}: {error}"))?;
        if bytes.windows(OF_THE_DEMO.len()).any(|window| window == OF_THE_DEMO) {
            return Err(format!(
                "{path} is a demo build, which refuses WhatsApp's servers: build it without --features demo"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_read_from_the_header() {
        let read = |machine| Architecture::read(&format!("  Class: ELF64\n  Machine:    {machine}\n"));
        assert_eq!(read("Advanced Micro Devices X86-64"), Some(Architecture::X86));
        assert_eq!(read("AArch64"), Some(Architecture::Arm));
        assert_eq!(read("RISC-V"), None);
        assert_eq!(Architecture::read(""), None);
    }

    #[test]
    fn what_is_no_program_is_refused() {
        let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert!(Program::of(&text).unwrap_err().contains("is no program"));
    }
}
