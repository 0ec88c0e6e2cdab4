//! What receivers of webhooks are sent: the `webhooks` of the OpenAPI document, one for each event.

use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{Components, Schema, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    ContentBuilder, ObjectBuilder, PathItem, PathsBuilder, Ref, RefOr, Required, ResponseBuilder,
};
use utoipa::{Modify, PartialSchema, ToSchema};
use wakeeper_waha::{
    CallData, ChatArchiveEvent, ChatPresences, EventName, EventResponsePayload, EvidenceEvent, GroupJoin,
    GroupJoinRequestChange, GroupLeave, GroupParticipantsChange, GroupUpdated, IncidentEvent, Label,
    LabelChatAssociation, Message, MessageAck, MessageEdited, MessageReaction, MessageRevoked,
    PollVotePayload, SessionStatusBody, WebhookBody,
};

/// Adds the `webhooks`.
pub(super) struct Receivers;

impl Modify for Receivers {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Components::new);
        let webhooks = EventName::ALL.into_iter().fold(PathsBuilder::new(), |webhooks, event| {
            let body = body(event, components);
            webhooks.path(event.as_str(), PathItem::new(HttpMethod::Post, operation(event, body)))
        });
        document.webhooks = Some(webhooks.build());
    }
}

/// The schema of an event's body, with all that it refers to in `components`.
fn body(event: EventName, components: &mut Components) -> Ref {
    match event {
        EventName::SessionStatus => of::<SessionStatusBody>(components),
        EventName::Message | EventName::MessageAny | EventName::MessageWaiting => of::<Message>(components),
        EventName::MessageAck | EventName::MessageAckGroup => of::<MessageAck>(components),
        EventName::MessageReaction => of::<MessageReaction>(components),
        EventName::MessageRevoked => of::<MessageRevoked>(components),
        EventName::MessageEdited => of::<MessageEdited>(components),
        EventName::GroupV2Join => of::<GroupJoin>(components),
        EventName::GroupV2Leave => of::<GroupLeave>(components),
        EventName::GroupV2Update => of::<GroupUpdated>(components),
        EventName::GroupV2Participants => of::<GroupParticipantsChange>(components),
        EventName::GroupV2ParticipantsJoinRequest => of::<GroupJoinRequestChange>(components),
        EventName::PollVote | EventName::PollVoteFailed => of::<PollVotePayload>(components),
        EventName::LabelUpsert | EventName::LabelDeleted => of::<Label>(components),
        EventName::LabelChatAdded | EventName::LabelChatDeleted => of::<LabelChatAssociation>(components),
        EventName::CallReceived | EventName::CallAccepted | EventName::CallRejected => {
            of::<CallData>(components)
        }
        EventName::EventResponse | EventName::EventResponseFailed => of::<EventResponsePayload>(components),
        EventName::ChatArchive => of::<ChatArchiveEvent>(components),
        EventName::PresenceUpdate => of::<ChatPresences>(components),
        EventName::SessionIncident => of::<IncidentEvent>(components),
        EventName::SessionEvidence => of::<EvidenceEvent>(components),
    }
}

fn of<P: ToSchema>(components: &mut Components) -> Ref {
    let name = format!("WebhookBody_{}", P::name());
    let mut schemas: Vec<(String, RefOr<Schema>)> = Vec::new();
    WebhookBody::<P>::schemas(&mut schemas);
    components.schemas.extend(schemas);
    components.schemas.insert(P::name().into_owned(), P::schema());
    components.schemas.insert(name.clone(), WebhookBody::<P>::schema());
    Ref::from_schema_name(name)
}

fn operation(event: EventName, body: Ref) -> utoipa::openapi::path::Operation {
    let header = |name: &str, description: &str, required| -> Parameter {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .description(Some(description))
            .required(required)
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .build()
    };
    let json = ContentBuilder::new().schema(Some(body)).build();
    OperationBuilder::new()
        .tag("webhooks")
        // The receiver's own; the gateway sends it no key of its API.
        .securities(Some([SecurityRequirement::default()]))
        .summary(Some(event.summary()))
        .parameter(header("X-Webhook-Request-Id", "Another one in every attempt", Required::True))
        .parameter(header(
            "X-Webhook-Timestamp",
            "When it was sent, in milliseconds since 1970",
            Required::True,
        ))
        .parameter(header(
            "X-Webhook-Hmac",
            "HMAC of the body in hex, when the webhook has a key",
            Required::False,
        ))
        .parameter(header(
            "X-Webhook-Hmac-Algorithm",
            "`sha512`, when the webhook has a key",
            Required::False,
        ))
        .request_body(Some(
            RequestBodyBuilder::new()
                .content("application/json", json)
                .required(Some(Required::True))
                .build(),
        ))
        .response(
            "2XX",
            ResponseBuilder::new().description("It was taken; anything else is tried again").build(),
        )
        .build()
}
