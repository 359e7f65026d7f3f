//! Messages to exchanges: which answer belongs to which query.
//!
//! A key is everything that makes two queries the same on the wire: both sockets, transport, id and question. The
//! id alone is not enough (two pods may use the same), nor is the port (it is used again). Copies of one packet, as a
//! capture on several interfaces holds them, are dropped here.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash, Hasher};

use dnsprobe_resolv::{QType, Transport};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use slab::Slab;

use crate::datagram::{Datagram, Endpoint};
use crate::message::{Edns, Kind, Message, QName, Response};
use crate::place::put;
use crate::time::{Nanos, Timestamp};

/// A query seen again this soon without an answer in between is a copy: no resolver resends that fast.
pub(crate) const COPY: Nanos = Nanos::from_millis(5);
/// The same question from the same socket after this long is another one: the port was used again.
const REUSE: Nanos = Nanos::from_millis(60_000);
/// Exchanges remembered of one port, server and id: a resolver has one or two, only a flood has more.
const MOST_OF_A_SOCKET: usize = 64;
/// An exchange that was answered for good is remembered this long, to know copies of its packets. They are no more than
/// milliseconds apart; the longer it is, the more exchanges there are to find a packet's own among, and in the end they are
/// more than a processor's cache holds.
const SETTLED: Nanos = Nanos::from_millis(50);
/// What is due within this is forgotten at once.
const AT_ONCE: Nanos = Nanos::from_millis(8);
/// Exchanges of the last moments remembered at once.
const MOST_FRESH: usize = 8_192;
/// Older ones without an answer remembered at once.
const MOST_WAITING: usize = 8_192;

/// Number of an exchange: the transmissions of one question under one key, until it is answered for good. Later ones have
/// greater numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ExchangeId(u64);

impl ExchangeId {
    /// More than the exchanges remembered at once need; what is left of the 64 bits lasts for years.
    const SLOT_BITS: u32 = 20;

    fn new(number: u64, slot: usize) -> Self {
        Self(number << Self::SLOT_BITS | slot as u64)
    }

    /// Where it is kept while it is remembered: a small number that no other one has meanwhile.
    pub(crate) fn slot(self) -> usize {
        usize::try_from(self.0 & ((1 << Self::SLOT_BITS) - 1)).unwrap_or_default()
    }
}

/// What a message means for an exchange.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A question was sent.
    Asked(Asked),
    /// An answer came.
    Answered {
        /// To which question.
        exchange: ExchangeId,
        /// What it says.
        response: Response,
    },
    /// An answer came to a question that was not captured.
    Stray {
        /// Who had asked.
        to: Endpoint,
        /// Under which id.
        id: u16,
    },
}

/// An event and its time. In this order: then its parts lie so that they are read in the pieces in which it is moved.
#[derive(Debug, Clone)]
#[repr(C)]
pub(crate) struct Found {
    pub(crate) event: Event,
    pub(crate) at: Timestamp,
}

/// Which transmission of its exchange it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transmission {
    /// The first, so that nothing is known of the exchange yet.
    First,
    /// A later one.
    Again,
}

/// Among which ids a question's is, as far as it shows: one by itself does not, those of its client's do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdRange {
    /// All that there are, so that it tells of the resolver that made it.
    Full,
    /// So few that it was made on the way and tells nothing.
    Few,
}

/// One transmission of a question.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) exchange: ExchangeId,
    pub(crate) transmission: Transmission,
    pub(crate) client: Endpoint,
    pub(crate) server: Endpoint,
    pub(crate) transport: Transport,
    pub(crate) id: u16,
    pub(crate) id_range: IdRange,
    pub(crate) name: QName,
    pub(crate) qtype: QType,
    pub(crate) edns: Option<Edns>,
    pub(crate) authentic_data: bool,
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
    exchanges: Slab<Exchange>,
    /// Their slots, by the socket.
    by_socket: HashTable<u32>,
    hasher: RandomState,
    seeds: [RandomState; 2],
    /// Exchanges by the time of a query, for forgetting; touched ones appear again further back.
    fresh: VecDeque<(Timestamp, ExchangeId)>,
    /// Those of them that are still without an answer after a while.
    waiting: VecDeque<(Timestamp, ExchangeId)>,
    /// Nothing is to be forgotten before, unless there are too many.
    nothing_until: Timestamp,
    next: u64,
    pub(crate) leftovers: Leftovers,
}

