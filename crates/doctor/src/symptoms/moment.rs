//! When a line was written: the time that it begins with, in the spellings that loggers use.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::{Captures, Regex, RegexBuilder};
use wakeeper_model::time::{Written, year};

use crate::json::{Kind, Value};

/// A time stands within so many bytes of a line's beginning.
const WITHIN: usize = 120;
/// A line without a year is at most so much younger than the present: clocks differ.
const AHEAD_MS: i64 = 24 * 3600 * 1000;

/// A moment that a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Milliseconds since 1970.
    pub(super) at_ms: i64,
    /// The line says which zone it is in; otherwise UTC is assumed.
    pub(super) has_zone: bool,
}

impl Moment {
    /// The one that is surer: a time with a zone before one without.
    pub(super) fn surer(inner: Option<Self>, outer: Option<Self>) -> Option<Self> {
        match (inner, outer) {
            (Some(inner), Some(outer)) => Some(if outer.has_zone && !inner.has_zone { outer } else { inner }),
            (inner, outer) => inner.or(outer),
        }
    }
}

const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

/// Patterns of one spelling each; the names of the groups say what is what.
const SPELLINGS: &[&str] = &[
    // 2026-11-20T10:00:40.123-03:00, 2026-11-20 10:00:40,123 +0000, 2026/11/20 10:00:40
    r"\b(?P<y>[12]\d{3})[-/](?P<m>\d\d)[-/](?P<d>\d\d)(?:[Tt]|,? )(?P<h>\d\d):(?P<i>\d\d)(?::(?P<s>\d\d)(?:[.,](?P<f>\d+))?)?<Z>",
    // 20261120T100040Z, the short form of ISO 8601; without a zone it may be any number
    r"\b(?P<y>[12]\d{3})(?P<m>\d\d)(?P<d>\d\d)[Tt](?P<h>\d\d)(?P<i>\d\d)(?P<s>\d\d)(?:[.,](?P<f>\d+))?<Z>{1}",
    // Thu Nov 20 2026 10:00:40 GMT-0300, Nov 20, 2026 10:00:40
    r"\b(?P<n>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +(?P<d>\d{1,2}),? (?P<y>[12]\d{3}),? (?P<h>\d\d):(?P<i>\d\d):(?P<s>\d\d)(?:\.(?P<f>\d+))?<Z>",
    // Nov 20 10:00:40, as journald and syslog write it
    r"\b(?P<n>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +(?P<d>\d{1,2}) (?P<h>\d\d):(?P<i>\d\d):(?P<s>\d\d)(?:\.(?P<f>\d+))?",
    // 20/Nov/2026:10:00:40 +0000
    r"\b(?P<d>\d{1,2})/(?P<n>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/(?P<y>[12]\d{3}):(?P<h>\d\d):(?P<i>\d\d):(?P<s>\d\d)<Z>",
    // 11/20/2026, 10:00:40 AM: with AM and PM the month comes first
    r"\b(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>[12]\d{3}), (?P<h>\d{1,2}):(?P<i>\d\d):(?P<s>\d\d) (?P<p>[AP]M)\b<Z>",
    // 20/11/2026, 10:00:40 and 11/20/2026 10:00:40: see `day_and_month`
    r"\b(?P<a>\d{1,2})/(?P<b>\d{1,2})/(?P<y>[12]\d{3})(?P<c>,)? (?P<h>\d{1,2}):(?P<i>\d\d):(?P<s>\d\d)\b<Z>",
    // 20.11.2026 10:00:40, 20.11.2026, 10:00:40
    r"\b(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>[12]\d{3}),? (?P<h>\d{1,2}):(?P<i>\d\d):(?P<s>\d\d)\b<Z>",
    // Fri, 20 Nov 2026 10:00:40 GMT
    r"\b(?P<d>\d{1,2}) (?P<n>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (?P<y>[12]\d{3}) (?P<h>\d\d):(?P<i>\d\d):(?P<s>\d\d)<Z>",
];

/// A zone, in every form of ISO 8601 (`Z`, `+02`, `-0300`, `+05:30`, with a hyphen or a minus sign) and as JavaScript and HTTP
/// write it (`GMT`, `GMT-0300`). It stands in the patterns above as `<Z>`; `<Z>{1}` must be there.
const ZONE: &str = r"(?: ?(?P<z>[Zz]|(?:UTC|GMT)?(?:[+-]|\xe2\x88\x92)\d\d(?::?\d\d(?::?\d\d)?)?|UTC|GMT)\b)";

