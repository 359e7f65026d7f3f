//! One `resolv.conf` as each resolver reads it, asked backwards: which typed name makes a resolver ask this one?

use std::rc::Rc;

use dnsprobe_resolv::{Profile, Resolver, ResolverId, Settings, Situation, conf};

use super::open::{Walk, Walks};
use super::patterns::{Patterns, TypedName};
use crate::findings::cluster_domain;
use crate::map::Map;
use crate::message::QName;
use crate::time::Nanos;

/// Bytes of candidates remembered for questions before the memory is emptied, over all files.
const MOST_REMEMBERED: usize = 4 * 1024 * 1024;
/// The same for one file at least.
const LEAST_REMEMBERED: usize = 16 * 1024;
/// Suffixes walked. The kubelet writes 32 at most; a file that a container wrote itself may have thousands.
const MOST_SUFFIXES: usize = 64;
/// Readings of one question that are tried.
const MOST_TYPED: usize = 8;

/// The resolvers whose walks are tried on traffic. Those that are missing walk as one of these does.
const WALKERS: [ResolverId; 3] = [ResolverId::Glibc, ResolverId::Musl, ResolverId::Go];

/// One `resolv.conf` as each resolver reads it.
#[derive(Debug)]
pub(crate) struct Readings {
    file: Option<Vec<u8>>,
    /// What decides beside it.
    situation: Rc<Situation>,
    /// The only one that asks, where the user said so.
    given: Option<Resolver>,
    resolvers: Vec<(Profile, Settings)>,
    /// How long each of them waits.
    patience: Vec<Patience>,
    /// Whether glibc asks for A and AAAA one after the other.
    one_at_a_time: bool,
    /// The longest `timeout` that any of them reads.
    timeout: Nanos,
    servers: Servers,
    /// Every suffix that some resolver appends, in presentation form without dots at the ends.
    suffixes: Vec<String>,
    cluster_domain: Rc<str>,
    patterns: Patterns,
    remembered: Map<QName, Ways>,
    /// Bytes in `remembered`, about.
    weight: usize,
    /// How many there may be.
    room: usize,
}

/// What a lookup may be that begins with a certain question: the typed names whose walk begins there or comes by.
#[derive(Debug)]
pub(crate) struct Entrance {
    /// Never empty; those first whose walk begins here.
    pub(crate) typed: Vec<Rc<TypedName>>,
    /// The fingerprints of all candidates' names, each once.
    pub(crate) expected: Vec<u64>,
    pub(crate) servers: Servers,
    /// Bytes that all that takes, about.
    pub(crate) weight: usize,
    /// Whether the question is some name's first candidate with a suffix: otherwise somebody typed the whole of it.
    pub(crate) is_likely_begun: bool,
    /// Every reading, each where the question stands in it.
    walks: Walks,
}

/// How a lookup comes to its nameservers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Servers {
    /// To the first of the file, and to the others only where that one fails.
    InOrder,
    /// Nothing says so: `rotate`, or an unknown file.
    InAnyOrder,
}

/// Whether a lookup may have begun before the capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Began {
    /// It began with the question at hand.
    Here,
    /// Earlier questions may have been missed.
    HereOrBefore,
}

/// The two entrances that one question has; the same where no walk comes by.
#[derive(Debug, Clone)]
struct Ways {
    here: Rc<Entrance>,
    here_or_before: Rc<Entrance>,
}

impl Ways {
    /// The one for a lookup that began so.
    fn entrance(&self, began: Began) -> Rc<Entrance> {
        Rc::clone(match began {
            Began::Here => &self.here,
            Began::HereOrBefore => &self.here_or_before,
        })
    }
}

impl Entrance {
    fn new(mut typed: Vec<Rc<TypedName>>, qname: &QName, servers: Servers) -> Self {
        if typed.is_empty() {
            // No reading of the file explains the name: asked as it stands, with nothing after it.
            typed.push(Rc::new(TypedName::absolute(qname)));
        }
        let mut expected: Vec<u64> = typed.iter().flat_map(|typed| typed.fingerprints()).copied().collect();
        expected.sort_unstable();
        expected.dedup();
        let weight = typed.iter().map(|typed| typed.weight()).sum();
        let is_likely_begun = typed.iter().any(|typed| typed.entry == 0 && typed.walk[0].suffix.is_some());
        let index = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
        let walk = |(typed, name): (usize, &Rc<TypedName>)| Walk {
            typed: index(typed),
            position: index(name.entry),
        };
        let walks = typed.iter().enumerate().map(walk).collect();
        Self { typed, expected, servers, weight, is_likely_begun, walks }
    }

    /// Every reading, each where the question stands in it.
    pub(crate) fn walks(&self) -> Walks {
        Walks::from_slice(&self.walks)
    }
}

