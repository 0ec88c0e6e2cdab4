//! The terminal as a command in a container sees it: keys, and the size whenever it changes.

use std::io::{self, Read};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::raw::size;

/// The terminal's size, now and whenever it changes; never where there is none.
///
/// # Errors
/// When changes cannot be heard of.
pub fn sizes(tty: bool) -> io::Result<mpsc::Receiver<(u16, u16)>> {
    let (sender, receiver) = mpsc::channel(1);
    let mut resized = signal(SignalKind::window_change())?;
    let follow = async move {
        loop {
            if let Some(size) = size()
                && sender.send(size).await.is_err()
            {
                return;
            }
            resized.recv().await;
        }
    };
    if tty {
        tokio::spawn(follow);
    }
    Ok(receiver)
}

/// Standard input on a thread of its own, which ends with the program: a read that waits cannot be called off.
pub fn keyboard() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut room = [0; 8192];
        while let Ok(read) = io::stdin().lock().read(&mut room) {
            if read == 0 || sender.blocking_send(room[..read].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}
