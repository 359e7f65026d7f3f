//! A walk in virtual time, against scripted answers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::plan::Wire;
use crate::walk::StepRecord;
use crate::{Action, Outcome, Profile, Query, Reply, Request, Settings, Verdict, Walk};

/// What the servers do.
pub trait Answers {
    /// What comes back for this transmission.
    fn answer(&self, query: &Query) -> Answered;

    /// Whether the rest of the walk is of no interest: it is broken off then, as if the process had been killed.
    fn enough(&self) -> bool {
        false
    }
}

/// What comes back for one transmission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The reply; `None`: silence.
    pub reply: Option<Reply>,
    /// After how many µs; `None`: not known, the simulation then takes no time for it.
    pub delay_us: Option<u64>,
}

/// One transmission of a simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The transmission.
    pub query: Query,
    /// When, in µs since the lookup began.
    pub sent_us: u64,
    /// What came back, in time or not.
    pub outcome: Outcome,
    /// After how many µs; `None` without an answer, or when the answers give no delay.
    pub latency_us: Option<u64>,
}

/// A lookup from beginning to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulation {
    /// Every transmission, in wire order.
    pub sent: Vec<Sent>,
    /// The candidates tried.
    pub steps: Vec<StepRecord>,
    /// What the application gets.
    pub verdict: Verdict,
    /// How long it took in virtual time, in µs.
    pub took_us: u64,
}

impl Simulation {
    /// What a step added to the lookup, in µs: from its first transmission to that of the next step, for the last step
    /// to its end. `None` when the answers of the step give no delay and nothing was waited for. The steps that sent
    /// something add up to [`Self::took_us`], the ones between them taking no time.
    pub fn added_us(&self, step: usize) -> Option<u64> {
        let begun = self.first_sent_us(step)?;
        let next = (step + 1..self.steps.len()).find_map(|later| self.first_sent_us(later));
        let added = next.unwrap_or(self.took_us) - begun;
        let known = self.of_step(step).any(|sent| sent.latency_us.is_some());
        (known || added > 0).then_some(added)
    }

    /// Whether a step was of no use: its lookup was answered, but not by this step.
    pub fn wasted(&self, step: usize) -> bool {
        self.verdict.answered_by.is_some_and(|answered| {
            let candidate = |index: usize| self.steps.get(index).map(|record| &record.candidate.fqdn);
            candidate(answered) != candidate(step) && step < self.steps.len()
        })
    }

    /// The transmissions of wasted steps.
    pub fn wasted_questions(&self) -> usize {
        self.sent.iter().filter(|sent| self.wasted(sent.query.step)).count()
    }

    /// What the wasted steps added, in µs; `None` when that is not known.
    pub fn added_by_search_us(&self) -> Option<u64> {
        let wasted: Vec<usize> = (0..self.steps.len()).filter(|step| self.wasted(*step)).collect();
        let sent_anything = |step: &usize| self.first_sent_us(*step).is_some();
        wasted.into_iter().filter(sent_anything).map(|step| self.added_us(step)).sum()
    }

    /// The transmissions of a step.
    pub fn of_step(&self, step: usize) -> impl Iterator<Item = &Sent> {
        self.sent.iter().filter(move |sent| sent.query.step == step)
    }

    fn first_sent_us(&self, step: usize) -> Option<u64> {
        self.of_step(step).map(|sent| sent.sent_us).next()
    }
}

/// Transmissions after which a simulation gives up. The worst real schedule stays under a few thousand.
const SENT_MAX: usize = 100_000;

/// Walks a lookup to its end.
pub fn simulate(
    profile: &Profile,
    settings: &Settings,
    request: &Request,
    answers: &dyn Answers,
) -> Simulation {
    let mut run = Run {
        walk: Walk::new(profile, settings, request),
        answers,
        now_us: 0,
        sent: Vec::new(),
        replies: Vec::new(),
        arrivals: BinaryHeap::new(),
    };
    let verdict = run.finish();
    Simulation { sent: run.sent, steps: run.walk.trail().to_vec(), verdict, took_us: run.now_us }
}

/// What arrives: of two at the same time the kernel reports the socket's error before the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Error,
    Data,
}

struct Run<'a> {
    walk: Walk,
    answers: &'a dyn Answers,
    now_us: u64,
    sent: Vec<Sent>,
    /// The reply to each transmission, until it is delivered.
    replies: Vec<Option<Reply>>,
    /// When replies arrive, and to which transmission; the earliest on top.
    arrivals: BinaryHeap<Reverse<(u64, Kind, usize)>>,
}

impl Run<'_> {
    fn finish(&mut self) -> Verdict {
        loop {
            if self.answers.enough() {
                return Verdict::hung();
            }
            match self.walk.next(self.now_us) {
                Action::Send(_) if self.sent.len() >= SENT_MAX => return Verdict::hung(),
                Action::Send(query) => self.transmit(query),
                Action::Done(verdict) => return verdict,
                Action::Wait { until_us } => {
                    let arrival = self.arrivals.peek().map(|Reverse((at, ..))| *at);
                    match (arrival, until_us) {
                        (Some(at), None) => self.deliver(at),
                        (Some(at), Some(until)) if at <= until => self.deliver(at),
                        (_, Some(until)) => self.now_us = self.now_us.max(until),
                        (None, None) => return Verdict::hung(),
                    }
                }
            }
        }
    }

    fn transmit(&mut self, query: Query) {
        let answered = match query.wire {
            Wire::Valid => self.answers.answer(&query),
            Wire::Malformed | Wire::Unencodable => Answered { reply: None, delay_us: None },
        };
        if let Some(reply) = &answered.reply {
            let at = self.now_us.saturating_add(answered.delay_us.unwrap_or(0));
            let kind = if *reply == Reply::Unreachable { Kind::Error } else { Kind::Data };
            self.arrivals.push(Reverse((at, kind, query.seq)));
        }
        self.sent.push(Sent {
            outcome: outcome_of(answered.reply.as_ref()),
            latency_us: answered.reply.as_ref().and(answered.delay_us),
            query,
            sent_us: self.now_us,
        });
        self.replies.push(answered.reply);
    }

    fn deliver(&mut self, at_us: u64) {
        self.now_us = self.now_us.max(at_us);
        let Some(Reverse((_, _, seq))) = self.arrivals.pop() else { return };
        if let Some(reply) = self.replies[seq].take() {
            self.walk.reply(self.now_us, seq, &reply);
        }
    }
}

fn outcome_of(reply: Option<&Reply>) -> Outcome {
    match reply {
        None => Outcome::Timeout,
        Some(Reply::Unreachable) => Outcome::Unreachable,
        Some(Reply::Message(message)) => message.outcome(),
    }
}
