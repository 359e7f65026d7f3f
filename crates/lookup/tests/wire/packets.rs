//! Packets around messages, for tests, benchmarks and fuzz targets.

use std::net::SocketAddrV4;

/// A UDP datagram in an IPv4 packet (RFC 768, RFC 791) without checksums, which nobody looks at: captured where they are
/// sent, packets have none.
pub(crate) fn udp(from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    let length = |more: usize| u16::try_from(payload.len() + more).unwrap_or(u16::MAX).to_be_bytes();
    let mut bytes = vec![0x45, 0];
    bytes.extend(length(28));
    bytes.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    for end in [from, to] {
        bytes.extend(end.ip().octets());
    }
    for end in [from, to] {
        bytes.extend(end.port().to_be_bytes());
    }
    bytes.extend(length(8));
    bytes.extend([0, 0]);
    bytes.extend(payload);
    bytes
}

/// The same in an Ethernet frame between nobodies.
pub(crate) fn ethernet(from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    [&[0; 12][..], &[0x08, 0x00], &udp(from, to, payload)].concat()
}
