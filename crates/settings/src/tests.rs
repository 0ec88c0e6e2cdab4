use std::path::Path;
use std::time::Duration;

use super::*;

const CATALOG: Catalog = Catalog {
    settings: &[
        Setting::new("PORT", Kind::Number(0, 65535)),
        Setting::new("METRICS", Kind::Bool),
        Setting::new("LIMIT", Kind::Size),
        Setting::new("EVERY", Kind::Interval),
        Setting::new("WINDOW", Kind::Time).of("monitor"),
        Setting::new("FORMAT", Kind::Word(&["text", "json"])),
        Setting::new("APP_HOOK_URL", Kind::Text("an address")).secret(),
        Setting::new("API_KEY", Kind::Text("a key")).secret(),
        Setting::new("SHARED_KEY", Kind::Text("a key")).secret(),
        Setting::new("MAX_CONNECTIONS", Kind::Size),
    ],
    own_prefixes: &["APP_HOOK", "APP_P"],
    file_variable: "APP_CONFIG",
    usual_file: "app.toml",
    foreign: &[
        Foreign { name: "OTHER_KEY", meaning: Meaning::Same("API_KEY") },
        Foreign { name: "THEIR_KEY", meaning: Meaning::Same("API_KEY") },
        Foreign { name: "OTHER_PORT", meaning: Meaning::Same("PORT") },
        Foreign {
            name: "OTHER_LOOK",
            meaning: Meaning::Translated("FORMAT", |text| Some(text.to_lowercase())),
        },
        Foreign { name: "OTHER_OPEN", meaning: Meaning::Otherwise("API_KEY", |_| Some("none".to_owned())) },
        Foreign { name: "OTHER_PASSWORD", meaning: Meaning::Protected("nothing asks for it") },
        Foreign { name: "OTHER_ADDRESS", meaning: Meaning::Instead("APP_HOOK_URL") },
    ],
    foreign_prefixes: &["OTHER_"],
    shared_prefixes: &["SHARED_"],
    others: &["APP_KEY"],
    same: |_, one, other| one.eq_ignore_ascii_case(other),
};

fn environment(pairs: &[(&str, &str)]) -> Sources {
    Sources {
        environment: pairs.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        ..Sources::default()
    }
}

fn values(pairs: &[(&str, &str)]) -> Values {
    collect(environment(pairs)).unwrap_or_else(|error| panic!("{error}"))
}

/// Every setting is read, as far as its kind tells.
fn read_all(values: &Values) -> Result<(), SettingsError> {
    CATALOG.settings.iter().try_for_each(|setting| values.read(setting.name, |_| Some(()), ()))
}

fn collect(sources: Sources) -> Result<Values, SettingsError> {
    let again = Sources {
        flags: sources.flags.clone(),
        config: sources.config.clone(),
        environment: sources.environment.clone(),
        working_dir: sources.working_dir.clone(),
    };
    Values::collect(&CATALOG, again)?.resolve(Names::All, read_all)?;
    Values::collect(&CATALOG, sources)
}

fn refused(sources: Sources) -> String {
    collect(sources).err().expect("refused").to_string()
}

fn refusal(pairs: &[(&str, &str)]) -> String {
    refused(environment(pairs))
}

fn with_file(text: &str, pairs: &[(&str, &str)]) -> (tempfile::TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.toml"), text).unwrap();
    let sources = Sources { working_dir: folder.path().to_owned(), ..environment(pairs) };
    (folder, sources)
}

#[test]
fn flags_beat_the_environment_which_beats_the_file() {
    let (_folder, mut sources) = with_file(
        "port = 1001\nformat = \"json\"\nmetrics = true\n",
        &[("PORT", "1002"), ("FORMAT", "text")],
    );
    sources.flags = vec![("PORT", "1003".to_owned())];
    let values = collect(sources).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(values.number("PORT", 0).unwrap(), 1003);
    assert_eq!(values.get("FORMAT").map(|value| value.text.as_str()), Some("text"));
    assert!(values.flag("METRICS", false).unwrap());
}

#[test]
fn malformed_values_are_refused_with_name_value_and_what_is_allowed() {
    for (name, value, allowed) in [
        ("PORT", "99999", "a whole number from 0 to 65535"),
        ("PORT", "eighty", "a whole number"),
        ("METRICS", "maybe", "true or false"),
        ("LIMIT", "10 parsecs", "a size"),
        ("EVERY", "soon", "a time"),
        ("FORMAT", "xml", "text, json"),
        ("WINDOW", "0", "not 0"),
        ("LIMIT", "0MB", "not 0"),
    ] {
        let message = refusal(&[(name, value)]);
        for part in [name, value, allowed, "environment"] {
            assert!(message.contains(part), "{message} does not name {part}");
        }
    }
}

