//! The ports of a program's sockets, and when they were its own.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dnsprobe_lookup::{Nanos, Timestamp};
use nix::sys::socket::{SockType, getsockopt, sockopt};

use crate::capture::now;
use crate::clients::Protocol;
use crate::sys::seccomp::Call;

/// How long a UDP socket is kept open for a packet that has not been seen yet.
const HOLD: Nanos = Nanos::from_millis(1_000);
/// How long it is kept after the packet was seen: a pair of questions goes out in one call.
const GRACE: Nanos = Nanos::from_millis(10);
/// How long after the call a packet is its own, of a UDP socket that is not kept.
const SOON: Nanos = Nanos::from_millis(1_000);
/// The same for the first packet of a TCP connection.
const CONNECT: Nanos = Nanos::from_millis(5_000);
/// How long what has ended is remembered: packets are looked at within milliseconds.
const REMEMBERED: Nanos = Nanos::from_millis(10_000);
/// How often kept sockets are looked at, at most.
const LOOK: Nanos = Nanos::from_millis(2);
/// Sockets kept at once; descriptors are scarce.
const MOST_HELD: usize = 128;
/// Ports remembered before those that have ended are forgotten.
const MANY_PORTS: usize = 1_024;

/// Where a call connects or sends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Destination {
    /// The call does not say: where the socket is connected to, or it is in a structure that is not read.
    Unknown,
    /// Nowhere any more (`AF_UNSPEC`): a port that the kernel picked is given back.
    Nowhere,
    Port(u16),
}

impl Destination {
    /// From the first four bytes of a socket address: family and port, in IPv4 and IPv6 alike.
    pub(crate) fn read([f0, f1, p0, p1]: [u8; 4]) -> Self {
        match i32::from(u16::from_ne_bytes([f0, f1])) {
            libc::AF_UNSPEC => Self::Nowhere,
            libc::AF_INET | libc::AF_INET6 => Self::Port(u16::from_be_bytes([p0, p1])),
            _ => Self::Unknown,
        }
    }
}

/// Sockets of the program that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overlooked {
    /// How often.
    pub times: u64,
    /// What the kernel said the first time.
    pub why: Option<String>,
}

/// What is known of a program's sockets; a handle that threads share.
#[derive(Debug, Clone)]
pub struct Sockets {
    inner: Arc<Mutex<Known>>,
}

#[derive(Debug)]
struct Known {
    /// The ports the kernel picks from: only these are soon another's.
    picked: RangeInclusive<u16>,
    /// The ports of DNS servers.
    servers: Vec<u16>,
    held: Vec<Held>,
    /// When kept sockets were last looked at: it costs system calls for each.
    looked: Timestamp,
    uses: HashMap<(Protocol, u16), Vec<Use>>,
    overlooked: Overlooked,
}

/// A copy of a socket, which keeps its port from becoming another's. A TCP socket is let go as soon as its port is known:
/// the copy would keep the connection open.
#[derive(Debug)]
struct Held {
    socket: Kept,
    /// When it was last about to send.
    since: Timestamp,
    /// Its port, when it has one.
    port: Option<u16>,
    /// When its last packet was looked at.
    seen: Option<Timestamp>,
}

/// Whether sockets are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    Nothing,
    /// One of them is about to get its port.
    WithoutPort,
    WithPort,
}

#[derive(Debug)]
enum Kept {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

/// A span of time in which a port was the program's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Use {
    /// Unspecified when the kernel picks one for each packet.
    address: IpAddr,
    from: Timestamp,
    until: Timestamp,
}

const OPEN_END: Timestamp = Timestamp(i64::MAX);

impl Sockets {
    /// None yet. `picked` are the ports that the kernel gives to sockets without one, `servers` those that DNS is served on.
    pub(crate) fn new(picked: RangeInclusive<u16>, servers: Vec<u16>) -> Self {
        Self { inner: Arc::new(Mutex::new(Known::new(picked, servers))) }
    }

