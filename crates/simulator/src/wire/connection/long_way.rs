//! A fault: the server is far away, so whatever it sends arrives later, in its order.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// What is on its way.
#[derive(Default)]
pub(super) struct LongWay {
    delay: Duration,
    under_way: VecDeque<(Instant, Vec<u8>)>,
}

impl LongWay {
    /// From now on the way takes so long.
    pub(super) fn lengthen(&mut self, delay: Duration) {
        self.delay = delay;
    }

    /// A stanza sets out. It is given back when it has no way to go.
    pub(super) fn enter(&mut self, stanza: Vec<u8>) -> Option<Vec<u8>> {
        if self.delay.is_zero() && self.under_way.is_empty() {
            return Some(stanza);
        }
        // Never before one that set out earlier.
        let last = self.under_way.back().map(|(arrives, _)| *arrives);
        let arrives = (Instant::now() + self.delay).max(last.unwrap_or_else(Instant::now));
        self.under_way.push_back((arrives, stanza));
        None
    }

    /// The next stanza that arrives; never while none is under way.
    pub(super) async fn arrived(&mut self) -> Vec<u8> {
        let Some((arrives, _)) = self.under_way.front() else { return std::future::pending().await };
        sleep_until(*arrives).await;
        match self.under_way.pop_front() {
            Some((_, stanza)) => stanza,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_sent_arrives_later_and_in_its_order() {
        let mut way = LongWay::default();
        assert_eq!(way.enter(vec![0]), Some(vec![0]));
        way.lengthen(Duration::from_millis(1));
        let before = Instant::now();
        assert_eq!(way.enter(vec![1]), None);
        way.lengthen(Duration::ZERO);
        assert_eq!(way.enter(vec![2]), None, "it does not pass the one before it");
        assert!(way.under_way.iter().all(|(arrives, _)| *arrives >= before + Duration::from_millis(1)));
        assert_eq!((way.arrived().await, way.arrived().await), (vec![1], vec![2]));
        assert_eq!(way.enter(vec![3]), Some(vec![3]));
    }
}
