//! The last deliveries of a session's events.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_delivery::webhook::{DeliveryOutcome, RecentDelivery, subscription_keys};

use crate::api::document::Failures;
use crate::api::error::ApiError;
use crate::api::extract::Parameters;
use crate::api::state::Api;

/// Most deliveries in one answer: as many as are remembered.
const MOST_DELIVERIES: usize = 50;

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(deliveries))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DeliveryParameters {
    /// How many to answer at most, 1 to 50.
    #[serde(default = "default_limit")]
    #[param(default = 50, minimum = 1, maximum = 50)]
    limit: usize,
}

fn default_limit() -> usize {
    MOST_DELIVERIES
}

/// An attempt to deliver an event.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WebhookDelivery {
    /// When it began, in milliseconds since 1970.
    timestamp: i64,
    /// The event's id, as receivers know it.
    #[schema(example = "evt_01h455vb4pex5vsknk084sn02q")]
    event_id: String,
    /// The event's name.
    #[schema(example = "message")]
    event: String,
    /// Which webhook: a stable digest of its address.
    subscription: String,
    /// The webhook's address; `null` when it is not one of the session's settings.
    url: Option<String>,
    /// Which attempt of this event it was, from 1.
    attempt: u32,
    /// The status of the receiver's answer; `null` when none came.
    status: Option<u16>,
    /// Why it failed; `null` when it did not.
    error: Option<String>,
    /// How long it took.
    milliseconds: u64,
    /// What follows.
    outcome: Outcome,
    /// When the next try is, in milliseconds since 1970; `null` when there is none.
    next_try: Option<i64>,
}

/// What follows an attempt.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDeliveryOutcome)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    /// The event was taken.
    Delivered,
    /// It is tried again.
    Retry,
    /// It was given up and is a dead letter.
    Dead,
    /// It was a test event, which is sent once.
    Test,
}

/// List the last deliveries, newest first
///
/// The last 50 attempts of each session, also those that succeeded. They are kept in memory, so the list begins anew when the gateway
/// starts, and that of a session which was quiet for long may be empty where more than 1000 sessions have webhooks.
#[utoipa::path(get, path = "/api/sessions/{session}/webhooks/deliveries", tag = "webhooks",
    params(("session" = String, Path, description = "Name of the session"), DeliveryParameters),
    responses((status = 200, description = "The deliveries", body = Vec<WebhookDelivery>), Failures))]
async fn deliveries(
    State(api): State<Api>,
    Path(session): Path<String>,
    Parameters(parameters): Parameters<DeliveryParameters>,
) -> Result<Json<Vec<WebhookDelivery>>, ApiError> {
    let (name, info) = api.session(&session).await?;
    if !(1..=MOST_DELIVERIES).contains(&parameters.limit) {
        return Err(ApiError::invalid(format!("limit: a number from 1 to {MOST_DELIVERIES}")));
    }
    let webhooks = &info.config.webhooks;
    let keys = subscription_keys(name.as_str(), webhooks);
    let url = |key: &str| {
        let at = keys.iter().position(|known| known == key)?;
        webhooks.get(at).map(wakeeper_waha::WebhookConfig::shown_url)
    };
    let recent = api.webhooks.recent(&name, parameters.limit);
    Ok(Json(recent.into_iter().map(|delivery| WebhookDelivery::of(delivery, url)).collect()))
}

impl WebhookDelivery {
    fn of(delivery: RecentDelivery, url: impl Fn(&str) -> Option<String>) -> Self {
        let (outcome, next_try) = match delivery.outcome {
            DeliveryOutcome::Delivered => (Outcome::Delivered, None),
            DeliveryOutcome::Retry(at_ms) => (Outcome::Retry, Some(at_ms)),
            DeliveryOutcome::Dead => (Outcome::Dead, None),
            DeliveryOutcome::Test => (Outcome::Test, None),
        };
        Self {
            timestamp: delivery.started_ms,
            event_id: delivery.event_id,
            event: delivery.event,
            url: url(&delivery.subscription),
            subscription: delivery.subscription,
            attempt: delivery.attempt,
            status: delivery.status,
            error: delivery.error,
            milliseconds: delivery.milliseconds,
            outcome,
            next_try,
        }
    }
}
