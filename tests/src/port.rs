//! Ports for what is started again under the same address, and for what does not say which port it got.

use std::fs::File;
use std::net::TcpListener;
use std::ops::Range;

use rand::RngExt;

/// Where no system gives a port away by itself, unless it was told to.
const USUAL: Range<u16> = 20_000..32_768;

/// A loopback port that no other test is given as long as this one lives, and that the system gives to nobody who asks for
/// any port: it is not among those. What can listen on port 0 and say which one it got needs none of these.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Takes one.
    pub fn reserve() -> Self {
        let range = reservable();
        let begin = rand::rng().random_range(range.clone());
        let mut all = (begin..range.end).chain(range.start..begin);
        all.find_map(Self::take).unwrap_or_else(|| panic!("none of the ports {range:?} is free"))
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }

    fn take(number: u16) -> Option<Self> {
        let folder = std::env::temp_dir().join("wakeeper-test-ports");
        std::fs::create_dir_all(&folder).expect("a folder for locks");
        // Of another user, or in use.
        let lock = File::options().create(true).append(true).open(folder.join(number.to_string())).ok()?;
        lock.try_lock().ok()?;
        TcpListener::bind(("127.0.0.1", number)).ok()?;
        Some(Self { number, _lock: lock })
    }
}

/// Ports below those that the system gives away by itself.
fn reservable() -> Range<u16> {
    let told = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let first = told.split_whitespace().next().and_then(|first| first.parse().ok());
    let end = first.unwrap_or(USUAL.end);
    // A system that gives nearly all of them away leaves no choice: the locks alone must do.
    if end > USUAL.start + 1_000 { USUAL.start..end } else { USUAL }
}