/// Both ends of an exchange, its transport and its id: hashed and compared for each message, so no larger than need be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Socket([u64; 2]);

impl Hash for Socket {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [one, other] = self.0.map(u128::from);
        // In one step.
        state.write_u128(one << 64 | other);
    }
}

impl Socket {
    /// What the second number of an IPv6 socket has beside its hash.
    const IPV6: u64 = 1 << 63;

    #[inline]
    fn new(
        client: &Endpoint,
        server: &Endpoint,
        transport: Transport,
        id: u16,
        seeds: &[RandomState; 2],
    ) -> Self {
        let ports = u64::from(client.port()) << 16 | u64::from(server.port());
        let rest = ports << 17 | u64::from(id) << 1 | u64::from(transport == Transport::Tcp);
        match (client.v4_bits(), server.v4_bits()) {
            (Some(client), Some(server)) => Self([client << 32 | server, rest]),
            _ => Self::hashed(client, server, rest, seeds),
        }
    }

    /// Two hashes with seeds that no stranger knows: twice as many bits again would make all others slower.
    #[inline(never)]
    fn hashed(client: &Endpoint, server: &Endpoint, rest: u64, seeds: &[RandomState; 2]) -> Self {
        let ends = (client.ip(), server.ip());
        let [one, other] = seeds.each_ref().map(|seed| seed.hash_one((ends, rest)));
        Self([one, other | Self::IPV6])
    }
}

/// What has not happened lies before everything that has.
const NEVER: Timestamp = Timestamp(i64::MIN);

/// A question under one socket. In one line of the processor's cache, as there are many at once.
#[derive(Debug)]
struct Exchange {
    id: ExchangeId,
    socket: Socket,
    name: QName,
    sent: Timestamp,
    /// The last answer since the last transmission, or `NEVER`.
    answered: Timestamp,
    qtype: QType,
    transmissions: u16,
    answers: u16,
    /// That answer ends the question, whatever resolver asked.
    settled: bool,
}

impl Exchange {
    fn new(id: ExchangeId, socket: Socket, (name, qtype): (QName, QType), sent: Timestamp) -> Self {
        let (transmissions, answers, settled) = (1, 0, false);
        Self { id, socket, name, sent, answered: NEVER, qtype, transmissions, answers, settled }
    }

    fn asks(&self, (name, qtype): &(QName, QType)) -> bool {
        self.qtype == *qtype && self.name == *name
    }

    /// Whether nothing more can come but copies: a resend that was needless is answered, too, however late.
    fn is_over(&self) -> bool {
        self.settled && self.answers >= self.transmissions
    }
}

/// What an answer is the answer to.
enum Matched {
    To(ExchangeId),
    /// To no question that is known.
    ToNothing,
    /// It was captured before.
    Copy,
}

