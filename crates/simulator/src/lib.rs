//! A WhatsApp Web server for tests and demos: the real wire protocol on real sockets, simulated
//! phones with real Signal state, and faults on demand.

mod control;
pub mod faults;
pub mod jid;
pub mod media;
pub mod node;
pub mod oracle;
pub mod phone;
pub mod server;
pub mod simulator;
pub mod tls;
pub mod wire;

pub use jid::Jid;
pub use node::{Content, Node};
pub use simulator::{Simulator, SimulatorConfig, SimulatorError};
