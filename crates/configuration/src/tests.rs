mod documented;

use wakeeper_gateway::api::auth::KeySetting;

use super::*;

fn read<T: Typed>(pairs: &[(&str, &str)]) -> Result<T, SettingsError> {
    let environment = pairs.iter().map(|(name, value)| (name.into(), value.into())).collect();
    T::resolve(Sources { environment, ..Sources::default() })
}

fn resolve(pairs: &[(&str, &str)]) -> Result<GatewaySettings, SettingsError> {
    read(pairs)
}

fn monitor(pairs: &[(&str, &str)]) -> Result<MonitorSettings, SettingsError> {
    read(pairs)
}

/// What a check of everything says.
fn refusal(pairs: &[(&str, &str)]) -> String {
    read::<AllSettings>(pairs).expect_err("refused").to_string()
}

#[test]
fn nothing_set_gives_the_documented_defaults() {
    let settings = resolve(&[]).unwrap();
    assert_eq!(settings.listen.address.to_string(), "0.0.0.0:8192");
    assert_eq!(settings.auth_info_dir, Path::new("./auth_info"));
    assert_eq!(settings.baileys_store, Path::new("./baileys_store.json"));
    assert!(matches!(settings.listen.api_key, KeySetting::Generated));
    assert!(!settings.metrics);
    assert!(settings.webhook.is_none());
    let folder = LogFolder::IfPresent("./logs".into());
    assert_eq!(settings.log, LogSettings { json: false, filter: None, folder });
    assert_eq!(settings.backup_interval, Some(Duration::from_hours(6)));
}

#[test]
fn paths_follow_the_data_folder_unless_set() {
    let settings = resolve(&[("DATA_DIR", "/data"), ("BAILEYS_STORE", "/else/store.json")]).unwrap();
    assert_eq!(settings.auth_info_dir, Path::new("/data/auth_info"));
    assert_eq!(settings.baileys_store, Path::new("/else/store.json"));
    assert_eq!(settings.backup_dir, Path::new("/data/session_backups"));
}

#[test]
fn malformed_values_are_refused_with_name_value_and_what_is_allowed() {
    let table: &[(&str, &str, &str)] = &[
        ("PORT", "99999", "a whole number from 0 to 65535"),
        ("HOST", "my-laptop", "an IP address"),
        ("SESSION_ERROR_THRESHOLD", "0", "a whole number from 1"),
        ("LOG_FORMAT", "xml", "text, json"),
        ("PUBLIC_URL", "https://example.org/path", "without a path"),
        ("RUST_LOG", "info,,=?!", "a level"),
        ("WHATSAPP_HOOK_RETRIES_POLICY", "never", "constant, linear, exponential"),
    ];
    for (name, value, allowed) in table {
        // A webhook's settings mean nothing without its address.
        let message = refusal(&[(name, value), ("WHATSAPP_HOOK_URL", "http://n8n:5678/hook")]);
        for part in [*name, *value, *allowed, "environment"] {
            assert!(message.contains(part), "{message} does not name {part}");
        }
    }
}

#[test]
fn secrets_never_show_in_a_refusal() {
    for (name, value) in [
        ("API_KEY", "secret-with-umlaut-ö"),
        ("API_KEY", "sha512:abc"),
        ("API_KEY", "a key with blanks in it"),
        ("DATABASE_URL", "postgres://user:hunter2@db/wakeeper"),
        ("WHATSAPP_HOOK_URL", "ftp://token@host/"),
    ] {
        let message = refusal(&[(name, value)]);
        assert!(message.contains(name) && message.contains("hidden"), "{message}");
        assert!(!message.contains(value), "{message}");
    }
}

#[test]
fn no_key_means_loopback_only() {
    for host in ["0.0.0.0", "192.168.1.4"] {
        let settings = resolve(&[("API_KEY", "none"), ("HOST", host)]).unwrap();
        assert!(settings.listen.address.ip().is_loopback());
    }
    let settings = resolve(&[("API_KEY", "none"), ("HOST", "127.0.0.7")]).unwrap();
    assert_eq!(settings.listen.address.ip().to_string(), "127.0.0.7");
}

