//! What the application gets.

use std::net::IpAddr;

use super::StepRecord;
use crate::conf::Flag;
use crate::profile::Report;
use crate::{Family, Outcome, Phase, Profile, Refusal, Settings, Transport};

/// What the application gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How the lookup ended.
    pub outcome: Outcome,
    /// The addresses, in the order of questions; the resolver may sort them.
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
    /// Its code: `EAI_NONAME`, `EAI_AGAIN`, … of `getaddrinfo`; for others the outcome's word.
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

    pub(super) fn without_asking(addresses: Vec<IpAddr>) -> Self {
        Self { outcome: Outcome::Answer, addresses, failure: None, answered_by: None }
    }

    fn error(outcome: Outcome, failure: Failure) -> Self {
        Self { outcome, addresses: Vec::new(), failure: Some(failure), answered_by: None }
    }

    /// A lookup that never ends: a TCP server that takes the question and stays silent.
    pub(crate) fn hung() -> Self {
        Self::error(Outcome::Timeout, Failure::new("HANGS", "the resolver waits without a limit"))
    }

    pub(super) fn no_address_of_family() -> Self {
        let words = "the host has no address of this family, and AI_ADDRCONFIG is set";
        Self::error(Outcome::NxDomain, Failure::new("EAI_NONAME", words))
    }

    pub(super) fn refused(refusal: &Refusal, profile: &Profile) -> Self {
        let code = match (refusal, profile.verdict.report) {
            (Refusal::Literal(address), _) => return Self::without_asking(vec![*address]),
            (Refusal::Local(addresses), _) => return Self::without_asking(addresses.clone()),
            (Refusal::OtherFamily(_), Report::Glibc) => "EAI_ADDRFAMILY",
            (Refusal::OtherFamily(_), Report::MuslNoData) => "EAI_NODATA",
            (_, Report::Glibc | Report::MuslNoData | Report::MuslNoName) => "EAI_NONAME",
            (_, Report::Last | Report::LastOrEmpty | Report::First | Report::FirstOrEmpty) => "REFUSED_NAME",
        };
        Self::error(Outcome::NxDomain, Failure::new(code, refusal.to_string()))
    }

    /// What a walk that found nothing reports.
    pub(super) fn failed(
        trail: &[StepRecord],
        profile: &Profile,
        settings: &Settings,
        family: Family,
    ) -> Self {
        let use_vc = settings.flags.has(Flag::UseVc);
        let transport = if use_vc { Transport::Tcp } else { Transport::Udp };
        let outcomes = || trail.iter().filter_map(|step| step.outcome);
        let last = outcomes().next_back().unwrap_or(Outcome::NxDomain);
        match profile.verdict.report {
            Report::Glibc => glibc(trail, Asked { family, transport }),
            Report::MuslNoName | Report::MuslNoData if settings.attempts == 0 => Self::error(
                Outcome::Unknown,
                Failure::new("KILLED", "the process dies: attempts is 0, a divisor"),
            ),
            Report::MuslNoName => Self::error(last, musl(last, "EAI_NONAME")),
            Report::MuslNoData => Self::error(last, musl(last, "EAI_NODATA")),
            Report::LastOrEmpty if last == Outcome::Cname => Self::without_asking(Vec::new()),
            Report::Last | Report::LastOrEmpty => Self::error(last, plain(last)),
            Report::First | Report::FirstOrEmpty => {
                let first = outcomes().next().unwrap_or(Outcome::NxDomain);
                let outcome = of_the_name_itself(trail).unwrap_or(first);
                Self::error(outcome, plain(outcome))
            }
        }
    }
}

/// The error of the name as-is, whenever it was tried (Go 1.27 `src/net/dnsclient_unix.go`, `goLookupIPCNAMEOrder`, which
/// prefers it to those of candidates with a suffix).
fn of_the_name_itself(trail: &[StepRecord]) -> Option<Outcome> {
    trail.iter().filter(|step| step.candidate.phase != Phase::Suffix).find_map(|step| step.outcome)
}

/// The error of the name as-is if it was tried first, else NODATA if a suffix had it, else SERVFAIL if one had it, else
/// the last one's (glibc `resolv/res_query.c`, `__res_context_search`; codes by `nss/getaddrinfo.c`).
fn glibc(trail: &[StepRecord], asked: Asked) -> Verdict {
    let suffixes = || trail.iter().filter(|step| step.candidate.phase == Phase::Suffix);
    let has = |wanted: Outcome| suffixes().any(|step| step.outcome == Some(wanted)).then_some(wanted);
    let last = trail.iter().filter_map(|step| step.outcome).next_back().unwrap_or(Outcome::Timeout);
    let first = trail.iter().find(|step| step.candidate.phase == Phase::AsIsFirst);
    // A lone CNAME and ICMP errors end the search where they are met, whatever was seen before.
    let outcome = if matches!(last, Outcome::Cname | Outcome::Unreachable) {
        last
    } else {
        first
            .and_then(|step| step.outcome)
            .or(has(Outcome::NoData))
            .or(has(Outcome::ServFail))
            .unwrap_or(last)
    };
    let temporary = |outcome: Outcome| match outcome {
        Outcome::Timeout | Outcome::ServFail | Outcome::Unreachable => true,
        // Over TCP these are answers like others (`send_vc` looks at no rcode).
        Outcome::Refused | Outcome::NotImp | Outcome::Lame => asked.transport == Transport::Udp,
        _ => false,
    };
    // IPv4 alone goes through gethostbyname2_r, whose caller looks at how the last question failed.
    let inet = asked.family == Family::Inet;
    let failed_to_ask = temporary(last) && asked.transport == Transport::Udp;
    let (code, words) = match outcome {
        Outcome::NoData => ("EAI_NODATA", "No address associated with hostname"),
        Outcome::Cname if inet => ("EAI_NODATA", "No address associated with hostname"),
        outcome if temporary(outcome) && (!inet || failed_to_ask) => {
            ("EAI_AGAIN", "Temporary failure in name resolution")
        }
        _ => ("EAI_NONAME", "Name or service not known"),
    };
    Verdict::error(outcome, Failure::new(code, words))
}

/// What glibc's codes depend on beside outcomes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) family: Family,
    /// What questions begin with.
    pub(super) transport: Transport,
}

/// musl `src/network/lookup_name.c`, `name_from_dns`.
fn musl(outcome: Outcome, no_data: &'static str) -> Failure {
    match outcome {
        Outcome::NoData | Outcome::Cname => Failure::new(no_data, "Name has no usable address"),
        Outcome::NxDomain | Outcome::Unknown => Failure::new("EAI_NONAME", "Name does not resolve"),
        _ => Failure::new("EAI_AGAIN", "Try again"),
    }
}

fn plain(outcome: Outcome) -> Failure {
    let words = match outcome {
        Outcome::NxDomain | Outcome::NoData | Outcome::Cname => "no such host",
        Outcome::Timeout => "no answer in time",
        _ => "no usable answer",
    };
    Failure::new(outcome.as_str(), words)
}
