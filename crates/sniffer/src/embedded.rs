//! The DNS server that Docker puts into a container's network namespace.
//!
//! `dockerd` listens in there on 127.0.0.11 at ports of the kernel's choice, and the packet filter replaces port 53 by
//! them; the sockets are in the namespace's own tables (proc(5), `/proc/net/udp`, in hexadecimal).

use std::net::{IpAddr, Ipv4Addr};

use dnsprobe_lookup::Embedded;

use crate::error::Error;
use crate::netns::{Netns, run_in};

/// Docker's address for it (moby `daemon/libnetwork/sandbox_dns_unix.go`).
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);
/// The tables of sockets that it is in. To read that of TCP, the kernel goes through the connections of all namespaces,
/// which takes milliseconds: only where the other has found it.
const TABLES: [&str; 2] = ["/proc/thread-self/net/udp", "/proc/thread-self/net/tcp"];

/// The embedded server of a namespace, if it has one.
///
/// # Errors
/// When the namespace cannot be entered.
pub fn in_namespace(netns: &Netns) -> Result<Option<Embedded>, Error> {
    let mut ports = run_in(netns, ports_here)?;
    ports.sort_unstable();
    ports.dedup();
    Ok((!ports.is_empty()).then_some(Embedded { address: IpAddr::V4(ADDRESS), ports }))
}

/// Its ports in the namespace that the calling thread is in.
fn ports_here() -> Vec<u16> {
    let mut ports = Vec::new();
    for table in TABLES {
        let table = std::fs::read_to_string(table).unwrap_or_default();
        ports.extend(table.lines().filter_map(port_of));
        if ports.is_empty() {
            break;
        }
    }
    ports
}

/// The port of a line whose socket waits for anybody at [`ADDRESS`].
fn port_of(line: &str) -> Option<u16> {
    let mut fields = line.split_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    let remote = fields.next()?;
    // Addresses stand there as the machine has them in memory.
    let own = u32::from_str_radix(address, 16).ok()?.to_ne_bytes() == ADDRESS.octets();
    let waits = remote.bytes().all(|byte| matches!(byte, b'0' | b':'));
    (own && waits).then(|| u16::from_str_radix(port, 16).ok())?.filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn the_sockets_that_wait_at_its_address_are_its() {
        let cases = [
            (
                "  1: 0B00007F:8665 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 1 2 0",
                Some(34_405),
            ),
            ("  1: 0B00007F:8665 0100007F:9999 01 00000000:00000000 00:00000000 00000000 0 0 1 2 0", None),
            ("  1: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 1 2 0", None),
            (
                "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
                None,
            ),
            ("", None),
        ];
        for (line, port) in cases {
            assert_eq!(port_of(line), port, "{line}");
        }
    }

    #[test]
    fn this_namespace_has_none_unless_docker_made_it() {
        assert_eq!(in_namespace(&Netns::current().unwrap()).unwrap(), None);
    }
}
