//! Logs as services hand them out: whatever lies around its lines, it says the same.

use super::{failing_calls, read_log};
use serde_json::{Value, json};

/// When the line of that number was written, nanoseconds since 1970.
fn at(line: usize) -> String {
    (1_795_168_840_000_000_000_u64 + line as u64 * 1_000_000).to_string()
}

fn records(lines: &[String], record: impl Fn((usize, &String)) -> Value) -> Vec<Value> {
    lines.iter().enumerate().map(record).collect()
}

fn one_a_line(records: &[Value]) -> String {
    records.iter().flat_map(|record| [record.to_string(), "\n".to_owned()]).collect()
}

/// Each line in two pieces, as a container runtime writes those that are too long for it.
fn in_pieces(lines: &[String]) -> String {
    let pieces = |line: &String| {
        let (one, other) = line.split_at(line.len() / 2);
        format!("2026-11-20T10:00:40.1Z stderr P {one}\n2026-11-20T10:00:40.2Z stderr F {other}\n")
    };
    lines.iter().map(pieces).collect()
}

fn forms(lines: &[String]) -> Vec<(&'static str, String)> {
    let pairs = records(lines, |(n, line)| json!([at(n), line]));
    let newest: Vec<_> = pairs.iter().rev().cloned().collect();
    let loki = |values: &[Value]| json!({ "status": "success", "data": { "resultType": "streams", "result": [{ "stream": {}, "values": values }] } });
    let events =
        records(lines, |(n, line)| json!({ "timestamp": 1_795_168_840_000_u64 + n as u64, "message": line }));
    let hits = records(
        lines,
        |(_, line)| json!({ "_source": { "@timestamp": "2026-11-20T10:00:40Z", "message": line } }),
    );
    let answer = json!({ "events": events, "nextForwardToken": "f/1" });
    let found = json!({ "took": 3, "hits": { "total": { "value": 4 }, "hits": hits } });
    let bytes = records(
        lines,
        |(_, line)| json!({ "__REALTIME_TIMESTAMP": "1795168840123000", "MESSAGE": line.as_bytes() }),
    );
    let coloured =
        records(lines, |(_, line)| json!({ "MESSAGE": format!("\u{1b}[31m{line}\u{1b}[0m").as_bytes() }));
    let fluentd = lines.iter().map(|line| {
        format!(
            "2026-11-20 10:00:40.123000000 +0000 docker.bot: {}\n",
            json!({ "log": line, "source": "stderr" })
        )
    });
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap() + "\n";
    vec![
        ("Loki", loki(&pairs).to_string()),
        ("Loki, newest first", loki(&newest).to_string()),
        ("Loki, indented", pretty(&loki(&newest))),
        ("CloudWatch", answer.to_string()),
        ("CloudWatch, indented", pretty(&answer)),
        (
            "CloudWatch, two pages",
            pretty(&json!({ "events": events[..9] })) + &pretty(&json!({ "events": events[9..] })),
        ),
        ("Elasticsearch", found.to_string()),
        ("Elasticsearch, hits", one_a_line(&hits)),
        ("a list", Value::from(events).to_string()),
        ("journald's bytes", one_a_line(&bytes)),
        ("journald's bytes, indented", bytes.iter().map(pretty).collect()),
        ("journald's bytes, coloured", one_a_line(&coloured)),
        ("fluentd", fluentd.collect()),
        ("pieces", in_pieces(lines)),
    ]
}

#[test]
fn a_log_that_a_service_hands_out_says_the_same() {
    let calls = failing_calls();
    let console: Vec<String> = calls.iter().flat_map(|call| call.lines()).map(str::to_owned).collect();
    // Libsignal's lines and pino's, and pino's alone.
    let pino: Vec<String> = console.iter().filter(|line| line.starts_with('{')).cloned().collect();
    let many: Vec<String> = std::iter::repeat_n(&pino, 400).flatten().cloned().collect();
    let read = |log: &str| read_log(log.as_bytes(), "log".to_owned(), None).unwrap();
    for lines in [console, [pino.clone(), pino, vec!["ready".to_owned(); 2]].concat(), many] {
        for (name, log) in forms(&lines) {
            let facts = read(&log);
            let failing: Vec<_> =
                facts.peer_failures.iter().map(|one| (one.peer.to_string(), one.messages)).collect();
            assert_eq!(failing, [("5511900000002:3@s.whatsapp.net".to_owned(), 4)], "{name}: {log:.999}");
            assert_eq!(facts.unattributed, None, "{name}");
            assert!(facts.reading.is_understood() && facts.reading.lines >= 8, "{name}: {:?}", facts.reading);
        }
    }
}
