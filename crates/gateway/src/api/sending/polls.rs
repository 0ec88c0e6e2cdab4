//! Polls and votes.

use std::collections::HashSet;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::structured::{Poll, Structure, Vote};
use wakeeper_model::{ChatId, NamedMessage};
use wakeeper_waha::{Message, PollVotePayload};

use super::addressed::{Addressed, needed};
use super::default_session;
use crate::api::document::Failures;
use crate::api::error::ApiError;
use crate::api::extract::Body;
use crate::api::naming;
use crate::api::state::{Api, field};
use crate::api::strict::NotBuilt;

/// Longest question, in characters, as WhatsApp's apps have it.
const LONGEST_QUESTION: usize = 255;
/// Longest answer, in characters.
const LONGEST_ANSWER: usize = 100;
/// Most answers.
const MOST_ANSWERS: usize = 12;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(send_poll)).routes(routes!(send_vote))
}

/// A poll to send.
#[derive(Deserialize, ToSchema)]
#[schema(as = MessagePollRequest)]
struct PollRequest {
    /// Name of the session.
    #[serde(default = "default_session")]
    session: String,
    /// To whom.
    #[serde(rename = "chatId")]
    #[schema(example = "628111222333@c.us")]
    chat_id: String,
    /// The poll.
    poll: PollField,
    /// Id of the message it answers; the part that its sender chose is enough.
    reply_to: Option<String>,
    /// The id that the message gets; one is made up without it.
    id: Option<String>,
}

/// A question with answers to choose from.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MessagePoll)]
struct PollField {
    /// The question.
    #[schema(example = "How are you?")]
    name: String,
    /// The answers, 2 to 12, each one once.
    #[schema(example = json!(["Awesome!", "Good!", "Not bad!"]))]
    options: Vec<String>,
    /// More than one may be chosen.
    multiple_answers: Option<bool>,
}

/// A vote to cast.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MessagePollVoteRequest)]
struct VoteRequest {
    /// Name of the session.
    #[serde(default = "default_session")]
    session: String,
    /// The chat of the poll.
    #[schema(example = "628111222333@c.us")]
    chat_id: String,
    /// Id of the poll; the part that its sender chose is enough.
    #[schema(example = "false_628111222333@c.us_3EB0C767D097B7C7C045")]
    poll_message_id: String,
    #[serde(default, rename = "pollServerId")]
    _poll_server_id: NotBuilt,
    /// All answers that are chosen, by their texts; none takes the vote back.
    #[schema(example = json!(["Awesome!"]))]
    votes: Vec<String>,
}

/// Send a poll
#[utoipa::path(post, path = "/api/sendPoll", tag = "sending", request_body = PollRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The message", body = Message), Failures))]
async fn send_poll(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(request): Body<PollRequest>,
) -> Result<Response, ApiError> {
    let PollRequest { session, chat_id, poll, reply_to, id } = request;
    let poll = Structure::Poll(poll.check()?);
    Addressed { session, chat_id, reply_to, id }.send(&api, &headers, poll).await
}

impl PollField {
    fn check(self) -> Result<Poll, ApiError> {
        let Self { name, options, multiple_answers } = self;
        let name = needed("poll.name", name, LONGEST_QUESTION)?;
        if !(2..=MOST_ANSWERS).contains(&options.len()) {
            return Err(ApiError::invalid(format!("poll.options: 2 to {MOST_ANSWERS} answers")));
        }
        let check = |(place, answer)| needed(&format!("poll.options[{place}]"), answer, LONGEST_ANSWER);
        let options: Vec<String> = options.into_iter().enumerate().map(check).collect::<Result<_, _>>()?;
        distinct("poll.options", &options)?;
        Ok(Poll { name, options, multiple: multiple_answers.unwrap_or(false) })
    }
}

/// Two answers of one text cannot be told from each other: votes name them by a hash of it.
fn distinct(name: &str, answers: &[String]) -> Result<(), ApiError> {
    let mut seen = HashSet::new();
    match answers.iter().position(|answer| !seen.insert(answer)) {
        Some(place) => Err(ApiError::invalid(format!("{name}[{place}]: given before"))),
        None => Ok(()),
    }
}

/// Vote in a poll
///
/// The vote takes the place of an earlier one.
#[utoipa::path(post, path = "/api/sendPollVote", tag = "sending", request_body = VoteRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The vote", body = PollVotePayload), Failures))]
async fn send_vote(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(request): Body<VoteRequest>,
) -> Result<Response, ApiError> {
    let VoteRequest { session, chat_id, poll_message_id, _poll_server_id, votes: options } = request;
    distinct("votes", &options)?;
    let chat: ChatId = field("chatId", &chat_id)?;
    let named: NamedMessage = field("pollMessageId", &poll_message_id)?;
    if matches!(&named, NamedMessage::Whole(id) if id.chat != chat) {
        return Err(ApiError::invalid("pollMessageId: not in the chat chatId"));
    }
    let poll = naming::message(&api, &session, Some(&chat), named).await?;
    let vote = Structure::Vote(Vote { poll, options });
    Addressed { session, chat_id, ..Addressed::default() }.send(&api, &headers, vote).await
}