/// Milliseconds, nanoseconds or seconds since 1970 at the very beginning: CloudWatch's CSV, old pino-pretty, Loki's exports.
const EPOCH: &str = r#"^[\["(]?(?P<e>1\d{12}(?:\d{6})?)(?P<end>[\]")]? ?[,\s:])|^[\["(]?(?P<e2>1\d{9}\.\d{1,9})(?P<end2>[\]")]? ?[,\s:])"#;

static SPELLED: LazyLock<Vec<Regex>> =
    LazyLock::new(|| SPELLINGS.iter().filter_map(|pattern| compiled(pattern)).collect());
static COUNTED: LazyLock<Option<Regex>> = LazyLock::new(|| compiled(EPOCH));

fn compiled(pattern: &str) -> Option<Regex> {
    let required = pattern.replace("<Z>{1}", ZONE);
    RegexBuilder::new(&required.replace("<Z>", &format!("{ZONE}?"))).unicode(false).build().ok()
}

/// The time near a line's beginning, and where it stands. `now_ms` tells the year where the line does not.
pub(super) fn find(line: &[u8], now_ms: Option<i64>) -> Option<(Moment, Range<usize>)> {
    let head = &line[..line.len().min(WITHIN)];
    // Most lines of a bad night hold no digit here.
    if !head.iter().take(48).any(u8::is_ascii_digit) {
        return None;
    }
    if let Some(found) = COUNTED.as_ref().and_then(|epoch| epoch.captures(head)) {
        let digits = found.name("e").or_else(|| found.name("e2"))?;
        return Some((since_1970(std::str::from_utf8(digits.as_bytes()).ok()?)?, digits.range()));
    }
    memchr::memchr3(b':', b'T', b't', head)?;
    let found = SPELLED.iter().filter_map(|spelling| {
        let found = spelling.captures(head)?;
        Some((spelled(&found, now_ms)?, found.get(0)?.range()))
    });
    // The spelling with a year before the one without, at the same place.
    found.min_by_key(|(_, range)| range.start)
}

fn spelled(found: &Captures<'_>, now_ms: Option<i64>) -> Option<Moment> {
    let number =
        |name| -> Option<i16> { std::str::from_utf8(found.name(name)?.as_bytes()).ok()?.parse().ok() };
    let (day, month) = match (number("a"), number("b"), found.name("n")) {
        (Some(first), Some(second), _) => day_and_month(first, second, found.name("c").is_some())?,
        (.., Some(name)) => {
            let month = MONTHS.chunks(3).position(|month| month == name.as_bytes())? + 1;
            (number("d")?, i16::try_from(month).ok()?)
        }
        _ => (number("d")?, number("m")?),
    };
    let hour = match (found.name("p").map(|half| half.as_bytes()[0]), number("h")?) {
        (Some(b'P'), hour @ 1..=12) => hour % 12 + 12,
        (Some(_), hour @ 1..=12) => hour % 12,
        (Some(_), _) => return None,
        (None, hour) => hour,
    };
    let zone = found.name("z").map(|zone| zone.as_bytes());
    let written = Written {
        year: number("y").or_else(|| now_ms.map(year))?,
        month: i8::try_from(month).ok()?,
        day: i8::try_from(day).ok()?,
        clock: [hour, number("i")?, if found.name("s").is_some() { number("s")? } else { 0 }]
            .map(|part| i8::try_from(part).unwrap_or(-1)),
        millis: found.name("f").map_or(0, |digits| millis(digits.as_bytes())),
        ahead: zone.map_or(Some(0), minutes_ahead)?,
    };
    let mut at_ms = written.ms()?;
    if let (None, Some(now_ms)) = (found.name("y"), now_ms)
        && at_ms > now_ms.saturating_add(AHEAD_MS)
    {
        at_ms = Written { year: written.year - 1, ..written }.ms()?;
    }
    Some(Moment { at_ms, has_zone: zone.is_some() })
}

