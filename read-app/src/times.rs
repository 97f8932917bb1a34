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

/// The time of day, and the date too where that is not today's.
pub(crate) fn moment(at: OffsetDateTime, now: OffsetDateTime) -> String {
    if at.date() == now.date() { time_of_day(at) } else { date_and_time(at) }
}

/// Such as `1.2 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// Such as `3.4 ms`.
pub(crate) fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}
