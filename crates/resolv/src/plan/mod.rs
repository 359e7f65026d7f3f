//! The plan: every candidate a resolver may try for a name, before any answer.

mod refuse;

use std::borrow::Cow;
use std::net::IpAddr;

use crate::conf::Flag;
use crate::idna;
use crate::name::{self, Fqdn};
use crate::profile::planning::{
    BeyondAscii, FirstSuffix, LeadingDot, Literal, NameCase, NameCheck, RepeatedName, RootSuffix, SearchWhen,
    SpecialDoes, Unencodable,
};
use crate::{Family, Profile, Settings};

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
    /// The name as-is, where a root suffix takes its place in the list: asked when that suffix is never reached.
    pub reserve: Option<Candidate>,
    /// Whether the name is an address and its name is asked for (PTR).
    pub direction: Direction,
    /// The address the name is: questions are asked, but this is what is returned.
    pub returned_anyway: Option<IpAddr>,
    /// Why nothing is asked at all, if so.
    pub refused: Option<Refusal>,
}

/// What is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// The addresses of a name.
    #[default]
    Forward,
    /// The name of an address.
    Reverse,
    /// The nameservers of the root.
    RootServers,
}

/// Why nothing is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The name is an address of a family that is wanted.
    #[error("the name is an address, no question is asked")]
    Literal(IpAddr),
    /// The name is an address of the other family.
    #[error("the name is an address of a family that is not wanted")]
    OtherFamily(IpAddr),
    /// The resolver takes the name for invalid.
    #[error("the resolver refuses the name: {0}")]
    BadName(&'static str),
    /// The resolver answers this name by itself.
    #[error("the resolver answers this name by itself")]
    Local(Vec<IpAddr>),
    /// A candidate fits no message, and the resolver gives up for it.
    #[error("the resolver gives up, since `{0}` fits no message")]
    Unencodable(Fqdn),
}

/// The plan for a name as typed, without escapes.
pub fn plan(typed: &[u8], settings: &Settings, profile: &Profile, family: Family) -> Plan {
    let typed = settings.alias_of(typed).unwrap_or(typed);
    if let Some(fqdn) = refuse::reverse(typed, profile.plan.name.literal) {
        let candidate = Candidate { fqdn, suffix: None, phase: Phase::AsIsLast, wire: Wire::Valid };
        return Plan { candidates: vec![candidate], direction: Direction::Reverse, ..Plan::default() };
    }
    let prepared = prepared(typed, profile);
    let typed = &*prepared;
    let special = profile.plan.name.special.iter().find(|special| special.name.covers(typed));
    if special.is_some_and(|special| special.does == SpecialDoes::RootServers) {
        return root_servers(settings, profile);
    }
    if let Some(refused) = refuse::refuse(typed, &profile.plan.name, family, settings.ndots) {
        return Plan { refused: Some(refused), ..Plan::default() };
    }
    let mut planner = Planner { typed, profile, suffixes: settings.search.len(), plan: Plan::default() };
    planner.walk(settings);
    let mut plan = planner.plan;
    plan.returned_anyway = refuse::returned_anyway(typed, profile.plan.name.literal, family);
    if plan.returned_anyway.is_some() && profile.plan.name.literal == Literal::AskedAndReturned {
        plan.candidates.truncate(1);
    }
    plan
}

/// dig without a name asks for the nameservers of `.`. That has one dot; with fewer than `ndots` the search list is used
/// (`bin/dig/dighost.c`, `setup_lookup`), and its first suffix has to be a name.
fn root_servers(settings: &Settings, profile: &Profile) -> Plan {
    let searches = profile.plan.search == SearchWhen::BelowNdots && settings.ndots > 1;
    let first = settings.search.first().map(|suffix| Fqdn::join(suffix.as_bytes(), None));
    let is_name = |suffix: &Fqdn| suffix.labels_fit() && suffix.encodes();
    if let Some(bad) = first.filter(|suffix| searches && !is_name(suffix)) {
        return Plan { refused: Some(Refusal::Unencodable(bad)), ..Plan::default() };
    }
    let fqdn = Fqdn::from_presentation("");
    let candidate = Candidate { fqdn, suffix: None, phase: Phase::AsIsLast, wire: Wire::Valid };
    Plan { candidates: vec![candidate], direction: Direction::RootServers, ..Plan::default() }
}

/// The name as it is handed to the resolver proper.
fn prepared<'a>(typed: &'a [u8], profile: &Profile) -> Cow<'a, [u8]> {
    let rules = &profile.plan.name;
    let ascii = match rules.beyond_ascii {
        BeyondAscii::Kept => None,
        BeyondAscii::NameTranslated | BeyondAscii::Translated => idna::to_ascii(typed),
    };
    let name = ascii.map_or(Cow::Borrowed(typed), Cow::Owned);
    if rules.case == NameCase::NameLowered { Cow::Owned(name.to_ascii_lowercase()) } else { name }
}

struct Planner<'a> {
    typed: &'a [u8],
    profile: &'a Profile,
    suffixes: usize,
    plan: Plan,
}

