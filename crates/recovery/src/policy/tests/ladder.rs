//! Every rung, its verification, and the end of trying.

use super::*;

#[test]
fn one_contact_is_negotiated_anew_within_thirty_seconds_of_its_third_message() {
    let mut bench = Bench::new(quick(), Disk::failing(1));
    bench.fail(1, 0..3);
    let third = bench.now;
    bench.pass(5 * MINUTE);
    assert_eq!(bench.rungs(), [Rung::SignalSession]);
    let (at, order) = &bench.repairs[0];
    assert!(at - third <= 30 * SECOND, "{} ms", at - third);
    assert_eq!(order.peer_failures.iter().map(|trouble| trouble.peer.clone()).collect::<Vec<_>>(), [peer(1)]);
    assert_eq!(bench.steps(), ["opened", "examined", "curing", "cured", "closed"]);
    assert_eq!(bench.outcome(), Some(Outcome::Recovered));
    assert!(bench.words.last().unwrap().1.text.contains("no message failed"));
}

/// A gateway asks for them one after the other; what it has not asked for when it is stopped is lost.
#[test]
fn ten_messages_get_the_time_that_ten_take() {
    let mut bench = Bench::new(quick(), Disk::failing(1));
    bench.fail(1, 0..10);
    let last = bench.now;
    bench.pass(5 * MINUTE);
    assert_eq!(bench.rungs(), [Rung::SignalSession]);
    let waited = bench.repairs[0].0 - last;
    assert!((63 * SECOND..=70 * SECOND).contains(&waited), "{waited} ms");
}

#[test]
fn a_message_that_fails_while_others_are_asked_for_is_asked_for_as_well() {
    let mut bench = Bench::new(quick(), Disk::failing(1));
    bench.fail(1, 0..3);
    bench.pass(20 * SECOND);
    bench.fail(1, 3..4);
    let fourth = bench.now;
    bench.pass(5 * MINUTE);
    assert_eq!(bench.rungs(), [Rung::SignalSession]);
    let waited = bench.repairs[0].0 - fourth;
    assert!(waited >= ms(quick().handshake) - SECOND, "{waited} ms");
}

/// Where everything fails nobody waits for the end of it.
#[test]
fn messages_that_never_end_do_not_put_the_repair_off_for_ever() {
    let mut bench = Bench::new(quick(), Disk { repairable: false, ..Disk::failing(1) });
    let first = bench.now;
    for n in 0..600 {
        bench.fail(1, n..n + 1);
        bench.pass(SECOND);
    }
    let waited = bench.repairs[0].0 - first;
    assert!((2 * MINUTE..=5 * MINUTE).contains(&waited), "{waited} ms");
}

#[test]
fn other_contacts_below_their_threshold_are_spared() {
    let mut bench = Bench::new(quick(), Disk { broken: (0..5).map(peer).collect(), ..Disk::failing(0) });
    bench.fail(3, 0..2);
    bench.fail(1, 0..3);
    bench.pass(5 * MINUTE);
    let peers: Vec<_> = bench.repairs[0].1.peer_failures.iter().map(|trouble| trouble.peer.clone()).collect();
    assert_eq!(peers, [peer(1)]);
}

#[test]
fn the_rung_is_the_evidences() {
    for (code, path, rung) in [
        ("file_empty", "session-628110000002.0.json", Rung::Records),
        ("file_empty", "sender-key-120363000000000001@g.us--628110000002--0.json", Rung::SenderKeys),
        ("file_empty", "pre-key-7.json", Rung::PreKeys),
        ("credentials_torn", "creds.json", Rung::Credentials),
    ] {
        let mut bench = Bench::new(quick(), Disk::damaged(code, path));
        // One symptom is enough where the files prove the damage.
        bench.put(symptom(Class::ClosedSessionHit, None, None));
        bench.pass(2 * MINUTE);
        assert_eq!(bench.rungs(), [rung], "{path}: {:?}", bench.words);
        assert!(bench.repairs[0].1.peer_failures.is_empty(), "no contact is given up for it");
        assert_eq!(bench.outcome(), Some(Outcome::Recovered));
        assert_eq!(bench.steps()[0], "opened");
    }
}

