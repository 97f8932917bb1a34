//! Medians and their range, without means and deviations: a disturbed run is an outlier, and does not change the median.

use std::{fmt, time::Duration};

/// The same figure from several rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample(Vec<f64>);

impl FromIterator<f64> for Sample {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        let mut values: Vec<_> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }
}

/// A figure that was measured once.
impl From<f64> for Sample {
    fn from(value: f64) -> Self {
        std::iter::once(value).collect()
    }
}

impl Sample {
    /// Ratios of figures from the same round: a disturbance in a round affects both.
    pub(crate) fn ratios(ours: &[f64], theirs: &[f64]) -> Self {
        ours.iter().zip(theirs).map(|(our, their)| our / their).collect()
    }

    pub(crate) fn median(&self) -> f64 {
        let Self(values) = self;
        let middle = values.len() / 2;
        match values.len() {
            0 => f64::NAN,
            length if length % 2 == 1 => values[middle],
            _ => f64::midpoint(values[middle - 1], values[middle]),
        }
    }

    pub(crate) fn least(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn most(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }
}

/// The median, and the range of the rounds.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, least, most] = [self.median(), self.least(), self.most()].map(short);
        if self.0.len() < 2 {
            write!(f, "{median}")
        } else {
            write!(f, "{median} ({least} to {most})")
        }
    }
}

/// Three digits, because a measurement is not more exact; a number above 100 keeps all digits before the point.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "–".to_owned(),
        large if large >= 100.0 => thousands(value.round()),
        large if large >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// `12,345`.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let groups = digits.as_bytes().rchunks(3).rev();
    groups.map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}

/// The latencies of one run, sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl From<Vec<Duration>> for Latencies {
    fn from(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        Self(latencies)
    }
}

impl Latencies {
    /// In milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let index = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(index).map_or(f64::NAN, |latency| milliseconds(*latency))
    }

    /// In milliseconds.
    pub(crate) fn mean(&self) -> f64 {
        let sum: Duration = self.0.iter().sum();
        milliseconds(sum) / self.0.len() as f64
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
