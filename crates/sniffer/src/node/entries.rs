//! From processes and what is written down to the entries of a node.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;

use super::cgroup::{Manager, Role};
use super::id::{ContainerId, PodUid};
use super::mounts::{self, Trace};
use super::processes::{Processes, Seen};
use super::records::{Netns, Part, Record, Runtime};
use super::{Container, Entry, Kind, Network, PodName, Scopes, Written, scope};
use crate::host::Host;
use crate::pod_files::Root;
use crate::process::netns_inode;

/// Where `ip netns` looks, and Docker's own folders, which it does not.
const NAMED: [&str; 2] = ["run/netns", "var/run/netns"];
const OTHER_NAMED: [&str; 2] = ["run/docker/netns", "var/run/docker/netns"];
/// Namespaces without a container whose mounts are looked at for one (rootless podman).
const MOST_TRACED: usize = 256;

/// What was found on a node.
pub(super) struct Found {
    pub(super) entries: Vec<Entry>,
    pub(super) ended: Vec<PodName>,
    pub(super) evidence: String,
}

/// Whose a process is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Pod(Option<ContainerId>, PodUid),
    Libpod(Option<ContainerId>, ContainerId),
    Container(Option<ContainerId>, ContainerId),
}

/// The processes of one pod or container, each with its namespace and its container.
#[derive(Debug, Default)]
struct Group {
    processes: Vec<(u32, Option<u64>, Option<ContainerId>)>,
    manager: Option<Manager>,
}

/// Everything on the node.
pub(super) fn all(host: &Host, root: &Root, processes: &Processes) -> Found {
    let mut scopes = scope::all(host, root, processes);
    let host_netns = host_netns(host, processes);
    let files = namespace_files(host, processes);
    let groups = groups(host, root, processes, host_netns, &mut scopes);
    let build = Build { scopes: &scopes, host_netns, files: &files };
    let mut entries: Vec<Entry> = groups.iter().map(|(key, group)| build.entry(key, group)).collect();
    entries.extend(build.without_processes(&groups));
    build.add_names(&mut entries);
    entries.extend(build.rest(processes, &entries));
    entries.sort_by(|a, b| {
        (a.kind, &a.within, &a.pod, &a.names, a.netns).cmp(&(b.kind, &b.within, &b.pod, &b.names, b.netns))
    });
    let ended = ended(&scopes, &entries);
    let evidence = evidence(processes, &scopes);
    Found { entries, ended, evidence }
}

/// The node's own namespace: that of its first process; where that is not shown, of this program when it runs on the node
/// itself, else of the first process that is in no container.
fn host_netns(host: &Host, processes: &Processes) -> Option<u64> {
    let of = |pid: &u32| processes.by_pid.get(pid).and_then(|seen| seen.netns);
    let own = || {
        let link = (host == &Host::default()).then(|| fs::read_link("/proc/self/ns/net").ok()).flatten()?;
        netns_inode(link.to_str()?)
    };
    let outside =
        || processes.by_pid.values().filter(|seen| seen.place.is_nowhere()).find_map(|seen| seen.netns);
    of(&1).or_else(own).or_else(outside)
}

/// Files that stand for network namespaces, by path: from the mount table of the first process that shows one (another
/// root may not carry the mounts themselves), and from the files.
fn namespace_files(host: &Host, processes: &Processes) -> BTreeMap<String, Option<u64>> {
    let mut pids = processes.by_pid.iter().filter(|(_, seen)| seen.place.is_nowhere()).map(|(pid, _)| *pid);
    let table = pids.by_ref().take(8).find_map(|pid| scope::mount_table(host, pid)).unwrap_or_default();
    let mut files: BTreeMap<String, Option<u64>> =
        mounts::namespace_files(&table).into_iter().map(|(path, inode)| (path, Some(inode))).collect();
    for folder in NAMED.iter().chain(&OTHER_NAMED) {
        let Ok(entries) = fs::read_dir(host.path(folder)) else { continue };
        for entry in entries.flatten() {
            let folder = folder.strip_prefix("var/").unwrap_or(folder);
            let path = format!("/{folder}/{}", entry.file_name().to_string_lossy());
            files.entry(path).or_insert_with(|| nsfs_inode(&entry));
        }
    }
    files
}