#[test]
fn unknown_names_are_refused_with_the_closest_known_one() {
    assert!(refusal(&[("APP_HOOK_ULR", "http://x")]).contains("APP_HOOK_URL"));
    assert!(refusal(&[("APP_PORT", "1")]).contains("APP_PORT"));
    let (_folder, sources) = with_file("prot = 1", &[]);
    assert!(refused(sources).contains("did you mean PORT"));
    for setting in CATALOG.settings {
        assert_eq!(CATALOG.closest(setting.name), Some(setting.name));
    }
}

#[test]
fn other_programs_variables_are_left_alone_and_empty_ones_count_as_unset() {
    let values =
        values(&[("PATH", "/bin"), ("MY_API_KEY", "x"), ("PORT_RANGE", "x"), ("API_KEY", ""), ("PORT", "")]);
    assert!(values.get("API_KEY").is_none() && values.get("PORT").is_none());
}

#[test]
fn a_secret_comes_from_its_file_without_the_last_newline() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "0123456789abcdef\n").unwrap();
    let values = values(&[("API_KEY_FILE", path.to_str().unwrap())]);
    let key = values.get("API_KEY").unwrap();
    assert_eq!(key.text, "0123456789abcdef");
    let message = key.malformed().to_string();
    assert!(message.contains("hidden") && !message.contains("0123"), "{message}");
}

#[test]
fn a_secret_given_twice_or_by_a_missing_file_is_refused() {
    let twice = [("API_KEY", "0123456789abcdef"), ("API_KEY_FILE", "/nowhere")];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "fedcba9876543210").unwrap();
    assert!(refusal(&twice[1..]).contains("/nowhere"));
    let both = [twice[0], ("API_KEY_FILE", path.to_str().unwrap())];
    assert!(refusal(&both).contains("either API_KEY or API_KEY_FILE"));
    std::fs::write(&path, "\n").unwrap();
    assert!(refusal(&[("API_KEY_FILE", path.to_str().unwrap())]).contains("empty"));
}

