//! The judgement itself: what was seen, and what of it does not fit together. No input or output.

use std::fmt;

use wakeeper_engine_store::generation::Mark;
use wakeeper_storage::GenerationRow;

use super::progress::Progress;
use super::{Note, Witness};

/// Something that does not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The engine's database is older than the rows.
    EngineOlder,
    /// The engine's database carries no mark although this login ran here before.
    EngineUnmarked,
    /// The rows are older than the engine's database.
    RowsOlder,
    /// The rows know nothing of a login that ran before.
    RowsUnaware,
    /// The engine's database is another file than the one that ran last.
    EngineCopied,
    /// The database of rows is another file than the one that ran last.
    RowsCopied,
    /// The note beside the database is missing or is of another run.
    NoteUnfit,
    /// The database was changed since the session was stopped.
    ChangedSince,
    /// Files were written back while nothing ran.
    PutBack,
    /// The witness outside the folder saw this login go on.
    WentOn,
    /// WhatsApp's server has a pre-key that this copy never made.
    ServerAhead,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EngineOlder => "engine.db is older than wakeeper.db",
            Self::EngineUnmarked => "engine.db does not carry the mark of this login's last run",
            Self::RowsOlder => "wakeeper.db is older than engine.db",
            Self::RowsUnaware => "wakeeper.db knows nothing of this login's last run",
            Self::EngineCopied => "engine.db is a copy, not the file that ran last",
            Self::RowsCopied => "wakeeper.db is a copy, not the file that ran last",
            Self::NoteUnfit => "generation.json is missing or belongs to another run",
            Self::ChangedSince => "engine.db was changed since the session was stopped",
            Self::PutBack => "the session's files were written back while nothing ran",
            Self::WentOn => "this login went on elsewhere on this machine since",
            Self::ServerAhead => "WhatsApp has pre-keys of this login that this copy never made",
        })
    }
}

/// All doubts in one sentence; `None` without one.
pub fn sentence(doubts: &[Doubt]) -> Option<String> {
    let said: Vec<String> = doubts.iter().map(ToString::to_string).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// What was seen of a session at its start.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub login: String,
    pub mark: Option<Mark>,
    pub row: Option<GenerationRow>,
    pub note: Option<Note>,
    pub progress: Option<Progress>,
    pub witness: Option<Witness>,
    pub engine_file: Option<String>,
    pub rows_file: Option<String>,
    pub engine_changed: Option<String>,
    pub note_changed: Option<String>,
}

impl Seen {
    /// What does not fit together. Nothing is known of a login that never ran under a wakeeper that keeps marks: that is
    /// the first start after an update, or after an import, and no doubt.
    pub(super) fn doubts(&self) -> Vec<Doubt> {
        let row = self.row.as_ref().filter(|row| row.login == self.login);
        let note = self.note.as_ref().filter(|note| note.login == self.login);
        let mut doubts = match (&self.mark, row) {
            (None, None) => Vec::new(),
            (None, Some(_)) => vec![Doubt::EngineUnmarked],
            (Some(_), None) => vec![Doubt::RowsUnaware],
            (Some(mark), Some(row)) => self.compared(mark, row, note),
        };
        let writes = self.mark.as_ref().map_or(0, |mark| mark.writes);
        let run = self.mark.as_ref().map(|mark| mark.run.as_str());
        // The witness follows last: a start or a stop that was cut short leaves the word of the run before.
        let before =
            self.mark.as_ref().zip(row).filter(|(mark, row)| moved_on(mark, row)).map(|(_, row)| &*row.run);
        let known = |word: &str| Some(word) == run || Some(word) == before;
        if self.witness.as_ref().is_some_and(|seen| !known(&seen.run) || seen.writes > writes) {
            doubts.push(Doubt::WentOn);
        }
        doubts
    }