#[test]
fn the_root_is_repaired_and_single_contacts_are_spared() {
    let disk = Disk { broken: (0..8).map(peer).collect(), ..Disk::damaged("file_empty", "pre-key-7.json") };
    let mut bench = Bench::new(quick(), disk);
    for n in 0..8 {
        bench.fail(n, 0..2);
    }
    bench.pass(2 * MINUTE);
    assert_eq!(bench.rungs(), [Rung::PreKeys]);
    assert!(bench.repairs[0].1.peer_failures.is_empty());
}

#[test]
fn damage_that_heals_while_it_is_waited_for_is_left_alone() {
    let mut bench = Bench::new(quick(), Disk::damaged("file_empty", "session-628110000002.0.json"));
    bench.put(symptom(Class::NoSession, Some(peer(2)), Some("A")));
    assert_eq!(bench.steps(), ["opened"]);
    bench.disk.damage.clear();
    bench.pass(5 * MINUTE);
    assert!(bench.repairs.is_empty());
    assert!(matches!(bench.outcome(), Some(Outcome::NothingFound | Outcome::Healed)));
}

#[test]
fn damage_found_late_is_not_waited_for_anew() {
    let disk = Disk::damaged("file_empty", "session-628110000002.0.json");
    let mut bench = Bench::new(quick(), Disk { damage: vec![], ..disk.clone() });
    bench.put(symptom(Class::NoSession, Some(peer(2)), Some("A")));
    let failed = bench.now;
    bench.pass(4 * SECOND);
    bench.disk = disk;
    bench.put(symptom(Class::ClosedSessionHit, None, None));
    bench.pass(MINUTE);
    let waited = bench.repairs[0].0 - failed;
    assert_eq!(waited, ms(quick().handshake), "from the message that failed, not from the look");
}

#[test]
fn damage_without_a_failing_message_waits_for_a_write_and_not_for_a_handshake() {
    let mut bench = Bench::new(Rules::default(), Disk::damaged("credentials_torn", "creds.json"));
    bench.put(symptom(Class::QrEmitted, None, None));
    let seen = bench.now;
    bench.pass(MINUTE);
    assert_eq!(bench.repairs[0].0 - seen, WRITTEN_MS);
    assert_eq!(bench.words[0].0 - seen, WRITTEN_MS, "nobody is told of it before: {:?}", bench.words[0]);
}

fn invalid_pre_key(id: &str) -> Input {
    symptom(Class::InvalidPreKey, Some(peer(2)), Some(id))
}

#[test]
fn missing_pre_keys_are_repaired_when_a_contact_was_given_one() {
    let mut bench = Bench::new(quick(), Disk::damaged("pre_keys_missing", "."));
    bench.put(symptom(Class::ClosedSessionHit, None, None));
    bench.pass(MINUTE);
    assert!(bench.words.is_empty(), "nobody asked for one: {:?}", bench.words);
    bench.put(invalid_pre_key("A"));
    bench.pass(5 * MINUTE);
    assert_eq!(bench.rungs(), [Rung::PreKeys]);
    assert_eq!(bench.outcome(), Some(Outcome::Recovered));
}

#[test]
fn missing_pre_keys_that_no_backup_holds_are_no_reason_to_restart() {
    let mut bench = Bench::new(quick(), Disk { hopeless: true, ..Disk::damaged("pre_keys_missing", ".") });
    for n in 0..20 {
        bench.put(invalid_pre_key(&n.to_string()));
        bench.pass(20 * SECOND);
    }
    assert_eq!(bench.rungs(), [Rung::PreKeys], "one plan, which was empty");
    assert_eq!(bench.outcome(), Some(Outcome::NothingFound));
    assert!(bench.alerts().is_empty(), "{:?}", bench.alerts());
    assert_eq!(bench.steps().iter().filter(|step| **step == "opened").count(), 1);
}

