//! A least rate for bytes that come from outside: what is slow but steady goes on for as long as it
//! takes, what drips or stops is given up.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// The least that must come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeastRate {
    /// Bytes that must come ...
    pub bytes: u64,
    /// ... in this time of waiting for them. Time in which nobody asked for bytes does not count.
    pub window: Duration,
}

impl Default for LeastRate {
    /// 4 KB in 30 s. A modem is a hundred times faster.
    fn default() -> Self {
        Self { bytes: 4096, window: Duration::from_secs(30) }
    }
}

/// Less came than the least rate asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("less than {} bytes came in {} s", .0.bytes, .0.window.as_secs())]
pub struct TooSlow(pub LeastRate);

/// Watches one stream of bytes.
pub struct Pace {
    least: LeastRate,
    /// Bytes of the present window.
    came: u64,
    /// Time of the present window that was spent waiting.
    waited: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Pace {
    /// Begins to watch.
    #[must_use]
    pub fn new(least: LeastRate) -> Self {
        Self { least, came: 0, waited: Duration::ZERO, waiting: None }
    }

    /// So many bytes came.
    pub fn came(&mut self, bytes: usize) {
        if let Some((since, _)) = self.waiting.take() {
            self.waited += since.elapsed();
        }
        self.came += bytes as u64;
        if self.came >= self.least.bytes {
            self.came = 0;
            self.waited = Duration::ZERO;
        }
    }

    /// Nothing is there now. Ready when that has been so for too long.
    pub fn poll_wait(&mut self, context: &mut Context<'_>) -> Poll<TooSlow> {
        let rest = self.least.window.saturating_sub(self.waited);
        let (_, timer) =
            self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(tokio::time::sleep(rest))));
        timer.as_mut().poll(context).map(|()| TooSlow(self.least))
    }

    /// The next bytes of `stream`, or [`TooSlow`]. `length` says how many bytes an item has.
    pub(crate) async fn next<T>(
        &mut self,
        mut next: impl Future<Output = T> + Unpin,
        length: impl Fn(&T) -> usize,
    ) -> Result<T, TooSlow> {
        std::future::poll_fn(|context| {
            if let Poll::Ready(item) = Pin::new(&mut next).poll(context) {
                self.came(length(&item));
                return Poll::Ready(Ok(item));
            }
            self.poll_wait(context).map(Err)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: LeastRate = LeastRate { bytes: 100, window: Duration::from_secs(10) };

    /// Bytes that come in pieces of `size`, one every `every`; answers how many came.
    async fn stream(size: usize, every: Duration, pieces: usize) -> Result<usize, TooSlow> {
        let mut pace = Pace::new(LEAST);
        for _ in 0..pieces {
            pace.next(Box::pin(tokio::time::sleep(every)), |()| size).await?;
        }
        Ok(pieces * size)
    }

    #[tokio::test(start_paused = true)]
    async fn slow_but_steady_lives_for_hours() {
        assert_eq!(stream(11, Duration::from_secs(1), 10_000).await, Ok(110_000));
        assert_eq!(stream(1000, Duration::from_secs(9), 100).await, Ok(100_000));
    }

    #[tokio::test(start_paused = true)]
    async fn what_drips_or_stops_is_given_up_in_one_window() {
        let began = Instant::now();
        assert_eq!(stream(1, Duration::from_secs(1), 1000).await, Err(TooSlow(LEAST)));
        assert!(began.elapsed() <= Duration::from_secs(10), "{:?}", began.elapsed());
        let began = Instant::now();
        assert_eq!(stream(1, Duration::from_hours(1), 1).await, Err(TooSlow(LEAST)));
        assert_eq!(began.elapsed(), Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nobody_asked_does_not_count() {
        let mut pace = Pace::new(LEAST);
        for _ in 0..5 {
            pace.next(Box::pin(tokio::time::sleep(Duration::from_secs(1))), |()| 1).await.unwrap();
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
    }
}
