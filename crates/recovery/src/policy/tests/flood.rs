//! Whatever comes, in whatever order.

use proptest::prelude::*;

use super::*;

#[test]
fn a_hundred_and_sixty_eight_thousand_lines_are_one_incident() {
    let disk = Disk { broken: (0..40).map(peer).collect(), ..Disk::default() };
    let mut bench = Bench::new(Rules { repair: false, ..quick() }, disk);
    for n in 0..168_000usize {
        // Every tenth line starts a message; nine stacks follow. Two hours in all.
        let class = if n % 10 == 0 { Class::AttemptFailed } else { Class::BadMac };
        let Input::Symptom(mut line) = symptom(class, Some(peer(n / 10 % 40)), None) else { unreachable!() };
        bench.now = T0 + i64::try_from(n).unwrap() * 43;
        line.at_ms = Some(bench.now);
        bench.put(Input::Symptom(line));
    }
    let opened = bench.steps().iter().filter(|step| **step == "opened").count();
    assert_eq!(opened, 1, "{:?}", bench.steps());
    let (messages, peers) = bench.policy.extent().unwrap();
    assert!((16_000..=16_800).contains(&messages), "{messages} messages");
    assert_eq!(peers.len(), 40);
    assert!(bench.words.len() < 10, "{:?}", bench.steps());
}

fn any_symptom() -> impl Strategy<Value = Symptom> {
    let classes = prop::sample::select(vec![
        Class::AttemptFailed,
        Class::BadMac,
        Class::BadMacWrapped,
        Class::CounterRepeat,
        Class::NoSession,
        Class::NoSenderKey,
        Class::InvalidPreKey,
        Class::ChainClosed,
        Class::SenderKeyFormat,
        Class::ClosedSessionHit,
        Class::RekeyIn,
        Class::SecretLeak,
        Class::TransactionLost,
        Class::LoggedOut,
        Class::ConflictReplaced,
        Class::ConnectFailure,
        Class::RestartRequired,
        Class::ConnectionOpen,
        Class::QrEmitted,
        Class::StorageFault,
    ]);
    let id = prop::option::of(0..40usize);
    let status = prop::option::of(prop::sample::select(vec![401u16, 403, 405, 408, 440, 515]));
    (classes, prop::option::of(0..6usize), id, status).prop_map(|(class, n, id, status)| Symptom {
        class,
        peer: n.map(peer),
        message_id: id.map(|id| format!("M{id}")),
        at_ms: None,
        status,
    })
}

#[derive(Debug, Clone)]
enum Event {
    Symptom(Symptom),
    Wait(i64),
    Break(usize),
    Damage,
    Started,
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        20 => any_symptom().prop_map(Event::Symptom),
        6 => (1..600_000i64).prop_map(Event::Wait),
        2 => (0..6usize).prop_map(Event::Break),
        1 => Just(Event::Damage),
        1 => Just(Event::Started),
    ]
}

fn play(rules: Rules, disk: Disk, events: Vec<Event>) -> Bench {
    let mut bench = Bench::new(rules, disk);
    for event in events {
        match event {
            Event::Symptom(symptom) => bench.put(Input::Symptom(symptom)),
            Event::Wait(time) => bench.pass(time),
            Event::Break(n) => drop(bench.disk.broken.insert(peer(n))),
            Event::Damage => bench.disk.damage = vec![("file_empty", "session-628110000002.0.json")],
            Event::Started => bench.put(Input::Started),
        }
    }
    bench.pass(2 * 60 * MINUTE);
    bench
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_is_wiped_unless_allowed_and_no_repair_follows_another_too_soon(
        events in prop::collection::vec(any_event(), 1..120),
        repairable in any::<bool>(), restartable in any::<bool>(), allowed in any::<bool>(),
    ) {
        let disk = Disk { repairable, restartable, ..Disk::default() };
        let rules = Rules { full_reset: allowed, ..quick() };
        let bench = play(rules.clone(), disk, events);
        let rungs = bench.rungs();
        prop_assert!(allowed || !rungs.contains(&Rung::FullReset));
        if let Some(reset) = rungs.iter().position(|rung| *rung == Rung::FullReset) {
            prop_assert!(reset >= 3, "milder repairs come first: {:?}", rungs);
        }
        let least = i64::try_from(rules.cool_down.as_millis()).unwrap();
        prop_assert!(bench.repairs.windows(2).all(|pair| pair[1].0 - pair[0].0 >= least), "{:?}", bench.repairs);
        // An incident is closed once for every time that it is opened, or comes again, and never twice open.
        for kind in Kind::ALL {
            let steps = bench.words.iter().filter(|(_, word)| word.kind == kind).map(|(_, word)| word.step);
            let mut open = false;
            for step in steps {
                match step {
                    "opened" => { prop_assert!(!open); open = true; }
                    "again" => open = true,
                    "closed" => { prop_assert!(open); open = false; }
                    _ => prop_assert!(open, "{step} of an incident that is not open"),
                }
            }
        }
    }

    #[test]
    fn a_policy_that_may_not_repair_never_does(events in prop::collection::vec(any_event(), 1..120)) {
        let rules = Rules { repair: false, full_reset: true, ..quick() };
        prop_assert!(play(rules, Disk::default(), events).repairs.is_empty());
    }
}
