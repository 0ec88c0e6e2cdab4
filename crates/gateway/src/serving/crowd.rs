//! Who is connected. When all seats are taken, somebody who waits without a request makes room.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Seats beyond the most for this machine itself, so that a health check is answered even when
/// every other seat is busy.
const RESERVE: usize = 16;

/// All connections of a listener.
pub(super) struct Crowd {
    most: usize,
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members {
    next: u64,
    all: BTreeMap<u64, Member>,
}

struct Member {
    peer: IpAddr,
    /// Requests under way.
    busy: usize,
    waiting_since: Instant,
    dismissed: CancellationToken,
}

impl Crowd {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), members: Mutex::default() })
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.members().all.len()
    }

    /// A seat for a new connection; `None` when every other one has a request under way.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Arc<Seat>> {
        let mut members = self.members();
        if members.all.len() >= self.most && !members.dismiss_one() {
            let reserved = peer.to_canonical().is_loopback() && members.all.len() < self.most + RESERVE;
            if !reserved {
                return None;
            }
        }
        let id = members.next;
        members.next += 1;
        let dismissed = CancellationToken::new();
        members.all.insert(
            id,
            Member {
                peer: peer.to_canonical(),
                busy: 0,
                waiting_since: Instant::now(),
                dismissed: dismissed.clone(),
            },
        );
        Some(Arc::new(Seat { crowd: Arc::clone(self), id, dismissed }))
    }

    /// Closes one connection that waits, when there is one.
    pub(super) fn dismiss_one(&self) {
        self.members().dismiss_one();
    }

    fn change(&self, id: u64, change: impl FnOnce(&mut Member)) {
        if let Some(member) = self.members().all.get_mut(&id) {
            change(member);
        }
    }
}

impl Members {
    /// Of the address with the most connections that wait, the one that waits longest: who opens
    /// many pays for them.
    fn dismiss_one(&mut self) -> bool {
        let waiting = || self.all.iter().filter(|(_, member)| member.busy == 0);
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for (_, member) in waiting() {
            *counts.entry(member.peer).or_default() += 1;
        }
        let rank = |(_, member): &(&u64, &Member)| {
            (std::cmp::Reverse(counts.get(&member.peer).copied()), member.waiting_since)
        };
        let Some(id) = waiting().min_by_key(rank).map(|(id, _)| *id) else { return false };
        if let Some(member) = self.all.remove(&id) {
            member.dismissed.cancel();
        }
        true
    }
}

/// One connection's place. It is free again when the last copy is dropped.
pub(super) struct Seat {
    crowd: Arc<Crowd>,
    id: u64,
    dismissed: CancellationToken,
}

impl Seat {
    /// Resolves when the connection must make room.
    pub(super) async fn dismissed(&self) {
        self.dismissed.cancelled().await;
    }

    /// A request is under way until the answer is dropped.
    pub(super) fn occupy(self: &Arc<Self>) -> Occupied {
        self.crowd.change(self.id, |member| member.busy += 1);
        Occupied(Some(Arc::clone(self)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crowd.members().all.remove(&self.id);
    }
}

/// A request under way.
pub(super) struct Occupied(Option<Arc<Seat>>);

impl Occupied {
    /// The connection speaks another protocol from here on and never waits for requests again.
    pub(super) fn for_good(mut self) {
        self.0 = None;
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        if let Some(seat) = self.0.take() {
            seat.crowd.change(seat.id, |member| {
                member.busy -= 1;
                member.waiting_since = Instant::now();
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn far(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn whoever_waits_longest_makes_room() {
        let crowd = Crowd::new(2);
        let first = crowd.admit(far(1)).unwrap();
        let second = crowd.admit(far(2)).unwrap();
        let busy = first.occupy();
        let third = crowd.admit(far(3)).expect("the second makes room");
        assert!(second.dismissed.is_cancelled() && !first.dismissed.is_cancelled());
        assert_eq!(crowd.count(), 2);
        let other = third.occupy();
        assert!(crowd.admit(far(4)).is_none(), "both are busy");
        drop(busy);
        assert!(crowd.admit(far(4)).is_some());
        assert!(first.dismissed.is_cancelled());
        drop(other);
    }

    #[test]
    fn whoever_opens_many_pays_for_them() {
        let crowd = Crowd::new(5);
        let single = crowd.admit(far(1)).unwrap();
        let many: Vec<_> = (0..4).map(|_| crowd.admit(far(2)).unwrap()).collect();
        let more: Vec<_> = (0..100).map(|_| crowd.admit(far(2)).unwrap()).collect();
        assert!(!single.dismissed.is_cancelled());
        assert!(many.iter().all(|seat| seat.dismissed.is_cancelled()));
        assert_eq!(more.iter().filter(|seat| !seat.dismissed.is_cancelled()).count(), 4);
    }

    #[test]
    fn this_machine_has_some_seats_beyond() {
        let crowd = Crowd::new(1);
        let seat = crowd.admit(far(1)).unwrap();
        let _busy = seat.occupy();
        assert!(crowd.admit(far(1)).is_none());
        let near: Vec<_> = (0..RESERVE).map(|_| crowd.admit(NEAR).unwrap().occupy()).collect();
        assert!(crowd.admit(NEAR).is_none());
        drop(near);
        assert_eq!(crowd.count(), 1);
    }

    #[test]
    fn seats_are_free_again() {
        let crowd = Crowd::new(10);
        for _ in 0..100 {
            drop(crowd.admit(far(1)).unwrap().occupy());
        }
        assert_eq!(crowd.count(), 0);
    }
}
