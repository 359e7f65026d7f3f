//! Whose is a frame?

use std::net::SocketAddr;

use dnsprobe_lookup::datagram::{self, Carrier, Datagram};
use dnsprobe_lookup::{Frame, Timestamp};

use super::sockets::Sockets;
use crate::clients::{Clients, Protocol};

/// Whose a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The program's, or an answer to it.
    Program,
    /// Another's.
    Others,
    /// It has no ports to tell by, as later fragments have none.
    Unknown,
}

/// Tells a program's frames from those of others in its namespace.
#[derive(Debug)]
pub struct Judge {
    sockets: Sockets,
    /// The ports of DNS servers.
    servers: Vec<u16>,
    clients: Clients<Whose>,
    /// Questions of the program over UDP, less the answers to it.
    unanswered: u64,
}

impl Judge {
    /// By these sockets.
    pub fn new(sockets: Sockets, servers: Vec<u16>) -> Self {
        Self { sockets, clients: Clients::new(servers.clone()), servers, unanswered: 0 }
    }

    /// Whose it is. Frames must come in the order captured: answers belong to whom their client's last question belonged.
    pub fn whose(&mut self, frame: &Frame<'_>) -> Whose {
        match datagram::decode(frame, &self.servers) {
            Ok(datagram) => {
                let sockets = self.sockets.clone();
                self.of(&datagram, frame.at, &|protocol, client| sockets.sent(protocol, client, frame.at))
            }
            Err(_) => Whose::Unknown,
        }
    }

    /// Whether the program may still get an answer.
    pub fn is_waiting(&self) -> bool {
        self.unanswered > 0
    }

    fn of(
        &mut self,
        datagram: &Datagram<'_>,
        at: Timestamp,
        sent: &dyn Fn(Protocol, SocketAddr) -> bool,
    ) -> Whose {
        let judged = |protocol, client| if sent(protocol, client) { Whose::Program } else { Whose::Others };
        // What began before the program is not the program's.
        let whose = self.clients.of(datagram, at, judged).unwrap_or(Whose::Others);
        if (whose, datagram.carrier) == (Whose::Program, Carrier::Udp) {
            let asks = self.clients.is_question(datagram);
            let unanswered =
                if asks { self.unanswered.checked_add(1) } else { self.unanswered.checked_sub(1) };
            self.unanswered = unanswered.unwrap_or(self.unanswered);
        }
        whose
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "10.96.0.10:53";
    const SYN: Carrier = Carrier::Tcp { sequence: 7, syn: true, end: false };
    const REST: Carrier = Carrier::Tcp { sequence: 8, syn: false, end: false };

    fn judge() -> Judge {
        Judge::new(Sockets::new(32_768..=60_999, vec![53]), vec![53])
    }

    /// Whose a datagram is when the program's are those from `own`.
    fn of(judge: &mut Judge, carrier: Carrier, from: &str, to: &str, own: &str) -> Whose {
        let [source, destination] = [from, to].map(|it| it.parse::<std::net::SocketAddr>().unwrap().into());
        let datagram = Datagram { source, destination, carrier, payload: &[], cut: false };
        judge.of(&datagram, Timestamp(0), &|_, client| client.to_string() == own)
    }

    #[test]
    fn answers_belong_to_whom_the_question_belonged() {
        let (mut judge, own, other) = (judge(), "10.244.1.7:40000", "10.244.1.7:40001");
        assert_eq!(of(&mut judge, Carrier::Udp, SERVER, own, own), Whose::Others, "nothing was asked yet");
        assert_eq!(of(&mut judge, Carrier::Udp, own, SERVER, own), Whose::Program);
        assert_eq!(of(&mut judge, Carrier::Udp, other, SERVER, own), Whose::Others);
        assert_eq!(of(&mut judge, Carrier::Udp, SERVER, other, own), Whose::Others);
        // The socket is closed by now.
        assert_eq!(of(&mut judge, Carrier::Udp, SERVER, own, ""), Whose::Program);
    }

    #[test]
    fn an_answer_is_waited_for_until_it_came() {
        let (mut judge, own, other) = (judge(), "10.244.1.7:40000", "10.244.1.7:40001");
        for (from, to, waiting) in
            [(other, SERVER, false), (own, SERVER, true), (own, SERVER, true), (SERVER, other, true)]
        {
            of(&mut judge, Carrier::Udp, from, to, own);
            assert_eq!(judge.is_waiting(), waiting, "{from} {to}");
        }
        of(&mut judge, Carrier::Udp, SERVER, own, own);
        assert!(judge.is_waiting(), "the pair's other half");
        of(&mut judge, Carrier::Udp, SERVER, own, own);
        assert!(!judge.is_waiting());
    }

    #[test]
    fn a_port_that_is_anothers_now_is_judged_anew() {
        let (mut judge, port) = (judge(), "10.244.1.7:40000");
        assert_eq!(of(&mut judge, Carrier::Udp, port, SERVER, port), Whose::Program);
        assert_eq!(of(&mut judge, Carrier::Udp, port, SERVER, ""), Whose::Others);
        assert_eq!(of(&mut judge, Carrier::Udp, SERVER, port, ""), Whose::Others);
    }

    #[test]
    fn a_connection_belongs_to_whom_its_first_packet_belonged() {
        let (mut judge, port) = (judge(), "10.244.1.7:40000");
        assert_eq!(of(&mut judge, REST, port, SERVER, port), Whose::Others, "it began before the program");
        assert_eq!(of(&mut judge, SYN, port, SERVER, port), Whose::Program);
        assert_eq!(of(&mut judge, SYN, port, SERVER, ""), Whose::Program, "the same packet sent again");
        assert_eq!(of(&mut judge, REST, port, SERVER, ""), Whose::Program);
        assert_eq!(of(&mut judge, REST, SERVER, port, ""), Whose::Program);
        let next = Carrier::Tcp { sequence: 9, syn: true, end: false };
        assert_eq!(of(&mut judge, next, port, SERVER, ""), Whose::Others);
        assert_eq!(of(&mut judge, REST, port, SERVER, ""), Whose::Others);
    }

    #[test]
    fn udp_and_tcp_of_one_port_are_two() {
        let (mut judge, port) = (judge(), "10.244.1.7:40000");
        assert_eq!(of(&mut judge, Carrier::Udp, port, SERVER, port), Whose::Program);
        assert_eq!(of(&mut judge, REST, SERVER, port, ""), Whose::Others);
    }
}
