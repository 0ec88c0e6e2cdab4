//! API keys from outside of a gateway: in its rows while it does not run, and by its API while it does. Only one process has
//! the rows, and a running one has the keys in memory.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use wakeeper_access::{KeyError, Keys};
use wakeeper_engine::{EngineError, Lock, LockError};
use wakeeper_model::Clock;
use wakeeper_storage::{Storage, StorageError, open_sqlite};
use wakeeper_waha::{ApiKey, ApiKeyRequest};

/// How long a running gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The keys could not be reached or changed.
#[derive(Debug, Error)]
pub enum KeyRingError {
    /// There is no folder of sessions.
    #[error("there is no folder {0}: no gateway has run there; name its data folder with --data-dir")]
    NoFolder(String),
    /// The folder cannot be locked.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The rows cannot be opened or read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The change does not work.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A key for a session that is not there would be good for whatever gets that name.
    #[error("there is no session {0}; make it first, or leave --session out")]
    NoSession(String),
    /// A gateway runs, and nobody knows its key.
    #[error(
        "a gateway runs on this folder, and only its API can change keys now; give its key in API_KEY or --api-key-file, not as a hash"
    )]
    NoAdministrator,
    /// A running gateway was not reached.
    #[error(
        "a gateway runs on this folder, and did not answer at {address}: {source}; name its address with --host and --port"
    )]
    Unreachable {
        /// Where it was asked.
        address: SocketAddr,
        /// What went wrong.
        source: reqwest::Error,
    },
    /// A running gateway refused.
    #[error("the gateway refused: {0}")]
    Refused(String),
}

/// The keys of one gateway.
pub enum KeyRing {
    /// None runs.
    Folder {
        /// Them.
        keys: Keys,
        /// Where they lie.
        storage: Arc<dyn Storage>,
        /// Keeps gateways away.
        _lock: Lock,
    },
    /// One runs.
    Running {
        /// Asks it.
        client: Client,
        /// Where it listens.
        address: SocketAddr,
        /// The administrator's key.
        key: SecretString,
    },
}

/// Asks a running gateway, and answers its status and body.
///
/// # Errors
/// When no complete answer came in time.
pub async fn ask(url: &str, timeout: Duration) -> Result<(reqwest::StatusCode, String), reqwest::Error> {
    let client = Client::builder().timeout(timeout).no_proxy().build()?;
    let response = client.get(url).send().await?;
    Ok((response.status(), response.text().await?))
}

/// What a gateway says when it refuses.
#[derive(Deserialize)]
struct Failure {
    message: String,
}