    fn compared(&self, mark: &Mark, row: &GenerationRow, note: Option<&Note>) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        // Written after both, so neither can be behind it.
        let came_to =
            self.progress.as_ref().filter(|progress| progress.run == mark.run).map_or(0, |seen| seen.writes);
        if row.run == mark.run && row.writes < came_to {
            doubts.push(Doubt::RowsOlder);
        }
        if mark.writes < row.writes.max(came_to) {
            doubts.push(Doubt::EngineOlder);
        } else if moved_on(mark, row) {
            // A start or a stop that was cut short. Rows of the same run that are behind are no doubt either: they follow within
            // seconds, and the engine, which has the ratchets, is the newer one.
        } else if mark.run != row.run {
            // Between stop and start the count stands still: then the note's run tells which of the two is the older one.
            let older = note.is_some_and(|note| note.run == row.run);
            doubts.push(if older { Doubt::EngineOlder } else { Doubt::RowsOlder });
        }
        let other = |known: &str, now: Option<&str>| now.unwrap_or_default() != known;
        if other(&row.engine_file, self.engine_file.as_deref()) {
            doubts.push(Doubt::EngineCopied);
        }
        if other(&row.rows_file, self.rows_file.as_deref()) {
            doubts.push(Doubt::RowsCopied);
        }
        if moved_on(mark, row) {
            let fits = match note {
                Some(note) => note.run == row.run || note.run == mark.run,
                None => row.run.is_empty(),
            };
            doubts.extend((!fits).then_some(Doubt::NoteUnfit));
            return doubts;
        }
        doubts.extend(
            match note.filter(|note| note.run == mark.run).map(|note| note.engine_changed.as_deref()) {
                None => Some(Doubt::NoteUnfit),
                Some(Some(changed)) => {
                    other(changed, self.engine_changed.as_deref()).then_some(Doubt::ChangedSince)
                }
                // It was killed: the note was last written at its start.
                Some(None) => other(&row.sealed, self.note_changed.as_deref()).then_some(Doubt::PutBack),
            },
        );
        doubts
    }
}