impl Attempts {
    /// Takes one message that this datagram carried, or ended, and puts into `found` what it means; nothing when it is a copy.
    #[inline]
    pub(crate) fn advance(
        &mut self,
        message: Message,
        datagram: &Datagram<'_>,
        now: Timestamp,
        found: &mut Vec<Found>,
    ) {
        self.forget(now);
        // Left where they lie until they are needed: they were written a moment ago.
        let Datagram { source, destination, .. } = datagram;
        let (id, transport) = (message.id, datagram.transport());
        match message.kind {
            Kind::Query => {
                let Some((name, qtype)) = message.question else { return };
                let socket = Socket::new(source, destination, transport, id, &self.seeds);
                let asked = self.asked(socket, (name.clone(), qtype), now);
                let Some((exchange, transmission)) = asked else { return };
                put(found, || Found {
                    at: now,
                    event: Event::Asked(Asked {
                        exchange,
                        transmission,
                        client: *source,
                        server: *destination,
                        transport,
                        id,
                        id_range: IdRange::Full,
                        name,
                        qtype,
                        edns: message.edns,
                        authentic_data: message.authentic_data,
                    }),
                });
            }
            Kind::Response(response) => {
                let socket = Socket::new(destination, source, transport, id, &self.seeds);
                match self.answered(socket, message.question.as_ref(), &response, now) {
                    Matched::To(exchange) => {
                        put(found, || Found { at: now, event: Event::Answered { exchange, response } });
                    }
                    Matched::ToNothing => {
                        found.push(Found { at: now, event: Event::Stray { to: *destination, id } });
                    }
                    Matched::Copy => {}
                }
            }
        }
    }

    fn asked(
        &mut self,
        socket: Socket,
        question: (QName, QType),
        now: Timestamp,
    ) -> Option<(ExchangeId, Transmission)> {
        let hash = self.hasher.hash_one(socket);
        if self.find(hash, |exchange| exchange.socket == socket).is_some() {
            if let Some(known) = self.find(hash, |it| it.socket == socket && it.asks(&question)) {
                return self.asked_again(known, question, now);
            }
            self.make_room_for(socket, hash);
        }
        self.next += 1;
        let entry = self.exchanges.vacant_entry();
        let (slot, id) = (entry.key(), ExchangeId::new(self.next, entry.key()));
        entry.insert(Exchange::new(id, socket, question, now));
        let (hasher, exchanges) = (&self.hasher, &self.exchanges);
        self.by_socket
            .insert_unique(hash, slot_of(slot), |slot| hasher.hash_one(exchanges[*slot as usize].socket));
        self.fresh.push_back((now, id));
        Some((id, Transmission::First))
    }

    /// A question that was asked from this socket before: a copy, a resend, or another one when the port is used again.
    #[inline(never)]
    fn asked_again(
        &mut self,
        slot: usize,
        question: (QName, QType),
        now: Timestamp,
    ) -> Option<(ExchangeId, Transmission)> {
        let known = &mut self.exchanges[slot];
        if known.answered == NEVER && now - known.sent < COPY {
            self.leftovers.copies += 1;
            return None;
        }
        let transmission = if !known.settled && now - known.sent < REUSE {
            known.sent = now;
            known.transmissions = known.transmissions.saturating_add(1);
            known.answered = NEVER;
            Transmission::Again
        } else {
            self.next += 1;
            *known = Exchange::new(ExchangeId::new(self.next, slot), known.socket, question, now);
            Transmission::First
        };
        self.fresh.push_back((now, known.id));
        Some((known.id, transmission))
    }

    fn answered(
        &mut self,
        socket: Socket,
        question: Option<&(QName, QType)>,
        response: &Response,
        now: Timestamp,
    ) -> Matched {
        let hash = self.hasher.hash_one(socket);
        let asked = match question {
            Some(question) => self.find(hash, |it| it.socket == socket && it.asks(question)),
            // An answer without a question (a bare header) belongs to whatever was asked last under this id.
            None => self.latest_of(socket, hash),
        };
        let Some(exchange) = asked.and_then(|slot| self.exchanges.get_mut(slot)) else {
            self.leftovers.unmatched_answers += 1;
            return Matched::ToNothing;
        };
        if exchange.answers >= exchange.transmissions || now - exchange.answered < COPY {
            self.leftovers.copies += 1;
            return Matched::Copy;
        }
        exchange.answers += 1;
        exchange.answered = now;
        exchange.settled |= settles(response);
        let id = exchange.id;
        if exchange.is_over() && now - exchange.sent >= SETTLED {
            // It waits among those without an answer by now, where it would stay for long.
            self.fresh.push_back((now, id));
        }
        Matched::To(id)
    }

