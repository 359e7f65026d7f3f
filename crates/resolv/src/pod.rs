//! dnsPolicy + dnsConfig + cluster + node file → the `resolv.conf` the kubelet writes for a pod.
//!
//! Imitates kubernetes 1.28 to 1.34 `pkg/kubelet/network/dns/dns.go` (`Configurer.GetPodDNS`). Not for judging the
//! settings: what the API server would refuse is predicted as if it had been accepted.

mod host;
mod merge;

pub use host::{HostFileError, HostSettings, parse_host_file};

use std::fmt::Write as _;

/// `spec.dnsPolicy` of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DnsPolicy {
    /// The API server's default.
    #[default]
    ClusterFirst,
    /// Cluster settings also on the host's network.
    ClusterFirstWithHostNet,
    /// The node's settings.
    Default,
    /// Only what `dnsConfig` says.
    None,
}

impl DnsPolicy {
    /// Every policy with its name as written in a manifest.
    pub const ALL: [(&'static str, DnsPolicy); 4] = [
        ("ClusterFirst", DnsPolicy::ClusterFirst),
        ("ClusterFirstWithHostNet", DnsPolicy::ClusterFirstWithHostNet),
        ("Default", DnsPolicy::Default),
        ("None", DnsPolicy::None),
    ];

    /// The policy of that exact name (case matters, as for the API server); the empty text is the default.
    pub fn parse(text: &str) -> Option<DnsPolicy> {
        if text.is_empty() {
            return Some(DnsPolicy::default());
        }
        DnsPolicy::ALL.iter().find(|(name, _)| *name == text).map(|(_, policy)| *policy)
    }
}

/// `spec.hostNetwork` of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Network {
    /// A network namespace of the pod's own.
    #[default]
    Pod,
    /// The node's network namespace.
    Host,
}

/// One entry of `spec.dnsConfig.options`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsOption {
    /// `name`, taken whole even where it holds a colon.
    pub name: String,
    /// `value`; absent and empty are written alike.
    pub value: Option<String>,
}

/// `spec.dnsConfig` of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsConfig {
    /// `nameservers`, in order.
    pub nameservers: Vec<String>,
    /// `searches`, in order, as written.
    pub searches: Vec<String>,
    /// `options`, in order.
    pub options: Vec<DnsOption>,
}

/// The pod's own part of the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodDns {
    /// `spec.dnsPolicy`.
    pub policy: DnsPolicy,
    /// `spec.hostNetwork`.
    pub network: Network,
    /// `spec.dnsConfig`, when set.
    pub config: Option<DnsConfig>,
    /// `metadata.namespace`.
    pub namespace: String,
}

/// The kubelet's part of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// `clusterDomain`, for instance `cluster.local`; empty when the kubelet has none.
    pub domain: String,
    /// `clusterDNS`, in order.
    pub dns: Vec<String>,
    /// How much of the lists the kubelet keeps.
    pub limits: Limits,
}

/// How much of the lists the kubelet keeps (`pkg/apis/core/validation`, `MaxDNSSearchPaths` and its neighbours).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Nameservers kept.
    pub nameservers: usize,
    /// Search domains kept.
    pub searches: usize,
    /// Characters of the joined search list kept.
    pub search_chars: usize,
}

impl Limits {
    /// Since `ExpandedDNSConfig` is on by default (kubelet 1.26).
    pub const EXPANDED: Limits = Limits { nameservers: 3, searches: 32, search_chars: 2048 };
    /// Before (kubelet 1.25 and older).
    pub const LEGACY: Limits = Limits { nameservers: 3, searches: 6, search_chars: 256 };
}

/// The IP family of the node, which decides the server used when the kubelet has no host file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeFamily {
    /// IPv4 only.
    #[default]
    V4,
    /// IPv6 only.
    V6,
    /// Both, IPv4 first.
    Dual,
}

