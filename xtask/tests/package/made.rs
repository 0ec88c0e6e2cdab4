//! Packages that were made of a small program, once for every test that looks at them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A program that answers as wakeeper does where packaging asks: its version, completion scripts and manual.
const PROGRAM: &str = r##"fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--version"] => println!("wakeeper 0.0.0"),
        ["completions", shell] => println!("# completions for {shell}"),
        ["--help"] => println!("Commands:\n  serve  runs\n  man    writes the manual"),
        ["man", "--out", folder] => std::fs::write(format!("{folder}/wakeeper.1"), ".TH wakeeper 1\n").unwrap(),
        ["serve"] => println!("serving"),
        _ => std::process::exit(2),
    }
}
"##;

/// Runs a program to its end.
pub fn run(program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C").env("PATH", path());
    command.output().unwrap_or_else(|error| panic!("cannot start {program}: {error}"))
}

/// `dpkg` looks for programs of root's.
fn path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

/// What it printed; it must have ended well.
pub fn printed(program: &str, arguments: &[&str]) -> String {
    let output = run(program, arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{error}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A folder with packages.
pub struct Made {
    folder: TempDir,
}

impl Made {
    /// A static program is compiled and packaged.
    pub fn new() -> Self {
        let made = Self { folder: TempDir::new().expect("a folder") };
        let program = made.compiled("wakeeper", PROGRAM, true);
        let (ended_well, said) = made.package("out", &["--binary", &program]);
        assert!(ended_well, "{said}");
        made
    }

    /// Nothing but the folder.
    pub fn nothing() -> Self {
        Self { folder: TempDir::new().expect("a folder") }
    }

    /// A program of that source.
    pub fn compiled(&self, name: &str, source: &str, is_static: bool) -> String {
        let path = self.path(name);
        let text = self.path(&format!("{name}.rs"));
        fs::write(&text, source).expect("a source");
        let flag = if is_static { "target-feature=+crt-static" } else { "target-feature=-crt-static" };
        let (path, text) = (path.to_str().unwrap(), text.to_str().unwrap());
        printed("rustc", &["--edition", "2024", "-C", flag, "-C", "strip=symbols", "-o", path, text]);
        path.to_owned()
    }

    /// Runs the command; whether it ended well, and what it said.
    pub fn package(&self, out: &str, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.arg("package").args(arguments).arg("--out").arg(self.path(out));
        command
            .env("DEBFULLNAME", "Somebody")
            .env("DEBEMAIL", "somebody@example.org")
            .env("SOURCE_DATE_EPOCH", "1764400000");
        let output = command.output().expect("xtask");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The names of what was made.
    pub fn names(&self, out: &str) -> Vec<String> {
        let items = fs::read_dir(self.path(out)).expect("a folder").flatten();
        let mut names: Vec<_> = items.map(|item| item.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The one file with that ending.
    pub fn file(&self, ending: &str) -> String {
        let name = self.names("out").into_iter().find(|name| name.ends_with(ending));
        self.path("out").join(name.expect("a file")).to_str().unwrap().to_owned()
    }
}

/// The rights of a file.
pub fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode()
        & 0o777
}
