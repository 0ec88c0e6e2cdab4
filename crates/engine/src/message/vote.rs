//! Votes in polls. A vote names its answers by their hashes, encrypted under the secret of the poll's message, with the
//! addresses of the poll's author and of the voter bound in (whatsapp-rust's `wacore::poll`). Each of the two may have been
//! taken by phone number or by LID, so a vote is tried under every name that is known of them.

use whatsapp_rust::prelude::{MessageExt, MessageField, wa};
use whatsapp_rust::wacore::poll::{
    PollVoteCiphertext, compute_option_hash, decrypt_poll_vote_with_secret, encrypt_poll_vote_with_secret,
};

use super::{Incoming, poll};

pub(super) fn read(base: &wa::Message) -> Option<Incoming<'_>> {
    let update = base.poll_update_message.as_option()?;
    let target = update.poll_creation_message_key.as_option()?;
    Some(Incoming::Vote { target, vote: update.vote.as_option()? })
}

/// What a vote is bound to.
pub(crate) struct Ballot<'a> {
    /// The poll's message, as it is stored.
    pub poll: &'a wa::Message,
    /// Its id on the wire.
    pub poll_id: &'a str,
    /// Its author's names on the wire.
    pub authors: &'a [String],
    /// The voter's names on the wire.
    pub voters: &'a [String],
}

/// The chosen answers, in the poll's order; `None` when the vote cannot be opened. An answer that the poll did not have when
/// it was stored is left out.
pub(crate) fn chosen(vote: &wa::message::PollEncValue, ballot: &Ballot<'_>) -> Option<Vec<String>> {
    let secret = secret(ballot.poll)?;
    let sealed =
        PollVoteCiphertext { enc_payload: vote.enc_payload.as_deref()?, enc_iv: vote.enc_iv.as_deref()? };
    let mut pairs =
        ballot.authors.iter().flat_map(|author| ballot.voters.iter().map(move |voter| (author, voter)));
    let open = |(author, voter): (&String, &String)| {
        decrypt_poll_vote_with_secret(sealed, secret, ballot.poll_id, author, voter).ok()
    };
    let hashes = pairs.find_map(open)?;
    let is_chosen = |answer: &String| hashes.iter().any(|hash| *hash == compute_option_hash(answer));
    Some(answers(ballot.poll).filter(is_chosen).collect())
}

/// Why a vote cannot be cast.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VoteError {
    /// The message is no poll, or its secret is not known.
    #[error("pollMessageId: the message is no poll, or came without the secret that votes need")]
    NoPoll,
    /// The poll has no such answer.
    #[error("votes: the poll has no answer with the text at place {place}")]
    NoAnswer {
        /// Where it stands, counted from 1.
        place: usize,
    },
    /// The poll takes fewer answers.
    #[error("votes: the poll takes at most {most}")]
    TooMany {
        /// How many.
        most: u32,
    },
    /// It could not be encrypted.
    #[error("the vote could not be encrypted")]
    Sealing,
}

/// A vote for `answers`, under the only name that the ballot has of each side; `key` names the poll to the other side.
pub(crate) fn outgoing(
    key: wa::MessageKey,
    ballot: &Ballot<'_>,
    answers: &[String],
    now_ms: i64,
) -> Result<wa::Message, VoteError> {
    let base = ballot.poll.get_base_message();
    let question = poll::of(base).ok_or(VoteError::NoPoll)?;
    let secret = secret(ballot.poll).ok_or(VoteError::NoPoll)?;
    let ([author], [voter]) = (ballot.authors, ballot.voters) else { return Err(VoteError::Sealing) };
    let has = |answer: &String| {
        question.options.iter().any(|option| option.option_name.as_deref() == Some(answer.as_str()))
    };
    if let Some(index) = answers.iter().position(|answer| !has(answer)) {
        return Err(VoteError::NoAnswer { place: index + 1 });
    }
    // Zero, and nothing at all, is any number.
    let most = question.selectable_options_count.filter(|count| *count > 0);
    if let Some(most) = most.filter(|most| answers.len() > *most as usize) {
        return Err(VoteError::TooMany { most });
    }
    let hashes: Vec<_> = answers.iter().map(|answer| compute_option_hash(answer).to_vec()).collect();
    let (sealed, nonce) = encrypt_poll_vote_with_secret(&hashes, secret, ballot.poll_id, author, voter)
        .map_err(|_| VoteError::Sealing)?;
    Ok(wa::Message {
        poll_update_message: MessageField::some(wa::message::PollUpdateMessage {
            poll_creation_message_key: MessageField::some(key),
            vote: MessageField::some(wa::message::PollEncValue {
                enc_payload: Some(sealed),
                enc_iv: Some(nonce.to_vec()),
            }),
            sender_timestamp_ms: Some(now_ms),
            ..Default::default()
        }),
        ..Default::default()
    })
}

