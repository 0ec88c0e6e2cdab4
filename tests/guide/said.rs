//! What a command printed, and what a test expects of it.

use serde_json::Value;

/// How a command ended and what it printed.
#[derive(Debug)]
pub struct Said {
    pub command: String,
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    /// Fails unless the exit code is this one.
    #[track_caller]
    pub fn code(self, wanted: i32) -> Self {
        assert_eq!(self.code, Some(wanted), "{self}");
        self
    }

    /// Fails unless standard output holds this.
    #[track_caller]
    pub fn shows(self, text: &str) -> Self {
        assert!(self.out.contains(text), "not shown: {text:?}\n{self}");
        self
    }

    /// Fails if standard output holds this.
    #[track_caller]
    pub fn hides(self, text: &str) -> Self {
        assert!(!self.out.contains(text), "shown: {text:?}\n{self}");
        self
    }

    /// Fails unless standard error holds this.
    #[track_caller]
    pub fn complains(self, text: &str) -> Self {
        assert!(self.err.contains(text), "not said: {text:?}\n{self}");
        self
    }

    /// Fails unless one line, and only one, says what is wrong.
    #[track_caller]
    pub fn one_error(self) -> Self {
        let errors = self.err.lines().filter(|line| line.starts_with("error: ")).count();
        assert!(errors == 1 && !self.err.contains("panicked"), "one clear error is expected\n{self}");
        self
    }

    /// The JSON document that it printed, and nothing else.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("no JSON document: {error}\n{self}"))
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { command, code, out, err } = self;
        write!(to, "{command}\nended with {code:?}\n--- out\n{out}\n--- err\n{err}")
    }
}
