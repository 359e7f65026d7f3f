//! Predicts the `resolv.conf` of pods from vectors, one JSON object a line, and compares.

use dnsprobe_resolv::pod::{
    self, Cluster, DnsConfig, DnsOption, DnsPolicy, HostFile, Limits, Network, NodeFamily, PodDns,
};
use serde::{Deserialize, Deserializer, Serialize};

/// What a pod, its kubelet and its node are set to, and what the kubelet makes of it.
#[derive(Debug, Clone, Deserialize)]
pub struct PodVector {
    /// Unique in its file.
    pub id: String,
    /// The part of the pod's `spec` that is about DNS.
    pub spec: PodSpec,
    /// The pod's namespace.
    pub namespace: String,
    /// The kubelet's `clusterDomain`.
    #[serde(default, deserialize_with = "or_default")]
    pub cluster_domain: String,
    /// The kubelet's `clusterDNS`.
    #[serde(default, deserialize_with = "or_default")]
    pub cluster_dns: Vec<String>,
    /// The text of the file that the kubelet's `resolvConf` names; without one, that setting is empty.
    pub node_resolv_conf: Option<String>,
    /// The node's addresses when there is no file: `ipv4` (the default), `ipv6` or `dual`.
    pub node_ip_family: Option<String>,
    /// What the kubelet makes of it; missing from vectors that are only to be predicted.
    pub expect: Option<Settings>,
    /// The kubelet starts no pod.
    #[serde(default)]
    pub error: bool,
}

/// `spec` of a pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec {
    dns_policy: Option<String>,
    host_network: Option<bool>,
    dns_config: Option<SpecConfig>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct SpecConfig {
    #[serde(default, deserialize_with = "or_default")]
    nameservers: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    searches: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    options: Vec<SpecOption>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct SpecOption {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    value: Option<String>,
}

/// What the kubelet hands to the container runtime, or that it refuses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// In order.
    #[serde(default)]
    pub nameservers: Vec<String>,
    /// In order.
    #[serde(default)]
    pub searches: Vec<String>,
    /// `name:value` or `name`, sorted: the kubelet writes out a map.
    #[serde(default)]
    pub options: Vec<String>,
    /// Reasons of the events on the pod, sorted.
    #[serde(default)]
    pub events: Vec<String>,
    /// The kubelet starts no pod; the rest is empty.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub error: bool,
}

/// A line of output.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum PodLine {
    /// What the kubelet makes of it.
    Settings {
        /// The vector's.
        id: String,
        /// The settings.
        #[serde(flatten)]
        settings: Settings,
    },
    /// It starts no pod.
    Refused {
        /// The vector's.
        id: String,
        /// Always true.
        error: bool,
    },
}

/// `null` stands for nothing, as it does for the API server.
fn or_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl PodVector {
    /// What the models say.
    pub fn predicted(&self) -> Settings {
        let cluster = Cluster {
            domain: self.cluster_domain.clone(),
            dns: self.cluster_dns.clone(),
            limits: Limits::EXPANDED,
        };
        let family = match self.node_ip_family.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("ipv6" | "v6") => NodeFamily::V6,
            Some("dual" | "both") => NodeFamily::Dual,
            _ => NodeFamily::V4,
        };
        let host = self.node_resolv_conf.as_deref().map_or(HostFile::Unset(family), HostFile::Text);
        let Ok(predicted) = pod::predict(&self.pod(), &cluster, host) else {
            return Settings { error: true, ..Settings::default() };
        };
        let events = predicted.events.iter().map(|event| event.reason().to_owned()).collect();
        Settings {
            nameservers: predicted.nameservers,
            searches: predicted.searches,
            options: predicted.options,
            events,
            error: false,
        }
        .sorted()
    }

    /// Whether the models say what the kubelet does; `None` where that is not recorded.
    pub fn agrees(&self) -> Option<bool> {
        let expected = match (&self.expect, self.error) {
            (_, true) => Settings { error: true, ..Settings::default() },
            (Some(expected), false) => expected.clone().sorted(),
            (None, false) => return None,
        };
        Some(self.predicted() == expected)
    }

    /// The line to print.
    pub fn line(&self) -> PodLine {
        match self.predicted() {
            Settings { error: true, .. } => PodLine::Refused { id: self.id.clone(), error: true },
            settings => PodLine::Settings { id: self.id.clone(), settings },
        }
    }

    fn pod(&self) -> PodDns {
        let policy = self.spec.dns_policy.as_deref().unwrap_or_default();
        PodDns {
            // The kubelet takes a policy it does not know for the cluster's (`GetPodDNS`).
            policy: DnsPolicy::parse(policy).unwrap_or(DnsPolicy::ClusterFirstWithHostNet),
            network: if self.spec.host_network == Some(true) { Network::Host } else { Network::Pod },
            config: self.spec.dns_config.as_ref().map(SpecConfig::to_model),
            namespace: self.namespace.clone(),
        }
    }
}

impl Settings {
    /// Sets in an order that can be compared.
    fn sorted(mut self) -> Self {
        self.options.sort();
        self.events.sort();
        self
    }
}

impl SpecConfig {
    fn to_model(&self) -> DnsConfig {
        let option =
            |option: &SpecOption| DnsOption { name: option.name.clone(), value: option.value.clone() };
        DnsConfig {
            nameservers: self.nameservers.clone(),
            searches: self.searches.clone(),
            options: self.options.iter().map(option).collect(),
        }
    }
}
