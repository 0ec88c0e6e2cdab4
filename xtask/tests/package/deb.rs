//! The Debian package: installed into a folder by `dpkg` itself, as far as that goes without a system.

use std::fs;
use std::path::Path;

use crate::made::{Made, mode, printed, run};

/// `dpkg` on a folder: its own database, and scripts that are told where the system is (`DPKG_ROOT`).
fn dpkg(root: &Path, arguments: &[&str]) -> String {
    let root = root.to_str().unwrap();
    let own = format!("--root={root}");
    // The packages that it depends on are not in the folder, and no root is needed to look at one.
    let usual =
        [own.as_str(), "--force-not-root", "--force-script-chrootless", "--force-depends", "--log=/dev/null"];
    printed("dpkg", &[&usual[..], arguments].concat())
}

fn system(made: &Made) -> std::path::PathBuf {
    let root = made.path("system");
    for folder in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "etc", "usr"] {
        fs::create_dir_all(root.join(folder)).expect("a folder");
    }
    fs::write(root.join("var/lib/dpkg/status"), "").expect("a database");
    root
}

#[test]
fn the_package_is_installed_upgraded_and_removed_and_keeps_the_data() {
    let made = Made::new();
    let root = system(&made);
    let said = dpkg(&root, &["--install", &made.file(".deb")]);
    assert!(said.contains("systemctl enable --now wakeeper"), "{said}");
    let program = root.join("usr/bin/wakeeper");
    assert_eq!(printed(program.to_str().unwrap(), &["serve"]), "serving\n");
    assert_eq!(mode(&root.join("etc/wakeeper/wakeeper.env")), 0o600);
    let users = fs::read_to_string(root.join("etc/passwd")).expect("users");
    assert!(users.contains("wakeeper:") && users.contains(":/var/lib/wakeeper:"), "{users}");

    // Settings that somebody changed survive an upgrade, and data survives everything.
    let settings = root.join("etc/wakeeper/wakeeper.env");
    fs::write(&settings, "HOST=0.0.0.0\n").expect("settings");
    let data = root.join("var/lib/wakeeper/auth_info/api_key");
    fs::create_dir_all(data.parent().unwrap()).expect("a folder");
    fs::write(&data, "key").expect("data");
    dpkg(&root, &["--force-confold", "--install", &made.file(".deb")]);
    assert_eq!(fs::read_to_string(&settings).unwrap(), "HOST=0.0.0.0\n");
    dpkg(&root, &["--remove", "wakeeper"]);
    assert!(!program.exists() && settings.exists());
    let said = dpkg(&root, &["--purge", "wakeeper"]);
    assert!(said.contains("is kept") && !settings.exists() && data.exists(), "{said}");
}

#[test]
fn the_control_file_says_what_debian_wants_to_know() {
    let made = Made::new();
    let told = printed("dpkg-deb", &["--field", &made.file(".deb")]);
    for line in [
        "Package: wakeeper",
        "Architecture: amd64",
        "Maintainer: Somebody <somebody@example.org>",
        "Section: net",
    ] {
        assert!(
            told.lines().any(|field| field == line) || std::env::consts::ARCH != "x86_64",
            "{line}\n{told}"
        );
    }
    assert!(!told.contains("libc6"), "a static program needs no library:\n{told}");
    let files = printed("dpkg-deb", &["--contents", &made.file(".deb")]);
    assert!(files.lines().all(|line| line.contains("root/root")), "{files}");
    for file in [
        "usr/share/doc/wakeeper/copyright",
        "usr/share/doc/wakeeper/docs/doctor.md",
        "usr/share/doc/wakeeper/changelog.gz",
        "usr/share/bash-completion/completions/wakeeper",
        "usr/share/man/man1/wakeeper.1.gz",
    ] {
        assert!(files.contains(&format!("./{file}\n")), "{file}\n{files}");
    }
}

#[test]
fn the_service_is_a_valid_unit_that_may_do_little() {
    let made = Made::new();
    let root = system(&made);
    printed("dpkg-deb", &["--extract", &made.file(".deb"), root.to_str().unwrap()]);
    let own = format!("--root={}", root.display());
    // The targets that it names come from systemd, which is not in the folder.
    for target in
        ["network-online.target", "multi-user.target", "sysinit.target", "basic.target", "shutdown.target"]
    {
        let unit = root.join("usr/lib/systemd/system").join(target);
        fs::write(unit, "[Unit]\nDescription=a target\n").expect("a target");
    }
    let verified = run("systemd-analyze", &["verify", &own, "--recursive-errors=one", "wakeeper.service"]);
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && !said.contains("wakeeper.service"), "{said}");
    let exposed =
        run("systemd-analyze", &["security", "--offline=true", "--threshold=20", &own, "wakeeper.service"]);
    let said = [exposed.stdout, exposed.stderr].concat();
    assert!(exposed.status.success(), "exposed beyond 2.0 of 10:\n{}", String::from_utf8_lossy(&said));
}
