//! What services that keep logs answer: one document of JSON that holds many lines. Loki's answer to a query, CloudWatch's events,
//! a search in Elasticsearch, a list of records, `journalctl -o json-pretty`. Each line becomes a record of its own, oldest first.

use std::io::{Cursor, Read};

use super::moment;
use crate::json::{self, Kind, Value};

/// So much of the beginning tells what it is.
const HEAD: u64 = 4 << 10;
/// Longer documents are read line by line, as any log.
const LIMIT: u64 = 64 << 20;

/// A line in its record, and when it was written.
type Dated = (Option<i64>, Vec<u8>);

/// The same text, with one line for each that a document holds.
pub(super) fn opened<'r>(mut reader: impl Read + 'r) -> std::io::Result<Box<dyn Read + 'r>> {
    let mut text = Vec::new();
    (&mut reader).take(HEAD).read_to_end(&mut text)?;
    if may_be_one(&text) {
        (&mut reader).take(LIMIT).read_to_end(&mut text)?;
        text = opened_text(text);
    }
    Ok(Box::new(Cursor::new(text).chain(reader)))
}

/// Whether a text begins as such a document does.
fn may_be_one(head: &[u8]) -> bool {
    let head = head.trim_ascii_start();
    let Some((first, rest)) = head.split_first() else { return false };
    let next = rest.trim_ascii_start();
    let holds = |mark: &str| memchr::memmem::find(head, mark.as_bytes()).is_some();
    match first {
        b'[' => next.first() == Some(&b'{'),
        b'{' if holds("\"events\"") || holds("\"hits\"") => true,
        b'{' if holds("\"result\"") && holds("\"values\"") => true,
        // Over several lines; otherwise each line is a record already.
        b'{' => rest.first().is_some_and(|byte| b"\r\n".contains(byte)) && holds("\"__REALTIME_TIMESTAMP\""),
        _ => false,
    }
}

/// The lines of all documents that follow each other; what is none stays as it is.
fn opened_text(text: Vec<u8>) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut rest = text.trim_ascii_start();
    while let Ok(document) = json::parse_prefix(rest) {
        let Some(found) = records(&document, rest) else { break };
        lines.extend(found.into_iter().flat_map(|(_, line)| line.into_iter().chain([b'\n'])));
        rest = rest[document.span.end..].trim_ascii_start();
    }
    if lines.is_empty() {
        return text;
    }
    lines.extend(rest);
    lines
}

/// The records of a document, oldest first.
fn records(document: &Value<'_>, text: &[u8]) -> Option<Vec<Dated>> {
    if let Some(streams) = document.get("data").and_then(|data| data.get("result")) {
        return of_streams(streams.items(), text);
    }
    if document.get("__REALTIME_TIMESTAMP").is_some() {
        return Some(vec![(None, on_one_line(document, text))]);
    }
    let list = match &document.kind {
        Kind::Array(_) => document,
        _ => document.get("events").or_else(|| document.get("hits")?.get("hits"))?,
    };
    if !list.items().iter().all(Value::is_object) {
        return None;
    }
    let dated = |record: &Value<'_>| {
        let at = moment::of_json(record.get("_source").unwrap_or(record), None);
        (at.map(|at| at.at_ms), on_one_line(record, text))
    };
    Some(oldest_first(list.items().iter().map(dated).collect()))
}

