//! The server's sockets. One UDP socket hears all addresses, so that questions come in the order they were sent.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;

use nix::sys::socket::sockopt::Ipv6RecvPacketInfo;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg, sendmsg, setsockopt,
};

use super::RecordError;

/// DNS.
const PORT: u16 = 53;
/// The longest message that clients send.
const MESSAGE_MAX: usize = 4096;

/// The server's sockets.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) udp: UdpSocket,
    pub(super) tcp: TcpListener,
}

/// A datagram as it came.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) bytes: Vec<u8>,
    pub(super) client: SocketAddrV6,
    /// The address it was sent to, IPv4 ones mapped.
    pub(super) server: Ipv6Addr,
}

/// A connection and what has come over it so far.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Server {
    pub(super) fn bind() -> Result<Self, RecordError> {
        let all = SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT));
        let udp = UdpSocket::bind(all).map_err(RecordError::io("listen on UDP port 53"))?;
        setsockopt(&udp, Ipv6RecvPacketInfo, &true)
            .map_err(|error| RecordError::io("ask for the addresses of datagrams")(error.into()))?;
        let tcp = TcpListener::bind(all).map_err(RecordError::io("listen on TCP port 53"))?;
        let ready = udp.set_nonblocking(true).and_then(|()| tcp.set_nonblocking(true));
        ready.map_err(RecordError::io("make the server's sockets non-blocking"))?;
        Ok(Self { udp, tcp })
    }

    /// The next datagram, if one waits.
    pub(super) fn receive(&self) -> io::Result<Option<Datagram>> {
        let mut bytes = vec![0; MESSAGE_MAX];
        let mut control = nix::cmsg_space!(libc::in6_pktinfo);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::empty();
        let received =
            match recvmsg::<SockaddrIn6>(self.udp.as_raw_fd(), &mut parts, Some(&mut control), flags) {
                Ok(received) => received,
                Err(nix::Error::EAGAIN) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
        let server = received.cmsgs()?.find_map(|message| match message {
            ControlMessageOwned::Ipv6PacketInfo(info) => Some(Ipv6Addr::from(info.ipi6_addr.s6_addr)),
            _ => None,
        });
        let (length, client) = (received.bytes, received.address);
        let (Some(server), Some(client)) = (server, client) else {
            return Err(io::Error::other("a datagram without addresses"));
        };
        bytes.truncate(length);
        Ok(Some(Datagram { bytes, client: client.into(), server }))
    }

    /// Answers from the address that was asked. A client that is gone is no error.
    pub(super) fn send(&self, bytes: &[u8], from: Ipv6Addr, to: SocketAddrV6) {
        let info =
            libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: from.octets() }, ipi6_ifindex: 0 };
        let control = [ControlMessage::Ipv6PacketInfo(&info)];
        let parts = [IoSlice::new(bytes)];
        let to = SockaddrIn6::from(to);
        let _ = sendmsg(self.udp.as_raw_fd(), &parts, &control, MsgFlags::empty(), Some(&to));
    }

    /// The next connection, if one waits.
    pub(super) fn accept(&self) -> io::Result<Option<Connection>> {
        match self.tcp.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true)?;
                Ok(Some(Connection { stream, buffer: Vec::new() }))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Connection {
    /// The messages that are complete now (RFC 1035 section 4.2.2), and whether the connection is still open.
    pub(super) fn read(&mut self) -> (Vec<Vec<u8>>, bool) {
        let mut part = [0; MESSAGE_MAX];
        let open = match self.stream.read(&mut part) {
            Ok(0) => false,
            Ok(length) => {
                self.buffer.extend_from_slice(&part[..length]);
                true
            }
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        let mut messages = Vec::new();
        while let Some((head, rest)) = self.buffer.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*head));
            let Some(message) = rest.get(..length) else { break };
            messages.push(message.to_vec());
            self.buffer.drain(..2 + length);
        }
        (messages, open)
    }

    /// Writes an answer; a client that is gone is no error.
    pub(super) fn write(&mut self, message: &[u8]) {
        let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
        let _ = self.stream.write_all(&[&length.to_be_bytes(), message].concat());
    }

    /// The server's end, as an address that vectors name.
    pub(super) fn server(&self) -> Option<IpAddr> {
        self.stream.local_addr().ok().map(|address| address.ip().to_canonical())
    }
}
