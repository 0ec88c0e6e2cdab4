use std::path::Path;

use futures::FutureExt as _;

use super::*;
use crate::disk::DiskCause;

/// The other ends of a writer's channels.
type Ends = (watch::Sender<Option<Arc<DiskTrouble>>>, mpsc::Receiver<Box<dyn Request>>);

/// A writer that nobody works for, with a request that waits; and what keeps its channels open.
fn stuck(trouble: Option<DiskTrouble>) -> (Writer, Ends) {
    let (queue, requests) = mpsc::channel(QUEUE);
    let disk = watch::Sender::new(trouble.map(Arc::new));
    let writer = Writer {
        queue: Mutex::new(Some(queue)),
        task: Mutex::new(None),
        disk: disk.subscribe(),
        unsettled: Arc::new(AtomicUsize::new(1)),
    };
    (writer, (disk, requests))
}

fn full() -> DiskTrouble {
    DiskTrouble::new(Path::new("wakeeper.db"), DiskCause::Full)
}

#[tokio::test]
async fn no_read_waits_for_a_disk_that_takes_no_writes() {
    let (writer, _open) = stuck(Some(full()));
    assert!(writer.settle().now_or_never().is_some());
}

#[tokio::test]
async fn a_read_that_waits_goes_on_when_the_disk_fails() {
    let (writer, (disk, _requests)) = stuck(None);
    let mut settling = Box::pin(writer.settle());
    assert!(settling.as_mut().now_or_never().is_none());
    disk.send_replace(Some(Arc::new(full())));
    settling.await;
}

#[tokio::test(start_paused = true)]
async fn no_read_waits_for_ever() {
    let (writer, _open) = stuck(None);
    let began = tokio::time::Instant::now();
    writer.settle().await;
    assert_eq!(began.elapsed(), SETTLE);
}
