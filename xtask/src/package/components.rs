//! What a program is made of: a list of components (CycloneDX 1.5) and the licences that come with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::program::Program;
use super::{Release, install, put};
use crate::run::{first_line, output, workspace};

/// Every library that is linked into the program, on either processor, without those of tests and build scripts.
const TREE: [&str; 11] = [
    "tree",
    "--locked",
    "--package",
    "wakeeper",
    "--edges",
    "normal",
    "--prefix",
    "none",
    "--format",
    "{p}",
    "--target",
];

/// Beginnings of the names of files that hold a licence, in lower case.
const LICENCES: [&str; 5] = ["license", "licence", "copying", "notice", "unlicense"];

/// Libraries of the gateway's page, which lie as files in `crates/dashboard/page/vendor`: name, version, licence. The head of each
/// file says the same; a test compares.
const OF_THE_PAGE: [(&str, &str, &str); 2] = [("preact", "10.29.8", "MIT"), ("htm", "3.1.1", "Apache-2.0")];

/// A library that is linked in.
struct Component {
    registry: &'static str,
    name: String,
    version: String,
    licence: String,
    checksum: Option<String>,
    texts: Vec<String>,
}

/// Writes `components.cdx.json` and `THIRD-PARTY-LICENSES.txt`; the list also goes beside the archives.
pub fn write(release: &Release, programs: &[Program]) -> Result<(), String> {
    let mut linked = BTreeSet::new();
    for program in programs {
        let target = format!(
            "{}-unknown-linux-{}",
            program.architecture.plain(),
            if program.is_static { "musl" } else { "gnu" }
        );
        let tree = output("cargo", &[&TREE[..], &[&target]].concat())?;
        linked.extend(tree.lines().filter_map(named));
    }
    let components = components(&linked)?;
    let list = release.shared.join("components.cdx.json");
    let document = document(release, &components, programs);
    put(&list, &format!("{document:#}\n"))?;
    install(&list, &release.out.join(format!("wakeeper-{}.cdx.json", release.version)), 0o644)?;
    put(&release.shared.join("THIRD-PARTY-LICENSES.txt"), &licences(&components))
}

/// `serde v1.0.2 (/path) (*)` as name and version.
fn named(line: &str) -> Option<(String, String)> {
    let mut words = line.split_whitespace();
    Some((words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
}

fn components(linked: &BTreeSet<(String, String)>) -> Result<Vec<Component>, String> {
    let metadata = output("cargo", &["metadata", "--locked", "--format-version", "1"])?;
    let metadata: Value =
        serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let checksums = checksums(&workspace().join("Cargo.lock"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for package in packages {
        let key = (text(&package["name"]), text(&package["version"]));
        // What has no source lies in this repository.
        if !linked.contains(&key) || package["source"].is_null() {
            continue;
        }
        let folder = Path::new(package["manifest_path"].as_str().unwrap_or_default()).parent().map(texts);
        found.push(Component {
            registry: "cargo",
            licence: text(&package["license"]),
            checksum: checksums.get(&key).cloned(),
            texts: folder.unwrap_or_default(),
            name: key.0,
            version: key.1,
        });
    }
    if found.is_empty() {
        return Err("cargo tree names no library".to_owned());
    }
    found.extend(of_the_page()?);
    Ok(found)
}

fn of_the_page() -> Result<Vec<Component>, String> {
    let folder = workspace().join("crates/dashboard/page/vendor");
    let mut found = Vec::new();
    for (name, version, licence) in OF_THE_PAGE {
        let path = folder.join(format!("LICENSE-{name}"));
        let text = fs::read_to_string(&path).map_err(|error| super::failed(&path, &error))?;
        found.push(Component {
            registry: "npm",
            name: name.to_owned(),
            version: version.to_owned(),
            licence: licence.to_owned(),
            checksum: None,
            texts: vec![text.trim().to_owned()],
        });
    }
    Ok(found)
}

/// The licences in a package's folder.
fn texts(folder: &Path) -> Vec<String> {
    let items = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = items
        .filter(|item| {
            let name = item.file_name().to_string_lossy().to_lowercase();
            LICENCES.iter().any(|beginning| name.starts_with(beginning))
        })
        .map(|item| item.path())
        .collect();
    paths.sort();
    paths.iter().filter_map(|path| fs::read_to_string(path).ok()).map(|text| text.trim().to_owned()).collect()
}

/// The registry's SHA-256 of each package.
fn checksums(lock: &Path) -> Result<BTreeMap<(String, String), String>, String> {
    let text = fs::read_to_string(lock).map_err(|error| super::failed(lock, &error))?;
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix('='));
        line.map(|value| value.trim().trim_matches('"').to_owned())
    };
    let blocks = text.split("[[package]]");
    Ok(blocks
        .filter_map(|block| {
            Some(((value(block, "name")?, value(block, "version")?), value(block, "checksum")?))
        })
        .collect())
}

fn document(release: &Release, components: &[Component], programs: &[Program]) -> Value {
    let listed: Vec<Value> = components.iter().map(listed).chain(linked_by_the_compiler(programs)).collect();
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "wakeeper",
                "name": "wakeeper",
                "version": release.version,
                "licenses": [{"license": {"id": "AGPL-3.0-only"}}],
            },
        },
        "components": listed,
    })
}

