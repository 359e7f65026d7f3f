//! The questions of one candidate: transmissions, resends and answers, until each question has ended.

use std::net::IpAddr;

use super::paired::Paired;
use crate::profile::{QuestionEnd, Schedule};
use crate::{Fqdn, Outcome, Profile, QType, Reply, Settings, Transport};

/// One transmission, as an exchange orders it.
#[derive(Debug, Clone)]
pub(super) struct Transmission {
    /// Index of the question among those of the candidate.
    pub(super) question: usize,
    pub(super) server: usize,
    pub(super) transport: Transport,
    pub(super) round: u32,
    pub(super) socket: u32,
    pub(super) timeout_us: Option<u64>,
}

/// What an exchange wants next.
pub(super) enum Progress {
    Send(Transmission),
    Wait(Option<u64>),
    Done,
}

/// What outlives a candidate: sockets count on, servers are remembered.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    sockets: u32,
    /// Queries so far, by which `rotate` picks the first server.
    pub(super) queries: usize,
    /// glibc's fall-back to asking one by one sticks to the thread.
    pub(super) one_by_one: OneByOne,
}

/// How glibc sends the questions of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum OneByOne {
    #[default]
    No,
    SameSocket,
    NewSocket,
}

impl Memory {
    /// The number of a new socket.
    pub(super) fn open(&mut self) -> u32 {
        self.sockets += 1;
        self.sockets - 1
    }
}

/// The last word on one question.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    pub(super) at_us: u64,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) cname: Option<Fqdn>,
}

impl Ended {
    pub(super) fn without_answer(outcome: Outcome, at_us: u64) -> Self {
        Self { outcome, at_us, addresses: Vec::new(), cname: None }
    }
}

/// The exchange of one candidate, by the kind of schedule.
#[derive(Debug, Clone)]
pub(super) enum Exchange {
    /// The candidate fits no message.
    Unsendable,
    Paired(Paired),
}

impl Exchange {
    pub(super) fn new(profile: &Profile, types: &[QType], settings: &Settings) -> Self {
        match profile.schedule {
            Schedule::Paired(rules) => Self::Paired(Paired::new(rules, types.len(), settings)),
        }
    }

    pub(super) fn unsendable() -> Self {
        Self::Unsendable
    }

    pub(super) fn next(&mut self, now_us: u64, settings: &Settings, memory: &mut Memory) -> Progress {
        match self {
            Self::Unsendable => Progress::Done,
            Self::Paired(paired) => paired.next(now_us, settings, memory),
        }
    }

    pub(super) fn reply(
        &mut self,
        now_us: u64,
        sent: &Transmission,
        reply: &Reply,
        settings: &Settings,
        memory: &mut Memory,
    ) {
        match self {
            Self::Unsendable => {}
            Self::Paired(paired) => paired.reply(now_us, sent, reply, settings, memory),
        }
    }

    fn ended(&self) -> &[Option<Ended>] {
        match self {
            Self::Unsendable => &[],
            Self::Paired(paired) => paired.ended(),
        }
    }

    /// What the candidate came to where the questions' ends do not tell it.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Unsendable => Some(Outcome::Unknown),
            Self::Paired(paired) => paired.failure(),
        }
    }

    pub(super) fn ends(&self, types: &[QType]) -> Vec<QuestionEnd> {
        let ends = types.iter().zip(self.ended());
        ends.filter_map(|(&qtype, end)| {
            end.as_ref().map(|end| QuestionEnd { qtype, outcome: end.outcome, at_us: end.at_us })
        })
        .collect()
    }

    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        self.ended().iter().flatten().flat_map(|end| end.addresses.iter().copied()).collect()
    }
}
