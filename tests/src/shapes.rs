//! WAHA's operations, events and types, and the check that an answer is of the type that WAHA documents.
//!
//! `tests/waha/shapes.json` holds the facts: names, types, what is required, statuses. A field with `?` may be missing or
//! `null`, as clients that are made of WAHA's OpenAPI document read it; every other one must be there and of its type.

use std::fmt::Write;

use reqwest::Method;
use serde_json::{Map, Value};

use crate::gateway::Gateway;

const FACTS: &str = include_str!("../waha/shapes.json");

/// What is known of WAHA's API.
pub struct Shapes {
    facts: Value,
}

impl Shapes {
    /// Reads the facts.
    pub fn read() -> Self {
        Self { facts: serde_json::from_str(FACTS).expect("the facts are JSON") }
    }

    /// One operation; `path` as WAHA writes it, with `{session}` and the like.
    pub fn operation(&self, method: &Method, path: &str) -> &Value {
        let operations = self.facts["operations"].as_array().expect("operations");
        let found = operations.iter().find(|one| one["method"] == method.as_str() && one["path"] == path);
        found.unwrap_or_else(|| panic!("WAHA has no {method} {path}"))
    }

    /// Sends a documented request with its path filled in, and checks the status and the type of the answer.
    pub async fn call(
        &self,
        gateway: &Gateway,
        (method, path): (Method, &str),
        filled: &str,
        body: Option<Value>,
    ) -> Value {
        let operation = self.operation(&method, path);
        let mut request = gateway.request(method.clone(), filled);
        if let Some(body) = &body {
            self.check_request(operation, body);
            request = request.json(body);
        }
        let answer =
            gateway.answer(request).await.unwrap_or_else(|error| panic!("{method} {filled}: {error}"));
        let what = format!("{method} {filled}: {} {}", answer.status, answer.body);
        assert_eq!(Some(u64::from(answer.status.as_u16())), operation["status"].as_u64(), "{what}");
        if let Some(kind) = operation["answer"].as_str() {
            self.check(kind, &answer.body).unwrap_or_else(|wrong| panic!("{what}\n{wrong}"));
        }
        answer.body
    }

    /// A request that WAHA does not document proves nothing.
    fn check_request(&self, operation: &Value, body: &Value) {
        let kind = operation["body"].as_str().unwrap_or_else(|| panic!("{operation} has no body"));
        let fields = self.facts["types"][kind].as_object().expect("a type of requests");
        for field in body.as_object().expect("an object").keys() {
            let known = fields.contains_key(field) || fields.contains_key(&format!("{field}?"));
            assert!(known, "{kind} has no field {field}");
        }
    }

    /// Checks the payload of an event.
    pub fn check_event(&self, event: &str, payload: &Value) -> Result<(), String> {
        let kind =
            self.facts["events"][event].as_str().ok_or_else(|| format!("WAHA has no event {event}"))?;
        self.check(kind, payload)
    }

    /// Checks a value against a type: `string`, `[WAMessage]`, `"api" | "app"`, `string | null`.
    pub fn check(&self, kind: &str, value: &Value) -> Result<(), String> {
        let mut wrong = String::new();
        if self.fits(kind, value, "", &mut wrong) { Ok(()) } else { Err(wrong) }
    }

    fn fits(&self, kind: &str, value: &Value, place: &str, wrong: &mut String) -> bool {
        let mut told = String::new();
        let fits = alternatives(kind).into_iter().any(|kind| self.fits_one(kind, value, place, &mut told));
        if !fits {
            if told.is_empty() {
                let _ = writeln!(told, "{place}: {value} is no {kind}");
            }
            wrong.push_str(&told);
        }
        fits
    }

    fn fits_one(&self, kind: &str, value: &Value, place: &str, wrong: &mut String) -> bool {
        if let Some(item) = kind.strip_prefix('[').and_then(|kind| kind.strip_suffix(']')) {
            let fits = |(index, value)| self.fits(item, value, &format!("{place}[{index}]"), wrong);
            return value.as_array().is_some_and(|items| items.iter().enumerate().all(fits));
        }
        match kind {
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "number" => value.is_number(),
            "integer" => value.is_i64() || value.is_u64(),
            "object" => value.is_object(),
            "null" => value.is_null(),
            "anything" => true,
            _ => match &self.facts["types"][kind] {
                Value::Object(fields) => self.fits_fields(fields, value, place, wrong),
                Value::String(kind) => self.fits(kind, value, place, wrong),
                // A word or a number that is meant as it is.
                _ => serde_json::from_str::<Value>(kind).is_ok_and(|meant| meant == *value),
            },
        }
    }

    fn fits_fields(
        &self,
        fields: &Map<String, Value>,
        value: &Value,
        place: &str,
        wrong: &mut String,
    ) -> bool {
        let Some(given) = value.as_object() else {
            let _ = writeln!(wrong, "{place}: {value} is no object");
            return false;
        };
        let mut fit = true;
        for (name, kind) in fields {
            let (name, optional) = name.strip_suffix('?').map_or((name.as_str(), false), |name| (name, true));
            let place = format!("{place}.{name}");
            match given.get(name) {
                None | Some(Value::Null) if optional => {}
                None => {
                    let _ = writeln!(wrong, "{place} is missing");
                    fit = false;
                }
                Some(value) => fit &= self.fits(kind.as_str().expect("a type"), value, &place, wrong),
            }
        }
        fit
    }
}

/// The types of which a value must have one.
fn alternatives(kind: &str) -> Vec<&str> {
    let (mut found, mut start, mut depth) = (Vec::new(), 0, 0);
    for (at, letter) in kind.char_indices() {
        match letter {
            '[' => depth += 1,
            ']' => depth -= 1,
            '|' if depth == 0 => {
                found.push(kind[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(kind[start..].trim());
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_of_another_shape_are_found() {
        let shapes = Shapes::read();
        let message = json!({
            "id": "a", "timestamp": 1, "from": "b", "fromMe": true, "source": "api", "to": "c", "participant": "",
            "body": "", "hasMedia": false, "mediaUrl": "", "ack": 1, "ackName": "SERVER", "media": null,
            "vCards": [], "replyTo": {"id": "d", "hasMedia": false},
        });
        shapes.check("WAMessage", &message).unwrap();
        shapes.check("[WAMessage]", &json!([message])).unwrap();
        for (field, value) in [
            ("participant", json!(null)),
            ("timestamp", json!("1")),
            ("source", json!("phone")),
            ("ack", json!(7)),
            ("vCards", json!([1])),
            ("replyTo", json!({"id": "d"})),
        ] {
            let mut wrong = message.clone();
            wrong[field] = value;
            let told = shapes.check("[WAMessage]", &json!([wrong])).unwrap_err();
            assert!(told.contains(&format!("[0].{field}")), "{told}");
        }
        let mut missing = message;
        missing.as_object_mut().unwrap().remove("mediaUrl");
        assert!(shapes.check("WAMessage", &missing).unwrap_err().contains("mediaUrl is missing"));
        shapes.check("MeInfo | null", &json!(null)).unwrap();
        assert!(shapes.check("MeInfo", &json!(null)).is_err());
        for fits in [json!(null), json!([]), json!(["a", 1])] {
            shapes.check("[string | number] | null", &fits).unwrap();
        }
        assert!(shapes.check("[string | number] | null", &json!([true])).is_err());
    }
}