fn answers(message: &wa::Message) -> impl Iterator<Item = String> + '_ {
    let question = poll::of(message.get_base_message());
    question.into_iter().flat_map(|question| question.options.iter().filter_map(|o| o.option_name.clone()))
}

/// The secret stands beside the poll, or outside of what the poll is wrapped in.
pub(super) fn secret(message: &wa::Message) -> Option<&[u8]> {
    [message.get_base_message(), message].into_iter().find_map(|message| {
        let secret = message.message_context_info.as_option()?.message_secret.as_deref()?;
        (secret.len() == poll::SECRET).then_some(secret)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structured::Poll;

    const NUMBER: &str = "628111@s.whatsapp.net";
    const LID: &str = "900111@lid";
    const VOTER: &str = "628222@s.whatsapp.net";

    fn poll(multiple: bool) -> wa::Message {
        let options = ["red", "blue", "green"].map(str::to_owned).to_vec();
        super::poll::outgoing(Poll { name: "Which?".to_owned(), options, multiple }, [7; 32])
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn cast(poll: &wa::Message, author: &str, answers: &[&str]) -> Result<wa::Message, VoteError> {
        let (authors, voters) = (names(&[author]), names(&[VOTER]));
        let ballot = Ballot { poll, poll_id: "P1", authors: &authors, voters: &voters };
        outgoing(wa::MessageKey::default(), &ballot, &names(answers), 7)
    }

    fn open(vote: &wa::Message, poll: &wa::Message, id: &str, authors: &[&str]) -> Option<Vec<String>> {
        let Some(Incoming::Vote { vote, .. }) = read(vote) else { panic!("no vote") };
        let (authors, voters) = (names(authors), names(&["900222@lid", VOTER]));
        chosen(vote, &Ballot { poll, poll_id: id, authors: &authors, voters: &voters })
    }

    #[test]
    fn a_vote_is_read_under_whichever_name_it_was_cast() {
        let poll = poll(true);
        for author in [NUMBER, LID] {
            let vote = cast(&poll, author, &["green", "red"]).unwrap();
            assert_eq!(open(&vote, &poll, "P1", &[NUMBER, LID]).unwrap(), ["red", "green"]);
        }
        let none = cast(&poll, NUMBER, &[]).unwrap();
        assert_eq!(open(&none, &poll, "P1", &[NUMBER]), Some(Vec::new()));
    }

    #[test]
    fn a_vote_for_another_poll_or_of_another_author_stays_closed() {
        let poll = poll(true);
        let vote = cast(&poll, NUMBER, &["red"]).unwrap();
        assert_eq!(open(&vote, &poll, "P2", &[NUMBER]), None);
        assert_eq!(open(&vote, &poll, "P1", &["628333@s.whatsapp.net"]), None);
        let keyless = wa::Message { message_context_info: MessageField::default(), ..poll };
        assert_eq!(open(&vote, &keyless, "P1", &[NUMBER]), None);
    }

    #[test]
    fn what_a_poll_does_not_have_is_not_voted_for() {
        let single = poll(false);
        assert_eq!(cast(&single, NUMBER, &["red", "white"]), Err(VoteError::NoAnswer { place: 2 }));
        assert_eq!(cast(&single, NUMBER, &["red", "blue"]), Err(VoteError::TooMany { most: 1 }));
        assert!(cast(&single, NUMBER, &["red"]).is_ok());
        let text = super::super::text_message("hello".to_owned(), None);
        assert_eq!(cast(&text, NUMBER, &["red"]), Err(VoteError::NoPoll));
    }
}
