//! One pod under judgement: its facts, what the kubelet will write, and what its names are.

use crate::config::{Config, Libc};
use crate::cost::{self, Cost, Reading};
use crate::diagnostic::Severity;
use crate::manifest::{Mention, Pod, Trust};
use crate::names::{self, Name};
use crate::world::World;
use dnsprobe_resolv::pod::{self, Base, HostFile, PodDns, Predicted};
use std::collections::HashSet;

/// A pod with everything the rules ask about it.
pub(crate) struct Case<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) world: &'a World<'a>,
    pub(crate) config: &'a Config,
    pub(crate) namespace: &'a str,
    pub(crate) settings: PodDns,
    pub(crate) base: Base,
    /// What the kubelet writes, as far as the node's part is known.
    pub(crate) predicted: Predicted,
    /// The libc, where the images or the configuration tell.
    pub(crate) libc: Option<Libc>,
    /// What the libc makes of that.
    reading: Option<Reading>,
    /// `ndots` in force.
    pub(crate) ndots: u32,
    /// Every name the pod reads, each once, at its first place; names in `hostAliases` are not looked up.
    pub(crate) names: Vec<Used<'a>>,
    /// All mentions, `hostAliases` and repetitions included.
    pub(crate) mentions: Vec<&'a Mention>,
}

/// A name the pod reads.
pub(crate) struct Used<'a> {
    pub(crate) mention: &'a Mention,
    pub(crate) name: Name,
}

impl Used<'_> {
    pub(crate) fn host(&self) -> &str {
        &self.mention.host
    }

    pub(crate) fn dots(&self) -> u32 {
        cost::dots(self.host())
    }

    /// Longest label in bytes.
    pub(crate) fn longest_label(&self) -> usize {
        self.host().split('.').map(str::len).max().unwrap_or(0)
    }

    /// Fits into a question (RFC 1035 section 2.3.4): no resolver asks another.
    pub(crate) fn is_askable(&self) -> bool {
        self.longest_label() <= 63 && self.host().len() <= 253
    }

    /// A name of the cluster that needs the search list and did not end in a dot.
    pub(crate) fn is_searched_cluster(&self) -> bool {
        self.name.is_relative_cluster() && !self.mention.absolute
    }
}

impl<'a> Case<'a> {
    pub(crate) fn of(pod: &'a Pod, world: &'a World<'a>) -> Case<'a> {
        let config = world.config;
        let namespace = world.namespace_of(&pod.object);
        let settings = pod.dns.settings(namespace);
        let base = pod::base(settings.policy, settings.network);
        let host = config.host_file();
        // The host file is our own text and always readable.
        let predicted = pod::predict(&without_smuggled(&settings), &config.cluster(), HostFile::Text(&host));
        let predicted = predicted.unwrap_or_default();
        let libc = config.libc.or_else(|| looks_musl(pod).then_some(Libc::Musl));
        let mentions = world.mentions(pod);
        let names = used(pod, &mentions, |mention| names::classify(mention, namespace, world, config));
        let reading = Reading::of(&predicted, libc);
        let ndots = reading.as_ref().map_or(1, Reading::ndots);
        Case {
            pod,
            world,
            config,
            namespace,
            settings,
            base,
            predicted,
            libc,
            reading,
            ndots,
            names,
            mentions,
        }
    }

    /// Severity of something the API server refuses, or would if this were a pod.
    pub(crate) fn refused(&self) -> Severity {
        if self.pod.trust == Trust::Embedded { Severity::Warning } else { Severity::Error }
    }

    /// True when the search list is known: not when it is the node's and nobody told.
    pub(crate) fn searches_known(&self) -> bool {
        self.base != Base::Host || self.config.host_searches.is_some()
    }

    pub(crate) fn searches(&self) -> &[String] {
        &self.predicted.searches
    }

    pub(crate) fn is_musl(&self) -> bool {
        self.libc == Some(Libc::Musl)
    }

    /// Searched, and at a price: the search list is known, is not empty, and the name has too few dots.
    pub(crate) fn is_searched(&self, used: &Used<'_>) -> bool {
        !used.mention.absolute
            && self.searches_known()
            && !self.searches().is_empty()
            && used.dots() < self.ndots
            && self.pod.windows.is_none()
    }

    /// What the lookup of a name costs until it is answered; `None` when it is not answered.
    pub(crate) fn cost(&self, used: &Used<'_>) -> Option<Cost> {
        let answered = used.name.answered_as(used.host(), self.namespace, self.config.domain());
        self.reading.as_ref()?.until_answered(used.host(), &answered)
    }

    /// External names that are searched first.
    pub(crate) fn searched_externals(&self) -> impl Iterator<Item = &Used<'a>> {
        let external = |used: &&Used<'_>| used.name == Name::External && used.is_askable();
        self.names.iter().filter(external).filter(|used| self.is_searched(used))
    }

    /// The smallest `ndots` with which every relative cluster name in the inputs is searched; `None` without one.
    pub(crate) fn safe_ndots(&self) -> Option<u32> {
        self.names.iter().filter(|used| used.is_searched_cluster()).map(|used| used.dots() + 1).max()
    }
}

/// Without options whose name holds a value: they stand beside the real ones in random order, and every figure would
/// be as random. A rule of its own reports them.
fn without_smuggled(settings: &PodDns) -> PodDns {
    let mut settings = settings.clone();
    if let Some(config) = &mut settings.config {
        config.options.retain(|option| !option.name.contains(|c: char| c == ':' || c.is_whitespace()));
    }
    settings
}

fn used<'a>(pod: &Pod, mentions: &[&'a Mention], classify: impl Fn(&Mention) -> Name) -> Vec<Used<'a>> {
    let aliases: HashSet<&str> = pod.aliases.iter().filter_map(|alias| alias.text()).collect();
    let mut seen = HashSet::new();
    let mut used = Vec::new();
    for mention in mentions.iter().filter(|mention| !aliases.contains(&*mention.host)) {
        if seen.contains(&(&*mention.host, mention.absolute)) {
            continue;
        }
        let name = classify(mention);
        // The same word may be a host elsewhere, where its form says so.
        if name != Name::Unknown {
            seen.insert((&*mention.host, mention.absolute));
            used.push(Used { mention, name });
        }
    }
    used
}

/// True when every container that runs beside the others has an image of musl's world.
fn looks_musl(pod: &Pod) -> bool {
    let mut main = pod.containers.iter().filter(|container| container.main).peekable();
    main.peek().is_some() && main.all(|container| container.musl)
}
