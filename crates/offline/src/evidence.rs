//! When a gateway's session last proved that it works, as its rows tell: they can be read while the gateway runs.

use std::path::Path;

use wakeeper_storage::{MessageOrder, MessageQuery, ROWS_DATABASE, Storage, read_sqlite};
use wakeeper_waha::{Evidence, EvidenceName, SessionStatus};

use super::paths::Owner;

/// Own messages that are looked at for one that the server acknowledged.
const LOOKED_AT: u32 = 20;
/// The acknowledgement of the server, as rows have it.
const SERVER: i32 = 1;

/// What is known of the session of a database; nothing where no rows can be read.
pub(super) async fn evidence(database: &Path, now_ms: i64) -> Vec<Evidence> {
    let Some(owner) = Owner::of(database) else { return Vec::new() };
    let Ok(storage) = read_sqlite(owner.auth_info.join(ROWS_DATABASE)).await else { return Vec::new() };
    let seen = seen(storage.as_ref(), owner.session.as_str()).await;
    storage.close().await;
    let age = |at: i64| u64::try_from((now_ms - at).max(0) / 1_000).unwrap_or_default();
    let told = |(name, at): (EvidenceName, i64)| Evidence { name, at: Some(at), age_seconds: Some(age(at)) };
    seen.into_iter().map(told).collect()
}

async fn seen(storage: &dyn Storage, session: &str) -> Vec<(EvidenceName, i64)> {
    let mut seen = Vec::new();
    let row = storage.session(session).await.ok().flatten();
    let status =
        row.and_then(|row| row.status).filter(|stored| stored.status == SessionStatus::Working.as_str());
    seen.extend(status.map(|stored| (EvidenceName::Connected, stored.since_ms)));
    for (name, from_me, least) in
        [(EvidenceName::Received, false, i32::MIN), (EvidenceName::Acknowledged, true, SERVER)]
    {
        let query = MessageQuery {
            order: MessageOrder::NewestFirst,
            limit: LOOKED_AT,
            from_me: Some(from_me),
            ..MessageQuery::default()
        };
        let rows = storage.messages(session, query).await.unwrap_or_default();
        let newest =
            rows.iter().find(|row| row.ack >= least).map(|row| row.timestamp_s.saturating_mul(1_000));
        seen.extend(newest.map(|at| (name, at)));
    }
    seen
}
