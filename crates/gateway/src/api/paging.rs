//! Long lists are read page by page: an answer that is not the last one names the next in its headers, so that its body stays
//! the bare list that WAHA's clients know.
//!
//! A cursor stands for the last item of a page. What is added or taken away meanwhile moves no other item to another page.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::auth::API_KEY_HEADER;
use super::error::ApiError;

/// The header with the cursor of the next page.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");
/// So many bytes of a cursor tell whether it is one of this list.
const MARK: usize = 6;

/// What a cursor is good for: one list of one session, in one order.
pub(super) struct List(String);

impl List {
    /// The list that all of these words name.
    pub(super) fn of(words: &[&str]) -> Self {
        Self(words.join("\n"))
    }

    /// The cursor of a place in it.
    pub(super) fn cursor(&self, place: &str) -> String {
        let mut bytes = self.mark(place).to_vec();
        bytes.extend_from_slice(place.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place that a cursor stands for.
    ///
    /// # Errors
    /// 400 for what is no cursor of this list.
    pub(super) fn place<T>(&self, cursor: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, ApiError> {
        self.decoded(cursor).as_deref().and_then(read).ok_or_else(|| {
            ApiError::invalid("cursor: not one of this list in this order").hint(
                "take it unchanged from the header X-Next-Cursor of the page before, and leave the path and sortOrder \
                 as they are; without a cursor the list begins anew",
            )
        })
    }

    fn decoded(&self, cursor: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (mark, place) = bytes.split_at_checked(MARK)?;
        let place = std::str::from_utf8(place).ok()?;
        (mark == self.mark(place)).then(|| place.to_owned())
    }

    /// Not a secret: it finds mistakes, and a cursor leads nowhere that its caller may not read.
    fn mark(&self, place: &str) -> [u8; MARK] {
        let digest = Sha256::new().chain_update(&self.0).chain_update(b"\n\n").chain_update(place).finalize();
        std::array::from_fn(|index| digest[index])
    }
}

/// A part of a list, as an answer.
pub(super) struct Page<T> {
    items: Vec<T>,
    next: Option<(String, String)>,
}

impl<T> Page<T> {
    /// `next` is the cursor of the next page, `query` what was asked for.
    pub(super) fn new(items: Vec<T>, next: Option<String>, query: Option<&str>) -> Self {
        let next = next.map(|cursor| {
            let link = link(query.unwrap_or_default(), &cursor);
            (cursor, link)
        });
        Self { items, next }
    }
}

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.items).into_response();
        if let Some((cursor, link)) = self.next {
            for (name, value) in [(NEXT_CURSOR, cursor), (header::LINK, link)] {
                // Both are ASCII: what callers wrote is encoded again.
                if let Ok(value) = HeaderValue::try_from(value) {
                    response.headers_mut().insert(name, value);
                }
            }
        }
        response
    }
}

/// The same question with the cursor. Relative, because nobody knows under which address a caller reaches this gateway; without
/// a key, which would be written into logs.
fn link(query: &str, cursor: &str) -> String {
    let replaced = ["cursor", "offset", "after", API_KEY_HEADER];
    let kept = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| !replaced.contains(&&**name));
    let mut next = url::form_urlencoded::Serializer::new(String::new());
    next.extend_pairs(kept).append_pair("cursor", cursor);
    format!("<?{}>; rel=\"next\"", next.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_list_alone() {
        let list = List::of(&["messages", "default", "desc"]);
        let cursor = list.cursor("17.4");
        assert_eq!(list.place(&cursor, |place| Some(place.to_owned())).unwrap(), "17.4");
        assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{cursor}");
        let other = List::of(&["messages", "default", "asc"]);
        let cut = &cursor[..cursor.len() - 1];
        for (list, cursor) in
            [(&other, cursor.as_str()), (&list, cut), (&list, ""), (&list, "17.4"), (&list, "ÿ")]
        {
            let refused = list.place(cursor, |place| Some(place.to_owned())).expect_err("refused");
            assert_eq!(refused.code(), super::super::error::ErrorCode::InvalidRequest);
        }
        assert!(list.place(&cursor, |_| None::<()>).is_err(), "what stands in it is read as strictly");
    }

    #[test]
    fn the_next_page_is_the_same_question_without_a_key() {
        let query = "limit=2&x-api-key=hush&cursor=old&filter.fromMe=true&offset=4&a=%22%3E%0d";
        assert_eq!(
            link(query, "c-_1"),
            "<?limit=2&filter.fromMe=true&a=%22%3E%0D&cursor=c-_1>; rel=\"next\""
        );
        assert_eq!(link("", "c"), "<?cursor=c>; rel=\"next\"");
    }
}
