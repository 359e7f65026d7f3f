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

/// Transmissions after which a simulation gives up. The worst real schedule stays under a few thousand.
const SENT_MAX: usize = 100_000;

/// Walks a lookup to its end.
pub fn simulate(
    profile: &Profile,
    settings: &Settings,
    request: &Request,
    answers: &dyn Answers,
) -> Simulation {
    let mut walk = Walk::new(profile, settings, request);
    let mut sent: Vec<Sent> = Vec::new();
    let mut arrivals: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut replies: Vec<Option<Reply>> = Vec::new();
    let mut now_us = 0;
    loop {
        match walk.next(now_us) {
            Action::Send(query) if sent.len() < SENT_MAX => {
                let answered = match query.wire {
                    Wire::Valid => answers.answer(&query),
                    Wire::Malformed | Wire::Unencodable => Answered { reply: None, delay_us: None },
                };
                let delay_us = answered.delay_us;
                if answered.reply.is_some() {
                    arrivals.push(Reverse((now_us + delay_us.unwrap_or(0), query.seq)));
                }
                sent.push(Sent {
                    outcome: outcome_of(answered.reply.as_ref()),
                    latency_us: answered.reply.as_ref().and(delay_us),
                    query,
                    sent_us: now_us,
                });
                replies.push(answered.reply);
            }
            Action::Wait { until_us } => {
                let arrival = arrivals.peek().map(|Reverse((at, _))| *at);
                match (arrival, until_us) {
                    (Some(at), until) if until.is_none_or(|until| at <= until) => {
                        if let Some(Reverse((at, seq))) = arrivals.pop() {
                            now_us = now_us.max(at);
                            if let Some(reply) = replies[seq].take() {
                                walk.reply(now_us, seq, &reply);
                            }
                        }
                    }
                    (_, Some(until)) => now_us = now_us.max(until),
                    (_, None) => return finish(&walk, sent, Verdict::hung(), now_us),
                }
            }
            Action::Done(verdict) => return finish(&walk, sent, verdict, now_us),
            Action::Send(_) => return finish(&walk, sent, Verdict::hung(), now_us),
        }
    }
}

fn finish(walk: &Walk, sent: Vec<Sent>, verdict: Verdict, took_us: u64) -> Simulation {
    Simulation { sent, steps: walk.trail().to_vec(), verdict, took_us }
}

fn outcome_of(reply: Option<&Reply>) -> Outcome {
    match reply {
        None => Outcome::Timeout,
        Some(Reply::Unreachable) => Outcome::Unreachable,
        Some(Reply::Message(message)) => message.outcome(),
    }
}
