use wakeeper_waha::{HmacConfig, RetriesConfig};

use super::*;

fn config(url: &str) -> WebhookConfig {
    WebhookConfig {
        url: url.to_owned(),
        events: vec!["message".to_owned()],
        hmac: None,
        retries: None,
        custom_headers: None,
    }
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    let mut cases = Vec::new();
    for url in ["", "n8n:5678/webhook", "ftp://a/b", "/hook", "http://"] {
        cases.push((config(url), WebhookConfigError::Url));
    }
    let good = || config("http://n8n:5678/webhook");
    let retries = |delay_seconds, attempts| {
        Some(RetriesConfig { policy: None, delay_seconds: Some(delay_seconds), attempts: Some(attempts) })
    };
    cases.push((WebhookConfig { retries: retries(90_000, 1), ..good() }, WebhookConfigError::Delay));
    cases.push((WebhookConfig { retries: retries(1, 0), ..good() }, WebhookConfigError::Attempts));
    cases.push((
        WebhookConfig { hmac: Some(HmacConfig { key: Some("".into()) }), ..good() },
        WebhookConfigError::Key,
    ));
    for (config, expected) in cases {
        assert_eq!(check(std::slice::from_ref(&config)), Err(expected), "{config:?}");
    }
    assert_eq!(check(&[good()]), Ok(()));
}

#[test]
fn an_unknown_event_is_named_beside_those_that_there_are() {
    let refused = |name: &str| {
        let wrong = WebhookConfig { events: vec![name.to_owned()], ..config("http://n8n:5678/webhook") };
        check(&[wrong]).expect_err("refused").to_string()
    };
    let told = refused("mesage");
    for part in ["\"mesage\"", "did you mean message?", "session.status", "message.edited"] {
        assert!(told.contains(part), "{told}");
    }
    let told = refused("\u{1b}[31mred\n");
    assert!(!told.contains(char::is_control), "{told:?}");
}

/// A configuration made for WAHA works, and what of it never comes is told.
#[test]
fn events_that_only_waha_sends_are_taken_and_known() {
    let events = [
        "message",
        "engine.event",
        "presence.update",
        "call.received",
        "presence.update",
        "group.v2.join",
        "*",
    ];
    let config =
        WebhookConfig { events: events.map(str::to_owned).to_vec(), ..config("http://n8n:5678/webhook") };
    assert_eq!(check(std::slice::from_ref(&config)), Ok(()));
    assert_eq!(never_sent(&[config]), ["engine.event"]);
    // What WAHA 2026.9 has.
    let waha =
        "session.status message message.reaction message.any message.ack message.ack.group message.waiting \
        message.revoked message.edited state.change group.join group.leave group.v2.join group.v2.leave \
        group.v2.update group.v2.participants group.v2.participants.join-request presence.update poll.vote \
        poll.vote.failed chat.archive call.received call.accepted call.rejected label.upsert label.deleted \
        label.chat.added label.chat.deleted event.response event.response.failed engine.event *"
            .split_ascii_whitespace();
    let all = WebhookConfig { events: waha.map(str::to_owned).collect(), ..self::config("http://n8n/") };
    assert_eq!(check(&[all]), Ok(()));
}

fn check(configs: &[WebhookConfig]) -> Result<(), WebhookConfigError> {
    check_webhooks(configs, &AddressPolicy::open())
}

fn with_header(name: &str, value: &str) -> WebhookConfig {
    let header = CustomHeader { name: name.to_owned(), value: value.into() };
    WebhookConfig { custom_headers: Some(vec![header]), ..config("http://n8n:5678/webhook") }
}

