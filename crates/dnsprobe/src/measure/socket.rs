//! The sockets of one transmission, as the resolver library wants them, noting when the query left and when its answer
//! came.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hickory_resolver::net::runtime::{
    DnsUdpSocket, RuntimeProvider, TokioHandle, TokioRuntimeProvider, TokioTime,
};
use tokio::sync::Notify;

use super::port::{Arrival, Port, Ports};

/// What the sockets saw of one transmission.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// When the query was handed to the kernel; over TCP, when the connection was asked for.
    pub(super) sent: Option<Instant>,
    /// When the last datagram was taken from the kernel; unset over TCP.
    pub(super) received: Option<Instant>,
    /// The address it was sent from; unset over TCP.
    pub(super) from: Option<IpAddr>,
}

/// [`Seen`], written by the sockets and read by the lookup, which is woken when the query has left.
#[derive(Clone, Default)]
pub(super) struct Watch {
    seen: Arc<Mutex<Seen>>,
    has_sent: Arc<Notify>,
}

impl Watch {
    /// A watch of its own that wakes the same lookup.
    pub(super) fn another(&self) -> Self {
        Self { seen: Arc::default(), has_sent: Arc::clone(&self.has_sent) }
    }

    /// What has been seen so far.
    pub(super) fn seen(&self) -> Seen {
        *self.lock()
    }

    /// Waits until a query has left, of any transmission of the lookup.
    pub(super) async fn has_sent(&self) {
        self.has_sent.notified().await;
    }

    fn sending(&self) {
        self.lock().sent = Some(Instant::now());
        self.has_sent.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the sockets of one transmission, in the network namespace of the thread that runs it.
#[derive(Clone)]
pub(super) struct Sockets {
    tokio: TokioRuntimeProvider,
    /// The ports of the lookup.
    pub(super) ports: Ports,
    /// Which of them this transmission is sent from.
    pub(super) port: u32,
    /// The nameserver with the scope of its address, for which the library has no place.
    pub(super) server: SocketAddr,
    /// Where the times go.
    pub(super) watch: Watch,
}

impl Sockets {
    /// The sockets of one transmission.
    pub(super) fn new(ports: Ports, port: u32, server: SocketAddr, watch: Watch) -> Self {
        Self { tokio: TokioRuntimeProvider::new(), ports, port, server, watch }
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
        _server: SocketAddr,
        bind: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Tcp>>>> {
        self.watch.sending();
        self.tokio.connect_tcp(self.server, bind, timeout)
    }

    fn bind_udp(
        &self,
        _local: SocketAddr,
        server: SocketAddr,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<TimedUdp>>>> {
        let Self { ports, watch, .. } = self.clone();
        let opened = ports.open(self.port, self.server);
        Box::pin(async move {
            let port = opened?;
            watch.lock().from = port.address();
            Ok(TimedUdp { port, owner: next_owner(), server, watch })
        })
    }
}

fn next_owner() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// One user of a [`Port`].
pub(super) struct TimedUdp {
    port: Arc<Port>,
    owner: u64,
    /// The nameserver as the library knows it.
    server: SocketAddr,
    watch: Watch,
}

impl TimedUdp {
    fn hand_over(&self, arrival: &Arrival, buffer: &mut [u8]) -> (usize, SocketAddr) {
        self.watch.lock().received = Some(arrival.at);
        let length = arrival.bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&arrival.bytes[..length]);
        (length, self.server)
    }
}

#[async_trait]
impl DnsUdpSocket for TimedUdp {
    type Time = TokioTime;

    /// Only the library's servers poll. Its clients await, which several users of one socket may do at a time.
    fn poll_recv_from(
        &self,
        _cx: &mut Context<'_>,
        _buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let arrival = self.port.receive(self.owner).await?;
        Ok(self.hand_over(&arrival, buffer))
    }

    /// As `poll_recv_from`.
    fn poll_send_to(
        &self,
        _cx: &mut Context<'_>,
        _message: &[u8],
        _server: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    async fn send_to(&self, message: &[u8], _server: SocketAddr) -> io::Result<usize> {
        // Before the call: what the kernel and a server on this host do inside it is the server's time, not ours.
        self.watch.sending();
        self.port.send(self.owner, message).await
    }
}

impl Drop for TimedUdp {
    fn drop(&mut self) {
        self.port.forget(self.owner);
    }
}
