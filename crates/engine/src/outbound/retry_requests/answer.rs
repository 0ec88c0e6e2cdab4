//! Answering what the client itself did not answer, or did in vain.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use wakeeper_model::ChatId;
use whatsapp_rust::buffa::Message as _;
use whatsapp_rust::wacore::store::error::StoreError;
use whatsapp_rust::wacore_binary::JidExt as _;
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::{Client, Jid};

use super::request::RetryRequest;
use crate::address::{self, Address};
use crate::life::state::SessionState;

/// How many of a chat's requests are answered when a connection begins. The client has the same limit.
const BURST: usize = 20;
/// How often unanswered ones are looked for; one of each chat is answered then, about as many as the client allows.
const INTERVAL: Duration = Duration::from_secs(5);

/// What became of a request.
enum Answer {
    /// Sent once more.
    Sent,
    /// Not now: the connection or the store is gone. The next connection tries again.
    Later,
    /// Never: the message is kept no longer, or is not for who asks.
    Never(&'static str),
    /// The client refused.
    Failed(String),
}

/// Answers, while a connection works, what earlier ones left and what nobody confirms. It begins once the client took what
/// waited for it: a request that it acknowledged does not come again, and a device that has its message said so.
pub(crate) async fn answer(state: Arc<SessionState>, client: Arc<Client>) {
    let mut at_once = BURST;
    loop {
        round(&state, &client, at_once).await;
        state.retry_requests().save(&state);
        at_once = 1;
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Answers so many requests of each chat.
async fn round(state: &Arc<SessionState>, client: &Arc<Client>, of_each_chat: usize) {
    let requests = state.retry_requests();
    let mut answered: HashMap<String, usize> = HashMap::new();
    for request in requests.due(state.clock().now_ms()) {
        let of_chat = answered.entry(request.chat.clone()).or_default();
        if *of_chat >= of_each_chat || !client.is_connected() || !requests.is_open(&request) {
            continue;
        }
        match answer_one(state, client, &request).await {
            Answer::Sent => {
                *of_chat += 1;
                tracing::info!(session = %state.name(), id = request.id,
                    "a message was sent once more to a device that had asked for it");
                requests.answered(&request, state.clock().now_ms());
            }
            Answer::Later => return,
            Answer::Never(why) => {
                tracing::debug!(session = %state.name(), id = request.id, why,
                    "a message that was asked for again is not sent");
                requests.remove(&request);
            }
            Answer::Failed(error) => {
                *of_chat += 1;
                tracing::warn!(session = %state.name(), id = request.id, %error,
                    "a message that a device asked for again was not sent");
                requests.answered(&request, state.clock().now_ms());
            }
        }
    }
}

async fn answer_one(state: &Arc<SessionState>, client: &Arc<Client>, request: &RetryRequest) -> Answer {
    let message = match sent(client, request).await {
        Ok(message) => message,
        Err(_) if !client.is_connected() || state.gate().is_some_and(|gate| gate.closed_by().is_some()) => {
            return Answer::Later;
        }
        // It counts as tried, so that it does not hold up those behind it.
        Err(error) => return Answer::Failed(error.to_string()),
    };
    let Some(retransmission) = message.and_then(|message| request.retransmission(message)) else {
        return Answer::Never("it is kept no longer");
    };
    match may_have_it(client, request).await {
        Ok(true) => {}
        Ok(false) => return Answer::Never("who asks is not in the group"),
        Err(_) if !client.is_connected() => return Answer::Later,
        Err(error) => return Answer::Failed(error),
    }
    state.server_witness().before_send(state, client).await;
    match client.retransmit_message(retransmission).await {
        Ok(()) => Answer::Sent,
        Err(_) if !client.is_connected() => Answer::Later,
        Err(error) => Answer::Failed(error.to_string()),
    }
}

/// What was sent. The client keeps it under the chat's LID when it knows one, whichever name the receipt has.
async fn sent(client: &Client, request: &RetryRequest) -> Result<Option<wa::Message>, StoreError> {
    let store = client.persistence_manager().backend();
    let mut names = vec![request.chat.clone()];
    if let Ok(chat) = request.chat.parse::<Jid>()
        && let Some(address) = address::resolve(client, &chat, None).await
    {
        names.extend(names_of(&address));
    }
    for name in names {
        if let Some(bytes) = store.take_sent_message(&name, &request.id).await? {
            return Ok(wa::Message::decode_from_slice(&bytes).ok());
        }
    }
    Ok(None)
}

/// Whether the message is for who asks. In a direct chat the names say so; in a group its members are asked for.
async fn may_have_it(client: &Client, request: &RetryRequest) -> Result<bool, String> {
    let (Ok(chat), Ok(requester)) = (request.chat.parse::<Jid>(), request.requester.parse::<Jid>()) else {
        return Ok(false);
    };
    if !chat.is_group() {
        return Ok(true);
    }
    let group = client.groups().query_info(&chat).await.map_err(|error| error.to_string())?;
    let Some(asking) = address::resolve(client, &requester, None).await else { return Ok(false) };
    let names: Vec<String> = names_of(&asking).collect();
    Ok(group.participants.iter().any(|member| names.contains(&member.to_non_ad().to_string())))
}

fn names_of(address: &Address) -> impl Iterator<Item = String> + '_ {
    std::iter::once(&address.id).chain(&address.alt).map(ChatId::to_wire)
}