/// The inode of a namespace file; a file of another kind was left over, or its mount is not seen from here.
fn nsfs_inode(entry: &fs::DirEntry) -> Option<u64> {
    let metadata = entry.path().symlink_metadata().ok()?;
    // A namespace is a file without content that is read-only for everyone, on the kernel's own file system (device
    // major number 0); the file it is mounted on is none of that.
    let is_nsfs =
        metadata.is_file() && metadata.mode() & 0o222 == 0 && nix::sys::stat::major(metadata.dev()) == 0;
    is_nsfs.then(|| metadata.ino())
}

fn groups(
    host: &Host,
    root: &Root,
    processes: &Processes,
    host_netns: Option<u64>,
    scopes: &mut Scopes,
) -> BTreeMap<Key, Group> {
    let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
    let mut traced: BTreeMap<u64, Option<(Key, Option<ContainerId>)>> = BTreeMap::new();
    for (pid, seen) in &processes.by_pid {
        if seen.place.role == Role::Monitor {
            continue;
        }
        let found = match key_of(seen, scopes) {
            Some(key) => Some((key, seen.place.container.clone())),
            None => match seen.netns.filter(|netns| Some(*netns) != host_netns) {
                Some(netns) if traced.len() < MOST_TRACED => traced
                    .entry(netns)
                    .or_insert_with(|| key_of_mounts(host, root, processes, *pid, scopes))
                    .clone(),
                _ => None,
            },
        };
        if let Some((key, container)) = found {
            let group = groups.entry(key).or_default();
            group.manager = group.manager.or(seen.place.manager);
            group.processes.push((*pid, seen.netns, container));
        }
    }
    groups
}

fn key_of(seen: &Seen, scopes: &Scopes) -> Option<Key> {
    let place = &seen.place;
    let within = place.within.clone();
    if let Some(uid) = &place.pod {
        return Some(Key::Pod(within, uid.clone()));
    }
    if let Some(pod) = &place.libpod {
        return Some(Key::Libpod(within, pod.clone()));
    }
    let id = place.container.as_ref()?;
    // Seen from another cgroup namespace a path may have lost its beginning, and with it the pod.
    let pod = scopes.get(&within).and_then(|written| pod_of_container(written, id));
    Some(pod.map_or_else(|| Key::Container(within.clone(), id.clone()), |uid| Key::Pod(within.clone(), uid)))
}

/// The pod of a container whose cgroup names none, by what its CRI runtime or the kubelet wrote. Not by Docker's labels:
/// whoever starts a container chooses those.
fn pod_of_container(written: &Written, id: &ContainerId) -> Option<PodUid> {
    let record =
        written.records.get(id).filter(|it| matches!(it.runtime, Runtime::Containerd | Runtime::CriO));
    let by_record = record.and_then(|record| {
        let sandbox = record.sandbox.as_ref().and_then(|id| written.records.get(id));
        record.uid.clone().or_else(|| sandbox?.uid.clone())
    });
    by_record.or_else(|| {
        let (pod, _) = written.logs.by_container.get(id)?;
        written.logs.uid_of(pod).cloned()
    })
}

/// What the mounts of a process without a container's cgroup say: podman without privileges has none on cgroup v1.
fn key_of_mounts(
    host: &Host,
    root: &Root,
    processes: &Processes,
    pid: u32,
    scopes: &mut Scopes,
) -> Option<(Key, Option<ContainerId>)> {
    match scope::traces(host, pid).into_iter().next()? {
        Trace::Pod(uid) => Some((Key::Pod(None, uid), None)),
        Trace::Container(folder, id) => {
            let records = &mut scopes.get_mut(&None)?.records;
            records.look_in(root, &folder);
            // podman's own folder holds what the folder of the mount lacks.
            let parent = scope::parent_outside(host, processes, pid);
            if let Some(folder) = parent.and_then(|parent| scope::folder_of(host, parent)) {
                records.look_in(root, &folder);
            }
            Some((Key::Container(None, id.clone()), Some(id)))
        }
    }
}

