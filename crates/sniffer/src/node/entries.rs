//! From processes and what is written down to the entries of a node.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::cgroup::Manager;
use super::files::{self, NamespaceFiles};
use super::groups::{self, Group, Key};
use super::id::{ContainerId, PodUid};
use super::processes::Processes;
use super::records::{Memory, Netns, Part, Record, Runtime};
use super::{Container, Entry, Kind, Network, PodName, Scopes, Written, scope};
use crate::host::Host;
use crate::pod_files::Root;
use crate::process::netns_inode;

/// What was found on a node.
pub(super) struct Found {
    pub(super) entries: Vec<Entry>,
    pub(super) ended: Vec<PodName>,
    pub(super) evidence: String,
    /// What was read of the runtimes' files, for the next look.
    pub(super) memory: Memory,
}

/// Everything on the node.
pub(super) fn all(host: &Host, root: &Root, processes: &Processes, before: Memory) -> Found {
    let mut scopes = scope::all(host, root, processes, before);
    let host_netns = host_netns(host, processes);
    let files = files::all(host, processes);
    let groups = groups::all(host, root, processes, host_netns, &mut scopes);
    let build = Build { host, scopes: &scopes, host_netns, files: &files };
    let whole = groups.iter().map(|(key, group)| (build.entry(key, group), group));
    let mut entries: Vec<Entry> = whole.flat_map(|(entry, group)| build.apart(entry, group)).collect();
    entries.extend(build.without_processes(&groups));
    build.add_names(&mut entries);
    entries.extend(build.rest(processes, &entries));
    entries.sort_by(|a, b| {
        (a.kind, &a.within, &a.pod, &a.names, a.netns).cmp(&(b.kind, &b.within, &b.pod, &b.names, b.netns))
    });
    let ended = ended(&scopes, &entries);
    let evidence = evidence(processes, &scopes);
    let memory = scopes.remove(&None).unwrap_or_default().records.memory.next();
    Found { entries, ended, evidence, memory }
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

/// What entries are made from.
struct Build<'a> {
    host: &'a Host,
    scopes: &'a Scopes,
    host_netns: Option<u64>,
    files: &'a NamespaceFiles,
}

