//! A container's `config.json` (OCI runtime specification, `config.md`), as far as it is needed.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Netns;

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
