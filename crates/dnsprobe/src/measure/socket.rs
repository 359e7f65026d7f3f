//! The sockets of one transmission, as the resolver library wants them: connected, so that the kernel reports an
//! ICMP error, and noting when the query left and when the answer came.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hickory_resolver::net::runtime::{
    DnsUdpSocket, RuntimeProvider, TokioHandle, TokioRuntimeProvider, TokioTime,
};
use tokio::io::{Interest, ReadBuf};
use tokio::net::UdpSocket;

/// When one transmission left and when its answer came.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    /// When the query was handed to the kernel; over TCP, when the connection was asked for.
    pub(super) sent: Option<Instant>,
    /// When the last datagram was taken from the kernel; over TCP unset.
    pub(super) received: Option<Instant>,
}

/// [`Times`] that the sockets write and the transmission reads.
#[derive(Clone, Default)]
pub(super) struct Stopwatch(Arc<Mutex<Times>>);

impl Stopwatch {
    /// What has been noted so far.
    pub(super) fn times(&self) -> Times {
        *self.lock()
    }

    /// The first call counts: polling a send may take two.
    fn sent(&self) {
        self.lock().sent.get_or_insert_with(Instant::now);
    }

    fn received(&self) {
        self.lock().received = Some(Instant::now());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the sockets of one transmission, in the network namespace of the thread that runs it.
#[derive(Clone, Default)]
pub(super) struct Sockets {
    tokio: TokioRuntimeProvider,
    stopwatch: Stopwatch,
}

impl Sockets {
    /// Sockets that note their times on `stopwatch`.
    pub(super) fn timed_by(stopwatch: Stopwatch) -> Self {
        Self { tokio: TokioRuntimeProvider::new(), stopwatch }
    }
}

impl RuntimeProvider for Sockets {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = TimedUdp;
    type Tcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> TokioHandle {
        self.tokio.create_handle()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        bind: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Tcp>>>> {
        self.stopwatch.sent();
        self.tokio.connect_tcp(server, bind, timeout)
    }

    fn bind_udp(
        &self,
        local: SocketAddr,
        server: SocketAddr,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<TimedUdp>>>> {
        let stopwatch = self.stopwatch.clone();
        Box::pin(async move {
            let socket = UdpSocket::bind(local).await?;
            socket.connect(server).await?;
            Ok(TimedUdp { socket, server, stopwatch })
        })
    }
}

/// A connected UDP socket that notes when it sent and received.
pub(super) struct TimedUdp {
    socket: UdpSocket,
    server: SocketAddr,
    stopwatch: Stopwatch,
}

#[async_trait]
impl DnsUdpSocket for TimedUdp {
    type Time = TokioTime;

    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut read = ReadBuf::new(buffer);
        ready!(self.socket.poll_recv(cx, &mut read))?;
        self.stopwatch.received();
        Poll::Ready(Ok((read.filled().len(), self.server)))
    }

    /// An ICMP error makes the socket neither readable nor closed, only erroneous: `poll_recv` would sleep through it.
    async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        loop {
            let ready = self.socket.ready(Interest::READABLE | Interest::ERROR).await?;
            if ready.is_error() {
                unless_would_block(self.socket.try_io(Interest::ERROR, || self.pending_error()))?;
            }
            if let Some(length) = unless_would_block(self.socket.try_recv(buffer))? {
                self.stopwatch.received();
                return Ok((length, self.server));
            }
        }
    }

    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        message: &[u8],
        _server: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        // Before the call: what the kernel and a server on this host do inside it is the server's time, not ours.
        self.stopwatch.sent();
        self.socket.poll_send(cx, message)
    }
}

impl TimedUdp {
    /// Fails with the error that ICMP left on the socket; `WouldBlock`, which clears tokio's flag, when there is none.
    fn pending_error(&self) -> io::Result<()> {
        Err(self.socket.take_error()?.unwrap_or_else(|| io::ErrorKind::WouldBlock.into()))
    }
}

fn unless_would_block<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        other => other.map(Some),
    }
}