impl Readings {
    /// Reads a `resolv.conf`; `None` is a missing file.
    pub(crate) fn new(file: Option<&[u8]>, situation: &Rc<Situation>) -> Self {
        let read = WALKERS.into_iter().filter_map(|id| read_by(Resolver::new(id), file, situation)).collect();
        Self::of(file, situation, None, read)
    }

    /// The same file where other things beside it decide: `RES_OPTIONS`, `LOCALDOMAIN`, the name of the host.
    pub(crate) fn in_situation(&self, situation: &Rc<Situation>) -> Self {
        let readings = Self::new(self.file.as_deref(), situation);
        match self.given {
            Some(resolver) => readings.given(resolver),
            None => readings,
        }
    }

    /// The same file where all traffic is known to be one resolver's. A file that this one refuses is read as the others
    /// do: there is traffic, so something reads it.
    pub(crate) fn given(&self, resolver: Resolver) -> Self {
        match read_by(resolver, self.file.as_deref(), &self.situation) {
            Some(read) => Self::of(self.file.as_deref(), &self.situation, Some(resolver), vec![read]),
            None => Self { given: Some(resolver), ..Self::new(self.file.as_deref(), &self.situation) },
        }
    }

    fn of(
        file: Option<&[u8]>,
        situation: &Rc<Situation>,
        given: Option<Resolver>,
        resolvers: Vec<(Profile, Settings)>,
    ) -> Self {
        let mut suffixes: Vec<String> = Vec::new();
        for suffix in resolvers.iter().flat_map(|(_, settings)| &settings.search) {
            let suffix = suffix.to_string().trim_matches('.').to_ascii_lowercase();
            if !suffix.is_empty() && !suffixes.contains(&suffix) {
                suffixes.push(suffix);
            }
        }
        let longest = resolvers.iter().map(|(_, settings)| settings.timeout_ms).max();
        let timeout = longest
            .map_or(DEFAULT_TIMEOUT, |ms| Nanos::from_millis(i64::try_from(ms.min(60_000)).unwrap_or(5_000)));
        let in_order = |(_, settings): &(Profile, Settings)| {
            settings.nameservers.len() > 1 && !settings.flags.has(conf::Flag::Rotate)
        };
        let servers = if resolvers.iter().all(in_order) { Servers::InOrder } else { Servers::InAnyOrder };
        let file = file.map(<[u8]>::to_vec);
        let (patterns, remembered, room) = (Patterns::default(), Map::default(), MOST_REMEMBERED);
        let cluster_domain = cluster_domain(&suffixes);
        Self {
            file,
            situation: Rc::clone(situation),
            given,
            patience: resolvers.iter().map(Patience::of).collect(),
            one_at_a_time: resolvers.iter().any(asks_one_at_a_time),
            resolvers,
            timeout,
            servers,
            suffixes,
            cluster_domain,
            patterns,
            remembered,
            weight: 0,
            room,
        }
    }

    /// The resolver that asks, where the user said so.
    pub(crate) fn told(&self) -> Option<Resolver> {
        self.given
    }

    /// Takes one of so many equal parts of the memory for candidates.
    pub(crate) fn share_memory_with(&mut self, readings: usize) {
        self.room = (MOST_REMEMBERED / readings.max(1)).max(LEAST_REMEMBERED);
    }

    /// How long this resolver waits before it sends an unanswered question again to the first nameserver.
    pub(crate) fn resend_after(&self, id: ResolverId) -> Nanos {
        self.patience_of(id).map_or(DEFAULT_TIMEOUT, |patience| patience.resend_after)
    }

    /// The longest time that this resolver waits for an answer before it does anything else.
    pub(crate) fn longest_wait(&self, id: ResolverId) -> Nanos {
        self.patience_of(id).map_or(DEFAULT_TIMEOUT, |patience| patience.longest_wait)
    }

    fn patience_of(&self, id: ResolverId) -> Option<&Patience> {
        self.patience.iter().find(|patience| patience.id == id).or(self.patience.first())
    }

    /// Whether the file has glibc ask for A and AAAA one after the other.
    pub(crate) fn one_at_a_time(&self) -> bool {
        self.one_at_a_time
    }

    /// The longest `timeout` that any resolver reads from the file.
    pub(crate) fn timeout(&self) -> Nanos {
        self.timeout
    }

    /// The cluster's domain, as the suffixes have it.
    pub(crate) fn cluster_domain(&self) -> Rc<str> {
        Rc::clone(&self.cluster_domain)
    }

    /// What a lookup may be that is first seen with this question.
    pub(crate) fn entrance(&mut self, qname: &QName, began: Began) -> Rc<Entrance> {
        match self.remembered.get(qname) {
            Some(known) => known.entrance(began),
            None => self.ways(qname).entrance(began),
        }
    }

