//! A container's `config.json` (OCI runtime specification, `config.md`), as far as it is needed.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Netns, Record};
use crate::node::id::PodUid;

/// The parts of the file that say whose container it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) hostname: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
    mounts: Option<Vec<Mount>>,
    linux: Option<Linux>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Mount {
    destination: String,
    source: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Linux {
    namespaces: Option<Vec<Namespace>>,
    #[serde(rename = "cgroupsPath")]
    cgroups_path: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Namespace {
    r#type: String,
    path: Option<String>,
}

impl Config {
    /// From the file's bytes; none when they are no such file.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// An annotation that is there and not empty.
    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// What is mounted at a path of the container.
    pub(super) fn mounted_at(&self, destination: &str) -> Option<&str> {
        self.mounts.as_ref()?.iter().find(|mount| mount.destination == destination)?.source.as_deref()
    }

    /// Settles whose the container is. The path of its cgroup is the kubelet's word, annotations may be of the pod's owner:
    /// where the two name different pods, the pod's name in the annotations is not believed either.
    pub(super) fn confirm(&self, record: &mut Record) {
        let path = self.linux.as_ref().and_then(|linux| linux.cgroups_path.as_deref()).unwrap_or_default();
        if let Some(uid) = path.split('/').find_map(PodUid::find) {
            if record.uid.as_ref().is_some_and(|other| *other != uid) {
                (record.pod, record.sandbox) = (None, None);
            }
            record.uid = Some(uid);
        }
    }

    /// Its network namespace. A namespace without a file is one made for this container.
    pub(super) fn netns(&self) -> Netns {
        let Some(namespaces) = self.linux.as_ref().and_then(|linux| linux.namespaces.as_ref()) else {
            return Netns::Unknown;
        };
        match namespaces.iter().find(|namespace| namespace.r#type == "network") {
            None => Netns::Host,
            Some(Namespace { path: Some(path), .. }) if !path.starts_with("/proc/") => {
                Netns::Pinned(path.clone())
            }
            Some(_) => Netns::Unknown,
        }
    }
}
