//! What the store promises, with faults on purpose. Its answers are compared with whatsapp-rust's own in
//! `tests/same_answers.rs`.

mod cold_read;
mod death;
mod faults;
mod grouping;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::*;

/// An empty database and its folder.
fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(crate::DATABASE);
    std::fs::File::create(&path).unwrap();
    (folder, path)
}

/// Lets a call begin. Something must hold it up, or its answer may be there before anybody looks.
fn begin<T>(call: &mut Pin<Box<impl Future<Output = T>>>) {
    let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending), "it was done at once");
}

/// What happens in a store, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    ReadBegan,
    ReadRan,
    /// So many writes ran, and are not on the disk.
    Committing(usize),
    Committed(usize),
}

/// Tells what happens, and what of it waits for a permission.
struct Watched {
    events: Mutex<Sender<Event>>,
    holds: Mutex<Option<(Event, Receiver<()>)>>,
    fault: Mutex<Option<Fault>>,
}

/// The other end of [`Watched`].
struct Watch {
    events: Receiver<Event>,
    faults: Arc<Watched>,
}

impl Watched {
    fn pair() -> (Arc<Self>, Watch) {
        let (send, events) = mpsc::channel();
        let faults =
            Arc::new(Self { events: Mutex::new(send), holds: Mutex::new(None), fault: Mutex::new(None) });
        (Arc::clone(&faults), Watch { events, faults })
    }

    fn happened(&self, event: &Event) {
        // Taken before it is told, so that whoever hears of it can hold up what comes next.
        let held = self.holds.lock().unwrap().take_if(|(which, _)| which == event);
        // Nobody may listen any more.
        let _ = self.events.lock().unwrap().send(event.clone());
        if let Some((_, permission)) = held {
            // Permitted, or the test is over.
            let _ = permission.recv();
        }
    }
}

impl Faults for Watched {
    fn before_read(&self, _operation: &'static str) {
        self.happened(&Event::ReadBegan);
    }

    fn after_read(&self, _operation: &'static str) {
        self.happened(&Event::ReadRan);
    }

    fn before_commit(&self, operations: &[&'static str]) -> std::result::Result<(), Fault> {
        self.happened(&Event::Committing(operations.len()));
        self.fault.lock().unwrap().take().map_or(Ok(()), Err)
    }

    fn after_commit(&self, operations: &[&'static str]) {
        self.happened(&Event::Committed(operations.len()));
    }
}

impl Watch {
    /// The next time that `event` happens it waits until what this gives back is used or dropped.
    fn hold(&self, event: Event) -> Sender<()> {
        let (permit, permission) = mpsc::channel();
        *self.faults.holds.lock().unwrap() = Some((event, permission));
        permit
    }

    /// The next commit fails.
    fn fail(&self, fault: Fault) {
        *self.faults.fault.lock().unwrap() = Some(fault);
    }

    /// Lets a read run, and nobody take its answer.
    fn run_read<T>(&self, read: &mut Pin<Box<impl Future<Output = T>>>) {
        let permit = self.hold(Event::ReadBegan);
        begin(read);
        permit.send(()).unwrap();
        self.wait(&Event::ReadRan);
    }

    /// Waits until it happened.
    fn wait(&self, event: &Event) {
        while self.events.recv().unwrap() != *event {}
    }

    /// What happened and was not asked for yet.
    fn rest(&self) -> Vec<Event> {
        self.events.try_iter().collect()
    }
}

async fn watched(path: &std::path::Path) -> (SqliteBackend, Watch) {
    let (faults, watch) = Watched::pair();
    (SqliteBackend::open_with(path, faults).await.unwrap(), watch)
}
