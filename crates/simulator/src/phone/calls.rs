//! Calls of a phone: it rings others, answers, and keeps what it hears. Nobody speaks.

use serde::{Deserialize, Serialize};

use super::core::Core;
use super::error::PhoneError;
use crate::jid::Jid;
use crate::node::Node;

/// Signals of calls that a phone keeps; older ones are forgotten.
const KEPT: usize = 1_000;

/// What a phone heard of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallSignal {
    /// The call.
    pub id: String,
    /// What: `offer`, `accept`, `reject`, `terminate` and so on.
    pub action: String,
    /// From which device.
    pub from: String,
    /// Who began the call.
    pub creator: String,
    /// Why, when it is said.
    pub reason: Option<String>,
}

/// What a phone does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStep {
    /// Takes it.
    Accept,
    /// Declines it.
    Reject,
    /// Ends it.
    Terminate,
}

impl Core {
    /// Rings somebody, or a group; answers the call's id.
    pub fn ring(&self, to: &str, video: bool) -> Result<String, PhoneError> {
        let to = self.chat(to)?;
        let id: u128 = rand::RngExt::random(self.state().cipher.rng());
        let id = format!("{id:032X}");
        let mut offer = Node::new("offer")
            .attr("call-id", id.clone())
            .attr("call-creator", self.me(to.is_lid()).to_string())
            .child(Node::new("audio").attr("enc", "opus").attr("rate", "16000"));
        if video {
            offer = offer.child(Node::new("video").attr("enc", "vp8"));
        }
        self.send_call(&to, offer);
        Ok(id)
    }

    /// Answers or ends a call that this phone heard of or began.
    pub fn step(&self, id: &str, peer: &str, step: CallStep) -> Result<(), PhoneError> {
        let heard = self.state().calls.iter().find(|one| one.id == id && one.action == "offer").cloned();
        let (to, creator) = if let Some(offer) = heard {
            (Jid::parse(&offer.from).ok_or(PhoneError::Address)?, offer.creator)
        } else {
            let to = self.chat(peer)?;
            let creator = self.me(to.is_lid()).to_string();
            (to, creator)
        };
        let tag = match step {
            CallStep::Accept => "accept",
            CallStep::Reject => "reject",
            CallStep::Terminate => "terminate",
        };
        self.send_call(&to, Node::new(tag).attr("call-id", id).attr("call-creator", creator));
        Ok(())
    }

    fn send_call(&self, to: &Jid, action: Node) {
        let id = format!("call-{}", self.now());
        self.send(Node::new("call").attr("to", to.to_string()).attr("id", id).child(action));
    }

    /// Keeps what somebody does with a call.
    pub fn take_call(&self, stanza: &Node) {
        if let (Some(action), Some(from)) = (stanza.nodes().first(), stanza.get("from")) {
            let text = |name: &str| action.get(name).unwrap_or_default().to_owned();
            let signal = CallSignal {
                id: text("call-id"),
                action: action.tag.clone(),
                from: from.to_owned(),
                creator: text("call-creator"),
                reason: action.get("reason").map(str::to_owned),
            };
            let mut state = self.state();
            if state.calls.len() == KEPT {
                state.calls.pop_front();
            }
            state.calls.push_back(signal);
        }
        self.acknowledge(stanza);
        self.notify();
    }
}
