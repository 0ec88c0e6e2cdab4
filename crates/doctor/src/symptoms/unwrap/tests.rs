use super::*;

const AT: i64 = 1_795_168_840_123;

fn unwrapped(line: &str) -> (String, Option<i64>, Vec<Layout>) {
    let line = unwrap(line.as_bytes(), Some(AT));
    let text = String::from_utf8(line.text.to_vec()).unwrap();
    (text, line.at.map(|at| at.at_ms), line.layouts.into_iter().collect())
}

#[test]
fn everything_around_a_line_is_taken_off() {
    use Layout::{Csv, DockerJson, JsonEnvelope, JsonLines, Kubernetes, Named, Syslog};
    for (line, layouts) in [
        (
            r#"{"log":"    at x.js:1\n","stream":"stderr","time":"2026-11-20T10:00:40.123Z"}"#,
            &[DockerJson][..],
        ),
        (
            r#"{"log":"\u001b[31m    at x.js:1\u001b[0m\n","stream":"stderr","time":"2026-11-20T10:00:40.123Z"}"#,
            &[DockerJson],
        ),
        (
            r#"{"MESSAGE":"    at x.js:1","__REALTIME_TIMESTAMP":"1795168840123000","PRIORITY":"6"}"#,
            &[JsonEnvelope],
        ),
        (
            r#"{"__REALTIME_TIMESTAMP":"1795168840123000","MESSAGE":[32,32,32,32,97,116,32,120,46,106,115,58,49]}"#,
            &[JsonEnvelope],
        ),
        (
            r#"{"timestamp":1795168840123,"message":"    at x.js:1","ingestionTime":1795168849999}"#,
            &[JsonEnvelope],
        ),
        (r#"{"textPayload":"    at x.js:1","timestamp":"2026-11-20T10:00:40.123456Z"}"#, &[JsonEnvelope]),
        // pm2, winston, fluentd, fluent-bit, Loki, Azure, syslog-ng.
        (
            r#"{"message":"    at x.js:1\n","timestamp":"2026-11-20T07:00:40.123-03:00","type":"out","process_id":0,"app_name":"bot"}"#,
            &[JsonEnvelope],
        ),
        (
            r#"{"level":"info","message":"    at x.js:1","service":"bot","timestamp":"2026-11-20T10:00:40.123Z"}"#,
            &[JsonLines],
        ),
        (r#"{"date":1795168840.123,"log":"    at x.js:1","stream":"stderr"}"#, &[DockerJson]),
        (
            r#"{"log":"    at x.js:1","container_name":"/bot","source":"stdout","@timestamp":"2026-11-20T10:00:40.123Z"}"#,
            &[JsonEnvelope],
        ),
        (
            r#"{"line":"    at x.js:1","timestamp":"1795168840123000000","labels":{"app":"bot"},"fields":{}}"#,
            &[JsonEnvelope],
        ),
        (
            "2026-11-20T10:00:40.123+00:00\tdocker.bot\t{\"log\":\"    at x.js:1\",\"container_id\":\"a\"}",
            &[JsonEnvelope],
        ),
        (r#"2026-11-20 10:00:40.123000000 +0000 docker.bot: {"log":"    at x.js:1"}"#, &[JsonEnvelope]),
        (r#"2026-11-20T10:00:40.123Z bot: {"log":"    at x.js:1","source":"stderr"}"#, &[JsonEnvelope]),
        (
            r#"{"_index":"i","_source":{"@timestamp":"2026-11-20T10:00:40.123Z","message":"    at x.js:1"}}"#,
            &[JsonEnvelope],
        ),
        (r#"2026-11-20T10:00:40.123Z {app="bot", pod="b-1"}     at x.js:1"#, &[Named]),
        ("2026-11-20T10:00:40.123Z {}     at x.js:1", &[Named]),
        (r#"{"TimeGenerated":"2026-11-20T10:00:40.123Z","LogMessage":"    at x.js:1"}"#, &[JsonEnvelope]),
        (
            r#"{"MESSAGE":"    at x.js:1","HOST":"h","ISODATE":"2026-11-20T10:00:40.123+00:00"}"#,
            &[JsonEnvelope],
        ),
        (
            "\u{1e}{\"MESSAGE\":\"    at x.js:1\",\"__REALTIME_TIMESTAMP\":\"1795168840123000\"}",
            &[JsonEnvelope],
        ),
        (
            r#"{"jsonPayload":{"message":"    at x.js:1"},"timestamp":"2026-11-20T10:00:40.123Z","severity":"INFO"}"#,
            &[JsonEnvelope],
        ),
        ("whatsapp-1  | 2026-11-20T10:00:40.123456789Z     at x.js:1", &[Named]),
        ("2026-11-20T10:00:40.123Z 0|bot  |     at x.js:1", &[Named]),
        ("bot.1.x7k2@node-1    | 2026-11-20T10:00:40.123Z     at x.js:1", &[Named]),
        ("2026-11-20T10:00:40.123456789Z stderr F     at x.js:1", &[Kubernetes]),
        ("[pod/bot-6f/bot] 2026-11-20T10:00:40.123Z     at x.js:1", &[Kubernetes]),
        ("2026-11-20T10:00:40.123+0000 host node[12]:     at x.js:1", &[Syslog]),
        ("<13>1 2026-11-20T10:00:40.123Z host bot 12 - -     at x.js:1", &[Syslog]),
        ("2026-11-20T10:00:40.123000+00:00 app[web.1]:     at x.js:1", &[Syslog]),
        (r#"1795168840123,"    at x.js:1""#, &[Csv]),
        (r#""2026-11-20 10:00:40.123","    at x.js:1""#, &[Csv]),
        ("1795168840123,    at x.js:1", &[Csv]),
        ("[2026-11-20T10:00:40.123Z]     at x.js:1", &[]),
        ("2026-11-20 10:00:40,123:     at x.js:1", &[]),
        ("\u{1b}[90m2026-11-20 10:00:40.123\u{1b}[0m     at x.js:1\r", &[]),
    ] {
        assert_eq!(unwrapped(line), ("    at x.js:1".to_owned(), Some(AT), layouts.to_vec()), "{line}");
    }
}

#[test]
fn lines_without_a_year_are_of_the_last_twelve_months() {
    let (text, at, _) = unwrapped("Nov 20 10:00:40 host node[12]: Session error:Error: Bad MAC");
    assert_eq!((text.as_str(), at), ("Session error:Error: Bad MAC", Some(AT - 123)));
    let (text, at, _) = unwrapped("<13>Nov 20 10:00:40 host node[12]: Bad MAC");
    assert_eq!((text.as_str(), at), ("Bad MAC", Some(AT - 123)));
}

#[test]
fn wrappers_lie_around_each_other() {
    let inner = r#"{\"level\":50,\"time\":1,\"msg\":\"x\"}"#;
    let line =
        format!(r#"whatsapp-1 | {{"log":"{inner}\n","stream":"stdout","time":"2026-11-20T10:00:40.123Z"}}"#);
    let (text, at, layouts) = unwrapped(&line);
    assert_eq!(text, r#"{"level":50,"time":1,"msg":"x"}"#);
    assert_eq!((at, layouts), (Some(AT), vec![Layout::DockerJson, Layout::Named]));
    let (text, ..) = unwrapped(r#"1795168840123,"{""level"":50,""msg"":""x""}""#);
    assert_eq!(text, r#"{"level":50,"msg":"x"}"#);
}

#[test]
fn a_loggers_record_in_another_record_is_opened() {
    let inner = r#"{"level":50,"msg":"x","key":{"id":"y"}}"#;
    let quoted = serde_json::to_string(inner).unwrap();
    for line in [
        format!(r#"{{"insertId":"a","jsonPayload":{inner},"timestamp":"2026-11-20T10:00:40.123Z"}}"#),
        format!(r#"{{"log":{inner},"time":"2026-11-20T10:00:40.123Z"}}"#),
        format!(r#"{{"_source":{{"@timestamp":"2026-11-20T10:00:40.123Z","message":{quoted}}}}}"#),
        format!(r#"2026-11-20 10:00:40.123 +0000 docker.bot: {{"log":{quoted}}}"#),
        format!(r#"{{"level":30,"time":1795168840123,"msg":{quoted}}}"#),
        format!(r#"{{"message":{quoted},"timestamp":1795168840123,"type":"out","app_name":"bot"}}"#),
        format!(
            r#"{{"time":"2026-11-20T10:00:40.123Z","log":{}}}"#,
            serde_json::to_string(&format!(r#"{{"line":{quoted},"source":"stdout"}}"#)).unwrap()
        ),
    ] {
        let (text, at, _) = unwrapped(&line);
        assert_eq!((text.as_str(), at), (inner, Some(AT)), "{line}");
    }
}

#[test]
fn several_lines_in_one_record_are_read_one_by_one() {
    let text =
        "Failed to decrypt message with any known session...\nSession error:Error: Bad MAC\n    at x.js:1\n";
    let text = serde_json::to_string(text).unwrap();
    let line =
        format!(r#"{{"message":{text},"timestamp":"2026-11-20T10:00:40.123Z","type":"err","process_id":0}}"#);
    let line = unwrap(line.as_bytes(), None);
    let parts = line.parts(None);
    let texts: Vec<_> = parts.iter().map(|part| String::from_utf8_lossy(&part.text)).collect();
    assert_eq!(texts.len(), 3);
    assert_eq!(texts[2], "    at x.js:1");
    assert!(parts.iter().all(|part| part.at.is_some_and(|at| at.at_ms == AT)), "{parts:?}");
}

#[test]
fn what_the_gateway_printed_stays() {
    for line in [
        "Session error:Error: Bad MAC Error: Bad MAC",
        "    at async 5511900000002.3 [as awaitable] (/app/x.js:1:1)",
        r#"{"level":50,"stream":"x","msg":"no log"}"#,
        r#"{"text":"log of an application"}"#,
        r#"{"level":50,"message":"failed to decrypt message","key":{"id":"x"}}"#,
        r#"{"level":30,"msg":"message of an application"}"#,
        r#"{"log":7,"line":null,"message":{"text":"x"}}"#,
        "key: value | other",
        "",
        "[Client WARN] Error decrypting message 3EB0A",
    ] {
        assert_eq!(unwrapped(line).0, line);
    }
    let own = r#"error: {"message":"failed to decrypt message","key":{"id":"x"}}"#;
    assert_eq!(unwrapped(&format!("2026-11-20T10:00:40.123Z {own}")).0, own);
    let (text, at, _) = unwrapped("[Nest] 7  - 11/20/2026, 10:00:40 AM   ERROR Bad MAC");
    assert_eq!((text.as_str(), at), ("[Nest] 7  - 11/20/2026, 10:00:40 AM   ERROR Bad MAC", Some(AT - 123)));
}

#[test]
fn loggers_are_known() {
    for (line, layout) in [
        (r#"{"level":30,"msg":"ready"}"#, Layout::JsonLines),
        ("[2026-11-27 10:00:07.968 +0000] ERROR (7): failed", Layout::PinoPretty),
        ("\u{1b}[32m[10:00:07.968] \u{1b}[39mINFO\u{1b}[0m (bot/7): ready", Layout::PinoPretty),
        ("10:00:07.968 [Client WARN] Error decrypting", Layout::Whatsmeow),
        ("[Client/Socket INFO] Connected", Layout::Whatsmeow),
    ] {
        assert_eq!(unwrap(line.as_bytes(), None).logger(), Some(layout), "{line}");
    }
    for line in ["ERROR: disk full", r#"{"a":1}"#, "[INFO] ready", "", "{"] {
        assert_eq!(unwrap(line.as_bytes(), None).logger(), None, "{line}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(line in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = unwrap(&line, Some(AT));
    }

    #[test]
    fn no_prefix_makes_it_panic(line in r#"(<13>1? ?|\["?|\{"log":"|[a-z]{1,5} *\| ?|2026-11-20T10:00:40Z?[\]", ]*){0,4}.{0,9}"#) {
        let _ = unwrap(line.as_bytes(), Some(AT));
    }
}