#[test]
fn webhook_settings_are_read_and_need_the_address() {
    let settings = resolve(&[
        ("WHATSAPP_HOOK_URL", "http://127.0.0.1:5678/hook"),
        ("WHATSAPP_HOOK_EVENTS", "message, session.status"),
        ("WHATSAPP_HOOK_RETRIES_POLICY", "exponential"),
        ("WHATSAPP_HOOK_RETRIES_DELAY_SECONDS", "3"),
        ("WHATSAPP_HOOK_RETRIES_ATTEMPTS", "7"),
        ("WHATSAPP_HOOK_CUSTOM_HEADERS", "X-Token: abc:def; X-Other:1"),
    ])
    .unwrap();
    let hook = settings.webhook.unwrap();
    assert_eq!(hook.events, ["message", "session.status"]);
    let retries = hook.retries.unwrap();
    assert_eq!((retries.delay_seconds, retries.attempts), (Some(3), Some(7)));
    let headers = hook.custom_headers.unwrap();
    assert_eq!((headers.len(), headers[0].value.expose()), (2, "abc:def"));
    assert!(refusal(&[("WHATSAPP_HOOK_EVENTS", "*")]).contains("WHATSAPP_HOOK_URL"));
}

#[test]
fn headers_that_are_not_the_owners_are_refused_by_name_and_without_their_values() {
    fn hook(headers: &str) -> String {
        refusal(&[("WHATSAPP_HOOK_URL", "http://n8n:5678/hook"), ("WHATSAPP_HOOK_CUSTOM_HEADERS", headers)])
    }
    for name in ["X-Webhook-Hmac", "webhook-signature", "HOST", "te", "Proxy-Authorization"] {
        let message = hook(&format!("X-Token:t0p; {name}:s3cret"));
        assert!(message.contains("WHATSAPP_HOOK_CUSTOM_HEADERS") && message.contains(name), "{message}");
        assert!(!message.contains("t0p") && !message.contains("s3cret"), "{message}");
    }
    let message = hook("X-Token: t0p\nt0p");
    assert!(message.contains("X-Token") && !message.contains("t0p"), "{message}");
}

#[test]
fn webhooks_are_confined_when_the_settings_say_so() {
    let url = ("WHATSAPP_HOOK_URL", "http://10.1.2.3:5678/hook?token=t0p");
    let confined = ("WEBHOOK_PRIVATE_ADDRESSES", "false");
    let message = refusal(&[url, confined]);
    assert!(message.contains("WHATSAPP_HOOK_URL") && message.contains("private"), "{message}");
    assert!(!message.contains("t0p"), "{message}");
    let settings = resolve(&[url, confined, ("WEBHOOK_ALLOWED_TARGETS", "n8n, 10.1.0.0/16")]).unwrap();
    assert!(!settings.webhook_addresses.private && settings.webhook_addresses.allowed.len() == 2);
    assert!(resolve(&[url]).unwrap().webhook_addresses.private);
    for bad in ["a b", "10.0.0.0/99", "http://n8n", "n8n,,x"] {
        assert!(
            refusal(&[confined, ("WEBHOOK_ALLOWED_TARGETS", bad)]).contains("WEBHOOK_ALLOWED_TARGETS"),
            "{bad}"
        );
    }
    assert!(refusal(&[("WEBHOOK_ALLOWED_TARGETS", "n8n")]).contains("WEBHOOK_PRIVATE_ADDRESSES"));
    let metadata = refusal(&[("WHATSAPP_HOOK_URL", "http://169.254.169.254/")]);
    assert!(metadata.contains("WHATSAPP_HOOK_URL") && metadata.contains("metadata"), "{metadata}");
}

#[test]
fn scheduled_backups_and_log_files_can_be_switched_off() {
    assert_eq!(resolve(&[("BACKUP_INTERVAL", "off")]).unwrap().backup_interval, None);
    assert_eq!(resolve(&[("LOG_DIR", "off")]).unwrap().log.folder, LogFolder::Off);
    let named = resolve(&[("LOG_DIR", "/var/log/wakeeper"), ("DATA_DIR", "/data")]).unwrap();
    assert_eq!(named.log.folder, LogFolder::Named("/var/log/wakeeper".into()));
    let usual = resolve(&[("DATA_DIR", "/data")]).unwrap();
    assert_eq!(usual.log.folder, LogFolder::IfPresent("/data/logs".into()));
}

#[cfg(not(feature = "demo"))]
#[test]
fn a_production_build_talks_to_whatsapp_only() {
    assert!(refusal(&[("WHATSAPP_WS_URL", "ws://127.0.0.1:1/ws/chat")]).contains("demo builds"));
}

