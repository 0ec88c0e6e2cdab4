//! An archive: the program, and what a person needs who installs it by hand.

use std::path::Path;

use super::program::Program;
use super::{Release, empty, install, names};
use crate::run::{program as command, succeed, workspace};

/// Where each file of the repository goes.
const FILES: [(&str, &str); 7] = [
    ("README.md", "README.md"),
    ("CHANGELOG.md", "CHANGELOG.md"),
    ("LICENSE", "LICENSE"),
    (".env.example", "settings.example"),
    ("packaging/wakeeper.service", "systemd/wakeeper.service"),
    ("packaging/wakeeper.sysusers", "systemd/wakeeper.conf"),
    ("packaging/wakeeper.env", "systemd/wakeeper.env"),
];

/// Makes `wakeeper-VERSION-PROCESSOR-linux.tar.gz`.
pub fn make(release: &Release, program: &Program) -> Result<(), String> {
    let name = format!("wakeeper-{}-{}-linux", release.version, program.architecture.plain());
    let root = release.shared.join("archive");
    empty(&root)?;
    let folder = root.join(&name);
    install(&program.path, &folder.join("wakeeper"), 0o755)?;
    for (from, to) in FILES {
        install(&workspace().join(from), &folder.join(to), 0o644)?;
    }
    docs(&folder.join("docs"))?;
    for name in names(&release.shared.join("man"))? {
        install(&release.shared.join("man").join(&name), &folder.join("man").join(&name), 0o644)?;
    }
    for file in ["wakeeper.bash", "_wakeeper", "wakeeper.fish"] {
        install(&release.shared.join(file), &folder.join("completions").join(file), 0o644)?;
    }
    for file in ["THIRD-PARTY-LICENSES.txt", "components.cdx.json"] {
        install(&release.shared.join(file), &folder.join(file), 0o644)?;
    }
    let archive = release.out.join(format!("{name}.tar.gz"));
    // One owner, one time, one order: the same files give the same bytes.
    let mut tar =
        command("tar", &["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"]);
    tar.arg(format!("--mtime=@{}", release.epoch)).arg("--use-compress-program=gzip -9 --no-name");
    tar.arg("--create").arg("--file").arg(archive).arg("--directory").arg(&root).arg(&name);
    succeed(tar)
}

/// The pages that README refers to.
pub fn docs(to: &Path) -> Result<(), String> {
    let from = workspace().join("docs");
    for name in names(&from)? {
        if [".md", ".png", ".json"].iter().any(|ending| name.ends_with(ending)) {
            install(&from.join(&name), &to.join(&name), 0o644)?;
        }
    }
    Ok(())
}
