//! Answers to events. An answer is encrypted under the secret of the event's message, with the addresses of the event's author and of
//! who answers bound in (whatsapp-rust's `wacore::event`). Each of the two may have been taken by phone number or by LID, so an
//! answer is tried under every name that is known of them.

use wakeeper_waha::{EventAnswer, EventResponse};
use whatsapp_rust::prelude::wa;
use whatsapp_rust::wacore::event::decrypt_event_response_with_secret;

use super::{Ballot, Incoming, vote};

pub(super) fn read(base: &wa::Message) -> Option<Incoming<'_>> {
    let answer = base.enc_event_response_message.as_option()?;
    let target = answer.event_creation_message_key.as_option()?;
    Some(Incoming::EventAnswer { target, answer })
}

/// What was answered; `None` when the answer cannot be opened. In the ballot the event stands for the poll.
pub(crate) fn opened(
    answer: &wa::message::EncEventResponseMessage,
    ballot: &Ballot<'_>,
) -> Option<EventResponse> {
    use wa::message::event_response_message::EventResponseType as Said;
    let secret = vote::secret(ballot.poll)?;
    let (sealed, nonce) = (answer.enc_payload.as_deref()?, answer.enc_iv.as_deref()?);
    let mut pairs =
        ballot.authors.iter().flat_map(|author| ballot.voters.iter().map(move |voter| (author, voter)));
    let open = |(author, voter): (&String, &String)| {
        decrypt_event_response_with_secret(sealed, nonce, secret, ballot.poll_id, author, voter).ok()
    };
    let opened = pairs.find_map(open)?;
    let response = match opened.response {
        Some(Said::GOING) => EventAnswer::Going,
        Some(Said::NOT_GOING) => EventAnswer::NotGoing,
        Some(Said::MAYBE) => EventAnswer::Maybe,
        _ => EventAnswer::Unknown,
    };
    Some(EventResponse {
        response,
        timestamp_ms: opened.timestamp_ms.unwrap_or_default(),
        extra_guest_count: opened.extra_guest_count.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use whatsapp_rust::buffa::MessageField;
    use whatsapp_rust::wacore::event::encrypt_event_response_with_secret;

    use super::*;
    use crate::structured::Event;

    const NUMBER: &str = "628111@s.whatsapp.net";
    const LID: &str = "900111@lid";

    fn event() -> wa::Message {
        let event = Event {
            name: "Rehearsal".to_owned(),
            description: None,
            start_s: 7,
            end_s: None,
            place: None,
            guests: true,
        };
        super::super::event_message(event, [7; 32])
    }

    fn sealed(author: &str, responder: &str) -> wa::Message {
        let said = wa::message::EventResponseMessage {
            response: Some(wa::message::event_response_message::EventResponseType::NOT_GOING),
            timestamp_ms: Some(9),
            extra_guest_count: Some(2),
        };
        let (payload, nonce) =
            encrypt_event_response_with_secret(&said, &[7; 32], "E1", author, responder).unwrap();
        wa::Message {
            enc_event_response_message: MessageField::some(wa::message::EncEventResponseMessage {
                event_creation_message_key: MessageField::some(wa::MessageKey::default()),
                enc_payload: Some(payload),
                enc_iv: Some(nonce.to_vec()),
            }),
            ..Default::default()
        }
    }

    fn open(message: &wa::Message, event: &wa::Message, id: &str) -> Option<EventResponse> {
        let Some(Incoming::EventAnswer { answer, .. }) = read(message) else { panic!("no answer") };
        let names = |names: [&str; 2]| names.map(str::to_owned);
        let (authors, voters) = (names([NUMBER, LID]), names(["900222@lid", "628222@s.whatsapp.net"]));
        opened(answer, &Ballot { poll: event, poll_id: id, authors: &authors, voters: &voters })
    }

    #[test]
    fn an_answer_is_read_under_whichever_names_it_was_given() {
        let expected =
            EventResponse { response: EventAnswer::NotGoing, timestamp_ms: 9, extra_guest_count: 2 };
        for (author, responder) in [(NUMBER, "628222@s.whatsapp.net"), (LID, "900222@lid")] {
            assert_eq!(open(&sealed(author, responder), &event(), "E1"), Some(expected));
        }
    }

    #[test]
    fn an_answer_to_another_event_stays_closed() {
        let answer = sealed(NUMBER, "900222@lid");
        assert_eq!(open(&answer, &event(), "E2"), None);
        let keyless = wa::Message { message_context_info: MessageField::default(), ..event() };
        assert_eq!(open(&answer, &keyless, "E1"), None);
        assert_eq!(open(&sealed("628333@s.whatsapp.net", "900222@lid"), &event(), "E1"), None);
    }
}