#[test]
fn monitor_settings_become_rules() {
    let usual = monitor(&[]).unwrap();
    assert_eq!(usual.rules, wakeeper_recovery::Rules::default());
    assert_eq!(usual.monitor_state_dir, Path::new("./session_backups/monitor"));
    assert!(usual.rules.repair && !usual.rules.full_reset && usual.listen.is_some());
    let monitor = monitor(&[
        ("SESSION_CLEANUP_ENABLED", "false"),
        ("SESSION_ERROR_THRESHOLD", "5"),
        ("SESSION_ERROR_WINDOW", "2m"),
        ("SESSION_CLEANUP_TRIES", "7"),
        ("AUTO_CLEANUP_ON_ERROR", "true"),
        ("ENABLE_ERROR_MONITORING", "false"),
        ("MONITOR_LISTEN", "off"),
        ("MONITOR_STATE_DIR", "/var/lib/wakeeper"),
        ("MONITOR_ALERT_URL", "https://example.org/hook"),
    ])
    .unwrap();
    let rules = &monitor.rules;
    assert!(!rules.repair && rules.full_reset && !rules.watch && monitor.listen.is_none());
    assert_eq!((rules.session_errors, rules.session_window.as_secs(), rules.tries), (5, 120, 7));
    assert_eq!(monitor.monitor_state_dir, Path::new("/var/lib/wakeeper"));
    assert!(monitor.alert.is_some());
    assert!(refusal(&[("MONITOR_LISTEN", "8194")]).contains("127.0.0.1:8194"));
    assert!(refusal(&[("MONITOR_ALERT_URL", "mailto:me@example.org")]).contains("hidden"));
    assert!(refusal(&[("MONITOR_ALERT_HMAC_KEY", "k")]).contains("MONITOR_ALERT_URL"));
    assert!(refusal(&[("SESSION_ERROR_PEER_TRESHOLD", "3")]).contains("SESSION_ERROR_PEER_THRESHOLD"));
}

#[test]
fn a_wait_may_be_none_and_a_window_may_not() {
    assert!(refusal(&[("SESSION_ERROR_WINDOW", "0")]).contains("not 0"));
    assert!(refusal(&[("SHUTDOWN_TIMEOUT", "0s")]).contains("not 0"));
    assert!(resolve(&[("SESSION_CLEANUP_WAIT", "0")]).is_ok());
    let kept = |given: &[_]| resolve(given).unwrap().dead_letter_retention.as_secs();
    assert_eq!((kept(&[("DEAD_LETTER_RETENTION", "90d")]), kept(&[])), (90 * 86_400, 30 * 86_400));
}

#[test]
fn our_names_are_ours() {
    assert!(refusal(&[("SESSION_CLEANUP_ENABLE", "true")]).contains("SESSION_CLEANUP_ENABLED"));
    assert!(resolve(&[("SESSION_MANAGER", "local/x"), ("PATH", "/bin")]).is_ok());
}

#[test]
fn a_level_that_is_none_names_its_setting() {
    let told = refusal(&[("RUST_LOG", "nonsense")]);
    assert!(told.contains("RUST_LOG") && told.contains("debug"), "{told}");
}

const WAHA: &[(&str, &str)] = &[
    ("WHATSAPP_RESTART_ALL_SESSIONS", "True"),
    ("WHATSAPP_API_KEY", "abc"),
    ("WHATSAPP_API_KEY_EXCLUDE_PATH", "health,ping"),
    ("WHATSAPP_DEFAULT_ENGINE", "NOWEB"),
    ("WHATSAPP_SWAGGER_USERNAME", "a"),
    ("WHATSAPP_FILES_LIFETIME", "0"),
    ("WHATSAPP_HOOK_URL", "http://n8n:5678/webhook/x"),
    ("WHATSAPP_HOOK_EVENTS", "message,session.status"),
    ("WAHA_DASHBOARD_USERNAME", "x"),
];

