//! How times and durations are written.

use std::time::Duration;

use time::{
    OffsetDateTime, format_description::StaticFormatDescription, macros::format_description,
};

const DATE_AND_TIME: StaticFormatDescription =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");

const TIME_OF_DAY: StaticFormatDescription = format_description!("[hour]:[minute]:[second]");

/// Such as `2026-11-21 08:49:37`, in UTC.
pub(crate) fn date_and_time(at: OffsetDateTime) -> String {
    at.format(DATE_AND_TIME).unwrap_or_else(|_| at.to_string())
}

/// Such as `08:49:37`, in UTC.
pub(crate) fn time_of_day(at: OffsetDateTime) -> String {
    at.format(TIME_OF_DAY).unwrap_or_else(|_| at.to_string())
}

/// Such as `Sat, 21 Nov 2026 08:49:37 GMT`, of a year of four digits. By hand, for a list has fifty.
/// <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7>
pub(crate) fn http_date(at: OffsetDateTime) -> [u8; 29] {
    const WEEKDAYS: [&[u8; 3]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
    const MONTHS: [&[u8; 3]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second) = at.to_hms();
    let digits = |number: u8| [b'0' + number / 10, b'0' + number % 10];
    let year = u16::try_from(year).unwrap_or_default();
    let mut date = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    date[..3].copy_from_slice(WEEKDAYS[usize::from(at.weekday().number_days_from_monday())]);
    date[8..11].copy_from_slice(MONTHS[usize::from(u8::from(month)) - 1]);
    let (first, last) = ((year / 100) as u8, (year % 100) as u8);
    for (at, number) in [(5, day), (12, first), (14, last), (17, hour), (20, minute), (23, second)]
    {
        date[at..at + 2].copy_from_slice(&digits(number));
    }
    date
}

/// Such as `1.2 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// Such as `3.4 ms`.
pub(crate) fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_date_is_written_as_http_writes_it() {
        // Each a prime number of seconds on: all weekdays, months and leap years.
        for seconds in (0..4_200_000_000).step_by(99_991) {
            let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
            let expected = httpdate::fmt_http_date(SystemTime::from(at));
            assert_eq!(str::from_utf8(&http_date(at)).unwrap(), expected);
        }
    }
}
