use super::*;

fn address(number: &str, device: u16) -> Address {
    Address { number: number.to_owned(), device }
}

fn parse(json: &str) -> Result<Fault, serde_json::Error> {
    serde_json::from_str(json)
}

const NOW: Duration = Duration::from_secs(1_000_000);

#[test]
fn every_kind_is_read_by_its_documented_name() {
    for name in [
        "corrupted",
        "duplicated",
        "reordered",
        "delayed",
        "lost",
        "dropped",
        "stalled",
        "half_open",
        "unheard",
        "stream_515",
        "515",
        "conflict",
        "replaced",
        "401",
        "logged_out",
        "503",
        "stream_503",
        "rejected_version",
        "banned",
        "prekeys_exhausted",
        "clock_skew",
        "rate_limit",
        "acks_withheld",
        "long_way",
    ] {
        assert!(parse(&format!(r#"{{"kind":"{name}"}}"#)).is_ok(), "{name}");
    }
    assert!(parse(r#"{"kind":"meteorite"}"#).is_err());
    assert!(parse(r#"{"kind":"lost","often":3}"#).is_err());
}

#[test]
fn targets_and_durations_are_read_in_every_documented_form() {
    let fault = parse(r#"{"kind":"lost","target":"628123456:3","count":2,"for":"1500ms"}"#).unwrap();
    assert_eq!(fault.target, FaultTarget::Device("628123456".into(), 3));
    assert_eq!(fault.count, Some(2));
    assert_eq!(fault.lasting, Some(Duration::from_millis(1500)));
    let fault = parse(r#"{"kind":"lost","target":"628123456","for":2.5}"#).unwrap();
    assert_eq!(fault.target, FaultTarget::Number("628123456".into()));
    assert_eq!(fault.lasting, Some(Duration::from_millis(2500)));
    assert_eq!(parse(r#"{"kind":"lost","target":"all"}"#).unwrap().target, FaultTarget::All);
    for bad in [
        r#"{"kind":"lost","target":"someone"}"#,
        r#"{"kind":"lost","target":"62:x"}"#,
        r#"{"kind":"lost","for":"soon"}"#,
        r#"{"kind":"lost","for":-1}"#,
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_fault_happens_as_often_as_asked_and_only_to_its_target() {
    let mut table = FaultTable::default();
    let target = FaultTarget::Number("628123456".into());
    table.arm(Fault::once(FaultKind::Lost).at(target).times(2), 0, NOW);
    let (hit, spared) = (address("628123456", 1), address("628123457", 1));
    assert_eq!(table.fate(&spared, StanzaClass::Message, NOW), StanzaFate::Pass);
    assert_eq!(table.fate(&hit, StanzaClass::Receipt, NOW), StanzaFate::Pass, "messages by default");
    assert_eq!(table.fate(&hit, StanzaClass::Message, NOW), StanzaFate::Lose);
    assert_eq!(table.fate(&hit, StanzaClass::Message, NOW), StanzaFate::Lose);
    assert_eq!(table.fate(&hit, StanzaClass::Message, NOW), StanzaFate::Pass);
}

#[test]
fn a_lasting_fault_ends_with_its_duration() {
    let mut table = FaultTable::default();
    table.arm(Fault::once(FaultKind::Corrupted).lasting(Duration::from_secs(10)), 0, NOW);
    let anyone = address("628123456", 0);
    for second in 0..10 {
        let now = NOW + Duration::from_secs(second);
        assert_eq!(table.fate(&anyone, StanzaClass::Message, now), StanzaFate::Corrupt);
    }
    let over = NOW + Duration::from_secs(10);
    assert_eq!(table.fate(&anyone, StanzaClass::Message, over), StanzaFate::Pass);
    assert_eq!(table.len(), 0);
}

#[test]
fn clock_skew_is_not_used_up_by_looking() {
    let mut table = FaultTable::default();
    let mut fault = Fault::once(FaultKind::ClockSkew);
    fault.skew_seconds = Some(-60);
    table.arm(fault, 0, NOW);
    let anyone = address("628123456", 1);
    assert_eq!(table.clock_skew(&anyone, NOW), -60);
    assert_eq!(table.fate(&anyone, StanzaClass::Message, NOW), StanzaFate::Pass);
    assert_eq!(table.clock_skew(&anyone, NOW), -60);
    table.clear();
    assert_eq!(table.clock_skew(&anyone, NOW), 0);
}

fn enc(kind: &str, bytes: &[u8]) -> Node {
    Node::new("message").child(Node::new("enc").attr("type", kind).bytes(bytes))
}

#[test]
fn corruption_hits_the_mac_and_not_the_key_ids() {
    let mut message = enc("msg", &[0x33, 1, 2, 3]);
    corrupt(&mut message);
    assert_eq!(message.child_data("enc"), Some(&[0x33, 1, 2, 2][..]));

    // Pre-key message: registration id (5), message (4) of three bytes, signed pre-key id (6).
    let bytes = [0x33, 0x28, 0x07, 0x22, 0x03, 9, 9, 9, 0x30, 0x01];
    let mut message = enc("pkmsg", &bytes);
    corrupt(&mut message);
    assert_eq!(message.child_data("enc"), Some(&[0x33, 0x28, 0x07, 0x22, 0x03, 9, 9, 8, 0x30, 0x01][..]));
}

proptest::proptest! {
    #[test]
    fn corrupting_anything_never_panics(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64),
    ) {
        for kind in ["pkmsg", "msg", "skmsg", ""] {
            corrupt(&mut enc(kind, &bytes));
        }
    }
}
