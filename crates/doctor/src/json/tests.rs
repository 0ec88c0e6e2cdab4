use super::*;
use proptest::prelude::*;

#[test]
fn says_how_a_text_is_broken() {
    let cases: &[(&[u8], Defect)] = &[
        (b"", Defect::Empty),
        (b"\0\0\0", Defect::AllNul),
        (b"{\"a\":[1,2", Defect::Truncated { at: 9 }),
        (b"{\"a\":\"x", Defect::Truncated { at: 7 }),
        (b"{\"a\":1\0\0\0", Defect::Truncated { at: 6 }),
        (b"{\"a\":1}}", Defect::Trailing { at: 7 }),
        (b"{\"a\":1}\0\0", Defect::Trailing { at: 7 }),
        (b"{a:1}", Defect::Syntax { at: 1 }),
        (b"{\"a\":01}", Defect::Syntax { at: 6 }),
        (b"\xef\xbb\xbf{}", Defect::Syntax { at: 0 }),
        (b"\"a\nb\"", Defect::Syntax { at: 2 }),
        (b"   ", Defect::Truncated { at: 3 }),
    ];
    for (text, defect) in cases {
        assert_eq!(parse(text).unwrap_err(), *defect, "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn deep_nesting_is_refused_without_recursion_trouble() {
    let deep = vec![b'['; 10_000_000];
    assert_eq!(parse(&deep).unwrap_err(), Defect::TooComplex);
}

#[test]
fn accepts_what_javascript_writes() {
    let text = br#"{"n":"\ud83d","m":"\ud83d\ude00","e":-1.5e+3,"o":{"b":1,"a":2},"d":1,"d":2}"#;
    let value = parse(text).unwrap();
    assert_eq!(value.get("n").unwrap().as_str(), Some("\u{fffd}"), "a name cut inside an emoji");
    assert_eq!(value.get("m").unwrap().as_str(), Some("\u{1f600}"));
    assert_eq!(value.get("e").unwrap().as_i64(), Some(-1500));
    assert_eq!(value.get("d").unwrap().as_i64(), Some(2), "the last of two wins");
    let order: Vec<_> = value.get("o").unwrap().members().iter().map(|m| m.key.as_ref()).collect();
    assert_eq!(order, ["b", "a"]);
}

#[test]
fn edits_touch_nothing_else() {
    let text = br#"{"a": 1, "b": {"x":1,"y":2,"z":3}}"#;
    let value = parse(text).unwrap();
    let inner = value.get("b").unwrap();
    let edits = vec![
        (inner.span.clone(), retain_members(text, inner, |key| key != "y")),
        (value.get("a").unwrap().span.clone(), b"77".to_vec()),
    ];
    assert_eq!(splice(text, edits), br#"{"a": 77, "b": {"x":1,"z":3}}"#);
}

proptest! {
    /// Agreement with `serde_json` on everything that both can hold.
    #[test]
    fn agrees_with_serde_json(text in r#"[\[\]{}",:0-9a-c.eE+\- \\ntrufalse]{0,24}"#) {
        let ours = parse(text.as_bytes()).is_ok();
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        // serde_json refuses numbers beyond f64; JavaScript reads them as Infinity.
        let out_of_range = theirs.as_ref().err().is_some_and(|e| e.to_string().contains("out of range"));
        prop_assert!(ours == theirs.is_ok() || out_of_range, "{text:?}");
    }

    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
        let _ = parse_prefix(&bytes);
    }
}