impl KeyRing {
    /// Opens the keys of the gateway of a folder. `address` and `administrator` are used when it runs.
    ///
    /// # Errors
    /// When there is no such folder, it cannot be opened, or the running gateway's key is not known.
    pub async fn open(
        auth_info: &Path,
        address: SocketAddr,
        administrator: Option<SecretString>,
    ) -> Result<Self, KeyRingError> {
        if !auth_info.is_dir() {
            return Err(KeyRingError::NoFolder(auth_info.display().to_string()));
        }
        match Lock::on_folder(auth_info) {
            Ok(lock) => {
                let storage = open_sqlite(auth_info.join(wakeeper_storage::ROWS_DATABASE)).await?;
                let keys = Keys::open(Arc::clone(&storage), Clock::system()).await?;
                Ok(Self::Folder { keys, storage, _lock: lock })
            }
            Err(EngineError::Lock(LockError::Held { .. })) => {
                let key = administrator.ok_or(KeyRingError::NoAdministrator)?;
                let client = Client::builder().timeout(PATIENCE).no_proxy().build();
                let client = client.map_err(|source| KeyRingError::Unreachable { address, source })?;
                Ok(Self::Running { client, address, key })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Every key, the oldest first.
    ///
    /// # Errors
    /// When a running gateway does not answer.
    pub async fn list(&self) -> Result<Vec<ApiKey>, KeyRingError> {
        match self {
            Self::Folder { keys, .. } => Ok(keys.list()),
            Self::Running { .. } => self.ask(Method::GET, "", None).await,
        }
    }

    /// Makes a key. Its answer alone has the whole of it.
    ///
    /// # Errors
    /// When what it is to be makes no sense, or it cannot be stored.
    pub async fn make(&self, wanted: ApiKeyRequest) -> Result<ApiKey, KeyRingError> {
        match self {
            Self::Folder { keys, storage, .. } => {
                if let Some(session) = &wanted.session
                    && storage.session(session).await?.is_none()
                {
                    return Err(KeyRingError::NoSession(session.clone()));
                }
                Ok(keys.make(wanted).await?.into_answer())
            }
            Self::Running { .. } => self.ask(Method::POST, "", Some(&wanted)).await,
        }
    }

    /// Revokes a key.
    ///
    /// # Errors
    /// When there is none of that id, or that cannot be stored.
    pub async fn revoke(&self, id: &str) -> Result<(), KeyRingError> {
        match self {
            Self::Folder { keys, .. } => Ok(keys.revoke(id).await?),
            Self::Running { .. } => {
                // What is typed is no path.
                let is_id =
                    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                if !is_id {
                    return Err(KeyError::Unknown.into());
                }
                let _: serde::de::IgnoredAny = self.ask(Method::DELETE, &format!("/{id}"), None).await?;
                Ok(())
            }
        }
    }

    /// Closes the rows.
    pub async fn close(self) {
        if let Self::Folder { storage, .. } = self {
            storage.close().await;
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&ApiKeyRequest>,
    ) -> Result<T, KeyRingError> {
        let Self::Running { client, address, key } = self else { return Err(KeyRingError::NoAdministrator) };
        let unreachable = |source| KeyRingError::Unreachable { address: *address, source };
        let mut request = client.request(method, format!("http://{address}/api/keys{path}"));
        request = request.header("X-Api-Key", key.expose_secret());
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(unreachable)?;
        if !response.status().is_success() {
            let status = response.status();
            let told = response.json::<Failure>().await.map(|failure| failure.message);
            return Err(KeyRingError::Refused(told.unwrap_or_else(|_| status.to_string())));
        }
        response.json().await.map_err(unreachable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOWHERE: ([u8; 4], u16) = ([127, 0, 0, 1], 1);

    #[tokio::test]
    async fn keys_are_made_and_revoked_in_a_folder_that_no_gateway_has_open() {
        let folder = tempfile::tempdir().unwrap();
        let missing = KeyRing::open(&folder.path().join("missing"), NOWHERE.into(), None).await;
        assert!(matches!(missing, Err(KeyRingError::NoFolder(_))));
        let ring = KeyRing::open(folder.path(), NOWHERE.into(), None).await.unwrap();
        let unknown = ApiKeyRequest { session: Some("default".to_owned()), ..ApiKeyRequest::default() };
        assert!(matches!(ring.make(unknown).await, Err(KeyRingError::NoSession(_))));
        let made = ring.make(ApiKeyRequest { is_admin: true, ..ApiKeyRequest::default() }).await.unwrap();
        ring.close().await;
        let ring = KeyRing::open(folder.path(), NOWHERE.into(), None).await.unwrap();
        let listed = ring.list().await.unwrap();
        assert_eq!((listed.len(), &listed[0].id), (1, &made.id));
        assert_ne!(listed[0].key, made.key);
        ring.revoke(&made.id).await.unwrap();
        assert!(matches!(ring.revoke(&made.id).await, Err(KeyRingError::Key(KeyError::Unknown))));
        ring.close().await;
    }

    #[tokio::test]
    async fn while_another_process_has_the_folder_its_api_is_asked() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let _gateway = Lock::on_folder(folder.path()).unwrap();
        let refused = KeyRing::open(folder.path(), NOWHERE.into(), None).await;
        assert!(matches!(refused, Err(KeyRingError::NoAdministrator)));
        let key = SecretString::from("a key");
        let ring = KeyRing::open(folder.path(), NOWHERE.into(), Some(key)).await.unwrap();
        assert!(matches!(ring.list().await, Err(KeyRingError::Unreachable { .. })));
        assert!(matches!(ring.revoke("../sessions").await, Err(KeyRingError::Key(KeyError::Unknown))));
    }
}
