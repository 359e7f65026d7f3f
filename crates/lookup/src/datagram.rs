//! Frame to datagram: link layer, IP and UDP or TCP headers. Stateless; knows nothing of DNS but its port.

mod quick;

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use pnet_packet::ip::{IpNextHeaderProtocol, IpNextHeaderProtocols};
use pnet_packet::ipv4::Ipv4Packet;
use pnet_packet::ipv6::Ipv6Packet;
use pnet_packet::tcp::{TcpFlags, TcpPacket};
use pnet_packet::udp::UdpPacket;

use dnsprobe_resolv::Transport;

use crate::frame::{Frame, LinkType};

/// What a UDP datagram or a TCP segment carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Sender.
    pub source: Endpoint,
    /// Receiver.
    pub destination: Endpoint,
    /// UDP, or where in its stream a TCP segment stands.
    pub carrier: Carrier,
    /// The bytes that were kept.
    pub payload: &'a [u8],
    /// True when the capture kept fewer bytes than were sent.
    pub cut: bool,
}

/// An address and a port: a `SocketAddr` in whole words, as many are made, moved and compared. Words that are written in
/// pieces and read as one make a processor wait.
#[derive(Debug, Clone, Copy, Eq)]
pub struct Endpoint {
    /// The address as a number, its upper and its lower half.
    address: [u64; 2],
    /// The port, and which kind of address it is.
    port_and_version: u64,
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        // Word by word, without a branch for each; derived, it would be in pieces that were not written as such.
        let [upper, lower] = [0, 1].map(|half| self.address[half] ^ other.address[half]);
        upper | lower | (self.port_and_version ^ other.port_and_version) == 0
    }
}

impl Hash for Endpoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [upper, lower] = self.address;
        [upper, lower, self.port_and_version].hash(state);
    }
}

/// Which kind of address it is: above the bits of a port.
const V4: u64 = 0;
const V6: u64 = 1 << 16;

impl Endpoint {
    /// This port at this address.
    pub fn new(address: IpAddr, port: u16) -> Self {
        match address {
            IpAddr::V4(address) => Self::v4(address.to_bits(), port),
            IpAddr::V6(address) => {
                let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default();
                let bits = address.to_bits();
                Self { address: [half(bits >> 64), half(bits)], port_and_version: u64::from(port) | V6 }
            }
        }
    }

    /// This port at the IPv4 address with this number.
    #[inline]
    fn v4(address: u32, port: u16) -> Self {
        Self { address: [0, u64::from(address)], port_and_version: u64::from(port) | V4 }
    }

    /// The address.
    pub fn ip(self) -> IpAddr {
        let [upper, lower] = self.address;
        match self.v4_bits() {
            Some(bits) => IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or_default())),
            None => IpAddr::V6(Ipv6Addr::from_bits(u128::from(upper) << 64 | u128::from(lower))),
        }
    }

    /// The port.
    #[inline]
    pub fn port(self) -> u16 {
        u16::try_from(self.port_and_version & u64::from(u16::MAX)).unwrap_or_default()
    }

    /// The bits of an IPv4 address.
    #[inline]
    pub(crate) fn v4_bits(self) -> Option<u64> {
        (self.port_and_version & V6 == 0).then_some(self.address[1])
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(it: SocketAddr) -> Self {
        Self::new(it.ip(), it.port())
    }
}

impl From<Endpoint> for SocketAddr {
    fn from(it: Endpoint) -> Self {
        Self::new(it.ip(), it.port())
    }
}

/// What carried a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// A whole datagram.
    Udp,
    /// A piece of a stream.
    Tcp {
        /// Number of the first byte.
        sequence: u32,
        /// First segment of its direction.
        syn: bool,
        /// Last segment of its direction, or the connection was reset.
        end: bool,
    },
}

/// Why a frame gave no datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Skipped {
    /// Neither IPv4 nor IPv6.
    NotIp,
    /// IP, but neither UDP nor TCP.
    OtherProtocol,
    /// Neither port is one that we look at.
    OtherPort,
    /// A later piece of a fragmented packet: it carries no ports.
    Fragment,
    /// The capture kept too little of it, or its lengths contradict each other.
    CutShort,
    /// The link type is not one that we read.
    UnknownLink(LinkType),
}

impl Skipped {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotIp => "not IP",
            Self::OtherProtocol => "neither UDP nor TCP",
            Self::OtherPort => "on other ports",
            Self::Fragment => "later IP fragments, which carry no ports",
            Self::CutShort => "cut short inside their headers",
            Self::UnknownLink(_) => "of an unknown link type",
        }
    }
}

