use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use proptest::prelude::*;

use super::*;
use crate::node::{Content, Node};
use crate::wire::dictionary::Dictionary;

fn dictionary(version: u8) -> &'static Dictionary {
    Dictionary::of(version).unwrap()
}

fn read(bytes: &[u8]) -> Result<Node, StanzaError> {
    decode(bytes, dictionary(3))
}

/// What Baileys 6.7.18 and 7.0.0-rc14 write for the stanzas of [`samples`], in this order.
const BAILEYS: [(u8, [&str; 4]); 2] = [
    (
        2,
        [
            include_str!("samples/2-iq.hex"),
            include_str!("samples/2-message.hex"),
            include_str!("samples/2-receipt.hex"),
            include_str!("samples/2-odd.hex"),
        ],
    ),
    (
        3,
        [
            include_str!("samples/3-iq.hex"),
            include_str!("samples/3-message.hex"),
            include_str!("samples/3-receipt.hex"),
            include_str!("samples/3-odd.hex"),
        ],
    ),
];

fn samples() -> [Node; 4] {
    [
        Node::new("iq")
            .attr("to", "@s.whatsapp.net")
            .attr("type", "set")
            .attr("xmlns", "encrypt")
            .attr("id", "12345.6789-1")
            .child(Node::new("registration").bytes([0, 0, 1, 2]))
            .child(Node::new("list").children([
                Node::new("key").child(Node::new("id").bytes([0, 0, 1])),
                Node::new("key").child(Node::new("id").bytes([0, 0, 2])),
            ])),
        Node::new("message")
            .attr("id", "3EB0AF98D2E4B1C09A77")
            .attr("to", "4915112345678@s.whatsapp.net")
            .attr("type", "text")
            .child(
                Node::new("participants").child(
                    Node::new("to")
                        .attr("jid", "4915112345678:3@s.whatsapp.net")
                        .child(Node::new("enc").attr("v", "2").attr("type", "pkmsg").bytes(vec![7; 300])),
                ),
            ),
        Node::new("receipt")
            .attr("id", "3EB0AF98D2E4B1C09A7")
            .attr("to", "120363042@g.us")
            .attr("participant", "987654321:12@lid")
            .attr("t", "1700000000"),
        Node::new("odd")
            .attr("a", "12-3.4")
            .attr("b", "ABCDEF0")
            .attr("c", "not a token \u{e9}")
            .attr("d", "read-self")
            .child(Node::new("empty"))
            .child(Node::new("long").attr("x", "9".repeat(127)).attr("y", "9".repeat(128))),
    ]
}

