//! What a resolver asks for one candidate.

use crate::conf::{Flag, HostAddress};
use crate::walk::AddrConfig;
use crate::{Family, QType, Settings};

/// What a resolver asks for one candidate.
#[derive(Debug, Clone, Copy)]
pub struct AskRules {
    /// The types of the walk when both families are wanted, in the order they are sent.
    pub unspec: &'static [QType],
    /// The same where options ask for one after another.
    pub unspec_one_by_one: &'static [QType],
    /// How the questions for both families are ordered.
    pub shape: Shape,
    /// Whether the candidates are walked once with all types, or once per type.
    pub passes: Passes,
    /// Types asked one after another for the name that was found, or has no records of the type asked.
    pub then: &'static [QType],
    /// The name those are asked for.
    pub then_name: ThenName,
    /// What it means when one of them fails.
    pub then_failure: ThenFailure,
    /// Which source ports are used.
    pub socket: Socket,
    /// The UDP size offered with EDNS (RFC 6891), `None` without an OPT record.
    pub edns: Option<u16>,
    /// What `AI_ADDRCONFIG` does.
    pub addrconfig: AddrConfigRule,
}

/// How the questions for both families of one candidate are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Both at once.
    Together,
    /// The second when the first has ended.
    Sequential,
    /// The second when the first has ended without an address.
    UntilFound,
    /// Every candidate at once, all questions of one type before all of the next.
    Burst,
}

/// How often the candidates are walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passes {
    /// Once, with all types.
    One,
    /// Once per type; the first type that finds something ends it.
    PerType,
}

/// The name that [`AskRules::then`] is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThenName {
    /// The candidate.
    Candidate,
    /// The end of its CNAME chain.
    ChainEnd,
}

/// What it means when a question of [`AskRules::then`] fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThenFailure {
    /// Nothing, what was found before stands.
    Ignored,
    /// The lookup fails.
    FailsLookup,
}

/// Which source ports are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Socket {
    /// One for the questions of a candidate.
    Candidate,
    /// A new one for every transmission.
    Each,
    /// One for everything.
    Channel,
}

/// What `AI_ADDRCONFIG` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddrConfigRule {
    /// Nothing: there is no such flag, or only a family without its loopback is left out.
    NoEffect,
    /// A family without an address other than loopback is left out, when the flag is set.
    OnRequest,
    /// The same, always.
    Always,
}

impl AskRules {
    /// The family that is left of the one wanted by `AI_ADDRCONFIG`; `None`: the host has no address of it.
    pub fn family(&self, family: Family, addrconfig: AddrConfig, settings: &Settings) -> Option<Family> {
        let narrows = match self.addrconfig {
            AddrConfigRule::NoEffect => false,
            AddrConfigRule::OnRequest => addrconfig == AddrConfig::Honoured,
            AddrConfigRule::Always => true,
        };
        let Some(addresses) = settings.addresses.as_ref().filter(|_| narrows) else { return Some(family) };
        let inet = addresses.contains(&HostAddress::Inet);
        let inet6 = addresses.iter().any(|kind| *kind != HostAddress::Inet);
        match (family, inet, inet6) {
            (Family::Inet, false, _) | (Family::Inet6, _, false) => None,
            (Family::Unspec, true, false) => Some(Family::Inet),
            (Family::Unspec, false, true) => Some(Family::Inet6),
            // Without any address nothing is left out (glibc getaddrinfo.c compares the two).
            _ => Some(family),
        }
    }

    /// The question types of the walk, in the order they are sent. Empty: the host has no address of the family.
    pub fn types(&self, family: Family, addrconfig: AddrConfig, settings: &Settings) -> &'static [QType] {
        let flags = settings.flags;
        let one_by_one = flags.has(Flag::SingleRequest) || flags.has(Flag::SingleRequestReopen);
        match self.family(family, addrconfig, settings) {
            Some(Family::Inet) => &[QType::A],
            Some(Family::Inet6) => &[QType::Aaaa],
            Some(Family::Unspec) if one_by_one => self.unspec_one_by_one,
            Some(Family::Unspec) => self.unspec,
            None => &[],
        }
    }
}