impl Planner<'_> {
    fn walk(&mut self, settings: &Settings) {
        let rules = &self.profile.plan;
        let dots = name::dots(self.typed);
        let absolute = self.typed.ends_with(b".");
        let enough = dots >= settings.ndots;
        let searches = match rules.search {
            SearchWhen::Always => !absolute,
            SearchWhen::AlwaysAboveZero => !absolute && settings.ndots > 0,
            SearchWhen::BelowNdots => !absolute && !enough,
            SearchWhen::Dotless => dots == 0 && !settings.search.is_empty(),
            SearchWhen::Never => false,
        };
        let first = searches && enough && rules.search != SearchWhen::Dotless;
        let no_tld = settings.flags.has(Flag::NoTldQuery) && dots == 0 && !settings.search.is_empty();
        let only_suffixes = searches && rules.search == SearchWhen::Dotless;
        let last = !(first || no_tld || only_suffixes);
        self.plan.candidates.reserve(settings.search.len() + 1);
        if first {
            self.push(self.as_is(Phase::AsIsFirst));
        }
        if absolute && !enough && rules.search == SearchWhen::BelowNdots && self.first_suffix_fails(settings)
        {
            return;
        }
        let mut replaced = false;
        for suffix in settings.search.iter().filter(|_| searches) {
            replaced |= suffix.is_root() && rules.root_suffix == RootSuffix::ReplacesAsIsLast;
            self.suffix(suffix.as_bytes());
            if self.plan.refused.is_some() {
                return;
            }
        }
        match (last, replaced) {
            (true, true) => self.plan.reserve = Some(self.as_is(Phase::AsIsLast)),
            (true, false) => self.push(self.as_is(Phase::AsIsLast)),
            (false, _) => {}
        }
    }

    /// BIND's tools make a name of the first suffix even where it is not appended, and give up if that fails
    /// (`bin/dig/dighost.c`, `setup_lookup`).
    fn first_suffix_fails(&mut self, settings: &Settings) -> bool {
        if self.profile.plan.first_suffix != FirstSuffix::BelowNdots
            || self.profile.plan.search == SearchWhen::Never
        {
            return false;
        }
        let names = settings.search.iter().take(1).filter(|suffix| !suffix.is_root());
        let bad = names.map(|suffix| Fqdn::join(suffix.as_bytes(), None)).find(|name| !name.labels_fit());
        self.plan.refused = bad.map(Refusal::Unencodable);
        self.plan.refused.is_some()
    }

    fn as_is(&self, phase: Phase) -> Candidate {
        let fqdn = Fqdn::join_escaped(self.typed, None, self.profile.plan.name.escapes);
        let wire =
            if fqdn.encodes_in(self.profile.plan.octets_max) { Wire::Valid } else { Wire::Unencodable };
        Candidate { fqdn, suffix: None, phase, wire }
    }

    fn suffix(&mut self, suffix: &[u8]) {
        let rules = &self.profile.plan;
        let translated = match rules.name.beyond_ascii {
            BeyondAscii::Translated => idna::to_ascii(suffix),
            BeyondAscii::Kept | BeyondAscii::NameTranslated => None,
        };
        let suffix = translated.as_deref().unwrap_or(suffix);
        let root = matches!(suffix, b"" | b".");
        let tail = match rules.leading_dot {
            LeadingDot::Dropped => suffix.strip_prefix(b".").unwrap_or(suffix),
            LeadingDot::Kept => suffix,
        };
        let tail_or_none = Some(tail).filter(|_| !root);
        let fqdn = Fqdn::join_escaped(self.typed, tail_or_none, rules.name.escapes);
        let wire = match rules.root_suffix {
            RootSuffix::Skip if root => return,
            RootSuffix::Malformed if root || tail.ends_with(b"..") => Wire::Malformed,
            RootSuffix::EmptyLabel if suffix == b"." => Wire::Unencodable,
            RootSuffix::EmptyLabelUnlessAlone if suffix == b"." && self.suffixes > 1 => Wire::Unencodable,
            _ if self.typed.len() + 1 + tail.len() >= rules.join_limit => return,
            _ if !root && tail.iter().all(|&byte| byte == b'.') => Wire::Unencodable,
            // ares_dns_write.c takes names of questions for host names.
            _ if rules.name.check == NameCheck::CAres
                && !refuse::is_c_ares_name(tail, rules.name.escapes) =>
            {
                Wire::Unencodable
            }
            _ if fqdn.encodes_in(rules.octets_max) => Wire::Valid,
            _ => Wire::Unencodable,
        };
        self.push(Candidate { fqdn, suffix: Some(name::escape(suffix)), phase: Phase::Suffix, wire });
    }

    fn push(&mut self, mut candidate: Candidate) {
        let rules = &self.profile.plan;
        if rules.name.case == NameCase::Lowered {
            candidate.fqdn = Fqdn::from_presentation(&candidate.fqdn.to_lowercase());
        }
        let left_out = |special: &&crate::profile::planning::Special| special.does == SpecialDoes::LeftOut;
        let special = rules.name.special.iter().filter(left_out);
        let text = candidate.fqdn.as_str().as_bytes();
        if special.into_iter().any(|special| special.name.covers(text)) {
            return;
        }
        let same = |known: &Candidate| known.fqdn == candidate.fqdn;
        if rules.repeated == RepeatedName::Dropped && self.plan.candidates.iter().any(same) {
            return;
        }
        if rules.repeated == RepeatedName::EarlierDropped {
            self.plan.candidates.retain(|known| known.fqdn != candidate.fqdn);
        }
        match (candidate.wire, rules.when_unencodable(&candidate)) {
            (Wire::Unencodable, Unencodable::Skip) => {}
            (Wire::Unencodable, Unencodable::Abort) => {
                self.plan.refused = Some(Refusal::Unencodable(candidate.fqdn));
                self.plan.candidates.clear();
            }
            _ if self.plan.refused.is_none() => self.plan.candidates.push(candidate),
            _ => {}
        }
    }
}
