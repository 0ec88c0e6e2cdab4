//! What a log says of a session as a whole.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Class, Symptom};

/// How often a class of symptoms was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The class.
    pub class: Class,
    /// How many lines.
    pub lines: usize,
    /// What it means for the session as a whole; none for what concerns single contacts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<&'static str>,
}

/// All classes in a log, by name.
pub fn summary(symptoms: &[Symptom]) -> Vec<Seen> {
    let mut counts: BTreeMap<Class, usize> = BTreeMap::new();
    for symptom in symptoms {
        *counts.entry(symptom.class).or_default() += 1;
    }
    seen(counts)
}

/// Classes and how often each was seen, by name.
pub(super) fn seen(counts: BTreeMap<Class, usize>) -> Vec<Seen> {
    let seen = |(class, lines)| Seen { class, lines, meaning: meaning(class) };
    // A stack frame only names the contact of the symptom before it.
    counts.into_iter().filter(|(class, _)| *class != Class::SessionFrame).map(seen).collect()
}

fn meaning(class: Class) -> Option<&'static str> {
    Some(match class {
        Class::LoggedOut => {
            "the phone removed this device, or WhatsApp refuses it (401): only a new QR code links it again"
        }
        Class::ConflictReplaced => {
            "another connection took this session over (440): two processes use it, stop all but one"
        }
        Class::StorageFault => {
            "the disk or its permissions are at fault: make room and check the owner of the folder"
        }
        Class::QrEmitted => "a QR code was shown: the gateway did not find, or did not like, its credentials",
        Class::SecretLeak => {
            "libsignal printed private keys into this log: keep the log private, or remove it"
        }
        Class::TransactionLost => "changes of keys were thrown away when a transaction failed",
        Class::ConnectFailure => {
            "WhatsApp refused the connection (401: unlinked; 402, 403, 406: restricted; 405: update the gateway)"
        }
        Class::CredentialsTorn => {
            "the gateway found creds.json torn, or put a copy of it back: a kill, a full disk or a second program cuts its writes off"
        }
        Class::ClosedSessionHit => {
            "a late message was decrypted with an archived Signal session: the open one may be spoilt"
        }
        Class::RetryUnanswered => "contacts asked for messages once more that the gateway no longer has",
        Class::RowQuarantined => "a stored Signal session could not be read and was set aside",
        // Told contact by contact, or cause by cause.
        Class::AttemptFailed
        | Class::SessionFrame
        | Class::BadMac
        | Class::BadMacWrapped
        | Class::ChainClosed
        | Class::TooFarAhead
        | Class::CounterRepeat
        | Class::NoSession
        | Class::NoSenderKey
        | Class::InvalidPreKey
        | Class::SenderKeyFormat
        | Class::UnknownFailure
        // Nothing is wrong.
        | Class::RekeyIn
        | Class::RetryOut
        | Class::PreKeyMissing
        | Class::RestartRequired
        | Class::ConnectionOpen => return None,
    })
}

/// The class as it stands in JSON.
pub fn word(class: Class) -> String {
    match serde_json::to_value(class) {
        Ok(serde_json::Value::String(word)) => word,
        _ => format!("{class:?}"),
    }
}
