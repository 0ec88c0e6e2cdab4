//! Sessions on WhatsApp: the only code that talks to the whatsapp-rust client.
//!
//! [`Sessions`] is the registry and the face of the engine. Every session has one actor that owns
//! its connection; sends run beside it, one at a time per chat; inbound messages are committed to
//! storage before WhatsApp hears that they arrived.

mod address;
pub mod bulk;
pub mod care;
pub mod folder;
mod inbound;
mod journal;
mod life;
mod media;
mod message;
mod ops;
mod outbound;
mod rows;

pub use life::backups::GatewaySessions;
pub use life::endpoint::EndpointError;
pub use life::generation::GenerationError;
pub use life::health::{EngineHealth, SessionHealth};
pub use life::lock::{Lock, LockError};
pub use life::qr::terminal_qr;
pub use life::registry::Sessions;
pub use life::registry::forgetting::{Forgotten, KeepLimits};
pub use life::state::Examined;
pub use life::transport::proxy::ProxyError;
pub use life::watch::WatchTimes;
pub use media::convert::{ConvertError, Converted, Target};
pub use media::download::MediaError;
pub use media::fetch::FetchError;
pub use media::file::MediaFile;
pub use media::{pace, spool};
pub use ops::asking::AskError;
pub use ops::calls::CallError;
pub use ops::channels::{ChannelName, Channels, ChannelsError, TextSearch, ViewSearch};
pub use ops::chats::{ChatListQuery, ContactListQuery, OverviewQuery};
pub use ops::groups::members::MemberChange;
pub use ops::groups::{GroupOrder, GroupQuery, Groups, GroupsError};
pub use ops::labels::LabelError;
pub use ops::pairing::PairingError;
pub use ops::query::{Download, MessageList, MessageQuery, SearchQuery};
pub use ops::search::SearchError;
pub use outbound::error::SendError;
pub use outbound::outgoing::{
    Delete, Edit, FileBody, IdempotencyKey, IdempotencyKeyError, LinkPreview, Media, MediaKind, MediaSource,
    Mentions, Outgoing, Reaction, Seen, Sent, Text, Typing,
};
pub mod status;
pub mod structured;
pub use rows::Rows;
pub use wakeeper_storage::{ChatOrder, MessageOrder, MessagePosition};

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use wakeeper_engine_store::move_notes::MoveUnsettled;
use wakeeper_engine_store::recover::Backups;
use wakeeper_model::SessionName;
use wakeeper_recovery::IncidentLog;
use wakeeper_storage::disk::DiskTrouble;
use wakeeper_storage::{Storage, StorageError};
use wakeeper_waha::SessionStatus;

/// Whether there are sessions in a folder of sessions.
pub fn has_sessions(auth_info: &std::path::Path) -> bool {
    !life::recovery::on_disk(auth_info).is_empty()
}

