//! Times as the engine writes them: RFC 3339 with up to nine decimals, in UTC or with an offset.

const NANOS: i64 = 1_000_000_000;

/// Nanoseconds since 1970 of a time such as `2026-11-25T03:10:52.067726754Z`; `None` when it is none.
/// Docker writes year 1 for "never", which is none either.
pub fn parse(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once('T')?;
    let mut date = date.splitn(3, '-');
    let year: i64 = date.next()?.parse().ok()?;
    let month: i64 = date.next()?.parse().ok().filter(|month| (1..=12).contains(month))?;
    let day: i64 = date.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let (clock, offset) = split_offset(rest)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut clock = clock.splitn(3, ':');
    let mut part = |limit: i64| clock.next()?.parse::<i64>().ok().filter(|value| (0..=limit).contains(value));
    let (hour, minute, second) = (part(23)?, part(59)?, part(60)?);
    if year < 1970 {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    seconds.checked_mul(NANOS)?.checked_add(nanos(fraction)?)
}

/// The clock part and the offset in seconds east of UTC.
fn split_offset(rest: &str) -> Option<(&str, i64)> {
    if let Some(clock) = rest.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let at = rest.rfind(['+', '-'])?;
    let (clock, offset) = rest.split_at(at);
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let seconds = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
    Some((clock, sign * seconds))
}

fn nanos(fraction: &str) -> Option<i64> {
    if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    format!("{fraction:0<9}").parse().ok()
}

/// Days from 1970-01-01 in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Counted from March, so that the leap day is a year's last.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_engines_write() {
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse("2000-02-29T12:30:15.5Z"), Some(951_827_415_500_000_000));
        assert_eq!(parse("2026-11-25T03:10:52.067726754Z"), Some(1_795_576_252_067_726_754));
        assert_eq!(parse("2026-11-25T04:10:52.067726754+01:00"), Some(1_795_576_252_067_726_754));
        assert_eq!(parse("2026-11-24T22:10:52.067726754-05:00"), Some(1_795_576_252_067_726_754));
    }

    #[test]
    fn never_and_nonsense_are_none() {
        for text in
            ["0001-01-01T00:00:00Z", "", "T", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "a Bad MAC line"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
