use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use wakeeper_model::Clock;
use wakeeper_storage::{AuditRow, KeyRow, NewAudit, Storage, StorageError};
use wakeeper_waha::{ApiKey, ApiKeyRequest};

use crate::caller::{Caller, Grant};
use crate::error::KeyError;
use crate::rate::Rate;
use crate::secret;

/// More keys than this are a mistake of a program that makes them.
const MOST: usize = 10_000;

/// All keys but the administrator's. Cheap to clone.
#[derive(Clone)]
pub struct Keys {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Arc<dyn Storage>,
    clock: Clock,
    grants: RwLock<HashMap<String, Arc<Grant>>>,
    /// One change at a time, so that memory and rows say the same.
    changing: Mutex<()>,
}

/// A key that was just made; it can be shown this once.
#[derive(Debug)]
pub struct Made {
    /// What it is, with its beginning as `key`.
    pub shown: ApiKey,
    /// The key itself.
    pub secret: SecretString,
}

impl Made {
    /// With the key itself, for its caller.
    #[must_use]
    pub fn into_answer(self) -> ApiKey {
        ApiKey { key: self.secret.expose_secret().to_owned(), ..self.shown }
    }
}

/// A call that is noted.
#[derive(Debug)]
pub struct Call<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// Its route, with `{session}` and the like in it.
    pub route: &'a str,
    /// The session that it was about.
    pub session: Option<&'a str>,
    /// The status that it was answered with.
    pub status: u16,
}

