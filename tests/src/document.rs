//! `openapi.json` as tests use it: whether what a gateway said is what the document promises.

use std::path::Path;

use serde_json::{Map, Value};

/// The committed document.
pub struct Document(Value);

impl Document {
    /// Reads it.
    pub fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi.json");
        let text = std::fs::read_to_string(path).expect("openapi.json");
        Self(serde_json::from_str(&text).expect("openapi.json is JSON"))
    }

    /// Says what is wrong with an answer; `path` is as the document writes it. An error's answer is checked too.
    pub fn wrong_answer(&self, method: &str, path: &str, status: u16, answer: &Value) -> Option<String> {
        let responses = &self.0["paths"][path][method.to_lowercase()]["responses"];
        let response = self.target(&responses[status.to_string()]);
        let Some(content) = response["content"].as_object() else {
            return Some(format!("{method} {path}: no answer {status} is promised"));
        };
        match content.get("application/json") {
            Some(content) => self.wrong(&content["schema"], answer, ""),
            None => Some(format!("{method} {path}: {status} is no JSON")),
        }
    }

    /// Says what is wrong with the body of a webhook.
    pub fn wrong_event(&self, event: &str, body: &Value) -> Option<String> {
        let request = &self.0["webhooks"][event]["post"]["requestBody"];
        self.wrong(&request["content"]["application/json"]["schema"], body, "")
    }

    /// Every operation with this tag, as method and path.
    pub fn operations(&self, tag: &str) -> Vec<(String, String)> {
        let paths = self.0["paths"].as_object().expect("paths");
        let of = |path: &String, operations: &Value| {
            let operations = operations.as_object().expect("operations").clone().into_iter();
            let tagged = operations.filter(|(_, operation)| operation["tags"][0] == tag);
            tagged.map(|(method, _)| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
        };
        paths.iter().flat_map(|(path, operations)| of(path, operations)).collect()
    }

    /// What a reference leads to.
    fn target<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => {
                let target = reference.strip_prefix('#').and_then(|pointer| self.0.pointer(pointer));
                self.target(target.unwrap_or_else(|| panic!("{reference} leads nowhere")))
            }
            None => schema,
        }
    }

    fn wrong(&self, schema: &Value, value: &Value, place: &str) -> Option<String> {
        let schema = self.target(schema);
        if let Some(variants) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
            let wrong: Vec<_> =
                variants.iter().map(|variant| self.wrong(variant, value, place)).collect::<Option<_>>()?;
            return Some(wrong.join(", or "));
        }
        if let Some(all) = schema["enum"].as_array()
            && !all.contains(value)
        {
            return Some(format!("{place}: {value} is not one of {}", schema["enum"]));
        }
        if !of_type(&schema["type"], value) {
            return Some(format!("{place}: {value} is no {}", schema["type"]));
        }
        match value {
            Value::Object(fields) => self.wrong_object(schema, fields, place),
            Value::Array(items) => {
                let mut items = items.iter().enumerate();
                items.find_map(|(at, item)| self.wrong(&schema["items"], item, &format!("{place}[{at}]")))
            }
            _ => None,
        }
    }

    /// Fields that nobody promised are wrong as well, unless the schema says nothing of any field.
    fn wrong_object(&self, schema: &Value, fields: &Map<String, Value>, place: &str) -> Option<String> {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if let Some(missing) = required.into_iter().find(|name| !fields.contains_key(*name)) {
            return Some(format!("{place}.{missing} is missing"));
        }
        let (known, others) = (schema["properties"].as_object(), &schema["additionalProperties"]);
        fields.iter().find_map(|(name, field)| {
            let place = format!("{place}.{name}");
            match known.and_then(|known| known.get(name)) {
                Some(schema) => self.wrong(schema, field, &place),
                None if others.is_object() => self.wrong(others, field, &place),
                None if known.is_none() => None,
                None => Some(format!("{place} is not promised")),
            }
        })
    }
}

fn of_type(kind: &Value, value: &Value) -> bool {
    match kind {
        Value::Array(kinds) => kinds.iter().any(|kind| of_type(kind, value)),
        Value::String(kind) => match kind.as_str() {
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            "null" => value.is_null(),
            other => panic!("unknown type {other}"),
        },
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Document {
        Document(json!({
            "paths": {"/a": {"get": {"tags": ["t"], "responses": {"200": {"content": {"application/json": {
                "schema": {"$ref": "#/components/schemas/A"}}}}}}}},
            "components": {"schemas": {
                "A": {"type": "object", "required": ["id"], "properties": {
                    "id": {"type": "string"},
                    "count": {"type": ["integer", "null"]},
                    "kind": {"type": "string", "enum": ["x", "y"]},
                    "inner": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/A"}]},
                    "list": {"type": "array", "items": {"type": "boolean"}},
                    "map": {"type": "object", "additionalProperties": {"type": "string"}},
                    "any": {"type": "object"}}}}}
        }))
    }

    #[test]
    fn what_is_promised_passes() {
        let answer = json!({"id": "a", "count": null, "kind": "y", "inner": {"id": "b"}, "list": [true],
            "map": {"a": "b"}, "any": {"x": 1}});
        assert_eq!(document().wrong_answer("GET", "/a", 200, &answer), None);
        assert_eq!(document().operations("t"), [("GET".to_owned(), "/a".to_owned())]);
    }

    #[test]
    fn what_is_not_promised_is_named() {
        for (answer, place) in [
            (json!({}), ".id is missing"),
            (json!({"id": 1}), ".id: 1"),
            (json!({"id": "a", "count": 1.5}), ".count"),
            (json!({"id": "a", "kind": "z"}), ".kind"),
            (json!({"id": "a", "inner": {"id": 2}}), ".inner.id: 2"),
            (json!({"id": "a", "list": [true, 0]}), ".list[1]"),
            (json!({"id": "a", "map": {"a": 1}}), ".map.a"),
            (json!({"id": "a", "other": 1}), ".other is not promised"),
            (json!([]), "is no \"object\""),
        ] {
            let wrong = document().wrong_answer("GET", "/a", 200, &answer).unwrap();
            assert!(wrong.contains(place), "{wrong}");
        }
        assert!(document().wrong_answer("GET", "/a", 201, &json!({})).unwrap().contains("201"));
    }
}
