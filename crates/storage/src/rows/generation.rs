/// What a session's databases looked like when they were last seen together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerationRow {
    /// The session.
    pub session: String,
    /// Which login it is: a mark of its identity key.
    pub login: String,
    /// Chosen at random at every start and every stop; the engine's database carries the same word.
    pub run: String,
    /// The word of the run that is about to begin. Written before the engine's database carries it, so that a start or a
    /// stop that is cut short is not taken for an older copy.
    pub next: Option<String>,
    /// How often the engine's database had changed a ratchet when it was last looked at.
    pub writes: i64,
    /// When the last of these changes was made, in seconds since 1970.
    pub written_s: i64,
    /// Which file the engine's database is.
    pub engine_file: String,
    /// Which file this database is.
    pub rows_file: String,
    /// When the note beside the engine's database was last changed, as the file system tells it.
    pub sealed: String,
    /// How often the sending chains were negotiated anew.
    pub renewals: i64,
    /// When they last were.
    pub renewed_ms: Option<i64>,
    /// Why they last were.
    pub renewed_because: Option<String>,
}
