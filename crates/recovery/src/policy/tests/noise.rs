//! What must not lead to a repair.

use super::*;

#[test]
fn one_or_two_messages_are_noise() {
    let mut bench = Bench::new(quick(), Disk::failing(1));
    bench.fail(1, 0..2);
    bench.pass(2 * 60 * MINUTE);
    assert!(bench.repairs.is_empty() && bench.words.is_empty(), "{:?}", bench.steps());
    assert!(bench.looks > 0, "the files were looked at");
}

#[test]
fn messages_spread_over_hours_are_noise() {
    let mut bench = Bench::new(quick(), Disk::failing(1));
    for n in 0..12 {
        bench.fail(1, n..n + 1);
        bench.pass(40 * MINUTE);
    }
    assert!(bench.repairs.is_empty());
}

#[test]
fn a_log_that_is_read_late_is_judged_by_its_own_times() {
    let late = |apart_ms: i64| {
        let mut bench = Bench::new(quick(), Disk::default());
        for n in 0..12 {
            let Input::Symptom(mut line) = bad_mac(n, &format!("3EB{n}")) else { unreachable!() };
            line.at_ms = Some(bench.now - 50 * MINUTE + i64::try_from(n).unwrap() * apart_ms);
            bench.put(Input::Symptom(line));
        }
        bench.steps()
    };
    assert!(late(4 * MINUTE).is_empty(), "twelve contacts, one message each, in most of an hour");
    assert_eq!(late(2 * SECOND), ["opened"], "the same within a minute, half an hour ago");
}

#[test]
fn retries_of_one_message_are_one_message() {
    let mut bench = Bench::new(quick(), Disk::failing(1));
    for _ in 0..5 {
        bench.fail(1, 7..8);
        bench.pass(3 * SECOND);
    }
    bench.pass(20 * MINUTE);
    assert!(bench.repairs.is_empty());
}

#[test]
fn forty_stacks_of_one_attempt_are_one_message() {
    let mut bench = Bench::new(quick(), Disk::failing(1));
    for id in ["A", "B"] {
        bench.put(symptom(Class::AttemptFailed, Some(peer(1)), None));
        for _ in 0..40 {
            bench.put(symptom(Class::BadMac, Some(peer(1)), None));
        }
        bench.put(bad_mac(1, id));
        bench.pass(5 * SECOND);
    }
    bench.pass(20 * MINUTE);
    assert!(bench.repairs.is_empty() && bench.words.is_empty(), "{:?}", bench.steps());
}

#[test]
fn a_contact_that_negotiates_anew_heals_without_action() {
    let mut bench = Bench::new(quick(), Disk::failing(1));
    bench.fail(1, 0..3);
    assert_eq!(bench.steps(), ["opened"]);
    bench.put(symptom(Class::RekeyIn, None, None));
    bench.disk = Disk { used: BTreeMap::from([(peer(1), bench.now + 1)]), ..Disk::default() };
    bench.pass(20 * MINUTE);
    assert!(bench.repairs.is_empty());
    assert_eq!(bench.steps(), ["opened", "closed"]);
    assert!(bench.alerts().is_empty(), "nobody is woken for what heals");
}

#[test]
fn the_files_tell_that_it_healed() {
    let mut bench = Bench::new(quick(), Disk::default());
    bench.fail(1, 0..9);
    bench.disk.used.insert(peer(1), bench.now + 1);
    bench.pass(20 * MINUTE);
    assert!(bench.repairs.is_empty());
    assert_eq!(bench.outcome(), Some(Outcome::Healed));
}

#[test]
fn bursts_that_leave_no_trace_are_looked_into_once_in_ten_minutes() {
    let mut bench = Bench::new(quick(), Disk::default());
    for second in 0..1200 {
        bench.put(symptom(Class::NoSession, Some(peer(second % 30)), Some(&format!("M{second}"))));
        bench.pass(SECOND);
    }
    assert!(bench.repairs.is_empty());
    let opened = bench.steps().iter().filter(|step| **step == "opened").count();
    assert!((1..=3).contains(&opened), "{opened} incidents in twenty minutes");
}

