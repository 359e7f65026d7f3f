//! One transmission: one question to one nameserver, once, through the resolver library.
//!
//! Which question, which server and when to send again is the walk's business. The library's own search list, hosts
//! file, cache, CNAME chasing, retries and fallback to TCP are all left out: they sit above the name server pool that
//! is used here, except the UDP stream's resending, which `Connections` switches off.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dnsprobe_resolv::Transport;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ProtocolConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::tcp::TcpClientStream;
use hickory_resolver::net::udp::UdpClientStream;
use hickory_resolver::net::xfer::{DnsExchange, DnsHandle, DnsResponseStream, FirstAnswer};
use hickory_resolver::proto::op::{DnsRequest, DnsRequestOptions, DnsResponse, Query};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{ConnectionProvider, NameServerPool, PoolContext, TlsConfig};

use super::port::Ports;
use super::socket::{Sockets, Watch};

/// One question for one server.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// The absolute name.
    pub(super) name: Name,
    /// The type asked for.
    pub(super) qtype: RecordType,
    /// Where it goes.
    pub(super) server: SocketAddr,
    /// Over what.
    pub(super) transport: Transport,
    /// The number of the source port it is sent from.
    pub(super) port: u32,
    /// The UDP payload size to announce in an OPT record (RFC 6891 section 6.2.3); `None` sends no OPT record.
    pub(super) edns: Option<u16>,
}

/// How long the library waits. It is the walk that ends a wait; this only keeps the library's own clock out of it.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

/// How one transmission ended.
#[derive(Debug)]
pub(super) struct Transmitted {
    /// When the answer or the error came.
    pub(super) ended: Instant,
    /// The server's message, whatever its response code.
    pub(super) result: Result<DnsResponse, NetError>,
}

/// Sends one question and waits for its answer, for as long as it is polled. Must run on a tokio runtime with I/O and
/// time.
pub(super) async fn transmit(request: Request, ports: Ports, watch: Watch) -> Transmitted {
    let ending = Ending::default();
    let sockets = Sockets::new(ports, request.port, request.server, watch.clone());
    let judged = send(request, Connections { sockets, ending: ending.clone() }).await;
    let now = Instant::now();
    let result = ending.take().unwrap_or(judged);
    let ended = watch.seen().received.filter(|_| result.is_ok()).unwrap_or(now);
    Transmitted { ended, result }
}

async fn send(request: Request, connections: Connections) -> Result<DnsResponse, NetError> {
    let mut options = ResolverOpts::default();
    options.timeout = FOREVER;
    options.os_port_selection = true;
    let context = Arc::new(PoolContext::new(options, TlsConfig::new()?));
    let pool = NameServerPool::from_config([name_server(&request)], context, connections);
    let mut options = DnsRequestOptions::default();
    options.use_edns = request.edns.is_some();
    options.edns_payload_len = request.edns.unwrap_or_default();
    pool.lookup(Query::query(request.name, request.qtype), options).first_answer().await
}

fn name_server(request: &Request) -> NameServerConfig {
    let mut connection = ConnectionConfig::new(match request.transport {
        Transport::Udp => ProtocolConfig::Udp,
        Transport::Tcp => ProtocolConfig::Tcp,
    });
    connection.port = request.server.port();
    NameServerConfig::new(request.server.ip(), true, vec![connection])
}

/// How a transmission ended, before the library judges it: it makes errors of negative and empty answers, without
/// their flags, and one error of several.
#[derive(Clone, Default)]
struct Ending(Arc<Mutex<Option<Result<DnsResponse, NetError>>>>);

impl Ending {
    fn keep(&self, result: Result<DnsResponse, NetError>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
    }

    fn take(&self) -> Option<Result<DnsResponse, NetError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Makes the connections of one transmission.
#[derive(Clone)]
struct Connections {
    sockets: Sockets,
    ending: Ending,
}

impl ConnectionProvider for Connections {
    type Conn = Connection;
    type FutureConn = Pin<Box<dyn Future<Output = Result<Connection, NetError>> + Send>>;
    type RuntimeProvider = Sockets;

    fn new_connection(
        &self,
        ip: std::net::IpAddr,
        config: &ConnectionConfig,
        _context: &PoolContext,
    ) -> Result<Self::FutureConn, NetError> {
        let server = SocketAddr::new(ip, config.port);
        let Self { sockets, ending } = self.clone();
        let udp = matches!(config.protocol, ProtocolConfig::Udp);
        Ok(Box::pin(async move {
            let exchange = if udp {
                // One task in the stream's retry loop is one datagram: it never sends again by itself.
                UdpClientStream::builder(server, sockets)
                    .with_timeout(Some(FOREVER))
                    .with_max_retries(1)
                    .with_os_port_selection(true)
                    .exchange()
            } else {
                TcpClientStream::exchange(server, None, FOREVER, None, sockets)
                    .await
                    .inspect_err(|error| ending.keep(Err(error.clone())))?
            };
            Ok(Connection { exchange, ending })
        }))
    }

    fn runtime_provider(&self) -> &Sockets {
        &self.sockets
    }
}

/// A connection that keeps what it received.
#[derive(Clone)]
struct Connection {
    exchange: DnsExchange<Sockets>,
    ending: Ending,
}

impl DnsHandle for Connection {
    type Response = DnsResponseStream;
    type Runtime = Sockets;

    fn send(&self, request: DnsRequest) -> DnsResponseStream {
        let answer = self.exchange.send(request).first_answer();
        let ending = self.ending.clone();
        Box::pin(async move {
            let answer = answer.await;
            ending.keep(answer.clone());
            answer
        })
        .into()
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