/// Decodes one frame down to its UDP or TCP payload, where one of the ports is in `ports`.
#[inline]
pub fn decode<'a>(frame: &Frame<'a>, ports: &[u16]) -> Result<Datagram<'a>, Skipped> {
    match quick::decode(frame.link, frame.bytes) {
        Some(datagram) if datagram.is_of(ports) => Ok(datagram),
        Some(_) => Err(Skipped::OtherPort),
        None => general(frame).and_then(|it| if it.is_of(ports) { Ok(it) } else { Err(Skipped::OtherPort) }),
    }
}

impl Datagram<'_> {
    /// Over what it was sent.
    #[inline]
    pub(crate) fn transport(&self) -> Transport {
        match self.carrier {
            Carrier::Udp => Transport::Udp,
            Carrier::Tcp { .. } => Transport::Tcp,
        }
    }

    /// Whether it came from one of these ports or went to one.
    #[inline]
    fn is_of(&self, ports: &[u16]) -> bool {
        let (source, destination) = (self.source.port(), self.destination.port());
        ports.iter().any(|port| *port == source || *port == destination)
    }
}

/// Decodes any frame. Apart, as it is seldom needed and long.
#[inline(never)]
fn general<'a>(frame: &Frame<'a>) -> Result<Datagram<'a>, Skipped> {
    ip(network_layer(frame.link, frame.bytes)?)
}

/// Takes the link-layer header off.
fn network_layer(link: LinkType, bytes: &[u8]) -> Result<&[u8], Skipped> {
    match link {
        LinkType::ETHERNET => after_ethertype(bytes, 12),
        // Linux cooked v1: the protocol is the last of the 16 header bytes, as an Ethernet type.
        LinkType::LINUX_SLL => after_ethertype(bytes, 14),
        // Linux cooked v2: the protocol comes first of 20 bytes.
        LinkType::LINUX_SLL2 => cooked_v2(bytes),
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => Ok(bytes),
        // The family's number differs between systems; the IP version tells the same.
        LinkType::NULL | LinkType::LOOP => bytes.get(4..).ok_or(Skipped::CutShort),
        other => Err(Skipped::UnknownLink(other)),
    }
}

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// 802.1Q, 802.1ad, and the older QinQ number.
const VLAN: [u16; 3] = [0x8100, 0x88a8, 0x9100];

fn after_ethertype(bytes: &[u8], mut at: usize) -> Result<&[u8], Skipped> {
    loop {
        let ethertype = be16(bytes, at)?;
        at += 2;
        match ethertype {
            IPV4 | IPV6 => return bytes.get(at..).ok_or(Skipped::CutShort),
            // A tag is two bytes of tag control, then the next type (IEEE 802.1Q section 9.6).
            tag if VLAN.contains(&tag) => at += 2,
            _ => return Err(Skipped::NotIp),
        }
    }
}

fn cooked_v2(bytes: &[u8]) -> Result<&[u8], Skipped> {
    match be16(bytes, 0)? {
        IPV4 | IPV6 => bytes.get(20..).ok_or(Skipped::CutShort),
        tag if VLAN.contains(&tag) => after_ethertype(bytes, 22),
        _ => Err(Skipped::NotIp),
    }
}

fn be16(bytes: &[u8], at: usize) -> Result<u16, Skipped> {
    let pair = bytes.get(at..at + 2).ok_or(Skipped::CutShort)?;
    Ok(u16::from_be_bytes([pair[0], pair[1]]))
}

fn ip(bytes: &[u8]) -> Result<Datagram<'_>, Skipped> {
    match bytes.first().map(|first| first >> 4) {
        Some(4) => ipv4(bytes),
        Some(6) => ipv6(bytes),
        Some(_) => Err(Skipped::NotIp),
        None => Err(Skipped::CutShort),
    }
}

/// What the IP header says about the bytes after it.
struct Inside<'a> {
    source: IpAddr,
    destination: IpAddr,
    protocol: IpNextHeaderProtocol,
    bytes: &'a [u8],
}

fn ipv4(bytes: &[u8]) -> Result<Datagram<'_>, Skipped> {
    let header = Ipv4Packet::new(bytes).ok_or(Skipped::CutShort)?;
    let start = usize::from(header.get_header_length()) * 4;
    if start < Ipv4Packet::minimum_packet_size() {
        return Err(Skipped::CutShort);
    }
    if header.get_fragment_offset() != 0 {
        return Err(Skipped::Fragment);
    }
    // Total length 0: a packet that the network card was to split (segmentation offload); all that is there counts.
    let end = match usize::from(header.get_total_length()) {
        0 => bytes.len(),
        total => total.min(bytes.len()),
    };
    transport(&Inside {
        source: header.get_source().into(),
        destination: header.get_destination().into(),
        protocol: header.get_next_level_protocol(),
        bytes: bytes.get(start..end).ok_or(Skipped::CutShort)?,
    })
}