    /// Sockets that could not be looked at.
    pub fn overlooked(&self) -> Overlooked {
        self.lock().overlooked.clone()
    }

    /// Whether a call that goes there is of no interest, whatever its socket.
    pub(crate) fn passes_over(&self, to: Destination) -> bool {
        matches!(to, Destination::Port(port) if !self.lock().servers.contains(&port))
    }

    /// A copy of a socket that is about to connect or to send.
    pub(crate) fn note(&self, socket: OwnedFd, call: Call, to: Destination) {
        self.lock().note(socket, call, to, now());
    }

    /// A socket that could not be copied.
    pub(crate) fn overlook(&self, why: &io::Error) {
        let mut known = self.lock();
        known.overlooked.times += 1;
        known.overlooked.why.get_or_insert_with(|| why.to_string());
    }

    /// Lets go of what need not be kept any longer, and says what is still kept.
    pub(crate) fn let_go(&self) -> Keeping {
        let mut known = self.lock();
        known.learn_ports();
        known.let_go(now());
        match known.held.iter().map(|held| held.port).min() {
            None => Keeping::Nothing,
            Some(None) => Keeping::WithoutPort,
            Some(Some(_)) => Keeping::WithPort,
        }
    }

    /// Whether a packet that left `client` at this time was the program's.
    pub(crate) fn sent(&self, protocol: Protocol, client: SocketAddr, at: Timestamp) -> bool {
        self.lock().sent(protocol, client, at, now())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // A thread that panicked has left whole entries behind.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn new(picked: RangeInclusive<u16>, servers: Vec<u16>) -> Self {
        let (held, uses, overlooked) = (Vec::new(), HashMap::new(), Overlooked::default());
        Self { picked, servers, held, looked: Timestamp(0), uses, overlooked }
    }

    fn note(&mut self, socket: OwnedFd, call: Call, to: Destination, now: Timestamp) {
        let Some(socket) = Kept::of(socket, call) else { return };
        self.learn_ports();
        let port = socket.local().map(|local| local.port()).filter(|port| *port != 0);
        // A port cannot be another's while its socket is kept, so it is the same socket once more.
        let same = |held: &Held| {
            held.port.is_some() && held.port == port && held.socket.protocol() == socket.protocol()
        };
        let before = self.held.iter().position(same);
        match (before, to) {
            (Some(before), Destination::Nowhere) => {
                let held = self.held.remove(before);
                self.end(&held, now);
            }
            // getaddrinfo(3) connects to every address that it found, to see where from.
            (None, Destination::Nowhere) => {}
            (_, Destination::Port(port)) if !self.servers.contains(&port) => {}
            (Some(before), _) => (self.held[before].since, self.held[before].seen) = (now, None),
            (None, _) => self.keep(Held { socket, since: now, port: None, seen: None }, now),
        }
    }

    fn keep(&mut self, held: Held, now: Timestamp) {
        if self.held.len() >= MOST_HELD {
            let oldest = self.held.remove(0);
            // It may not have sent yet.
            self.end(&oldest, now + SOON);
        }
        self.held.push(held);
        self.learn_ports();
    }

    /// Learns the ports that sockets have got meanwhile, and lets go of those that need not be kept for that.
    fn learn_ports(&mut self) {
        let (without, with) =
            std::mem::take(&mut self.held).into_iter().partition(|held| held.port.is_none());
        self.held = with;
        for mut held in without {
            self.learn(&mut held);
            let kept = match (&held.socket, held.port) {
                (_, None) => true,
                (Kept::Udp(_), Some(port)) => self.picked.contains(&port),
                (Kept::Tcp(_), Some(_)) => false,
            };
            self.held.extend(kept.then_some(held));
        }
    }

