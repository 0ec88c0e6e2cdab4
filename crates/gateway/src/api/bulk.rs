//! Bulk sends: one text to many people, one after the other; also a text that is to be sent later. WAHA has none of it.

use std::collections::{BTreeMap, HashSet};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::bulk::{Bulk, BulkRecipient, BulkStatus, MOST_RECIPIENTS, NewBulk, filled};
use wakeeper_model::{ChatId, ChatKind, time};

use super::document::Failures;
use super::error::ApiError;
use super::extract::{Body, Parameters};
use super::sending::{REPLAYED, idempotency_key, text};
use super::state::{Api, field};

/// Time between two messages when none is asked for, in milliseconds.
const DELAYS: (u64, u64) = (2_000, 5_000);
/// Longest time between two messages, in milliseconds: an hour.
const LONGEST_DELAY: u64 = 3_600_000;
/// Longest name of a bulk send, in characters.
const LONGEST_NAME: usize = 200;
/// Texts that a rehearsal shows.
const SHOWN: usize = 20;
/// Rows of a page when no number is asked for, and at most.
const PAGE: u32 = 100;
const LARGEST_PAGE: u32 = 1_000;

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(begin, list))
        .routes(routes!(get))
        .routes(routes!(recipients))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(cancel))
}

/// A text to send to many people.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BulkRequest)]
struct BulkRequest {
    /// What you call it.
    name: Option<String>,
    /// The text. `{word}` stands for a recipient's variable of that name.
    #[schema(example = "Hello {name}, we open at 9.")]
    text: String,
    /// Whom to send it to, 1 to 10,000: chat ids or phone numbers, or objects with variables. Whoever comes twice gets one.
    recipients: Vec<RecipientField>,
    /// Not before then: a time such as `2026-12-24T09:00:00Z`. At once without it.
    start_at: Option<String>,
    /// The shortest time between two messages, in milliseconds; 2000 without it.
    min_delay: Option<u64>,
    /// The longest time between two messages, in milliseconds; 5000 without it.
    max_delay: Option<u64>,
    /// Show "typing" before each message.
    #[serde(default = "yes")]
    typing: bool,
    /// Most people a day, in universal time, whom this account never exchanged a message with. The others wait until the
    /// next day. No limit without it.
    new_contacts_per_day: Option<u32>,
    /// Rehearse: answer what would be sent, and send nothing.
    #[serde(default)]
    dry_run: bool,
}

fn yes() -> bool {
    true
}

/// A recipient.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
enum RecipientField {
    /// A chat id or a phone number.
    Id(String),
    /// The same with variables for the text.
    With(RecipientWith),
}

/// A recipient with variables for the text.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = BulkRecipientRequest)]
struct RecipientWith {
    /// A chat id or a phone number.
    #[schema(example = "628111222333@c.us")]
    chat_id: String,
    /// What stands in the text for `{word}`.
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

/// Where a bulk send is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// Its time has not come.
    Scheduled,
    /// It goes on by itself.
    Running,
    /// It goes on by itself, later: something does not let it now.
    Held,
    /// It goes on when somebody says so.
    Paused,
    /// Nobody waits any more.
    Done,
    /// It was ended before that.
    Cancelled,
}

/// A bulk send.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BulkSend)]
struct BulkAnswer {
    /// Its id.
    id: String,
    /// What its caller calls it.
    name: Option<String>,
    /// Where it is.
    status: Status,
    /// Why it is held, paused or cancelled.
    reason: Option<String>,
    /// It is held until then.
    held_until: Option<String>,
    /// It begins, or began, then.
    start_at: String,
    /// It was asked for then.
    created_at: String,
    /// It last moved then.
    updated_at: String,
    /// Everybody.
    total: u64,
    /// Those whose turn has not come.
    waiting: u64,
    /// Those whose message WhatsApp's server has.
    sent: u64,
    /// Those who cannot be sent to.
    failed: u64,
}

impl From<Bulk> for BulkAnswer {
    fn from(bulk: Bulk) -> Self {
        Self {
            id: bulk.id,
            name: bulk.name,
            status: match bulk.status {
                BulkStatus::Scheduled => Status::Scheduled,
                BulkStatus::Running => Status::Running,
                BulkStatus::Held => Status::Held,
                BulkStatus::Paused => Status::Paused,
                BulkStatus::Done => Status::Done,
                BulkStatus::Cancelled => Status::Cancelled,
            },
            reason: bulk.reason,
            held_until: bulk.held_until_ms.map(shown),
            start_at: shown(bulk.start_ms),
            created_at: shown(bulk.created_ms),
            updated_at: shown(bulk.updated_ms),
            total: bulk.waiting + bulk.sent + bulk.failed,
            waiting: bulk.waiting,
            sent: bulk.sent,
            failed: bulk.failed,
        }
    }
}

