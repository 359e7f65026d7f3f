use std::net::{Ipv4Addr, TcpListener};

use super::*;

/// A moment, in milliseconds after the first.
fn at(milliseconds: i64) -> Timestamp {
    Timestamp(1_700_000_000_000_000_000) + Nanos::from_millis(milliseconds)
}

/// As if this machine's kernel picked every port, and DNS were served on `server`.
fn known(server: u16) -> Known {
    Known::new(1_024..=u16::MAX, vec![server])
}

fn udp() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

fn copy(socket: &UdpSocket) -> OwnedFd {
    socket.try_clone().unwrap().into()
}

#[test]
fn a_port_is_the_programs_from_the_call_until_its_packet_was_seen() {
    let (mut known, socket) = (known(53), udp());
    let client = socket.local_addr().unwrap();
    known.note(copy(&socket), Call::Send, Destination::Unknown, at(100));
    assert!(!known.sent(Protocol::Udp, client, at(99), at(101)), "sent before");
    assert!(known.sent(Protocol::Udp, client, at(100), at(105)));
    assert!(!known.sent(Protocol::Tcp, client, at(100), at(105)));
    // The pair's other half; then the time of grace is over.
    assert!(known.sent(Protocol::Udp, client, at(101), at(106)));
    known.let_go(at(120));
    assert!(known.held.is_empty());
    assert!(known.sent(Protocol::Udp, client, at(101), at(130)), "looked at late");
    assert!(!known.sent(Protocol::Udp, client, at(125), at(130)), "the port is another's");
}

#[test]
fn a_socket_that_sends_nothing_is_let_go() {
    let (mut known, socket) = (known(53), udp());
    known.note(copy(&socket), Call::Connect, Destination::Unknown, at(0));
    known.let_go(at(990));
    assert_eq!(known.held.len(), 1);
    known.let_go(at(1_000));
    assert!(known.held.is_empty());
}

#[test]
fn a_resend_after_the_timeout_is_the_programs() {
    let (mut known, socket) = (known(53), udp());
    let client = socket.local_addr().unwrap();
    known.note(copy(&socket), Call::Send, Destination::Unknown, at(0));
    assert!(known.sent(Protocol::Udp, client, at(1), at(5)));
    known.let_go(at(3_000));
    known.note(copy(&socket), Call::Send, Destination::Unknown, at(5_000));
    assert!(known.sent(Protocol::Udp, client, at(5_001), at(5_005)));
    assert!(!known.sent(Protocol::Udp, client, at(4_000), at(5_005)), "in between it may be another's");
}

#[test]
fn the_same_socket_is_kept_once() {
    let (mut known, socket) = (known(53), udp());
    for call in 0..10 {
        known.note(copy(&socket), Call::Send, Destination::Unknown, at(call));
    }
    assert_eq!(known.held.len(), 1);
}

#[test]
fn a_socket_without_a_port_gets_it_later() {
    // Without a port only until it connects.
    let socket = nix::sys::socket::socket(
        nix::sys::socket::AddressFamily::Inet,
        SockType::Datagram,
        nix::sys::socket::SockFlag::SOCK_CLOEXEC,
        None,
    )
    .unwrap();
    let server = udp();
    let mut known = known(server.local_addr().unwrap().port());
    known.note(socket.try_clone().unwrap(), Call::Connect, Destination::Unknown, at(0));
    assert_eq!(known.held[0].port, None);
    let socket = UdpSocket::from(socket);
    socket.connect(server.local_addr().unwrap()).unwrap();
    assert!(known.sent(Protocol::Udp, socket.local_addr().unwrap(), at(1), at(2)));
    assert_eq!(known.held.len(), 1);
}

#[test]
fn a_socket_that_is_connected_elsewhere_is_not_kept() {
    let (mut known, socket, other) = (known(53), udp(), udp());
    socket.connect(other.local_addr().unwrap()).unwrap();
    known.note(copy(&socket), Call::Connect, Destination::Unknown, at(0));
    known.let_go(at(2));
    assert!(known.held.is_empty());
}

