//! One `resolv.conf` as each resolver reads it, asked backwards: which typed name makes a resolver ask this one?

use std::collections::HashMap;
use std::sync::Arc;

use dnsprobe_resolv::{
    Candidate, Family, Phase, Profile, Resolver, ResolverId, Settings, Situation, conf, name, plan,
};

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
    resolvers: Vec<(Profile, Settings)>,
    /// Every suffix that some resolver appends, in presentation form without dots at the ends.
    suffixes: Vec<String>,
    remembered: HashMap<String, Arc<[Arc<TypedName>]>>,
    /// Bytes in `remembered`, about.
    weight: usize,
    /// How many there may be.
    room: usize,
}

/// A name that an application may have typed, with the candidates that follow from it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TypedName {
    /// As typed, in presentation form; with a trailing dot where that is part of it.
    pub(crate) name: String,
    /// The candidates in the order of the walk.
    pub(crate) candidates: Vec<Planned>,
    /// The resolvers that walk so.
    pub(crate) resolvers: Vec<ResolverId>,
    /// Where in the walk the question stands that this was looked up for.
    pub(crate) entry: usize,
}

impl TypedName {
    /// An absolute name with nothing after it.
    pub(crate) fn absolute(name: &QName) -> Self {
        let candidate = Planned { name: name.clone(), suffix: None, phase: Phase::AsIsLast };
        let shown = name.as_str().trim_end_matches('.').to_owned();
        Self { name: shown, candidates: vec![candidate], resolvers: Vec::new(), entry: 0 }
    }
}

impl TypedName {
    /// Bytes that it takes with its candidates, about.
    pub(crate) fn weight(&self) -> usize {
        let candidate = |it: &Planned| size_of::<Planned>() + it.name.as_str().len() + 64;
        size_of::<Self>() + self.name.len() + 64 + self.candidates.iter().map(candidate).sum::<usize>()
    }
}

/// One candidate of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) name: QName,
    pub(crate) suffix: Option<String>,
    pub(crate) phase: Phase,
}

impl Readings {
    /// Reads a `resolv.conf`; `None` is a missing file.
    pub(crate) fn new(file: Option<&[u8]>) -> Self {
        let resolvers: Vec<(Profile, Settings)> = WALKERS
            .into_iter()
            .filter_map(|id| Resolver::parse(id.as_str()).ok())
            .filter_map(|resolver| {
                let profile = resolver.profile();
                let mut settings = conf::interpret(file, &Situation::default(), &profile).ok()?;
                settings.search.truncate(MOST_SUFFIXES);
                Some((profile, settings))
            })
            .collect();
        let mut suffixes: Vec<String> = Vec::new();
        for suffix in resolvers.iter().flat_map(|(_, settings)| &settings.search) {
            let suffix = suffix.to_string().trim_matches('.').to_ascii_lowercase();
            if !suffix.is_empty() && !suffixes.contains(&suffix) {
                suffixes.push(suffix);
            }
        }
        Self { resolvers, suffixes, remembered: HashMap::new(), weight: 0, room: MOST_REMEMBERED }
    }

    /// Takes one of so many equal parts of the memory for candidates.
    pub(crate) fn share_memory_with(&mut self, readings: usize) {
        self.room = (MOST_REMEMBERED / readings.max(1)).max(LEAST_REMEMBERED);
    }

    /// How long this resolver waits before it sends an unanswered question again to the first nameserver.
    pub(crate) fn resend_after(&self, id: ResolverId) -> Nanos {
        let reading =
            self.resolvers.iter().find(|(profile, _)| profile.resolver.id == id).or(self.resolvers.first());
        reading.map_or(DEFAULT_TIMEOUT, |(profile, settings)| {
            let us = profile.resend_after_us(settings, 0);
            Nanos::from_micros(i64::try_from(us).unwrap_or(i64::MAX / 1_000))
        })
    }

    /// The longest time that this resolver waits for an answer before it does anything else.
    pub(crate) fn longest_wait(&self, id: ResolverId) -> Nanos {
        let reading = self.resolvers.iter().find(|(profile, _)| profile.resolver.id == id);
        let Some((profile, settings)) = reading.or(self.resolvers.first()) else { return DEFAULT_TIMEOUT };
        let servers = 0..settings.nameservers.len().max(1);
        let longest = servers.map(|server| profile.resend_after_us(settings, server)).max();
        Nanos::from_micros(longest.and_then(|us| i64::try_from(us).ok()).unwrap_or(5_000_000))
    }

    /// Whether the file has glibc ask for A and AAAA one after the other.
    pub(crate) fn one_at_a_time(&self) -> bool {
        let glibc = self.resolvers.iter().find(|(profile, _)| profile.resolver.id == ResolverId::Glibc);
        glibc.is_some_and(|(_, settings)| {
            settings.flags.has(conf::Flag::SingleRequest)
                || settings.flags.has(conf::Flag::SingleRequestReopen)
        })
    }

    /// The longest `timeout` that any resolver reads from the file.
    pub(crate) fn timeout(&self) -> Nanos {
        let longest = self.resolvers.iter().map(|(_, settings)| settings.timeout_ms).max();
        longest
            .map_or(DEFAULT_TIMEOUT, |ms| Nanos::from_millis(i64::try_from(ms.min(60_000)).unwrap_or(5_000)))
    }

    /// Every suffix that some resolver appends, without dots at the ends.
    pub(crate) fn search(&self) -> &[String] {
        &self.suffixes
    }

    /// Every typed name whose walk holds this question, those first whose walk begins with it.
    pub(crate) fn typed_names(&mut self, qname: &QName) -> Arc<[Arc<TypedName>]> {
        if let Some(known) = self.remembered.get(qname.folded()) {
            return Arc::clone(known);
        }
        let mut found: Vec<TypedName> = Vec::new();
        for typed in self.could_be_typed(qname) {
            for (profile, settings) in &self.resolvers {
                let plan = plan(&name::unescape(&typed), settings, profile, Family::Unspec);
                let candidates: Vec<Planned> = plan.candidates.iter().map(planned).collect();
                let Some(entry) = candidates.iter().position(|candidate| candidate.name == *qname) else {
                    continue;
                };
                let id = profile.resolver.id;
                match found.iter_mut().find(|known| known.name == typed && known.candidates == candidates) {
                    Some(known) => known.resolvers.push(id),
                    None => {
                        found.push(TypedName { name: typed.clone(), candidates, resolvers: vec![id], entry });
                    }
                }
            }
        }
        // Stable: the order of `could_be_typed` decides among equals.
        found.sort_by_key(|typed| typed.entry);
        let found: Arc<[Arc<TypedName>]> = found.into_iter().map(Arc::new).collect();
        self.weight += found.iter().map(|typed| typed.weight()).sum::<usize>();
        if self.weight >= self.room {
            self.remembered.clear();
            self.weight = 0;
        }
        self.remembered.insert(qname.folded().to_owned(), Arc::clone(&found));
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

const DEFAULT_TIMEOUT: Nanos = Nanos::from_millis(5_000);

fn planned(candidate: &Candidate) -> Planned {
    Planned {
        name: QName::new(candidate.fqdn.as_str()),
        suffix: candidate.suffix.as_ref().map(|suffix| suffix.trim_matches('.').to_owned()),
        phase: candidate.phase,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &[u8] = b"search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n";

    fn typed(qname: &str) -> Vec<(String, usize)> {
        let mut readings = Readings::new(Some(POD));
        let found = readings.typed_names(&QName::new(qname));
        found.iter().map(|typed| (typed.name.clone(), typed.entry)).collect()
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