/// What entries are made from.
struct Build<'a> {
    scopes: &'a Scopes,
    host_netns: Option<u64>,
    files: &'a BTreeMap<String, Option<u64>>,
}

impl Build<'_> {
    fn entry(&self, key: &Key, group: &Group) -> Entry {
        let (Key::Pod(within, _) | Key::Libpod(within, _) | Key::Container(within, _)) = key;
        let nothing = Written::default();
        let written = self.scopes.get(within).unwrap_or(&nothing);
        let records = records_of(key, group, written);
        let sandbox = records.iter().copied().find(|record| record.part == Part::Sandbox);
        let sandbox_id =
            sandbox.map(|it| &it.id).or_else(|| records.iter().find_map(|it| it.sandbox.as_ref()));
        let netns = group.netns(sandbox_id, &records);
        // Without permission no namespace is shown; then all count.
        let pids = group.processes.iter().filter(|it| it.1 == netns).map(|it| it.0).collect();
        let first = records.first().copied();
        Entry {
            kind: if matches!(key, Key::Container(..)) { Kind::Container } else { Kind::Pod },
            netns,
            network: self.network(netns),
            pids,
            pod: name_of(key, written, &records),
            uid: if let Key::Pod(_, uid) = key { Some(uid.clone()) } else { None },
            within: within.clone(),
            containers: containers(key, group, written, &records, sandbox_id),
            sandbox: sandbox_id.map(|id| Container {
                name: None,
                id: Some(id.clone()),
                pid: group.first(id),
                pids: group.all(id),
            }),
            default_container: records.iter().find_map(|record| record.default_container.clone()),
            runtime: first.map(|record| record.runtime).or(group.manager.map(runtime_of)),
            names: Vec::new(),
            pinned: records.iter().find_map(|record| pinned(record)),
            resolv_conf: sandbox.or(first).and_then(|record| record.resolv_conf.clone()),
        }
    }

    fn network(&self, netns: Option<u64>) -> Network {
        if netns.is_some() && netns == self.host_netns { Network::Host } else { Network::Own }
    }

    /// Pods that have a sandbox written down but no process: their namespace is held by a file (CRI-O without infra
    /// containers).
    fn without_processes(&self, groups: &BTreeMap<Key, Group>) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (within, written) in self.scopes {
            for record in written.records.iter().filter(|record| record.part == Part::Sandbox) {
                let Some(uid) = &record.uid else { continue };
                let key = Key::Pod(within.clone(), uid.clone());
                let Some(file) = pinned(record).filter(|_| !groups.contains_key(&key)) else { continue };
                let Some(inode) = self.files.get(&file) else { continue };
                let mut entry = self.entry(&key, &Group::default());
                entry.netns = *inode;
                entry.network = self.network(*inode);
                entries.push(entry);
            }
        }
        entries
    }

    /// Gives entries the names of their namespace; a namespace that the node shares with them keeps its own.
    fn add_names(&self, entries: &mut [Entry]) {
        for (path, inode) in self.files {
            for entry in entries.iter_mut().filter(|entry| entry.network == Network::Own) {
                if inode.is_some() && entry.netns == *inode {
                    entry.names.push(shown(path));
                    entry.pinned.get_or_insert_with(|| path.clone());
                }
            }
        }
    }

    /// The node itself, and the namespaces that belong to no pod and no container.
    fn rest(&self, processes: &Processes, known: &[Entry]) -> Vec<Entry> {
        let mut by_netns: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        let taken: BTreeSet<u32> = known.iter().flat_map(|entry| entry.pids.iter().copied()).collect();
        for (pid, seen) in processes.by_pid.iter().filter(|(pid, _)| !taken.contains(pid)) {
            if let Some(netns) = seen.netns {
                by_netns.entry(netns).or_default().push(*pid);
            }
        }
        let owned: BTreeSet<u64> = known
            .iter()
            .filter(|entry| entry.network == Network::Own)
            .filter_map(|entry| entry.netns)
            .collect();
        let mut rest = vec![Entry {
            pids: self.host_netns.and_then(|netns| by_netns.remove(&netns)).unwrap_or_default(),
            network: Network::Host,
            ..bare(Kind::Host, self.host_netns)
        }];
        for (path, inode) in self.files {
            match inode {
                Some(inode) if Some(*inode) == self.host_netns => rest[0].names.push(shown(path)),
                Some(inode) if owned.contains(inode) => {}
                _ => match rest.iter_mut().find(|entry| inode.is_some() && entry.netns == *inode) {
                    Some(entry) => entry.names.push(shown(path)),
                    None => rest.push(Entry {
                        names: vec![shown(path)],
                        pinned: Some(path.clone()),
                        pids: inode.and_then(|inode| by_netns.remove(&inode)).unwrap_or_default(),
                        ..bare(Kind::Named, *inode)
                    }),
                },
            }
        }
        let held = by_netns.into_iter().filter(|(netns, _)| !owned.contains(netns));
        rest.extend(held.map(|(netns, pids)| Entry { pids, ..bare(Kind::Process, Some(netns)) }));
        rest
    }
}

