//! Query strings and forms (`application/x-www-form-urlencoded`) as JSON values.
//!
//! A name that comes more than once is a list. In forms, `file[url]` is the field `url` of `file`, `mentions[]` an item
//! of a list, and `contacts[0][fullName]` a field of the first item of one, as WAHA's server reads them.

use serde_json::{Map, Value};

/// Deeper names are taken as they are written.
const DEEPEST: usize = 4;
/// More pairs than any request has.
const MOST_PAIRS: usize = 1_000;

/// There are more pairs than any request has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// The parameters of a query string but for `without`; those that are empty count as left out.
pub(super) fn of_query(query: &str, without: &str) -> Result<Value, TooMany> {
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let mut fields = Map::new();
    for (count, (name, value)) in pairs.enumerate() {
        if count == MOST_PAIRS {
            return Err(TooMany);
        }
        if name != without && !value.is_empty() {
            let name = name.strip_suffix("[]").unwrap_or(&name);
            add(&mut fields, name, value.into_owned());
        }
    }
    Ok(Value::Object(fields))
}

/// The fields of a form.
pub(super) fn of_form(form: &[u8]) -> Result<Value, TooMany> {
    let mut fields = Map::new();
    'pairs: for (count, (name, value)) in url::form_urlencoded::parse(form).enumerate() {
        if count == MOST_PAIRS {
            return Err(TooMany);
        }
        let mut place = &mut fields;
        let mut names = parts(&name);
        let last = names.pop().unwrap_or_default();
        for part in names {
            let inner = place.entry(part).or_insert_with(|| Value::Object(Map::new()));
            // A field that is a text already is none that has fields; the last word counts.
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            match inner {
                Value::Object(fields) => place = fields,
                _ => continue 'pairs,
            }
        }
        add(place, &last, value.into_owned());
    }
    Ok(Value::Object(fields.into_iter().map(|(name, value)| (name, with_lists(value))).collect()))
}

/// What has the fields `0`, `1` and so on, and no others, is a list.
fn with_lists(value: Value) -> Value {
    let Value::Object(fields) = value else { return value };
    let mut fields: Map<String, Value> =
        fields.into_iter().map(|(name, value)| (name, with_lists(value))).collect();
    let places: Vec<String> = (0..fields.len()).map(|place| place.to_string()).collect();
    if places.is_empty() || !places.iter().all(|place| fields.contains_key(place)) {
        return Value::Object(fields);
    }
    Value::Array(places.iter().filter_map(|place| fields.remove(place)).collect())
}

/// `file[url]` is `file`, then `url`; what is written in another way is one name.
fn parts(name: &str) -> Vec<String> {
    let name = name.strip_suffix("[]").unwrap_or(name);
    let whole = || vec![name.to_owned()];
    let Some((first, rest)) = name.split_once('[') else { return whole() };
    let Some(rest) = rest.strip_suffix(']') else { return whole() };
    let mut parts = vec![first];
    parts.extend(rest.split("]["));
    if parts.len() > DEEPEST || parts.iter().any(|part| part.is_empty() || part.contains(['[', ']'])) {
        return whole();
    }
    parts.into_iter().map(str::to_owned).collect()
}

fn add(fields: &mut Map<String, Value>, name: &str, value: String) {
    let value = Value::String(value);
    match fields.get_mut(name) {
        Some(Value::Array(items)) => items.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
        None => {
            fields.insert(name.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_query_has_texts_and_lists_and_nothing_that_is_empty() {
        let read = |query| of_query(query, "x-api-key").unwrap();
        assert_eq!(read("all=True&limit=&x-api-key=hush&a=b%40c+d"), json!({"all": "True", "a": "b@c d"}));
        assert_eq!(read("ids=a&ids=b&ids=c&kinds[]=d"), json!({"ids": ["a", "b", "c"], "kinds": "d"}));
        assert_eq!(read(""), json!({}));
    }

    #[test]
    fn a_form_has_fields_in_fields() {
        let read = |form: &str| of_form(form.as_bytes()).unwrap();
        assert_eq!(
            read("chatId=1&file[url]=http%3A%2F%2Fa&file[mimetype]=b&mentions[]=c&mentions[]=d&note="),
            json!({"chatId": "1", "file": {"url": "http://a", "mimetype": "b"}, "mentions": ["c", "d"], "note": ""})
        );
        assert_eq!(
            read("contacts[1][fullName]=b&contacts[0][fullName]=a&ids[0]=c&odd[1]=d"),
            json!({"contacts": [{"fullName": "a"}, {"fullName": "b"}], "ids": ["c"], "odd": {"1": "d"}})
        );
        assert_eq!(read("a[b]=1&a=2"), json!({"a": [{"b": "1"}, "2"]}));
        assert_eq!(read("a=1&a[b]=2"), json!({"a": {"b": "2"}}));
        for odd in ["a[", "a]", "a[b", "a[]b]", "a[b][c][d][e]"] {
            assert_eq!(read(&format!("{odd}=1")), json!({ odd: "1" }), "{odd}");
        }
    }

    #[test]
    fn the_number_of_pairs_is_bounded() {
        let many = "a=1&".repeat(MOST_PAIRS + 1);
        assert_eq!(of_query(&many, ""), Err(TooMany));
        assert_eq!(of_form(many.as_bytes()), Err(TooMany));
    }
}