#[test]
fn words_about_the_login_are_told_and_nothing_is_touched() {
    let status = |class, status| {
        Input::Symptom(Symptom { class, peer: None, message_id: None, at_ms: None, status: Some(status) })
    };
    for (class, code, kind) in [
        (Class::LoggedOut, 401, Kind::LoggedOut),
        (Class::ConnectFailure, 401, Kind::LoggedOut),
        (Class::ConnectFailure, 403, Kind::Refused),
        (Class::ConnectFailure, 405, Kind::Refused),
    ] {
        let mut bench = Bench::new(Rules { full_reset: true, ..quick() }, Disk::default());
        for _ in 0..50 {
            bench.put(status(class, code));
            bench.pass(SECOND);
        }
        assert_eq!(bench.words.len(), 1, "told once");
        assert_eq!((bench.words[0].1.kind, bench.words[0].1.alert), (kind, true));
        bench.put(symptom(Class::ConnectionOpen, None, None));
        assert_eq!(bench.outcome(), Some(Outcome::Ceased));
        assert!(bench.repairs.is_empty());
    }
    let mut bench = Bench::new(quick(), Disk::default());
    for (class, code) in [
        (Class::RestartRequired, 515),
        (Class::ConnectFailure, 408),
        (Class::ConnectFailure, 503),
        (Class::CounterRepeat, 0),
        (Class::SecretLeak, 0),
    ] {
        bench.put(status(class, code));
        bench.pass(MINUTE);
    }
    assert!(bench.words.is_empty() && bench.repairs.is_empty());
}

#[test]
fn nothing_is_repaired_under_a_second_owner() {
    let mut bench = Bench::new(quick(), Disk::failing(1));
    bench.put(symptom(Class::ConflictReplaced, None, None));
    assert!(bench.words.is_empty(), "one takeover may be an accident");
    bench.put(symptom(Class::ConflictReplaced, None, None));
    assert_eq!(bench.words[0].1.kind, Kind::TwoOwners);
    bench.fail(1, 0..5);
    for _ in 0..20 {
        bench.put(symptom(Class::ConflictReplaced, None, None));
        bench.pass(MINUTE);
    }
    assert!(bench.repairs.is_empty());
    assert!(bench.steps().contains(&"hindered"));
    bench.pass(12 * MINUTE);
    assert_eq!(bench.rungs(), [Rung::SignalSession], "once the other one is gone it is repaired");
}

#[test]
fn a_gateway_that_people_stop_is_no_incident() {
    let mut bench = Bench::new(quick(), Disk::default());
    for code in [0, 137, 143] {
        bench.put(Input::Ended { code: Some(code), out_of_memory: false });
        bench.put(Input::Started);
    }
    assert!(bench.words.is_empty());
    bench.put(Input::Ended { code: Some(137), out_of_memory: true });
    bench.put(Input::Started);
    assert_eq!(bench.alerts(), ["opened", "closed"]);
}

#[test]
fn a_policy_that_is_switched_off_says_nothing() {
    let mut bench = Bench::new(Rules { watch: false, ..quick() }, Disk::failing(1));
    bench.fail(1, 0..50);
    bench.pass(60 * MINUTE);
    assert!(bench.words.is_empty() && bench.looks == 0);
}

/// A look may fall into the moment in which a file is written: that is no incident, and nobody is told of one.
#[test]
fn a_file_that_looked_damaged_once_is_no_incident() {
    let torn = Disk::damaged("credentials_torn", "creds.json");
    let mut bench = Bench::new(quick(), torn.clone());
    bench.put(Input::Started);
    assert_eq!(bench.steps(), Vec::<&str>::new(), "the first look is not believed");
    bench.disk = Disk::default();
    bench.pass(60_000);
    assert_eq!(bench.steps(), Vec::<&str>::new());

    // Seen at one look long ago and at one now, it is not damage that lasted.
    bench.disk = torn;
    bench.put(Input::Started);
    assert_eq!(bench.steps(), Vec::<&str>::new());
    bench.pass(60_000);
    assert_eq!(bench.steps().first(), Some(&"opened"), "it is still there");
}