    /// The slot of an exchange that is so.
    fn find(&self, hash: u64, is_so: impl Fn(&Exchange) -> bool) -> Option<usize> {
        let found = |slot: &u32| self.exchanges.get(*slot as usize).is_some_and(&is_so);
        self.by_socket.find(hash, found).map(|slot| *slot as usize)
    }

    /// The slot of what was asked last from a socket.
    #[inline(never)]
    fn latest_of(&self, socket: Socket, hash: u64) -> Option<usize> {
        self.of_socket(socket, hash).max().map(ExchangeId::slot)
    }

    /// The exchanges of one socket and id; one is the rule.
    fn of_socket(&self, socket: Socket, hash: u64) -> impl Iterator<Item = ExchangeId> {
        let found = self.by_socket.iter_hash(hash).filter_map(|slot| self.exchanges.get(*slot as usize));
        found.filter(move |exchange| exchange.socket == socket).map(|exchange| exchange.id)
    }

    /// Forgets the oldest exchange of a socket that has too many.
    #[inline(never)]
    fn make_room_for(&mut self, socket: Socket, hash: u64) {
        if self.of_socket(socket, hash).count() >= MOST_OF_A_SOCKET
            && let Some(oldest) = self.of_socket(socket, hash).min()
        {
            self.remove(oldest.slot());
            self.leftovers.forgotten += 1;
        }
    }

    fn forget(&mut self, now: Timestamp) {
        if now < self.nothing_until && self.fresh.len() <= MOST_FRESH {
            return;
        }
        while let Some((at, id)) = pop_older(&mut self.fresh, now, SETTLED, MOST_FRESH) {
            let Some(exchange) = self.still_as_sent(at, id) else { continue };
            if exchange.is_over() {
                self.remove(id.slot());
            } else {
                self.waiting.push_back((at, id));
            }
        }
        while let Some((at, id)) = pop_older(&mut self.waiting, now, REUSE, MOST_WAITING) {
            let Some(exchange) = self.still_as_sent(at, id) else { continue };
            if now - at < REUSE && exchange.answers == 0 {
                self.leftovers.forgotten += 1;
            }
            self.remove(id.slot());
        }
        let due = |queue: &VecDeque<(Timestamp, ExchangeId)>, age| queue.front().map(|(at, _)| *at + age);
        // What comes next is no older than now, as far as clocks agree; a little later will do, for several at once.
        let of_next = now + SETTLED;
        let soonest = [due(&self.fresh, SETTLED), due(&self.waiting, REUSE)]
            .into_iter()
            .flatten()
            .fold(of_next, Timestamp::min);
        self.nothing_until = soonest.max(now + AT_ONCE);
    }

    /// An exchange that is remembered and was not sent again since then.
    fn still_as_sent(&self, at: Timestamp, id: ExchangeId) -> Option<&Exchange> {
        self.exchanges.get(id.slot()).filter(|exchange| exchange.id == id && exchange.sent <= at)
    }

    fn remove(&mut self, slot: usize) {
        let Some(exchange) = self.exchanges.try_remove(slot) else { return };
        let hash = self.hasher.hash_one(exchange.socket);
        if let Ok(found) = self.by_socket.find_entry(hash, |known| *known == slot_of(slot)) {
            found.remove();
        }
    }
}

fn slot_of(slot: usize) -> u32 {
    u32::try_from(slot).unwrap_or(u32::MAX)
}

/// Takes the front out if it is that old, or one of more than that many.
fn pop_older(
    queue: &mut VecDeque<(Timestamp, ExchangeId)>,
    now: Timestamp,
    age: Nanos,
    most: usize,
) -> Option<(Timestamp, ExchangeId)> {
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
#[path = "attempt_tests.rs"]
mod tests;
