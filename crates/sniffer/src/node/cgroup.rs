//! What a process's cgroup path says: the pod and the container it belongs to.
//!
//! Runtimes, drivers and layouts differ in everything but two things: a pod's UID stands behind the word `pod`, and a
//! container's id is 64 hexadecimal digits. A container that may write its own cgroup tree can make children that are
//! named like anything, so **the outermost** match counts; a nested match counts only inside a container that belongs
//! to no pod (a node that runs as a container, as kind's do), and then only as something within that container.

use super::id::{ContainerId, PodUid};

/// What holds a process.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Place {
    /// The container that acts as a node around it.
    pub within: Option<ContainerId>,
    /// The Kubernetes pod.
    pub pod: Option<PodUid>,
    /// podman's pod, by podman's own id.
    pub libpod: Option<ContainerId>,
    /// The container.
    pub container: Option<ContainerId>,
    /// Who named the container's cgroup.
    pub manager: Option<Manager>,
    /// Whether it is the container's, or a monitor's that only lies beside.
    pub role: Role,
}

/// Who named a container's cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Manager {
    /// containerd's CRI plugin with the systemd driver (`cri-containerd-ID.scope`).
    Containerd,
    /// CRI-O (`crio-ID.scope`).
    CriO,
    /// Docker (`/docker/ID`, `docker-ID.scope`).
    Docker,
    /// podman (`libpod-ID`).
    Podman,
}

/// What a process in a pod's cgroups does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Role {
    /// It is the container's own.
    #[default]
    Workload,
    /// conmon, which watches a container from the node's namespaces (CRI-O, podman).
    Monitor,
}

impl Place {
    /// Whether it says nothing.
    pub fn is_nowhere(&self) -> bool {
        self.pod.is_none() && self.container.is_none() && self.libpod.is_none()
    }
}

/// Reads `/proc/PID/cgroup`: with cgroup v1 one line per hierarchy, with v2 one, with both all of them. The first line
/// that names a pod or container decides; they agree where a kubelet or runtime made them.
pub fn place(file: &str) -> Place {
    file.lines()
        .filter_map(|line| line.splitn(3, ':').nth(2))
        .map(of_path)
        .find(|place| !place.is_nowhere())
        .unwrap_or_default()
}

/// Reads one path of a control group.
pub(crate) fn of_path(path: &str) -> Place {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let outer = read(&mut segments);
    match &outer.container {
        Some(container) if outer.pod.is_none() && outer.role == Role::Workload => {
            let inner = read(&mut segments);
            if inner.is_nowhere() { outer } else { Place { within: Some(container.clone()), ..inner } }
        }
        _ => outer,
    }
}

/// Takes names from the path up to and including the first container's.
fn read<'a>(segments: &mut impl Iterator<Item = &'a str>) -> Place {
    let mut place = Place::default();
    let mut before = "";
    for segment in segments {
        if place.pod.is_none() {
            place.pod = PodUid::find(segment);
        }
        if segment == "conmon" || segment.contains("conmon-") {
            place.role = Role::Monitor;
        }
        let manager = manager(segment, before);
        before = segment;
        let Some(id) = ContainerId::find(segment) else { continue };
        if is_libpod_pod(segment, manager) {
            place.libpod = Some(id);
            continue;
        }
        place.container = Some(id);
        place.manager = manager;
        break;
    }
    place
}

/// podman's pods: `/libpod_parent/ID` with cgroupfs, `machine-libpod_pod_ID.slice` with systemd.
fn is_libpod_pod(segment: &str, manager: Option<Manager>) -> bool {
    segment.contains("libpod_pod_") || (manager == Some(Manager::Podman) && !segment.starts_with("libpod-"))
}

fn manager(segment: &str, before: &str) -> Option<Manager> {
    if segment.contains("cri-containerd") {
        Some(Manager::Containerd)
    } else if segment.contains("crio-") {
        Some(Manager::CriO)
    } else if segment.contains("libpod") || before == "libpod_parent" {
        Some(Manager::Podman)
    } else if segment.starts_with("docker-") || before == "docker" {
        Some(Manager::Docker)
    } else {
        None
    }
}

#[cfg(test)]
#[path = "cgroup_tests.rs"]
mod tests;
