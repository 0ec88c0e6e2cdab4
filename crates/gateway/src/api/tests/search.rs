//! Messages found by their words, over HTTP.

use super::error::ErrorCode;
use super::lists::{filled, pages};
use super::requests::{TO, assert_error};
use super::*;
use wakeeper_engine::SearchError;

const SEARCH: &str = "/api/default/messages/search";

#[tokio::test]
async fn messages_are_found_by_their_words_page_by_page() {
    let lab = filled().await;
    for (query, expected) in [
        ("q=m3".to_owned(), vec!["M3"]),
        ("q=M3%20m3".to_owned(), vec!["M3"]),
        ("q=M3%20M2".to_owned(), vec![""]),
        (format!("q=M5&chatId={TO}"), vec![""]),
        (format!("q=M1&chatId={TO}"), vec!["M1"]),
        ("q=%22M1".to_owned(), vec!["M1"]),
    ] {
        assert_eq!(pages(&lab, SEARCH, &query, "body").await, expected, "{query}");
    }
}

#[tokio::test]
async fn what_cannot_be_searched_is_refused_by_name() {
    let lab = filled().await;
    let many = "a%20".repeat(13);
    for (query, field) in [
        ("", "q"),
        ("q=", "q"),
        ("q=%22*", "q"),
        (&format!("q={}", "a".repeat(257)), "q"),
        (&format!("q={many}"), "q"),
        ("q=aaa*+bbb*+ccc*+ddd*", "q"),
        ("q=a&limit=0", "limit"),
        ("q=a&limit=101", "limit"),
        ("q=a&cursor=x", "cursor"),
        ("q=a&chatId=x", "chatId"),
        ("q=a&order=x", "order"),
    ] {
        let answer = lab.get(&format!("{SEARCH}?{query}")).await;
        assert_error(query, &answer, 400, "invalid_request");
        assert!(answer.json()["message"].as_str().unwrap().contains(field), "{}", answer.json());
    }
    assert_error("other", &lab.get("/api/none/messages/search?q=a").await, 404, "session_not_found");
    assert_eq!(ApiError::from(SearchError::Off).code(), ErrorCode::SearchOff);
    assert_eq!(ApiError::from(SearchError::NotReady { lacking: 9 }).code(), ErrorCode::SearchNotReady);
}
