//! A key of a Signal session has the wrong length, or is not a point of the curve.
//!
//! The text was altered. Messages of that session give `Bad MAC`, or the record does not load at all. Archived
//! entries are dropped; when the open one is broken the file is removed and the next message negotiates anew.

use super::SessionRecord;
use super::signal_session_incomplete::by_problem;
use crate::finding::{Code, Finding};
use crate::formats::baileys::field::Problem;

pub(crate) const CODE: Code = Code("signal_session_key_invalid");

pub(crate) fn detect(session: &SessionRecord<'_>) -> Option<Finding> {
    by_problem(session, CODE, |problem| matches!(problem, Problem::Length { .. } | Problem::NotAKey))
}
