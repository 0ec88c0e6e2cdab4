//! Logins after a start are spread over time.

use wakeeper_engine::EngineConfig;
use wakeeper_model::SessionName;
use wakeeper_simulator::server::Addressing;
use wakeeper_storage::{Desired, SessionRow};
use wakeeper_waha::SessionStatus;

use super::world::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_waits_for_its_turn_to_log_in_unless_somebody_starts_it() {
    let mut world = World::new(Addressing::PhoneNumber).await;
    world.stop().await;
    let rows = storage(world.folder.path()).await;
    let names: Vec<SessionName> = (0..40).map(|n| format!("s{n:02}").parse().unwrap()).collect();
    for name in &names {
        let row = SessionRow {
            name: name.as_str().to_owned(),
            config_json: "{}".to_owned(),
            desired: Desired::Started,
            created_ms: 1,
            updated_ms: 1,
            me_json: None,
            status: None,
        };
        rows.acquire(name.as_str()).await.unwrap().rows().put_session(row).await.unwrap();
    }
    rows.close().await;
    let config = config(&world.simulator, world.folder.path());
    world.restart_stopped_with(EngineConfig { logins_per_second: 1, ..config }).await;
    let sessions = &world.engine.sessions;
    // The first one at once, the last one in 40 seconds.
    sessions.qr(&session()).await.unwrap();
    let last = names.last().unwrap();
    let waiting = sessions.get(last).await.unwrap().unwrap();
    assert_eq!(waiting.status, SessionStatus::Starting);
    assert!(waiting.reason.unwrap().contains("waits for its turn"));
    sessions.start(last).await.unwrap();
    sessions.qr(last).await.unwrap();
    world.stop().await;
}
