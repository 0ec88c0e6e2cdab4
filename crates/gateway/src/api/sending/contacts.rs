//! Contact cards.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::structured::{Card, Structure};
use wakeeper_waha::Message;

use super::addressed::Addressed;
use super::default_session;
use crate::api::document::Failures;
use crate::api::error::ApiError;
use crate::api::extract::Body;
use crate::api::state::Api;

/// Most cards in one message.
const MOST_CARDS: usize = 100;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(send_contacts))
}

/// Contact cards to send.
#[derive(Deserialize, ToSchema)]
#[schema(as = MessageContactVcardRequest)]
struct ContactsRequest {
    /// Name of the session.
    #[serde(default = "default_session")]
    session: String,
    /// To whom.
    #[serde(rename = "chatId")]
    #[schema(example = "628111222333@c.us")]
    chat_id: String,
    /// The cards, 1 to 100.
    contacts: Vec<CardField>,
    /// Id of the message it answers; the part that its sender chose is enough.
    reply_to: Option<String>,
    /// The id that the message gets; one is made up without it.
    id: Option<String>,
}

/// A contact card: `vcard`, or the other fields, of which a vCard is made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Contact)]
struct CardField {
    /// The whole card as a vCard text.
    #[schema(
        example = "BEGIN:VCARD\nVERSION:3.0\nFN:Jane Doe\nTEL;waid=628111222333:+62 811 1222 333\nEND:VCARD"
    )]
    vcard: Option<String>,
    /// The name that is shown.
    full_name: Option<String>,
    /// Where the person works.
    organization: Option<String>,
    /// The phone number, as it is shown.
    phone_number: Option<String>,
    /// The phone number on WhatsApp, without signs; without it the card has no button to write to the person.
    whatsapp_id: Option<String>,
}

impl CardField {
    fn check(self, place: usize) -> Result<Card, ApiError> {
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (vcard, name, organization) = (said(self.vcard), said(self.full_name), said(self.organization));
        let (number, whatsapp_id) = (said(self.phone_number), said(self.whatsapp_id));
        let fields = [&name, &organization, &number, &whatsapp_id].into_iter().any(Option::is_some);
        let card = match vcard {
            Some(_) if fields => {
                return Err(ApiError::invalid(format!(
                    "contacts[{place}]: give either vcard, or fullName and phoneNumber"
                )));
            }
            Some(vcard) => Card::of_text(&vcard),
            None => Card::of_person(
                &name.unwrap_or_default(),
                organization.as_deref(),
                &number.unwrap_or_default(),
                whatsapp_id.as_deref(),
            ),
        };
        card.map_err(|error| ApiError::invalid(format!("contacts[{place}].{error}")))
    }
}

/// Send contact cards
#[utoipa::path(post, path = "/api/sendContactVcard", tag = "sending", request_body = ContactsRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The message", body = Message), Failures))]
async fn send_contacts(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(request): Body<ContactsRequest>,
) -> Result<Response, ApiError> {
    let ContactsRequest { session, chat_id, contacts, reply_to, id } = request;
    if !(1..=MOST_CARDS).contains(&contacts.len()) {
        return Err(ApiError::invalid(format!("contacts: 1 to {MOST_CARDS} cards")));
    }
    let cards = contacts.into_iter().enumerate().map(|(place, card)| card.check(place));
    let cards = Structure::Contacts(cards.collect::<Result<_, _>>()?);
    Addressed { session, chat_id, reply_to, id }.send(&api, &headers, cards).await
}
