//! A small DNS server that answers as a script says: the cluster's in `demo`, any server at all in tests.
//!
//! Not a nameserver for anyone else: no zone files, no recursion, no limits on what it is asked.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use dnsprobe_resolv::Transport;
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::net::xfer::Protocol;
use hickory_server::proto::op::{Header, HeaderCounts, Metadata, ResponseCode};
use hickory_server::proto::rr::{LowerName, Record, RecordType};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;

/// What a script is asked to react to.
pub(crate) struct Asked<'a> {
    /// The name, in lower case.
    pub(crate) name: &'a LowerName,
    /// The type.
    pub(crate) qtype: RecordType,
    /// How the question came.
    #[cfg_attr(not(test), expect(dead_code, reason = "the demo's answers are short enough for UDP"))]
    pub(crate) transport: Transport,
}

/// An answer and how long the server takes over it.
pub(crate) struct Reply {
    /// The response code.
    pub(crate) rcode: ResponseCode,
    /// The AA bit.
    pub(crate) authoritative: bool,
    /// The TC bit.
    pub(crate) truncated: bool,
    /// The answer section.
    pub(crate) answers: Vec<Record>,
    /// The SOA of a negative answer.
    pub(crate) soa: Option<Record>,
    /// From the question's arrival to the answer's departure.
    pub(crate) delay: Duration,
}

impl Reply {
    /// An answer at once, with nothing in it.
    pub(crate) fn empty(rcode: ResponseCode) -> Self {
        Self {
            rcode,
            authoritative: false,
            truncated: false,
            answers: Vec::new(),
            soa: None,
            delay: Duration::ZERO,
        }
    }
}

/// Decides what is answered to each question; `None` is silence.
pub(crate) type Script = Box<dyn Fn(&Asked<'_>) -> Option<Reply> + Send + Sync>;

/// A server in a thread of its own; dropping it stops the thread and closes the sockets.
pub(crate) struct Running {
    address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Where it listens, over UDP and TCP.
    #[cfg_attr(not(test), expect(dead_code, reason = "only tests listen on a port the kernel chose"))]
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there has been printed by its thread; there is nothing to add while dropping.
            let _ = thread.join();
        }
    }
}

/// Starts a server on UDP and TCP of one address, in the caller's network namespace. It answers once this returns.
pub(crate) fn start(listen: SocketAddr, script: Script) -> io::Result<Running> {
    let (udp, tcp) = bind_both(listen)?;
    let address = udp.local_addr()?;
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let (ready, is_ready) = mpsc::channel();
    let thread = thread::Builder::new().name("dns-server".into()).spawn(move || {
        let started = serve(udp, tcp, script, stopped, &ready);
        // Only a failure before `ready` still has a listener.
        let _ = ready.send(started);
    })?;
    is_ready.recv().unwrap_or_else(|_| Err(io::Error::other("the server's thread ended at once")))?;
    Ok(Running { address, stop: Some(stop), thread: Some(thread) })
}

/// With port 0 the kernel chooses one for UDP that another program may hold for TCP; a few tries settle it.
fn bind_both(listen: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let tries = if listen.port() == 0 { 20 } else { 1 };
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..tries {
        let udp = UdpSocket::bind(listen)?;
        match TcpListener::bind(udp.local_addr()?) {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn serve(
    udp: UdpSocket,
    tcp: TcpListener,
    script: Script,
    stopped: tokio::sync::oneshot::Receiver<()>,
    ready: &mpsc::Sender<io::Result<()>>,
) -> io::Result<()> {
    udp.set_nonblocking(true)?;
    tcp.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut server = Server::new(Scripted { script });
        server.register_socket(tokio::net::UdpSocket::from_std(udp)?);
        server.register_listener(tokio::net::TcpListener::from_std(tcp)?, Duration::from_secs(30), 16);
        let _ = ready.send(Ok(()));
        // Ends when the sender is dropped.
        let _ = stopped.await;
        Ok::<_, io::Error>(())
    })?;
    runtime.shutdown_background();
    Ok(())
}

struct Scripted {
    script: Script,
}

#[async_trait]
impl RequestHandler for Scripted {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut response_handle: R,
    ) -> ResponseInfo {
        let metadata = Metadata::response_from_request(&request.metadata);
        let unsent = ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() });
        let Ok(info) = request.request_info() else { return unsent };
        let asked = Asked {
            name: info.query.name(),
            qtype: info.query.query_type(),
            transport: if info.protocol == Protocol::Udp { Transport::Udp } else { Transport::Tcp },
        };
        let Some(reply) = (self.script)(&asked) else { return unsent };
        wait_exactly(reply.delay).await;
        let response = MessageResponseBuilder::from_message_request(request).build(
            reply.header(metadata),
            &reply.answers,
            [],
            &reply.soa,
            [],
        );
        // A client that went away needs no answer.
        response_handle.send_response(response).await.unwrap_or(unsent)
    }
}

impl Reply {
    fn header(&self, mut metadata: Metadata) -> Metadata {
        metadata.response_code = self.rcode;
        metadata.authoritative = self.authoritative;
        metadata.truncation = self.truncated;
        metadata.recursion_available = true;
        metadata
    }
}

/// tokio's timer counts whole milliseconds; a cluster's server answers in less than one.
async fn wait_exactly(delay: Duration) {
    if !delay.is_zero() {
        // Fails only while the runtime shuts down.
        let _ = tokio::task::spawn_blocking(move || thread::sleep(delay)).await;
    }
}
