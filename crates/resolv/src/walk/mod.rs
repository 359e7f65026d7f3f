//! The walk: a lookup as a state machine without I/O.
//!
//! The caller asks [`Walk::next`] what to do, passing the time in µs since the lookup began, and hands every answer to
//! [`Walk::reply`]. The walk never blocks, sends or reads a clock, so the same one is driven by a live server, by a
//! script in virtual time, or by a packet capture.

mod exchange;
mod paired;
mod verdict;

use crate::plan::{Plan, Wire};
use crate::profile::{Decision, QuestionEnd, Step, combine, step_after};
use crate::{Candidate, Family, Fqdn, Outcome, Profile, QType, Refusal, Reply, Settings, Transport, plan};

use exchange::{Exchange, Memory, Progress, Transmission};
pub use verdict::{Failure, Verdict};

/// What the application asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The name as typed, without escapes.
    pub name: Vec<u8>,
    /// The addresses wanted.
    pub family: Family,
    /// Whether families the host has no address of are left out.
    pub addrconfig: AddrConfig,
}

impl Request {
    /// Both families, without `AI_ADDRCONFIG`.
    pub fn new(name: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), family: Family::Unspec, addrconfig: AddrConfig::Ignored }
    }
}

/// `AI_ADDRCONFIG` of `getaddrinfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AddrConfig {
    /// Not set.
    #[default]
    Ignored,
    /// Set: families the host has no address of are left out.
    Honoured,
}

/// One transmission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Its number in the lookup, from 0, in the order sent.
    pub seq: usize,
    /// Index into [`Walk::trail`] of the step it belongs to.
    pub step: usize,
    /// The name asked.
    pub qname: Fqdn,
    /// The type asked.
    pub qtype: QType,
    /// Index into [`Settings::nameservers`].
    pub server: usize,
    /// What carries it.
    pub transport: Transport,
    /// The pass over the nameservers, from 1.
    pub round: u32,
    /// Number of the socket in the lookup, from 0; equal numbers share a source port.
    pub socket: u32,
    /// How long it is waited for, in µs; `None`: without a limit.
    pub timeout_us: Option<u64>,
    /// The UDP size offered with EDNS.
    pub edns: Option<u16>,
    /// Whether a server can read it.
    pub wire: Wire,
    /// Whether the candidate has a suffix.
    pub suffixed: bool,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this.
    Send(Query),
    /// Nothing before this time, in µs since the lookup began, unless an answer comes. `None`: only an answer helps.
    Wait {
        /// When to call [`Walk::next`] again.
        until_us: Option<u64>,
    },
    /// The lookup is over.
    Done(Verdict),
}

/// One candidate that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRecord {
    /// The candidate.
    pub candidate: Candidate,
    /// What its questions came to together; `None` while they run.
    pub outcome: Option<Outcome>,
    /// How each question ended.
    pub ends: Vec<QuestionEnd>,
    /// What followed and why; `None` while it runs.
    pub decision: Option<Decision>,
    /// When it began, in µs since the lookup began.
    pub begun_us: u64,
    /// When it ended.
    pub ended_us: Option<u64>,
}

/// A lookup under way.
#[derive(Debug, Clone)]
pub struct Walk {
    profile: Profile,
    settings: Settings,
    types: &'static [QType],
    plan: Plan,
    position: usize,
    exchange: Option<Exchange>,
    memory: Memory,
    trail: Vec<StepRecord>,
    sent: Vec<(usize, Transmission)>,
    verdict: Option<Verdict>,
}

impl Walk {
    /// A lookup that has not asked anything yet.
    pub fn new(profile: &Profile, settings: &Settings, request: &Request) -> Self {
        let plan = plan(&request.name, settings, profile, request.family);
        let verdict = plan.refused.as_ref().map(|refusal| Verdict::refused(refusal, profile));
        Self {
            types: profile.ask.types(request.family),
            profile: profile.clone(),
            settings: settings.clone(),
            plan,
            position: 0,
            exchange: None,
            memory: Memory::default(),
            trail: Vec::new(),
            sent: Vec::new(),
            verdict,
        }
    }