/// How the engine runs.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Folder of the sessions, created 0700 when missing.
    pub auth_info_dir: PathBuf,
    /// Where callers reach this gateway, for example `http://localhost:8192`; starts the URLs of
    /// received files.
    pub public_url: String,
    /// Another server than WhatsApp's own. Only builds with the feature `demo` accept it, and only
    /// on loopback and private addresses; such builds need it.
    pub websocket_url: Option<String>,
    /// Version of WhatsApp Web to claim; `None` asks WhatsApp for the newest one.
    pub client_version: Option<(u32, u32, u32)>,
    /// Largest file sent by URL or received, in bytes.
    pub max_media_bytes: u64,
    /// Most bytes of all files together that are on their way from callers to WhatsApp.
    pub max_transfer_bytes: u64,
    /// The path of ffmpeg, which converts files; without it they are not converted.
    pub ffmpeg: Option<PathBuf>,
    /// Lets callers send files from URLs on loopback and private addresses.
    pub allow_private_urls: bool,
    /// How long a send may take before its caller is told so. It goes on in the background.
    pub send_timeout: Duration,
    /// Sessions that log in each second after the start; 0 is all at once.
    pub logins_per_second: u32,
    /// A folder outside `auth_info_dir` that keeps a witness of every login, so that an older copy of all of it is told from
    /// what ran last; `None` when there is no such place.
    pub state_dir: Option<PathBuf>,
    /// Why the rows were made anew, when they were: then they do not tell which sessions there were.
    pub rows_lost: Option<String>,
    /// What looks for sessions of other programs before the first session starts.
    pub first_start: Option<Arc<dyn TakeOver>>,
    /// Where a login that is lost is taken from; `None` when there are no backups.
    pub backups: Option<Backups>,
    /// How long messages and received files are kept.
    pub keep: KeepLimits,
    /// Writes a large database of rows anew at the start, once, so that it gives room back from then on.
    pub compact_rows: bool,
    /// Keeps the words of messages, so that they can be searched.
    pub message_search: bool,
    /// How soon a server that went deaf is noticed.
    pub watch: WatchTimes,
    /// Hears what happens to sessions that a person should know of.
    pub incidents: IncidentLog,
    /// Looks after the stored state of sessions; `None` where nobody does.
    pub care: Option<Arc<dyn care::Care>>,
}

/// Takes sessions over that another program left in the folder of sessions.
#[async_trait]
pub trait TakeOver: fmt::Debug + Send + Sync {
    /// Takes over what there is, before any session of the folder starts.
    ///
    /// # Errors
    /// When no gateway must start on the folder as it is. What fails for one session alone is left to be told by that.
    async fn take_over(
        &self,
        folder: &Path,
        lock: &Lock,
        storage: &Arc<dyn Storage>,
        now_ms: i64,
    ) -> Result<(), EngineError>;
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            auth_info_dir: PathBuf::from("auth_info"),
            public_url: "http://localhost:8192".to_owned(),
            websocket_url: None,
            client_version: None,
            max_media_bytes: 100 * 1024 * 1024,
            max_transfer_bytes: 1024 * 1024 * 1024,
            ffmpeg: None,
            allow_private_urls: false,
            send_timeout: Duration::from_mins(1),
            logins_per_second: 0,
            state_dir: None,
            rows_lost: None,
            first_start: None,
            backups: None,
            keep: KeepLimits::default(),
            compact_rows: false,
            message_search: false,
            watch: WatchTimes::default(),
            incidents: IncidentLog::default(),
            care: None,
        }
    }
}

