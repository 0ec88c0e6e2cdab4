use std::sync::Arc;

use super::{all_events, event, message};
use crate::{Change, Desired, MessageQuery, SessionRow, Storage};

fn session(name: &str) -> SessionRow {
    SessionRow {
        name: name.to_owned(),
        config_json: "{}".to_owned(),
        desired: Desired::Started,
        created_ms: 1,
        updated_ms: 1,
        me_json: None,
    }
}

pub(crate) async fn keeps_replaces_and_lists(storage: Arc<dyn Storage>) {
    storage.put_session(session("b")).await.unwrap();
    storage.put_session(session("a")).await.unwrap();
    let changed = SessionRow {
        config_json: r#"{"debug":true}"#.to_owned(),
        desired: Desired::Stopped,
        created_ms: 9,
        updated_ms: 9,
        me_json: Some("{}".to_owned()),
        ..session("a")
    };
    storage.put_session(changed.clone()).await.unwrap();
    let names: Vec<_> = storage.sessions().await.unwrap().into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["a", "b"]);
    let kept = storage.session("a").await.unwrap().unwrap();
    assert!(kept == SessionRow { created_ms: 1, ..changed });
    assert!(storage.session("c").await.unwrap().is_none());
    storage.check().await.unwrap();
    storage.check().await.unwrap();
}

pub(crate) async fn deleting_takes_what_is_not_owed(storage: Arc<dyn Storage>) {
    storage.put_session(session("default")).await.unwrap();
    storage.put_session(session("other")).await.unwrap();
    let changes = vec![
        Change::Message {
            row: Box::new(message("c", "M1")),
            updates: vec![],
            events: vec![event("c", "e1", &[])],
        },
        Change::Events(vec![event("c", "e2", &["hook"])]),
        Change::Events(vec![crate::NewEvent { session: "other".to_owned(), ..event("c", "e3", &[]) }]),
    ];
    storage.commit(changes.into()).await.unwrap();
    assert!(storage.delete_session("default").await.unwrap());
    assert!(!storage.delete_session("default").await.unwrap());
    assert!(
        storage
            .messages("default", MessageQuery { limit: 10, ..MessageQuery::default() })
            .await
            .unwrap()
            .is_empty()
    );
    let left: Vec<_> = all_events(&storage).await.into_iter().map(|event| event.id).collect();
    assert_eq!(left, ["e2", "e3"], "what a receiver still waits for stays");
    assert_eq!(storage.outbox_counts().await.unwrap().pending, 1);
}