fn bare(kind: Kind, netns: Option<u64>) -> Entry {
    Entry {
        kind,
        netns,
        network: Network::Own,
        pids: Vec::new(),
        pod: None,
        uid: None,
        within: None,
        containers: Vec::new(),
        sandbox: None,
        default_container: None,
        runtime: None,
        names: Vec::new(),
        pinned: None,
        resolv_conf: None,
    }
}

impl Group {
    /// The namespace of a pod: its sandbox's, else that of the process its runtime started, else of its first. A process
    /// of a container may have made one for itself.
    fn netns(&self, sandbox: Option<&ContainerId>, records: &[&Record]) -> Option<u64> {
        let of =
            |id: &ContainerId| self.processes.iter().find(|it| it.2.as_ref() == Some(id) && it.1.is_some());
        let recorded = || {
            let pids: Vec<u32> = records.iter().filter_map(|record| record.pid).collect();
            self.processes.iter().find(|it| pids.contains(&it.0) && it.1.is_some())
        };
        let first = || self.processes.iter().find(|it| it.1.is_some());
        sandbox.and_then(of).or_else(recorded).or_else(first)?.1
    }

    /// The first process of a container: the one that its runtime wrote down, if that is there, else the lowest number.
    fn first(&self, id: &ContainerId) -> Option<u32> {
        self.processes.iter().find(|it| it.2.as_ref() == Some(id) && it.1.is_some()).map(|it| it.0)
    }

    fn all(&self, id: &ContainerId) -> Vec<u32> {
        self.processes.iter().filter(|it| it.2.as_ref() == Some(id)).map(|it| it.0).collect()
    }

    fn main(&self, record: Option<&Record>, id: &ContainerId) -> Option<u32> {
        let recorded = record.and_then(|record| record.pid);
        let confirmed = self.processes.iter().find(|it| Some(it.0) == recorded && it.2.as_ref() == Some(id));
        confirmed.filter(|it| it.1.is_some()).map(|it| it.0).or_else(|| self.first(id))
    }
}

/// A pod's name, by its runtime's file if that is about the same UID, else by the kubelet's folder of logs.
fn name_of(key: &Key, written: &Written, records: &[&Record]) -> Option<PodName> {
    let mut by_record = records.iter().filter_map(|record| record.pod.clone());
    match key {
        Key::Pod(_, uid) => by_record
            .next()
            .or_else(|| written.logs.by_uid.get(uid).map(|logged| logged.pod.clone()))
            .or_else(|| {
                let ids = records.iter().map(|record| &record.id);
                ids.filter_map(|id| written.logs.by_container.get(id)).map(|it| it.0.clone()).next()
            }),
        Key::Libpod(..) => by_record.next(),
        Key::Container(..) => None,
    }
}

