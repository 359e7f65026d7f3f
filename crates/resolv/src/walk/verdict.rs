//! What the application gets.

use std::net::IpAddr;

use super::StepRecord;
use crate::{Outcome, Phase, Profile, Refusal};

/// What the application gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How the lookup ended.
    pub outcome: Outcome,
    /// The addresses, in the order they arrived; the resolver may sort them.
    pub addresses: Vec<IpAddr>,
    /// The error, unless there are addresses.
    pub failure: Option<Failure>,
    /// Index into the trail of the step that answered.
    pub answered_by: Option<usize>,
}

/// An error as the application sees it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {words}")]
pub struct Failure {
    /// Its code: `EAI_NONAME`, `EAI_AGAIN`, ….
    pub code: &'static str,
    /// What it says.
    pub words: String,
}

impl Failure {
    fn new(code: &'static str, words: impl Into<String>) -> Self {
        Self { code, words: words.into() }
    }
}

impl Verdict {
    pub(super) fn found(addresses: Vec<IpAddr>, step: usize) -> Self {
        Self { outcome: Outcome::Answer, addresses, failure: None, answered_by: Some(step) }
    }

    pub(super) fn refused(refusal: &Refusal, _profile: &Profile) -> Self {
        match refusal {
            Refusal::Literal(address) => {
                Self { outcome: Outcome::Answer, addresses: vec![*address], failure: None, answered_by: None }
            }
            Refusal::Local(addresses) => Self {
                outcome: Outcome::Answer,
                addresses: addresses.clone(),
                failure: None,
                answered_by: None,
            },
            Refusal::BadName(_) | Refusal::Nothing(_) => {
                Self::error(Outcome::NxDomain, Failure::new("EAI_NONAME", refusal.to_string()))
            }
        }
    }

    /// A lookup that never ends: a TCP server that takes the question and stays silent.
    pub(crate) fn hung() -> Self {
        Self::error(Outcome::Timeout, Failure::new("HANGS", "the resolver waits without a limit"))
    }

    fn error(outcome: Outcome, failure: Failure) -> Self {
        Self { outcome, addresses: Vec::new(), failure: Some(failure), answered_by: None }
    }

    /// The error of a walk that found nothing: that of the name as-is if it was tried first, else NODATA if any
    /// candidate had it, else SERVFAIL, else the last (glibc `__res_context_search`).
    pub(super) fn failed(trail: &[StepRecord], _profile: &Profile) -> Self {
        let outcomes = || trail.iter().filter_map(|step| step.outcome);
        let first =
            trail.iter().find(|step| step.candidate.phase == Phase::AsIsFirst).and_then(|step| step.outcome);
        let any = |wanted: Outcome| outcomes().find(|outcome| *outcome == wanted);
        let last = outcomes().next_back().unwrap_or(Outcome::Timeout);
        let outcome = first.or(any(Outcome::NoData)).or(any(Outcome::ServFail)).unwrap_or(last);
        let failure = match outcome {
            Outcome::NoData | Outcome::Cname => {
                Failure::new("EAI_NODATA", "No address associated with hostname")
            }
            Outcome::NxDomain => Failure::new("EAI_NONAME", "Name or service not known"),
            Outcome::Timeout | Outcome::ServFail | Outcome::Unreachable => {
                Failure::new("EAI_AGAIN", "Temporary failure in name resolution")
            }
            _ => Failure::new("EAI_NONAME", "Name or service not known"),
        };
        Self::error(outcome, failure)
    }
}