/// A call that was noted.
pub type Audited = AuditRow;

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Keys {
    /// Reads all keys. One that cannot be read opens nothing, and is told in the log.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn open(storage: Arc<dyn Storage>, clock: Clock) -> Result<Self, KeyError> {
        let mut grants = HashMap::new();
        for row in storage.keys().await? {
            let id = row.id.clone();
            match grant(row, clock.now_ms()) {
                Ok(grant) => drop(grants.insert(id, Arc::new(grant))),
                Err(error) => tracing::error!(%error, "a key of the API opens nothing"),
            }
        }
        let grants = RwLock::new(grants);
        Ok(Self { inner: Arc::new(Inner { storage, clock, grants, changing: Mutex::new(()) }) })
    }

    /// Whose key this is; `None` for one that is unknown or switched off.
    #[must_use]
    pub fn caller(&self, given: &[u8]) -> Option<Caller> {
        let id = secret::id_of(given)?;
        let grant = self.read().get(&id).cloned()?;
        let known = secret::is_of(given, &grant.hash) && grant.is_active;
        known.then(|| Caller::holder(grant, self.inner.clock.clone()))
    }

    /// Every key, the oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<ApiKey> {
        let mut grants: Vec<_> = self.read().values().cloned().collect();
        grants.sort_by(|one, other| (one.created_ms, &one.id).cmp(&(other.created_ms, &other.id)));
        grants.iter().map(|grant| shown(grant)).collect()
    }

    /// Makes a key.
    ///
    /// # Errors
    /// [`KeyError::Invalid`], [`KeyError::TooMany`] and [`KeyError::Storage`].
    pub async fn make(&self, wanted: ApiKeyRequest) -> Result<Made, KeyError> {
        check(&wanted)?;
        let this = self.clone();
        to_its_end(async move { this.make_alone(wanted).await }).await
    }

    async fn make_alone(&self, wanted: ApiKeyRequest) -> Result<Made, KeyError> {
        let _alone = self.inner.changing.lock().await;
        if self.read().len() >= MOST {
            return Err(KeyError::TooMany(MOST));
        }
        let (id, secret) = secret::generate();
        let now_ms = self.inner.clock.now_ms();
        let row = KeyRow {
            id,
            hash: secret::digest(secret.expose_secret().as_bytes()).to_vec(),
            hint: secret::hint(&secret),
            created_ms: now_ms,
            ..row(wanted, now_ms)
        };
        let shown = self.put(row).await?;
        Ok(Made { shown, secret })
    }

    /// Changes what a key is good for. The key itself stays.
    ///
    /// # Errors
    /// [`KeyError::Invalid`], [`KeyError::Unknown`] and [`KeyError::Storage`].
    pub async fn change(&self, id: &str, wanted: ApiKeyRequest) -> Result<ApiKey, KeyError> {
        check(&wanted)?;
        let (this, id) = (self.clone(), id.to_owned());
        to_its_end(async move { this.change_alone(&id, wanted).await }).await
    }

    async fn change_alone(&self, id: &str, wanted: ApiKeyRequest) -> Result<ApiKey, KeyError> {
        let _alone = self.inner.changing.lock().await;
        let known = self.read().get(id).cloned().ok_or(KeyError::Unknown)?;
        let row = KeyRow {
            id: known.id.clone(),
            hash: known.hash.to_vec(),
            hint: known.hint.clone(),
            created_ms: known.created_ms,
            ..row(wanted, self.inner.clock.now_ms())
        };
        self.put(row).await
    }

    /// Deletes a key. What it holds open ends. It opens nothing from here on, also where the rows cannot be written; then it would
    /// again after a restart.
    ///
    /// # Errors
    /// [`KeyError::Unknown`] and [`KeyError::Storage`].
    pub async fn revoke(&self, id: &str) -> Result<(), KeyError> {
        let (this, id) = (self.clone(), id.to_owned());
        to_its_end(async move { this.revoke_alone(&id).await }).await
    }

    async fn revoke_alone(&self, id: &str) -> Result<(), KeyError> {
        let _alone = self.inner.changing.lock().await;
        let known = self.write().remove(id);
        end(known.as_ref());
        let deleted = self.inner.storage.delete_key(id).await?;
        if deleted || known.is_some() { Ok(()) } else { Err(KeyError::Unknown) }
    }

    /// Deletes the keys of a session that is no more, so that another session of its name is not theirs.
    ///
    /// # Errors
    /// When the rows cannot be written; the keys open nothing all the same until the next start.
    pub async fn session_is_gone(&self, session: &str) -> Result<(), KeyError> {
        let (this, session) = (self.clone(), session.to_owned());
        to_its_end(async move { this.forget_session(&session).await }).await
    }

    async fn forget_session(&self, session: &str) -> Result<(), KeyError> {
        let _alone = self.inner.changing.lock().await;
        self.write().retain(|_, grant| {
            let stays = grant.session.as_deref() != Some(session);
            if !stays {
                end(Some(grant));
            }
            stays
        });
        self.inner.storage.delete_keys_of(session).await?;
        Ok(())
    }

    /// Notes a call that changed something. What cannot be noted is told in the log: it was done already.
    pub async fn note(&self, caller: &Caller, call: Call<'_>) {
        let entry = NewAudit {
            at_ms: self.inner.clock.now_ms(),
            key: caller.key_id().map(str::to_owned),
            method: call.method.to_owned(),
            route: call.route.to_owned(),
            session: call.session.map(str::to_owned),
            status: call.status,
        };
        match self.inner.storage.note_audit(entry).await {
            Ok(()) | Err(StorageError::Closed) => {}
            Err(error) => {
                let Call { method, route, .. } = call;
                tracing::warn!(%error, method, route, "an administrative call could not be noted");
            }
        }
    }

    /// Calls that were noted, newest first: before this number, at most `limit`.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn audit(&self, before: Option<i64>, limit: u32) -> Result<Vec<Audited>, KeyError> {
        Ok(self.inner.storage.audit(before, limit).await?)
    }

    async fn put(&self, row: KeyRow) -> Result<ApiKey, KeyError> {
        let grant = Arc::new(grant(row.clone(), self.inner.clock.now_ms())?);
        self.inner.storage.put_key(row).await?;
        let shown = shown(&grant);
        let before = self.write().insert(grant.id.clone(), grant);
        end(before.as_ref());
        Ok(shown)
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Arc<Grant>>> {
        // Nothing panics while it holds the lock.
        self.inner.grants.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<String, Arc<Grant>>> {
        self.inner.grants.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does something to its end, also when its caller went away: memory and rows say the same.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, KeyError>> + Send + 'static,
) -> Result<T, KeyError> {
    tokio::spawn(work).await.unwrap_or_else(|_| Err(KeyError::Storage(StorageError::Closed)))
}

fn end(grant: Option<&Arc<Grant>>) {
    if let Some(grant) = grant {
        grant.is_over.store(true, Ordering::Release);
    }
}

/// Whether what a key is to be makes sense.
fn check(wanted: &ApiKeyRequest) -> Result<(), KeyError> {
    let invalid = |field, reason| Err(KeyError::Invalid { field, reason });
    if wanted.is_admin && wanted.session.is_some() {
        return invalid("session", "an administrator's key is good for all sessions; leave session out");
    }
    if wanted.is_admin && wanted.actions.is_some() {
        return invalid("actions", "an administrator's key may do everything; leave actions out");
    }
    if wanted.rate_limit.is_some_and(|rate| !(1..=1_000_000).contains(&rate)) {
        return invalid("rateLimit", "a number of requests in a minute from 1 to 1000000, or null");
    }
    Ok(())
}

/// The part of a row that a request says.
fn row(wanted: ApiKeyRequest, now_ms: i64) -> KeyRow {
    let actions = wanted.actions.map(|actions| {
        let named: Vec<_> =
            actions.named().into_iter().filter(|(_, on)| *on).map(|(name, _)| (name, true)).collect();
        serde_json::Value::from_iter(named).to_string()
    });
    KeyRow {
        id: String::new(),
        hash: Vec::new(),
        hint: String::new(),
        is_active: wanted.is_active,
        is_admin: wanted.is_admin,
        session: wanted.session,
        actions_json: actions,
        rate_per_minute: wanted.rate_limit,
        created_ms: now_ms,
        updated_ms: now_ms,
    }
}

fn grant(row: KeyRow, now_ms: i64) -> Result<Grant, KeyError> {
    let damaged = |problem: String| KeyError::Damaged { id: row.id.clone(), problem };
    let hash = row.hash.as_slice().try_into().map_err(|_| damaged("its digest is too short".to_owned()))?;
    let actions = row
        .actions_json
        .as_deref()
        .map(serde_json::from_str)
        .transpose()
        .map_err(|error: serde_json::Error| damaged(error.to_string()))?;
    Ok(Grant {
        hash,
        actions,
        id: row.id,
        hint: row.hint,
        is_active: row.is_active,
        is_admin: row.is_admin,
        session: row.session,
        rate_per_minute: row.rate_per_minute,
        created_ms: row.created_ms,
        rate: row.rate_per_minute.map(|rate| Rate::new(rate, now_ms)),
        is_over: AtomicBool::new(false),
    })
}

fn shown(grant: &Grant) -> ApiKey {
    ApiKey {
        id: grant.id.clone(),
        key: grant.hint.clone(),
        is_active: grant.is_active,
        is_admin: grant.is_admin,
        session: grant.session.clone(),
        actions: grant.actions,
        rate_limit: grant.rate_per_minute,
        created_at: grant.created_ms,
    }
}

#[cfg(test)]
mod tests;
