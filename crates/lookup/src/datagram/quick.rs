//! The frames that carry nearly all DNS: Ethernet or a cooked header, IPv4 without options, one whole UDP datagram. Whatever
//! is rarer is left to the general way, and the two agree on every frame that this one takes.

use super::{Carrier, Datagram, Endpoint};
use crate::frame::LinkType;

/// Bytes of both headers: of IPv4 (RFC 791 section 3.1) without options, and of UDP (RFC 768).
const HEADERS: usize = 28;
/// Bytes of the IPv4 header among them.
const IP_HEADER: usize = 20;
/// Version 4, and a header of five words.
const PLAIN_HEADER: u8 = 0x45;
/// Number of UDP as a protocol above IP.
const UDP: u8 = 17;

/// Decodes a frame, if it is a usual one.
#[inline]
pub(super) fn decode(link: LinkType, bytes: &[u8]) -> Option<Datagram<'_>> {
    // Where the Ethernet type stands, and the packet right behind it.
    let at = match link {
        LinkType::ETHERNET => 12,
        LinkType::LINUX_SLL => 14,
        _ => return None,
    };
    let packet = bytes.get(at..)?.strip_prefix(&super::IPV4.to_be_bytes())?;
    let headers: &[u8; HEADERS] = packet.first_chunk()?;
    let be16 = |at: usize| u16::from_be_bytes([headers[at], headers[at + 1]]);
    let address =
        |at: usize| u32::from_be_bytes([headers[at], headers[at + 1], headers[at + 2], headers[at + 3]]);
    let fragment_offset = be16(6) & 0x1fff;
    if headers[0] != PLAIN_HEADER || fragment_offset != 0 || headers[9] != UDP {
        return None;
    }
    let (total, sent) = (usize::from(be16(2)), usize::from(be16(IP_HEADER + 4)));
    // All of the datagram was sent in this packet, and kept.
    if total != IP_HEADER + sent || sent < HEADERS - IP_HEADER {
        return None;
    }
    Some(Datagram {
        source: Endpoint::v4(address(12), be16(IP_HEADER)),
        destination: Endpoint::v4(address(16), be16(IP_HEADER + 2)),
        carrier: Carrier::Udp,
        payload: packet.get(HEADERS..total)?,
        cut: false,
    })
}
