//! What the command line says about the cluster a manifest is meant for: shared by `lint` and `explain -f`.

use dnsprobe_lint::{KubeVersion, Libc};

/// The cluster's settings, as far as they are known.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The cluster")]
pub(crate) struct ClusterArgs {
    /// The kubelet's `clusterDomain`; assumed: cluster.local
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) cluster_domain: Option<String>,
    /// The kubelet's `clusterDNS`; assumed: one server
    #[arg(long, value_name = "ADDRESS,…", value_delimiter = ',')]
    pub(crate) cluster_dns: Option<Vec<String>>,
    /// Search domains of the nodes' resolv.conf; assumed: none
    #[arg(long, value_name = "DOMAIN,…", value_delimiter = ',')]
    pub(crate) host_search: Option<Vec<String>>,
    /// The cluster's version, such as 1.31
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub(crate) kube_version: Option<KubeVersion>,
    /// The C library in every image; otherwise told by the image's name, where it can be
    #[arg(long, value_enum, value_name = "LIBC")]
    pub(crate) libc: Option<LibcArg>,
}

impl ClusterArgs {
    /// Whether any of it was given.
    pub(crate) fn says_something(&self) -> bool {
        let lists = self.cluster_dns.is_some() || self.host_search.is_some();
        lists || self.cluster_domain.is_some() || self.kube_version.is_some() || self.libc.is_some()
    }
}

/// `--libc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LibcArg {
    /// Debian, Ubuntu, Red Hat and most others
    Glibc,
    /// Alpine
    Musl,
}

impl From<LibcArg> for Libc {
    fn from(libc: LibcArg) -> Self {
        match libc {
            LibcArg::Glibc => Self::Glibc,
            LibcArg::Musl => Self::Musl,
        }
    }
}

/// Reads a version as people write it.
pub(crate) fn version(text: &str) -> Result<KubeVersion, String> {
    KubeVersion::parse(text).ok_or_else(|| "no Kubernetes version; write it like 1.31".to_owned())
}
