//! Questions about channels whose answers whatsapp-rust 0.7.0 reads only in part: of a refusal it keeps no code, of a channel
//! it takes the role for unknown where WhatsApp writes it in capitals, and it does not ask the directory. The numbers of the
//! questions are its own.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use whatsapp_rust::NodeBuilder;
use whatsapp_rust::anyhow::{self, anyhow};
use whatsapp_rust::wacore::iq::spec::IqSpec;
use whatsapp_rust::wacore::request::InfoQuery;
use whatsapp_rust::wacore_binary::{NodeContent, NodeContentRef, NodeRef};
use whatsapp_rust::{Jid, Server};

/// Why WhatsApp did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// WhatsApp's code.
    pub code: u16,
    /// When to try again.
    pub wait: Option<Duration>,
}

/// A GraphQL question (`w:mex`).
pub(super) struct Ask<'a> {
    /// Its number.
    pub query: &'static str,
    /// What it asks for.
    pub variables: &'a Value,
}

#[derive(Deserialize)]
struct Answer {
    data: Option<Value>,
    errors: Option<Vec<GraphError>>,
}

#[derive(Deserialize)]
struct GraphError {
    extensions: Option<Extensions>,
}

#[derive(Deserialize)]
struct Extensions {
    error_code: Option<u16>,
}

impl IqSpec for Ask<'_> {
    type Response = Result<Value, Refusal>;

    fn build_iq(&self) -> InfoQuery<'static> {
        let payload = json!({ "variables": self.variables }).to_string().into_bytes();
        let query = NodeBuilder::new("query").attr("query_id", self.query).bytes(payload).build();
        InfoQuery::get("w:mex", Jid::new("", Server::Pn), Some(NodeContent::Nodes(vec![query])))
    }

    fn parse_response(&self, response: &NodeRef<'_>) -> anyhow::Result<Self::Response> {
        let result = response.get_optional_child("result").ok_or_else(|| anyhow!("no <result>"))?;
        let answer: Answer = match result.content.as_ref() {
            Some(NodeContentRef::Bytes(bytes)) => serde_json::from_slice(bytes)?,
            Some(NodeContentRef::String(text)) => serde_json::from_str(text)?,
            _ => return Err(anyhow!("an empty <result>")),
        };
        read(answer)
    }
}

/// An answer with errors is a refusal, whatever data it holds besides (whatsapp-rust 0.7.0, `wacore/src/iq/mex.rs`).
fn read(answer: Answer) -> anyhow::Result<Result<Value, Refusal>> {
    let errors = answer.errors.unwrap_or_default();
    if !errors.is_empty() {
        let code = errors.iter().find_map(|error| error.extensions.as_ref()?.error_code);
        return Ok(Err(Refusal { code: code.unwrap_or(500), wait: None }));
    }
    answer.data.map(Ok).ok_or_else(|| anyhow!("no data"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Option<Result<Value, Refusal>> {
        read(serde_json::from_str(text).unwrap()).ok()
    }

    #[test]
    fn errors_are_refusals_with_the_code_that_is_told() {
        let refused = |code| Some(Err(Refusal { code, wait: None }));
        for (text, code) in [
            (r#"{"data":null,"errors":[{"message":"x","extensions":{"error_code":404}}]}"#, 404),
            (
                r#"{"data":{"a":1},"errors":[{"message":"x"},{"message":"y","extensions":{"error_code":403}}]}"#,
                403,
            ),
            (r#"{"data":null,"errors":[{"message":"x"}]}"#, 500),
        ] {
            assert_eq!(answer(text), refused(code), "{text}");
        }
        assert_eq!(answer(r#"{"data":{"a":1},"errors":[]}"#), Some(Ok(json!({ "a": 1 }))));
        assert!(answer(r#"{"data":null}"#).is_none());
    }
}
