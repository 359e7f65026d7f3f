//! The plan: every candidate a resolver may try for a name, before any answer.

use std::net::IpAddr;

use crate::name::{self, Fqdn};
use crate::profile::{NameCheck, Profile, RootSuffix, SearchWhen, Unencodable};
use crate::{Family, Settings};

/// One absolute name the search may try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The name as asked.
    pub fqdn: Fqdn,
    /// The suffix as it stands in the search list, escaped; `None` for the name as-is.
    pub suffix: Option<String>,
    /// Its place in the walk.
    pub phase: Phase,
    /// How it can be put on the wire.
    pub wire: Wire,
}

/// The place of a candidate in the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The name as-is, before the search list.
    AsIsFirst,
    /// The name with a suffix.
    Suffix,
    /// The name as-is, after the search list or without one.
    AsIsLast,
}

/// How a candidate can be put on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// As a valid question.
    Valid,
    /// It is sent, but no server can read it.
    Malformed,
    /// Not at all: a label or the whole is too long, or a label is empty.
    Unencodable,
}

/// Every candidate a resolver may try for a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// In the order of the walk when everything is NXDOMAIN.
    pub candidates: Vec<Candidate>,
    /// Why nothing is asked at all, if so.
    pub refused: Option<Refusal>,
}

/// Why nothing is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The name is an address.
    #[error("the name is an address, no question is asked")]
    Literal(IpAddr),
    /// The resolver takes the name for invalid.
    #[error("the resolver refuses the name: {0}")]
    BadName(&'static str),
    /// The resolver answers this name by itself.
    #[error("the resolver answers this name by itself")]
    Local(Vec<IpAddr>),
    /// No candidate is left to ask.
    #[error("nothing is left to ask: {0}")]
    Nothing(&'static str),
}

/// The plan for a name as typed.
pub fn plan(typed: &[u8], settings: &Settings, profile: &Profile, _family: Family) -> Plan {
    if let Some(refused) = refuse(typed, profile) {
        return Plan { candidates: Vec::new(), refused: Some(refused) };
    }
    let dots = name::dots(typed);
    let absolute = typed.ends_with(b".");
    let enough = dots >= settings.ndots;
    let mut candidates = Vec::with_capacity(settings.search.len() + 1);
    let searches = match profile.plan.search {
        SearchWhen::Always => !absolute,
        SearchWhen::BelowNdots => !absolute && !enough,
        SearchWhen::Dotless => dots == 0,
        SearchWhen::Never => false,
    };
    let as_is_first = searches && enough && profile.plan.search == SearchWhen::Always;
    if as_is_first {
        candidates.push(candidate(typed, None, Phase::AsIsFirst, profile));
    }
    let mut as_is_last = !as_is_first;
    if searches {
        for suffix in &settings.search {
            let root = suffix.is_root();
            if root && profile.plan.root_suffix == RootSuffix::Skip {
                continue;
            }
            as_is_last &= !(root && profile.plan.root_suffix == RootSuffix::ReplacesAsIsLast);
            candidates.push(candidate(typed, Some(suffix.as_bytes()), Phase::Suffix, profile));
        }
    }
    if as_is_last {
        candidates.push(candidate(typed, None, Phase::AsIsLast, profile));
    }
    if profile.plan.unencodable == Unencodable::Skip {
        candidates.retain(|candidate| candidate.wire != Wire::Unencodable);
    }
    Plan { candidates, refused: None }
}

fn candidate(typed: &[u8], suffix: Option<&[u8]>, phase: Phase, _profile: &Profile) -> Candidate {
    let fqdn = Fqdn::join(typed, suffix);
    let wire = if fqdn.encodes() { Wire::Valid } else { Wire::Unencodable };
    Candidate { fqdn, suffix: suffix.map(name::escape), phase, wire }
}

fn refuse(typed: &[u8], profile: &Profile) -> Option<Refusal> {
    if let Some(address) = std::str::from_utf8(typed).ok().and_then(|text| text.parse::<IpAddr>().ok()) {
        return Some(Refusal::Literal(address));
    }
    match profile.plan.name_check {
        NameCheck::None => None,
        NameCheck::Hostname => bad_hostname(typed).map(Refusal::BadName),
    }
}

fn bad_hostname(typed: &[u8]) -> Option<&'static str> {
    let inner = typed.strip_suffix(b".").unwrap_or(typed);
    if inner.starts_with(b"-") {
        return Some("it starts with `-`");
    }
    if inner.split(|&byte| byte == b'.').any(<[u8]>::is_empty) {
        return Some("it has an empty label");
    }
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    (!inner.iter().all(allowed)).then_some("it has a character that no host name has")
}
