//! Choosing entries by what the user typed.

use super::id::{ContainerId, PodUid};
use super::{Container, Entry, Kind, Node, PodName};
use crate::error::Error;

/// The shortest part of an id that is taken for one; Docker's own shortest is 12, people type less.
const SHORTEST_ID: usize = 4;
/// The longest generated part of a workload's pods: a `ReplicaSet`'s hash.
const LONGEST_SUFFIX: usize = 10;
/// Letters that a generated part has at least, unless it is a number: `v2` is a version that someone gave.
const SHORTEST_SUFFIX: usize = 4;
/// Letters of a generated part without digits (`k8s.io/apimachinery` `util/rand`, `alphanums`, which has no vowels).
const RANDOM_LEN: usize = 5;

/// A pod as typed: its name or UID, or the name of its workload where that leaves one pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodQuery {
    /// The Kubernetes namespace.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl PodQuery {
    /// From `NAME`, `NS/NAME`, or a name and a namespace given apart.
    pub fn new(typed: &str, namespace: Option<&str>) -> Self {
        match typed.split_once('/') {
            Some((own, name)) => Self { namespace: Some(own.to_owned()), name: name.to_owned() },
            None => Self { namespace: namespace.map(str::to_owned), name: typed.to_owned() },
        }
    }

    fn allows(&self, pod: &PodName) -> bool {
        self.namespace.is_none() || self.namespace == pod.namespace
    }
}

/// A container as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerQuery {
    /// Its id, the beginning of its id, or its name.
    pub typed: String,
    /// The Kubernetes namespace of its pod.
    pub namespace: Option<String>,
}

impl ContainerQuery {
    /// From what was typed, and a namespace given beside it.
    pub fn new(typed: &str, namespace: Option<&str>) -> Self {
        Self { typed: typed.to_owned(), namespace: namespace.map(str::to_owned) }
    }

    fn allows(&self, entry: &Entry) -> bool {
        let own = entry.pod.as_ref().and_then(|pod| pod.namespace.as_ref());
        self.namespace.is_none() || self.namespace.as_ref() == own
    }

