//! What a pod is told to be, and what the kubelet makes of it for the runtime.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use k8s_cri::v1::{
    ContainerConfig, ContainerMetadata, DnsConfig, ImageSpec, KeyValue, LinuxContainerConfig,
    LinuxContainerSecurityContext, LinuxPodSandboxConfig, LinuxSandboxSecurityContext, Mount, NamespaceMode,
    NamespaceOption, PodSandboxConfig, PodSandboxMetadata,
};
use serde::Deserialize;

/// One pod of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pod {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    /// The level in the cgroup path; none for guaranteed pods.
    #[serde(default)]
    qos: Option<String>,
    #[serde(default)]
    host_network: bool,
    #[serde(default)]
    share_process_namespace: bool,
    dns: Dns,
    pub containers: Vec<Container>,
}

/// What ends up in the pod's resolv.conf.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dns {
    servers: Vec<String>,
    searches: Vec<String>,
    options: Vec<String>,
}

/// One container of a pod.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Container {
    pub name: String,
    pub image: String,
    /// Without it, the image's own.
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// How often it was restarted: the number of its log.
    #[serde(default)]
    pub attempt: u32,
    /// Whether its standard input stays open, and a program that reads it waits.
    #[serde(default = "yes")]
    stdin: bool,
}

fn yes() -> bool {
    true
}

impl Pod {
    /// `/var/log/pods/NS_NAME_UID`
    pub fn logs(&self) -> PathBuf {
        Path::new("/var/log/pods").join(format!("{}_{}_{}", self.namespace, self.name, self.uid))
    }

    /// Where the kubelet keeps what belongs to the pod.
    pub fn directory(&self) -> PathBuf {
        Path::new("/var/lib/kubelet/pods").join(&self.uid)
    }

    /// What the kubelet puts at /etc/hosts, before the pod has an address.
    pub fn hosts(&self) -> String {
        let kind = if self.host_network { " (host network)" } else { "" };
        format!("# Kubernetes-managed hosts file{kind}.\n127.0.0.1\tlocalhost\n")
    }

    fn namespaces(&self) -> NamespaceOption {
        let (node, pod) = (NamespaceMode::Node as i32, NamespaceMode::Pod as i32);
        NamespaceOption {
            network: if self.host_network { node } else { pod },
            pid: if self.share_process_namespace { pod } else { NamespaceMode::Container as i32 },
            ipc: pod,
            ..NamespaceOption::default()
        }
    }

    fn labels(&self) -> HashMap<String, String> {
        [("name", &self.name), ("namespace", &self.namespace), ("uid", &self.uid)]
            .map(|(key, value)| (format!("io.kubernetes.pod.{key}"), value.clone()))
            .into()
    }

    fn cgroup(&self) -> String {
        let level = self.qos.as_ref().map(|level| format!("/{level}")).unwrap_or_default();
        format!("/kubepods{level}/pod{}", self.uid)
    }

    pub fn sandbox(&self) -> PodSandboxConfig {
        let Dns { servers, searches, options } = &self.dns;
        PodSandboxConfig {
            metadata: Some(PodSandboxMetadata {
                name: self.name.clone(),
                uid: self.uid.clone(),
                namespace: self.namespace.clone(),
                attempt: 0,
            }),
            // As long as a host name may be, like the kubelet's.
            hostname: if self.host_network { String::new() } else { self.name.chars().take(63).collect() },
            log_directory: self.logs().display().to_string(),
            dns_config: Some(DnsConfig {
                servers: servers.clone(),
                searches: searches.clone(),
                options: options.clone(),
            }),
            labels: self.labels(),
            linux: Some(LinuxPodSandboxConfig {
                cgroup_parent: self.cgroup(),
                security_context: Some(LinuxSandboxSecurityContext {
                    namespace_options: Some(self.namespaces()),
                    ..LinuxSandboxSecurityContext::default()
                }),
                ..LinuxPodSandboxConfig::default()
            }),
            ..PodSandboxConfig::default()
        }
    }

    /// The container, with its image by the runtime's id.
    pub fn container(&self, container: &Container, image: String) -> ContainerConfig {
        let mut labels = self.labels();
        labels.insert("io.kubernetes.container.name".to_owned(), container.name.clone());
        ContainerConfig {
            metadata: Some(ContainerMetadata { name: container.name.clone(), attempt: container.attempt }),
            image: Some(ImageSpec { image, ..ImageSpec::default() }),
            command: container.command.clone(),
            envs: container
                .env
                .iter()
                .map(|(key, value)| KeyValue { key: key.clone(), value: value.clone() })
                .collect(),
            labels,
            log_path: format!("{}/{}.log", container.name, container.attempt),
            mounts: vec![Mount {
                host_path: self.directory().join("etc-hosts").display().to_string(),
                container_path: "/etc/hosts".to_owned(),
                ..Mount::default()
            }],
            stdin: container.stdin,
            linux: Some(LinuxContainerConfig {
                security_context: Some(LinuxContainerSecurityContext {
                    namespace_options: Some(self.namespaces()),
                    ..LinuxContainerSecurityContext::default()
                }),
                ..LinuxContainerConfig::default()
            }),
            ..ContainerConfig::default()
        }
    }
}
