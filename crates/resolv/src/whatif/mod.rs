//! What-if on lookups that were observed: the same names under other settings, answered by what was seen.
//!
//! An [`Observation`] is one lookup as it was on the wire. [`explain`] finds the model that asks exactly what was seen
//! at the settings in force; [`replay`] walks it again under others. Answers come from the lookup itself, then from
//! everything the same client was answered ([`Knowledge`]). What nobody has answered is never assumed in silence: the
//! replay names it ([`Replay::unknown`]). [`weigh`] adds up many lookups.

mod conf;
mod explain;
mod knowledge;
mod outlook;
mod readings;
mod replay;
mod weigh;

pub use conf::{Conf, Origin};
pub use explain::{Explained, Pair, Servers, Silence, Variant, expected, explain};
pub use knowledge::Knowledge;
pub use outlook::{Change, Dot, Outlook, Risk, Setting, Stands, Unknown};
pub use replay::{Replay, asks_the_same, replay};
pub use weigh::{Class, Weighed, weigh};

use std::net::IpAddr;

use crate::{Fqdn, Outcome, QType, Reply, Resolver, Transport};

/// One lookup as it was on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The name as typed, in presentation form; with a trailing dot where one was typed.
    pub name: String,
    /// Who seems to have asked.
    pub resolver: Resolver,
    /// Whether `resolver` was told, so that no other is tried.
    pub told: Told,
    /// Every transmission, in wire order.
    pub asked: Vec<Asked>,
    /// The candidates, in the order they were begun.
    pub candidates: Vec<Fqdn>,
    /// What the application got.
    pub outcome: Outcome,
    /// Whether all of it was seen.
    pub extent: Extent,
}

/// How sure it is which resolver asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Told {
    /// By the user: nothing else is tried.
    Given,
    /// From the target's files: its version is that one.
    Detected,
    /// By its packets: others may explain them better.
    Inferred,
    /// By nothing: its packets leave it open.
    Open,
}

/// How much of a lookup was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Extent {
    /// All of it.
    Whole,
    /// The capture began or ended inside it, or kept too little of its packets.
    Partial,
}

/// One transmission that was seen, and what came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The name asked.
    pub qname: Fqdn,
    /// The type asked.
    pub qtype: QType,
    /// The server asked.
    pub server: IpAddr,
    /// Over what.
    pub transport: Transport,
    /// What came back; `None`: nothing.
    pub reply: Option<Reply>,
    /// After how many µs; `None` without an answer.
    pub latency_us: Option<u64>,
    /// When it left, in µs since the lookup began.
    pub sent_us: u64,
}

impl Observation {
    /// The one type asked for that is no address, if there is just one: such a lookup walks as one for A does.
    pub(crate) fn other_type(&self) -> Option<QType> {
        let first = self.asked.first()?.qtype;
        let only = self.asked.iter().all(|asked| asked.qtype == first);
        (only && matches!(first, QType::Other(_))).then_some(first)
    }
}
