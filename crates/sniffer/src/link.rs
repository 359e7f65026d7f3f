//! What the frames of an interface begin with, by the interface's hardware type.

use dnsprobe_lookup::LinkType;

/// Raw IP of a modem (`linux/if_arp.h`); libc has no name for it.
const ARPHRD_RAWIP: u16 = 519;

/// What a frame of a known interface begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    Ethernet,
    Ip,
}

/// The hardware types (`linux/if_arp.h`) that are understood. Tunnels that may show their outer header on one direction
/// only (GRE) are not among them.
pub(crate) const KNOWN: &[(u16, Start)] = &[
    (libc::ARPHRD_ETHER, Start::Ethernet),
    // Its hardware addresses are all zero, but they are there.
    (libc::ARPHRD_LOOPBACK, Start::Ethernet),
    // tun, WireGuard.
    (libc::ARPHRD_NONE, Start::Ip),
    (libc::ARPHRD_TUNNEL, Start::Ip),
    (libc::ARPHRD_TUNNEL6, Start::Ip),
    (libc::ARPHRD_SIT, Start::Ip),
    (ARPHRD_RAWIP, Start::Ip),
];

/// The link type of the frames of such an interface, or `None` when they cannot be read.
pub(crate) fn link_type(hardware: u16) -> Option<LinkType> {
    let (_, start) = KNOWN.iter().find(|(known, _)| *known == hardware)?;
    Some(match start {
        Start::Ethernet => LinkType::ETHERNET,
        Start::Ip => LinkType::RAW,
    })
}
