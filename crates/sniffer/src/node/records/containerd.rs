//! containerd's bundles: one folder for each running container, with its configuration and the number of its first process.

use super::oci::Config;
use super::{Memory, Netns, Part, Place, Record, Runtime};
use crate::node::id::{ContainerId, PodUid};
use crate::node::names::PodName;
use crate::pod_files::{Content, Root};

/// Where bundles lie below the node's root (containerd `defaults/defaults_unix.go`, `core/runtime/v2`; k3s and rke2
/// `pkg/agent/containerd`; k0s `pkg/component/worker`; the microk8s snap): state folder, shim version, namespace.
pub(super) const PLACES: [&str; 9] = [
    "run/containerd/io.containerd.runtime.v2.task/k8s.io",
    "run/containerd/io.containerd.runtime.v2.task/moby",
    "run/containerd/io.containerd.runtime.v2.task/default",
    "run/containerd/io.containerd.runtime.v1.linux/k8s.io",
    "run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io",
    "run/k0s/containerd/io.containerd.runtime.v2.task/k8s.io",
    "var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task/k8s.io",
    "run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby",
    "var/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby",
];

/// The bundles in one folder.
pub(super) fn read(root: &Root, place: &str, memory: &mut Memory) -> Vec<Record> {
    let ids = root.entries(place).into_iter().filter_map(|name| ContainerId::new(&name));
    let record = |id: ContainerId| {
        let folder = format!("{place}/{}", id.as_str());
        memory.record(root, &folder, &["config.json", "init.pid"], || bundle(root, place, id))
    };
    ids.filter_map(record).collect()
}

/// The folder of bundles that a shim works in: its working directory is the bundle it was started for.
pub(crate) fn of_shim(working_directory: &str) -> Option<Place> {
    let (folder, id) = working_directory.rsplit_once('/')?;
    ContainerId::new(id)?;
    let is_state = folder.contains("/io.containerd.runtime.v");
    is_state.then(|| Place::Bundles(folder.trim_start_matches('/').to_owned()))
}

fn bundle(root: &Root, place: &str, id: ContainerId) -> Option<Record> {
    let folder = format!("{place}/{}", id.as_str());
    let Content::Found(bytes) = root.read(&format!("{folder}/config.json")).content else { return None };
    let config = Config::parse(&bytes)?;
    // Docker has its containers run by containerd, in a namespace of this name.
    let runtime = if place.ends_with("/moby") { Runtime::Docker } else { Runtime::Containerd };
    let mut record = Record::new(id, runtime);
    if let Content::Found(pid) = root.read(&format!("{folder}/init.pid")).content {
        record.pid = String::from_utf8_lossy(&pid).trim().parse().ok();
    }
    fill(&mut record, &config);
    config.confirm(&mut record);
    Some(record)
}

/// From the annotations of containerd's CRI plugin (`internal/cri/annotations`); other clients write none.
fn fill(record: &mut Record, config: &Config) {
    let of = |key: &str| config.annotation(&format!("io.kubernetes.cri.{key}")).map(str::to_owned);
    record.hostname.clone_from(&config.hostname);
    record.resolv_conf = config.mounted_at("/etc/resolv.conf").map(str::to_owned);
    record.pod = PodName::new(of("sandbox-namespace").as_deref(), of("sandbox-name").as_deref());
    record.uid = of("sandbox-uid").and_then(|uid| PodUid::new(&uid));
    record.name = of("container-name");
    record.sandbox = of("sandbox-id").and_then(|id| ContainerId::new(&id));
    if of("container-type").as_deref() == Some("sandbox") {
        record.part = Part::Sandbox;
        record.netns = config.netns();
    } else if let pinned @ Netns::Pinned(_) = config.netns() {
        record.netns = pinned;
    }
}
