//! Opening what was found: its process, its files, its namespace, each checked against what was found.

use super::cgroup;
use super::{Container, Entry, Kind, Network};
use crate::error::Error;
use crate::host::Host;
use crate::netns::Netns;
use crate::pod_files::{Content, Root};
use crate::process::Process;

/// The longest cgroup file that is read, in bytes.
const MAX_CGROUP: u64 = 64 << 10;
const RESOLV_CONF: &str = "etc/resolv.conf";

/// An entry's process and files.
#[derive(Debug)]
pub struct Opened {
    /// The process that stands for it; none when only a file holds its namespace.
    pub process: Option<Process>,
    /// Where its files are read.
    pub root: Root,
    /// What its user should know, such as that a container does not run.
    pub notes: Vec<String>,
}

impl Entry {
    /// What it is called in messages.
    pub fn title(&self) -> String {
        match (self.kind, &self.pod, &self.uid) {
            (Kind::Pod, Some(pod), _) => format!("pod {pod}"),
            (Kind::Pod, None, Some(uid)) => format!("pod {uid}"),
            (Kind::Host, ..) => "the node".to_owned(),
            _ => match (self.containers.first(), self.names.first(), self.netns) {
                (Some(container), ..) => format!("container {}", title_of(container)),
                (None, Some(name), _) => format!("network namespace {name}"),
                (None, None, Some(netns)) => format!("network namespace {netns}"),
                (None, None, None) => "a network namespace".to_owned(),
            },
        }
    }

    /// Opens the process and the files of one of its containers, or of its main one.
    ///
    /// The process is held by its `/proc/PID` from here on, and checked: it must still have the namespace and the cgroup
    /// that it was found with, so that a number that went to another process meanwhile is noticed.
    ///
    /// # Errors
    /// [`Error::Changed`], [`Error::NothingRuns`], [`Error::Denied`].
    pub fn open(&self, host: &Host, container: Option<&Container>) -> Result<Opened, Error> {
        let (pid, notes) = self.process_of(container.or(self.main_container()));
        let Some(pid) = pid else {
            let file = self.resolv_conf.as_deref().unwrap_or("etc/resolv.conf of no container");
            return Ok(Opened { process: None, root: Root::of_one_file(host, RESOLV_CONF, file)?, notes });
        };
        let Opened { process, mut root, .. } = self.open_process(host, pid)?;
        // A sandbox of some runtimes has no files of its own.
        if let Some(kept) = &self.resolv_conf
            && self.sandbox.as_ref().is_some_and(|sandbox| sandbox.pid == Some(pid))
            && matches!(root.read(RESOLV_CONF).content, Content::Missing)
        {
            root = Root::of_one_file(host, RESOLV_CONF, kept)?;
        }
        Ok(Opened { process, root, notes })
    }

    /// Opens one of its processes, checked as [`Entry::open`] does.
    ///
    /// # Errors
    /// [`Error::Changed`], [`Error::ProcessGone`], [`Error::Denied`].
    pub fn open_process(&self, host: &Host, pid: u32) -> Result<Opened, Error> {
        let process = Process::open(host, pid)?;
        self.check(&process)?;
        let root = process.root()?;
        Ok(Opened { process: Some(process), root, notes: Vec::new() })
    }

    /// Opens its network namespace.
    ///
    /// # Errors
    /// As [`Entry::open`].
    pub fn open_netns(&self, host: &Host, process: Option<&Process>) -> Result<Netns, Error> {
        let netns = match (process, &self.pinned) {
            (Some(process), _) => process.netns()?,
            (None, Some(path)) => open_pinned(host, path)?,
            (None, None) if self.network == Network::Host => open_hosts(host)?,
            (None, None) => return Err(Error::NothingRuns { what: self.title() }),
        };
        if self.netns.is_some_and(|found| found != netns.inode()) {
            let pid = process.map_or(0, Process::pid);
            return Err(Error::Changed { pid, what: self.title() });
        }
        Ok(netns)
    }

    /// The process to look through, and what to say when it is not the container's own.
    fn process_of(&self, container: Option<&Container>) -> (Option<u32>, Vec<String>) {
        let own = container.and_then(|container| container.pid);
        let sandbox = || self.sandbox.as_ref().and_then(|sandbox| sandbox.pid);
        let pid = own.or_else(sandbox).or_else(|| self.pids.first().copied());
        let note = match (container, own, pid) {
            (Some(container), None, Some(pid)) => Some(format!(
                "container {} does not run now; process {pid} of the same {} stands for it",
                title_of(container),
                self.kind.as_str()
            )),
            _ => None,
        };
        (pid, note.into_iter().collect())
    }

    fn check(&self, process: &Process) -> Result<(), Error> {
        let changed = || Error::Changed { pid: process.pid(), what: self.title() };
        let text = process.read("cgroup", MAX_CGROUP)?;
        let place = cgroup::place(&String::from_utf8_lossy(&text));
        let ids =
            || self.containers.iter().chain(&self.sandbox).filter_map(|container| container.id.as_ref());
        let same_pod = place.pod.is_none() || place.pod == self.uid;
        let same_container = match &place.container {
            // Of a pod's containers some may have started since.
            Some(id) => (place.pod.is_some() && self.uid.is_some()) || ids().any(|known| known == id),
            None => true,
        };
        let netns = process.netns_inode()?;
        let same_netns = self.netns.is_none() || netns.is_none() || self.netns == netns;
        if same_pod && same_container && same_netns && place.within == self.within {
            Ok(())
        } else {
            Err(changed())
        }
    }
}

/// The node's own, through its first process; where that is not shown, the caller's, when it runs on the node itself.
fn open_hosts(host: &Host) -> Result<Netns, Error> {
    let first = Netns::open(&host.process(1).join("ns/net"));
    if first.is_err() && *host == Host::default() { Netns::current() } else { first }
}

/// A namespace file. Where the node's root is mounted without what is mounted below it, the first process still sees it.
fn open_pinned(host: &Host, path: &str) -> Result<Netns, Error> {
    let direct = Netns::open(&host.path(path));
    match direct {
        Err(Error::NotANetns { .. } | Error::Io { .. }) => {
            let seen = host.path(format!("proc/1/root/{}", path.trim_start_matches('/')));
            Netns::open(&seen).or(direct)
        }
        other => other,
    }
}

fn title_of(container: &Container) -> String {
    match (&container.name, &container.id) {
        (Some(name), _) => name.clone(),
        (None, Some(id)) => id.short().to_owned(),
        (None, None) => "without a name".to_owned(),
    }
}
