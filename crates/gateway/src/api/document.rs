//! The OpenAPI document: what holds for all resources. Each resource describes its own paths.

use std::collections::BTreeMap;

use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi};

use super::error::{ErrorBody, ErrorCode};

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
    security(("api_key" = [])),
    modifiers(&KeyHeader),
    tags(
        (name = "sessions", description = "Linked WhatsApp devices"),
        (name = "pairing", description = "Linking by QR code or by pairing code"),
        (name = "sending", description = "Messages out"),
        (name = "chats", description = "Stored messages, edits, deletes"),
        (name = "files", description = "Media of received messages"),
        (name = "webhooks", description = "Events that no receiver took"),
        (name = "server", description = "The gateway itself"),
    )
)]
pub struct Document;

struct KeyHeader;

impl Modify for KeyHeader {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Api-Key")));
        document.components.get_or_insert_with(Components::new).add_security_scheme("api_key", scheme);
    }
}

/// The error answers that every path under `/api` may give.
pub struct Failures;

impl IntoResponses for Failures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        [
            ("400", "The request is malformed"),
            ("401", "`X-Api-Key` is missing or wrong"),
            ("404", "No such session, message or file"),
            ("409", "Contradicts what is there"),
            ("413", "The body is too large"),
            ("415", "The body is not JSON"),
            ("422", "The session is not in a state to do it, or WhatsApp refused"),
            ("429", "Too much at once; see `Retry-After`"),
            ("500", "A fault of the gateway"),
            ("503", "The gateway is shutting down, or too much is under way; see `Retry-After`"),
            ("504", "WhatsApp did not answer in time"),
        ]
        .into_iter()
        .map(|(status, description)| {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
            let response =
                ResponseBuilder::new().description(description).content("application/json", content).build();
            (status.to_owned(), RefOr::T(response))
        })
        .collect()
    }
}