#[test]
fn settings_of_waha_are_taken_where_they_mean_the_same() {
    let settings = resolve(WAHA).unwrap();
    let key = KeySetting::parse("abc").unwrap();
    assert!(settings.listen.api_key.is_same(&key) && settings.webhook.is_some());
    let (loud, quiet) = wakeeper_settings::notes(&settings.notes);
    let told = loud.join("\n");
    for name in ["WHATSAPP_SWAGGER_USERNAME", "WAHA_DASHBOARD_USERNAME", "WHATSAPP_API_KEY_EXCLUDE_PATH"] {
        assert!(told.contains(name), "what protected something is named: {told}");
    }
    assert!(quiet[0].contains("WHATSAPP_API_KEY (as API_KEY)"), "{quiet:?}");
    for name in ["WHATSAPP_DEFAULT_ENGINE", "WHATSAPP_FILES_LIFETIME", "WHATSAPP_RESTART_ALL_SESSIONS"] {
        assert!(quiet[1].contains(name), "{quiet:?}");
    }
    let translated = resolve(&[
        ("WHATSAPP_API_PORT", "3000"),
        ("WAHA_BASE_URL", "https://wa.example.org"),
        ("WAHA_LOG_FORMAT", "JSON"),
        ("WAHA_LOG_LEVEL", "debug"),
        ("WAHA_NO_API_KEY", "True"),
        ("WAHA_SOMETHING_NEW", "1"),
    ])
    .unwrap();
    assert_eq!(translated.listen.address.to_string(), "127.0.0.1:3000", "without a key only loopback");
    assert_eq!(translated.public_url.as_deref(), Some("https://wa.example.org"));
    assert!(translated.log.json && translated.log.filter.as_deref() == Some("debug"));
    assert!(read::<Settings>(WAHA).is_ok() && read::<ArchiveSettings>(WAHA).is_ok() && monitor(WAHA).is_ok());
}

#[test]
fn a_key_and_its_hash_are_one_and_two_keys_that_differ_are_refused() {
    // `printf abc | sha512sum`
    let hash = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
    let key = KeySetting::parse("abc").unwrap();
    for same in [
        &[("WAHA_API_KEY", hash)][..],
        &[("WAHA_API_KEY", hash), ("WAHA_API_KEY_PLAIN", "abc")],
        &[("WHATSAPP_API_KEY", "abc"), ("WAHA_API_KEY", hash), ("API_KEY", "abc")],
    ] {
        assert!(resolve(same).unwrap().listen.api_key.is_same(&key), "{same:?}");
    }
    for (ours, theirs) in [("API_KEY", "WAHA_API_KEY"), ("WHATSAPP_API_KEY", "WAHA_API_KEY_PLAIN")] {
        let told = resolve(&[(ours, "abc"), (theirs, "not-abc")]).expect_err("refused").to_string();
        assert!(told.contains(theirs) && !told.contains("not-abc"), "{told}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let wrong = [
        ("PORT", "x"),
        ("METRICS", "maybe"),
        ("WHATSAPP_HOOK_URL", "n8n:5678"),
        ("WHATSAPP_HOOK_EVENTS", "message"),
        ("MONITOR_LISTEN", "8194"),
        ("BACKUP_KEEP_LATS", "1"),
    ];
    let told = refusal(&wrong);
    assert_eq!(told.lines().count(), 5, "{told}");
    let both = refusal(&[("WHATSAPP_HOOK_URL", "n8n:5678"), ("WHATSAPP_HOOK_EVENTS", "mesage")]);
    assert!(both.lines().count() == 2 && both.contains("did you mean message?"), "{both}");
    for name in ["PORT", "METRICS", "WHATSAPP_HOOK_URL", "MONITOR_LISTEN", "BACKUP_KEEP_LAST"] {
        assert!(told.contains(name), "{told}");
    }
    assert!(told.contains("begins with http://"), "{told}");
    assert!(!resolve(&wrong).expect_err("refused").to_string().contains("MONITOR_LISTEN"));
    let told = read::<Settings>(&wrong).expect_err("refused").to_string();
    assert_eq!(told.lines().count(), 1, "only what is used: {told}");
    assert!(read::<ArchiveSettings>(&wrong).is_ok());
}

#[test]
fn every_setting_is_used_by_something() {
    let surroundings = Surroundings::of(&[]);
    let values = Values::collect(&CATALOG, Sources::default()).unwrap();
    AllSettings::read(&values, &surroundings).unwrap();
    let unread: Vec<_> = ["WHATSAPP_HOOK_URL", "MONITOR_ALERT_URL"].into();
    // What belongs to an address is read once that is set.
    let set = unread.iter().map(|name| ((*name).into(), "http://n8n/x".into())).collect();
    let set = Values::collect(&CATALOG, Sources { environment: set, ..Sources::default() }).unwrap();
    AllSettings::read(&set, &surroundings).unwrap();
    let used: std::collections::BTreeSet<_> = values.used().union(&set.used()).copied().collect();
    let ignored: Vec<_> =
        CATALOG.settings.iter().map(|s| s.name).filter(|name| !used.contains(name)).collect();
    assert!(ignored.is_empty(), "accepted and ignored: {ignored:?}");
}
