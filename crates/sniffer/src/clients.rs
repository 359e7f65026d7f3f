//! Whom packets belong to, by the client's socket: what its question was taken for, its answer is taken for too.

use std::collections::HashMap;
use std::net::SocketAddr;

use dnsprobe_lookup::datagram::{Carrier, Datagram};
use dnsprobe_lookup::{Nanos, Timestamp};

/// Clients remembered before those that have been silent are forgotten.
const MANY: usize = 4_096;
/// No answer comes later than this (the longest timeout of resolv.conf(5) is 30 s).
const SILENT: Nanos = Nanos::from_millis(60_000);

/// UDP or TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// RFC 768.
    Udp,
    /// RFC 9293.
    Tcp,
}

impl Protocol {
    /// The one that carried a payload.
    pub fn of(carrier: Carrier) -> Self {
        match carrier {
            Carrier::Udp => Self::Udp,
            Carrier::Tcp { .. } => Self::Tcp,
        }
    }
}

/// The sockets that have asked, and what each was taken for.
#[derive(Debug)]
pub struct Clients<T> {
    /// The ports of DNS servers.
    servers: Vec<u16>,
    known: HashMap<(Protocol, SocketAddr), Client<T>>,
}

/// What the last packet from a client's socket was taken for.
#[derive(Debug, Clone, Copy)]
struct Client<T> {
    taken_for: T,
    at: Timestamp,
    /// The number that its TCP connection began with.
    first: Option<u32>,
}

impl<T: Copy> Clients<T> {
    /// Nobody has asked yet; `servers` are the ports that DNS is served on.
    pub fn new(servers: Vec<u16>) -> Self {
        Self { servers, known: HashMap::new() }
    }

    /// Whether it goes to a DNS server.
    pub fn is_question(&self, datagram: &Datagram<'_>) -> bool {
        self.servers.contains(&datagram.destination.port())
    }

    /// What a datagram is taken for; `ask` is asked about each question over UDP and each new connection. `None` for an
    /// answer that nobody was seen to ask for, and for the rest of a connection whose beginning was not seen.
    ///
    /// Datagrams must come in the order captured.
    pub fn of(
        &mut self,
        datagram: &Datagram<'_>,
        at: Timestamp,
        ask: impl FnOnce(Protocol, SocketAddr) -> T,
    ) -> Option<T> {
        let protocol = Protocol::of(datagram.carrier);
        if !self.is_question(datagram) {
            return self
                .known
                .get(&(protocol, SocketAddr::from(datagram.destination)))
                .map(|client| client.taken_for);
        }
        let key = (protocol, SocketAddr::from(datagram.source));
        let before = self.known.get(&key).copied();
        let (taken_for, first) = match (datagram.carrier, before) {
            (Carrier::Udp, _) => (ask(protocol, SocketAddr::from(datagram.source)), None),
            // The first packet sent again.
            (Carrier::Tcp { syn: true, sequence, .. }, Some(before)) if before.first == Some(sequence) => {
                (before.taken_for, before.first)
            }
            (Carrier::Tcp { syn: true, sequence, .. }, _) => {
                (ask(protocol, SocketAddr::from(datagram.source)), Some(sequence))
            }
            (Carrier::Tcp { .. }, before) => before.map(|client| (client.taken_for, client.first))?,
        };
        self.known.insert(key, Client { taken_for, at, first });
        if self.known.len() > MANY {
            self.known.retain(|_, client| at - client.at < SILENT);
        }
        Some(taken_for)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "10.96.0.10:53";
    const OWN: &str = "10.244.1.7:40000";
    const SYN: Carrier = Carrier::Tcp { sequence: 7, syn: true, end: false };
    const REST: Carrier = Carrier::Tcp { sequence: 8, syn: false, end: false };

    /// What a datagram is taken for when questions are taken for `answer`.
    fn of(clients: &mut Clients<char>, carrier: Carrier, from: &str, to: &str, answer: char) -> Option<char> {
        let [source, destination] = [from, to].map(|it| it.parse::<SocketAddr>().unwrap().into());
        let datagram = Datagram { source, destination, carrier, payload: &[], cut: false };
        clients.of(&datagram, Timestamp(0), |_, _| answer)
    }

    #[test]
    fn what_nobody_was_seen_to_ask_for_is_not_told() {
        let mut clients = Clients::new(vec![53]);
        assert_eq!(of(&mut clients, Carrier::Udp, SERVER, OWN, 'a'), None);
        assert_eq!(of(&mut clients, REST, OWN, SERVER, 'a'), None);
    }

    #[test]
    fn an_answer_belongs_to_whom_the_last_question_of_its_port_belonged() {
        let mut clients = Clients::new(vec![53]);
        assert_eq!(of(&mut clients, Carrier::Udp, OWN, SERVER, 'a'), Some('a'));
        assert_eq!(of(&mut clients, Carrier::Udp, SERVER, OWN, 'b'), Some('a'));
        assert_eq!(of(&mut clients, Carrier::Udp, OWN, SERVER, 'b'), Some('b'));
        assert_eq!(of(&mut clients, Carrier::Udp, SERVER, OWN, 'c'), Some('b'));
        assert_eq!(
            of(&mut clients, REST, SERVER, OWN, 'c'),
            None,
            "of the same number over TCP nothing is known"
        );
    }

    #[test]
    fn a_connection_is_asked_about_once() {
        let mut clients = Clients::new(vec![53]);
        for (carrier, answer) in [(SYN, 'a'), (SYN, 'b'), (REST, 'b')] {
            assert_eq!(of(&mut clients, carrier, OWN, SERVER, answer), Some('a'), "{carrier:?}");
        }
        let next = Carrier::Tcp { sequence: 9, syn: true, end: false };
        assert_eq!(of(&mut clients, next, OWN, SERVER, 'b'), Some('b'));
        assert_eq!(of(&mut clients, REST, SERVER, OWN, 'c'), Some('b'));
    }
}
