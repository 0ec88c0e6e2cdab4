mod documented;
mod pages;

use wakeeper_gateway::api::auth::KeySetting;

use super::*;

fn sources(pairs: &[(&str, &str)]) -> Sources {
    let environment = pairs.iter().map(|(name, value)| (name.into(), value.into())).collect();
    Sources { environment, ..Sources::default() }
}

fn read<T: Typed>(pairs: &[(&str, &str)]) -> Result<T, SettingsError> {
    T::resolve(sources(pairs))
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
fn messages_are_kept_for_ever_unless_somebody_says_otherwise() {
    let keep = |given: &[_]| resolve(given).unwrap().keep;
    let usual = keep(&[]);
    assert_eq!((usual.message_age, usual.message_bytes, usual.media_age), (None, None, None));
    assert_eq!(usual.media_bytes, 1 << 30);
    let limited = keep(&[
        ("MESSAGE_RETENTION", "30d"),
        ("MESSAGE_RETENTION_SIZE", "512MB"),
        ("MEDIA_RETENTION", "7d"),
        ("MEDIA_RETENTION_SIZE", "2GB"),
    ]);
    let days = |days: u64| Some(std::time::Duration::from_hours(24 * days));
    assert_eq!((limited.message_age, limited.message_bytes), (days(30), Some(512 << 20)));
    assert_eq!((limited.media_age, limited.media_bytes), (days(7), 2 << 30));
    assert_eq!(keep(&[("MESSAGE_RETENTION", "off"), ("MEDIA_RETENTION", "0")]), usual);
    assert!(refusal(&[("MESSAGE_RETENTION", "23h")]).contains("at least 1d"));
    assert!(refusal(&[("MESSAGE_RETENTION_SIZE", "0")]).contains("not 0"));
    assert!(!resolve(&[]).unwrap().compact_database);
    assert!(resolve(&[("COMPACT_DATABASE", "true")]).unwrap().compact_database);
    assert!(!resolve(&[]).unwrap().message_search);
    assert!(resolve(&[("MESSAGE_SEARCH", "true")]).unwrap().message_search);
    assert!(!resolve(&[]).unwrap().mcp);
    assert!(resolve(&[("MCP", "true")]).unwrap().mcp);
}

#[test]
fn our_names_are_ours() {
    assert!(refusal(&[("SESSION_CLEANUP_ENABLE", "true")]).contains("SESSION_CLEANUP_ENABLED"));
    assert!(resolve(&[("SESSION_MANAGER", "local/x"), ("PATH", "/bin")]).is_ok());
}

/// Names that are set on machines, in containers and in CI, for others.
const USUAL: &str = "HOME HOSTNAME HOSTTYPE OSTYPE MACHTYPE PATH PWD OLDPWD SHELL SHLVL TERM COLORTERM USER USERNAME LOGNAME LANG \
    LANGUAGE LC_ALL LC_CTYPE MAIL EDITOR VISUAL PAGER LESS DISPLAY TZ TMPDIR TEMP TMP PS1 IFS UID GID HISTFILE SSH_AUTH_SOCK SSH_TTY \
    XDG_DATA_DIRS XDG_DATA_HOME XDG_CONFIG_DIRS XDG_RUNTIME_DIR XDG_STATE_HOME XDG_SESSION_ID XDG_SESSION_TYPE SESSION_MANAGER \
    DBUS_SESSION_BUS_ADDRESS INVOCATION_ID JOURNAL_STREAM LISTEN_FDS LISTEN_PID NOTIFY_SOCKET STATE_DIRECTORY LOGS_DIRECTORY \
    CACHE_DIRECTORY RUNTIME_DIRECTORY CREDENTIALS_DIRECTORY container DOCKER_HOST DOCKER_CONFIG DOCKER_CONTEXT \
    DOCKER_TLS_VERIFY COMPOSE_PROJECT_NAME COMPOSE_FILE KUBERNETES_PORT KUBERNETES_PORT_443_TCP KUBERNETES_PORT_443_TCP_ADDR \
    KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT KUBERNETES_SERVICE_PORT_HTTPS FOO_PORT FOO_PORT_8080_TCP \
    FOO_PORT_8080_TCP_ADDR FOO_PORT_8080_TCP_PORT FOO_PORT_8080_TCP_PROTO FOO_SERVICE_HOST FOO_SERVICE_PORT \
    FOO_SERVICE_PORT_HTTP API_PORT API_SERVICE_HOST DATA_PORT LOG_PORT METRICS_PORT METRICS_PORT_9090_TCP STATE_PORT \
    DB_PORT DB_PORT_5432_TCP DB_NAME DB_ENV_POD_NAME POD_NAME POD_NAMESPACE POD_IP NODE_NAME HOST_IP CI GITHUB_ACTIONS \
    GITHUB_TOKEN GITHUB_SHA GITHUB_REF RUNNER_OS RUNNER_TEMP GITLAB_CI CI_COMMIT_SHA CI_JOB_ID JENKINS_URL BUILD_NUMBER TRAVIS \
    CIRCLECI BUILDKITE DYNO RAILWAY_ENVIRONMENT RAILWAY_PUBLIC_DOMAIN FLY_APP_NAME RENDER VERCEL VERCEL_URL HEROKU_APP_NAME \
    DATABASE_URL DATABASE_URI DATABASE_HOST DB_HOST POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB PGHOST PGPORT PGDATA PGUSER \
    MYSQL_HOST MYSQL_ROOT_PASSWORD MONGO_URL REDIS_URL REDIS_HOST REDIS_PORT AMQP_URL NODE_ENV NODE_OPTIONS NODE_PORT NODE_VERSION \
    NPM_CONFIG_LOGLEVEL npm_config_cache APP_KEY APP_ENV APP_URL APP_PORT APP_DEBUG SECRET_KEY OPENAI_API_KEY AI_KEY API_KEYS API_URL \
    API_TOKEN API_HOST API_SECRET VAPI_KEY BASE_URL SERVER_URL SITE_URL WEBHOOK_URL N8N_HOST N8N_PORT N8N_PROTOCOL \
    N8N_ENCRYPTION_KEY GENERIC_TIMEZONE PUBLIC_IP PUBLIC_KEY PUBLIC_DIR PUBLIC_URLS PORTS HOSTS PORT_RANGE PORT_HTTP HTTP_PORT \
    HTTPS_PORT HOST_PORT BIND_HOST POST SORT COST GHOST SPORT LOG_LEVEL LOG_FILE LOG_PATH LOG_DIRS LOG_FORMATTER DATA_PATH DATA_DIRS \
    DATA_HOME CACHE_DIR CONFIG_DIR TMP_DIR BIN_DIR STATS_DIR RUST_BACKTRACE RUST_LOG_STYLE RUST_LIB_BACKTRACE RUSTFLAGS RUSTUP_HOME \
    CARGO_HOME GOPATH JAVA_HOME PYTHONPATH VIRTUAL_ENV NVM_DIR METRICS_ENABLED METRICS_PATH METRICS_PREFIX MIN_CONNECTIONS \
    DB_MAX_CONNECTIONS MAX_CONNS TIMEOUT STARTUP_TIMEOUT CONTAINER_ID CONTAINER_IMAGE CONTAINER_NAMES HTTP_PROXY HTTPS_PROXY \
    NO_PROXY http_proxy NO_COLOR FORCE_COLOR CLICOLOR DEBUG VERBOSE AWS_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY \
    GOOGLE_APPLICATION_CREDENTIALS SENTRY_DSN OTEL_EXPORTER_OTLP_ENDPOINT PUID PGID UMASK S6_OVERLAY_VERSION INSTANCE_NAME \
    SERVER_PORT SERVER_TYPE AUTHENTICATION_API_KEY CONFIG_SESSION_PHONE_CLIENT DEL_INSTANCE CACHE_REDIS_URI WUZAPI_ADMIN_TOKEN \
    LOGS_DIR LOGDIR DATE_DIR STATS_DIR STAGE_DIR PUBLIC_URI PUBLIC_UI AI_KEY BACKUP_HOST BACKUP_PATH BACKUP_CRON BACKUP_SCHEDULE \
    BACKUP_DB BACKUP_ID BACKUP_URI BACKUPDIR BACKUPS_DIR BACKUP_S3_BUCKET BACKUP_KEEP_DAYS BACKUP_KEEP_WEEKS BACKUP_KEEP_MONTHS \
    DEAD_LETTER_QUEUE DEAD_LETTER_EXCHANGE WAKEEPER_SERVICE_HOST WAKEEPER_SERVICE_PORT WAKEEPER_SERVICE_PORT_HTTP \
    WAKEEPER_PORT_8192_TCP WAKEEPER_PORT_8192_TCP_ADDR api_key data_dir port Host";

/// Those of WAHA, besides the ones that have a counterpart here.
const OF_WAHA: &str = "WAHA_NAMESPACE WAHA_WORKER_ID WAHA_WORKER_RESTART_SESSIONS WAHA_AUTO_START_DELAY_SECONDS WAHA_MEDIA_STORAGE \
    WAHA_LOCAL_STORE_BASE_DIR WAHA_S3_REGION WAHA_S3_BUCKET WAHA_S3_ACCESS_KEY_ID WAHA_S3_SECRET_ACCESS_KEY WAHA_S3_ENDPOINT \
    WAHA_S3_FORCE_PATH_STYLE WAHA_S3_PROXY_FILES WAHA_APPS_ENABLED WAHA_APPS_ON WAHA_HTTP_LOG_LEVEL WAHA_HTTP_STRICT_MODE \
    WAHA_CLIENT_DEVICE_NAME WAHA_CLIENT_BROWSER_NAME WAHA_PRESENCE_AUTO_ONLINE WAHA_PRESENCE_AUTO_ONLINE_DURATION_SECONDS \
    WAHA_ZIPPER WAHA_PRINT_QR WAHA_DASHBOARD_ENABLED WAHA_DASHBOARD_USERNAME WAHA_DASHBOARD_PASSWORD WAHA_WEBJS_CACHE_TYPE \
    WAHA_WEBJS_PUPPETER_ARGS WAHA_GOWS_DEVICE_HISTORY_SYNC_FULL_SYNC_DAYS_LIMIT WAHA_HTTPS_ENABLED WAHA_HTTPS_PATH_CA \
    WAHA_RUN_XVFB WAHA_CHROMIUM_PATH WHATSAPP_API_HOSTNAME WHATSAPP_API_SCHEMA WHATSAPP_API_KEY_EXCLUDE_PATH \
    WHATSAPP_DEFAULT_ENGINE WHATSAPP_START_SESSION WHATSAPP_RESTART_ALL_SESSIONS WHATSAPP_SWAGGER_ENABLED \
    WHATSAPP_SWAGGER_CONFIG_ADVANCED WHATSAPP_SWAGGER_TITLE WHATSAPP_SWAGGER_DESCRIPTION WHATSAPP_SWAGGER_EXTERNAL_DOC_URL \
    WHATSAPP_SWAGGER_JPG_EXAMPLE_URL WHATSAPP_SWAGGER_USERNAME WHATSAPP_SWAGGER_PASSWORD WHATSAPP_DOWNLOAD_MEDIA \
    WHATSAPP_FILES_MIMETYPES WHATSAPP_FILES_LIFETIME WHATSAPP_FILES_FOLDER WHATSAPP_SESSIONS_POSTGRESQL_URL \
    WHATSAPP_SESSIONS_MONGO_URL WHATSAPP_PROXY_SERVER WHATSAPP_PROXY_SERVER_LIST WHATSAPP_PROXY_SERVER_INDEX_PREFIX \
    WHATSAPP_PROXY_SERVER_USERNAME WHATSAPP_PROXY_SERVER_PASSWORD WHATSAPP_HEALTH_MEDIA_FILES_THRESHOLD_MB \
    WHATSAPP_HEALTH_SESSION_FILES_THRESHOLD_MB WHATSAPP_HEALTH_MONGO_TIMEOUT_MS";

#[test]
fn names_that_other_programs_use_are_never_refused() {
    for name in USUAL.split(' ').chain(OF_WAHA.split(' ')).filter(|name| !name.is_empty()) {
        let told = read::<AllSettings>(&[(name, "1")]).err().map(|error| error.to_string());
        assert_eq!(told, None, "{name}");
    }
}

#[test]
fn mistyped_settings_are_refused_with_the_right_name() {
    for (name, right) in [
        ("API_KEYY", "API_KEY"),
        ("APIKEY", "API_KEY"),
        ("API_KEYY_FILE", "API_KEY_FILE"),
        ("DATADIR", "DATA_DIR"),
        ("DATA_DRI", "DATA_DIR"),
        ("PUBLIC_URLL", "PUBLIC_URL"),
        ("PUBIC_ULR", "PUBLIC_URL"),
        ("PROT", "PORT"),
        ("HSOT", "HOST"),
        ("LOGFORMAT", "LOG_FORMAT"),
        ("METRIC", "METRICS"),
        ("CONTAINERNAME", "CONTAINER_NAME"),
        ("MAX_CONECTIONS", "MAX_CONNECTIONS"),
        ("AUTH_INFODIR", "AUTH_INFO_DIR"),
        ("WHATSAPP_WS_ULR", "WHATSAPP_WS_URL"),
        ("WAKEEPERCONFIG", "WAKEEPER_CONFIG"),
        ("WAKEEPER_CONFG", "WAKEEPER_CONFIG"),
        ("wakeeper_config", "WAKEEPER_CONFIG"),
        ("WHATSAPP-HOOK-HMAC-KEY", "WHATSAPP_HOOK_HMAC_KEY"),
        ("whatsapp_hook_hmac_key", "WHATSAPP_HOOK_HMAC_KEY"),
        ("API-KEY", "API_KEY"),
        ("api-key-file", "API_KEY_FILE"),
        ("BACKUP_INTERVALL", "BACKUP_INTERVAL"),
        ("BACKUP_PASPHRASE", "BACKUP_PASSPHRASE"),
        ("DEAD_LETTER_RETENTON", "DEAD_LETTER_RETENTION"),
    ] {
        let told = refusal(&[(name, "s3cret")]);
        assert!(told.contains(name) && told.contains(&format!("did you mean {right}?")), "{told}");
        assert!(!told.contains("s3cret"), "{told}");
    }
    // A command checks what it uses.
    assert!(
        read::<Settings>(&[("DATADIR", "/x")]).is_err() && read::<Settings>(&[("API_KEYY", "x")]).is_ok()
    );
}

#[test]
fn a_database_of_somebody_else_is_told_and_stops_nothing() {
    let secret = "postgres://user:hunter2@db/app";
    let settings = resolve(&[("DATABASE_URL", secret)]).unwrap();
    let (loud, quiet) = wakeeper_settings::notes(&settings.notes);
    assert_eq!(
        loud,
        ["DATABASE_URL is not used: everything is stored in SQLite, in the folder AUTH_INFO_DIR"]
    );
    assert!(quiet.is_empty() && monitor(&[("DATABASE_URL", secret)]).is_ok());
    // In our own file it is meant for us.
    let folder = std::env::temp_dir().join(format!("wakeeper-settings-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("wakeeper.toml"), format!("database_url = \"{secret}\"\n")).unwrap();
    let sources = Sources { working_dir: folder.clone(), ..Sources::default() };
    let told = GatewaySettings::resolve(sources).expect_err("refused").to_string();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(told.contains("unknown setting DATABASE_URL") && !told.contains("hunter2"), "{told}");
}

#[test]
fn what_does_not_count_is_told() {
    let loud = |given: &[_]| wakeeper_settings::notes(&read::<AllSettings>(given).unwrap().notes).0;
    assert_eq!(
        loud(&[("api_key", "s3cret")]),
        ["api_key is not used: in the environment the setting is spelled API_KEY"]
    );
    assert!(loud(&[("api_key_file", "/x")])[0].ends_with("is spelled API_KEY_FILE"));
    let host = "HOST is not used: without an API key (API_KEY=none) the gateway listens on 127.0.0.1 alone";
    assert_eq!(loud(&[("API_KEY", "none"), ("HOST", "0.0.0.0")]), [host]);
    assert_eq!(loud(&[("WAHA_NO_API_KEY", "true"), ("HOST", "::")]), [host]);
    for silent in
        [&[("API_KEY", "none")][..], &[("API_KEY", "none"), ("HOST", "::1")], &[("HOST", "0.0.0.0")]]
    {
        assert!(loud(silent).is_empty(), "{silent:?}");
    }
}

#[test]
fn a_password_in_an_address_is_neither_taken_nor_shown() {
    for (name, text) in [
        ("PUBLIC_URL", "http://u:hunter2@h"),
        ("PUBLIC_URL", "https://hunter2@h"),
        ("WAHA_BASE_URL", "http://u:hunter2@h"),
        ("WEBHOOK_ALLOWED_TARGETS", "n8n,http://u:hunter2@h,u:hun@hunter2@h"),
        ("WEBHOOK_ALLOWED_TARGETS", "hunter2@n8n"),
    ] {
        let told =
            resolve(&[("WEBHOOK_PRIVATE_ADDRESSES", "false"), (name, text)]).expect_err(text).to_string();
        assert!(told.contains("(hidden)@") && !told.contains("hun"), "{told}");
        let values = Values::collect(&CATALOG, sources(&[(name, text)])).unwrap();
        assert!(!format!("{:?}", values.list()).contains("hun"), "{name}");
    }
    let values = Values::collect(&CATALOG, sources(&[("DATA_DIR", "/srv/bot@home")])).unwrap();
    assert_eq!(values.list()[0].value, "\"/srv/bot@home\"");
}

#[test]
fn a_file_in_place_of_a_folder_is_told_by_the_check_and_stops_nothing() {
    let folder = std::env::temp_dir().join(format!("wakeeper-places-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("below");
    let told = |name, path: &Path| {
        let given = [(name, path.to_str().unwrap())];
        (resolve(&given).err(), monitor(&given).err(), read::<AllSettings>(&given).err())
    };
    for name in ["BACKUP_DIR", "STATE_DIR", "MONITOR_STATE_DIR", "LOG_DIR"] {
        for path in [&file, &below] {
            let (gateway, monitor, check) = told(name, path);
            assert!(gateway.is_none() && monitor.is_none(), "{name}: they tell it when they need the folder");
            let error = check.expect(name).to_string();
            assert!(error.starts_with(&format!("setting {name}: {} is a file", file.display())), "{error}");
        }
        let (gateway, monitor, check) = told(name, &folder.join("not/there"));
        assert!(gateway.is_none() && monitor.is_none() && check.is_none(), "{name}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(resolve(&[("LOG_DIR", "off")]).is_ok());
}

#[test]
fn a_list_in_our_file_is_one_where_there_are_several_values() {
    let folder = std::env::temp_dir().join(format!("wakeeper-lists-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let with = |text: &str| {
        std::fs::write(folder.join("wakeeper.toml"), text).unwrap();
        let sources = Sources { working_dir: folder.clone(), ..Sources::default() };
        GatewaySettings::resolve(sources).err().map(|error| error.to_string())
    };
    let told = with("api_key = [\"hunter2\"]\n");
    let good = with(
        "whatsapp_hook_url = \"http://n8n/x\"\nwhatsapp_hook_events = [\"message\", \"session.status\"]\n",
    );
    std::fs::remove_dir_all(&folder).unwrap();
    let told = told.expect("refused");
    assert!(told.contains("API_KEY") && !told.contains("hunter2"), "{told}");
    assert_eq!(good, None);
}

#[test]
fn a_level_that_is_none_names_its_setting() {
    let told = refusal(&[("RUST_LOG", "nonsense")]);
    assert!(told.contains("RUST_LOG") && told.contains("debug"), "{told}");
}

/// What people set for WAHA.
fn waha() -> Vec<(&'static str, &'static str)> {
    include_str!("tests/waha.env").lines().filter_map(|line| line.split_once('=')).collect()
}

#[test]
fn settings_of_waha_are_taken_where_they_mean_the_same() {
    let waha = waha();
    let settings = resolve(&waha).unwrap();
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
    assert!(
        read::<Settings>(&waha).is_ok() && read::<ArchiveSettings>(&waha).is_ok() && monitor(&waha).is_ok()
    );
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
    for (one, other) in [
        ("API_KEY", "WAHA_API_KEY"),
        ("WAHA_API_KEY_PLAIN", "WHATSAPP_API_KEY"),
        ("WAHA_API_KEY", "WHATSAPP_API_KEY"),
    ] {
        let told = resolve(&[(other, "abc"), (one, "not-abc")]).expect_err("refused").to_string();
        assert_eq!(
            told,
            format!(
                "setting API_KEY: {one} and {other} have different values; remove one of the two, or give both the same value"
            )
        );
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
