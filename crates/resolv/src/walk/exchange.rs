//! The questions of one candidate: transmissions, resends and answers, until each question has ended.

use std::net::IpAddr;

use super::context::Context;
use super::each::Each;
use super::flood::Flood;
use super::paired::Paired;
use crate::profile::{QuestionEnd, Schedule};
use crate::{Fqdn, Message, Outcome, Profile, QType, Reply, Settings, Transport};

/// One transmission, as an exchange orders it.
#[derive(Debug, Clone)]
pub(super) struct Transmission {
    /// Index of the question in its exchange.
    pub(super) question: usize,
    pub(super) server: usize,
    pub(super) transport: Transport,
    pub(super) round: u32,
    pub(super) socket: u32,
    pub(super) timeout_us: Option<u64>,
    /// Another name than the candidate's: the target of a CNAME that is followed.
    pub(super) qname: Option<Fqdn>,
    /// The UDP size offered with EDNS.
    pub(super) edns: Option<u16>,
    /// Whether it has a COOKIE option.
    pub(super) cookie: bool,
}

/// What an exchange wants next.
pub(super) enum Progress {
    Send(Transmission),
    Wait(Option<u64>),
    Done,
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

    pub(super) fn by(message: &Message, outcome: Outcome, at_us: u64) -> Self {
        Self { outcome, at_us, addresses: message.addresses.clone(), cname: message.cname.clone() }
    }
}

/// The exchange of one candidate, by the kind of schedule.
#[derive(Debug, Clone)]
pub(super) enum Exchange {
    /// The candidate fits no message.
    Unsendable,
    Paired(Paired),
    Flood(Flood),
    Each(Each),
}

impl Exchange {
    /// An exchange of as many questions as `broken` has entries; those set fit no message.
    pub(super) fn new(profile: &Profile, broken: &[bool], settings: &Settings) -> Self {
        let questions = broken.len();
        match profile.schedule {
            Schedule::Paired(rules) => Self::Paired(Paired::new(rules, questions, settings)),
            Schedule::Flood(rules) => Self::Flood(Flood::new(rules, broken, settings)),
            Schedule::Each(rules) => Self::Each(Each::new(rules, &profile.ask, questions, settings)),
        }
    }

    pub(super) fn next(&mut self, context: &mut Context<'_>) -> Progress {
        match self {
            Self::Unsendable => Progress::Done,
            Self::Paired(paired) => paired.next(context),
            Self::Flood(flood) => flood.next(context),
            Self::Each(each) => each.next(context),
        }
    }

    pub(super) fn reply(&mut self, sent: &Transmission, reply: &Reply, context: &mut Context<'_>) {
        match self {
            Self::Unsendable => {}
            Self::Paired(paired) => paired.reply(sent, reply, context),
            Self::Flood(flood) => flood.reply(sent, reply, context),
            Self::Each(each) => each.reply(sent, reply, context),
        }
    }

    /// How each question ended; `None`: it was given up together with the candidate.
    pub(super) fn ended(&self) -> Vec<Option<&Ended>> {
        match self {
            Self::Unsendable => Vec::new(),
            Self::Paired(paired) => paired.ended(),
            Self::Flood(flood) => flood.ended(),
            Self::Each(each) => each.ended(),
        }
    }

    /// What the candidate came to where the questions' ends do not tell it.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Unsendable => Some(Outcome::Unknown),
            Self::Paired(paired) => paired.failure(),
            Self::Flood(_) | Self::Each(_) => None,
        }
    }

    /// The ends of the questions of one step, of several that run at once.
    pub(super) fn ends(&self, step: usize, steps: usize, types: &[QType]) -> Vec<QuestionEnd> {
        let ended = self.ended();
        let of_step = ended.into_iter().skip(step).step_by(steps).zip(types);
        of_step
            .filter_map(|(end, &qtype)| {
                end.map(|end| QuestionEnd { qtype, outcome: end.outcome, at_us: end.at_us })
            })
            .collect()
    }

    /// The places in [`Self::ends`] of a single step in the order the questions ended, where that is known.
    pub(super) fn order(&self) -> &[usize] {
        match self {
            Self::Each(each) => each.order(),
            Self::Unsendable | Self::Paired(_) | Self::Flood(_) => &[],
        }
    }

    /// The addresses found for one step.
    pub(super) fn addresses(&self, step: usize, steps: usize, types: usize) -> Vec<IpAddr> {
        let of_step = self.ended().into_iter().skip(step).step_by(steps).take(types);
        of_step.flatten().flat_map(|end| end.addresses.iter().copied()).collect()
    }

    /// The end of a CNAME chain, from whichever question has one.
    pub(super) fn cname(&self) -> Option<Fqdn> {
        self.ended().into_iter().flatten().find_map(|end| end.cname.clone())
    }
}