impl Build<'_> {
    fn entry(&self, key: &Key, group: &Group) -> Entry {
        let (Key::Pod(within, _) | Key::Libpod(within, _) | Key::Container(within, _)) = key;
        let nothing = Written::default();
        let written = self.scopes.get(within).unwrap_or(&nothing);
        let records = records_of(key, group, written);
        let sandbox_id = sandbox_of(group, &records);
        let sandbox = records.iter().copied().find(|record| Some(&record.id) == sandbox_id);
        let pinned = sandbox.and_then(pinned).or_else(|| records.iter().find_map(|record| pinned(record)));
        // Names of files are the machine's; a node that runs as a container has others of the same names.
        let file = pinned.as_ref().filter(|_| within.is_none()).and_then(|path| *self.files.get(path)?);
        let netns = group.netns(sandbox_id, file, &records);
        // Without permission no namespace is shown; then all count.
        let pids = group.in_netns(netns);
        let first = records.first().copied();
        Entry {
            kind: if matches!(key, Key::Container(..)) { Kind::Container } else { Kind::Pod },
            netns,
            network: self.network(netns),
            pids,
            pod: name_of(key, written, sandbox, &records),
            uid: if let Key::Pod(_, uid) = key { Some(uid.clone()) } else { None },
            within: within.clone(),
            containers: self.containers(key, group, written, &records, sandbox_id),
            sandbox: sandbox_id.map(|id| Container {
                name: None,
                id: Some(id.clone()),
                pid: group.first(id),
                pids: group.all(id),
            }),
            default_container: records.iter().find_map(|record| record.default_container.clone()),
            runtime: first.map(|record| record.runtime).or(group.manager.map(runtime_of)),
            names: Vec::new(),
            pinned,
            resolv_conf: sandbox.or(first).and_then(|record| record.resolv_conf.clone()),
        }
    }

    /// Containers of a pod that have a network of their own (podman's pods need not share one) are entries for themselves,
    /// under the pod's name.
    fn apart(&self, mut entry: Entry, group: &Group) -> Vec<Entry> {
        let is_here = |pid: &u32| group.netns_of(*pid).is_none_or(|it| entry.netns == Some(it));
        let own = |container: &Container| group.netns_of(container.pid?);
        let mut elsewhere: BTreeMap<u64, Vec<Container>> = BTreeMap::new();
        let (mut here, all) = (Vec::new(), entry.containers.clone());
        for mut container in all {
            let is_whole = entry.kind != Kind::Pod || container.pid.as_ref().is_none_or(is_here);
            // One that made a namespace for itself beside its pod's is still seen in its pod's.
            let first = container.pids.iter().copied().find(is_here);
            if let Some(netns) = own(&container).filter(|_| !is_whole && first.is_none()) {
                elsewhere.entry(netns).or_default().push(container);
            } else {
                container.pid = if is_whole { container.pid } else { first };
                here.push(container);
            }
        }
        entry.containers = here;
        let others = elsewhere.into_iter().map(|(netns, containers)| Entry {
            netns: Some(netns),
            network: self.network(Some(netns)),
            pids: group.in_netns(Some(netns)),
            containers,
            sandbox: None,
            pinned: None,
            resolv_conf: None,
            ..entry.clone()
        });
        let others: Vec<Entry> = others.collect();
        std::iter::once(entry).chain(others).collect()
    }

    /// Running containers in the order of their processes, then those of which there are only traces.
    fn containers(
        &self,
        key: &Key,
        group: &Group,
        written: &Written,
        records: &[&Record],
        sandbox: Option<&ContainerId>,
    ) -> Vec<Container> {
        let running = group.processes.iter().filter_map(|it| it.container.as_ref());
        let sandboxes = records.iter().filter(|record| record.part == Part::Sandbox).map(|record| &record.id);
        let sandboxes: BTreeSet<&ContainerId> = sandboxes.chain(sandbox).collect();
        let ids: BTreeSet<&ContainerId> = running.chain(records.iter().map(|record| &record.id)).collect();
        let mut containers: Vec<Container> = ids
            .into_iter()
            .filter(|id| !sandboxes.contains(id) || matches!(key, Key::Container(..)))
            .map(|id| {
                let record = records.iter().copied().find(|record| record.id == *id);
                let logged = || written.logs.by_container.get(id).map(|(_, container)| container.clone());
                let name = record.and_then(|record| record.name.clone()).or_else(logged);
                Container {
                    name,
                    id: Some(id.clone()),
                    pid: group.main(self.host, record, id),
                    pids: group.all(id),
                }
            })
            .collect();
        if let Key::Pod(_, uid) = key {
            forget_earlier_runs(&mut containers, written);
            for name in written.logs.by_uid.get(uid).map_or(&[][..], |logged| &logged.containers) {
                if containers.iter().all(|container| container.name.as_ref() != Some(name)) {
                    let mut newest = written.logs.by_container.iter().filter(|(_, (pod, container))| {
                        container == name
                            && written.logs.by_uid.get(uid).is_some_and(|logged| logged.pod == *pod)
                    });
                    let id = newest.next().map(|(id, _)| id.clone());
                    containers.push(Container { name: Some(name.clone()), id, ..Container::default() });
                }
            }
        }
        containers.sort_by_key(|container| (container.pid.unwrap_or(u32::MAX), container.name.clone()));
        containers
    }

    fn network(&self, netns: Option<u64>) -> Network {
        if netns.is_some() && netns == self.host_netns { Network::Host } else { Network::Own }
    }

    /// Pods that have a sandbox written down but no process (CRI-O without infra containers): their namespace is held by a
    /// file, or is the node's.
    fn without_processes(&self, groups: &BTreeMap<Key, Group>) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (within, written) in self.scopes {
            for record in written.records.iter().filter(|record| record.part == Part::Sandbox) {
                let Some(uid) = &record.uid else { continue };
                let key = Key::Pod(within.clone(), uid.clone());
                if groups.contains_key(&key) || record.has_stopped {
                    continue;
                }
                let inode = match (pinned(record), &record.netns) {
                    (Some(file), _) => self.files.get(&file).copied(),
                    // Nothing is pinned of the node's own.
                    (None, Netns::Host) if within.is_none() => Some(self.host_netns),
                    (None, _) => None,
                };
                let Some(inode) = inode else { continue };
                let mut entry = self.entry(&key, &Group::default());
                entry.netns = inode;
                entry.network = self.network(inode);
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

/// The container that holds a pod's namespaces: of those written down one that runs, else one that a running container
/// names, else any. There may be one from before the node was started again.
fn sandbox_of<'a>(group: &Group, records: &[&'a Record]) -> Option<&'a ContainerId> {
    let own = || records.iter().filter(|record| record.part == Part::Sandbox).map(|record| &record.id);
    let named = || records.iter().filter_map(|record| Some((record, record.sandbox.as_ref()?)));
    own()
        .chain(named().map(|it| it.1))
        .find(|id| group.has(id))
        .or_else(|| named().find(|(record, _)| group.has(&record.id)).map(|it| it.1))
        .or_else(|| own().next())
        .or_else(|| named().next().map(|it| it.1))
}

/// A pod's name, by its runtime's file about the sandbox, then about its containers, else by the kubelet's folder of logs.
fn name_of(key: &Key, written: &Written, sandbox: Option<&Record>, records: &[&Record]) -> Option<PodName> {
    let mut by_record =
        sandbox.into_iter().chain(records.iter().copied()).filter_map(|record| record.pod.clone());
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
    let ids: BTreeSet<&ContainerId> = group.processes.iter().filter_map(|it| it.container.as_ref()).collect();
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

/// Of a container that was started again only the last run counts: the one that runs, else the one that the kubelet's
/// newest log is of.
fn forget_earlier_runs(containers: &mut Vec<Container>, written: &Written) {
    let rank = |container: &Container| {
        let logged = container.id.as_ref().is_some_and(|id| written.logs.by_container.contains_key(id));
        (container.pid.is_none(), !logged)
    };
    containers.sort_by_key(rank);
    let mut names = BTreeSet::new();
    containers.retain(|container| {
        let is_new = container.name.as_ref().is_none_or(|name| names.insert(name.clone()));
        is_new || container.pid.is_some()
    });
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
