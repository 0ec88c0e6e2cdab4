//! Counting what went well and badly, and what is said of it at the end.

/// How many checks and tests went well and badly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
}

impl Tally {
    pub fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// Reads nextest's closing line, for example
    /// `Summary [  12.3s] 10 tests run: 8 passed (1 slow), 1 failed, 1 timed out, 0 skipped`.
    pub fn from_summary(line: &str) -> Option<Tally> {
        let counts = line.trim_start().strip_prefix("Summary [")?.split_once("run:")?.1;
        let count = |word: &str| {
            let before = counts.split(word).next().filter(|_| counts.contains(word))?;
            before.rsplit([' ', ',', '(']).find(|part| !part.is_empty())?.parse::<u64>().ok()
        };
        let failed = [" failed", " timed out", " exec failed"].iter().filter_map(|word| count(word)).sum();
        Some(Tally { passed: count(" passed").unwrap_or(0), failed })
    }
}

/// Which tests failed and with which words, to be said once more at the very end: where only the last lines of a run are
/// kept, they are the ones that matter.
#[derive(Debug, Default)]
pub struct Failures {
    lines: Vec<String>,
    /// How many more lines belong to the panic that was seen last.
    rest_of_panic: usize,
}

impl Failures {
    /// Lines that are kept of a panic: where it was, its message, and a good part of what it compared.
    const OF_PANIC: usize = 12;

    /// One that is no test's.
    pub fn note(&mut self, reason: String) {
        self.lines.push(reason);
    }

    /// Reads a line of nextest, which shows the output of failed tests only.
    pub fn read(&mut self, line: &str) {
        let text = line.trim_start();
        let starts_panic = text.starts_with("thread '") && text.contains(" panicked at ");
        let verdict = text.split(" [").next().unwrap_or_default();
        let is_failed =
            ["FAIL", "TIMEOUT", "ABORT", "SIGABRT", "SIGKILL", "SIGSEGV", "LEAK-FAIL"].iter().any(|word| {
                verdict
                    .strip_suffix(word)
                    .is_some_and(|before| before.is_empty() || before.starts_with("TRY "))
            });
        if starts_panic {
            self.rest_of_panic = Self::OF_PANIC;
        } else if text.starts_with("note: run with") || text == "stack backtrace:" {
            self.rest_of_panic = 0;
        }
        if self.rest_of_panic > 0 || is_failed {
            self.rest_of_panic = self.rest_of_panic.saturating_sub(1);
            // nextest names a test when it fails, and all of them again at its end.
            if !(is_failed && self.lines.iter().any(|told| told == text)) {
                self.lines.push(text.to_owned());
            }
        }
    }

    pub fn print(&self) {
        if !self.lines.is_empty() {
            println!("\n== what failed");
        }
        for line in &self.lines {
            println!("{}", line.chars().take(400).collect::<String>());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Failures, Tally};

    #[test]
    fn says_again_what_failed() {
        let mut failures = Failures::default();
        let failed = "        FAIL [   1.234s] (3/9) wakeeper-e2e::e2e care::by_number";
        let panic = "    thread 'care::by_number' (77) panicked at tests/e2e/care.rs:5:9:";
        for line in [
            "        PASS [   0.1s] (2/9) a::b c",
            failed,
            "  stderr ───",
            panic,
            "    left: 1",
            "    note: run with",
        ] {
            failures.read(line);
        }
        for line in ["     Summary [   2.0s] 9 tests run: 8 passed, 1 failed, 0 skipped", failed] {
            failures.read(line);
        }
        assert_eq!(failures.lines[0], failed.trim_start());
        assert_eq!(failures.lines[1..3], [panic.trim_start(), "left: 1"]);
        assert!(!failures.lines.iter().any(|line| line.starts_with("PASS") || line.starts_with("Summary")));
        assert_eq!(failures.lines.iter().filter(|line| line.starts_with("FAIL")).count(), 1, "{failures:?}");
    }

    #[test]
    fn reads_the_closing_line_of_a_run() {
        let line = "     Summary [  12.345s] 10 tests run: 7 passed (1 slow, 1 flaky), 2 failed, 1 timed out, 3 skipped";
        assert_eq!(Tally::from_summary(line), Some(Tally { passed: 7, failed: 3 }));
        let line = "     Summary [   0.012s] 1 test run: 1 passed, 0 skipped";
        assert_eq!(Tally::from_summary(line), Some(Tally { passed: 1, failed: 0 }));
        let line = "     Summary [   0.012s] 0 tests run: 0 passed, 0 skipped";
        assert_eq!(Tally::from_summary(line), Some(Tally { passed: 0, failed: 0 }));
    }

    #[test]
    fn other_lines_are_no_summary() {
        assert_eq!(Tally::from_summary("        PASS [   0.1s] wakeeper::Summary 3 passed"), None);
        assert_eq!(Tally::from_summary("3 passed, 0 failed"), None);
    }
}
