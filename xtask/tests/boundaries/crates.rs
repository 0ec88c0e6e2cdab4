//! Who may import whom among the crates, read from `cargo metadata`. Tests may import more.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::assert_only_known;
use crate::source::workspace;

/// Words and files: every crate may import them.
const SHARED: [&str; 3] = ["bounded-tar", "model", "private-fs"];

/// Every crate, by its folder, and what it may import besides.
const MAY_IMPORT: [(&str, &[&str]); 23] = [
    ("access", &["storage", "waha"]),
    ("bounded-tar", &[]),
    ("model", &[]),
    // It names paths in commands that can be pasted.
    ("private-fs", &["bounded-tar"]),
    ("logging", &[]),
    ("settings", &[]),
    ("terminal", &[]),
    // It runs with a capability.
    ("chown-mounts", &[]),
    ("simulator", &[]),
    ("demo", &["delivery", "engine", "gateway", "simulator", "waha"]),
    ("doctor", &[]),
    ("configuration", &["delivery", "doctor", "gateway", "logging", "recovery", "settings", "waha"]),
    ("containers", &["doctor", "recovery", "storage"]),
    ("storage", &[]),
    ("waha", &[]),
    ("engine-store", &["doctor", "storage"]),
    ("recovery", &["doctor", "storage"]),
    ("dashboard", &[]),
    ("delivery", &["storage", "waha"]),
    ("engine", &["delivery", "engine-store", "recovery", "storage", "waha"]),
    ("offline", &["access", "doctor", "engine", "engine-store", "storage", "waha"]),
    ("gateway", &["access", "dashboard", "delivery", "engine", "recovery", "waha"]),
    (
        "cli",
        &[
            "configuration",
            "delivery",
            "containers",
            "demo",
            "engine",
            "engine-store",
            "gateway",
            "logging",
            "offline",
            "recovery",
            "doctor",
            "settings",
            "storage",
            "terminal",
            "simulator",
            "waha",
        ],
    ),
];

/// Foreign crates that only some of ours may import: what they bring along stays behind those.
const KEPT_TO: [(&str, &[&str]); 7] = [
    ("anyhow", &["cli"]),
    ("axum", &["dashboard", "demo", "gateway", "simulator"]),
    ("bollard", &["containers"]),
    ("clap", &["cli", "terminal"]),
    ("rusqlite", &["doctor", "engine-store"]),
    ("sqlx", &["engine-store", "storage"]),
    ("whatsapp-rust", &["engine", "engine-store"]),
];

/// A crate below `crates/` and its normal dependencies: name, whether it is optional.
struct Package {
    folder: String,
    imports: Vec<(String, bool)>,
    features: BTreeMap<String, Vec<String>>,
}

fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(workspace())
        .output()
        .expect("run cargo metadata");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata");
    let packages = metadata["packages"].as_array().expect("packages");
    packages.iter().filter_map(package).collect()
}

fn package(package: &Value) -> Option<Package> {
    let manifest = std::path::Path::new(package["manifest_path"].as_str()?);
    let folder = manifest.parent()?;
    if folder.parent()?.file_name()? != "crates" {
        return None;
    }
    let folder = folder.file_name()?.to_string_lossy().into_owned();
    let expected = if folder == "cli" { "wakeeper".to_owned() } else { format!("wakeeper-{folder}") };
    assert_eq!(package["name"], *expected, "a package is named after its folder");
    let normal = package["dependencies"].as_array()?.iter().filter(|import| import["kind"].is_null());
    let imports =
        normal.map(|import| Some((import["name"].as_str()?.to_owned(), import["optional"] == true)));
    let features = serde_json::from_value(package["features"].clone()).expect("features");
    Some(Package { folder, imports: imports.collect::<Option<_>>()?, features })
}

#[test]
fn crates_import_whom_they_may() {
    let packages = packages();
    let mut found = BTreeMap::new();
    for package in &packages {
        let folder = package.folder.as_str();
        let (_, may) = MAY_IMPORT
            .iter()
            .find(|(name, _)| *name == folder)
            .unwrap_or_else(|| panic!("say what crates/{folder} may import"));
        for (import, _) in &package.imports {
            let Some(ours) = import.strip_prefix("wakeeper-") else { continue };
            let is_shared = SHARED.contains(&ours) && !SHARED.contains(&folder);
            if !is_shared && !may.contains(&ours) {
                *found.entry((folder, ours)).or_insert(0) += 1;
            }
        }
    }
    assert_only_known("crates that import whom they may not", found, &[]);
    for (folder, _) in MAY_IMPORT {
        assert!(packages.iter().any(|package| package.folder == folder), "crates/{folder} is no more");
    }
}

#[test]
fn the_simulator_comes_in_with_the_feature_demo_alone() {
    let packages = packages();
    let cli = packages.iter().find(|package| package.folder == "cli").expect("the binary");
    for import in ["wakeeper-simulator", "wakeeper-demo"] {
        assert!(cli.imports.contains(&(import.to_owned(), true)), "{import} is not optional");
        let brings = |brought: &String| brought.strip_prefix("dep:").unwrap_or(brought) == import;
        let bringing = cli.features.iter().filter(|(_, brought)| brought.iter().any(brings));
        assert_eq!(bringing.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["demo"]);
    }
}

#[test]
fn foreign_crates_stay_where_they_belong() {
    let mut found = BTreeMap::new();
    for package in packages() {
        for (import, _) in package.imports {
            let kept = KEPT_TO.iter().find(|(name, _)| *name == import);
            if kept.is_some_and(|(_, folders)| !folders.contains(&package.folder.as_str())) {
                *found.entry((package.folder.clone(), import)).or_insert(0) += 1;
            }
        }
    }
    assert_only_known("foreign crates where they do not belong", found, &[]);
}