    /// Lets go of sockets whose time is over.
    fn let_go(&mut self, now: Timestamp) {
        if now - self.looked < LOOK {
            return;
        }
        self.looked = now;
        for held in std::mem::take(&mut self.held) {
            if self.is_over(&held, now) {
                self.end(&held, now);
            } else {
                self.held.push(held);
            }
        }
        if self.uses.len() > MANY_PORTS {
            self.forget(now);
        }
    }

    fn learn(&mut self, held: &mut Held) {
        let Some(local) = held.socket.local().filter(|local| local.port() != 0) else { return };
        held.port = Some(local.port());
        let until = match held.socket {
            Kept::Tcp(_) => held.since + CONNECT,
            Kept::Udp(_) if self.picked.contains(&local.port()) => OPEN_END,
            Kept::Udp(_) => held.since + SOON,
        };
        let address = local.ip().to_canonical();
        let uses = self.uses.entry((held.socket.protocol(), local.port())).or_default();
        match uses.last_mut().filter(|last| last.address == address && last.until >= held.since) {
            Some(last) => last.until = last.until.max(until),
            None => uses.push(Use { address, from: held.since, until }),
        }
    }

    fn is_over(&self, held: &Held, now: Timestamp) -> bool {
        let waited = now - held.since >= HOLD;
        let (Some(port), Kept::Udp(socket)) = (held.port, &held.socket) else { return waited };
        let changed = socket.local_addr().is_ok_and(|local| local.port() != port);
        let elsewhere = socket.peer_addr().is_ok_and(|peer| !self.servers.contains(&peer.port()));
        waited || changed || elsewhere || held.seen.is_some_and(|seen| now - seen >= GRACE)
    }

    /// From then on the port is taken for another's.
    fn end(&mut self, held: &Held, then: Timestamp) {
        let Some(uses) = held.port.and_then(|port| self.uses.get_mut(&(held.socket.protocol(), port))) else {
            return;
        };
        for one in uses.iter_mut().filter(|one| one.until == OPEN_END) {
            one.until = then;
        }
        uses.retain(|one| then - one.until < REMEMBERED);
    }

    fn forget(&mut self, now: Timestamp) {
        self.uses.retain(|_, uses| {
            uses.retain(|one| one.until == OPEN_END || now - one.until < REMEMBERED);
            !uses.is_empty()
        });
    }

    fn sent(&mut self, protocol: Protocol, client: SocketAddr, at: Timestamp, now: Timestamp) -> bool {
        // What has sent has a port by now.
        self.learn_ports();
        let address = client.ip().to_canonical();
        let during = |one: &Use| {
            one.from <= at && at <= one.until && (one.address.is_unspecified() || one.address == address)
        };
        let own = self.uses.get(&(protocol, client.port())).is_some_and(|uses| uses.iter().any(during));
        let this = |held: &&mut Held| held.port == Some(client.port()) && held.socket.protocol() == protocol;
        if let Some(held) = self.held.iter_mut().find(this).filter(|held| own && held.since <= at) {
            held.seen.get_or_insert(now);
        }
        own
    }
}

impl Kept {
    /// `None` for what carries no DNS. A TCP socket that sends has been noted when it connected.
    fn of(socket: OwnedFd, call: Call) -> Option<Self> {
        match getsockopt(&socket, sockopt::SockType).ok()? {
            SockType::Datagram => Some(Self::Udp(socket.into())),
            SockType::Stream if call == Call::Connect => Some(Self::Tcp(socket.into())),
            _ => None,
        }
        // Sockets of other families have no such address.
        .filter(|kept| kept.local().is_some())
    }

    fn local(&self) -> Option<SocketAddr> {
        match self {
            Self::Udp(socket) => socket.local_addr().ok(),
            Self::Tcp(socket) => socket.local_addr().ok(),
        }
    }

    fn protocol(&self) -> Protocol {
        match self {
            Self::Udp(_) => Protocol::Udp,
            Self::Tcp(_) => Protocol::Tcp,
        }
    }
}

#[cfg(test)]
#[path = "sockets_tests.rs"]
mod tests;
