//! What a resolver makes of the outcome of a candidate: whether it goes on, and where.

use std::fmt;

use crate::name::unescape;
use crate::{Candidate, Fqdn, Outcome, Phase, Profile, QType};

/// What a resolver makes of the outcome of a candidate.
#[derive(Debug, Clone, Copy)]
pub struct VerdictRules {
    /// How the outcomes of a candidate's questions become one.
    pub pair: PairRule,
    /// What follows when a suffix, or the name as-is at the end, was asked.
    pub suffix: StepTable,
    /// What follows when the name as-is was asked first.
    pub as_is_first: StepTable,
    /// How a failed lookup is reported.
    pub report: Report,
    /// Which names may have addresses.
    pub owners: Owners,
}

/// Which names may have addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// All that can be asked.
    Any,
    /// Those of ASCII; the answer for another is read as empty (musl `src/network/dns_parse.c` takes a byte above 126
    /// for the end of the question).
    Ascii,
    /// Host names; an answer for another name ends the lookup as if there were none (glibc `res_hnok`, in
    /// `resolv/nss_dns/dns-host.c`).
    HostNames,
}

impl VerdictRules {
    /// What an answer for this name comes to. Letters, digits, `-` and `_`, no `-` in front, are a host's name.
    pub fn answer_for(&self, name: &Fqdn) -> Outcome {
        let host = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let is_host = || !name.as_str().starts_with('-') && name.as_str().bytes().all(host);
        match self.owners {
            Owners::Ascii if unescape(name.as_str()).iter().any(|&byte| byte > 126) => Outcome::NoData,
            Owners::HostNames if !is_host() => Outcome::Unknown,
            Owners::Any | Owners::Ascii | Owners::HostNames => Outcome::Answer,
        }
    }
}

/// How a failed lookup is reported to the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// By the first as-is candidate, else by NODATA anywhere, else by SERVFAIL anywhere, else by the last candidate
    /// (glibc `resolv/res_query.c`, `__res_context_search`).
    Glibc,
    /// By the last candidate; NODATA is `EAI_NONAME` (musl up to 1.2.3).
    MuslNoName,
    /// By the last candidate; NODATA is `EAI_NODATA` (musl since 1.2.4).
    MuslNoData,
    /// By the last candidate, in the words of DNS.
    Last,
    /// The same, but a CNAME without an address is an empty list of addresses (Node's `dns.resolve4`).
    LastOrEmpty,
    /// By the name as-is, else by the first candidate that failed, in the words of DNS (Go).
    First,
    /// The same, but without any candidate an empty list of addresses is reported as success (Go's `LookupHost`).
    FirstOrEmpty,
}

/// Outcome → step. What is in neither list ends the lookup.
#[derive(Debug, Clone, Copy)]
pub struct StepTable {
    /// Outcomes after which the next candidate is tried.
    pub next: &'static [Outcome],
    /// Outcomes after which the rest of the list is passed over and the name tried as-is.
    pub skip_to_as_is: &'static [Outcome],
}

/// What follows a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The next candidate.
    Next,
    /// The name as-is, the rest of the list is passed over.
    SkipToAsIs,
    /// The lookup ends.
    Stop,
}

/// A step and what led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What follows.
    pub step: Step,
    /// What the candidate came to.
    pub outcome: Outcome,
    resolver: &'static str,
}

/// How the outcomes of a candidate's questions become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairRule {
    /// Any records at all are success, a lone CNAME included; otherwise the error that arrived first
    /// (glibc `resolv/res_query.c`, `__res_context_query`).
    AnyRecords,
    /// In question order, the first outcome that is not NOERROR decides, addresses of the other question or not
    /// (musl 1.2.1 and later, `src/network/lookup_name.c`, `name_from_dns`).
    FirstBad,
    /// Addresses of either; otherwise the first question decides (musl 1.1.13 to 1.2.0).
    AddressesElseFirst,
    /// Addresses of either; otherwise the question that ended last decides (c-ares `ares_getaddrinfo.c`).
    AddressesElseLastEnded,
    /// Addresses of either; otherwise the worst of the two (Go, hickory: every failure goes on).
    AddressesElseWorst,
}

/// How one question of a candidate ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuestionEnd {
    /// What was asked.
    pub qtype: QType,
    /// How it ended, after all its transmissions.
    pub outcome: Outcome,
    /// When, in µs on any clock common to the pair.
    pub at_us: u64,
}

