//! Payload to DNS message. `quick` reads what nearly every message is made of, `general` (hickory-proto) everything else,
//! and the two agree on every message that `quick` takes.

pub mod general;
mod name;
mod quick;

use std::net::IpAddr;

use dnsprobe_resolv::{Outcome, QType};
use smallvec::SmallVec;

pub use name::{Names, QName};

use crate::time::Nanos;

/// A DNS message, as far as lookups need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Transaction id.
    pub id: u16,
    /// What is asked; only an answer may lack it (servers that did not understand the query send a bare header).
    pub question: Option<(QName, QType)>,
    /// The EDNS part of a query, if there is one (RFC 6891): that tells who asks. What is beside the answers in an answer
    /// is not read.
    pub edns: Option<Edns>,
    /// The AD bit: on a query, that the resolver wants to know about authenticity (RFC 6840 section 5.7).
    pub authentic_data: bool,
    /// Query, or answer with what it says.
    pub kind: Kind,
}

/// Query or answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Asks.
    Query,
    /// Answers.
    Response(Response),
}

/// Addresses of one answer; as a rule there are few.
type Addresses = SmallVec<[IpAddr; 2]>;

/// What an answer says. Most say that there is nothing, so what there is lies apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// What it comes to.
    pub outcome: Outcome,
    /// The TC bit: cut off, to be repeated over TCP.
    pub truncated: bool,
    /// How much of the wait for it an embedded server spent waiting for the real one; not in the message itself.
    pub upstream: Option<Nanos>,
    /// Its addresses and aliases, if it has any.
    content: Option<Box<Content>>,
}

/// The records among the answers that say something to us.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Content {
    addresses: Addresses,
    first_alias: Option<QName>,
    last_alias: Option<QName>,
}

impl Content {
    /// Apart from the answer, as most have none.
    fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

impl Response {
    /// An answer with these records.
    #[inline]
    fn new(verdict: Verdict, found: Found, content: Option<Box<Content>>) -> Self {
        Self { outcome: verdict.outcome(found), truncated: verdict.truncated, upstream: None, content }
    }

    /// An answer that comes to this and holds no record.
    #[cfg(test)]
    pub(crate) fn bare(outcome: Outcome) -> Self {
        Self { outcome, truncated: false, upstream: None, content: None }
    }

    /// Addresses among the answers, in their order.
    pub fn addresses(&self) -> &[IpAddr] {
        self.content.as_ref().map(|content| &content.addresses[..]).unwrap_or_default()
    }

    /// Where the first alias among the answers points.
    pub fn first_alias(&self) -> Option<&QName> {
        self.content.as_ref()?.first_alias.as_ref()
    }

    /// Where the last alias among the answers points.
    pub fn alias(&self) -> Option<&QName> {
        self.content.as_ref()?.last_alias.as_ref()
    }
}

/// What the EDNS part of a query tells about its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns {
    /// Largest UDP payload the sender takes, in bytes.
    pub payload_size: u16,
    /// Whether it sends a cookie (RFC 7873).
    pub cookie: bool,
}

/// Why a payload is no message of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotAMessage {
    /// Header or question cannot be read.
    Malformed,
    /// A query with no question or several, which no resolver sends.
    NoSingleQuestion,
    /// Not a standard query (an update, a notification …).
    OtherOpcode,
}

/// Decodes a message that is a usual one.
#[inline]
pub(crate) fn usual(payload: &[u8], names: &mut Names) -> Option<Message> {
    quick::decode(payload, names)
}

/// Decodes one message. Records that are missing because the capture kept too little are no defect: header and
/// question are enough. `names` are those seen before.
#[inline]
pub fn decode(payload: &[u8], names: &mut Names) -> Result<Message, NotAMessage> {
    usual(payload, names).map_or_else(|| general::decode(payload, names), Ok)
}

/// What the header and the answer section come to.
#[derive(Debug, Clone, Copy)]
struct Verdict {
    /// The low four bits of the response code (RFC 1035 section 4.1.1).
    rcode: u8,
    truncated: bool,
    authoritative: bool,
    recursion_available: bool,
    /// Records that the header promises.
    answers: u16,
    additionals: u16,
}

/// What the answer section holds, as far as it was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Nothing,
    /// An alias, but no record of the type asked for.
    Alias,
    /// Records of the type asked for.
    Records,
}

impl Verdict {
    fn outcome(self, found: Found) -> Outcome {
        match self.rcode {
            0 if self.truncated => Outcome::Truncated,
            0 if found == Found::Records => Outcome::Answer,
            0 if found == Found::Alias => Outcome::Cname,
            // Nothing, from a server that neither owns the name nor asks on: glibc 2.36 resolv/res_send.c (send_dg).
            0 if self.answers == 0
                && !self.authoritative
                && !self.recursion_available
                && self.additionals == 0 =>
            {
                Outcome::Lame
            }
            // The records may lie behind the end of a short capture; their number does not.
            0 if self.answers > 0 => Outcome::Answer,
            0 => Outcome::NoData,
            1 => Outcome::FormErr,
            2 => Outcome::ServFail,
            3 => Outcome::NxDomain,
            4 => Outcome::NotImp,
            5 => Outcome::Refused,
            _ => Outcome::Unknown,
        }
    }
}

#[cfg(test)]
mod tests;
