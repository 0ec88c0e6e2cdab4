use std::sync::Arc;

use super::own;
use crate::{GenerationRow, Storage};

fn row(session: &str, run: &str) -> GenerationRow {
    GenerationRow {
        session: session.to_owned(),
        login: "mark".to_owned(),
        run: run.to_owned(),
        next: Some("the next".to_owned()),
        writes: 5,
        written_s: 100,
        engine_file: "1".to_owned(),
        rows_file: "2".to_owned(),
        sealed: "3".to_owned(),
        renewals: 1,
        renewed_ms: Some(7),
        renewed_because: Some("a reason".to_owned()),
    }
}

pub(crate) async fn a_generation_is_kept_moves_on_and_goes_with_its_session(storage: Arc<dyn Storage>) {
    assert_eq!(storage.generation("default").await.unwrap(), None);
    own(&storage, "default").await.rows().put_generation(row("default", "one")).await.unwrap();
    own(&storage, "default").await.rows().put_generation(row("default", "two")).await.unwrap();
    assert_eq!(storage.generation("default").await.unwrap(), Some(row("default", "two")));
    // Only of this run, and never back.
    own(&storage, "default").await.rows().seen_generation("one", 9, 109).await.unwrap();
    own(&storage, "default").await.rows().seen_generation("two", 4, 104).await.unwrap();
    assert_eq!(storage.generation("default").await.unwrap(), Some(row("default", "two")));
    own(&storage, "default").await.rows().seen_generation("two", 6, 106).await.unwrap();
    let moved = GenerationRow { writes: 6, written_s: 106, ..row("default", "two") };
    assert_eq!(storage.generation("default").await.unwrap(), Some(moved));
    storage.delete_session("default").await.unwrap();
    assert_eq!(storage.generation("default").await.unwrap(), None);
    own(&storage, "other").await.rows().put_generation(row("other", "one")).await.unwrap();
    own(&storage, "other").await.rows().forget_generation().await.unwrap();
    assert_eq!(storage.generation("other").await.unwrap(), None);
}