fn shown(ms: i64) -> String {
    time::rfc3339(ms.saturating_mul(1_000_000))
}

/// What a rehearsal found.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BulkRehearsal)]
struct Rehearsal {
    /// Always `true`: nothing was sent.
    dry_run: bool,
    /// How many messages would go out.
    total: usize,
    /// How many recipients came before already.
    duplicates: usize,
    /// How long it would take at least, in seconds.
    shortest_seconds: u64,
    /// How long it would take at most, in seconds, where nothing holds it up.
    longest_seconds: u64,
    /// The first messages.
    messages: Vec<Rehearsed>,
}

/// A message that would go out.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BulkRehearsedMessage)]
struct Rehearsed {
    /// To whom.
    #[schema(value_type = String)]
    chat_id: ChatId,
    /// What.
    text: String,
}

/// One recipient of a bulk send.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BulkRecipient)]
struct RecipientAnswer {
    /// Its place, from 0.
    position: u32,
    /// Who.
    chat_id: String,
    /// `waiting`, `sent` or `failed`.
    status: &'static str,
    /// The message's id, once it is sent.
    message_id: Option<String>,
    /// Why it failed.
    error: Option<String>,
    /// It last moved then.
    updated_at: String,
}

impl From<BulkRecipient> for RecipientAnswer {
    fn from(recipient: BulkRecipient) -> Self {
        Self {
            position: recipient.position,
            chat_id: recipient.chat,
            status: match recipient.sent {
                None => "waiting",
                Some(true) => "sent",
                Some(false) => "failed",
            },
            message_id: recipient.message_id,
            error: recipient.error,
            updated_at: shown(recipient.updated_ms),
        }
    }
}

/// Somebody, and what stands for the words in braces.
type Recipient = (ChatId, Option<BTreeMap<String, String>>);

/// A request that was checked.
struct Checked {
    recipients: Vec<Recipient>,
    duplicates: usize,
    delays: (u64, u64),
    start_ms: Option<i64>,
}

impl BulkRequest {
    fn check(&mut self) -> Result<Checked, ApiError> {
        self.text = text("text", std::mem::take(&mut self.text))?;
        if self.name.as_ref().is_some_and(|name| name.chars().count() > LONGEST_NAME) {
            return Err(ApiError::invalid(format!("name: at most {LONGEST_NAME} characters")));
        }
        let min = self.min_delay.unwrap_or_else(|| DELAYS.0.min(self.max_delay.unwrap_or(DELAYS.0)));
        let max = self.max_delay.unwrap_or_else(|| DELAYS.1.max(min));
        if min > max || max > LONGEST_DELAY {
            return Err(ApiError::invalid(format!(
                "minDelay, maxDelay: milliseconds, at most {LONGEST_DELAY}, and minDelay not above maxDelay"
            )));
        }
        let start_ms = match self.start_at.as_deref().filter(|time| !time.is_empty()) {
            Some(written) => {
                Some(time::parse_rfc3339(written).map(|ns| ns / 1_000_000).ok_or_else(|| {
                    ApiError::invalid(
                        "startAt: a time such as 2026-12-24T09:00:00Z or 2026-12-24T09:00:00+07:00",
                    )
                })?)
            }
            None => None,
        };
        if self.recipients.is_empty() || self.recipients.len() > MOST_RECIPIENTS {
            return Err(ApiError::invalid(format!("recipients: 1 to {MOST_RECIPIENTS}")));
        }
        let (recipients, duplicates) = self.each_once()?;
        Ok(Checked { recipients, duplicates, delays: (min, max), start_ms })
    }

    /// Everybody, once, and how many came before already. Where one has variables the words in braces are words, for all.
    fn each_once(&self) -> Result<(Vec<Recipient>, usize), ApiError> {
        let with_variables = self
            .recipients
            .iter()
            .any(|one| matches!(one, RecipientField::With(with) if !with.variables.is_empty()));
        let (mut known, mut recipients, mut duplicates) = (HashSet::new(), Vec::new(), 0);
        for (place, recipient) in self.recipients.iter().enumerate() {
            let name = format!("recipients[{place}]");
            let (id, variables) = match recipient {
                RecipientField::Id(id) => (id, None),
                RecipientField::With(with) => (&with.chat_id, Some(&with.variables)),
            };
            let chat: ChatId = field(&name, id)?;
            if !matches!(chat.kind(), ChatKind::Phone | ChatKind::Lid | ChatKind::Group) {
                return Err(ApiError::invalid(format!("{name}: a person or a group")));
            }
            if !known.insert(chat.clone()) {
                duplicates += 1;
                continue;
            }
            let variables = with_variables.then(|| variables.cloned().unwrap_or_default());
            if let Some(variables) = &variables {
                let written = filled(&self.text, variables).map_err(|word| {
                    ApiError::invalid(format!(
                        "{name}.variables: the text has {{{word}}}, which is not among them"
                    ))
                })?;
                text(&format!("{name}: the text"), written)?;
            }
            recipients.push((chat, variables));
        }
        Ok((recipients, duplicates))
    }
}

