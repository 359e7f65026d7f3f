//! Sockets as the kernel tells them (`sock_diag(7)`, `linux/inet_diag.h`): one question about one socket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

use crate::clients::Protocol;
use crate::error::Error;
use crate::netns::{Netns, run_in};

/// `struct nlmsghdr` and `struct inet_diag_req_v2`, in bytes.
const HEADER: usize = 16;
const REQUEST: usize = 56;
/// `struct inet_diag_msg`; attributes follow.
const MESSAGE: usize = 72;
/// Where the message has the socket's inode.
const INODE_AT: usize = 68;
/// `SOCK_DIAG_BY_FAMILY`
const BY_FAMILY: u16 = 20;
/// `INET_DIAG_CGROUP_ID`, since Linux 5.9.
const CGROUP_ID: u16 = 21;
/// Answers to earlier questions that are passed over before one is given up.
const MOST_STALE: usize = 8;
const MOST_BYTES: usize = 4_096;

/// A socket of some process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Socket {
    /// As in `socket:[INODE]` of `/proc/PID/fd`.
    pub(super) inode: u32,
    /// The control group of version 2 that its maker was in, by the inode of its folder.
    pub(super) cgroup: Option<u64>,
}

/// Who is asked about the sockets of one network namespace. Takes no privilege once it is open.
#[derive(Debug)]
pub(super) struct Diag {
    socket: OwnedFd,
    sequence: u32,
}

impl Diag {
    pub(super) fn open(netns: &Netns) -> Result<Self, Error> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let open = || socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkSockDiag);
        let socket = run_in(netns, open)?.map_err(|source| Error::Io {
            operation: "ask about sockets in",
            object: format!("network namespace {}", netns.inode()),
            source: source.into(),
        })?;
        Ok(Self { socket, sequence: 0 })
    }

    /// The socket at `client` that talks to `server`, or to anybody; `None` when it is gone.
    pub(super) fn find(
        &mut self,
        protocol: Protocol,
        client: SocketAddr,
        server: SocketAddr,
    ) -> io::Result<Option<Socket>> {
        self.sequence = self.sequence.wrapping_add(1);
        let question = question(self.sequence, protocol, client, server);
        send(self.socket.as_raw_fd(), &question, MsgFlags::empty())?;
        let mut bytes = [0; MOST_BYTES];
        for _ in 0..MOST_STALE {
            // The kernel has answered when send(2) returns.
            let length = recv(self.socket.as_raw_fd(), &mut bytes, MsgFlags::empty())?;
            match answer(&bytes[..length], self.sequence) {
                Answer::Found(socket) => return Ok(Some(socket)),
                Answer::Gone => return Ok(None),
                Answer::Stale => {}
            }
        }
        Ok(None)
    }
}

/// For UDP the kernel looks as for a packet that arrives, so the two ends are the other way round (`net/ipv4/udp_diag.c`,
/// `udp_dump_one`).
fn question(sequence: u32, protocol: Protocol, client: SocketAddr, server: SocketAddr) -> Vec<u8> {
    let (number, source, destination) = match protocol {
        Protocol::Udp => (libc::IPPROTO_UDP, server, client),
        Protocol::Tcp => (libc::IPPROTO_TCP, client, server),
    };
    let family = if client.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let byte = |number: i32| u8::try_from(number).unwrap_or_default();
    let length = u32::try_from(HEADER + REQUEST).unwrap_or_default();
    let mut bytes = Vec::with_capacity(HEADER + REQUEST);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(u16::try_from(libc::NLM_F_REQUEST).unwrap_or_default().to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    // The kernel fills in who asks.
    bytes.extend([0; 4]);
    bytes.extend([byte(family), byte(number), 0, 0]);
    // In whatever state.
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.extend(source.port().to_be_bytes());
    bytes.extend(destination.port().to_be_bytes());
    bytes.extend(address(source.ip()));
    bytes.extend(address(destination.ip()));
    // On any interface, and whichever it is (`INET_DIAG_NOCOOKIE`).
    bytes.extend([0; 4]);
    bytes.extend([0xff; 8]);
    bytes
}

fn address(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&v4.octets());
            bytes
        }
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// What the kernel answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Found(Socket),
    /// There is no such socket.
    Gone,
    /// To something else.
    Stale,
}