/// What the questions of one candidate come to, given in question order. No question at all is a timeout.
pub fn combine(ends: &[QuestionEnd], rule: PairRule) -> Outcome {
    let found = |wanted: Outcome| ends.iter().any(|end| end.outcome == wanted);
    let by_time = |latest: bool| {
        let mut sorted: Vec<QuestionEnd> = ends.to_vec();
        sorted.sort_by_key(|end| end.at_us);
        let end = if latest { sorted.last().copied() } else { sorted.first().copied() };
        end.map_or(Outcome::Timeout, |end| end.outcome)
    };
    match rule {
        PairRule::FirstBad => first_bad(ends),
        _ if found(Outcome::Answer) => Outcome::Answer,
        PairRule::AnyRecords if found(Outcome::Cname) => Outcome::Cname,
        PairRule::AnyRecords => first_error(ends),
        PairRule::AddressesElseFirst => ends.first().map_or(Outcome::Timeout, |end| end.outcome),
        PairRule::AddressesElseLastEnded => by_time(true),
        PairRule::AddressesElseWorst => ends
            .iter()
            .map(|end| end.outcome)
            .max_by_key(|outcome| badness(*outcome))
            .unwrap_or(Outcome::Timeout),
    }
}

/// What the profile does after a candidate of this phase came to this outcome.
pub fn step_after(profile: &Profile, phase: Phase, outcome: Outcome, _candidate: &Candidate) -> Decision {
    let table = match phase {
        Phase::AsIsFirst => &profile.verdict.as_is_first,
        Phase::Suffix | Phase::AsIsLast => &profile.verdict.suffix,
    };
    let step = if table.next.contains(&outcome) {
        Step::Next
    } else if table.skip_to_as_is.contains(&outcome) {
        Step::SkipToAsIs
    } else {
        Step::Stop
    };
    Decision::new(profile, step, outcome)
}

impl Decision {
    pub(crate) fn new(profile: &Profile, step: Step, outcome: Outcome) -> Self {
        Self { step, outcome, resolver: profile.resolver.id.as_str() }
    }

    /// Why this step is taken, in words: `glibc skips the rest of the list after a timeout`.
    pub fn why(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = in_words(self.outcome);
        match (self.step, self.outcome) {
            (Step::Stop, Outcome::Answer) => write!(f, "{} has its answer", self.resolver),
            (Step::Next, _) => write!(f, "{} tries the next candidate after {after}", self.resolver),
            (Step::SkipToAsIs, _) => write!(f, "{} skips the rest of the list after {after}", self.resolver),
            (Step::Stop, _) => write!(f, "{} stops after {after}", self.resolver),
        }
    }
}

fn in_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answer => "an answer",
        Outcome::NoData => "an answer without records (NODATA)",
        Outcome::Cname => "a CNAME without an address",
        Outcome::NxDomain => "NXDOMAIN",
        Outcome::ServFail => "SERVFAIL",
        Outcome::Refused => "REFUSED",
        Outcome::FormErr => "FORMERR",
        Outcome::NotImp => "NOTIMP",
        Outcome::Lame => "an answer of a server that knows nothing",
        Outcome::Truncated => "a truncated answer",
        Outcome::Timeout => "a timeout",
        Outcome::Unreachable => "an unreachable server",
        Outcome::Unknown => "a candidate it cannot send, or an answer it cannot use",
    }
}

fn first_bad(ends: &[QuestionEnd]) -> Outcome {
    let noerror =
        |outcome| matches!(outcome, Outcome::Answer | Outcome::NoData | Outcome::Cname | Outcome::Lame);
    if let Some(bad) = ends.iter().find(|end| !noerror(end.outcome)) {
        return bad.outcome;
    }
    let best = ends.iter().map(|end| end.outcome).min_by_key(|outcome| badness(*outcome));
    best.unwrap_or(Outcome::Timeout)
}

/// glibc reads the rcode of the answer that arrived first, and of the second only when the first was NOERROR.
fn first_error(ends: &[QuestionEnd]) -> Outcome {
    let mut sorted: Vec<QuestionEnd> = ends.to_vec();
    sorted.sort_by_key(|end| end.at_us);
    let error = sorted.iter().find(|end| end.outcome != Outcome::NoData);
    error.or(sorted.first()).map_or(Outcome::Timeout, |end| end.outcome)
}

fn badness(outcome: Outcome) -> usize {
    use Outcome::{
        Answer, Cname, FormErr, Lame, NoData, NotImp, NxDomain, Refused, ServFail, Timeout, Truncated,
        Unknown, Unreachable,
    };
    let order = [
        Answer,
        Cname,
        NoData,
        NxDomain,
        Lame,
        Truncated,
        FormErr,
        NotImp,
        Refused,
        ServFail,
        Unknown,
        Unreachable,
        Timeout,
    ];
    order.iter().position(|known| *known == outcome).unwrap_or(order.len())
}