#[test]
fn baileys_writes_and_reads_the_same() {
    for (version, texts) in BAILEYS {
        for (text, node) in texts.into_iter().zip(samples()) {
            let text = text.trim();
            let bytes: Vec<u8> = (0..text.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
                .collect();
            assert_eq!(decode(&bytes, dictionary(version)).as_ref(), Ok(&node));
            assert_eq!(encode(&node, dictionary(version)).unwrap(), bytes, "{} in {version}", node.tag);
        }
    }
}

#[test]
fn the_dictionaries_are_not_interchangeable() {
    let node = &samples()[0];
    let bytes = encode(node, dictionary(2)).unwrap();
    assert_ne!(decode(&bytes, dictionary(3)).as_ref(), Ok(node));
}

#[test]
fn compressed_stanzas_are_read_up_to_a_limit() {
    let compress = |body: &[u8]| {
        let mut encoder = ZlibEncoder::new(vec![2], Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    };
    let node = &samples()[1];
    let plain = encode(node, dictionary(3)).unwrap();
    assert_eq!(read(&compress(&plain[1..])).as_ref(), Ok(node));
    assert_eq!(read(&compress(&vec![0; MAX_INFLATED + 1])), Err(StanzaError::InflatedTooLarge));
    assert_eq!(read(&[2, 1, 2, 3]), Err(StanzaError::Inflate));
}

#[test]
fn hosted_messenger_and_interop_addresses_are_read() {
    let address = |bytes: &[u8]| {
        let mut stanza = vec![0, 248, 3, 252, 1, b'x', 252, 1, b'y'];
        stanza.extend(bytes);
        read(&stanza).map(|node| node.get("y").unwrap().to_owned())
    };
    assert_eq!(address(&[247, 128, 5, 255, 1, 0x12]).unwrap(), "12:5@hosted");
    assert_eq!(address(&[247, 129, 0, 255, 1, 0x12]).unwrap(), "12@hosted.lid");
    assert_eq!(address(&[246, 255, 1, 0x12, 1, 0, 252, 4, b'm', b's', b'g', b'r']).unwrap(), "12:256@msgr");
    assert_eq!(
        address(&[245, 255, 1, 0x12, 0, 1, 0, 7, 252, 7, b'i', b'n', b't', b'e', b'r', b'o', b'p']).unwrap(),
        "7-12:1@interop"
    );
    assert_eq!(address(&[247, 2, 0, 255, 1, 0x12]), Err(StanzaError::JidDomain(2)));
    assert_eq!(
        address(&[250, 255, 1, 0x12, 0]),
        Err(StanzaError::UnexpectedTag(250, "an address without a server"))
    );
}

#[test]
fn addresses_in_addresses_do_not_nest() {
    let mut bytes = vec![0, 248, 3, 3, 3];
    bytes.extend(vec![250; 1_000_000]);
    assert_eq!(read(&bytes), Err(StanzaError::UnexpectedTag(250, "a text")));
}

#[test]
fn deep_wide_and_cut_stanzas_are_refused() {
    let mut deep = vec![0];
    for _ in 0..1_000_000 {
        deep.extend([248, 2, 4, 248, 1]);
    }
    assert_eq!(read(&deep), Err(StanzaError::TooDeep));
    // Each claims 65,535 children; none of them is there.
    let claims: Vec<u8> = [0].into_iter().chain([248, 2, 4, 249, 255, 255].repeat(20)).collect();
    assert_eq!(read(&claims), Err(StanzaError::Truncated));
    let mut wide = vec![0];
    for _ in 0..4 {
        wide.extend([248, 2, 4, 249, 255, 255]);
        wide.extend([248, 1, 4].repeat(65_534));
    }
    assert_eq!(read(&wide), Err(StanzaError::TooManyItems));
    assert_eq!(read(&[0, 249, 2, 0, 4]), Err(StanzaError::TooManyAttributes));
    assert_eq!(read(&[0, 248, 2, 4, 254, 255, 255, 255, 255]), Err(StanzaError::Truncated));
    assert_eq!(read(&[]), Err(StanzaError::Truncated));
    assert_eq!(read(&[0, 0]), Err(StanzaError::NoTag));
    assert_eq!(read(&[0, 248, 1, 4, 9]), Err(StanzaError::TrailingBytes(1)));
}

#[test]
fn what_cannot_be_read_is_not_written() {
    let deep = (0..MAX_DEPTH).fold(Node::new("x"), |inner, _| Node::new("x").child(inner));
    assert_eq!(encode(&deep, dictionary(3)), Err(StanzaError::TooDeep));
    let many = (0..=MAX_ATTRIBUTES).fold(Node::new("x"), |node, at| node.attr(&at.to_string(), "y"));
    assert_eq!(encode(&many, dictionary(3)), Err(StanzaError::TooManyAttributes));
    let wide = Node::new("x").children(std::iter::repeat_n(Node::new("y"), 65_536));
    assert_eq!(encode(&wide, dictionary(3)), Err(StanzaError::TooManyChildren(65_536)));
    assert_eq!(encode(&Node::new(""), dictionary(3)), Err(StanzaError::NoTag));
}

#[test]
fn only_addresses_are_packed_as_addresses() {
    let packed = |text: &str| {
        let bytes = encode(&Node::new("x").attr("y", text), dictionary(3)).unwrap();
        assert_eq!(read(&bytes).unwrap().get("y"), Some(text));
        bytes.iter().any(|byte| matches!(byte, 247 | 250))
    };
    assert!(packed("@s.whatsapp.net"));
    assert!(packed("status@broadcast"));
    assert!(packed("1203-4567@g.us"));
    for text in ["me@work", "a@b@s.whatsapp.net", "my name@g.us", "s.whatsapp.net", "@", "x@"] {
        assert!(!packed(text), "{text}");
    }
    for text in ["1:0@lid", "1:007@lid", "1:300@lid", "1:2:3@lid", ":5@s.whatsapp.net", "1:x@lid", "1:5@g.us"]
    {
        assert!(packed(text), "{text}");
    }
}

fn text() -> BoxedStrategy<String> {
    let some_token = (0_usize..1259).prop_map(|at| {
        include_str!("../tokens/dictionary-2.txt").lines().nth(at).unwrap_or_default().to_owned()
    });
    prop_oneof![
        some_token,
        "[0-9.-]{0,130}",
        "[0-9A-F]{0,130}",
        "[0-9]{1,15}(:[0-9]{1,3})?@(s\\.whatsapp\\.net|lid|g\\.us|hosted|c\\.us|x)",
        "[a-z0-9@:._-]{0,20}",
        ".{0,40}",
    ]
    .boxed()
}

fn nodes() -> impl Strategy<Value = Node> {
    let tag = text().prop_filter("a tag is not empty", |tag| !tag.is_empty()).boxed();
    let attrs = prop::collection::vec((text(), text()), 0..6).boxed();
    let leaf = prop_oneof![
        Just(Content::Empty),
        prop::collection::vec(any::<u8>(), 0..700).prop_map(Content::Bytes),
    ];
    let build = |(tag, attrs, content): (String, Vec<(String, String)>, Content)| {
        let node = attrs.into_iter().fold(Node::new(tag), |node, (key, value)| node.attr(&key, value));
        Node { content, ..node }
    };
    (tag.clone(), attrs.clone(), leaf).prop_map(build).prop_recursive(5, 60, 8, move |inner| {
        let children = prop::collection::vec(inner, 0..8).prop_map(Content::Nodes);
        (tag.clone(), attrs.clone(), children).prop_map(build)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_stanza_is_read_as_it_was_written(node in nodes(), version in 2_u8..=3) {
        let bytes = encode(&node, dictionary(version)).unwrap();
        prop_assert_eq!(decode(&bytes, dictionary(version)).unwrap(), node);
    }

    #[test]
    fn whatsapp_rust_reads_what_is_written(node in nodes()) {
        let bytes = encode(&node, dictionary(3)).unwrap();
        let read = wacore_binary::marshal::unmarshal_ref(&bytes[1..]);
        prop_assert!(read.is_ok(), "{:?}", read.err());
    }

    #[test]
    fn arbitrary_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..2000), version in 2_u8..=3) {
        let _ = decode(&bytes, dictionary(version));
    }

    /// Starts as stanzas do, so that the reader gets further than with plain noise.
    #[test]
    fn stanzas_with_changed_bytes_are_survived(
        node in nodes(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = encode(&node, dictionary(3)).unwrap();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Ok(node) = read(&bytes) {
            // Whatever was read can be written and read again, as relaying does.
            let again = encode(&node, dictionary(2)).unwrap();
            prop_assert_eq!(decode(&again, dictionary(2)).unwrap(), node);
        }
    }
}
