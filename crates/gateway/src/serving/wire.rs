//! The socket of a connection: ends writes that nobody reads, and closes so that the last answer
//! arrives.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep, timeout};

use super::crowd::Seat;
use super::{Farewell, ServeLimits, prepare};

/// A connection's socket.
pub(super) struct Wire {
    /// Until the connection ends.
    stream: Option<TcpStream>,
    limits: ServeLimits,
    /// Runs while a write waits for the client.
    unread: Option<Pin<Box<Sleep>>>,
    farewells: Arc<Semaphore>,
    /// Held for as long as the socket is in use, by whatever protocol.
    _seat: Option<Arc<Seat>>,
}

impl Wire {
    pub(super) fn new(
        stream: TcpStream,
        limits: ServeLimits,
        farewells: Arc<Semaphore>,
        seat: Option<Arc<Seat>>,
    ) -> Self {
        prepare(&stream);
        Self { stream: Some(stream), limits, unread: None, farewells, _seat: seat }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Passes on what a write came to; one that has waited for too long is an error.
    fn judge(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.unread = None;
            return written;
        }
        let patience = self.limits.unread;
        let timer = self.unread.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        timer.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream()?.poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream()?.poll_write_vectored(context, slices);
        self.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let (Some(stream), Ok(runtime)) = (self.stream.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        // A client that does not read does not hear a farewell either.
        if self.unread.is_some() {
            return;
        }
        if let Ok(permit) = Arc::clone(&self.farewells).try_acquire_owned() {
            let limits = self.limits.farewell;
            runtime.spawn(async move {
                farewell(stream, limits).await;
                drop(permit);
            });
        }
    }
}

/// Says that nothing more comes, and reads what the client still sends.
async fn farewell(mut stream: TcpStream, limits: Farewell) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let end = Instant::now() + limits.total;
    let mut thrown_away = [0; 4096];
    while Instant::now() < end {
        match timeout(limits.pause, stream.read(&mut thrown_away)).await {
            Ok(Ok(1..)) => {}
            _ => return,
        }
    }
}
