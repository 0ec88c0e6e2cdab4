use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::*;

const PAGE: &str = include_str!("../page/index.html");

fn modules() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().copied().filter(|(path, _)| kind(path).starts_with("text/javascript"))
}

fn own_modules() -> impl Iterator<Item = (&'static str, &'static str)> {
    modules().filter(|(path, _)| !path.starts_with("vendor/"))
}

/// What the policy forbids would be dead in a browser.
#[test]
fn the_page_has_nothing_inline_and_nothing_from_elsewhere() {
    for forbidden in ["<script>", "<style", " style=", " onclick=", "http://", "https://", "=\"/"] {
        assert!(!PAGE.contains(forbidden), "{forbidden}");
    }
}

/// What is shown comes from strangers: it is set as text, and nothing is made of it that could run.
#[test]
fn no_module_makes_markup_or_code_of_text() {
    let forbidden = [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "dangerouslySetInnerHTML",
        "document.write",
        "eval(",
        "new Function",
        "javascript:",
        "style=",
        "localStorage.setItem(KEY",
    ];
    for (path, text) in own_modules() {
        for word in forbidden {
            assert!(!text.contains(word), "{path}: {word}");
        }
        assert!(text.lines().count() <= 300, "{path} is long");
    }
}

#[test]
fn every_file_is_served_and_every_module_is_asked_for_at_once() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
    let mut found = BTreeSet::new();
    for below in ["", "vendor", "languages"] {
        for entry in std::fs::read_dir(folder.join(below)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let name = entry.file_name().into_string().unwrap();
                found.insert(if below.is_empty() { name } else { format!("{below}/{name}") });
            }
        }
    }
    let served: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(served, found);
    for (path, _) in modules() {
        assert!(PAGE.contains(&format!("\"page/{path}\"")), "index.html does not name {path}");
    }
}

/// The texts that a module gives to `t`, or marks for it with `w`.
fn texts(module: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for call in ["t('", "w('"] {
        for (at, _) in module.match_indices(call) {
            let before = module[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.')) {
                continue;
            }
            let rest = &module[at + call.len()..];
            found.push(&rest[..rest.find('\'').expect("the end of a text")]);
        }
    }
    found
}

fn placeholders(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect()
}

#[test]
fn every_language_has_every_text_and_no_other() {
    let wanted: BTreeSet<&str> = own_modules().flat_map(|(_, text)| texts(text)).collect();
    assert!(wanted.len() > 200, "{}", wanted.len());
    for (path, text) in FILES.iter().filter(|(path, _)| path.starts_with("languages/")) {
        let words: BTreeMap<&str, String> = serde_json::from_str(text).unwrap();
        let missing: Vec<_> = wanted.iter().filter(|text| !words.contains_key(**text)).collect();
        let extra: Vec<_> = words.keys().filter(|text| !wanted.contains(**text)).collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "{path} lacks {missing:#?} and has in vain {extra:#?}"
        );
        for (english, own) in &words {
            assert!(!own.trim().is_empty(), "{path}: {english}");
            assert_eq!(placeholders(english), placeholders(own), "{path}: {english}");
        }
        let code = path.trim_start_matches("languages/").trim_end_matches(".json");
        assert!(file("words.js").unwrap().contains(&format!("{code}: '")), "words.js does not offer {code}");
    }
}

#[test]
fn a_browser_that_has_a_file_is_not_sent_it_again() {
    let first = answer("app.js", &HeaderMap::new());
    assert_eq!(first.status(), StatusCode::OK);
    assert!(first.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("script-src 'self'"));
    let known = HeaderMap::from_iter([(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone())]);
    assert_eq!(answer("app.js", &known).status(), StatusCode::NOT_MODIFIED);
    assert_eq!(answer("../Cargo.toml", &HeaderMap::new()).status(), StatusCode::NOT_FOUND);
}
