//! The network of the sandbox, set up over rtnetlink (rtnetlink(7)).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::net::if_::if_nametoindex;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

use super::failed;
use crate::error::Error;

/// The link-local address that a pod's interface would have made for itself.
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0x0042, 0x0aff, 0xfef4, 0x0107);

/// `lo` goes up with the pod's address; the server's is local too, and what is sent to it comes from the pod's.
pub(super) fn set_up(pod: Ipv4Addr, server: Ipv4Addr) -> Result<(), Error> {
    let fail = |source| failed("set up", "the private network", source);
    let lo = if_nametoindex("lo").map_err(|e| fail(e.into()))?;
    let kernel = Rtnetlink::open().map_err(fail)?;
    kernel.ask(&link_up(lo)).map_err(fail)?;
    kernel.ask(&address_v4(lo, pod)).map_err(fail)?;
    kernel.ask(&local_route(lo, server, pod)).map_err(fail)?;
    // A kernel without IPv6 has pods without IPv6.
    let _ = kernel.ask(&address_v6(lo, LINK_LOCAL));
    Ok(())
}

fn link_up(interface: u32) -> Request {
    let up = libc::IFF_UP.cast_unsigned();
    // struct ifinfomsg
    let body = [&[0; 4][..], &interface.to_ne_bytes(), &up.to_ne_bytes(), &up.to_ne_bytes()].concat();
    Request::new(libc::RTM_NEWLINK, &body)
}

fn address_v4(interface: u32, address: Ipv4Addr) -> Request {
    let family = u8::try_from(libc::AF_INET).unwrap_or_default();
    // struct ifaddrmsg: family, prefix length, flags, scope
    let body = [&[family, 32, 0, libc::RT_SCOPE_UNIVERSE][..], &interface.to_ne_bytes()].concat();
    Request::new(libc::RTM_NEWADDR, &body).with(libc::IFA_LOCAL, &address.octets())
}

fn address_v6(interface: u32, address: Ipv6Addr) -> Request {
    let family = u8::try_from(libc::AF_INET6).unwrap_or_default();
    let no_probe = u8::try_from(libc::IFA_F_NODAD).unwrap_or_default();
    let body = [&[family, 64, no_probe, libc::RT_SCOPE_LINK][..], &interface.to_ne_bytes()].concat();
    Request::new(libc::RTM_NEWADDR, &body).with(libc::IFA_LOCAL, &address.octets())
}

fn local_route(interface: u32, to: Ipv4Addr, from: Ipv4Addr) -> Request {
    let family = u8::try_from(libc::AF_INET).unwrap_or_default();
    // struct rtmsg: family, lengths of destination and source, type of service, table, protocol, scope, kind, flags
    let rtmsg = [
        [family, 32, 0, 0],
        [libc::RT_TABLE_LOCAL, libc::RTPROT_BOOT, libc::RT_SCOPE_HOST, libc::RTN_LOCAL],
        [0; 4],
    ];
    Request::new(libc::RTM_NEWROUTE, rtmsg.as_flattened())
        .with(libc::RTA_DST, &to.octets())
        .with(libc::RTA_PREFSRC, &from.octets())
        .with(libc::RTA_OIF, &interface.to_ne_bytes())
}

/// One message of `linux/netlink.h`, in the machine's byte order.
struct Request {
    bytes: Vec<u8>,
}

impl Request {
    fn new(kind: u16, body: &[u8]) -> Self {
        let flags = libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE;
        let flags = u16::try_from(flags).unwrap_or_default();
        // struct nlmsghdr: length, type, flags, sequence, port
        let header = [&[0; 4][..], &kind.to_ne_bytes(), &flags.to_ne_bytes(), &[0; 8]].concat();
        let mut request = Self { bytes: [&header, body].concat() };
        request.set_length();
        request
    }

    fn with(mut self, attribute: u16, value: &[u8]) -> Self {
        let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(attribute.to_ne_bytes());
        self.bytes.extend(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.set_length();
        self
    }

    fn set_length(&mut self) {
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
    }
}

struct Rtnetlink {
    socket: OwnedFd,
}

impl Rtnetlink {
    fn open() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
        Ok(Self { socket })
    }

    /// Sends one request and waits for its acknowledgement.
    fn ask(&self, request: &Request) -> io::Result<()> {
        let fd = self.socket.as_raw_fd();
        send(fd, &request.bytes, MsgFlags::empty())?;
        let mut answer = [0; 1024];
        let length = recv(fd, &mut answer, MsgFlags::empty())?;
        // struct nlmsghdr is followed by the negated errno, zero for success.
        let code =
            answer[..length].get(16..20).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
        match code {
            Some(0) => Ok(()),
            Some(code) => Err(io::Error::from_raw_os_error(code.saturating_neg())),
            None => Err(io::Error::other("the kernel's answer is too short")),
        }
    }
}
