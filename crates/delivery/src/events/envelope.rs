use serde::Serialize;
use serde_json::Value;
use wakeeper_waha::Environment;

/// WAHA's webhook body, its fields in WAHA's order, but for the three that it begins with (see [`body`]).
#[derive(Serialize)]
pub(super) struct Rest<'a, P> {
    pub session: &'a str,
    pub metadata: &'a Value,
    pub me: &'a Value,
    pub payload: &'a P,
    pub engine: &'a str,
    pub environment: &'a Environment,
}

impl<P: Serialize> Rest<'_, P> {
    /// As it is stored: what follows the beginning, with the brace that ends the body.
    pub(super) fn to_text(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string(self)?;
        text.remove(0);
        Ok(text)
    }
}

/// The webhook body of an event under one of its names: its beginning, then what is stored once for all of them.
#[must_use]
pub fn body(id: &str, timestamp_ms: i64, name: &str, rest: &str) -> String {
    // A body that an earlier version wrote in another way was kept whole, and is sent as it is.
    if !rest.starts_with(r#""session":"#) {
        return rest.to_owned();
    }
    // Neither an id nor the name of an event has a character that JSON writes in another way.
    format!(r#"{{"id":"{id}","timestamp":{timestamp_ms},"event":"{name}",{rest}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_whole_again_and_says_what_it_said_under_every_name() {
        let (metadata, me, payload) =
            (serde_json::json!({"team": "blue"}), Value::Null, serde_json::json!({"body": "hello"}));
        let environment = Environment::default();
        let rest = Rest {
            session: "default",
            metadata: &metadata,
            me: &me,
            payload: &payload,
            engine: "WHATSAPP-RUST",
            environment: &environment,
        };
        let rest = rest.to_text().unwrap();
        for name in ["message", "message.any"] {
            let text = body("evt_1", 5, name, &rest);
            assert!(text.starts_with(r#"{"id":"evt_1","timestamp":5,"event":"#));
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                (value["event"].as_str(), value["payload"]["body"].as_str()),
                (Some(name), Some("hello"))
            );
            assert_eq!(value["environment"]["tier"], "CORE");
        }
    }

    #[test]
    fn a_body_that_was_kept_whole_is_sent_as_it_is() {
        assert_eq!(body("evt_1", 5, "message", "{\"odd\":1}"), "{\"odd\":1}");
    }
}