fn answer(bytes: &[u8], sequence: u32) -> Answer {
    let word_at = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    if word_at(8) != Some(sequence) {
        return Answer::Stale;
    }
    match socket_in(bytes) {
        // A socket that its process has just closed has no inode any more.
        Some(socket) if socket.inode != 0 || socket.cgroup.is_some() => Answer::Found(socket),
        _ => Answer::Gone,
    }
}

/// The socket that a message is about; an error has none.
fn socket_in(bytes: &[u8]) -> Option<Socket> {
    let word = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let half = |at: usize| Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let length = usize::try_from(word(0)?).ok()?.min(bytes.len());
    if half(4)? != BY_FAMILY || length < HEADER + MESSAGE {
        return None;
    }
    let inode = word(HEADER + INODE_AT)?;
    let (mut at, mut cgroup) = (HEADER + MESSAGE, None);
    while let (Some(size), Some(kind)) = (half(at), half(at + 2)) {
        let size = usize::from(size);
        if size < 4 || at + size > length {
            break;
        }
        if kind == CGROUP_ID {
            cgroup = bytes[at + 4..at + size].try_into().ok().map(u64::from_ne_bytes);
        }
        at += size.next_multiple_of(4);
    }
    Some(Socket { inode, cgroup })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::fd::AsFd;

    use nix::sys::stat::fstat;
    use proptest::prelude::*;

    use super::*;

    fn find(protocol: Protocol, client: SocketAddr, server: SocketAddr) -> Option<Socket> {
        Diag::open(&Netns::current().unwrap()).unwrap().find(protocol, client, server).unwrap()
    }

    fn inode(socket: &impl AsFd) -> u32 {
        u32::try_from(fstat(socket).unwrap().st_ino).unwrap()
    }

    #[test]
    fn a_socket_is_found_by_its_ports_whether_it_is_connected_or_not() {
        let server: SocketAddr = "127.0.0.1:53".parse().unwrap();
        for (bound, connected) in [("127.0.0.1:0", true), ("0.0.0.0:0", false), ("[::]:0", false)] {
            let socket = UdpSocket::bind(bound).unwrap();
            if connected {
                socket.connect(server).unwrap();
            }
            let client = ([127, 0, 0, 1], socket.local_addr().unwrap().port()).into();
            let found = find(Protocol::Udp, client, server);
            assert_eq!(found.map(|it| it.inode), Some(inode(&socket)), "{bound}");
            drop(socket);
            assert_eq!(find(Protocol::Udp, client, server), None, "{bound}");
        }
    }

    #[test]
    fn a_connection_is_found_by_both_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (client, server) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
        assert_eq!(find(Protocol::Tcp, client, server).map(|it| it.inode), Some(inode(&stream)));
        assert_eq!(find(Protocol::Udp, client, server), None);
    }

    #[test]
    fn the_group_of_a_socket_is_an_attribute_behind_the_message() {
        let mut bytes = vec![0; HEADER + MESSAGE];
        bytes[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
        bytes[8..12].copy_from_slice(&7_u32.to_ne_bytes());
        bytes[HEADER + INODE_AT..].copy_from_slice(&99_u32.to_ne_bytes());
        // One of another kind, of one byte and three that fill it up.
        bytes.extend(5_u16.to_ne_bytes().into_iter().chain(8_u16.to_ne_bytes()).chain([0; 4]));
        bytes.extend(12_u16.to_ne_bytes().into_iter().chain(CGROUP_ID.to_ne_bytes()));
        bytes.extend(4_711_u64.to_ne_bytes());
        let length = u32::try_from(bytes.len()).unwrap();
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        assert_eq!(answer(&bytes, 7), Answer::Found(Socket { inode: 99, cgroup: Some(4_711) }));
        assert_eq!(answer(&bytes, 8), Answer::Stale, "another question's");
        let short = answer(&bytes[..HEADER + MESSAGE], 7);
        assert_eq!(short, Answer::Found(Socket { inode: 99, cgroup: None }));
        bytes[4..6].copy_from_slice(&2_u16.to_ne_bytes());
        assert_eq!(answer(&bytes, 7), Answer::Gone, "an error");
    }

    proptest! {
        #[test]
        fn any_answer_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..160), sequence in any::<u32>()) {
            let _ = answer(&bytes, sequence);
            let mut own = bytes;
            own.splice(0..own.len().min(12), [96, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0]);
            let _ = answer(&own, 1);
        }
    }
}
