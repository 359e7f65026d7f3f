//! What goes into a walk and comes out of it.

use super::Verdict;
use crate::plan::Wire;
use crate::profile::{Decision, QuestionEnd};
use crate::{Candidate, Family, Fqdn, Outcome, QType, Transport};

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
    /// Index into [`super::Walk::trail`] of the step it belongs to.
    pub step: usize,
    /// The name asked.
    pub qname: Fqdn,
    /// The type asked.
    pub qtype: QType,
    /// Index into [`crate::Settings::nameservers`].
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
    /// Nothing before this time unless an answer comes.
    Wait {
        /// When to call [`super::Walk::next`] again, in µs since the lookup began; `None`: only an answer helps.
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

impl StepRecord {
    pub(super) fn begun(candidate: Candidate, now_us: u64) -> Self {
        Self { candidate, outcome: None, ends: Vec::new(), decision: None, begun_us: now_us, ended_us: None }
    }
}
