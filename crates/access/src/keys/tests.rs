use std::time::Duration;

use wakeeper_storage::open_sqlite;
use wakeeper_waha::SessionActions;

use super::*;
use crate::{Refusal, Scope};

struct Opened {
    keys: Keys,
    storage: Arc<dyn Storage>,
    _folder: tempfile::TempDir,
}

async fn open() -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let storage = open_sqlite(folder.path().join("wakeeper.db")).await.unwrap();
    let keys = Keys::open(Arc::clone(&storage), Clock::from_fn(|| 5)).await.unwrap();
    Opened { keys, storage, _folder: folder }
}

fn reader_of(session: &str) -> ApiKeyRequest {
    let actions = SessionActions { read: true, ..SessionActions::default() };
    ApiKeyRequest { session: Some(session.to_owned()), actions: Some(actions), ..ApiKeyRequest::default() }
}

fn text(made: &Made) -> Vec<u8> {
    made.secret.expose_secret().as_bytes().to_vec()
}

#[tokio::test]
async fn a_key_opens_what_it_is_for_also_after_a_restart() {
    let opened = open().await;
    let made = opened.keys.make(reader_of("default")).await.unwrap();
    let key = text(&made);
    let again = Keys::open(Arc::clone(&opened.storage), Clock::from_fn(|| 5)).await.unwrap();
    for keys in [&opened.keys, &again] {
        let caller = keys.caller(&key).unwrap();
        assert_eq!(caller.key_id(), Some(made.shown.id.as_str()));
        assert!(!caller.is_admin() && caller.only_session() == Some("default"));
        caller.may(Scope::Read).unwrap();
        caller.reaches("default").unwrap();
        assert_eq!(caller.may(Scope::Send), Err(Refusal::Scope(Scope::Send)));
        assert_eq!(caller.may(Scope::Admin), Err(Refusal::Scope(Scope::Admin)));
        assert_eq!(caller.reaches("other"), Err(Refusal::Session));
        let mut wrong = key.clone();
        *wrong.last_mut().unwrap() ^= 1;
        assert!(keys.caller(&wrong).is_none() && keys.caller(b"").is_none());
        assert!(keys.caller(&key[..key.len() - 1]).is_none());
    }
    let kept = format!("{:?}", opened.storage.keys().await.unwrap()[0].hash);
    assert!(!kept.contains(made.secret.expose_secret()), "the key itself is not kept");
    assert!(!opened.keys.list()[0].key.contains(&made.secret.expose_secret()[20..]));
}

#[tokio::test]
async fn a_changed_or_revoked_key_ends_what_it_opened() {
    let opened = open().await;
    let made = opened.keys.make(reader_of("default")).await.unwrap();
    let (id, key) = (made.shown.id.clone(), text(&made));
    let before = opened.keys.caller(&key).unwrap();
    let off = ApiKeyRequest { is_active: false, ..reader_of("default") };
    opened.keys.change(&id, off).await.unwrap();
    assert!(!before.is_current() && opened.keys.caller(&key).is_none());
    let admin = ApiKeyRequest { is_admin: true, ..ApiKeyRequest::default() };
    opened.keys.change(&id, admin).await.unwrap();
    let caller = opened.keys.caller(&key).unwrap();
    assert!(caller.is_admin() && caller.may(Scope::Admin).is_ok() && caller.reaches("other").is_ok());
    opened.keys.revoke(&id).await.unwrap();
    assert!(!caller.is_current() && opened.keys.caller(&key).is_none() && opened.keys.list().is_empty());
    assert!(matches!(opened.keys.revoke(&id).await, Err(KeyError::Unknown)));
    let changed = opened.keys.change(&id, ApiKeyRequest::default()).await;
    assert!(matches!(changed, Err(KeyError::Unknown)));
}

#[tokio::test]
async fn keys_go_with_their_session() {
    let opened = open().await;
    let own = opened.keys.make(reader_of("default")).await.unwrap();
    let other = opened.keys.make(reader_of("other")).await.unwrap();
    opened.keys.session_is_gone("default").await.unwrap();
    assert!(opened.keys.caller(&text(&own)).is_none() && opened.keys.caller(&text(&other)).is_some());
    assert_eq!(opened.storage.keys().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_with_a_rate_is_told_to_wait() {
    let opened = open().await;
    let wanted = ApiKeyRequest { rate_limit: Some(2), ..reader_of("default") };
    let made = opened.keys.make(wanted).await.unwrap();
    let caller = || opened.keys.caller(&text(&made)).unwrap();
    caller().count().unwrap();
    caller().count().unwrap();
    assert_eq!(caller().count(), Err(Refusal::Rate(Duration::from_secs(30))));
    Caller::administrator().count().unwrap();
}

#[tokio::test]
async fn what_contradicts_itself_is_refused() {
    let opened = open().await;
    let admin = ApiKeyRequest { is_admin: true, ..ApiKeyRequest::default() };
    for (wanted, named) in [
        (ApiKeyRequest { session: Some("a".to_owned()), ..admin.clone() }, "session"),
        (ApiKeyRequest { actions: Some(SessionActions::default()), ..admin }, "actions"),
        (ApiKeyRequest { rate_limit: Some(0), ..ApiKeyRequest::default() }, "rateLimit"),
    ] {
        let refused = opened.keys.make(wanted).await;
        assert!(matches!(refused, Err(KeyError::Invalid { field, .. }) if field == named), "{named}");
    }
    assert!(opened.keys.list().is_empty());
}
