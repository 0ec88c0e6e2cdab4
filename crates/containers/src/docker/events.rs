//! What happens to containers, as the engine tells it.

use std::collections::HashMap;

use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptions;
use futures::{Stream, StreamExt};

use crate::docker::container::{HealthState, LABEL_MANAGED};
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;

/// Something that happened to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerEvent {
    /// The container's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// It is labelled as one that wakeeper may care for.
    pub managed: bool,
    /// When, nanoseconds since 1970.
    pub at_ns: i64,
    /// What.
    pub kind: EventKind,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// It was started.
    Start,
    /// Its main process ended.
    Die {
        /// The exit code.
        code: Option<i64>,
    },
    /// Memory ran out.
    OutOfMemory,
    /// It was removed.
    Destroy,
    /// Its health check has another opinion.
    Health(HealthState),
}

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct EventRequest {
    /// Only those of this container.
    pub container: Option<String>,
    /// Also those since then, nanoseconds since 1970, as far back as the engine remembers.
    pub since_ns: Option<i64>,
}

impl Engine {
    /// Events as they happen. The stream ends, or brings an error, when the engine goes away; the caller asks again
    /// with the time of the last event.
    pub fn events(
        &self,
        request: &EventRequest,
    ) -> impl Stream<Item = Result<ContainerEvent, EngineError>> + use<> {
        let mut filters = HashMap::from([
            ("type".to_owned(), vec!["container".to_owned()]),
            // Health checks fill the stream with `exec_*` otherwise.
            (
                "event".to_owned(),
                ["start", "die", "oom", "destroy", "health_status"].map(str::to_owned).to_vec(),
            ),
        ]);
        if let Some(container) = &request.container {
            filters.insert("container".to_owned(), vec![container.clone()]);
        }
        let since = request.since_ns.map(|at| format!("{}.{:09}", at / 1_000_000_000, at % 1_000_000_000));
        let options = EventsOptions { since, filters: Some(filters), ..EventsOptions::default() };
        self.docker.events(Some(options)).filter_map(|message| {
            std::future::ready(match message {
                Ok(message) => event_of(message).map(Ok),
                Err(error) => Some(Err(EngineError::of("tell its events", "", error))),
            })
        })
    }
}

fn event_of(message: EventMessage) -> Option<ContainerEvent> {
    let actor = message.actor?;
    let attributes = actor.attributes.unwrap_or_default();
    let action = message.action?;
    let kind = match action.split_once(':').map_or((action.as_str(), ""), |(name, rest)| (name, rest.trim()))
    {
        ("start", _) => EventKind::Start,
        ("die", _) => EventKind::Die { code: attributes.get("exitCode").and_then(|code| code.parse().ok()) },
        ("oom", _) => EventKind::OutOfMemory,
        ("destroy", _) => EventKind::Destroy,
        ("health_status", "healthy") => EventKind::Health(HealthState::Healthy),
        ("health_status", "unhealthy") => EventKind::Health(HealthState::Unhealthy),
        ("health_status", _) => EventKind::Health(HealthState::Starting),
        _ => return None,
    };
    Some(ContainerEvent {
        id: actor.id?,
        name: attributes.get("name").cloned().unwrap_or_default(),
        managed: attributes.get(LABEL_MANAGED).is_some_and(|value| value == "true"),
        at_ns: message
            .time_nano
            .or(message.time.map(|seconds| seconds.saturating_mul(1_000_000_000)))
            .unwrap_or(0),
        kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<ContainerEvent> {
        event_of(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn reads_what_the_engine_tells() {
        let die = read(
            r#"{"Type":"container","Action":"die","Actor":{"ID":"abc","Attributes":{"exitCode":"137","name":"api",
            "whatsapp.session.managed":"true"}},"time":5,"timeNano":5000000001}"#,
        )
        .unwrap();
        assert_eq!(die.kind, EventKind::Die { code: Some(137) });
        assert_eq!((die.name.as_str(), die.managed, die.at_ns), ("api", true, 5_000_000_001));
        let health = read(
            r#"{"Action":"health_status: unhealthy","Actor":{"ID":"abc","Attributes":{"name":"api"}},"time":5}"#,
        );
        assert_eq!(health.unwrap().kind, EventKind::Health(HealthState::Unhealthy));
        assert_eq!(read(r#"{"Action":"exec_start: sh","Actor":{"ID":"abc"}}"#), None);
    }
}
