//! What is seen of a session's connection from outside the client: how far an attempt came, and when the server was last heard.
//!
//! The client tells little of its connection. Its transport is ours, so here is where evidence is collected; the session's
//! actor judges it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use wakeeper_model::Clock;

use crate::life::watch::Heard;

/// How far an attempt to connect came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing was tried yet.
    Idle,
    /// The host's name is looked up.
    Resolving,
    /// TCP connections are tried.
    Dialing,
    /// The TLS handshake runs.
    Securing,
    /// The session's proxy is asked for a way to the server.
    Tunnelling,
    /// The WebSocket handshake runs.
    Upgrading,
    /// The WebSocket is open: the client logs in, or has logged in.
    Open,
    /// The attempt failed, and why.
    Failed(String),
    /// The connection was open and is not any more, and why.
    Closed(String),
}

#[derive(Debug)]
struct Inner {
    server: String,
    client: u64,
    phase: Phase,
    frames: u64,
    frames_before: u64,
    answers: u64,
    last_frame: Option<i64>,
    attempts: u64,
}

/// The connection of one session, over all its clients.
#[derive(Debug)]
pub(crate) struct Line {
    clock: Clock,
    inner: Mutex<Inner>,
}

impl Line {
    pub(crate) fn new(clock: Clock) -> Self {
        let inner = Inner {
            server: String::new(),
            client: 0,
            phase: Phase::Idle,
            frames: 0,
            frames_before: 0,
            answers: 0,
            last_frame: None,
            attempts: 0,
        };
        Self { clock, inner: Mutex::new(inner) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new client is about to try. Answers its number: what clients before it still tell counts no more.
    pub(crate) fn next_client(&self) -> u64 {
        let mut inner = self.inner();
        inner.client += 1;
        inner.phase = Phase::Idle;
        inner.frames_before = inner.frames;
        inner.client
    }

    /// An attempt to reach this server begins.
    pub(crate) fn begin(&self, client: u64, server: &str) {
        let mut inner = self.inner();
        inner.attempts += 1;
        if inner.client == client {
            server.clone_into(&mut inner.server);
            inner.phase = Phase::Resolving;
        }
    }

    /// The server itself is reached, behind what was reached before it.
    pub(crate) fn reached(&self, client: u64, server: &str) {
        let mut inner = self.inner();
        if inner.client == client {
            server.clone_into(&mut inner.server);
        }
    }

    pub(crate) fn enter(&self, client: u64, phase: Phase) {
        let mut inner = self.inner();
        if inner.client == client {
            inner.phase = phase;
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.inner().phase.clone()
    }

    /// The server sent something.
    pub(crate) fn heard(&self, client: u64) {
        let now = self.clock.now_ms();
        let mut inner = self.inner();
        if inner.client == client {
            inner.frames += 1;
            inner.last_frame = Some(now);
        }
    }

    /// The server answered something that this device sent.
    pub(crate) fn answered(&self) {
        self.inner().answers += 1;
    }

    /// What was heard so far.
    pub(crate) fn so_far(&self) -> Heard {
        let inner = self.inner();
        Heard { frames: inner.frames, answers: inner.answers }
    }

    /// When the last frame came in, in milliseconds since 1970.
    pub(crate) fn last_frame(&self) -> Option<i64> {
        self.inner().last_frame
    }

    /// How often a connection was tried.
    pub(crate) fn attempts(&self) -> u64 {
        self.inner().attempts
    }

    /// What an attempt that takes long waits for.
    pub(crate) fn stuck(&self) -> String {
        let inner = self.inner();
        let server = &inner.server;
        match &inner.phase {
            Phase::Idle => "nothing was tried yet".to_owned(),
            Phase::Resolving => format!("the address of {server} cannot be looked up; is DNS working?"),
            Phase::Dialing => format!("no answer from {server}"),
            Phase::Securing => format!("{server} does not finish the TLS handshake"),
            Phase::Tunnelling => format!("{server} does not answer the question for a way to WhatsApp"),
            Phase::Upgrading => format!("{server} does not finish the WebSocket handshake"),
            // The first frame is the server's half of the Noise handshake.
            Phase::Open if inner.frames - inner.frames_before <= 1 => {
                format!("{server} does not answer the login")
            }
            Phase::Open => format!("the login at {server} takes long"),
            Phase::Failed(why) | Phase::Closed(why) => why.clone(),
        }
    }
}