/// Whether the engine carries the word that the rows announced, and no more came of it.
fn moved_on(mark: &Mark, row: &GenerationRow) -> bool {
    row.run != mark.run && row.next.as_deref() == Some(mark.run.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: &str = "login";

    fn running() -> Seen {
        let text = |text: &str| Some(text.to_owned());
        Seen {
            login: LOGIN.to_owned(),
            mark: Some(Mark { run: "b".into(), writes: 70, written_s: 1000 }),
            row: Some(GenerationRow {
                session: "default".into(),
                login: LOGIN.into(),
                run: "b".into(),
                next: None,
                writes: 68,
                written_s: 998,
                engine_file: "e".into(),
                rows_file: "r".into(),
                sealed: "s".into(),
                renewals: 0,
                renewed_ms: None,
                renewed_because: None,
            }),
            note: Some(Note { run: "b".into(), login: LOGIN.into(), number: None, engine_changed: None }),
            progress: Some(Progress { run: "b".into(), writes: 68 }),
            witness: Some(Witness { run: "b".into(), writes: 68 }),
            engine_file: text("e"),
            rows_file: text("r"),
            engine_changed: text("c"),
            note_changed: text("s"),
        }
    }

    fn changed(change: impl FnOnce(&mut Seen)) -> Vec<Doubt> {
        let mut seen = running();
        change(&mut seen);
        seen.doubts()
    }

    #[test]
    fn a_restart_and_a_first_start_are_no_doubt() {
        assert_eq!(running().doubts(), []);
        let stopped = |seen: &mut Seen| seen.note.as_mut().unwrap().engine_changed = Some("c".into());
        assert_eq!(changed(stopped), []);
        assert_eq!(Seen { login: LOGIN.into(), ..Seen::default() }.doubts(), []);
        let other_login = |seen: &mut Seen| {
            seen.mark = None;
            seen.witness = None;
            seen.login = "another".into();
        };
        assert_eq!(changed(other_login), [], "a new login under the old name");
    }

    #[test]
    fn each_part_that_was_put_back_alone_is_seen() {
        let mark = |run: &str, writes| Mark { run: run.into(), writes, written_s: 10 };
        assert_eq!(
            changed(|seen| seen.mark = Some(mark("a", 5))),
            [Doubt::EngineOlder, Doubt::NoteUnfit, Doubt::WentOn]
        );
        assert_eq!(changed(|seen| seen.mark = Some(mark("b", 5))), [Doubt::EngineOlder, Doubt::WentOn]);
        assert_eq!(changed(|seen| seen.mark = None), [Doubt::EngineUnmarked, Doubt::WentOn]);
        assert_eq!(changed(|seen| seen.row.as_mut().unwrap().run = "a".into()), [Doubt::RowsOlder]);
        assert_eq!(changed(|seen| seen.row = None), [Doubt::RowsUnaware]);
        assert_eq!(changed(|seen| seen.note = None), [Doubt::NoteUnfit]);
    }

    #[test]
    fn databases_that_fell_back_within_a_run_are_behind_its_progress() {
        let mark = |writes| Some(Mark { run: "b".into(), writes, written_s: 10 });
        let progress = |writes| Some(Progress { run: "b".into(), writes });
        // Both lost the log beside them.
        let both = changed(|seen| {
            seen.mark = mark(5);
            seen.row.as_mut().unwrap().writes = 4;
            seen.witness = None;
        });
        assert_eq!(both, [Doubt::RowsOlder, Doubt::EngineOlder]);
        // The rows alone did.
        assert_eq!(changed(|seen| seen.row.as_mut().unwrap().writes = 4), [Doubt::RowsOlder]);
        // Killed between the rows and the progress, and after a power cut that lost the progress.
        for came_to in [None, progress(0), progress(60)] {
            assert_eq!(changed(|seen| seen.progress = came_to), []);
        }
        let other_run = |seen: &mut Seen| seen.progress = Some(Progress { run: "a".into(), writes: 900 });
        assert_eq!(changed(other_run), []);
    }

    #[test]
    fn a_start_or_a_stop_that_was_cut_short_is_no_doubt() {
        // The rows announced "b"; the engine has it, and the rest may or may not.
        let announced = |note: Option<&str>, witness: &str| {
            changed(|seen| {
                let row = seen.row.as_mut().unwrap();
                (row.run, row.next, row.sealed) = ("a".into(), Some("b".into()), "before".into());
                match note {
                    Some(run) => seen.note.as_mut().unwrap().run = run.into(),
                    None => seen.note = None,
                }
                seen.witness.as_mut().unwrap().run = witness.into();
            })
        };
        assert_eq!(announced(Some("a"), "a"), []);
        assert_eq!(announced(Some("b"), "a"), []);
        assert_eq!(announced(Some("c"), "a"), [Doubt::NoteUnfit]);
        assert_eq!(announced(None, "a"), [Doubt::NoteUnfit]);
        assert_eq!(announced(Some("a"), "c"), [Doubt::WentOn]);
        // An engine of before that: the announced word never got there.
        let not_yet = changed(|seen| seen.row.as_mut().unwrap().next = Some("c".into()));
        assert_eq!(not_yet, []);
    }

    #[test]
    fn a_whole_folder_is_told_by_its_files_and_by_the_witness() {
        assert_eq!(changed(|seen| seen.engine_file = Some("copy".into())), [Doubt::EngineCopied]);
        assert_eq!(changed(|seen| seen.rows_file = Some("copy".into())), [Doubt::RowsCopied]);
        assert_eq!(changed(|seen| seen.note_changed = Some("later".into())), [Doubt::PutBack]);
        let stopped = |seen: &mut Seen| seen.note.as_mut().unwrap().engine_changed = Some("earlier".into());
        assert_eq!(changed(stopped), [Doubt::ChangedSince]);
        assert_eq!(changed(|seen| seen.witness.as_mut().unwrap().writes = 150), [Doubt::WentOn]);
        assert_eq!(changed(|seen| seen.witness.as_mut().unwrap().run = "c".into()), [Doubt::WentOn]);
    }
}