/// Which of two numbers is the day. With a comma, as `toLocaleString` writes it, and without AM or PM, the day comes first;
/// without one either may, and only a number above 12 tells.
fn day_and_month(first: i16, second: i16, comma: bool) -> Option<(i16, i16)> {
    match (first > 12, second > 12, comma) {
        (true, ..) | (false, false, true) => Some((first, second)),
        (false, true, _) => Some((second, first)),
        (false, false, false) => None,
    }
}

/// The first three digits of a fraction.
fn millis(digits: &[u8]) -> i64 {
    (0..3).fold(0, |sum, at| sum * 10 + i64::from(digits.get(at).map_or(0, |digit| digit - b'0')))
}

/// Minutes of `Z`, `+02`, `-0300`, `GMT-0300` or `+05:30`; the minus sign of Unicode begins with 0xe2.
fn minutes_ahead(zone: &[u8]) -> Option<i32> {
    let Some(sign) = zone.iter().position(|byte| matches!(byte, b'+' | b'-' | 0xe2)) else { return Some(0) };
    let digits: Vec<i32> =
        zone[sign..].iter().filter(|byte| byte.is_ascii_digit()).map(|byte| i32::from(byte - b'0')).collect();
    let two = |at: usize| digits.get(at).zip(digits.get(at + 1)).map_or(0, |(tens, ones)| tens * 10 + ones);
    let minutes = two(0) * 60 + two(2);
    (minutes <= 18 * 60).then_some(if zone[sign] == b'+' { minutes } else { -minutes })
}

/// A number of seconds, milliseconds, microseconds or nanoseconds since 1970: the size tells which.
fn since_1970(digits: &str) -> Option<Moment> {
    let number: f64 = digits.parse().ok()?;
    let ms = match number {
        1e8..1e11 => number * 1e3,
        1e11..1e14 => number,
        1e14..1e17 => number / 1e3,
        1e17..1e20 => number / 1e6,
        _ => return None,
    };
    Some(Moment { at_ms: ms as i64, has_zone: true })
}

/// The time that a JSON line tells, under any of the names that loggers give it.
pub(super) fn of_json(value: &Value<'_>, now_ms: Option<i64>) -> Option<Moment> {
    const NAMES: &[&str] =
        &["time", "timestamp", "@timestamp", "ts", "date", "ISODATE", "TimeGenerated", "receiveTimestamp"];
    NAMES.iter().filter_map(|name| value.get(name)).find_map(|value| of_value(value, now_ms))
}

