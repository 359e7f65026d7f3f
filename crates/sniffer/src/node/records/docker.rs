//! Docker's own file about each container, `config.v2.json` (moby `daemon/container/container.go`).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Memory, Part, Record, Runtime};
use crate::node::id::{ContainerId, PodUid};
use crate::node::names::PodName;
use crate::pod_files::{Content, Root};

/// Docker's data folders unless its configuration names another: packages, the snap, rootless is in users' homes.
const DATA: [&str; 2] = ["var/lib/docker", "var/snap/docker/common/var-lib-docker"];

/// What Docker calls its file about a container.
const FILE: &str = "config.v2.json";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    #[serde(rename = "State")]
    state: State,
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Config")]
    config: Config,
    #[serde(rename = "ResolvConfPath")]
    resolv_conf_path: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    #[serde(rename = "Running")]
    running: bool,
    #[serde(rename = "Pid")]
    pid: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    #[serde(rename = "Hostname")]
    hostname: Option<String>,
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Daemon {
    #[serde(rename = "data-root")]
    data_root: Option<String>,
    graph: Option<String>,
}

/// The folders with containers: the usual ones and the one that the daemon's configuration file names.
pub(super) fn places(root: &Root) -> Vec<String> {
    let mut data: Vec<String> = DATA.map(str::to_owned).into();
    if let Content::Found(bytes) = root.read("etc/docker/daemon.json").content {
        let daemon: Daemon = serde_json::from_slice(&bytes).unwrap_or_default();
        data.extend(daemon.data_root.or(daemon.graph).map(|it| it.trim_matches('/').to_owned()));
    }
    data.iter().map(|folder| format!("{folder}/containers")).collect()
}

/// The containers in one folder.
pub(super) fn read(root: &Root, place: &str, memory: &mut Memory) -> Vec<Record> {
    let ids = root.entries(place).into_iter().filter_map(|name| ContainerId::new(&name));
    let record = |id: ContainerId| {
        let folder = format!("{place}/{}", id.as_str());
        memory.record(root, &folder, &[FILE], || container(root, place, id))
    };
    ids.filter_map(record).collect()
}

fn container(root: &Root, place: &str, id: ContainerId) -> Option<Record> {
    let path = format!("{place}/{}/{FILE}", id.as_str());
    let Content::Found(bytes) = root.read(&path).content else { return None };
    let file: File = serde_json::from_slice(&bytes).ok()?;
    let labels = file.config.labels.unwrap_or_default();
    let label = |key: &str| labels.get(&format!("io.kubernetes.{key}")).map(String::as_str);
    let mut record = Record::new(id, Runtime::Docker);
    record.pid = Some(file.state.pid).filter(|pid| file.state.running && *pid != 0);
    record.hostname = file.config.hostname;
    record.resolv_conf = file.resolv_conf_path;
    // Labels are whatever the container's creator wants: that it is part of a pod, its cgroup has to confirm.
    record.pod = PodName::new(label("pod.namespace"), label("pod.name"));
    record.uid = label("pod.uid").and_then(PodUid::new);
    record.sandbox = label("sandbox.id").and_then(ContainerId::new);
    if label("docker.type") == Some("podsandbox") {
        record.part = Part::Sandbox;
    }
    let own = file.name.trim_start_matches('/').to_owned();
    let name = label("container.name").filter(|_| record.pod.is_some()).map_or(own, str::to_owned);
    record.name = Some(name).filter(|name| !name.is_empty());
    Some(record)
}
