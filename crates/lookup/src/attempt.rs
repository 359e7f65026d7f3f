//! Messages to exchanges: which answer belongs to which query.
//!
//! A key is everything that makes two queries the same on the wire: both sockets, transport, id and question. The
//! id alone is not enough (two pods may use the same), nor is the port (it is used again). Copies of one packet, as a
//! capture on several interfaces holds them, are dropped here.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use dnsprobe_resolv::{QType, Transport};
use smallvec::SmallVec;

use crate::map::{Address, Map};
use crate::message::{Edns, Kind, Message, QName, Response};
use crate::time::{Nanos, Timestamp};

/// A query seen again this soon without an answer in between is a copy: no resolver resends that fast.
const COPY: Nanos = Nanos::from_millis(5);
/// The same question from the same socket after this long is another one: the port was used again.
const REUSE: Nanos = Nanos::from_millis(60_000);
/// Exchanges remembered of one port, server and id: a resolver has one or two, only a flood has more.
const MOST_OF_A_SOCKET: usize = 64;
/// An exchange that was answered for good is remembered this long, to know copies of its packets.
const SETTLED: Nanos = Nanos::from_millis(1_000);
/// Exchanges of the last moments remembered at once.
const MOST_FRESH: usize = 8_192;
/// Older ones without an answer remembered at once.
const MOST_WAITING: usize = 8_192;

/// Number of an exchange: the transmissions of one question under one key, until it is answered for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ExchangeId(u64);

/// What a message means for an exchange.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A question was sent.
    Asked(Asked),
    /// An answer came.
    Answered {
        /// Who had asked.
        client: IpAddr,
        /// To which question.
        exchange: ExchangeId,
        /// What it says.
        response: Response,
    },
}

impl Event {
    /// Whose lookup it belongs to.
    pub(crate) fn client(&self) -> IpAddr {
        match self {
            Self::Asked(asked) => asked.client.ip(),
            Self::Answered { client, .. } => *client,
        }
    }
}

/// One transmission of a question.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) exchange: ExchangeId,
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) id: u16,
    pub(crate) name: QName,
    pub(crate) qtype: QType,
    pub(crate) edns: Option<Edns>,
    pub(crate) authentic_data: bool,
}

/// Where a message came from and went to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) transport: Transport,
}

/// Messages that led to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leftovers {
    /// The same packet seen again.
    pub copies: u64,
    /// Answers to questions that were not captured, or answered before.
    pub unmatched_answers: u64,
    /// Unanswered exchanges forgotten because there were too many at once.
    pub forgotten: u64,
}

impl Leftovers {
    /// Adds what was counted elsewhere.
    pub(crate) fn add(&mut self, other: Self) {
        self.copies += other.copies;
        self.unmatched_answers += other.unmatched_answers;
        self.forgotten += other.forgotten;
    }
}

/// All exchanges in progress.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    open: Map<Socket, Exchanges>,
    /// Sockets by the time of a query, for forgetting; touched ones appear again further back.
    fresh: VecDeque<(Timestamp, Socket)>,
    /// Those of them that are still without an answer after a while.
    waiting: VecDeque<(Timestamp, Socket)>,
    next: u64,
    pub(crate) leftovers: Leftovers,
}

/// Exchanges under one socket and id; one is the rule.
type Exchanges = SmallVec<[Exchange; 1]>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Socket {
    client: SocketAddr,
    server: SocketAddr,
    transport: Transport,
    id: u16,
}

impl Hash for Socket {
    /// In few words: this is hashed several times for each message.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let ports = u64::from(self.client.port()) << 16 | u64::from(self.server.port());
        state.write_u64(ports << 32 | u64::from(self.id) << 1 | u64::from(self.transport == Transport::Tcp));
        match (self.client.ip(), self.server.ip()) {
            (IpAddr::V4(client), IpAddr::V4(server)) => {
                state.write_u64(u64::from(client.to_bits()) << 32 | u64::from(server.to_bits()));
            }
            (client, server) => {
                Address(client).hash(state);
                Address(server).hash(state);
            }
        }
    }
}

#[derive(Debug)]
struct Exchange {
    id: ExchangeId,
    question: (QName, QType),
    sent: Timestamp,
    transmissions: u32,
    answers: u32,
    /// The last answer since the last transmission.
    answered: Option<Timestamp>,
    /// That answer ends the question, whatever resolver asked.
    settled: bool,
}

impl Exchange {
    /// Whether nothing more can come but copies: a resend that was needless is answered, too, however late.
    fn is_over(&self) -> bool {
        self.settled && self.answers >= self.transmissions
    }
}

