//! Times as text: `20260131T235959123Z` in file names, sortable; `2026-01-31T23:59:59.123Z` at the start of log lines.

/// The stamp of a time, milliseconds since 1970.
pub fn of(ms: i64) -> String {
    let (days, rest) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let (hour, minute, second, milli) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60, rest % 1000);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}{milli:03}Z")
}

/// The time of a stamp, milliseconds since 1970.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let shape = text.len() == 19 && text.as_bytes()[8] == b'T' && text.ends_with('Z');
    let part = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    if !shape || !text.bytes().enumerate().all(|(i, b)| i == 8 || i == 18 || b.is_ascii_digit()) {
        return None;
    }
    let days = days(part(0..4)?, part(4..6)?, part(6..8)?);
    let seconds = part(9..11)? * 3600 + part(11..13)? * 60 + part(13..15)?;
    Some(days * 86_400_000 + seconds * 1000 + part(15..18)?)
}

/// The time that a log line begins with, in UTC, milliseconds since 1970. Docker puts it there with `--timestamps`.
pub(crate) fn of_line(line: &str) -> Option<i64> {
    let (date, rest) = line.get(..19)?.split_once('T')?;
    let digits = |text: &str, len: usize| {
        (text.len() == len && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<i64>().ok())?
    };
    let mut date = date.split('-');
    let days = days(digits(date.next()?, 4)?, digits(date.next()?, 2)?, digits(date.next()?, 2)?);
    let mut time = rest.split(':');
    let (hour, minute, second) =
        (digits(time.next()?, 2)?, digits(time.next()?, 2)?, digits(time.next()?, 2)?);
    // Any fraction is written with at least one digit; another zone than UTC is not understood.
    let tail = &line[19..line.find(' ').filter(|end| *end >= 20)?];
    let fraction = tail.strip_suffix('Z')?.strip_prefix('.').unwrap_or("0");
    let millis = digits(&format!("{fraction:0<3}")[..3], 3)?;
    Some(days * 86_400_000 + (hour * 3600 + minute * 60 + second) * 1000 + millis)
}

/// Year, month and day of a day number since 1970, in the Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Counting from 1 March of year 0 puts the leap day at the end of the year.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_the_calendar() {
        assert_eq!(of(0), "19700101T000000000Z");
        assert_eq!(of(951_782_399_999), "20000228T235959999Z");
        assert_eq!(of(951_782_400_000), "20000229T000000000Z");
        assert_eq!(of(1_780_000_000_123), "20260528T202640123Z");
        for text in ["", "20260528T202640123", "2026052xT202640123Z", "20260528 202640123Z"] {
            assert_eq!(parse(text), None, "{text}");
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
            "Session error:Error: Bad MAC é",
            "2026-05-28T20:26:40.é Z x",
        ] {
            assert_eq!(of_line(line), None, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn there_and_back(ms in 0i64..4_000_000_000_000) {
            proptest::prop_assert_eq!(parse(&of(ms)), Some(ms));
        }
    }
}
