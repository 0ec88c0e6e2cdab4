//! What README, docs, `.env.example` and the compose files say of settings is what they are.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use wakeeper_settings::Sources;

use super::pages::{pages, text};
use crate::{CATALOG, GatewaySettings, MonitorSettings, Settings, Typed};

/// The image and its mounts fix where things lie, and a real gateway talks to no simulator.
const NOT_IN_COMPOSE: [&str; 8] = [
    "HOST",
    "PORT",
    "DATA_DIR",
    "AUTH_INFO_DIR",
    "BAILEYS_STORE",
    "BACKUP_DIR",
    "MONITOR_STATE_DIR",
    "WHATSAPP_WS_URL",
];

/// Names and values of `.env.example`, whether they are comments or not.
fn example() -> BTreeMap<String, String> {
    let text = text(".env.example");
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let Some((name, value)) = line.trim_start_matches('#').split_once('=') else { continue };
        if name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_') {
            let earlier = found.insert(name.to_owned(), value.to_owned());
            assert_eq!(earlier, None, "{name} stands twice in .env.example");
        }
    }
    found
}

/// Names that the compose files take from the environment.
fn interpolated(file: &str) -> BTreeSet<String> {
    let text = text(file);
    let parts = text.split("${").skip(1);
    parts.map(|part| part.split([':', '}']).next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_example_of_settings_names_all_and_nothing_else() {
    let example = example();
    let known: BTreeSet<&str> = CATALOG.settings.iter().map(|setting| setting.name).collect();
    for name in &known {
        assert!(example.contains_key(*name), ".env.example does not name {name}");
    }
    let files = ["docker-compose.yml", "docker-compose.session-fix.yml", "docker-compose.n8n.yml"];
    let of_compose: BTreeSet<String> = files.into_iter().flat_map(interpolated).collect();
    for name in example.keys() {
        assert!(
            known.contains(name.as_str()) || of_compose.contains(name),
            "nothing reads {name} of .env.example"
        );
    }
    for name in &of_compose {
        assert!(example.contains_key(name), ".env.example does not name {name}, which a compose file reads");
    }
}

#[test]
fn the_values_of_the_example_are_the_defaults() {
    fn typed<T: Typed + std::fmt::Debug>(sources: Sources) -> String {
        format!("{:#?}", T::resolve(sources).expect("settings that are accepted"))
    }
    let with = |entries: Vec<(String, String)>| {
        let environment =
            entries.into_iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        // A webhook's other settings need its address.
        let hook = ("WHATSAPP_HOOK_URL".into(), "http://127.0.0.1/".into());
        let environment: Vec<_> =
            environment.chain([hook, ("HOME".into(), "/home/somebody".into())]).collect();
        let sources = || Sources {
            environment: environment.clone(),
            working_dir: "/nowhere".into(),
            ..Sources::default()
        };
        // Somebody said where the data is, be it the usual place.
        let told = typed::<Settings>(sources())
            + &typed::<GatewaySettings>(sources())
            + &typed::<MonitorSettings>(sources());
        told.replace("_is_set: true", "_is_set: false")
    };
    let bare = with(Vec::new());
    for setting in CATALOG.settings {
        let value = example()[setting.name].clone();
        if value.is_empty() {
            continue;
        }
        let told = with(vec![(setting.name.to_owned(), value.clone())]);
        // These default to what depends on the machine or on another setting, and are stored as given once set.
        let own = ["PUBLIC_URL", "MAX_CONNECTIONS", "RUST_LOG", "CONTAINER_NAME"];
        let retries = setting.name.starts_with("WHATSAPP_HOOK_RETRIES");
        if !own.contains(&setting.name) && !retries {
            assert_eq!(told, bare, "{}={value} is not the default", setting.name);
        }
    }
}

#[test]
fn every_setting_reaches_the_container_by_both_compose_files() {
    let gateway = text("docker-compose.yml");
    let both = format!("{gateway}{}", text("docker-compose.session-fix.yml"));
    for setting in CATALOG.settings {
        let name = setting.name;
        let passed = |file: &str| {
            file.contains(&format!("\n      {name}: ${{{name}:-"))
                || file.contains(&format!("\n  {name}: ${{{name}:-"))
        };
        if NOT_IN_COMPOSE.contains(&name) {
            assert!(!passed(&both), "{name} is passed on, though the image fixes it");
        } else if setting.command.is_some() || name == "CONTAINER_NAME" {
            assert!(passed(&both), "no compose file passes {name} to the monitor");
        } else {
            assert!(passed(&gateway), "docker-compose.yml does not pass {name} to the gateway");
        }
    }
}

#[test]
fn readme_or_its_pages_explain_every_setting() {
    let pages: String = pages().into_iter().map(|(_, page)| page).collect();
    for setting in CATALOG.settings {
        // Hooks are listed by their last part.
        let short = setting.name.strip_prefix("WHATSAPP_HOOK").or(setting.name.strip_prefix("BACKUP_KEEP"));
        let named = pages.contains(&format!("`{}", setting.name))
            || short.is_some_and(|short| pages.contains(&format!("`{short}`")));
        assert!(named, "no page names {}", setting.name);
    }
}