fn listed(component: &Component) -> Value {
    let purl = format!("pkg:{}/{}@{}", component.registry, component.name, component.version);
    let mut value = json!({
        "type": "library",
        "bom-ref": purl,
        "name": component.name,
        "version": component.version,
        "purl": purl,
    });
    if !component.licence.is_empty() {
        value["licenses"] = json!([{"expression": expression(&component.licence)}]);
    }
    if let Some(checksum) = &component.checksum {
        value["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    value
}

/// Cargo's older spelling of OR is a slash.
fn expression(licence: &str) -> String {
    licence.replace('/', " OR ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What no package of Cargo's is, and is in the program all the same.
fn linked_by_the_compiler(programs: &[Program]) -> Vec<Value> {
    let rust = first_line("rustc", &["--version"]).unwrap_or_default();
    let version = rust.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let mut found = vec![json!({
        "type": "library", "bom-ref": "rust-std", "name": "rust-std", "version": version,
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
    })];
    if programs.iter().any(|program| program.is_static) {
        found.push(json!({
            "type": "library", "bom-ref": "musl", "name": "musl",
            "description": "the C library that Zig brings", "licenses": [{"license": {"id": "MIT"}}],
        }));
    }
    found
}

/// Each licence text once, under the names of what comes under it.
fn licences(components: &[Component]) -> String {
    let mut by_text: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut without = Vec::new();
    for component in components {
        let name = format!("{} {} ({})", component.name, component.version, component.licence);
        if component.texts.is_empty() {
            without.push(name.clone());
        }
        for text in &component.texts {
            by_text.entry(text).or_default().push(name.clone());
        }
    }
    let mut page = "wakeeper holds the libraries below. Each part names libraries and the licence text that came with them.\n".to_owned();
    for (text, names) in by_text {
        let _ = write!(page, "\n{}\n{}\n\n{text}\n", "=".repeat(80), names.join("\n"));
    }
    let _ = write!(
        page,
        "\n{}\nThese came without a text; their licence is the one in brackets.\n{}\n",
        "=".repeat(80),
        without.join("\n")
    );
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(name: &str, licence: &str, texts: &[&str]) -> Component {
        let texts = texts.iter().map(|&text| text.to_owned()).collect();
        Component {
            registry: "cargo",
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: licence.to_owned(),
            checksum: None,
            texts,
        }
    }

    #[test]
    fn what_the_page_holds_is_listed_as_it_lies_there() {
        let names: Vec<String> =
            of_the_page().unwrap().iter().map(|one| format!("{} {}", one.name, one.version)).collect();
        let folder = workspace().join("crates/dashboard/page/vendor");
        for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_some_and(|ending| ending == "js") {
                let head = fs::read_to_string(&file).unwrap().lines().next().unwrap().to_lowercase();
                let named = names.iter().filter(|name| head.starts_with(&format!("/*! {name},"))).count();
                assert_eq!(named, 1, "{}: {head}", file.display());
            }
        }
        assert_eq!(listed(&of_the_page().unwrap()[0])["purl"], "pkg:npm/preact@10.29.8");
    }

    #[test]
    fn lines_of_cargo_tree_are_read() {
        let read = |line| named(line).map(|(name, version)| format!("{name}@{version}"));
        assert_eq!(read("serde v1.0.2 (*)").as_deref(), Some("serde@1.0.2"));
        assert_eq!(read("wakeeper v0.1.0 (/src/crates/cli)").as_deref(), Some("wakeeper@0.1.0"));
        assert_eq!(read(""), None);
    }

    #[test]
    fn a_licence_text_stands_once_and_a_missing_one_is_said() {
        let page = licences(&[
            component("a", "MIT", &["text of MIT"]),
            component("b", "MIT", &["text of MIT"]),
            component("c", "ISC", &[]),
        ]);
        assert_eq!(page.matches("text of MIT").count(), 1, "{page}");
        assert!(page.contains("a 1.0.0 (MIT)\nb 1.0.0 (MIT)") && page.contains("c 1.0.0 (ISC)"), "{page}");
    }

    #[test]
    fn older_spellings_of_licences_become_expressions() {
        for licence in ["MIT/Apache-2.0", "MIT / Apache-2.0", "MIT OR Apache-2.0"] {
            assert_eq!(
                listed(&component("a", licence, &[]))["licenses"][0]["expression"],
                "MIT OR Apache-2.0"
            );
        }
    }
}