/// Loki's: streams of pairs of a time in nanoseconds and a line.
fn of_streams(streams: &[Value<'_>], text: &[u8]) -> Option<Vec<Dated>> {
    let mut all = Vec::new();
    for stream in streams {
        let pairs = stream.get("values")?.items().iter();
        let pairs: Option<Vec<_>> = pairs.map(|pair| of_pair(pair.items(), text)).collect();
        all.extend(oldest_first(pairs?));
    }
    all.sort_by_key(|(at, _)| *at);
    Some(all)
}

fn of_pair(pair: &[Value<'_>], text: &[u8]) -> Option<Dated> {
    let (time, line) = (pair.first()?.as_str()?, pair.get(1)?);
    line.as_str()?;
    let at = time.parse::<i64>().ok()?;
    let line = text.get(line.span.clone())?;
    Some((Some(at), [format!("{{\"timestamp\":\"{at}\",\"line\":").as_bytes(), line, b"}"].concat()))
}

/// Services answer with the newest first, unless they are asked otherwise.
fn oldest_first(mut records: Vec<Dated>) -> Vec<Dated> {
    let times = records.first().and_then(|first| first.0).zip(records.last().and_then(|last| last.0));
    if times.is_some_and(|(first, last)| first > last) {
        records.reverse();
    }
    records
}

/// A text of JSON holds no line's end, so that those around it are only for the eye.
fn on_one_line(record: &Value<'_>, text: &[u8]) -> Vec<u8> {
    let text = text.get(record.span.clone()).unwrap_or_default();
    text.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let mut out = String::new();
        opened(text.as_bytes()).unwrap().read_to_string(&mut out).unwrap();
        out
    }

    #[test]
    fn every_line_of_an_answer_becomes_a_record_oldest_first() {
        let loki = r#"{"status":"success","data":{"resultType":"streams","result":[
            {"stream":{"s":"1"},"values":[["9","nine"],["5","five, \"later\""],["5","five"]]},
            {"stream":{"s":"2"},"values":[["7","seven",{"more":"x"}]]}]}}"#;
        let line = |at: u32, text: &str| format!("{{\"timestamp\":\"{at}\",\"line\":\"{text}\"}}\n");
        let expected = [line(5, "five"), line(5, r#"five, \"later\""#), line(7, "seven"), line(9, "nine")];
        assert_eq!(read(loki), expected.concat());
        let events = r#"{"events": [
            {"timestamp": 1795168840124, "message": "b"}, {"timestamp": 1795168840123, "message": "a"}], "nextForwardToken": "f"}"#;
        let (a, b) = (
            r#"{"timestamp": 1795168840123, "message": "a"}"#,
            r#"{"timestamp": 1795168840124, "message": "b"}"#,
        );
        assert_eq!(read(events), format!("{a}\n{b}\n"));
        assert_eq!(read(&events.repeat(2)), format!("{a}\n{b}\n").repeat(2), "page after page");
        assert_eq!(read(&format!("[\n {b},\n {a}\n]\n")), format!("{a}\n{b}\n"));
        let hit = |at: &str| {
            format!(r#"{{"_index":"x","_source":{{"@timestamp":"2026-11-20T10:00:{at}Z","message":"m"}}}}"#)
        };
        let found = format!(r#"{{"took":1,"hits":{{"total":2,"hits":[{},{}]}}}}"#, hit("41"), hit("40"));
        assert_eq!(read(&found), format!("{}\n{}\n", hit("40"), hit("41")));
        let journal = "{\n\t\"__REALTIME_TIMESTAMP\" : \"1795168840123000\",\n\t\"MESSAGE\" : [\n\t\t104,\n\t\t105\n\t]\n}\n";
        assert_eq!(read(&journal.repeat(3)).lines().count(), 3);
    }

    #[test]
    fn what_is_no_answer_stays_as_it_is() {
        for text in [
            "",
            "[",
            "[ {",
            "[ { remoteJid: 'x' } ]\nBad MAC\n",
            "[{\"a\":1}, 2]\n",
            "{\"events\":[1]}\nready\n",
            "{\"msg\":\"the \\\"hits\\\" are\"}\n{\"msg\":\"y\"}\n",
            "{\"data\":{\"resultType\":\"matrix\",\"result\":[{\"values\":[[1,\"2\"]]}]}}\n",
            "{\"data\":{\"resultType\":\"streams\",\"result\":[{\"values\":[[\"1\",\"cut o",
        ] {
            assert_eq!(read(text), text);
        }
        let cut = format!("{{\"events\":[{{\"message\":\"{}\"}}]}}\nrest\n", "x".repeat(HEAD as usize));
        assert_eq!(read(&cut).lines().last(), Some("rest"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"[\[{]{0,2}("(events|hits|data|result|values|_source)":[\[{]{1,2}|"x"|1|,|[\]}]){0,9}"#) {
            let _ = read(&text);
        }
    }
}
