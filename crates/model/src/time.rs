//! Moments of the Gregorian calendar as text, in UTC. Numbers are milliseconds or nanoseconds since 1970.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// The stamp of a moment in file names, which sorts: `20260131T235959123Z`.
pub fn stamp(ms: i64) -> String {
    let (at, milli) = (at(i128::from(ms) * 1_000_000), ms.rem_euclid(1000));
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}{milli:03}Z",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// The moment of a [`stamp`], milliseconds since 1970; `None` when it is none.
pub fn parse_stamp(text: &str) -> Option<i64> {
    let shape = text.len() == 19 && text.as_bytes()[8] == b'T' && text.ends_with('Z');
    if !shape || !text.bytes().enumerate().all(|(i, b)| i == 8 || i == 18 || b.is_ascii_digit()) {
        return None;
    }
    let date = [&text[0..4], &text[4..6], &text[6..8]];
    let time = [&text[9..11], &text[11..13], &text[13..15]];
    utc_ms(date, time, text[15..18].parse().ok()?)
}

/// `2026-11-25T03:10:52.067Z` of nanoseconds since 1970.
pub fn rfc3339(ns: i64) -> String {
    let (at, milli) = (at(i128::from(ns)), ns.rem_euclid(1_000_000_000) / 1_000_000);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{milli:03}Z",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// Nanoseconds since 1970 of a time such as `2026-11-25T03:10:52.067726754Z`, in UTC or with an offset; `None` when it is
/// none. Docker writes year 1 for "never", which is none either.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    // The library reads other ways of writing a time as well.
    let is_dated =
        text.get(4..5) == Some("-") && text.get(7..8) == Some("-") && text.get(10..11) == Some("T");
    if !is_dated {
        return None;
    }
    let at: Timestamp = text.parse().ok()?;
    if at < Timestamp::UNIX_EPOCH {
        return None;
    }
    i64::try_from(at.as_nanosecond()).ok()
}

/// The time that a log line begins with, in UTC, milliseconds since 1970. Docker puts it there with `--timestamps`.
pub fn of_line(line: &str) -> Option<i64> {
    let (date, rest) = line.get(..19)?.split_once('T')?;
    let digits = |text: &str, len: usize| text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
    let (date, time) = (three(date, '-')?, three(rest, ':')?);
    let is_shaped = digits(date[0], 4)
        && [date[1], date[2], time[0], time[1], time[2]].iter().all(|part| digits(part, 2));
    if !is_shaped {
        return None;
    }
    // Any fraction is written with at least one digit; another zone than UTC is not understood.
    let tail = &line[19..line.find(' ').filter(|end| *end >= 20)?];
    let fraction = tail.strip_suffix('Z')?.strip_prefix('.').unwrap_or("0");
    let millis = format!("{fraction:0<3}");
    let millis = millis.get(..3).filter(|millis| digits(millis, 3))?.parse().ok()?;
    utc_ms(date, time, millis)
}

fn three(text: &str, separator: char) -> Option<[&str; 3]> {
    let mut parts = text.split(separator);
    Some([parts.next()?, parts.next()?, parts.next()?])
}

/// The parts of a moment as somebody wrote them.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    /// The year.
    pub year: i16,
    /// 1 to 12.
    pub month: i8,
    /// The day of the month.
    pub day: i8,
    /// Hour, minute, second.
    pub clock: [i8; 3],
    /// Milliseconds.
    pub millis: i64,
    /// Minutes that the clock is ahead of UTC.
    pub ahead: i32,
}

impl Written {
    /// Milliseconds since 1970; `None` when there is no such moment, or it lies before 1970.
    pub fn ms(&self) -> Option<i64> {
        let [hour, minute, second] = self.clock;
        let at = DateTime::new(self.year, self.month, self.day, hour, minute, second.min(59), 0).ok()?;
        let offset = Offset::from_seconds(self.ahead.checked_mul(60)?).ok()?;
        let ms = offset.to_timestamp(at).ok()?.as_millisecond() + self.millis;
        (ms >= 0).then_some(ms)
    }
}

/// The year, in UTC, of a moment in milliseconds since 1970.
pub fn year(ms: i64) -> i16 {
    at(i128::from(ms) * 1_000_000).year()
}

/// The calendar's date and time of a moment; the farthest there is where it has none.
fn at(ns: i128) -> DateTime {
    let farthest = if ns < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Offset::UTC.to_datetime(Timestamp::from_nanosecond(ns).unwrap_or(farthest))
}

fn utc_ms(date: [&str; 3], time: [&str; 3], millis: i64) -> Option<i64> {
    let part = |text: &str| text.parse::<i8>().ok();
    let at = DateTime::new(
        date[0].parse().ok()?,
        part(date[1])?,
        part(date[2])?,
        part(time[0])?,
        part(time[1])?,
        part(time[2])?,
        0,
    );
    let at = Offset::UTC.to_timestamp(at.ok()?).ok()?;
    Some(at.as_millisecond() + millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_the_calendar() {
        assert_eq!(stamp(0), "19700101T000000000Z");
        assert_eq!(stamp(951_782_399_999), "20000228T235959999Z");
        assert_eq!(stamp(951_782_400_000), "20000229T000000000Z");
        assert_eq!(stamp(1_780_000_000_123), "20260528T202640123Z");
        assert_eq!(stamp(-1), "19691231T235959999Z");
        for text in ["", "20260528T202640123", "2026052xT202640123Z", "20260528 202640123Z"] {
            assert_eq!(parse_stamp(text), None, "{text}");
        }
    }

    #[test]
    fn log_lines_begin_with_a_time_or_not() {
        assert_eq!(of_line("2026-05-28T20:26:40.123456789Z Session error"), Some(1_780_000_000_123));
        assert_eq!(of_line("2026-05-28T20:26:40Z x"), Some(1_780_000_000_000));
        for line in [
            "",
            "2026-05-28T20:26:40+02:00 x",
            "2026-05-28 20:26:40Z x",
            "Session error:Error: Bad MAC \u{e9}",
            "2026-05-28T20:26:40.\u{e9} Z x",
            "2026-05-28T20:26:40.\u{e9}\u{e9}Z x",
        ] {
            assert_eq!(of_line(line), None, "{line}");
        }
    }

    #[test]
    fn reads_what_engines_write() {
        assert_eq!(parse_rfc3339("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse_rfc3339("2000-02-29T12:30:15.5Z"), Some(951_827_415_500_000_000));
        let at = Some(1_795_576_252_067_726_754);
        for text in [
            "2026-11-25T03:10:52.067726754Z",
            "2026-11-25T04:10:52.067726754+01:00",
            "2026-11-24T22:10:52.067726754-05:00",
        ] {
            assert_eq!(parse_rfc3339(text), at, "{text}");
        }
    }

    #[test]
    fn never_and_nonsense_are_none() {
        for text in [
            "0001-01-01T00:00:00Z",
            "",
            "T",
            "2026-13-01T00:00:00Z",
            "2026-01-01T00:00:00",
            "20260101T000000Z",
            "a Bad MAC line",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_written_as_they_are_read() {
        for text in ["1970-01-01T00:00:00.000Z", "2000-02-29T12:30:15.500Z", "2026-11-25T03:10:52.067Z"] {
            assert_eq!(parse_rfc3339(text).map(rfc3339).as_deref(), Some(text));
        }
    }

    proptest::proptest! {
        #[test]
        fn there_and_back(ms in 0i64..4_000_000_000_000) {
            proptest::prop_assert_eq!(parse_stamp(&stamp(ms)), Some(ms));
        }
    }
}
