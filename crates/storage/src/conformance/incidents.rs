use std::sync::Arc;

use crate::{IncidentQuery, IncidentSource, IncidentState, IncidentUpdate, NewIncident, NewStep, Storage};

fn opened(session: &str, at_ms: i64) -> NewIncident {
    NewIncident {
        source: IncidentSource::Monitor,
        session: session.to_owned(),
        kind: "signal_state".to_owned(),
        opened_ms: at_ms,
    }
}

fn step(at_ms: i64, kind: &str) -> NewStep {
    let detail_json = (kind == "planned").then(|| r#"{"plan":[]}"#.to_owned());
    NewStep { at_ms, kind: kind.to_owned(), text: format!("{kind} it"), detail_json }
}

fn update(id: i64, state: IncidentState, now_ms: i64) -> IncidentUpdate {
    IncidentUpdate {
        id,
        state,
        outcome: None,
        summary: None,
        messages: 0,
        peers: Vec::new(),
        times: 1,
        steps: Vec::new(),
        alerts: Vec::new(),
        now_ms,
    }
}

fn all() -> IncidentQuery {
    IncidentQuery { source: None, session: None, unfinished: false, before: None, limit: 100 }
}

pub(crate) async fn an_incident_is_told_from_first_to_last(storage: Arc<dyn Storage>) {
    let id = storage.open_incident(opened("bot", 10)).await.unwrap();
    let fresh = storage.incident(id).await.unwrap().unwrap();
    assert_eq!((fresh.state, fresh.opened_ms, fresh.closed_ms), (IncidentState::Open, 10, None));
    let peers = vec!["628111:3@s.whatsapp.net".to_owned()];
    let seen = IncidentUpdate {
        summary: Some("3 messages failed".to_owned()),
        messages: 3,
        peers: peers.clone(),
        steps: vec![step(11, "opened"), step(12, "planned")],
        ..update(id, IncidentState::Repairing, 12)
    };
    assert!(storage.update_incident(seen).await.unwrap());
    let closed = IncidentUpdate {
        outcome: Some("recovered".to_owned()),
        messages: 4,
        peers: peers.clone(),
        steps: vec![step(20, "closed")],
        ..update(id, IncidentState::Closed, 20)
    };
    assert!(storage.update_incident(closed).await.unwrap());
    let row = storage.incident(id).await.unwrap().unwrap();
    assert_eq!((row.state, row.closed_ms, row.messages), (IncidentState::Closed, Some(20), 4));
    assert_eq!((row.outcome.as_deref(), row.summary.as_str()), (Some("recovered"), "3 messages failed"));
    assert_eq!(row.peers, peers);
    let steps: Vec<_> = storage.incident_steps(id).await.unwrap().into_iter().map(|row| row.step).collect();
    assert_eq!(steps, [step(11, "opened"), step(12, "planned"), step(20, "closed")]);
    assert!(!storage.update_incident(update(id + 1, IncidentState::Open, 30)).await.unwrap());
    assert!(storage.incident(id + 1).await.unwrap().is_none());
}

pub(crate) async fn incidents_are_paged_newest_first(storage: Arc<dyn Storage>) {
    let mut ids = Vec::new();
    for n in 0..5 {
        let session = if n % 2 == 0 { "a" } else { "b" };
        ids.push(storage.open_incident(opened(session, n)).await.unwrap());
    }
    storage.update_incident(update(ids[4], IncidentState::Closed, 9)).await.unwrap();
    storage.update_incident(update(ids[2], IncidentState::LeftAlone, 9)).await.unwrap();
    let listed = async |query| {
        let rows = storage.incidents(query).await.unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(all()).await, [ids[4], ids[3], ids[2], ids[1], ids[0]]);
    assert_eq!(listed(IncidentQuery { limit: 2, before: Some(ids[3]), ..all() }).await, [ids[2], ids[1]]);
    let unfinished = IncidentQuery { session: Some("a".to_owned()), unfinished: true, ..all() };
    assert_eq!(listed(unfinished).await, [ids[2], ids[0]]);
}

pub(crate) async fn alerts_stay_until_somebody_took_them(storage: Arc<dyn Storage>) {
    let id = storage.open_incident(opened("bot", 1)).await.unwrap();
    let alerts = vec!["{\"n\":1}".to_owned(), "{\"n\":2}".to_owned()];
    storage.update_incident(IncidentUpdate { alerts, ..update(id, IncidentState::Open, 5) }).await.unwrap();
    assert!(storage.due_alerts(IncidentSource::Monitor, 4, 10).await.unwrap().is_empty());
    let due = storage.due_alerts(IncidentSource::Monitor, 5, 10).await.unwrap();
    assert_eq!(due.iter().map(|alert| alert.body.as_str()).collect::<Vec<_>>(), ["{\"n\":1}", "{\"n\":2}"]);
    storage.settle_alert(due[0].id, Some(50)).await.unwrap();
    storage.settle_alert(due[1].id, None).await.unwrap();
    assert!(storage.due_alerts(IncidentSource::Monitor, 49, 10).await.unwrap().is_empty());
    let again = storage.due_alerts(IncidentSource::Monitor, 50, 10).await.unwrap();
    assert_eq!((again.len(), again[0].id, again[0].attempts, again[0].created_ms), (1, due[0].id, 1, 5));
}

pub(crate) async fn checkpoints_move_on_and_old_incidents_go(storage: Arc<dyn Storage>) {
    assert_eq!(storage.checkpoint("docker:api").await.unwrap(), None);
    storage.put_checkpoint("docker:api", "17", 1).await.unwrap();
    storage.put_checkpoint("docker:api", "18", 2).await.unwrap();
    assert_eq!(storage.checkpoint("docker:api").await.unwrap().as_deref(), Some("18"));
    let old = storage.open_incident(opened("bot", 1)).await.unwrap();
    let young = storage.open_incident(opened("bot", 1)).await.unwrap();
    let open = storage.open_incident(opened("bot", 1)).await.unwrap();
    let closed = IncidentUpdate { steps: vec![step(3, "closed")], ..update(old, IncidentState::Closed, 3) };
    storage.update_incident(closed).await.unwrap();
    storage.update_incident(update(young, IncidentState::Closed, 30)).await.unwrap();
    assert_eq!(storage.prune_incidents(30, 10).await.unwrap(), 1);
    assert!(storage.incident(old).await.unwrap().is_none());
    assert!(storage.incident_steps(old).await.unwrap().is_empty(), "its steps went with it");
    assert!(
        storage.incident(young).await.unwrap().is_some() && storage.incident(open).await.unwrap().is_some()
    );
}

pub(crate) async fn a_monitor_and_a_gateway_keep_their_own(storage: Arc<dyn Storage>) {
    let watched = storage.open_incident(opened("bot", 1)).await.unwrap();
    let new = NewIncident { source: IncidentSource::Gateway, ..opened("bot", 2) };
    let own = storage.open_incident(new).await.unwrap();
    for id in [watched, own] {
        let alerts = vec![format!("{{\"n\":{id}}}")];
        let update = IncidentUpdate { alerts, ..update(id, IncidentState::Open, 5) };
        assert!(storage.update_incident(update).await.unwrap());
    }
    for (source, id) in [(IncidentSource::Monitor, watched), (IncidentSource::Gateway, own)] {
        let kept = storage.incidents(IncidentQuery { source: Some(source), ..all() }).await.unwrap();
        assert_eq!(kept.iter().map(|row| (row.id, row.source)).collect::<Vec<_>>(), [(id, source)]);
        let due = storage.due_alerts(source, 5, 10).await.unwrap();
        let bodies: Vec<_> = due.iter().map(|alert| alert.body.clone()).collect();
        assert_eq!(bodies, [format!("{{\"n\":{id}}}")], "nobody sends the alerts of the other");
    }
    assert_eq!(storage.incidents(all()).await.unwrap().len(), 2);
}

pub(crate) async fn an_incident_that_comes_again_has_not_ended(storage: Arc<dyn Storage>) {
    let id = storage.open_incident(opened("bot", 1)).await.unwrap();
    let fresh = storage.incident(id).await.unwrap().unwrap();
    assert_eq!((fresh.times, fresh.outcome), (1, None));
    let closed =
        IncidentUpdate { outcome: Some("ceased".to_owned()), ..update(id, IncidentState::Closed, 3) };
    storage.update_incident(closed).await.unwrap();
    let again = IncidentUpdate { times: 2, ..update(id, IncidentState::Open, 4) };
    storage.update_incident(again).await.unwrap();
    let row = storage.incident(id).await.unwrap().unwrap();
    assert_eq!((row.state, row.times), (IncidentState::Open, 2));
    assert_eq!((row.outcome, row.closed_ms), (None, None));
}
