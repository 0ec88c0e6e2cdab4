//! The OpenAPI document: what holds for all resources. Each resource describes its own paths.

mod complete;
mod examples;

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::openapi::schema::{KnownFormat, Schema, SchemaFormat, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi, PartialSchema, ToSchema};

use super::error::{ErrorBody, ErrorCode};
use super::receivers::Receivers;

pub(super) use complete::complete;
#[cfg(test)]
pub(super) use examples::all as examples_of_requests;

/// The document before the resources add their paths.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "wakeeper",
        description = "A WhatsApp gateway. Paths, bodies and answers are WAHA's where WAHA has them. \
                       Errors carry a stable `code`. Every POST that sends takes `Idempotency-Key`: the same key \
                       and body give the same message, once, also across a crash."
    ),
    components(schemas(ErrorBody, ErrorCode)),
    security(("api_key" = []), ("api_key_in_query" = [])),
    modifiers(&KeyHeader, &DescribedOnce, &Receivers),
    tags(
        (name = "sessions", description = "Linked WhatsApp devices"),
        (name = "pairing", description = "Linking by QR code or by pairing code"),
        (name = "sending", description = "Messages out"),
        (name = "bulk", description = "One text to many people, one after the other; texts that are sent later"),
        (name = "chats", description = "Stored messages, edits, deletes"),
        (name = "presence", description = "Who is there, and who is writing"),
        (name = "contacts", description = "Who is on WhatsApp, what they show, who is blocked"),
        (name = "lids", description = "The two names of people: hidden id and phone number"),
        (name = "groups", description = "Groups: members, settings, invite codes, requests to join"),
        (name = "labels", description = "Labels of chats"),
        (name = "calls", description = "Calls that ring"),
        (name = "events", description = "Events of the calendar"),
        (name = "profile", description = "What the account shows of itself"),
        (name = "channels", description = "Channels: made, found, followed, read"),
        (name = "status", description = "Status updates (stories)"),
        (name = "files", description = "Media of received messages"),
        (name = "events", description = "Events as they happen, and the log of them"),
        (name = "webhooks", description = "Events that no receiver took"),
        (name = "care", description = "How a session is by evidence; repairs, backups, restores, incidents"),
        (name = "keys", description = "API keys with scopes, and what was done with them"),
        (name = "server", description = "The gateway itself"),
    )
)]
pub struct Document;

struct KeyHeader;

impl Modify for KeyHeader {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Api-Key")));
        let in_query = SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::with_description(
            "x-api-key",
            "For clients that cannot set a header: addresses are written into logs of proxies",
        )));
        let components = document.components.get_or_insert_with(Components::new);
        components.add_security_scheme("api_key", scheme);
        components.add_security_scheme("api_key_in_query", in_query);
    }
}

/// A file as it is: only the document has it.
pub enum Bytes {}

impl PartialSchema for Bytes {
    fn schema() -> RefOr<Schema> {
        let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
        ObjectBuilder::new().schema_type(Type::String).format(Some(binary)).into()
    }
}

impl ToSchema for Bytes {}

/// It was done, and there is nothing to tell of it.
#[derive(Serialize, ToSchema)]
pub struct Done {
    /// Always `true`.
    success: bool,
}

impl Done {
    /// The one that there is.
    pub const DONE: Self = Self { success: true };
}

/// The error answers that every path under `/api` may give: status, name in the document, description.
const FAILURES: [(&str, &str, &str); 13] = [
    ("400", "BadRequest", "The request is malformed: `message` names the field"),
    ("401", "Unauthorized", "`X-Api-Key` is missing or wrong"),
    (
        "403",
        "Forbidden",
        "The API key is not good for it or for that session; keys are off, and the request did not address this machine by a \
         loopback name; or WhatsApp forbids it in the group or channel",
    ),
    (
        "404",
        "NotFound",
        "There is no such session, message, group, channel, label, call, file, backup, incident or key",
    ),
    (
        "409",
        "Conflict",
        "Another process or another repair holds it, it would do harm, another message has the id, or its `Idempotency-Key` was used with another body",
    ),
    ("413", "TooLarge", "The body is too large"),
    ("415", "NotJson", "The body is neither JSON nor, with a key, a form"),
    ("422", "WrongState", "The session is not in a state to do it or exists already, or WhatsApp refused"),
    ("429", "TooMuchAtOnce", "Too much at once; see `Retry-After`"),
    ("500", "Fault", "A fault of wakeeper; its log says more"),
    ("502", "Upstream", "WhatsApp's servers failed at it"),
    ("503", "Unavailable", "The gateway is shutting down or overloaded, or cannot write; see `Retry-After`"),
    ("504", "NoAnswer", "WhatsApp did not answer in time"),
];

/// Describes the error answers once; the paths refer to them.
struct DescribedOnce;

impl Modify for DescribedOnce {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Components::new);
        for (_, name, description) in FAILURES {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
            let response =
                ResponseBuilder::new().description(description).content("application/json", content).build();
            components.responses.insert(name.to_owned(), response.into());
        }
    }
}

/// The error answers that every path under `/api` may give.
pub struct Failures;

impl IntoResponses for Failures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let reference = |name| RefOr::Ref(Ref::from_response_name(name));
        FAILURES.map(|(status, name, _)| (status.to_owned(), reference(name))).into()
    }
}
