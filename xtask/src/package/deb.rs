//! A Debian package: the program, a systemd service that is not started by itself, and a user for it.

use std::fs;
use std::path::Path;

use super::program::Program;
use super::{Release, empty, failed, gzip, install, names, put};
use crate::run::{first_line, output, program as command, succeed, workspace};

/// Where each file of the repository goes, and its rights.
const FILES: [(&str, &str, u32); 7] = [
    ("packaging/wakeeper.service", "usr/lib/systemd/system/wakeeper.service", 0o644),
    ("packaging/wakeeper.sysusers", "usr/lib/sysusers.d/wakeeper.conf", 0o644),
    // It may hold the API key; systemd reads it as root.
    ("packaging/wakeeper.env", "etc/wakeeper/wakeeper.env", 0o600),
    ("packaging/deb/copyright", "usr/share/doc/wakeeper/copyright", 0o644),
    ("packaging/deb/lintian-overrides", "usr/share/lintian/overrides/wakeeper", 0o644),
    ("README.md", "usr/share/doc/wakeeper/README.md", 0o644),
    (".env.example", "usr/share/doc/wakeeper/settings.example", 0o644),
];

/// The same of what is made for the release.
const MADE: [(&str, &str); 4] = [
    ("wakeeper.bash", "usr/share/bash-completion/completions/wakeeper"),
    ("_wakeeper", "usr/share/zsh/vendor-completions/_wakeeper"),
    ("wakeeper.fish", "usr/share/fish/vendor_completions.d/wakeeper.fish"),
    ("components.cdx.json", "usr/share/doc/wakeeper/components.cdx.json"),
];

/// Makes `wakeeper_VERSION_PROCESSOR.deb`.
pub fn make(release: &Release, program: &Program) -> Result<(), String> {
    let root = release.shared.join("deb");
    empty(&root)?;
    install(&program.path, &root.join("usr/bin/wakeeper"), 0o755)?;
    for (from, to, mode) in FILES {
        install(&workspace().join(from), &root.join(to), mode)?;
    }
    for (from, to) in MADE {
        install(&release.shared.join(from), &root.join(to), 0o644)?;
    }
    documents(release, &root)?;
    control(release, program, &root)?;
    let name = format!("wakeeper_{}_{}.deb", release.version, program.architecture.debian());
    let mut build = command("dpkg-deb", &["--root-owner-group", "-Zxz", "--build"]);
    build.arg(&root).arg(release.out.join(name)).env("SOURCE_DATE_EPOCH", &release.epoch);
    succeed(build)
}

/// What Debian wants compressed.
fn documents(release: &Release, root: &Path) -> Result<(), String> {
    let folder = root.join("usr/share/doc/wakeeper");
    super::archive::docs(&folder.join("docs"))?;
    install(&workspace().join("LICENSE"), &folder.join("LICENSE"), 0o644)?;
    install(
        &release.shared.join("THIRD-PARTY-LICENSES.txt"),
        &folder.join("THIRD-PARTY-LICENSES.txt"),
        0o644,
    )?;
    install(&workspace().join("CHANGELOG.md"), &folder.join("NEWS.md"), 0o644)?;
    put(&folder.join("changelog"), &changelog(release)?)?;
    for name in ["LICENSE", "THIRD-PARTY-LICENSES.txt", "NEWS.md", "changelog"] {
        gzip(&folder.join(name))?;
    }
    for name in names(&release.shared.join("man"))? {
        let page = root.join("usr/share/man/man1").join(&name);
        install(&release.shared.join("man").join(&name), &page, 0o644)?;
        gzip(&page)?;
    }
    Ok(())
}

fn control(release: &Release, program: &Program, root: &Path) -> Result<(), String> {
    let size =
        output("du", &["--summarize", "--apparent-size", "--block-size=1024", &root.to_string_lossy()])?;
    let size = size.split_whitespace().next().unwrap_or("0").to_owned();
    let folder = root.join("DEBIAN");
    fs::create_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
    // A program that is not static is packaged by tests alone.
    let libraries = if program.is_static { "" } else { ", libc6" };
    put(
        &folder.join("control"),
        &format!(
            "Package: wakeeper\n\
             Version: {}\n\
             Architecture: {}\n\
             Maintainer: {}\n\
             Installed-Size: {size}\n\
             Depends: systemd | systemd-standalone-sysusers | systemd-sysusers{libraries}\n\
             Section: net\n\
             Priority: optional\n\
             Description: WhatsApp gateway and session doctor\n \
             wakeeper puts a WhatsApp number behind an HTTP API and keeps its login. It\n \
             also finds and repairs what \"Bad MAC\" errors of Baileys gateways come from.\n \
             .\n \
             The service is installed and not started: systemctl enable --now wakeeper\n",
            release.version,
            program.architecture.debian(),
            maintainer()?,
        ),
    )?;
    put(&folder.join("conffiles"), "/etc/wakeeper/wakeeper.env\n")?;
    for script in ["postinst", "prerm", "postrm"] {
        install(&workspace().join("packaging/deb").join(script), &folder.join(script), 0o755)?;
    }
    Ok(())
}

fn changelog(release: &Release) -> Result<String, String> {
    let date = output("date", &["--utc", "--rfc-email", &format!("--date=@{}", release.epoch)])?;
    Ok(format!(
        "wakeeper ({}) stable; urgency=medium\n\n  * /usr/share/doc/wakeeper/NEWS.md.gz says what changed.\n\n -- {}  {}\n",
        release.version,
        maintainer()?,
        date.trim(),
    ))
}

/// Who makes the package, as Debian's own tools are told, else as git knows them.
fn maintainer() -> Result<String, String> {
    let known = |variable: &str, key: &str| {
        std::env::var(variable)
            .ok()
            .filter(|value| !value.is_empty())
            .or_else(|| first_line("git", &["config", key]))
    };
    match (known("DEBFULLNAME", "user.name"), known("DEBEMAIL", "user.email")) {
        (Some(name), Some(address)) => Ok(format!("{name} <{address}>")),
        _ => Err("a Debian package names who made it: set DEBFULLNAME and DEBEMAIL".to_owned()),
    }
}