/// The file the kubelet's `resolvConf` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostFile<'a> {
    /// Its text.
    Text(&'a str),
    /// `resolvConf` is the empty string: there is no file, loopback is used.
    Unset(NodeFamily),
}

/// Something the kubelet reports on the pod while it makes the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Event {
    /// A list was cut to the limits.
    DnsConfigForming,
    /// A cluster policy without any `clusterDNS` in the kubelet: the node's settings are used.
    MissingClusterDns,
}

impl Event {
    /// The reason of the Kubernetes event.
    pub fn reason(self) -> &'static str {
        match self {
            Event::DnsConfigForming => "DNSConfigForming",
            Event::MissingClusterDns => "MissingClusterDNS",
        }
    }
}

/// What the kubelet hands to the container runtime.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Predicted {
    /// Nameservers, in order.
    pub nameservers: Vec<String>,
    /// Search list, in order.
    pub searches: Vec<String>,
    /// Options as `name` or `name:value`, sorted. The real order is random: the kubelet writes out a Go map.
    pub options: Vec<String>,
    /// Events on the pod, sorted, each once.
    pub events: Vec<Event>,
}

impl Predicted {
    /// The file as containerd and CRI-O write it (containerd `internal/cri/server/podsandbox` `parseDNSOptions`):
    /// search, nameservers, options, each only when there is something to write.
    pub fn to_resolv_conf(&self) -> String {
        let mut text = String::new();
        if !self.searches.is_empty() {
            let _ = writeln!(text, "search {}", self.searches.join(" "));
        }
        for server in &self.nameservers {
            let _ = writeln!(text, "nameserver {server}");
        }
        if !self.options.is_empty() {
            let _ = writeln!(text, "options {}", self.options.join(" "));
        }
        text
    }
}

/// Where a pod's settings begin, before `dnsConfig` is added (`getPodDNSType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// Nothing.
    None,
    /// The node's file.
    Host,
    /// The cluster's servers and suffixes.
    Cluster,
}

/// The base a policy leads to, for a kubelet that has a `clusterDNS`.
pub fn base(policy: DnsPolicy, network: Network) -> Base {
    match (policy, network) {
        (DnsPolicy::None, _) => Base::None,
        (DnsPolicy::ClusterFirstWithHostNet, _) | (DnsPolicy::ClusterFirst, Network::Pod) => Base::Cluster,
        (DnsPolicy::ClusterFirst, Network::Host) | (DnsPolicy::Default, _) => Base::Host,
    }
}

/// The cluster's own suffixes for a pod of `namespace`, most specific first; none without a cluster domain.
pub fn cluster_suffixes(namespace: &str, domain: &str) -> Vec<String> {
    if domain.is_empty() {
        return Vec::new();
    }
    vec![format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.to_owned()]
}

/// What the kubelet makes of it all.
///
/// # Errors
/// [`HostFileError`] when the host file cannot be read: the kubelet then starts no pod at all, whatever its policy.
pub fn predict(pod: &PodDns, cluster: &Cluster, host: HostFile<'_>) -> Result<Predicted, HostFileError> {
    let host = match host {
        HostFile::Text(text) => parse_host_file(text)?,
        HostFile::Unset(family) => host::without_file(family),
    };
    let mut predicted = Predicted::default();
    let mut start = base(pod.policy, pod.network);
    if start == Base::Cluster && cluster.dns.is_empty() {
        predicted.events.push(Event::MissingClusterDns);
        start = Base::Host;
    }
    let options = merge::start(&mut predicted, start, pod, cluster, host);
    let options = merge::add(&mut predicted, options, pod.config.as_ref());
    predicted.options = options;
    if merge::cut(&mut predicted, cluster.limits) == merge::Cut::Something {
        predicted.events.push(Event::DnsConfigForming);
    }
    predicted.events.sort_unstable();
    Ok(predicted)
}

#[cfg(test)]
mod tests;
