//! From what the user named to a network namespace and the files that belong to it.

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::Error;
use crate::host::Host;
use crate::netns::Netns;
use crate::node::files::folders_in_run;
use crate::node::{Container, ContainerQuery, Entry, Node, PodQuery};
use crate::pod_files::Root;
use crate::process::Process;

/// What the user named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Target {
    /// The namespace that dnsprobe runs in.
    #[default]
    Here,
    /// The namespace of a process.
    Pid(u32),
    /// A name under `/run/netns`, or the path of a namespace file when it contains a `/`.
    Netns(String),
    /// A pod on this node, and one of its containers.
    Pod(PodQuery, Option<ContainerQuery>),
    /// A container, in a pod or not.
    Container(ContainerQuery),
}

/// A target that was found.
#[derive(Debug)]
pub struct Located {
    /// The process, when one was named or stands for the target.
    pub process: Option<Process>,
    /// Where its packets pass.
    pub netns: Netns,
    /// Where its files are read. For a named namespace: the node's files as `ip netns exec NAME` shows them; for a
    /// namespace given by another path: the node's.
    pub root: Root,
    /// The pod or container that it was found as.
    pub found: Option<Found>,
}

/// A pod or container that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The pod, or the container outside a pod.
    pub entry: Entry,
    /// The container that stands for it.
    pub container: Option<Container>,
    /// What its user should know.
    pub notes: Vec<String>,
}

impl Located {
    /// From an entry of the node, with one of its containers or its main one.
    ///
    /// # Errors
    /// As [`Entry::open`].
    pub fn open(host: &Host, entry: &Entry, container: Option<&Container>) -> Result<Self, Error> {
        let opened = entry.open(host, container)?;
        let netns = entry.open_netns(host, opened.process.as_ref())?;
        let container = container.or(entry.main_container()).cloned();
        let found = Found { entry: entry.clone(), container, notes: opened.notes };
        Ok(Self { process: opened.process, netns, root: opened.root, found: Some(found) })
    }

    /// The process's number, when there is one.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }
}

/// Finds a target on a node.
///
/// # Errors
/// [`Error::ProcessGone`], [`Error::UnknownNetns`] and [`Error::UnknownPod`] (which list those that exist),
/// [`Error::AmbiguousPod`], [`Error::UnknownContainer`], [`Error::Changed`], [`Error::NotANetns`], [`Error::Denied`].
pub fn locate(target: &Target, host: &Host) -> Result<Located, Error> {
    match target {
        Target::Here => {
            Ok(Located { process: None, netns: Netns::current()?, root: Root::of_host(host)?, found: None })
        }
        Target::Pid(pid) => {
            let process = Process::open(host, *pid)?;
            let (netns, root) = (process.netns()?, process.root()?);
            Ok(Located { process: Some(process), netns, root, found: None })
        }
        Target::Netns(path) if path.contains('/') => by_path(Path::new(path), host),
        Target::Netns(name) => by_name(name, host),
        Target::Pod(pod, container) => {
            let node = Node::read(host)?;
            match container {
                Some(container) => {
                    let (entry, container) = node.container_of(pod, container)?;
                    Located::open(host, entry, Some(container))
                }
                None => Located::open(host, node.pod(pod)?, None),
            }
        }
        Target::Container(container) => {
            let node = Node::read(host)?;
            let (entry, container) = node.container(container)?;
            Located::open(host, entry, Some(container))
        }
    }
}

/// The names under `/run/netns`, sorted.
pub fn named_netns(host: &Host) -> Vec<String> {
    let folders = named_in(host);
    let entries = folders.iter().filter_map(|dir| std::fs::read_dir(host.path(dir)).ok()).flatten().flatten();
    let names: BTreeSet<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.into_iter().collect()
}

fn by_name(name: &str, host: &Host) -> Result<Located, Error> {
    let is_entry = !matches!(name, "" | "." | "..");
    let mut paths = named_in(host).into_iter().map(|dir| host.path(dir).join(name));
    let Some(path) = paths.find(|path| is_entry && path.exists()) else {
        return Err(Error::UnknownNetns { name: name.to_owned(), existing: named_netns(host) });
    };
    Ok(Located {
        process: None,
        netns: Netns::open(&path)?,
        root: Root::of_named_netns(host, name)?,
        found: None,
    })
}

fn by_path(given: &Path, host: &Host) -> Result<Located, Error> {
    let path = if given.is_absolute() { host.path(given) } else { given.to_owned() };
    let netns = Netns::open(&path)?;
    let root = match name_of(&path, host) {
        Some(name) => Root::of_named_netns(host, name)?,
        None => Root::of_host(host)?,
    };
    Ok(Located { process: None, netns, root, found: None })
}

