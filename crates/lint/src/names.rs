//! What a name in a pod's inputs is: one of the cluster's, an external one, or nothing we know.

use crate::config::Config;
use crate::known;
use crate::manifest::{Form, Meaning, Mention};
use crate::world::World;

/// What a name is, by its form and the Services of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// `svc`, a Service of the pod's own namespace.
    Short,
    /// `svc.ns`.
    ServiceNamespace,
    /// `pod.svc` of the pod's own namespace.
    PodService,
    /// `pod.svc.ns`.
    PodServiceNamespace,
    /// `svc.ns.svc` or `pod.svc.ns.svc`.
    Half,
    /// `svc.ns.svc.Z`, complete.
    Full,
    /// `svc.ns.svc.X` with another domain than the cluster's.
    WrongDomain(String),
    /// Ends in a public suffix.
    External,
    /// A single label that is no known Service, where a host is meant.
    UnknownShort,
    Unknown,
}

impl Name {
    /// A name of the cluster that needs the search list.
    pub(crate) fn is_relative_cluster(&self) -> bool {
        matches!(
            self,
            Name::Short | Name::ServiceNamespace | Name::PodService | Name::PodServiceNamespace | Name::Half
        )
    }

    /// A name that only the cluster's servers know.
    pub(crate) fn is_cluster(&self) -> bool {
        self.is_relative_cluster() || *self == Name::Full
    }

    /// The absolute name that answers, without a dot at its end, for a pod of `namespace`.
    pub(crate) fn answered_as(&self, host: &str, namespace: &str, domain: &str) -> String {
        match self {
            Name::Short | Name::PodService => format!("{host}.{namespace}.svc.{domain}"),
            Name::ServiceNamespace | Name::PodServiceNamespace => format!("{host}.svc.{domain}"),
            Name::Half => format!("{host}.{domain}"),
            _ => host.to_owned(),
        }
    }
}

/// Classifies a mention for a pod of `namespace`.
pub(crate) fn classify(mention: &Mention, namespace: &str, world: &World<'_>, config: &Config) -> Name {
    let host = &*mention.host;
    let labels: Vec<&str> = host.split('.').collect();
    if let Some(name) = by_suffix(host, &labels, config) {
        return name;
    }
    let named = mention.form != Form::Bare(Meaning::Unknown);
    match labels[..] {
        [service] if named && world.has_service(namespace, service) => Name::Short,
        [_] if named => Name::UnknownShort,
        [service, ns] if world.has_service(ns, service) && !captures_external(ns) => Name::ServiceNamespace,
        [_, service] if world.has_service(namespace, service) && !known::is_top_level(service) => {
            Name::PodService
        }
        [_, service, ns] if world.has_service(ns, service) && !captures_external(ns) => {
            Name::PodServiceNamespace
        }
        [_] => Name::Unknown,
        _ if matches!(mention.form, Form::Bare(_)) && (world.is_api_name(host) || is_zone(host)) => {
            Name::Unknown
        }
        _ if known::ends_public(host) && !config.private_zones.iter().any(|zone| is_below(host, zone)) => {
            Name::External
        }
        _ => Name::Unknown,
    }
}

/// True for a name that others are made from, as a setting: a public suffix, or a zone that answers for everything.
fn is_zone(host: &str) -> bool {
    known::is_public_suffix(host) || known::WILDCARD_ZONES.contains(&host)
}

/// True for a namespace whose two-label names are external names that a Service there would capture.
pub(crate) fn captures_external(namespace: &str) -> bool {
    known::is_top_level(namespace) && !known::is_usual_namespace(namespace)
}

/// The cluster domain in a name or search entry that is not this cluster's.
pub(crate) fn wrong_domain(text: &str, least_labels: usize, config: &Config) -> Option<String> {
    let labels: Vec<&str> = text.trim_end_matches('.').split('.').collect();
    let at = labels.iter().position(|label| *label == "svc").filter(|at| *at >= least_labels)?;
    let rest = labels[at + 1..].join(".");
    let other = config.other_cluster_domains.iter().any(|known| known.trim_end_matches('.') == rest);
    (!rest.is_empty() && rest != config.domain() && rest != "clusterset.local" && !other).then_some(rest)
}

fn by_suffix(host: &str, labels: &[&str], config: &Config) -> Option<Name> {
    let domain = config.domain();
    if host == domain || is_below(host, domain) {
        // `svc.Z` and `ns.svc.Z` are domains that settings are built from, not names to look up.
        let left = labels.len() - domain.split('.').count();
        let complete = left >= 3 && matches!(labels[left - 1], "svc" | "pod");
        return Some(if complete { Name::Full } else { Name::Unknown });
    }
    if let Some(wrong) = wrong_domain(host, 2, config) {
        return Some(Name::WrongDomain(wrong));
    }
    let half = labels.last() == Some(&"svc") && (3..=4).contains(&labels.len());
    half.then_some(Name::Half)
}

fn is_below(host: &str, zone: &str) -> bool {
    !zone.is_empty() && host.strip_suffix(zone).is_some_and(|rest| rest.ends_with('.'))
}
