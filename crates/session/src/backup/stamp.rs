//! Times in file names: `20260131T235959123Z`, sortable as text.

/// The stamp of a time, milliseconds since 1970.
pub(super) fn of(ms: i64) -> String {
    let (days, rest) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let (hour, minute, second, milli) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60, rest % 1000);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}{milli:03}Z")
}

/// The time of a stamp, milliseconds since 1970.
pub(super) fn parse(text: &str) -> Option<i64> {
    let shape = text.len() == 19 && text.as_bytes()[8] == b'T' && text.ends_with('Z');
    let part = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    if !shape || !text.bytes().enumerate().all(|(i, b)| i == 8 || i == 18 || b.is_ascii_digit()) {
        return None;
    }
    let days = days(part(0..4)?, part(4..6)?, part(6..8)?);
    let seconds = part(9..11)? * 3600 + part(11..13)? * 60 + part(13..15)?;
    Some(days * 86_400_000 + seconds * 1000 + part(15..18)?)
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

    proptest::proptest! {
        #[test]
        fn there_and_back(ms in 0i64..4_000_000_000_000) {
            proptest::prop_assert_eq!(parse(&of(ms)), Some(ms));
        }
    }
}