    #[inline(never)]
    fn ways(&mut self, qname: &QName) -> Ways {
        let typed: Vec<Rc<TypedName>> = self.typed_names(qname).into_iter().map(Rc::new).collect();
        let from_start: Vec<_> = typed.iter().filter(|typed| typed.entry == 0).map(Rc::clone).collect();
        let all_begin_here = from_start.len() == typed.len();
        let here = Rc::new(Entrance::new(from_start, qname, self.servers));
        let here_or_before = if all_begin_here {
            Rc::clone(&here)
        } else {
            Rc::new(Entrance::new(typed, qname, self.servers))
        };
        let ways = Ways { here, here_or_before };
        self.weight += ways.here_or_before.weight;
        if self.weight >= self.room {
            self.remembered.clear();
            self.weight = 0;
        }
        self.remembered.insert(qname.clone(), ways.clone());
        ways
    }

    /// Every typed name whose walk holds this question, those first whose walk begins with it.
    fn typed_names(&mut self, qname: &QName) -> Vec<TypedName> {
        let mut found: Vec<TypedName> = Vec::new();
        for typed in self.could_be_typed(qname) {
            found.extend(self.patterns.walks(&typed, qname, &self.resolvers));
        }
        // Stable: the order of `could_be_typed` decides among equals.
        found.sort_by_key(|typed| typed.entry);
        found
    }

    /// The question without each suffix, as it stands, and as it stands with its trailing dot; likely ones first.
    fn could_be_typed(&self, qname: &QName) -> Vec<String> {
        let shown = qname.as_str().trim_end_matches('.');
        let folded = qname.folded().trim_end_matches('.');
        let without = |suffix: &String| {
            let rest = folded.strip_suffix(suffix.as_str())?.strip_suffix('.')?;
            (!rest.is_empty()).then(|| shown[..rest.len()].to_owned())
        };
        let mut typed: Vec<String> = self.suffixes.iter().filter_map(without).take(MOST_TYPED).collect();
        typed.push(shown.to_owned());
        typed.push(format!("{shown}."));
        typed
    }
}

/// How long a resolver waits for answers.
#[derive(Debug)]
struct Patience {
    id: ResolverId,
    /// Before it asks the first nameserver again.
    resend_after: Nanos,
    /// Before it does anything else, at most.
    longest_wait: Nanos,
}

impl Patience {
    fn of((profile, settings): &(Profile, Settings)) -> Self {
        let wait = |server| {
            let us = profile.resend_after_us(settings, server);
            Nanos::from_micros(i64::try_from(us).unwrap_or(i64::MAX / 1_000))
        };
        let longest = (0..settings.nameservers.len().max(1)).map(wait).max();
        Self {
            id: profile.resolver.id,
            resend_after: wait(0),
            longest_wait: longest.unwrap_or(DEFAULT_TIMEOUT),
        }
    }
}

/// Whether this is glibc, with a file that has it ask for A and AAAA one after the other.
fn asks_one_at_a_time((profile, settings): &(Profile, Settings)) -> bool {
    let has = |flag| settings.flags.has(flag);
    profile.resolver.id == ResolverId::Glibc
        && (has(conf::Flag::SingleRequest) || has(conf::Flag::SingleRequestReopen))
}

/// A file as one resolver reads it in a situation; `None` where it refuses to.
fn read_by(resolver: Resolver, file: Option<&[u8]>, situation: &Situation) -> Option<(Profile, Settings)> {
    let profile = resolver.profile();
    let mut settings = conf::interpret(file, situation, &profile).ok()?;
    settings.search.truncate(MOST_SUFFIXES);
    Some((profile, settings))
}

const DEFAULT_TIMEOUT: Nanos = Nanos::from_millis(5_000);

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &[u8] = b"search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n";

    fn typed(qname: &str) -> Vec<(String, usize)> {
        let mut readings = Readings::new(Some(POD), &Rc::default());
        let found = readings.typed_names(&QName::new(qname));
        found.iter().map(|typed| (typed.name.to_string(), typed.entry)).collect()
    }

    #[test]
    fn the_first_candidate_leads_to_the_name_without_its_suffix() {
        assert_eq!(typed("web.shop.svc.cluster.local.")[0], ("web".into(), 0));
        assert_eq!(typed("www.example.com.shop.svc.cluster.local.")[0], ("www.example.com".into(), 0));
    }

    #[test]
    fn a_later_candidate_is_known_as_such() {
        assert!(typed("web.shop.svc.cluster.local.").contains(&("web.shop".into(), 1)));
    }

    #[test]
    fn few_dots_asked_as_is_first_were_typed_with_a_dot() {
        assert_eq!(typed("www.example.com.")[0], ("www.example.com.".into(), 0));
        assert!(typed("www.example.com.").contains(&("www.example.com".into(), 3)));
    }
}
