use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use wakeeper_doctor::address::Address;
use wakeeper_doctor::examine::CredentialsState;
use wakeeper_doctor::symptoms::{Class, Symptom};

use super::*;
use crate::ladder::Rung;

mod flood;
mod ladder;
mod noise;

const T0: i64 = 1_700_000_000_000;
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

fn peer(n: usize) -> Address {
    Address::from_any(&format!("62811{n:07}@s.whatsapp.net")).unwrap()
}

fn symptom(class: Class, peer: Option<Address>, id: Option<&str>) -> Input {
    let message_id = id.map(str::to_owned);
    Input::Symptom(Symptom { class, peer, message_id, at_ms: None, status: None })
}

fn bad_mac(n: usize, id: &str) -> Input {
    symptom(Class::BadMacWrapped, Some(peer(n)), Some(id))
}

/// A session whose stored state a test writes by hand.
#[derive(Debug, Clone, Default)]
struct Disk {
    /// Contacts whose stored Signal session does not work.
    broken: BTreeSet<Address>,
    /// Findings of severity error: code, file.
    damage: Vec<(&'static str, &'static str)>,
    /// When contacts' sessions were used last.
    used: BTreeMap<Address, i64>,
    /// Repairs help.
    repairable: bool,
    /// Restarts help.
    restartable: bool,
    /// Plans are empty: no program can repair it.
    hopeless: bool,
    login_lost: bool,
    /// Repairs fail: the disk is full, say.
    full: bool,
}

/// Runs a policy against a disk, with a clock of its own, and remembers what it did.
struct Bench {
    policy: Policy,
    disk: Disk,
    now: i64,
    words: Vec<(i64, StepRecord)>,
    repairs: Vec<(i64, Order)>,
    looks: usize,
}

impl Bench {
    fn new(rules: Rules, disk: Disk) -> Self {
        Self { policy: Policy::new(rules, true), disk, now: T0, words: vec![], repairs: vec![], looks: 0 }
    }

    fn put(&mut self, input: Input) {
        let mut inputs = std::collections::VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for decision in self.policy.handle(input, self.now) {
                match decision {
                    Decision::Record(word) => self.words.push((self.now, word)),
                    Decision::Examine(peer_failures) => {
                        self.looks += 1;
                        inputs.push_back(Input::Looked(Ok(self.disk.look(&peer_failures))));
                    }
                    Decision::Repair(order) => {
                        self.repairs.push((self.now, order.clone()));
                        inputs.push_back(Input::Repaired(self.disk.repair(&order, self.now)));
                    }
                }
            }
        }
    }

    /// Lets time pass; the policy is woken when it wants to be.
    fn pass(&mut self, time_ms: i64) {
        let end = self.now + time_ms;
        for _ in 0..10_000 {
            match self.policy.next_wake_ms() {
                Some(wake) if wake <= end => {
                    self.now = self.now.max(wake);
                    self.put(Input::Tick);
                }
                _ => {
                    self.now = end;
                    return self.put(Input::Tick);
                }
            }
        }
        panic!("the policy never sleeps");
    }

    fn fail(&mut self, n: usize, ids: std::ops::Range<usize>) {
        for id in ids {
            self.put(bad_mac(n, &format!("3EB{id}")));
            self.now += 100;
        }
    }

    fn steps(&self) -> Vec<&'static str> {
        self.words.iter().map(|(_, word)| word.step).collect()
    }

    fn rungs(&self) -> Vec<Rung> {
        self.repairs.iter().map(|(_, order)| order.rung).collect()
    }

    fn outcome(&self) -> Option<Outcome> {
        self.words.iter().rev().find_map(|(_, word)| word.outcome)
    }

    fn alerts(&self) -> Vec<&'static str> {
        self.words.iter().filter(|(_, word)| word.alert).map(|(_, word)| word.step).collect()
    }
}

impl Disk {
    fn failing(n: usize) -> Self {
        Self { broken: BTreeSet::from([peer(n)]), repairable: true, ..Self::default() }
    }

    fn damaged(code: &'static str, path: &'static str) -> Self {
        Self { damage: vec![(code, path)], repairable: true, ..Self::default() }
    }

    fn look(&self, peer_failures: &[PeerFailures]) -> Examined {
        let named = peer_failures.iter().map(|trouble| trouble.peer.clone());
        let used = named.clone().filter_map(|peer| Some((peer.clone(), *self.used.get(&peer)?)));
        Examined {
            findings: self.damage.iter().map(|(code, path)| finding(code, path)).collect(),
            credentials: if self.login_lost { CredentialsState::Damaged } else { CredentialsState::Sound },
            failing: named.filter(|peer| self.broken.contains(peer)).collect(),
            used_ms: used.collect(),
        }
    }

    fn repair(&mut self, order: &Order, now: i64) -> RepairResult {
        if self.full {
            return RepairResult::Failed { reason: "no space left on device".to_owned() };
        }
        if self.hopeless && order.rung != Rung::FullReset && order.rung != Rung::Restart {
            return RepairResult::NothingToDo { notes: vec!["no backup holds sound credentials".to_owned()] };
        }
        let helps = match order.rung {
            Rung::Restart => self.restartable,
            Rung::FullReset => true,
            _ => self.repairable,
        };
        if helps {
            self.damage.clear();
            self.login_lost = false;
            for trouble in &order.peer_failures {
                self.broken.remove(&trouble.peer);
            }
            if order.rung >= Rung::Restart {
                self.broken.clear();
            }
        }
        RepairResult::Done {
            stopped_ms: now,
            report: RepairReport { login_kept: true, healthy: helps, ..RepairReport::default() },
        }
    }
}

/// A finding as the examination makes it; only real examinations make them, so one is made for the purpose.
fn finding(code: &str, path: &str) -> wakeeper_doctor::Finding {
    let dir = tempfile::tempdir().unwrap();
    let sample = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    match path {
        "creds.json" => {
            sample("creds.json", "");
            sample("session-628110000001.0.json", "{}");
        }
        "." => linked_session_without_pre_keys(dir.path()),
        path => sample(path, ""),
    }
    let report =
        wakeeper_doctor::examine(dir.path(), &wakeeper_doctor::Options::at(T0)).expect("it can be examined");
    let found =
        report.findings.into_iter().find(|finding| finding.code.as_str() == code && finding.path == path);
    found.unwrap_or_else(|| panic!("{path} does not give {code}"))
}

fn linked_session_without_pre_keys(folder: &std::path::Path) {
    let fixture = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../doctor/fixtures/baileys7");
    for item in std::fs::read_dir(fixture).unwrap().map(Result::unwrap) {
        if !item.file_name().to_string_lossy().starts_with("pre-key-") {
            std::fs::copy(item.path(), folder.join(item.file_name())).unwrap();
        }
    }
}

fn quick() -> Rules {
    Rules { cool_down: Duration::from_mins(1), verify: Duration::from_secs(30), ..Rules::default() }
}
