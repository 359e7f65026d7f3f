//! A source port: one connected UDP socket, shared by the questions that the resolver sends from one port.
//!
//! That they share it is part of what is measured: it is where the kernel's connection tracking loses one of a pair.
//! A resolver that sends to several servers from one port is given one port per server here.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::io::{Interest, Ready};
use tokio::net::UdpSocket;
use tokio::sync::Notify;

/// Longest datagram that is read, in bytes: the library's own limit.
const DATAGRAM_MAX: usize = 4_096;

/// The open ports of one lookup, by the walk's number and the server.
#[derive(Clone, Default)]
pub(super) struct Ports(Arc<Mutex<OpenPorts>>);

type OpenPorts = HashMap<(u32, SocketAddr), Arc<Port>>;

impl Ports {
    /// The port of this number to this server, opened if need be.
    pub(super) fn open(&self, number: u32, server: SocketAddr) -> io::Result<Arc<Port>> {
        let mut ports = lock(&self.0);
        if let Some(port) = ports.get(&(number, server)) {
            return Ok(Arc::clone(port));
        }
        let port = Arc::new(Port::connect(server)?);
        ports.insert((number, server), Arc::clone(&port));
        Ok(port)
    }

    /// Closes the ports of all other numbers, when their last transmission lets go of them.
    pub(super) fn close_all_but(&self, numbers: &HashSet<u32>) {
        lock(&self.0).retain(|(number, _), _| numbers.contains(number));
    }
}

/// One connected socket, and what has been read from it for each of its users.
pub(super) struct Port {
    socket: UdpSocket,
    /// The same socket, to send without asking the runtime first whether it may: that would take a round through its
    /// event loop, and swap the questions of a pair.
    sender: std::net::UdpSocket,
    boxes: Mutex<Vec<Mailbox>>,
    delivered: Notify,
}

struct Mailbox {
    owner: u64,
    /// The id of the message sent; answers with it are for this user. Two users with the same id both get them, and
    /// tell them apart by the question.
    id: u16,
    mail: VecDeque<io::Result<Arrival>>,
}

/// A datagram and when it was read.
#[derive(Clone)]
pub(super) struct Arrival {
    pub(super) bytes: Arc<[u8]>,
    pub(super) at: Instant,
}

impl Port {
    fn connect(server: SocketAddr) -> io::Result<Self> {
        let any: IpAddr =
            if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = std::net::UdpSocket::bind((any, 0))?;
        socket.connect(server)?;
        socket.set_nonblocking(true)?;
        let sender = socket.try_clone()?;
        let socket = UdpSocket::from_std(socket)?;
        Ok(Self { socket, sender, boxes: Mutex::default(), delivered: Notify::new() })
    }

    /// The address it sends from.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.socket.local_addr().ok().map(|address| address.ip())
    }

    /// Sends a message; its answers, and errors from now on, are kept for `owner`.
    pub(super) async fn send(&self, owner: u64, message: &[u8]) -> io::Result<usize> {
        let sent = match self.sender.send(message) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.socket.send(message).await,
            done => done,
        };
        if let Err(error) = &sent {
            // ICMP's answer to an earlier datagram is handed out once, to whoever touches the socket next.
            self.deliver_error(error);
        } else if let Some(&id) = message.first_chunk() {
            let id = u16::from_be_bytes(id);
            lock(&self.boxes).push(Mailbox { owner, id, mail: VecDeque::new() });
        }
        sent
    }

    /// The next answer or error for `owner`.
    pub(super) async fn receive(&self, owner: u64) -> io::Result<Arrival> {
        loop {
            let delivered = self.delivered.notified();
            if let Some(mail) = self.take(owner) {
                return mail;
            }
            tokio::select! {
                ready = self.socket.ready(Interest::READABLE | Interest::ERROR) => self.read(ready?)?,
                () = delivered => {}
            }
        }
    }

    /// Keeps nothing more for `owner`.
    pub(super) fn forget(&self, owner: u64) {
        lock(&self.boxes).retain(|mailbox| mailbox.owner != owner);
    }

    fn take(&self, owner: u64) -> Option<io::Result<Arrival>> {
        lock(&self.boxes)
            .iter_mut()
            .filter(|mailbox| mailbox.owner == owner)
            .find_map(|mailbox| mailbox.mail.pop_front())
    }

    /// An ICMP error makes a socket neither readable nor closed, only erroneous: reading alone would sleep through it.
    fn read(&self, ready: Ready) -> io::Result<()> {
        if ready.is_error() {
            let pending = self.socket.try_io(Interest::ERROR, || self.pending_error());
            if let Err(error) = unless_would_block(pending) {
                self.deliver_error(&error);
            }
        }
        let mut buffer = [0; DATAGRAM_MAX];
        while let Some(length) = unless_would_block(self.socket.try_recv(&mut buffer))? {
            self.deliver(&buffer[..length]);
        }
        Ok(())
    }

    /// Fails with the error that ICMP left on the socket; with `WouldBlock`, which clears tokio's flag, if there is none.
    fn pending_error(&self) -> io::Result<()> {
        Err(self.socket.take_error()?.unwrap_or_else(|| io::ErrorKind::WouldBlock.into()))
    }

    fn deliver(&self, datagram: &[u8]) {
        let arrival = Arrival { bytes: datagram.into(), at: Instant::now() };
        let Some(&id) = datagram.first_chunk() else { return };
        let id = u16::from_be_bytes(id);
        for mailbox in lock(&self.boxes).iter_mut().filter(|mailbox| mailbox.id == id) {
            mailbox.mail.push_back(Ok(arrival.clone()));
        }
        self.delivered.notify_waiters();
    }

    fn deliver_error(&self, error: &io::Error) {
        for mailbox in lock(&self.boxes).iter_mut() {
            mailbox.mail.push_back(Err(copy(error)));
        }
        self.delivered.notify_waiters();
    }
}

fn copy(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

fn unless_would_block<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        other => other.map(Some),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
