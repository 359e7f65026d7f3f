//! Base settings, what `dnsConfig` adds, and what the limits cut (`dns.go` `appendDNSConfig`, `mergeDNSOptions`,
//! `formDNSConfigFitsLimits`).

use super::{Base, Cluster, DnsConfig, HostSettings, Limits, PodDns, Predicted, cluster_suffixes, host};
use std::collections::BTreeMap;

/// A search entry longer than this is removed, in characters (RFC 1035 section 2.3.4).
const MAX_SEARCH_ENTRY: usize = 253;

/// Whether [`cut`] took anything away.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Nothing,
    Something,
}

/// Fills in servers and searches of the base and returns its options.
pub(super) fn start(
    predicted: &mut Predicted,
    base: Base,
    pod: &PodDns,
    cluster: &Cluster,
    host: HostSettings,
) -> Vec<String> {
    match base {
        Base::None => Vec::new(),
        Base::Host => {
            predicted.nameservers = host.nameservers;
            predicted.searches = host.searches;
            host.options
        }
        Base::Cluster => {
            predicted.nameservers.clone_from(&cluster.dns);
            let own = cluster_suffixes(&pod.namespace, &cluster.domain);
            // Without a cluster domain the host's list is used as it is, duplicates included.
            predicted.searches =
                if own.is_empty() { host.searches } else { unique(own.into_iter().chain(host.searches)) };
            vec!["ndots:5".to_owned()]
        }
    }
}

/// Adds `dnsConfig` and returns the options as they are written, sorted.
pub(super) fn add(predicted: &mut Predicted, base: Vec<String>, config: Option<&DnsConfig>) -> Vec<String> {
    let Some(config) = config else {
        let mut options = base;
        options.sort_unstable();
        return options;
    };
    predicted.nameservers = unique(predicted.nameservers.drain(..).chain(config.nameservers.iter().cloned()));
    predicted.searches = unique(predicted.searches.drain(..).chain(config.searches.iter().cloned()));
    let mut options: BTreeMap<String, String> = BTreeMap::new();
    for option in base {
        let name = host::option_name(&option).to_owned();
        let value = option.get(name.len() + 1..).unwrap_or_default().to_owned();
        options.insert(name, value);
    }
    for option in &config.options {
        options.insert(option.name.clone(), option.value.clone().unwrap_or_default());
    }
    let mut words: Vec<String> = options
        .into_iter()
        .map(|(name, value)| if value.is_empty() { name } else { format!("{name}:{value}") })
        .collect();
    words.sort_unstable();
    words
}

/// Applies the limits.
pub(super) fn cut(predicted: &mut Predicted, limits: Limits) -> Cut {
    let before = (predicted.nameservers.len(), predicted.searches.len());
    predicted.nameservers.truncate(limits.nameservers);
    predicted.searches.truncate(limits.searches);
    predicted.searches.retain(|entry| entry.chars().count() <= MAX_SEARCH_ENTRY);
    while joined_chars(&predicted.searches) > limits.search_chars {
        predicted.searches.pop();
    }
    if before == (predicted.nameservers.len(), predicted.searches.len()) {
        Cut::Nothing
    } else {
        Cut::Something
    }
}

fn joined_chars(searches: &[String]) -> usize {
    searches.iter().map(|entry| entry.chars().count() + 1).sum::<usize>().saturating_sub(1)
}

fn unique(entries: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    entries.filter(|entry| seen.insert(entry.clone())).collect()
}