/// The name that `ip netns` has for this path, if it has one.
fn name_of<'a>(path: &'a Path, host: &Host) -> Option<&'a str> {
    let dir = path.parent()?;
    // As typed: `/var/run` is a link to `/run`.
    let named = ["run/netns", "var/run/netns"].iter().any(|named| dir == host.path(named));
    named.then(|| path.file_name()?.to_str()).flatten()
}

/// Where `ip netns` keeps its names, below the node's root.
fn named_in(host: &Host) -> Vec<String> {
    folders_in_run(host, "netns")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn here_is_the_namespace_of_the_caller() {
        let here = locate(&Target::Here, &Host::default()).unwrap();
        assert!(here.netns.is(&Netns::current().unwrap()));
        assert_eq!(here.pid(), None);
    }

    #[test]
    fn a_pid_brings_its_process_namespace_and_root() {
        let own = std::process::id();
        let located = locate(&Target::Pid(own), &Host::default()).unwrap();
        assert_eq!(located.pid(), Some(own));
        assert!(located.netns.is(&Netns::current().unwrap()));
    }

    #[test]
    fn pid_zero_and_pids_beyond_the_limit_are_gone() {
        for pid in [0, u32::MAX] {
            let error = locate(&Target::Pid(pid), &Host::default()).unwrap_err();
            assert_eq!(error.to_string(), format!("process {pid} does not exist (any more)"));
        }
    }

    #[test]
    fn an_unknown_name_lists_those_that_exist() {
        let node = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(node.path().join("run/netns")).unwrap();
        for name in ["blue", "red"] {
            std::fs::write(node.path().join("run/netns").join(name), "").unwrap();
        }
        for unknown in ["green", "..", "."] {
            let error = locate(&Target::Netns(unknown.into()), &Host::at(node.path())).unwrap_err();
            let said = format!("no network namespace is named {unknown:?}; named namespaces here: blue, red");
            assert_eq!(error.to_string(), said);
        }
    }

    #[test]
    fn an_unknown_name_says_when_there_are_none() {
        let node = tempfile::tempdir().unwrap();
        let error = locate(&Target::Netns("green".into()), &Host::at(node.path())).unwrap_err();
        assert!(error.to_string().ends_with("there are no named namespaces here"), "{error}");
    }

    #[test]
    fn another_nodes_names_are_not_looked_for_in_the_readers_own_folder() {
        let (node, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir_all(node.path().join("run/netns")).unwrap();
        std::fs::create_dir_all(node.path().join("var")).unwrap();
        std::fs::create_dir_all(own.path().join("netns")).unwrap();
        std::fs::write(own.path().join("netns/mine"), "").unwrap();
        // On a node it leads to `/run`: seen from a container, to the container's.
        std::os::unix::fs::symlink(own.path(), node.path().join("var/run")).unwrap();
        let host = Host::at(node.path());
        assert!(named_netns(&host).is_empty());
        let error = locate(&Target::Netns("mine".into()), &host).unwrap_err();
        assert!(matches!(error, Error::UnknownNetns { .. }), "{error}");
    }

    #[test]
    fn a_name_left_over_from_a_removed_namespace_is_no_namespace() {
        let node = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(node.path().join("var/run/netns")).unwrap();
        std::fs::write(node.path().join("var/run/netns/old"), "").unwrap();
        let error = locate(&Target::Netns("old".into()), &Host::at(node.path())).unwrap_err();
        assert!(error.to_string().ends_with("is not a network namespace but a regular file"), "{error}");
    }

    #[test]
    fn any_other_namespace_or_file_is_refused_with_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let cases = [
            ("/proc/self/ns/uts", "another kind of namespace"),
            ("/dev/null", "a device"),
            ("/proc/self/ns", "a directory"),
            (fifo.to_str().unwrap(), "a FIFO"),
        ];
        for (path, found) in cases {
            let error = locate(&Target::Netns(path.into()), &Host::default()).unwrap_err();
            assert_eq!(error.to_string(), format!("{path} is not a network namespace but {found}"));
        }
    }

    #[test]
    fn a_path_is_taken_as_it_is() {
        let located = locate(&Target::Netns("/proc/self/ns/net".into()), &Host::default()).unwrap();
        assert!(located.netns.is(&Netns::current().unwrap()));
    }

    #[test]
    fn only_paths_below_run_netns_have_a_name() {
        let host = Host::default();
        assert_eq!(name_of(Path::new("/run/netns/blue"), &host), Some("blue"));
        assert_eq!(name_of(Path::new("/var/run/netns/blue"), &host), Some("blue"));
        assert_eq!(name_of(Path::new("/proc/1/ns/net"), &host), None);
    }
}
