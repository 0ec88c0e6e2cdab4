//! Messages with buttons, and presses on buttons.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::structured::{Button, ButtonAction, ButtonReply, Buttons, Structure};
use wakeeper_waha::Message;

use super::addressed::{Addressed, bounded, needed};
use super::{default_session, text};
use crate::api::document::Failures;
use crate::api::error::ApiError;
use crate::api::extract::Body;
use crate::api::media::{FileField, check_url};
use crate::api::state::Api;

/// Longest text of a button, of a header and of a footer, in characters.
const LONGEST_TEXT: usize = 1_024;
/// Most buttons.
const MOST_BUTTONS: usize = 10;

#[expect(deprecated, reason = "WAHA's older paths are served and documented as such")]
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(send_buttons)).routes(routes!(send_reply))
}

/// A text with buttons to send.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SendButtonsRequest)]
struct ButtonsRequest {
    /// Name of the session.
    #[serde(default = "default_session")]
    session: String,
    /// To whom.
    #[schema(example = "628111222333@c.us")]
    chat_id: String,
    /// The title.
    header: Option<String>,
    /// A picture above the text.
    header_image: Option<FileField>,
    /// The text.
    #[schema(example = "How are you?")]
    body: String,
    /// The small text at the end.
    footer: Option<String>,
    /// The buttons, 1 to 10.
    buttons: Vec<ButtonField>,
}

/// A button: its `type` says which other field it needs.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Button)]
struct ButtonField {
    /// What it does.
    #[serde(default, rename = "type")]
    kind: ButtonKind,
    /// Its text.
    #[schema(example = "I am good!")]
    text: String,
    /// With `reply`: what the answer names it by; its text without.
    id: Option<String>,
    /// With `url`: what it opens.
    url: Option<String>,
    /// With `call`: whom it calls.
    phone_number: Option<String>,
    /// With `copy`: what it copies.
    copy_code: Option<String>,
}

/// What a button does.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ButtonKind {
    /// Answers.
    #[default]
    Reply,
    /// Opens an address.
    Url,
    /// Calls a number.
    Call,
    /// Copies a text.
    Copy,
}

impl ButtonField {
    fn check(self, place: usize) -> Result<Button, ApiError> {
        let name = format!("buttons[{place}]");
        let text = needed(&format!("{name}.text"), self.text, LONGEST_TEXT)?;
        let mut given = [
            (ButtonKind::Reply, "id", self.id),
            (ButtonKind::Url, "url", self.url),
            (ButtonKind::Call, "phoneNumber", self.phone_number),
            (ButtonKind::Copy, "copyCode", self.copy_code),
        ];
        let mut value = None;
        for (kind, field, given) in &mut given {
            let given = given.take().filter(|given| !given.is_empty());
            match given {
                Some(given) if *kind == self.kind => {
                    value = Some(bounded(&format!("{name}.{field}"), given, LONGEST_TEXT)?);
                }
                // What a button of this type does not have would be lost.
                Some(_) => {
                    return Err(ApiError::invalid(format!("{name}.{field}: not with a button of this type")));
                }
                None if *kind == self.kind && *kind != ButtonKind::Reply => {
                    return Err(ApiError::invalid(format!("{name}.{field}: must not be empty")));
                }
                None => {}
            }
        }
        let value = value.unwrap_or_else(|| text.clone());
        let action = match self.kind {
            ButtonKind::Reply => ButtonAction::Reply(value),
            ButtonKind::Url => ButtonAction::Url(check_url(&format!("{name}.url"), value)?),
            ButtonKind::Call => ButtonAction::Call(number(&format!("{name}.phoneNumber"), value)?),
            ButtonKind::Copy => ButtonAction::Copy(value),
        };
        Ok(Button { text, action })
    }
}

/// A number as people write it: the signs in it mean nothing to a phone.
fn number(name: &str, value: String) -> Result<String, ApiError> {
    let digits = value.chars().filter(char::is_ascii_digit).count();
    let is_number = value.chars().all(|letter| letter.is_ascii_digit() || "+-()./ ".contains(letter));
    if is_number && (3..=20).contains(&digits) {
        return Ok(value);
    }
    Err(ApiError::invalid(format!("{name}: a phone number such as +62 811 1222 333")))
}

/// Send buttons
///
/// WhatsApp delivers buttons unreliably: it decides itself whether an app shows them, and may drop the message without a
/// word. A poll or a plain text with numbered choices always arrives.
#[utoipa::path(post, path = "/api/sendButtons", tag = "sending", request_body = ButtonsRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The message", body = Message), Failures))]
#[deprecated]
async fn send_buttons(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(request): Body<ButtonsRequest>,
) -> Result<Response, ApiError> {
    let ButtonsRequest { session, chat_id, header, header_image, body, footer, buttons } = request;
    if !(1..=MOST_BUTTONS).contains(&buttons.len()) {
        return Err(ApiError::invalid(format!("buttons: 1 to {MOST_BUTTONS}")));
    }
    let checked = buttons.into_iter().enumerate().map(|(place, button)| button.check(place));
    let buttons = Buttons {
        header: bounded("header", header.unwrap_or_default(), LONGEST_TEXT)?,
        image: header_image.map(|image| image.check_named("headerImage", None)).transpose()?,
        body: text("body", body)?,
        footer: bounded("footer", footer.unwrap_or_default(), LONGEST_TEXT)?,
        buttons: checked.collect::<Result<_, _>>()?,
    };
    let buttons = Structure::Buttons(buttons);
    Addressed { session, chat_id, ..Addressed::default() }.send(&api, &headers, buttons).await
}

/// A press on a button.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MessageButtonReply)]
struct ReplyRequest {
    /// Name of the session.
    #[serde(default = "default_session")]
    session: String,
    /// To whom.
    #[schema(example = "628111222333@c.us")]
    chat_id: String,
    /// Id of the message with the buttons; the part that its sender chose is enough.
    reply_to: Option<String>,
    /// The button's text.
    #[schema(example = "No")]
    selected_display_text: String,
    /// The button's id.
    #[serde(rename = "selectedButtonID")]
    #[schema(example = "button:id")]
    selected_button_id: String,
}

/// Press a button
#[utoipa::path(post, path = "/api/send/buttons/reply", tag = "sending", request_body = ReplyRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The message", body = Message), Failures))]
async fn send_reply(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(request): Body<ReplyRequest>,
) -> Result<Response, ApiError> {
    let ReplyRequest { session, chat_id, reply_to, selected_display_text, selected_button_id } = request;
    let press = ButtonReply {
        id: needed("selectedButtonID", selected_button_id, LONGEST_TEXT)?,
        text: needed("selectedDisplayText", selected_display_text, LONGEST_TEXT)?,
    };
    let press = Structure::ButtonReply(press);
    Addressed { session, chat_id, reply_to, id: None }.send(&api, &headers, press).await
}