/// What is written down of a pod's containers: by the UID, and by the ids in its cgroups where they do not name another.
fn records_of<'a>(key: &Key, group: &Group, written: &'a Written) -> Vec<&'a Record> {
    let ids: BTreeSet<&ContainerId> = group.processes.iter().filter_map(|it| it.2.as_ref()).collect();
    let mine = |record: &&Record| match key {
        Key::Pod(_, uid) if record.runtime == Runtime::Docker => {
            // Labels alone make no member, unless it has ended and nothing else can tell.
            let ended = record.pid.is_none() && record.uid.as_ref() == Some(uid);
            ids.contains(&record.id) && record.uid.as_ref().is_none_or(|other| other == uid)
                || ended && record.sandbox.as_ref().is_some_and(|it| ids.contains(it))
        }
        Key::Pod(_, uid) => record.uid.as_ref().map_or(ids.contains(&record.id), |other| other == uid),
        Key::Libpod(..) => {
            ids.contains(&record.id) || record.sandbox.as_ref().is_some_and(|sandbox| ids.contains(sandbox))
        }
        Key::Container(_, id) => record.id == *id,
    };
    written.records.iter().filter(mine).collect()
}

/// Running containers in the order of their processes, then those of which there are only traces.
fn containers(
    key: &Key,
    group: &Group,
    written: &Written,
    records: &[&Record],
    sandbox: Option<&ContainerId>,
) -> Vec<Container> {
    let running = group.processes.iter().filter_map(|it| it.2.as_ref());
    let ids: BTreeSet<&ContainerId> = running.chain(records.iter().map(|record| &record.id)).collect();
    let mut containers: Vec<Container> = ids
        .into_iter()
        .filter(|id| Some(*id) != sandbox || matches!(key, Key::Container(..)))
        .map(|id| {
            let record = records.iter().copied().find(|record| record.id == *id);
            let logged = || written.logs.by_container.get(id).map(|(_, container)| container.clone());
            let name = record.and_then(|record| record.name.clone()).or_else(logged);
            Container { name, id: Some(id.clone()), pid: group.main(record, id), pids: group.all(id) }
        })
        .collect();
    if let Key::Pod(_, uid) = key {
        for name in written.logs.by_uid.get(uid).map_or(&[][..], |logged| &logged.containers) {
            if containers.iter().all(|container| container.name.as_ref() != Some(name)) {
                let mut newest = written.logs.by_container.iter().filter(|(_, (pod, container))| {
                    container == name && written.logs.by_uid.get(uid).is_some_and(|logged| logged.pod == *pod)
                });
                let id = newest.next().map(|(id, _)| id.clone());
                containers.push(Container { name: Some(name.clone()), id, ..Container::default() });
            }
        }
    }
    containers.sort_by_key(|container| (container.pid.unwrap_or(u32::MAX), container.name.clone()));
    containers
}

fn runtime_of(manager: Manager) -> Runtime {
    match manager {
        Manager::Containerd => Runtime::Containerd,
        Manager::CriO => Runtime::CriO,
        Manager::Docker => Runtime::Docker,
        Manager::Podman => Runtime::Podman,
    }
}

/// `/var/run` is a link to `/run` everywhere.
fn pinned(record: &Record) -> Option<String> {
    match &record.netns {
        Netns::Pinned(path) => {
            Some(path.strip_prefix("/var/run/").map_or(path.clone(), |rest| format!("/run/{rest}")))
        }
        Netns::Host | Netns::Unknown => None,
    }
}

/// By the name that `ip netns` has for it, or by its path where that has none.
fn shown(path: &str) -> String {
    path.strip_prefix("/run/netns/").unwrap_or(path).to_owned()
}

fn ended(scopes: &Scopes, entries: &[Entry]) -> Vec<PodName> {
    let there: BTreeSet<&PodUid> = entries.iter().filter_map(|entry| entry.uid.as_ref()).collect();
    let logged = scopes.get(&None).into_iter().flat_map(|written| &written.logs.by_uid);
    let ended: BTreeSet<PodName> =
        logged.filter(|(uid, _)| !there.contains(uid)).map(|(_, logged)| logged.pod.clone()).collect();
    ended.into_iter().collect()
}

fn evidence(processes: &Processes, scopes: &Scopes) -> String {
    let places: Vec<&str> =
        scopes.values().flat_map(|written| &written.records.places).map(String::as_str).collect();
    let logs: usize = scopes.values().map(|written| written.logs.by_uid.len()).sum();
    let records = if places.is_empty() {
        "no runtime's files where runtimes keep them".to_owned()
    } else {
        format!("files in /{}", places.join(", /"))
    };
    format!("the cgroups of {} processes, {records}, {logs} folders in /var/log/pods", processes.by_pid.len())
}
