use std::sync::Arc;

use super::own;
use crate::{Desired, KeyRow, NewAudit, SessionRow, Storage};

fn key(id: &str, session: Option<&str>) -> KeyRow {
    KeyRow {
        id: id.to_owned(),
        hash: vec![7; 64],
        hint: "wk_ab".to_owned(),
        is_active: true,
        is_admin: session.is_none(),
        session: session.map(str::to_owned),
        actions_json: session.map(|_| r#"{"read":true}"#.to_owned()),
        rate_per_minute: Some(60),
        created_ms: 1,
        updated_ms: 1,
    }
}

fn session(name: &str) -> SessionRow {
    SessionRow {
        name: name.to_owned(),
        config_json: "{}".to_owned(),
        desired: Desired::Stopped,
        created_ms: 1,
        updated_ms: 1,
        me_json: None,
        status: None,
    }
}

pub(crate) async fn keys_are_kept_changed_and_deleted(storage: Arc<dyn Storage>) {
    storage.put_key(key("a", None)).await.unwrap();
    storage.put_key(key("b", Some("default"))).await.unwrap();
    assert_eq!(storage.keys().await.unwrap(), [key("a", None), key("b", Some("default"))]);
    let changed =
        KeyRow { is_active: false, session: Some("other".to_owned()), updated_ms: 2, ..key("b", Some("x")) };
    // When it was made is not changed afterwards.
    storage.put_key(KeyRow { created_ms: 9, ..changed.clone() }).await.unwrap();
    assert_eq!(storage.keys().await.unwrap(), [key("a", None), changed]);
    assert!(storage.delete_key("a").await.unwrap());
    assert!(!storage.delete_key("a").await.unwrap());
    assert_eq!(storage.keys().await.unwrap().len(), 1);
}

pub(crate) async fn keys_of_a_session_go_when_they_are_told_to(storage: Arc<dyn Storage>) {
    own(&storage, "default").await.rows().put_session(session("default")).await.unwrap();
    for (id, session) in [("a", None), ("b", Some("default")), ("c", Some("other"))] {
        storage.put_key(key(id, session)).await.unwrap();
    }
    storage.delete_session("default").await.unwrap();
    assert_eq!(
        storage.keys().await.unwrap(),
        [key("a", None), key("c", Some("other"))],
        "it went with its session"
    );
    assert_eq!(storage.delete_keys_of("default").await.unwrap(), 0);
    assert_eq!(storage.delete_keys_of("unknown").await.unwrap(), 0);
    assert_eq!(storage.delete_keys_of("other").await.unwrap(), 1);
    assert_eq!(storage.keys().await.unwrap(), [key("a", None)]);
}

pub(crate) async fn administrative_calls_are_noted_and_paged(storage: Arc<dyn Storage>) {
    let entry = |status| NewAudit {
        at_ms: 5,
        key: (status == 200).then(|| "a".to_owned()),
        method: "POST".to_owned(),
        route: "/api/sessions/{session}/start".to_owned(),
        session: Some("default".to_owned()),
        status,
    };
    for status in [200, 403, 201] {
        storage.note_audit(entry(status)).await.unwrap();
    }
    let newest = storage.audit(None, 2).await.unwrap();
    assert_eq!(newest.iter().map(|row| row.entry.clone()).collect::<Vec<_>>(), [entry(201), entry(403)]);
    let rest = storage.audit(Some(newest[1].id), 2).await.unwrap();
    assert_eq!(rest.iter().map(|row| row.entry.clone()).collect::<Vec<_>>(), [entry(200)]);
}