fn ipv6(bytes: &[u8]) -> Result<Datagram<'_>, Skipped> {
    let header = Ipv6Packet::new(bytes).ok_or(Skipped::CutShort)?;
    let start = Ipv6Packet::minimum_packet_size();
    // Payload length 0: a jumbogram or an unsplit large packet (RFC 2675 section 3); all that is there counts.
    let end = match usize::from(header.get_payload_length()) {
        0 => bytes.len(),
        length => (start + length).min(bytes.len()),
    };
    let bytes = bytes.get(start..end).ok_or(Skipped::CutShort)?;
    let (protocol, bytes) = after_extensions(header.get_next_header(), bytes)?;
    let (source, destination) = (header.get_source().into(), header.get_destination().into());
    transport(&Inside { source, destination, protocol, bytes })
}

/// Walks the extension headers (RFC 8200 section 4) to the upper-layer header.
fn after_extensions(
    mut next: IpNextHeaderProtocol,
    mut bytes: &[u8],
) -> Result<(IpNextHeaderProtocol, &[u8]), Skipped> {
    loop {
        let length = match next {
            IpNextHeaderProtocols::Hopopt
            | IpNextHeaderProtocols::Ipv6Route
            | IpNextHeaderProtocols::Ipv6Opts => {
                (usize::from(*bytes.get(1).ok_or(Skipped::CutShort)?) + 1) * 8
            }
            IpNextHeaderProtocols::Ipv6Frag => {
                if be16(bytes, 2)? & 0xfff8 != 0 {
                    return Err(Skipped::Fragment);
                }
                8
            }
            // The authentication header counts in 4-byte units, less two (RFC 4302 section 2.2).
            IpNextHeaderProtocols::Ah => (usize::from(*bytes.get(1).ok_or(Skipped::CutShort)?) + 2) * 4,
            _ => return Ok((next, bytes)),
        };
        next = IpNextHeaderProtocol::new(*bytes.first().ok_or(Skipped::CutShort)?);
        bytes = bytes.get(length..).ok_or(Skipped::CutShort)?;
    }
}

fn transport<'a>(inside: &Inside<'a>) -> Result<Datagram<'a>, Skipped> {
    match inside.protocol {
        IpNextHeaderProtocols::Udp => udp(inside),
        IpNextHeaderProtocols::Tcp => tcp(inside),
        _ => Err(Skipped::OtherProtocol),
    }
}

fn udp<'a>(inside: &Inside<'a>) -> Result<Datagram<'a>, Skipped> {
    let header = UdpPacket::new(inside.bytes).ok_or(Skipped::CutShort)?;
    let start = UdpPacket::minimum_packet_size();
    let sent = usize::from(header.get_length());
    if sent != 0 && sent < start {
        return Err(Skipped::CutShort);
    }
    // Length 0 stands for a jumbogram (RFC 2675 section 4); the capture may also hold padding after the datagram.
    let end = if sent == 0 { inside.bytes.len() } else { sent.min(inside.bytes.len()) };
    Ok(Datagram {
        source: Endpoint::new(inside.source, header.get_source()),
        destination: Endpoint::new(inside.destination, header.get_destination()),
        carrier: Carrier::Udp,
        payload: &inside.bytes[start..end],
        cut: sent > inside.bytes.len(),
    })
}

fn tcp<'a>(inside: &Inside<'a>) -> Result<Datagram<'a>, Skipped> {
    let header = TcpPacket::new(inside.bytes).ok_or(Skipped::CutShort)?;
    let start = usize::from(header.get_data_offset()) * 4;
    if start < TcpPacket::minimum_packet_size() {
        return Err(Skipped::CutShort);
    }
    let flags = header.get_flags();
    let payload = inside.bytes.get(start..).ok_or(Skipped::CutShort)?;
    let has = |flag: u8| flags & flag != 0;
    Ok(Datagram {
        source: Endpoint::new(inside.source, header.get_source()),
        destination: Endpoint::new(inside.destination, header.get_destination()),
        carrier: Carrier::Tcp {
            sequence: header.get_sequence(),
            syn: has(TcpFlags::SYN),
            end: has(TcpFlags::FIN) || has(TcpFlags::RST),
        },
        payload,
        cut: false,
    })
}

#[cfg(test)]
#[path = "datagram_tests.rs"]
mod tests;
