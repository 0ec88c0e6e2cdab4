//! Whatever a client sends, the server goes on.

use proptest::prelude::*;

use super::*;

/// Words that lead deep into the handlers, and others that lead nowhere.
fn word() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "iq",
        "message",
        "receipt",
        "ack",
        "presence",
        "chatstate",
        "ib",
        "notification",
        "call",
        "get",
        "set",
        "result",
        "error",
        "encrypt",
        "usync",
        "w:sync:app:state",
        "w:g2",
        "passive",
        "active",
        "md",
        "privacy",
        "blocklist",
        "w:m",
        "key",
        "user",
        "count",
        "digest",
        "list",
        "rotate",
        "skey",
        "id",
        "value",
        "signature",
        "identity",
        "registration",
        "query",
        "devices",
        "lid",
        "contact",
        "sync",
        "collection",
        "patch",
        "create",
        "participating",
        "leave",
        "group",
        "invite",
        "add",
        "remove",
        "promote",
        "demote",
        "subject",
        "description",
        "body",
        "participant",
        "participants",
        "to",
        "enc",
        "skmsg",
        "msg",
        "pkmsg",
        "retry",
        "read",
        "item",
        "tokens",
        "token",
        "category",
        "subscribe",
        "unavailable",
        "offline_batch",
        "remove-companion-device",
        "pair-device-sign",
        "device-identity",
        "link_code_companion_reg",
        "companion_hello",
        "companion_finish",
        "stage",
        "peer",
        "0",
        "1",
        "409",
        "18446744073709551615",
    ]);
    prop_oneof![
        8 => known.prop_map(str::to_owned),
        1 => "\\PC{0,12}",
    ]
}

/// Addresses that exist, and others.
fn address() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(pn(ALICE)),
        Just(pn(BOB)),
        Just(format!("{BOB}:1@s.whatsapp.net")),
        Just("5550001@lid".to_owned()),
        Just("@g.us".to_owned()),
        Just("@s.whatsapp.net".to_owned()),
        Just("12035550001@g.us".to_owned()),
        Just("status@broadcast".to_owned()),
        "[0-9:.@a-z]{0,20}",
    ]
}

fn attribute() -> impl Strategy<Value = (String, String)> {
    let key = prop::sample::select(vec![
        "id",
        "type",
        "xmlns",
        "to",
        "from",
        "participant",
        "recipient",
        "class",
        "jid",
        "name",
        "version",
        "count",
        "stage",
        "code",
        "action",
        "category",
        "t",
        "addressing_mode",
    ]);
    (key, prop_oneof![word(), address()]).prop_map(|(key, value)| (key.to_owned(), value))
}

fn tree() -> impl Strategy<Value = Node> {
    let head = || (word(), prop::collection::vec(attribute(), 0..6));
    let leaf = (head(), prop::option::of(prop::collection::vec(any::<u8>(), 0..80))).prop_map(
        |((tag, attrs), bytes)| {
            let node = attrs.into_iter().fold(Node::new(tag), |node, (key, value)| node.attr(&key, value));
            match bytes {
                Some(bytes) => node.bytes(bytes),
                None => node,
            }
        },
    );
    leaf.prop_recursive(5, 40, 5, move |inner| {
        (head(), prop::collection::vec(inner, 0..5)).prop_map(|((tag, attrs), children)| {
            let node = attrs.into_iter().fold(Node::new(tag), |node, (key, value)| node.attr(&key, value));
            node.children(children)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_stanza_panics_or_stalls_the_server(stanzas in prop::collection::vec((0usize..4, tree()), 1..40)) {
        let sim = Sim::new();
        sim.account(ALICE);
        sim.account(BOB);
        let mut clients =
            [sim.companion(ALICE, 1), sim.companion(BOB, 2), sim.phone(ALICE), sim.register(9)];
        let create = Node::new("create").child(Node::new("participant").attr("jid", pn(BOB)));
        clients[0].ask("set", "w:g2", "@g.us", vec![create]);
        for (client, stanza) in stanzas {
            clients[client].send(stanza);
        }
        // A poisoned or stuck server would not let a new client in.
        prop_assert_eq!(sim.register(8).take().len(), 1);
        prop_assert!(sim.server.state()["accounts"].is_array());
        let text = serde_json::to_string(&sim.server.saved()).unwrap();
        let saved = serde_json::from_str(&text).unwrap();
        let config = ServerConfig::new(1, "127.0.0.1:1");
        prop_assert!(Server::restore(config, saved, |number| Some(keys_of(number))).is_ok());
    }
}
