//! The archive, the checksums, the list of components, and what is refused.

use std::fs;

use serde_json::Value;

use crate::made::{Made, mode, printed, run};

#[test]
fn the_archive_holds_what_a_person_needs_and_its_checksum_is_right() {
    let made = Made::new();
    let names = made.names("out");
    assert_eq!(names.len(), 4, "{names:?}");
    let out = made.path("out");
    let check = std::process::Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(&out)
        .output();
    let check = check.expect("sha256sum");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    assert_eq!(String::from_utf8_lossy(&check.stdout).lines().count(), 3);

    printed("tar", &["-xzf", &made.file(".tar.gz"), "-C", made.path("").to_str().unwrap()]);
    let root = names.iter().find_map(|name| name.strip_suffix(".tar.gz")).unwrap();
    let root = made.path(root);
    let files = [
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "THIRD-PARTY-LICENSES.txt",
        "components.cdx.json",
        "settings.example",
        "docs/doctor.md",
        "docs/start-page.png",
        "systemd/wakeeper.service",
        "completions/wakeeper.bash",
    ];
    for file in files {
        assert!(root.join(file).metadata().is_ok_and(|file| file.len() > 0), "{file}");
    }
    assert_eq!(mode(&root.join("wakeeper")), 0o755);
    assert_eq!(printed(root.join("wakeeper").to_str().unwrap(), &["serve"]), "serving\n");
}

#[test]
fn the_same_program_gives_the_same_bytes() {
    let made = Made::new();
    let program = made.path("wakeeper");
    let (ended_well, said) = made.package("again", &["--binary", program.to_str().unwrap()]);
    assert!(ended_well, "{said}");
    let sums = |out: &str| fs::read_to_string(made.path(out).join("SHA256SUMS")).expect("checksums");
    assert_eq!(sums("out"), sums("again"));
}

#[test]
fn the_list_of_components_names_what_is_linked_in_and_its_licence() {
    let made = Made::new();
    let text = fs::read_to_string(made.file(".cdx.json")).expect("a list");
    let list: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((list["bomFormat"].as_str(), list["specVersion"].as_str()), (Some("CycloneDX"), Some("1.5")));
    let components = list["components"].as_array().expect("components");
    let find = |name: &str| components.iter().find(|component| component["name"] == name);
    for name in ["whatsapp-rust", "rustls", "ring", "libsqlite3-sys", "axum", "rust-std"] {
        let component = find(name).unwrap_or_else(|| panic!("{name} is linked in"));
        assert!(component["licenses"][0].is_object() && component["version"].is_string(), "{component}");
    }
    assert!(find("ring").unwrap()["hashes"][0]["content"].as_str().is_some_and(|hash| hash.len() == 64));
    // What only tests, build scripts or the demo use is not in the program.
    for name in ["proptest", "insta", "cc", "wakeeper-simulator", "rcgen"] {
        assert!(find(name).is_none(), "{name} is not linked in");
    }
    for component in components {
        assert!(component["licenses"].is_array(), "no licence: {component}");
    }
}

#[test]
fn what_runs_only_here_or_is_a_demo_is_refused() {
    let made = Made::nothing();
    let program = made.compiled("dynamic", "fn main() {}", false);
    let (ended_well, said) = made.package("out", &["--binary", &program]);
    assert!(
        !ended_well && said.contains("is not static") && said.contains("--target x86_64-unknown-linux-musl"),
        "{said}"
    );
    let demo = made.compiled("demo", "fn main() { println!(\"{}\", \"POST /sim/phones\") }", true);
    let (ended_well, said) = made.package("out", &["--binary", &demo]);
    assert!(!ended_well && said.contains("is a demo build"), "{said}");
    let (ended_well, said) = made.package("out", &["--binary", "/etc/hostname"]);
    assert!(!ended_well && said.contains("is no program"), "{said}");
    assert!(!made.path("out").exists(), "nothing is made of what is refused");
    assert!(run("true", &[]).status.success());
}
