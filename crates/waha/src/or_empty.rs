//! Texts that WAHA's types always have: empty where nothing is known. Clients that are made of its OpenAPI document take no
//! `null` for them.

use serde::de::value::StringDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[expect(clippy::ref_option, reason = "serde gives the field as it is")]
pub(crate) fn serialize<S: Serializer, T: Serialize>(
    value: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => value.serialize(serializer),
        None => serializer.serialize_str(""),
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    text.map(|text| {
        let reader: StringDeserializer<D::Error> = text.into_deserializer();
        T::deserialize(reader)
    })
    .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sample {
        #[serde(default, with = "super")]
        name: Option<String>,
    }

    #[test]
    fn nothing_is_an_empty_text_and_back() {
        let written = |name| serde_json::to_string(&Sample { name }).unwrap();
        assert_eq!(written(None), r#"{"name":""}"#);
        assert_eq!(written(Some("Ann".to_owned())), r#"{"name":"Ann"}"#);
        for nothing in ["{}", r#"{"name":""}"#, r#"{"name":null}"#] {
            assert_eq!(serde_json::from_str::<Sample>(nothing).unwrap().name, None, "{nothing}");
        }
        assert_eq!(serde_json::from_str::<Sample>(r#"{"name":"Ann"}"#).unwrap().name.as_deref(), Some("Ann"));
    }
}
