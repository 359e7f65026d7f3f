//! From transmissions to a lookup: which step each belongs to, and what each step added.
//!
//! A step lasts from its first transmission to the first of the next step, so the steps add up to the lookup's latency
//! exactly; a pause between two steps belongs to the one before it.

use dnsprobe_lookup::{Lookup, Nanos, Question, ResolverSeen, Step};
use dnsprobe_resolv::profile::Decision;
use dnsprobe_resolv::walk::StepRecord;
use dnsprobe_resolv::{Fqdn, Outcome, Query, Request, Settings, Verdict, name};

/// One transmission with the step it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Transmission {
    /// Index of its step.
    pub(super) step: usize,
    /// When it left, from any common beginning; `None` when not known.
    pub(super) at: Option<Nanos>,
    /// What is reported of it.
    pub(super) question: Question,
}

impl Transmission {
    /// A transmission of which nothing is known but that it was ordered.
    pub(super) fn of(query: &Query, settings: &Settings) -> Self {
        let question = Question {
            qname: query.qname.as_str().into(),
            qtype: query.qtype,
            server: settings.nameservers[query.server].address,
            transport: query.transport,
            round: query.round,
            outcome: Outcome::Timeout,
            sent: None,
            latency: None,
            alias: None,
            upstream: None,
        };
        Self { step: query.step, at: None, question }
    }
}

/// The step of this index, with what it added when `end`, the beginning of the next step or the end of the lookup, is
/// known. Whether it was wasted is only known when the lookup is over.
pub(super) fn step(
    index: usize,
    record: &StepRecord,
    transmissions: &[Transmission],
    end: Option<Nanos>,
) -> Step {
    let own = || transmissions.iter().filter(|transmission| transmission.step == index);
    // A candidate that is not asked takes no time.
    let begin = begin_of(index, transmissions).or(end);
    Step {
        candidate: record.candidate.fqdn.as_str().into(),
        suffix: record.candidate.suffix.as_deref().map(bare_suffix).map(Into::into),
        outcome: record.outcome.unwrap_or(Outcome::Timeout),
        added: begin.zip(end).map(|(begin, end)| Nanos(end.0 - begin.0)),
        wasted: false,
        questions: own().map(|transmission| transmission.question.clone()).collect(),
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

/// Everything about a lookup that is over but its client and its date.
pub(super) fn lookup(
    request: &Request,
    resolver: &ResolverSeen,
    trail: &[StepRecord],
    transmissions: &[Transmission],
    verdict: &Verdict,
    end: Option<Nanos>,
) -> Lookup {
    let mut steps: Vec<Step> = (0..trail.len())
        .map(|index| {
            let next = begin_of(index + 1, transmissions).or(end);
            step(index, &trail[index], transmissions, next)
        })
        .collect();
    mark_wasted(&mut steps, trail, verdict);
    let begin = begin_of(0, transmissions).or(end);
    Lookup {
        name: name::escape(&request.name).into(),
        start: None,
        client: None,
        resolver: resolver.clone(),
        steps,
        outcome: verdict.outcome,
        addresses: verdict.addresses.clone(),
        error: verdict.failure.as_ref().map(ToString::to_string),
        latency: begin.zip(end).map(|(begin, end)| Nanos(end.0 - begin.0)),
        certain: true,
        partial: false,
        findings: Vec::new(),
    }
}

/// By candidate, not by step: a resolver that walks its list once per type reaches the answering one twice.
fn mark_wasted(steps: &mut [Step], trail: &[StepRecord], verdict: &Verdict) {
    let Some(answered) = verdict.answered_by.and_then(|index| trail.get(index)) else { return };
    let answered: &Fqdn = &answered.candidate.fqdn;
    for (step, record) in steps.iter_mut().zip(trail) {
        step.wasted = record.candidate.fqdn != *answered;
    }
}
