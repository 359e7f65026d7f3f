//! The storage that CRI-O and podman share (containers/storage): one folder for each container, with its configuration.

use serde::Deserialize;

use super::libpod;
use super::oci::Config;
use super::{Memory, Part, Place, Record, Runtime};
use crate::node::id::{ContainerId, PodUid};
use crate::node::names::PodName;
use crate::pod_files::{Content, Root};

/// Storage folders of the system; the driver's name stands in front of `-containers`.
pub(super) const PLACES: [&str; 3] = [
    "run/containers/storage/overlay-containers",
    "var/lib/containers/storage/overlay-containers",
    "var/lib/containers/storage/vfs-containers",
];

/// The files that a record is made of, from a container's folder on.
const FILES: [&str; 4] =
    ["userdata/config.json", "userdata/pidfile", "userdata/stopped", "../containers.json"];
/// What CRI-O writes beside a sandbox when it stops it (`internal/lib/sandbox/sandbox.go`, `SetStopped`).
const STOPPED: &str = "stopped";

/// Users with containers of their own that are looked at.
const MOST_USERS: usize = 64;

/// The storage folders of users' own containers (rootless podman): the run folder, and the one in the home.
pub(super) fn of_users(root: &Root) -> Vec<String> {
    let run = root
        .entries("run/user")
        .into_iter()
        .take(MOST_USERS)
        .map(|user| format!("run/user/{user}/containers"));
    let home = root
        .entries("home")
        .into_iter()
        .take(MOST_USERS)
        .map(|user| format!("home/{user}/.local/share/containers/storage"));
    let storages = run.chain(home);
    storages.flat_map(|storage| drivers(root, &storage)).collect()
}

fn drivers(root: &Root, storage: &str) -> Vec<String> {
    let folders = root.entries(storage).into_iter().filter(|name| name.ends_with("-containers"));
    folders.map(|folder| format!("{storage}/{folder}")).collect()
}

/// The containers in one folder.
pub(super) fn read(root: &Root, place: &str, memory: &mut Memory) -> Vec<Record> {
    let entries = root.entries(place);
    let ids: Vec<ContainerId> = entries.iter().filter_map(|name| ContainerId::new(name)).collect();
    if ids.is_empty() {
        return Vec::new();
    }
    let names = names(root, place);
    let mut records: Vec<Record> = Vec::new();
    for id in ids {
        let folder = format!("{place}/{}", id.as_str());
        records.extend(memory.record(root, &folder, &FILES, || container(root, place, id, &names)));
    }
    if records.iter().any(|record| record.part == Part::Sandbox && record.runtime == Runtime::Podman) {
        libpod::name_pods(root, place, &mut records);
    }
    records
}

/// From where a file of a container's is mounted: `…/overlay-containers/ID/userdata/resolv.conf`.
pub(crate) fn of_mount(source: &str) -> Option<(Place, ContainerId)> {
    let (folder, file) = source.rsplit_once("/userdata/")?;
    let (folder, id) = folder.rsplit_once('/')?;
    let id = ContainerId::new(id)?;
    let is_storage = folder.ends_with("-containers") && !file.contains('/');
    is_storage.then(|| (Place::Storage(folder.trim_start_matches('/').to_owned()), id))
}

/// From the command line of the conmon that watches a container: `-b …/overlay-containers/ID/userdata` (conmon(8)).
pub(crate) fn of_conmon(command_line: &[u8]) -> Option<Place> {
    let words: Vec<&str> =
        command_line.split(|byte| *byte == 0).filter_map(|it| std::str::from_utf8(it).ok()).collect();
    let is_conmon = words.first()?.rsplit('/').next() == Some("conmon");
    let at = words.iter().position(|word| matches!(*word, "-b" | "--bundle")).filter(|_| is_conmon)?;
    of_mount(&format!("{}/config.json", words.get(at + 1)?)).map(|(place, _)| place)
}

/// One entry of `containers.json`, which lists the folder.
#[derive(Debug, Deserialize)]
struct Listed {
    id: String,
    #[serde(default)]
    names: Vec<String>,
}