/// A contact that goes on failing: a message every five seconds.
fn fail_on(bench: &mut Bench, minutes: i64) {
    for n in 0..minutes * 12 {
        let id = format!("{}-{n}", bench.now);
        bench.put(bad_mac(1, &id));
        bench.pass(5 * SECOND);
    }
}

#[test]
fn a_contact_that_nothing_helps_is_left_alone_aloud() {
    let disk = Disk { broken: BTreeSet::from([peer(1)]), ..Disk::default() };
    let mut bench = Bench::new(Rules { session_errors: 1000, full_reset: true, ..quick() }, disk);
    fail_on(&mut bench, 600);
    assert_eq!(bench.rungs(), [Rung::SignalSession, Rung::SignalSession, Rung::Restart]);
    assert_eq!(bench.outcome(), Some(Outcome::GaveUp));
    assert_eq!(bench.alerts(), ["closed"], "and nothing is wiped for one contact, allowed or not");
    // Others are cared for as before.
    bench.disk.broken.insert(peer(2));
    bench.disk.repairable = true;
    bench.fail(2, 0..3);
    bench.pass(2 * 60 * MINUTE);
    assert_eq!(bench.rungs().len(), 4);
    assert_eq!(bench.repairs[3].1.peer_failures[0].peer, peer(2));
    // Somebody restarts it: a new chance.
    bench.put(Input::Started);
    bench.fail(1, 100..103);
    bench.pass(2 * 60 * MINUTE);
    assert_eq!(bench.outcome(), Some(Outcome::Recovered));
}

#[test]
fn a_contact_that_relapses_is_left_alone_too() {
    let mut bench = Bench::new(quick(), Disk::failing(1));
    for round in 0..8 {
        bench.disk.broken.insert(peer(1));
        bench.fail(1, round * 3..round * 3 + 3);
        bench.pass(2 * 60 * MINUTE);
    }
    let state_repairs = bench.rungs().iter().filter(|rung| **rung == Rung::SignalSession).count();
    assert_eq!(state_repairs, 3, "{:?}", bench.rungs());
    assert_eq!(bench.outcome(), Some(Outcome::GaveUp));
}

/// A session in which many contacts fail.
fn storm(bench: &mut Bench, minutes: i64) {
    for n in 0..minutes * 30 {
        let id = format!("{}-{n}", bench.now);
        bench.put(bad_mac(usize::try_from(n).unwrap() % 12, &id));
        bench.pass(2 * SECOND);
    }
}

#[test]
fn a_session_that_nothing_helps_is_left_alone_aloud() {
    let mut bench = Bench::new(quick(), Disk { broken: (0..12).map(peer).collect(), ..Disk::default() });
    storm(&mut bench, 600);
    assert_eq!(bench.rungs(), [Rung::SignalSession, Rung::SignalSession, Rung::Restart]);
    assert_eq!(bench.alerts(), ["gave_up"]);
    assert_eq!(bench.words.last().unwrap().1.state, IncidentState::LeftAlone);
    bench.pass(60 * MINUTE);
    assert_eq!(bench.repairs.len(), 3);
    // It heals after all.
    bench.disk = Disk::default();
    bench.pass(2 * 60 * MINUTE);
    assert_eq!(bench.outcome(), Some(Outcome::Healed));
}

#[test]
fn everything_is_removed_only_when_it_is_allowed_and_all_else_failed() {
    let rules = Rules { full_reset: true, ..quick() };
    let mut bench = Bench::new(rules, Disk { broken: (0..12).map(peer).collect(), ..Disk::default() });
    storm(&mut bench, 120);
    assert_eq!(
        bench.rungs()[..4],
        [Rung::SignalSession, Rung::SignalSession, Rung::Restart, Rung::FullReset]
    );
    assert!(bench.alerts().contains(&"curing"), "it is announced");
}