impl Attempts {
    /// Takes one message; `None` when it is a copy, or an answer to nothing.
    pub(crate) fn advance(&mut self, message: Message, path: Path, now: Timestamp) -> Option<Event> {
        self.forget(now);
        match message.kind {
            Kind::Query => {
                let (name, qtype) = message.question?;
                let socket = Socket {
                    client: path.source,
                    server: path.destination,
                    transport: path.transport,
                    id: message.id,
                };
                let exchange = self.asked(socket, (name.clone(), qtype), now)?;
                Some(Event::Asked(Asked {
                    exchange,
                    client: path.source,
                    server: path.destination,
                    transport: path.transport,
                    id: message.id,
                    name,
                    qtype,
                    edns: message.edns,
                    authentic_data: message.authentic_data,
                }))
            }
            Kind::Response(response) => {
                let socket = Socket {
                    client: path.destination,
                    server: path.source,
                    transport: path.transport,
                    id: message.id,
                };
                let exchange = self.answered(socket, message.question.as_ref(), &response, now)?;
                Some(Event::Answered { client: path.destination.ip(), exchange, response })
            }
        }
    }

    fn asked(&mut self, socket: Socket, question: (QName, QType), now: Timestamp) -> Option<ExchangeId> {
        let exchanges = self.open.entry(socket).or_default();
        if let Some(known) = exchanges.iter_mut().rev().find(|exchange| exchange.question == question) {
            if known.answered.is_none() && now - known.sent < COPY {
                self.leftovers.copies += 1;
                return None;
            }
            if !known.settled && now - known.sent < REUSE {
                known.sent = now;
                known.transmissions += 1;
                known.answered = None;
                self.fresh.push_back((now, socket));
                return Some(known.id);
            }
        }
        exchanges.retain(|exchange| exchange.question != question);
        if exchanges.len() >= MOST_OF_A_SOCKET {
            exchanges.remove(0);
            self.leftovers.forgotten += 1;
        }
        self.next += 1;
        let id = ExchangeId(self.next);
        exchanges.push(Exchange {
            id,
            question,
            sent: now,
            transmissions: 1,
            answers: 0,
            answered: None,
            settled: false,
        });
        self.fresh.push_back((now, socket));
        Some(id)
    }

    fn answered(
        &mut self,
        socket: Socket,
        question: Option<&(QName, QType)>,
        response: &Response,
        now: Timestamp,
    ) -> Option<ExchangeId> {
        let exchanges = self.open.get_mut(&socket);
        // An answer without a question (a bare header) belongs to whatever was asked under this id.
        let found = exchanges.and_then(|exchanges| {
            exchanges
                .iter_mut()
                .rev()
                .find(|exchange| question.is_none_or(|asked| exchange.question == *asked))
        });
        let Some(exchange) = found else {
            self.leftovers.unmatched_answers += 1;
            return None;
        };
        if exchange.answers >= exchange.transmissions || exchange.answered.is_some_and(|at| now - at < COPY) {
            self.leftovers.copies += 1;
            return None;
        }
        exchange.answers += 1;
        exchange.answered = Some(now);
        exchange.settled |= settles(response);
        Some(exchange.id)
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((at, socket)) = pop_older(&mut self.fresh, now, SETTLED, MOST_FRESH) {
            let Some(exchanges) = self.open.get_mut(&socket) else { continue };
            exchanges.retain(|exchange| exchange.sent > at || !exchange.is_over());
            if exchanges.is_empty() {
                self.open.remove(&socket);
            } else if exchanges.iter().any(|exchange| exchange.sent == at) {
                self.waiting.push_back((at, socket));
            }
        }
        while let Some((at, socket)) = pop_older(&mut self.waiting, now, REUSE, MOST_WAITING) {
            let unanswered = self.drop_until(at, socket);
            if now - at < REUSE {
                self.leftovers.forgotten += unanswered;
            }
        }
    }

    /// Drops what was last sent from a socket by then; gives how many of these have no answer.
    fn drop_until(&mut self, at: Timestamp, socket: Socket) -> u64 {
        let Some(exchanges) = self.open.get_mut(&socket) else { return 0 };
        let unanswered =
            exchanges.iter().filter(|exchange| exchange.sent <= at && exchange.answers == 0).count();
        exchanges.retain(|exchange| exchange.sent > at);
        if exchanges.is_empty() {
            self.open.remove(&socket);
        }
        unanswered as u64
    }
}

/// Takes the front out if it is that old, or one of more than that many.
fn pop_older(
    queue: &mut VecDeque<(Timestamp, Socket)>,
    now: Timestamp,
    age: Nanos,
    most: usize,
) -> Option<(Timestamp, Socket)> {
    let crowded = queue.len() > most;
    queue.front().filter(|(at, _)| crowded || now - *at >= age)?;
    queue.pop_front()
}

