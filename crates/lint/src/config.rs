//! What the linter is told about the cluster, and what it assumes when it is not.

use dnsprobe_resolv::pod::{Cluster, Limits};

/// A Kubernetes minor version, `1.34`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KubeVersion {
    /// The number before the dot.
    pub major: u32,
    /// The number after it.
    pub minor: u32,
}

impl KubeVersion {
    /// What is assumed.
    pub const DEFAULT: KubeVersion = KubeVersion { major: 1, minor: 34 };
    /// `ExpandedDNSConfig` is on: 32 search entries and 2048 characters, before 6 and 256.
    pub(crate) const EXPANDED_DNS_CONFIG: KubeVersion = KubeVersion { major: 1, minor: 26 };
    /// `RelaxedDNSSearchValidation` is on: `.` and `_` in searches.
    pub(crate) const RELAXED_SEARCHES: KubeVersion = KubeVersion { major: 1, minor: 33 };

    /// Reads `1.31`, `v1.31` or `1.31.4`.
    pub fn parse(text: &str) -> Option<KubeVersion> {
        let mut parts = text.strip_prefix('v').unwrap_or(text).split('.');
        let version = KubeVersion { major: parts.next()?.parse().ok()?, minor: parts.next()?.parse().ok()? };
        parts.next().is_none_or(|patch| patch.starts_with(|c: char| c.is_ascii_digit())).then_some(version)
    }
}

impl std::fmt::Display for KubeVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The C library in the containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Libc {
    /// glibc.
    Glibc,
    /// musl, as in Alpine.
    Musl,
}

/// Whether comments and annotations may silence a finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Suppressions {
    /// They may; unused ones are reported.
    #[default]
    Honoured,
    /// They are not looked at.
    Off,
}

/// Everything the linter can be told. What is left `None` is assumed, and the report says so once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The kubelet's `clusterDomain`; assumed `cluster.local`.
    pub cluster_domain: Option<String>,
    /// The kubelet's `clusterDNS`; assumed to be one address, not known which.
    pub cluster_dns: Option<Vec<String>>,
    /// Search domains of the node's `resolv.conf`; assumed none.
    pub host_searches: Option<Vec<String>>,
    /// The cluster's version; assumed [`KubeVersion::DEFAULT`].
    pub kube_version: Option<KubeVersion>,
    /// The libc of every image; otherwise guessed from the image's name.
    pub libc: Option<Libc>,
    /// Namespace of objects that name none; assumed `default`.
    pub default_namespace: Option<String>,
    /// Cluster domains of other clusters whose names are used on purpose.
    pub other_cluster_domains: Vec<String>,
    /// Option names that are known to this project's images although no libc knows them.
    pub extra_options: Vec<String>,
    /// Zones that are private although they look public.
    pub private_zones: Vec<String>,
    /// When not empty: these rules only, opt-in ones included.
    pub select: Vec<String>,
    /// Rules that are switched off.
    pub ignore: Vec<String>,
    /// Whether comments and annotations count.
    pub suppressions: Suppressions,
}

impl Config {
    /// The cluster domain, without a dot at its end.
    pub fn domain(&self) -> &str {
        self.cluster_domain.as_deref().map_or("cluster.local", |domain| domain.trim_end_matches('.'))
    }

    /// The version.
    pub fn version(&self) -> KubeVersion {
        self.kube_version.unwrap_or(KubeVersion::DEFAULT)
    }

    /// The namespace of objects that name none.
    pub fn namespace(&self) -> &str {
        self.default_namespace.as_deref().unwrap_or("default")
    }

    /// How many cluster servers the kubelet writes before those of `dnsConfig`.
    pub fn cluster_servers(&self) -> usize {
        self.cluster_dns.as_ref().map_or(1, |servers| servers.len().max(1))
    }

    /// What the kubelet is taken to be configured with. An unknown cluster server is a name that equals no address.
    pub fn cluster(&self) -> Cluster {
        let limits =
            if self.version() < KubeVersion::EXPANDED_DNS_CONFIG { Limits::LEGACY } else { Limits::EXPANDED };
        let dns = self.cluster_dns.clone().filter(|servers| !servers.is_empty());
        Cluster {
            domain: self.domain().to_owned(),
            dns: dns.unwrap_or_else(|| vec!["cluster-dns".to_owned()]),
            limits,
        }
    }

    /// The node's file as far as it is known.
    pub fn host_file(&self) -> String {
        match self.host_searches.as_deref() {
            None | Some([]) => String::new(),
            Some(searches) => format!("search {}\n", searches.join(" ")),
        }
    }

    /// What was not told and is therefore assumed, a line each, for printing once.
    pub fn assumptions(&self) -> Vec<String> {
        let lines = [
            (self.cluster_domain.is_none(), "cluster domain cluster.local (--cluster-domain)"),
            (self.cluster_dns.is_none(), "one cluster DNS server (--cluster-dns)"),
            (self.host_searches.is_none(), "no search domains on the nodes (--host-search)"),
            (self.kube_version.is_none(), "Kubernetes 1.34 (--kube-version)"),
            (self.libc.is_none(), "glibc, except in images whose name says alpine or musl (--libc)"),
        ];
        lines.into_iter().filter(|(assumed, _)| *assumed).map(|(_, line)| line.to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_people_write_them() {
        for text in ["1.31", "v1.31", "1.31.4", "v1.31.0-rc.1"] {
            assert_eq!(KubeVersion::parse(text), Some(KubeVersion { major: 1, minor: 31 }), "{text}");
        }
        for text in ["", "1", "1.x", "latest", "1.31.x"] {
            assert_eq!(KubeVersion::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_told_is_not_assumed() {
        let told = Config { cluster_domain: Some("corp.test.".into()), ..Config::default() };
        assert_eq!(told.domain(), "corp.test");
        assert_eq!(told.assumptions().len() + 1, Config::default().assumptions().len());
    }
}