/// The same request has the same hash: what goes to whom, when and how.
fn hash(request: &BulkRequest, checked: &Checked) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    part(request.name.as_deref().unwrap_or_default());
    part(&request.text);
    part(&format!(
        "{:?} {:?} {} {:?}",
        checked.delays, checked.start_ms, request.typing, request.new_contacts_per_day
    ));
    for (chat, variables) in &checked.recipients {
        part(chat.as_str());
        part(&format!("{variables:?}"));
    }
    hex::encode(hash.finalize())
}

/// Send a text to many people
///
/// One after the other, with a pause between them. It is stored before it is answered and goes on after a restart; nobody
/// gets it twice. Where WhatsApp lets the account write to no new people, it is held until the time that WhatsApp names.
/// One recipient and `startAt` make a message that is sent later. `dryRun` answers what would be sent.
#[utoipa::path(post, path = "/api/{session}/bulk", tag = "bulk", request_body = BulkRequest,
    params(("session" = String, Path, description = "Name of the session"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key and body begin it once")),
    responses((status = 201, description = "It is stored", body = BulkAnswer),
        (status = 200, description = "The answer to `dryRun`", body = Rehearsal), Failures))]
async fn begin(
    State(api): State<Api>,
    Path(session): Path<String>,
    headers: HeaderMap,
    Body(mut request): Body<BulkRequest>,
) -> Result<Response, ApiError> {
    let (name, _) = api.session(&session).await?;
    let key = idempotency_key(&headers)?.map(|key| key.as_str().to_owned());
    let checked = request.check()?;
    if request.dry_run {
        return Ok(Json(rehearsal(&request.text, &checked)).into_response());
    }
    let request_hash = hash(&request, &checked);
    let new = NewBulk {
        name: request.name,
        text: request.text,
        recipients: checked.recipients,
        start_ms: checked.start_ms,
        min_delay_ms: i64::try_from(checked.delays.0).unwrap_or(i64::MAX),
        max_delay_ms: i64::try_from(checked.delays.1).unwrap_or(i64::MAX),
        typing: request.typing,
        new_per_day: request.new_contacts_per_day,
        key,
        request_hash,
    };
    let (bulk, replayed) = api.sessions.begin_bulk(&name, new).await?;
    let mut response = (StatusCode::CREATED, Json(BulkAnswer::from(bulk))).into_response();
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn rehearsal(text: &str, checked: &Checked) -> Rehearsal {
    let total = checked.recipients.len();
    let pauses = (total as u64).saturating_sub(1);
    let messages = checked.recipients.iter().take(SHOWN);
    Rehearsal {
        dry_run: true,
        total,
        duplicates: checked.duplicates,
        shortest_seconds: pauses.saturating_mul(checked.delays.0) / 1_000,
        longest_seconds: pauses.saturating_mul(checked.delays.1).div_ceil(1_000),
        messages: messages
            .map(|(chat, variables)| {
                let written = variables.as_ref().and_then(|variables| filled(text, variables).ok());
                Rehearsed { chat_id: chat.clone(), text: written.unwrap_or_else(|| text.to_owned()) }
            })
            .collect(),
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PageParameters {
    /// At most so many, up to 1000; 100 without it.
    limit: Option<u32>,
    /// Skip so many.
    #[serde(default)]
    #[param(required = false)]
    offset: u32,
}

impl PageParameters {
    fn limit(&self) -> Result<u32, ApiError> {
        let limit = self.limit.unwrap_or(PAGE);
        if (1..=LARGEST_PAGE).contains(&limit) {
            return Ok(limit);
        }
        Err(ApiError::invalid(format!("limit: 1 to {LARGEST_PAGE}")))
    }
}

/// List bulk sends
///
/// The newest first.
#[utoipa::path(get, path = "/api/{session}/bulk", tag = "bulk",
    params(("session" = String, Path, description = "Name of the session"), PageParameters),
    responses((status = 200, description = "The bulk sends", body = Vec<BulkAnswer>), Failures))]
async fn list(
    State(api): State<Api>,
    Path(session): Path<String>,
    Parameters(page): Parameters<PageParameters>,
) -> Result<Json<Vec<BulkAnswer>>, ApiError> {
    let (name, _) = api.session(&session).await?;
    let bulks = api.sessions.bulks(&name, page.limit()?, page.offset).await?;
    Ok(Json(bulks.into_iter().map(BulkAnswer::from).collect()))
}

/// Read how far a bulk send is
#[utoipa::path(get, path = "/api/{session}/bulk/{id}", tag = "bulk",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The bulk send")),
    responses((status = 200, description = "The bulk send", body = BulkAnswer), Failures))]