/// Whether every resolver takes this answer for the last word on its question.
fn settles(response: &Response) -> bool {
    use dnsprobe_resolv::Outcome::{Answer, Cname, NoData, NxDomain};
    !response.truncated && matches!(response.outcome, Answer | NoData | Cname | NxDomain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dnsprobe_resolv::Outcome;

    fn path(port: u16) -> Path {
        Path {
            source: ([10, 244, 1, 7], port).into(),
            destination: ([10, 96, 0, 10], 53).into(),
            transport: Transport::Udp,
        }
    }

    fn back(port: u16) -> Path {
        let there = path(port);
        Path { source: there.destination, destination: there.source, transport: Transport::Udp }
    }

    fn query(id: u16, name: &str) -> Message {
        let question = Some((QName::new(name), QType::A));
        Message { id, question, edns: None, authentic_data: false, kind: Kind::Query }
    }

    fn answer(id: u16, name: &str, outcome: Outcome) -> Message {
        Message { kind: Kind::Response(Response::bare(outcome)), ..query(id, name) }
    }

    fn exchange(event: Option<Event>) -> Option<ExchangeId> {
        event.map(|event| match event {
            Event::Asked(asked) => asked.exchange,
            Event::Answered { exchange, .. } => exchange,
        })
    }

    const MS: fn(i64) -> Timestamp = |ms| Timestamp(ms * 1_000_000);

    #[test]
    fn an_answer_finds_its_question_by_everything_in_the_key() {
        let mut attempts = Attempts::default();
        let one = exchange(attempts.advance(query(1, "a."), path(4000), MS(0))).unwrap();
        let two = exchange(attempts.advance(query(1, "a."), path(4001), MS(1))).unwrap();
        assert_ne!(one, two);
        assert_eq!(
            exchange(attempts.advance(answer(1, "A.", Outcome::Answer), back(4001), MS(2))),
            Some(two)
        );
        assert_eq!(exchange(attempts.advance(answer(1, "b.", Outcome::Answer), back(4000), MS(3))), None);
        assert_eq!(attempts.leftovers.unmatched_answers, 1);
    }

    #[test]
    fn copies_of_a_packet_count_once() {
        let mut attempts = Attempts::default();
        assert!(attempts.advance(query(1, "a."), path(4000), MS(0)).is_some());
        assert!(attempts.advance(query(1, "a."), path(4000), Timestamp(30_000)).is_none());
        assert!(attempts.advance(answer(1, "a.", Outcome::Answer), back(4000), MS(1)).is_some());
        assert!(attempts.advance(answer(1, "a.", Outcome::Answer), back(4000), MS(1)).is_none());
        assert_eq!(attempts.leftovers.copies, 2);
    }

    #[test]
    fn a_resend_after_the_timeout_is_the_same_exchange() {
        let mut attempts = Attempts::default();
        let first = exchange(attempts.advance(query(1, "a."), path(4000), MS(0)));
        assert_eq!(exchange(attempts.advance(query(1, "a."), path(4000), MS(5000))), first);
        assert!(attempts.advance(answer(1, "a.", Outcome::Answer), back(4000), MS(5001)).is_some());
    }

    #[test]
    fn every_transmission_may_be_answered_however_late() {
        let mut attempts = Attempts::default();
        let first = exchange(attempts.advance(query(1, "a."), path(4000), MS(0)));
        attempts.advance(query(1, "a."), path(4000), MS(1_000));
        assert_eq!(
            exchange(attempts.advance(answer(1, "a.", Outcome::Answer), back(4000), MS(1_100))),
            first
        );
        // Something else keeps the clock going.
        attempts.advance(query(2, "b."), path(4001), MS(2_050));
        assert_eq!(
            exchange(attempts.advance(answer(1, "a.", Outcome::Answer), back(4000), MS(2_100))),
            first
        );
        assert_eq!(attempts.leftovers, Leftovers::default());
    }

    #[test]
    fn a_resend_at_once_after_an_error_is_no_copy() {
        let mut attempts = Attempts::default();
        let first = exchange(attempts.advance(query(1, "a."), path(4000), MS(0)));
        assert!(attempts.advance(answer(1, "a.", Outcome::ServFail), back(4000), MS(1)).is_some());
        assert_eq!(exchange(attempts.advance(query(1, "a."), path(4000), MS(1))), first);
    }

    #[test]
    fn a_port_used_again_after_an_answer_is_another_exchange() {
        let mut attempts = Attempts::default();
        let first = exchange(attempts.advance(query(1, "a."), path(4000), MS(0)));
        assert!(attempts.advance(answer(1, "a.", Outcome::NxDomain), back(4000), MS(1)).is_some());
        assert_ne!(exchange(attempts.advance(query(1, "a."), path(4000), MS(9))), first);
    }

    #[test]
    fn a_bare_header_answers_what_was_asked_under_its_id() {
        let mut attempts = Attempts::default();
        let first = exchange(attempts.advance(query(1, "a."), path(4000), MS(0)));
        let header = Message { question: None, ..answer(1, "a.", Outcome::FormErr) };
        assert_eq!(exchange(attempts.advance(header, back(4000), MS(1))), first);
    }

    #[test]
    fn memory_is_bounded_under_a_flood() {
        let mut attempts = Attempts::default();
        let most = MOST_FRESH + MOST_WAITING;
        for index in 0..(most as i64 + 10) {
            let message = query((index % 60_000) as u16, &format!("x{index}."));
            attempts.advance(message, path(4000 + (index / 60_000) as u16), Timestamp(index));
        }
        assert!(attempts.open.len() <= most + 1);
        assert_eq!(attempts.leftovers.forgotten, 9);
    }
}
