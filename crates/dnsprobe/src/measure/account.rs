//! From transmissions to a lookup: which step each belongs to, and what each step added.
//!
//! A step lasts from its first transmission to the first of the next step, so the steps add up to the lookup's latency
//! exactly; a pause between two steps belongs to the one before it.

use std::net::IpAddr;

use dnsprobe_lookup::{Lookup, Nanos, Question, ResolverSeen, Step, Timestamp};
use dnsprobe_resolv::profile::Decision;
use dnsprobe_resolv::walk::StepRecord;
use dnsprobe_resolv::{Fqdn, Outcome, QType, Query, Request, Settings, Transport, Verdict, name};

/// One transmission with the step it belongs to. Made on one thread and told on another, unlike a [`Question`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Transmission {
    /// Index of its step.
    pub(super) step: usize,
    /// When it left, from any common beginning; `None` when not known.
    pub(super) at: Option<Nanos>,
    pub(super) qname: String,
    pub(super) outcome: Outcome,
    /// When it left, as a date.
    pub(super) sent: Option<Timestamp>,
    pub(super) latency: Option<Nanos>,
    qtype: QType,
    server: IpAddr,
    transport: Transport,
    round: u32,
}

impl Transmission {
    /// A transmission of which nothing is known but that it was ordered.
    pub(super) fn of(query: &Query, settings: &Settings) -> Self {
        Self {
            step: query.step,
            at: None,
            qname: query.qname.as_str().to_owned(),
            outcome: Outcome::Timeout,
            sent: None,
            latency: None,
            qtype: query.qtype,
            server: settings.nameservers[query.server].address,
            transport: query.transport,
            round: query.round,
        }
    }

    /// What is reported of it.
    fn question(&self) -> Question {
        Question {
            qname: self.qname.as_str().into(),
            qtype: self.qtype,
            server: self.server,
            transport: self.transport,
            round: self.round,
            outcome: self.outcome,
            sent: self.sent,
            latency: self.latency,
            alias: None,
            upstream: None,
        }
    }
}

/// A step that has ended, while the lookup goes on.
pub(super) struct Ended {
    pub(super) index: usize,
    pub(super) record: StepRecord,
    pub(super) transmissions: Vec<Transmission>,
    /// When the next one began.
    pub(super) end: Nanos,
}

impl Ended {
    /// As it is reported.
    pub(super) fn step(&self) -> Step {
        step(self.index, &self.record, &self.transmissions, Some(self.end))
    }
}

/// A lookup that is over.
pub(super) struct Walked {
    pub(super) trail: Vec<StepRecord>,
    pub(super) transmissions: Vec<Transmission>,
    pub(super) verdict: Verdict,
    /// When the last thing happened that it waited for; `None` when not known.
    pub(super) end: Option<Nanos>,
    pub(super) client: Option<IpAddr>,
}

impl Walked {
    /// As it is reported.
    pub(super) fn lookup(&self, request: &Request, resolver: &ResolverSeen) -> Lookup {
        let next = |index| begin_of(index + 1, &self.transmissions).or(self.end);
        let records = self.trail.iter().enumerate();
        let mut steps: Vec<Step> =
            records.map(|(index, record)| step(index, record, &self.transmissions, next(index))).collect();
        mark_wasted(&mut steps, &self.trail, &self.verdict);
        let begin = begin_of(0, &self.transmissions).or(self.end);
        Lookup {
            name: name::escape(&request.name).into(),
            start: self.transmissions.iter().filter_map(|transmission| transmission.sent).min(),
            client: self.client,
            resolver: resolver.clone(),
            steps,
            outcome: self.verdict.outcome,
            addresses: self.verdict.addresses.clone(),
            error: self.verdict.failure.as_ref().map(ToString::to_string),
            latency: begin.zip(self.end).map(|(begin, end)| Nanos(end.0 - begin.0)),
            certain: true,
            partial: false,
            doubtful_dot: false,
            findings: Vec::new(),
        }
    }
}

/// The step of this index, with what it added when `end`, the beginning of the next step or the end of the lookup, is
/// known. Whether it was wasted is only known when the lookup is over.
fn step(index: usize, record: &StepRecord, transmissions: &[Transmission], end: Option<Nanos>) -> Step {
    let own = || transmissions.iter().filter(|transmission| transmission.step == index);
    // A candidate that is not asked takes no time.
    let begin = begin_of(index, transmissions).or(end);
    Step {
        candidate: record.candidate.fqdn.as_str().into(),
        suffix: record.candidate.suffix.as_deref().map(bare_suffix).map(Into::into),
        outcome: record.outcome.unwrap_or(Outcome::Timeout),
        added: begin.zip(end).map(|(begin, end)| Nanos(end.0 - begin.0)),
        wasted: false,
        questions: own().map(Transmission::question).collect(),
        why: record.decision.as_ref().map(Decision::why),
    }
}

/// When the first transmission of any step from `index` on left.
pub(super) fn begin_of(index: usize, transmissions: &[Transmission]) -> Option<Nanos> {
    transmissions.iter().filter(|transmission| transmission.step >= index).filter_map(|later| later.at).min()
}

/// The search domain without dots at its ends; the root stays a dot.
fn bare_suffix(suffix: &str) -> String {
    let bare = suffix.trim_matches('.');
    if bare.is_empty() { ".".to_owned() } else { bare.to_owned() }
}

/// By candidate, not by step: a resolver that walks its list once per type reaches the answering one twice.
fn mark_wasted(steps: &mut [Step], trail: &[StepRecord], verdict: &Verdict) {
    let Some(answered) = verdict.answered_by.and_then(|index| trail.get(index)) else { return };
    let answered: &Fqdn = &answered.candidate.fqdn;
    for (step, record) in steps.iter_mut().zip(trail) {
        step.wasted = record.candidate.fqdn != *answered;
    }
}