#[test]
fn a_login_that_no_backup_holds_is_not_wiped_unless_allowed() {
    for allowed in [false, true] {
        let rules = Rules { full_reset: allowed, ..quick() };
        let disk =
            Disk { hopeless: true, login_lost: true, ..Disk::damaged("credentials_torn", "creds.json") };
        let mut bench = Bench::new(rules, disk);
        bench.put(symptom(Class::QrEmitted, None, None));
        bench.pass(60 * MINUTE);
        if allowed {
            assert_eq!(bench.rungs(), [Rung::Credentials, Rung::FullReset]);
            assert_eq!(bench.outcome(), Some(Outcome::Reset));
        } else {
            assert_eq!(bench.rungs(), [Rung::Credentials], "a plan was asked for, and it was empty");
            assert_eq!(bench.alerts(), ["gave_up"]);
        }
    }
}

#[test]
fn repairs_keep_their_distance() {
    let mut bench = Bench::new(Rules { tries: 50, ..quick() }, Disk::default());
    for n in 0..40 {
        bench.disk.broken.insert(peer(n));
        bench.disk.repairable = true;
        bench.fail(n, 0..3);
        bench.pass(2 * MINUTE);
    }
    let gaps: Vec<_> = bench.repairs.windows(2).map(|pair| (pair[1].0 - pair[0].0) / SECOND).collect();
    assert!(gaps.iter().all(|gap| *gap >= 60), "{gaps:?}");
    assert!(gaps.iter().any(|gap| *gap >= 16 * 60), "the distance doubles: {gaps:?}");
}

#[test]
fn reports_only_where_repairs_are_switched_off() {
    let mut bench = Bench::new(Rules { repair: false, full_reset: true, ..quick() }, Disk::failing(1));
    fail_on(&mut bench, 60);
    assert!(bench.repairs.is_empty());
    assert_eq!(bench.alerts(), ["reported"]);
    bench.disk = Disk::default();
    bench.pass(2 * 60 * MINUTE);
    assert_eq!(bench.outcome(), Some(Outcome::Healed));
}

#[test]
fn a_repair_that_fails_counts_and_is_tried_later() {
    let mut bench = Bench::new(quick(), Disk { full: true, ..Disk::failing(1) });
    bench.fail(1, 0..3);
    bench.pass(50 * MINUTE);
    assert_eq!(bench.repairs.len(), 3, "{:?}", bench.steps());
    assert!(bench.repairs.windows(2).all(|pair| pair[1].0 - pair[0].0 >= MINUTE));
    assert!(bench.words.iter().any(|(_, word)| word.text.contains("no space left")));
    assert_eq!(bench.outcome(), Some(Outcome::GaveUp));
}

#[test]
fn a_restart_of_the_monitor_forgets_nothing() {
    let repair = |ago: i64| PastRepair { at_ms: T0 - ago, peers: vec![peer(1)] };
    let mut bench = Bench::new(quick(), Disk { broken: (0..12).map(peer).collect(), ..Disk::default() });
    let past = Past {
        repairs: vec![repair(5 * MINUTE), repair(4 * MINUTE), repair(20 * SECOND)],
        incidents: vec![PastIncident {
            kind: Kind::State,
            state: IncidentState::LeftAlone,
            opened_ms: T0 - 6 * MINUTE,
            closed_ms: None,
            times: 1,
        }],
    };
    bench.policy.resume(past, T0);
    storm(&mut bench, 60);
    assert!(bench.repairs.is_empty(), "it is still left alone");
    // Symptoms from before the last repair are history.
    let mut bench = Bench::new(quick(), Disk::failing(1));
    bench.policy.resume(Past { repairs: vec![repair(20 * SECOND)], incidents: vec![] }, T0);
    for id in ["A", "B", "C"] {
        let Input::Symptom(mut old) = bad_mac(1, id) else { unreachable!() };
        old.at_ms = Some(T0 - MINUTE);
        bench.put(Input::Symptom(old));
    }
    bench.pass(10 * MINUTE);
    assert!(bench.words.is_empty());
}