/// A time as a JSON number or text.
pub(super) fn of_value(value: &Value<'_>, now_ms: Option<i64>) -> Option<Moment> {
    match &value.kind {
        Kind::Number(digits) => since_1970(digits),
        Kind::String(text) if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
            since_1970(text)
        }
        Kind::String(text) => find(text.as_bytes(), now_ms).map(|(moment, _)| moment),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: i64 = 1_795_168_840_123;

    fn at(line: &str) -> Option<(i64, bool)> {
        // The first of January 2027.
        find(line.as_bytes(), Some(1_798_761_600_000)).map(|(found, _)| (found.at_ms, found.has_zone))
    }

    #[test]
    fn every_spelling_is_the_same_moment() {
        for line in [
            "2026-11-20T10:00:40.123456789Z Failed",
            "2026-11-20T07:00:40.123-03:00 Failed",
            "[2026-11-20T10:00:40.123Z] Failed",
            "[2026-11-20 10:00:40.123 +0000] ERROR (7): failed",
            "2026-11-20 15:30:40,123+0530 failed",
            "2026-11-20T12:00:40.123+02 failed",
            "whatsapp-1  | 2026-11-20T10:00:40.123456789Z Failed",
            "1795168840123 failed",
            "[1795168840123] INFO (7 on host): failed",
            "\"1795168840123\",\"failed\"",
            "1795168840.123 failed",
            "2026-11-20t10:00:40.123z failed",
            "20261120T100040.123Z failed",
            "20261120T070040,123-0300 failed",
            "2026-11-20T07:00:40.123\u{2212}03:00 failed",
            "2026-11-20 10:00:40.1234567891 +00:00 failed",
            "2026-11-20T15:30:40.123 +05:30 failed",
            "Nov 20, 2026 12:00:40.123 +02:00 failed",
            "1795168840123000000\tfailed",
            "Thu Nov 20 2026 07:00:40.123 GMT-0300 (Brasilia) failed",
        ] {
            assert_eq!(at(line), Some((AT, true)), "{line}");
        }
        for (line, off) in [
            ("2026-11-20 10:00:40.123 failed", 0),
            ("2026/11/20 10:00:40,123: failed", 0),
            ("Nov 20 10:00:40 host node[12]: failed", -123),
            ("[Nest] 7  - 11/20/2026, 10:00:40 AM   ERROR failed", -123),
            ("[Nest] 7  - 11/20/2026, 12:00:40 PM   ERROR failed", 7_200_000 - 123),
        ] {
            assert_eq!(at(line), Some((AT + off, false)), "{line}");
        }
        for line in [
            "20/11/2026, 10:00:40 failed",
            "[20/11/2026 10:00:40] failed",
            "[11/20/2026 10:00:40] failed",
            "20.11.2026 10:00:40 failed",
            "[20.11.2026, 10:00:40] failed",
        ] {
            assert_eq!(at(line), Some((AT - 123, false)), "{line}");
        }
        for line in [
            "Fri, 20 Nov 2026 10:00:40 GMT failed",
            "2026-11-20T10:00:40Z failed",
            "[2026-11-20T10:00:40Z] failed",
            "2026-11-20T10:00:40+00:00: failed",
            "2026-11-20 07:00:40-03 failed",
            "20.11.2026 11:00:40 +0100 failed",
            "20/11/2026, 11:00:40 +01:00 failed",
            "11/20/2026, 11:00:40 AM +0100 failed",
            "127.0.0.1 - - [20/Nov/2026:11:00:40 +01:00] GET",
        ] {
            assert_eq!(at(line), Some((AT - 123, true)), "{line}");
        }
        assert_eq!(at("2026-11-20T10:00Z failed"), Some((AT - 40_123, true)));
        assert_eq!(at("2026-11-20 10:00:40 +5511900000002 failed"), Some((AT - 123, false)), "a number");
        // The fifth of June in most places.
        assert_eq!(at("05/06/2026, 10:00:40 x"), at("2026-06-05 10:00:40 x"));
        assert_eq!(at("127.0.0.1 - - [20/Nov/2026:10:00:40 +0000] GET"), Some((AT - 123, true)));
    }

    #[test]
    fn a_line_without_a_year_is_of_the_last_twelve_months() {
        let of = |now_ms| find(b"Nov 20 10:00:40 host node[1]: x", now_ms).map(|(found, _)| found.at_ms);
        assert_eq!(of(Some(AT)), Some(AT - 123));
        assert_eq!(of(Some(AT - 40 * 24 * 3600 * 1000)), Some(AT - 123 - 365 * 24 * 3600 * 1000));
        assert_eq!(of(None), None);
    }

    #[test]
    fn nonsense_is_no_time() {
        for line in [
            "",
            "Session error:Error: Bad MAC",
            "2026-13-20T10:00:40Z x",
            "2026-11-31T10:00:40Z x",
            "2026-11-20T25:00:40Z x",
            "2026-11-20T10:00:40+19:00 x",
            "[10:00:40.123] ERROR (7): x",
            "5511900000002:3@s.whatsapp.net",
            "11/20/2026, 99:00:40 AM x",
            "[05/06/2026 10:00:40] x",
            "backup web-20261120T100040123Z.tar.zst",
            "20261120T100040 x",
            "20.13.2026 10:00:40 x",
        ] {
            assert_eq!(at(line), None, "{line}");
        }
    }

    #[test]
    fn json_tells_it_as_number_or_text() {
        for text in [
            r#"{"time":1795168840123}"#,
            r#"{"time":"2026-11-20T10:00:40.123Z"}"#,
            r#"{"timestamp":"1795168840123"}"#,
            r#"{"ts":1795168840.123}"#,
            r#"{"@timestamp":"2026-11-20T07:00:40.123-0300"}"#,
            r#"{"time":1795168840123000000}"#,
        ] {
            let value = crate::json::parse(text.as_bytes()).unwrap();
            let found = of_json(&value, None).unwrap();
            assert!((found.at_ms - AT).abs() <= 1 && found.has_zone, "{text}: {found:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(line in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = find(&line, Some(AT));
        }
    }
}