async fn get(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<BulkAnswer>, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(Json(api.sessions.bulk(&name, &id).await?.into()))
}

/// Read what became of each recipient
#[utoipa::path(get, path = "/api/{session}/bulk/{id}/recipients", tag = "bulk",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The bulk send"), PageParameters),
    responses((status = 200, description = "The recipients, in their order", body = Vec<RecipientAnswer>), Failures))]
async fn recipients(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    Parameters(page): Parameters<PageParameters>,
) -> Result<Json<Vec<RecipientAnswer>>, ApiError> {
    let (name, _) = api.session(&session).await?;
    let recipients = api.sessions.bulk_recipients(&name, &id, page.limit()?, page.offset).await?;
    Ok(Json(recipients.into_iter().map(RecipientAnswer::from).collect()))
}

/// Pause a bulk send
///
/// A message that is under way still arrives.
#[utoipa::path(post, path = "/api/{session}/bulk/{id}/pause", tag = "bulk",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The bulk send")),
    responses((status = 200, description = "The bulk send", body = BulkAnswer), Failures))]
async fn pause(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<BulkAnswer>, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(Json(api.sessions.pause_bulk(&name, &id).await?.into()))
}

/// Let a bulk send go on
///
/// One that is held goes on before the time that it was held until, and is held again where WhatsApp refuses again.
#[utoipa::path(post, path = "/api/{session}/bulk/{id}/resume", tag = "bulk",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The bulk send")),
    responses((status = 200, description = "The bulk send", body = BulkAnswer), Failures))]
async fn resume(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<BulkAnswer>, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(Json(api.sessions.resume_bulk(&name, &id).await?.into()))
}

/// End a bulk send
///
/// A message that is under way still arrives. Whoever waits gets none.
#[utoipa::path(post, path = "/api/{session}/bulk/{id}/cancel", tag = "bulk",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The bulk send")),
    responses((status = 200, description = "The bulk send", body = BulkAnswer), Failures))]
async fn cancel(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<BulkAnswer>, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(Json(api.sessions.cancel_bulk(&name, &id).await?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(json: &str) -> Result<Checked, ApiError> {
        serde_json::from_str::<BulkRequest>(json).unwrap().check()
    }

    #[test]
    fn whoever_comes_twice_gets_one() {
        let checked = checked(
            r#"{"text": "hi {name}", "recipients": ["628111222333", "628111222333@c.us", "628111222334"]}"#,
        )
        .unwrap();
        assert_eq!((checked.recipients.len(), checked.duplicates), (2, 1));
        assert_eq!(checked.delays, DELAYS);
        let rehearsal = rehearsal("hi {name}", &checked);
        assert_eq!((rehearsal.shortest_seconds, rehearsal.longest_seconds), (2, 5));
        assert_eq!(rehearsal.messages[1].text, "hi {name}", "nobody has variables, so it is no word");
    }

    #[test]
    fn a_start_is_told_to_the_millisecond() {
        let checked = checked(
            r#"{"text": "a", "recipients": ["628111222333"], "startAt": "2026-12-24T09:00:00+07:00"}"#,
        );
        assert_eq!(checked.unwrap().start_ms, Some(1_798_077_600_000));
        assert_eq!(shown(1_798_077_600_000), "2026-12-24T02:00:00.000Z");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for wrong in [
            r#"{"text": "", "recipients": ["628111222333"]}"#,
            r#"{"text": "a", "recipients": []}"#,
            r#"{"text": "a", "recipients": ["status@broadcast"]}"#,
            r#"{"text": "a", "recipients": ["ann"]}"#,
            r#"{"text": "a", "recipients": ["628111222333"], "startAt": "tomorrow"}"#,
            r#"{"text": "a", "recipients": ["628111222333"], "minDelay": 5, "maxDelay": 4}"#,
            r#"{"text": "a {b}", "recipients": [{"chatId": "628111222333", "variables": {"c": "d"}}]}"#,
            r#"{"text": "a {b}", "recipients": [{"chatId": "628111222333", "variables": {"b": "d"}}, "628111222334"]}"#,
        ] {
            assert!(checked(wrong).is_err(), "{wrong}");
        }
    }
}
