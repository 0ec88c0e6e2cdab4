//! Messages that are passed on: marked as forwarded, without the quote and the mentions that they had. Their files stay where
//! they lie on WhatsApp's servers.

use whatsapp_rust::prelude::{MessageExt, wa};

use super::poll::{self, SECRET};

/// A stored message, passed on; `None` when it is one that may be looked at only once, or says nothing that people see. A
/// poll gets a new secret, because it is a new poll.
pub(crate) fn outgoing(message: &wa::Message, secret: [u8; SECRET]) -> Option<wa::Message> {
    let base = message.get_base_message();
    if message.is_view_once() || super::content(base).is_none() {
        return None;
    }
    let mut forwarded = *base.prepare_for_forward();
    poll::with_secret(&mut forwarded, secret);
    Some(forwarded)
}

#[cfg(test)]
mod tests {
    use whatsapp_rust::prelude::MessageField;

    use super::super::{Quote, context, poll, quote_context, text_message};
    use super::*;
    use crate::structured::Poll;

    #[test]
    fn what_is_passed_on_is_marked_and_quotes_nothing() {
        let quote = Quote {
            stanza_id: "Q1".to_owned(),
            sender: "628222@s.whatsapp.net".to_owned(),
            message: text_message("the question".to_owned(), None),
        };
        let context = quote_context(Some(quote), &["628333@s.whatsapp.net".to_owned()]);
        for message in [text_message("answer".to_owned(), context), text_message("answer".to_owned(), None)] {
            let forwarded = outgoing(&message, [7; SECRET]).unwrap();
            assert_eq!(super::super::content(&forwarded).unwrap().body, "answer");
            let context = context::of(&forwarded).unwrap();
            assert_eq!((context.is_forwarded, context.stanza_id.as_deref()), (Some(true), None));
            assert!(context.mentioned_jid.is_empty());
        }
    }

    #[test]
    fn a_file_keeps_its_keys() {
        let image = wa::message::ImageMessage {
            direct_path: Some("/v/1".to_owned()),
            media_key: Some(vec![3; 32]),
            ..Default::default()
        };
        let message = wa::Message { image_message: MessageField::some(image.clone()), ..Default::default() };
        let forwarded = outgoing(&message, [7; SECRET]).unwrap();
        let sent = forwarded.image_message.as_option().unwrap();
        assert_eq!((&sent.direct_path, &sent.media_key), (&image.direct_path, &image.media_key));
        let once = wa::message::ImageMessage { view_once: Some(true), ..image };
        let once = wa::Message { image_message: MessageField::some(once), ..Default::default() };
        assert!(outgoing(&once, [7; SECRET]).is_none());
    }

    #[test]
    fn a_poll_becomes_a_new_one() {
        let options = ["a", "b"].map(str::to_owned).to_vec();
        let first = poll::outgoing(Poll { name: "?".to_owned(), options, multiple: false }, [1; SECRET]);
        let forwarded = outgoing(&first, [2; SECRET]).unwrap();
        let info = forwarded.message_context_info.as_option().unwrap();
        assert_eq!(info.message_secret.as_deref(), Some(&[2; SECRET][..]));
    }
}