fn names(root: &Root, place: &str) -> Vec<Listed> {
    match root.read(&format!("{place}/containers.json")).content {
        Content::Found(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn container(root: &Root, place: &str, id: ContainerId, names: &[Listed]) -> Option<Record> {
    let folder = format!("{place}/{}/userdata", id.as_str());
    let read = |name: &str| match root.read(&format!("{folder}/{name}")).content {
        Content::Found(bytes) => Some(bytes),
        _ => None,
    };
    let pid = read("pidfile").and_then(|bytes| String::from_utf8_lossy(&bytes).trim().parse().ok());
    let config = read("config.json").and_then(|bytes| Config::parse(&bytes));
    if pid.is_none() && config.is_none() {
        return None;
    }
    let config = config.unwrap_or_default();
    let by_libpod = config.annotation("io.container.manager") == Some("libpod");
    let by_crio = !by_libpod && config.annotation("io.kubernetes.cri-o.ContainerType").is_some();
    let mut record = Record::new(id, if by_crio { Runtime::CriO } else { Runtime::Podman });
    record.pid = pid;
    record.has_stopped =
        by_crio && !matches!(root.read(&format!("{folder}/{STOPPED}")).content, Content::Missing);
    record.netns = config.netns();
    record.resolv_conf = config.mounted_at("/etc/resolv.conf").map(str::to_owned);
    let listed = names.iter().find(|listed| listed.id == record.id.as_str());
    record.name = listed.and_then(|listed| listed.names.first().cloned());
    if by_crio {
        of_crio(&mut record, &config);
    } else {
        of_podman(&mut record, &config);
    }
    config.confirm(&mut record);
    record.hostname = config.hostname;
    Some(record)
}

/// CRI-O's annotations (`internal/annotations`, `server/sandbox_run_linux.go`): its own on sandboxes, Kubernetes' plain
/// ones on containers. Among the plain ones are those that the pod's owner chose; the labels, kept as one text, are the
/// kubelet's, so they go first.
fn of_crio(record: &mut Record, config: &Config) {
    let own = |key: &str| config.annotation(&format!("io.kubernetes.cri-o.{key}"));
    let plain = |key: &str| config.annotation(&format!("io.kubernetes.{key}"));
    record.sandbox = own("SandboxID").and_then(ContainerId::new);
    let labels: std::collections::BTreeMap<String, String> =
        own("Labels").and_then(|labels| serde_json::from_str(labels).ok()).unwrap_or_default();
    let label = |key: &str| labels.get(&format!("io.kubernetes.{key}")).map(String::as_str);
    record.uid = label("pod.uid").or(plain("pod.uid")).and_then(PodUid::new);
    if own("ContainerType") == Some("sandbox") {
        record.part = Part::Sandbox;
        record.name = None;
        let (namespace, name) =
            (own("Namespace").or(label("pod.namespace")), own("KubeName").or(label("pod.name")));
        record.pod = PodName::new(namespace, name);
        record.resolv_conf = own("ResolvPath").map(str::to_owned).or(record.resolv_conf.take());
        let annotations: std::collections::BTreeMap<String, String> =
            own("Annotations").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        record.default_container = annotations.get("kubectl.kubernetes.io/default-container").cloned();
    } else {
        let told = |key: &str| label(key).or(plain(key));
        record.pod = PodName::new(told("pod.namespace"), told("pod.name"));
        let name = told("container.name");
        record.name = name.map(str::to_owned).or(record.name.take());
    }
}

/// podman's containers carry the name of their pod nowhere but in its data base ([`libpod`]); the infra container has the
/// pod's name as its host name unless another was asked for (libpod `runtime_pod_infra`), and is named by the pod's own id.
fn of_podman(record: &mut Record, config: &Config) {
    record.sandbox = config.annotation("io.kubernetes.cri-o.SandboxID").and_then(ContainerId::new);
    if record.name.as_deref().and_then(libpod::pod_of_infra).is_some() {
        record.part = Part::Sandbox;
        record.pod = PodName::new(None, config.hostname.as_deref());
    }
}