#[test]
fn headers_of_the_signature_and_the_connection_are_refused_by_name() {
    for name in [
        "X-Webhook-Hmac",
        "x-webhook-anything",
        "webhook-signature",
        "WEBHOOK-ID",
        "Host",
        "content-LENGTH",
        "Content-Type",
        "Content-Encoding",
        "Transfer-Encoding",
        "Connection",
        "Expect",
        "TE",
        "Trailer",
        "Upgrade",
        "Keep-Alive",
        "Proxy-Authorization",
        "Proxy-Connection",
    ] {
        let refused = check(&[with_header(name, "v")]).unwrap_err();
        assert_eq!(refused, WebhookConfigError::ReservedHeader(name.to_owned()));
        assert!(refused.to_string().contains(name), "{refused}");
    }
    for value in ["hush\nhush", "hush\rhush", "nul\0", "a\u{7f}"] {
        let refused = check(&[with_header("X-A", value)]).unwrap_err();
        assert_eq!(refused, WebhookConfigError::HeaderValue("X-A".to_owned()), "{value:?}");
        assert!(!refused.to_string().contains("hush"));
    }
    for name in ["a b", "", "a:b", "a\r\nb"] {
        assert_eq!(check(&[with_header(name, "v")]), Err(WebhookConfigError::HeaderName), "{name:?}");
    }
    for name in ["Authorization", "X-Api-Key", "Cookie", "User-Agent", "X-Webhook"] {
        assert_eq!(check(&[with_header(name, "Bearer v")]), Ok(()), "{name}");
    }
}

#[test]
fn what_an_older_version_stored_is_left_out_and_the_rest_is_sent() {
    let mut stored = with_header("X-Webhook-Hmac", "forged");
    let header = |name: &str| CustomHeader { name: name.to_owned(), value: "v".into() };
    stored.custom_headers.as_mut().unwrap().extend([header("X-Mine"), header("Expect")]);
    let made = subscriptions("s", &[stored]).unwrap();
    assert_eq!(made[0].headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-mine"]);
}

#[test]
fn addresses_in_numbers_are_refused_at_once() {
    let metadata = config("http://169.254.169.254/latest/meta-data/");
    let refused = Err(WebhookConfigError::Refused(RefusedAddress::Metadata));
    assert_eq!(check(std::slice::from_ref(&metadata)), refused);
    let confined = AddressPolicy::default();
    for url in ["http://127.0.0.1:5678/", "http://[::ffff:10.0.0.1]/", "http://0x7f000001/"] {
        assert_eq!(
            check_webhooks(&[config(url)], &confined),
            Err(WebhookConfigError::Refused(RefusedAddress::Private)),
            "{url}"
        );
        assert_eq!(check(&[config(url)]), Ok(()), "{url}");
    }
}

#[test]
fn keys_survive_changes_and_tell_receivers_apart() {
    let key = |scope, configs: &[WebhookConfig]| {
        subscriptions(scope, configs).unwrap().into_iter().map(|made| made.key).collect::<Vec<_>>()
    };
    let plain = config("http://a/hook?token=t0p");
    let signed = WebhookConfig { hmac: Some(HmacConfig { key: Some("k".into()) }), ..plain.clone() };
    assert_eq!(key("default", std::slice::from_ref(&plain)), key("default", &[signed]));
    assert_ne!(key("default", std::slice::from_ref(&plain)), key("other", std::slice::from_ref(&plain)));
    let twice = key("default", &[plain.clone(), plain.clone()]);
    assert_ne!(twice[0], twice[1]);
    assert!(!twice[0].contains("t0p"));
}

#[test]
fn star_means_everything_but_what_waha_leaves_out() {
    let star = WebhookConfig { events: vec!["*".to_owned()], ..config("http://a") };
    let made = subscriptions("s", &[star, config("http://b")]).unwrap();
    assert!(made[0].wants("message.any") && !made[0].wants("engine.event"));
    assert!(made[1].wants("message") && !made[1].wants("message.any"));
}

#[test]
fn secrets_stay_out_of_debug() {
    let config = WebhookConfig {
        hmac: Some(HmacConfig { key: Some("hushhush".into()) }),
        ..config("http://a/?token=hushhush")
    };
    assert!(!format!("{:?}", subscriptions("s", &[config]).unwrap()).contains("hushhush"));
}