#[test]
fn a_port_that_the_kernel_does_not_pick_is_not_kept_from_its_owner() {
    let (mut known, socket) = (known(53), udp());
    known.picked = 1..=1;
    let client = socket.local_addr().unwrap();
    known.note(copy(&socket), Call::Send, Destination::Unknown, at(0));
    assert!(known.held.is_empty());
    assert!(known.sent(Protocol::Udp, client, at(900), at(901)));
    assert!(!known.sent(Protocol::Udp, client, at(1_100), at(1_101)));
}

#[test]
fn a_connection_is_not_kept_open() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let server = listener.local_addr().unwrap();
    let (mut known, stream) = (known(server.port()), TcpStream::connect(server).unwrap());
    known.note(stream.try_clone().unwrap().into(), Call::Connect, Destination::Unknown, at(0));
    assert!(known.held.is_empty());
    assert!(known.sent(Protocol::Tcp, stream.local_addr().unwrap(), at(1), at(2)));
    // What is sent on it was noted when it connected.
    known.uses.clear();
    known.note(stream.into(), Call::Send, Destination::Unknown, at(3));
    assert!(known.uses.is_empty());
}

#[test]
fn sockets_of_other_families_are_passed_over() {
    let (one, _other) = std::os::unix::net::UnixDatagram::pair().unwrap();
    let mut known = known(53);
    known.note(one.into(), Call::Send, Destination::Unknown, at(0));
    assert!(known.held.is_empty() && known.uses.is_empty());
}

#[test]
fn however_many_sockets_a_program_has_few_are_kept() {
    let mut known = known(53);
    let sockets: Vec<UdpSocket> = (0..MOST_HELD + 50).map(|_| udp()).collect();
    for socket in &sockets {
        known.note(copy(socket), Call::Send, Destination::Unknown, at(0));
    }
    assert_eq!(known.held.len(), MOST_HELD);
    for socket in &sockets {
        assert!(known.sent(Protocol::Udp, socket.local_addr().unwrap(), at(1), at(2)), "kept or not");
    }
    known.let_go(at(60_000));
    known.forget(at(120_000));
    assert!(known.held.is_empty() && known.uses.is_empty());
}

#[test]
fn what_goes_to_another_port_is_passed_over() {
    let (mut known, socket) = (known(53), udp());
    for to in [Destination::Port(443), Destination::Port(0), Destination::Nowhere] {
        known.note(copy(&socket), Call::Connect, to, at(0));
        assert!(known.held.is_empty() && known.uses.is_empty(), "{to:?}");
    }
    known.note(copy(&socket), Call::Send, Destination::Port(53), at(0));
    assert_eq!(known.held.len(), 1);
}

#[test]
fn a_port_that_is_given_back_is_the_programs_no_more() {
    let (mut known, socket) = (known(53), udp());
    let client = socket.local_addr().unwrap();
    known.note(copy(&socket), Call::Connect, Destination::Port(53), at(0));
    known.note(copy(&socket), Call::Connect, Destination::Nowhere, at(10));
    assert!(known.held.is_empty());
    assert!(known.sent(Protocol::Udp, client, at(5), at(20)));
    assert!(!known.sent(Protocol::Udp, client, at(15), at(20)));
}

#[test]
fn an_address_says_its_port_in_both_families() {
    let read = |family: libc::c_int, port: u16| {
        let ([f0, f1], [p0, p1]) = (u16::try_from(family).unwrap().to_ne_bytes(), port.to_be_bytes());
        Destination::read([f0, f1, p0, p1])
    };
    assert_eq!(read(libc::AF_INET, 53), Destination::Port(53));
    assert_eq!(read(libc::AF_INET6, 5353), Destination::Port(5353));
    assert_eq!(read(libc::AF_UNSPEC, 53), Destination::Nowhere);
    assert_eq!(read(libc::AF_UNIX, 53), Destination::Unknown);
}