/// What went wrong in the engine. No variant carries a message, a key or a full phone number.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// `websocket_url` is not acceptable.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Another process holds the folder or session.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file or folder of a session could not be used.
    #[error("cannot {operation} {path}: {source}")]
    Folder {
        /// What was tried.
        operation: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The rows of the folder could not be opened.
    #[error("cannot open the rows in {}: {source}", path.display())]
    Rows {
        /// The database.
        path: PathBuf,
        /// Why.
        source: StorageError,
    },
    /// The rows could not be read or written.
    #[error("storage failed: {0}")]
    Storage(StorageError),
    /// A database cannot be written: nothing that was asked for is stored.
    #[error("{trouble}")]
    Disk {
        /// Which file, and why.
        trouble: Arc<DiskTrouble>,
    },
    /// The engine's own database of a session could not be opened.
    #[error("cannot open the engine database of session {session}: {reason}")]
    EngineDatabase {
        /// Whose.
        session: SessionName,
        /// What the store said.
        reason: String,
    },
    /// A database is reached by another name as well, where another wakeeper may use it.
    #[error(
        "{} has a second name (a hard link): what changes here changes there, and another wakeeper may use it. Give it a \
         file of its own: cp -p '{}' '{}.new' && mv '{}.new' '{}'",
        path.display(), path.display(), path.display(), path.display(), path.display()
    )]
    SecondName {
        /// The database.
        path: PathBuf,
    },
    /// Whether the databases are older copies could not be told or written down, so nothing may be sent.
    #[error("cannot tell whether session {session} lies here as it ran last: {source}")]
    Generation {
        /// Whose.
        session: SessionName,
        /// Why.
        source: Box<GenerationError>,
    },
    /// There was a login, and no backup gives it back.
    #[error(
        "the login of session {session} is lost: {because}, and {reason}. Nothing was deleted. Put a backup into the backup \
         folder, or a sound engine.db into the session's folder, and start the session again; to link it anew instead, \
         delete the session and make it again"
    )]
    LoginLost {
        /// Whose.
        session: SessionName,
        /// What is wrong with the database.
        because: String,
        /// Why no backup helps.
        reason: String,
    },
    /// The session lives elsewhere now.
    #[error(
        "session {session} was moved to {to}; it is not started here, because two owners would break its encryption. \
         `wakeeper import` brings it back"
    )]
    Moved {
        /// Whose.
        session: SessionName,
        /// Where it lives.
        to: String,
    },
    /// The proxy in its settings cannot be used.
    #[error(
        "session {session} does not connect without its proxy, which cannot be used: {source}. Change the proxy in its \
         settings (PUT /api/sessions/{session}), and it connects"
    )]
    Proxy {
        /// Whose.
        session: SessionName,
        /// Why.
        source: ProxyError,
    },
    /// Its files and its version could not be fetched in any way.
    #[error("session {session} has no way to fetch media: {reason}")]
    Requests {
        /// Whose.
        session: SessionName,
        /// Why.
        reason: String,
    },
    /// An import was cut short, and its source is out of reach.
    #[error(
        "the import of session {session} was interrupted, and {} cannot be looked at: it is not known which of the two \
         owns the login. Make the folder reachable and start again",
        from.display()
    )]
    ImportUnfinished {
        /// Whose.
        session: SessionName,
        /// The folder that it came from.
        from: PathBuf,
    },
    /// The Baileys session in the folder could not be taken over.
    #[error("the Baileys session in {} cannot be taken over: {source}", folder.display())]
    FirstStart {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The session is another process's own: only that one can do it.
    #[error("session {0} belongs to another wakeeper, which alone can do that")]
    NotOwner(SessionName),
    /// No such session.
    #[error("no session {0}")]
    UnknownSession(SessionName),
    /// A session of that name exists already.
    #[error("session {0} exists already")]
    SessionExists(SessionName),
    /// The session is not in a state to do it.
    #[error("session {session} is {status}")]
    NotReady {
        /// Which session.
        session: SessionName,
        /// Its status.
        status: SessionStatus,
        /// What it would have to be.
        expected: Vec<SessionStatus>,
    },
    /// The gateway is shutting down.
    #[error("the gateway is shutting down")]
    ShuttingDown,
    /// Too much is under way in this session.
    #[error("session {0} is busy")]
    Busy(SessionName),
    /// The request makes no sense.
    #[error("{0}")]
    InvalidRequest(String),
    /// The session's actor is gone: it was deleted, or a panic ended it.
    #[error(
        "session {0} does not run any more: it was deleted, or its status says what ended it; restart wakeeper"
    )]
    Gone(SessionName),
}

impl From<MoveUnsettled> for EngineError {
    fn from(error: MoveUnsettled) -> Self {
        match error {
            MoveUnsettled::File { operation, path, source } => Self::Folder { operation, path, source },
            MoveUnsettled::SourceUnreachable { session, from } => Self::ImportUnfinished { session, from },
            MoveUnsettled::NotTakenOver { ref from, .. } => {
                Self::FirstStart { folder: from.clone(), source: Box::new(error) }
            }
        }
    }
}

impl From<StorageError> for EngineError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Disk { trouble } => Self::Disk { trouble },
            error => Self::Storage(error),
        }
    }
}
