//! What was measured, as numbers with names.

use serde::{Deserialize, Serialize};

/// The contender that others are compared with.
pub const LIMIT: &str = "bare";
/// What is compared with it.
pub const RATE: &str = "per second";

/// One row of a table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figure {
    /// The table: what was done.
    pub case: String,
    /// Who did it.
    pub contender: String,
    /// What it took: name with unit, number.
    pub values: Vec<(String, f64)>,
    /// What must be known about this row.
    pub notes: Vec<String>,
}

impl Figure {
    /// A row without numbers.
    pub fn new(case: &str, contender: &str) -> Self {
        Self { case: case.to_owned(), contender: contender.to_owned(), values: Vec::new(), notes: Vec::new() }
    }

    /// With one more number.
    pub fn with(mut self, name: &str, number: f64) -> Self {
        self.values.push((name.to_owned(), number));
        self
    }

    /// A number by its name.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(own, _)| own == name).map(|(_, number)| *number)
    }
}

/// The one in the middle; 0 of nothing.
pub fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    quantile(&sorted(numbers), 0.5)
}

/// In order.
pub fn sorted(numbers: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut all: Vec<f64> = numbers.into_iter().collect();
    all.sort_by(f64::total_cmp);
    all
}

/// The smallest of sorted numbers that so great a share does not exceed; 0 of nothing.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numbers_that_were_measured() {
        let all = sorted([3.0, 1.0, 2.0, 4.0]);
        let found = [quantile(&all, 0.5), quantile(&all, 0.99), median([5.0]), median([])];
        assert_eq!(found.map(|number| number.to_string()), ["2", "4", "5", "0"]);
    }
}