    /// Every candidate that could be tried.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Why nothing is asked, if so.
    pub fn refused(&self) -> Option<&Refusal> {
        self.plan.refused.as_ref()
    }

    /// The candidates tried so far.
    pub fn trail(&self) -> &[StepRecord] {
        &self.trail
    }

    /// What to do at this time, in µs since the lookup began. To be called until it says wait or done.
    pub fn next(&mut self, now_us: u64) -> Action {
        loop {
            if let Some(verdict) = &self.verdict {
                return Action::Done(verdict.clone());
            }
            let Some(exchange) = &mut self.exchange else {
                self.begin_step(now_us);
                continue;
            };
            match exchange.next(now_us, &self.settings, &mut self.memory) {
                Progress::Send(transmission) => return Action::Send(self.send(transmission)),
                Progress::Wait(until_us) => return Action::Wait { until_us },
                Progress::Done => self.end_step(now_us),
            }
        }
    }

    /// Hands over what came back for the transmission of this number. Answers to steps that are over are ignored, as a
    /// resolver does that has closed the socket.
    pub fn reply(&mut self, now_us: u64, seq: usize, reply: &Reply) {
        let Some((step, transmission)) = self.sent.get(seq) else { return };
        if *step + 1 != self.trail.len() {
            return;
        }
        if let Some(exchange) = &mut self.exchange {
            exchange.reply(now_us, transmission, reply, &self.settings, &mut self.memory);
        }
    }

    fn begin_step(&mut self, now_us: u64) {
        let Some(candidate) = self.plan.candidates.get(self.position).cloned() else {
            self.verdict = Some(Verdict::failed(&self.trail, &self.profile));
            return;
        };
        let exchange = match candidate.wire {
            Wire::Unencodable => Exchange::unsendable(),
            _ => Exchange::new(&self.profile, self.types, &self.settings),
        };
        self.exchange = Some(exchange);
        self.trail.push(StepRecord {
            candidate,
            outcome: None,
            ends: Vec::new(),
            decision: None,
            begun_us: now_us,
            ended_us: None,
        });
    }

    fn end_step(&mut self, now_us: u64) {
        let (Some(exchange), Some(record)) = (self.exchange.take(), self.trail.last_mut()) else { return };
        record.ends = exchange.ends(self.types);
        let outcome = exchange.outcome().unwrap_or_else(|| combine(&record.ends, self.profile.verdict.pair));
        let decision = step_after(&self.profile, record.candidate.phase, outcome, &record.candidate);
        record.outcome = Some(outcome);
        record.ended_us = Some(now_us);
        match decision.step {
            Step::Stop if outcome == Outcome::Answer => {
                self.verdict = Some(Verdict::found(exchange.addresses(), self.trail.len() - 1));
            }
            Step::Stop => self.position = self.plan.candidates.len(),
            Step::Next => self.position += 1,
            Step::SkipToAsIs => self.skip_to_as_is(),
        }
        if let Some(record) = self.trail.last_mut() {
            record.decision = Some(decision);
        }
    }

    fn skip_to_as_is(&mut self) {
        let rest = &self.plan.candidates[self.position + 1..];
        let as_is = rest.iter().position(|candidate| candidate.phase == crate::Phase::AsIsLast);
        self.position = as_is.map_or(self.plan.candidates.len(), |at| self.position + 1 + at);
    }

    fn send(&mut self, transmission: Transmission) -> Query {
        let step = self.trail.len() - 1;
        let record = &self.trail[step];
        let query = Query {
            seq: self.sent.len(),
            step,
            qname: record.candidate.fqdn.clone(),
            qtype: self.types[transmission.question],
            server: transmission.server,
            transport: transmission.transport,
            round: transmission.round,
            socket: transmission.socket,
            timeout_us: transmission.timeout_us,
            edns: self.profile.ask.edns,
            wire: record.candidate.wire,
            suffixed: record.candidate.suffix.is_some(),
        };
        self.sent.push((step, transmission));
        query
    }
}
