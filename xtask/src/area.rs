//! What `cargo xtask test AREA` may name: a crate of the workspace, or a module of the end-to-end tests. Both are asked of
//! Cargo and of the source, so that no list has to be kept.

use std::path::Path;

use serde_json::Value;

use crate::run::{output, workspace};

/// The package of the end-to-end tests.
pub const E2E: &str = "wakeeper-e2e";
/// The package of the benchmark, one test of which is end-to-end, too.
const BENCH: &str = "wakeeper-bench";

/// A crate and its targets that hold tests, as Cargo's flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crate {
    name: String,
    folder: String,
    flags: Vec<String>,
}

/// Everything that can be named.
#[derive(Debug, PartialEq, Eq)]
pub struct Areas {
    crates: Vec<Crate>,
    modules: Vec<String>,
}

/// What to build and which tests of it to run.
#[derive(Debug, PartialEq, Eq)]
pub struct Selection {
    /// Flags that choose targets. A run of the whole workspace with them has the same features as any other, so that no
    /// dependency is compiled twice, and leaves out what the chosen tests do not need.
    pub targets: Vec<String>,
    /// Nextest's filter.
    pub filter: String,
    /// Whether the programs are needed that end-to-end tests start.
    pub end_to_end: bool,
}

impl Areas {
    /// Asks Cargo and the source.
    pub fn of_the_workspace() -> Result<Self, String> {
        let told = output("cargo", &["metadata", "--no-deps", "--format-version", "1"])?;
        let told: Value = serde_json::from_str(&told).map_err(|error| format!("cargo metadata: {error}"))?;
        let main = workspace().join("tests/e2e/main.rs");
        let source =
            std::fs::read_to_string(&main).map_err(|error| format!("{}: {error}", main.display()))?;
        Ok(Self { crates: crates(&told), modules: modules(&source) })
    }

    /// The tests that start no other program than the one of their own crate.
    pub fn in_process(&self) -> Selection {
        let mut targets: Vec<String> = self.crates.iter().flat_map(|one| one.flags.clone()).collect();
        targets = once_each(targets);
        // Packaging starts dpkg, tar and others, and the benchmark everything.
        let filter = format!(
            "not package(={E2E}) and not binary_id(=xtask::package) and not binary_id(={BENCH}::smoke)"
        );
        Selection { targets, filter, end_to_end: false }
    }

    /// A crate by its name or folder, a module, or both of one name.
    pub fn find(&self, area: &str) -> Result<Selection, String> {
        let found = self.crates.iter().find(|one| one.name == area || one.folder == area);
        let module = area.strip_prefix("e2e::").unwrap_or(area);
        let module = self.modules.iter().find(|one| *one == module);
        let (mut targets, mut filters) = (Vec::new(), Vec::new());
        if let Some(Crate { name, flags, .. }) = found {
            targets.extend(flags.clone());
            filters.push(format!("package(={name})"));
        }
        if let Some(module) = module {
            targets.extend(["--test".to_owned(), "e2e".to_owned()]);
            filters.push(format!("(binary_id(={E2E}::e2e) and test(/^{module}::/))"));
        }
        if filters.is_empty() {
            return Err(format!("there is no area `{area}`. {}", self.told()));
        }
        let end_to_end = module.is_some() || found.is_some_and(|one| one.name == BENCH);
        Ok(Selection { targets, filter: filters.join(" or "), end_to_end })
    }

    /// What can be named.
    pub fn told(&self) -> String {
        let crates: Vec<&str> = self.crates.iter().map(|one| one.folder.as_str()).collect();
        format!(
            "Crates: {}.\nModules of the end-to-end tests: {}.",
            crates.join(", "),
            self.modules.join(", ")
        )
    }
}

/// The crates with tests of their own, from what `cargo metadata` tells.
fn crates(told: &Value) -> Vec<Crate> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut crates = Vec::new();
    for package in list(&told["packages"]) {
        let name = text(&package["name"]);
        if name == E2E {
            continue;
        }
        let mut flags = Vec::new();
        for target in list(&package["targets"]) {
            let name = text(&target["name"]);
            match text(&target["kind"][0]).as_str() {
                "lib" => flags.push("--lib".to_owned()),
                "bin" => flags.extend(["--bin".to_owned(), name]),
                "test" => flags.extend(["--test".to_owned(), name]),
                _ => {}
            }
        }
        let manifest = text(&package["manifest_path"]);
        let folder = Path::new(&manifest).parent().and_then(Path::file_name);
        let folder = folder.map(|folder| folder.to_string_lossy().into_owned()).unwrap_or_default();
        crates.push(Crate { name, folder, flags });
    }
    crates.sort_by(|one, other| one.folder.cmp(&other.folder));
    crates
}

/// The modules that `main.rs` declares.
fn modules(source: &str) -> Vec<String> {
    let name = |line: &str| Some(line.strip_prefix("mod ")?.strip_suffix(';')?.to_owned());
    source.lines().filter_map(name).collect()
}

/// Flags may be given once only, names with `--bin` and `--test` may not repeat.
fn once_each(flags: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    let mut flags = flags.into_iter();
    while let Some(flag) = flags.next() {
        let value = if flag == "--lib" { None } else { flags.next() };
        let pair: Vec<String> = std::iter::once(flag).chain(value).collect();
        if !kept.windows(pair.len()).any(|window| window == pair) {
            kept.extend(pair);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Areas, crates, modules};

    fn areas() -> Areas {
        let told = json!({"packages": [
            {"name": "wakeeper-doctor", "manifest_path": "/w/crates/doctor/Cargo.toml", "targets": [
                {"kind": ["lib"], "name": "wakeeper_doctor"},
                {"kind": ["test"], "name": "it"},
                {"kind": ["example"], "name": "examine"},
            ]},
            {"name": "wakeeper", "manifest_path": "/w/crates/cli/Cargo.toml", "targets": [{"kind": ["bin"], "name": "wakeeper"}, {"kind": ["test"], "name": "it"}]},
            {"name": "wakeeper-e2e", "targets": [{"kind": ["test"], "name": "e2e"}]},
        ]});
        Areas {
            crates: crates(&told),
            modules: modules("//! Text.\nmod doctor;\nmod status;\n\nuse std::fs;\n"),
        }
    }

    #[test]
    fn a_name_means_a_crate_a_module_or_both() {
        let both = areas().find("doctor").unwrap();
        assert_eq!(both.targets, ["--lib", "--test", "it", "--test", "e2e"]);
        assert!(both.end_to_end && both.filter.contains("package(=wakeeper-doctor) or "), "{both:?}");
        let package = areas().find("wakeeper-doctor").unwrap();
        assert_eq!((package.filter.as_str(), package.end_to_end), ("package(=wakeeper-doctor)", false));
        let module = areas().find("e2e::doctor").unwrap();
        assert_eq!(module.filter, "(binary_id(=wakeeper-e2e::e2e) and test(/^doctor::/))");
        assert_eq!(areas().find("status").unwrap().targets, ["--test", "e2e"]);
        assert_eq!(areas().find("cli"), areas().find("wakeeper"));
    }

    #[test]
    fn a_wrong_name_is_told_with_the_right_ones() {
        let refused = areas().find("docter").unwrap_err();
        assert!(
            refused.contains("`docter`") && refused.contains("doctor, ") && refused.contains("status"),
            "{refused}"
        );
    }

    #[test]
    fn in_process_tests_build_each_target_once() {
        assert_eq!(areas().in_process().targets, ["--bin", "wakeeper", "--test", "it", "--lib"]);
    }
}