    fn is(&self, container: &Container) -> Matched {
        let id = container.id.as_ref().map_or("", ContainerId::as_str);
        let typed = self.typed.as_str();
        if container.name.as_deref() == Some(typed) || id == typed {
            Matched::Whole
        } else if typed.len() >= SHORTEST_ID && id.starts_with(typed) {
            Matched::Beginning
        } else {
            Matched::No
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matched {
    Whole,
    Beginning,
    No,
}

impl Node {
    /// The pod that was typed; of one whose containers have networks of their own, the first that has one that runs.
    ///
    /// # Errors
    /// [`Error::UnknownPod`], [`Error::AmbiguousPod`].
    pub fn pod(&self, query: &PodQuery) -> Result<&Entry, Error> {
        let all = self.entries_of(query)?;
        let runs = |entry: &&&Entry| entry.containers.iter().any(|it| it.pid.is_some());
        let one = all.iter().find(runs).or(all.first()).copied();
        one.ok_or_else(|| self.unknown(query))
    }

    /// The pod that was typed and one of its containers.
    ///
    /// # Errors
    /// As [`Node::pod`] and [`Entry::container`].
    pub fn container_of(
        &self,
        query: &PodQuery,
        container: &ContainerQuery,
    ) -> Result<(&Entry, &Container), Error> {
        let all = self.entries_of(query)?;
        let mut found = all.iter().map(|entry| Ok((*entry, entry.container(container)?)));
        let first = found.next().unwrap_or_else(|| Err(self.unknown(query)));
        // What is said of one that is not there names those of the first, where most are.
        first.or_else(|error| found.find_map(Result::ok).ok_or(error))
    }

    /// The entries of the one pod that was typed: several where its containers have networks of their own.
    ///
    /// # Errors
    /// As [`Node::pod`].
    pub fn entries_of(&self, query: &PodQuery) -> Result<Vec<&Entry>, Error> {
        let pods = || self.entries.iter().filter(|entry| entry.kind == Kind::Pod);
        let named = |entry: &&Entry, is: &dyn Fn(&PodName) -> bool| {
            entry.pod.as_ref().is_some_and(|pod| query.allows(pod) && is(pod))
        };
        let by_uid = |entry: &&Entry| entry.uid.as_ref().is_some_and(|uid| uid.as_str() == query.name);
        let mut found: Vec<&Entry> =
            pods().filter(|entry| by_uid(entry) || named(entry, &|pod| pod.name == query.name)).collect();
        if found.is_empty() {
            let nodes = self.names_of_node();
            let fits = |entry: &&Entry| {
                let is_static = entry.uid.as_ref().is_some_and(PodUid::is_static);
                let by_node = |pod: &str| is_static && is_of_node(pod, &query.name, &nodes);
                named(entry, &|pod| is_of_workload(&pod.name, &query.name) || by_node(&pod.name))
            };
            found = pods().filter(fits).collect();
        }
        let Some(first) = found.first() else { return Err(self.unknown(query)) };
        if found.iter().all(|entry| are_one_pod(entry, first)) {
            return Ok(found);
        }
        let mut matches: Vec<String> = found.iter().map(|entry| typed_for(entry, &found)).collect();
        matches.dedup();
        Err(Error::AmbiguousPod { name: query.name.clone(), matches })
    }

    /// What the node may be called: what the names of all its static pods end with (kubelet `pkg/kubelet/config/common.go`,
    /// `generatePodName`).
    fn names_of_node(&self) -> Vec<&str> {
        let of_static = |entry: &&Entry| entry.uid.as_ref().is_some_and(PodUid::is_static);
        let mut names = self.entries.iter().filter(of_static).filter_map(|it| Some(&it.pod.as_ref()?.name));
        let Some(first) = names.next() else { return Vec::new() };
        let others: Vec<&String> = names.collect();
        let ends = first.match_indices('-').map(|(at, _)| &first[at + 1..]);
        let shared = |end: &&str| {
            let has = |name: &&String| name.strip_suffix(end).is_some_and(|rest| rest.ends_with('-'));
            !end.is_empty() && others.iter().all(has)
        };
        // Of one name alone nobody knows where the node's begins; what several share is the node's as a whole.
        ends.filter(shared).take(if others.is_empty() { usize::MAX } else { 1 }).collect()
    }

    /// Every pod of a Kubernetes namespace.
    pub fn pods_of(&self, namespace: &str) -> Vec<&Entry> {
        let of = |entry: &&Entry| {
            entry.pod.as_ref().is_some_and(|pod| pod.namespace.as_deref() == Some(namespace))
        };
        self.entries.iter().filter(of).collect()
    }

    /// The Kubernetes namespaces that have pods here, sorted.
    pub fn namespaces(&self) -> Vec<String> {
        let pods = self.entries.iter().filter_map(|entry| entry.pod.as_ref());
        let mut all: Vec<String> = pods.filter_map(|pod| pod.namespace.clone()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The container that was typed, and what it belongs to.
    ///
    /// # Errors
    /// [`Error::UnknownContainer`], [`Error::AmbiguousContainer`].
    pub fn container(&self, query: &ContainerQuery) -> Result<(&Entry, &Container), Error> {
        let all = || {
            self.entries.iter().filter(|entry| query.allows(entry)).flat_map(|entry| {
                entry.containers.iter().chain(&entry.sandbox).map(move |container| (entry, container))
            })
        };
        let mut found: Vec<_> =
            all().filter(|(_, container)| query.is(container) == Matched::Whole).collect();
        if found.is_empty() {
            found = all().filter(|(_, container)| query.is(container) == Matched::Beginning).collect();
        }
        match found[..] {
            [one] => Ok(one),
            [] => {
                let mut existing: Vec<String> =
                    all().filter_map(|(_, container)| container.name.clone()).collect();
                existing.sort_unstable();
                existing.dedup();
                Err(Error::UnknownContainer { name: query.typed.clone(), pod: None, existing })
            }
            _ => {
                let matches =
                    found.iter().map(|(entry, container)| typed_with_pod(entry, container)).collect();
                Err(Error::AmbiguousContainer { name: query.typed.clone(), matches })
            }
        }
    }

    fn unknown(&self, query: &PodQuery) -> Error {
        let existing = self.entries.iter().filter(|entry| entry.kind == Kind::Pod);
        let shown =
            |pod: &PodName| if query.namespace.is_some() { pod.to_string() } else { pod.name.clone() };
        let ended = self.ended.iter().find(|pod| {
            query.allows(pod) && (pod.name == query.name || is_of_workload(&pod.name, &query.name))
        });
        Error::UnknownPod {
            name: query
                .namespace
                .iter()
                .fold(query.name.clone(), |name, namespace| format!("{namespace}/{name}")),
            existing: existing.filter_map(|entry| entry.pod.as_ref()).map(shown).collect(),
            ended: ended.map(ToString::to_string),
            evidence: self.evidence.clone(),
            denied: self.denied(),
        }
    }
}

impl Entry {
    /// The container of this entry that was typed.
    ///
    /// # Errors
    /// [`Error::UnknownContainer`], with those that there are.
    pub fn container(&self, query: &ContainerQuery) -> Result<&Container, Error> {
        let whole = self.containers.iter().find(|container| query.is(container) == Matched::Whole);
        let beginning = || self.containers.iter().find(|container| query.is(container) == Matched::Beginning);
        whole.or_else(beginning).ok_or_else(|| Error::UnknownContainer {
            name: query.typed.clone(),
            pod: self.pod.as_ref().map(ToString::to_string),
            existing: self.containers.iter().filter_map(|container| container.name.clone()).collect(),
        })
    }

    /// The container that stands for the entry: the one its owner wants tools to choose, else the first that runs, else
    /// the first.
    pub fn main_container(&self) -> Option<&Container> {
        let wanted = self.default_container.as_ref();
        let default = self.containers.iter().find(|it| wanted.is_some() && it.name.as_ref() == wanted);
        default
            .or_else(|| self.containers.iter().find(|it| it.pid.is_some()))
            .or_else(|| self.containers.first())
    }
}

/// Whether a pod's name is a workload's name with what its controller appends: `-HASH-RANDOM` (Deployment), `-RANDOM`
/// (`DaemonSet`, Job), `-NUMBER` (`StatefulSet`), `-TIME-RANDOM` (`CronJob`).
fn is_of_workload(pod: &str, workload: &str) -> bool {
    let Some(rest) = pod.strip_prefix(workload).and_then(|rest| rest.strip_prefix('-')) else { return false };
    let parts: Vec<&str> = rest.split('-').collect();
    parts.len() <= 2 && parts.iter().all(|part| is_generated(part))
}

/// Whether two entries are of one pod: its UID says so, else podman's pod has no UID but its own name.
fn are_one_pod(one: &Entry, other: &Entry) -> bool {
    (&one.within, &one.uid, &one.pod, one.runtime) == (&other.within, &other.uid, &other.pod, other.runtime)
}

/// Whether a static pod's name is that of its manifest with the node's behind it.
fn is_of_node(pod: &str, manifest: &str, nodes: &[&str]) -> bool {
    let rest = pod.strip_prefix(manifest).and_then(|rest| rest.strip_prefix('-'));
    rest.is_some_and(|rest| nodes.contains(&rest))
}

/// The workload that a pod's name tells, with its likely kind: `Deployment`, `StatefulSet`, `DaemonSet` or `CronJob`. A
/// name is a guess, not a fact: the API server knows better.
pub fn workload_of(pod: &str) -> Option<(&'static str, &str)> {
    let (rest, last) = pod.rsplit_once('-')?;
    if !rest.is_empty() && (1..=4).contains(&last.len()) && last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(("StatefulSet", rest));
    }
    let before = rest.rsplit_once('-').filter(|(name, _)| !name.is_empty());
    // Behind the hash of a pod template anything of that length will do.
    let of_template = before.is_some_and(|(_, hash)| is_template_hash(hash));
    let word = last.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    if last.len() != RANDOM_LEN || !(is_generated(last) || (of_template && word)) {
        return None;
    }
    match before {
        // The minute for which it was scheduled (`pkg/controller/cronjob/utils.go`, `getJobName`).
        Some((name, minute)) if minute.len() == 8 && minute.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(("CronJob", name))
        }
        Some((name, hash)) if is_generated(hash) => Some(("Deployment", name)),
        _ if !rest.is_empty() => Some(("DaemonSet", rest)),
        _ => None,
    }
}

/// Whether this is the hash of a pod template: letters without vowels, and digits (`k8s.io/apimachinery/pkg/util/rand`,
/// `SafeEncodeString`).
fn is_template_hash(part: &str) -> bool {
    is_generated(part)
        && part.len() >= RANDOM_LEN
        && part.bytes().any(|byte| byte.is_ascii_digit())
        && !part.bytes().any(|byte| b"aeiou".contains(&byte))
}

fn is_generated(part: &str) -> bool {
    let letters = (1..=LONGEST_SUFFIX).contains(&part.len())
        && part.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    let random = part.len() >= RANDOM_LEN && !part.bytes().any(|byte| b"aeiou".contains(&byte));
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    letters && (random || digits == part.len() || (digits > 0 && part.len() >= SHORTEST_SUFFIX))
}

/// What to type for one of several: the name with its namespace, or the UID where that is not enough.
fn typed_for(entry: &Entry, among: &[&Entry]) -> String {
    let same = 1 + among.iter().filter(|other| other.pod == entry.pod && !are_one_pod(entry, other)).count();
    match (&entry.pod, &entry.uid) {
        (Some(pod), _) if same == 1 => format!("--pod {pod}"),
        (_, Some(uid)) => format!("--pod {uid}"),
        (Some(pod), None) => format!("--pod {pod}"),
        (None, None) => format!("--pid {}", entry.pids.first().copied().unwrap_or_default()),
    }
}

fn typed_with_pod(entry: &Entry, container: &Container) -> String {
    let id = container.id.as_ref().map_or("", ContainerId::short);
    match (&entry.pod, &container.name) {
        (Some(pod), Some(name)) => format!("--pod {pod} --container {name}"),
        _ => format!("--container {id}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_suffix_may_be_left_out() {
        let cases = [
            ("web-7d4b9c-x2x1z", "web", true),
            ("web-7d4b9c6f5d-x2k8p", "web", true),
            ("web-bcdfg", "web", true),
            ("db-0", "db", true),
            ("backup-27812340-qzxcv", "backup", true),
            ("crashy-5f6d", "crashy", true),
            ("web-frontend-7d4b9c-x2x1z", "web", false),
            ("web-front", "web", false),
            ("web-db-0", "web", false),
            ("website-7d4b9c-x2x1z", "web", false),
            ("web-v2-x2x1z", "web", false),
            ("web-v2-x2x1z", "web-v2", true),
            ("web", "web", false),
            ("web-", "web", false),
        ];
        for (pod, workload, is) in cases {
            assert_eq!(is_of_workload(pod, workload), is, "{pod} {workload}");
        }
    }

    #[test]
    fn a_pods_name_tells_its_workload() {
        assert_eq!(workload_of("web-7d4b9c-x2x1z"), Some(("Deployment", "web")));
        assert_eq!(workload_of("web-7d4b9c-abcde"), Some(("Deployment", "web")));
        assert_eq!(workload_of("backup-27812340-qzxcv"), Some(("CronJob", "backup")));
        assert_eq!(workload_of("kafka-broker-2"), Some(("StatefulSet", "kafka-broker")));
        assert_eq!(workload_of("hostnet-5k2xq"), Some(("DaemonSet", "hostnet")));
        for none in ["web", "web-front", "web-front-plane", "web-v1beta-plane", "-1", "x2x1z"] {
            assert_eq!(workload_of(none), None, "{none}");
        }
    }

    #[test]
    fn a_name_is_typed_with_or_without_its_namespace() {
        let typed = |name, namespace| PodQuery::new(name, namespace);
        assert_eq!(typed("sre/web", None), PodQuery { namespace: Some("sre".into()), name: "web".into() });
        assert_eq!(typed("web", Some("sre")), typed("sre/web", None));
        assert_eq!(typed("web", None).namespace, None);
    }
}