#[test]
fn a_secrets_file_is_a_file_of_a_few_bytes() {
    assert!(refusal(&[("API_KEY_FILE", "/dev/zero")]).contains("not a regular file"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert!(refusal(&[("API_KEY_FILE", path.to_str().unwrap())]).contains("larger than 64 KB"));
}

#[test]
fn a_file_is_refused_for_a_setting_that_is_no_secret() {
    let (_folder, sources) = with_file("port_file = \"x\"", &[]);
    assert!(refused(sources).contains("only secrets"));
}

#[test]
fn a_broken_settings_file_is_refused_without_quoting_it() {
    let (_folder, sources) = with_file("port = 1\napi_key = \"0123456789abcdef\n", &[]);
    let message = refused(sources);
    assert!(message.contains("line 2") && !message.contains("0123456789"), "{message}");
    let missing = Sources { config: Some("/nowhere/w.toml".into()), ..Sources::default() };
    assert!(refused(missing).contains("/nowhere/w.toml"));
    let folder = tempfile::tempdir().unwrap();
    let named = folder.path().join("named.toml");
    std::fs::write(&named, "port = 7").unwrap();
    let values = values(&[("APP_CONFIG", named.to_str().unwrap())]);
    assert_eq!(values.number("PORT", 0).unwrap(), 7);
}

#[test]
fn values_become_what_they_stand_for() {
    let values = values(&[("EVERY", "30m"), ("WINDOW", "90")]);
    assert_eq!(values.duration("WINDOW", Duration::ZERO).unwrap(), Duration::from_secs(90));
    assert_eq!(values.number_if_set::<u16>("PORT").unwrap(), None);
    assert_eq!(values.path("FORMAT").unwrap().as_deref(), None::<&Path>);
    for (text, seconds) in [("0", None), ("off", None), ("30m", Some(1800)), ("90", Some(90))] {
        assert_eq!(parse_interval(text).unwrap().every().map(|every| every.as_secs()), seconds, "{text}");
    }
    assert_eq!(parse_size("64MB"), Some(64 << 20));
}

#[test]
fn help_names_every_setting_and_the_command_that_it_is_for() {
    let help = CATALOG.help();
    let named = help.lines().filter(|line| !line.starts_with("   ")).count();
    assert_eq!(named, CATALOG.settings.len());
    assert!(help.lines().all(|line| line.len() <= 80), "{help}");
    assert!(help.contains("WINDOW") && help.contains("(monitor)"), "{help}");
}

#[test]
fn only_what_is_used_is_checked() {
    let given = [("PORT", "x"), ("METRICS", "maybe"), ("API_KEY_FILE", "/nowhere"), ("APP_HOOK_ULR", "y")];
    let resolve = |names, used: &'static [&'static str]| {
        let read =
            move |values: &Values| used.iter().try_for_each(|name| values.read(name, |_| Some(()), ()));
        Values::collect(&CATALOG, environment(&given))
            .unwrap_or_else(|error| panic!("{error}"))
            .resolve(names, read)
    };
    assert!(resolve(Names::LikeUsed, &["FORMAT", "LIMIT"]).is_ok());
    let told = |names, used| resolve(names, used).expect_err("refused").to_string();
    assert!(told(Names::LikeUsed, &["APP_HOOK_URL"]).contains("APP_HOOK_ULR"));
    assert!(told(Names::All, &["LIMIT"]).contains("APP_HOOK_ULR"));
    let all = told(Names::LikeUsed, &["PORT", "METRICS", "API_KEY"]);
    assert_eq!(all.lines().count(), 3, "all at once: {all}");
}

#[test]
fn what_needs_a_refused_setting_is_not_wrong_for_that() {
    let read = |values: &Values| {
        values.read("APP_HOOK_URL", |text| text.starts_with("http").then_some(()), ())?;
        let missing = values.get("APP_HOOK_URL").is_none() && !values.is_refused("APP_HOOK_URL");
        if missing { Err(SettingsError::Twice { name: "FORMAT" }) } else { Ok(()) }
    };
    let values = Values::collect(&CATALOG, environment(&[("APP_HOOK_URL", "n8n:5678"), ("FORMAT", "json")]));
    let told =
        values.unwrap_or_else(|error| panic!("{error}")).resolve(Names::All, read).expect_err("refused");
    assert_eq!(told.each().len(), 1);
}

#[test]
fn settings_of_another_program_are_taken_or_told() {
    let values = values(&[
        ("OTHER_KEY", "k"),
        ("OTHER_PORT", "3000"),
        ("OTHER_LOOK", "JSON"),
        ("OTHER_PASSWORD", "p"),
        ("OTHER_THING", "1"),
        ("OTHER_ADDRESS", "x"),
        ("SHARED_THING", "1"),
    ]);
    let text = |name| values.get(name).map(|value| value.text.clone());
    assert_eq!((text("API_KEY").as_deref(), text("FORMAT").as_deref()), (Some("k"), Some("json")));
    let (loud, quiet) = notes(values.notes());
    assert_eq!(loud, ["OTHER_PASSWORD is not used: nothing asks for it"]);
    assert!(
        quiet[0].contains("OTHER_KEY (as API_KEY), OTHER_LOOK (as FORMAT), OTHER_PORT (as PORT)"),
        "{quiet:?}"
    );
    assert!(quiet[1].ends_with("OTHER_ADDRESS (use APP_HOOK_URL), OTHER_THING, SHARED_THING"), "{quiet:?}");
    assert!(refusal(&[("OTHER_PORT", "x")]).contains("OTHER_PORT"));
    assert!(
        refusal(&[("SHARED_KEZ", "1"), ("SHARED_KEYY", "1")]).contains("SHARED_KEY?"),
        "like a setting of ours"
    );
}

#[test]
fn mistyped_names_are_refused_with_the_right_one() {
    for (name, right) in [
        ("API_KEYY", "API_KEY"),
        ("APIKEY", "API_KEY"),
        ("API_KYE", "API_KEY"),
        ("AAPI_KEY", "API_KEY"),
        ("API_KEYY_FILE", "API_KEY_FILE"),
        ("PROT", "PORT"),
        ("PORTT", "PORT"),
        ("METRCS", "METRICS"),
        ("MAX_CONECTION", "MAX_CONNECTIONS"),
    ] {
        let told = refusal(&[(name, "/x")]);
        assert!(told.contains(&format!("unknown setting {name}")), "{told}");
        assert!(told.contains(&format!("did you mean {right}?")), "{told}");
    }
    for name in [
        "API_KEYS",
        "API_KEY2",
        "API_KEY_1",
        "MY_API_KEY",
        "VAPI_KEY",
        "APP_KEY",
        "PORTS",
        "POST",
        "SORT",
        "SPORT",
        "PATH",
        "TAX_CONNECTION",
        "PORTT_FILE",
    ] {
        values(&[(name, "x")]);
    }
}

#[test]
fn two_secrets_that_differ_are_refused_and_other_settings_follow_our_own_name() {
    for other in [("API_KEY", "a"), ("THEIR_KEY", "a")] {
        let told = refusal(&[other, ("OTHER_KEY", "b")]);
        let both = if other.0 == "API_KEY" { "API_KEY and OTHER_KEY" } else { "OTHER_KEY and THEIR_KEY" };
        assert!(told.starts_with(&format!("setting API_KEY: {both} have different values;")), "{told}");
        values(&[other, ("OTHER_KEY", "A")]);
    }
    let ours = values(&[("PORT", "1"), ("OTHER_PORT", "2"), ("API_KEY", "a"), ("OTHER_OPEN", "true")]);
    assert_eq!(ours.number("PORT", 0).unwrap(), 1);
    assert_eq!(ours.get("API_KEY").map(|value| value.text.as_str()), Some("a"));
    let open = values(&[("OTHER_OPEN", "true")]);
    assert_eq!(open.get("API_KEY").map(|value| value.text.as_str()), Some("none"));
}
