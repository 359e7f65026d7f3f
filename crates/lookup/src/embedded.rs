//! A DNS server that stands in the client's own namespace and asks on: Docker's, at 127.0.0.11.
//!
//! Each question passes twice. On `lo` the application asks the embedded server; there the packet filter has already
//! replaced port 53 by the one that `dockerd` listens on, while the answer comes from port 53 again (moby
//! `daemon/libnetwork/resolver_unix.go`, `setupNAT`). On the way out `dockerd` asks the real server from a socket of its
//! own for each question, with the id it was asked with. The application waits for the first; the second is how much of
//! that was not Docker's doing.

use std::collections::HashMap;
use std::net::IpAddr;

use dnsprobe_resolv::QType;

use crate::datagram::{Datagram, Endpoint};
use crate::message::{Kind, Message, QName};
use crate::time::{Nanos, Timestamp};

/// The port that the application asked, before it was replaced.
const DNS: u16 = 53;
/// A question that was passed on is remembered this long.
const PATIENCE: Nanos = Nanos::from_millis(30_000);
/// Questions remembered at once.
const MOST: usize = 4_096;

/// Where an embedded server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedded {
    /// Its address.
    pub address: IpAddr,
    /// The ports it really listens on.
    pub ports: Vec<u16>,
}

/// The embedded server, and the questions it is working on.
#[derive(Debug)]
pub(crate) struct Relay {
    embedded: Embedded,
    open: HashMap<(QName, QType), Vec<Passed>>,
    count: usize,
}

/// A question that was put to the embedded server.
#[derive(Debug)]
struct Passed {
    id: u16,
    at: Timestamp,
    /// When it asked on, and when it had its answer.
    asked: Option<Timestamp>,
    answered: Option<Timestamp>,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is the application's.
    Own,
    /// It is the application's answer, and so much of the wait for it was for the real server.
    Answered(Nanos),
    /// It is between the embedded server and the real one.
    PassedOn,
}

impl Relay {
    pub(crate) fn new(embedded: Embedded) -> Self {
        Self { embedded, open: HashMap::new(), count: 0 }
    }

    /// Tells whose message it is, and gives the embedded server the port that the application knows.
    pub(crate) fn advance(&mut self, message: &Message, datagram: &mut Datagram<'_>, now: Timestamp) -> Turn {
        let inside = self.restore(&mut datagram.source) | self.restore(&mut datagram.destination);
        let Some(question) = &message.question else { return Turn::Own };
        match (&message.kind, inside) {
            (Kind::Query, true) => self.ask(question.clone(), message.id, now),
            (Kind::Response(_), true) => self.answer(question, message.id),
            (Kind::Query, false) => self.pass_on(question, message.id, |passed| &mut passed.asked, now),
            (Kind::Response(_), false) => {
                self.pass_on(question, message.id, |passed| &mut passed.answered, now)
            }
        }
    }

    /// Whether this end is the embedded server.
    fn restore(&self, end: &mut Endpoint) -> bool {
        if end.ip() != self.embedded.address {
            return false;
        }
        if self.embedded.ports.contains(&end.port()) {
            *end = Endpoint::new(end.ip(), DNS);
        }
        end.port() == DNS
    }

    fn ask(&mut self, question: (QName, QType), id: u16, now: Timestamp) -> Turn {
        if self.count >= MOST {
            self.open.retain(|_, all| {
                all.retain(|passed| now - passed.at < PATIENCE);
                !all.is_empty()
            });
            self.count = self.open.values().map(Vec::len).sum();
        }
        if self.count < MOST {
            let all = self.open.entry(question).or_default();
            all.retain(|passed| passed.id != id);
            all.push(Passed { id, at: now, asked: None, answered: None });
            self.count += 1;
        }
        Turn::Own
    }

    fn answer(&mut self, question: &(QName, QType), id: u16) -> Turn {
        let Some(all) = self.open.get_mut(question) else { return Turn::Own };
        let Some(at) = all.iter().position(|passed| passed.id == id) else { return Turn::Own };
        let passed = all.swap_remove(at);
        if all.is_empty() {
            self.open.remove(question);
        }
        self.count = self.count.saturating_sub(1);
        match (passed.asked, passed.answered) {
            (Some(asked), Some(answered)) => Turn::Answered((answered - asked).max(Nanos(0))),
            _ => Turn::Own,
        }
    }

    fn pass_on(
        &mut self,
        question: &(QName, QType),
        id: u16,
        field: fn(&mut Passed) -> &mut Option<Timestamp>,
        now: Timestamp,
    ) -> Turn {
        let all = self.open.get_mut(question).into_iter().flatten();
        match all.into_iter().find(|passed| passed.id == id) {
            Some(passed) => {
                field(passed).get_or_insert(now);
                Turn::PassedOn
            }
            None => Turn::Own,
        }
    }
}
