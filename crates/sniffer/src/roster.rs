//! Pods that come and go: finds those that are wanted, opens a socket in each, and notices when they have ended.
//!
//! One thread does this for all of them. It keeps the privileges that it takes to enter namespaces and to read other
//! users' processes ([`TO_FOLLOW`]); what it opens goes to threads that have none.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use dnsprobe_lookup::Embedded;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;

use crate::capture::{CaptureOptions, Tap};
use crate::embedded;
use crate::error::Error;
use crate::host::Host;
use crate::netns::{self, Netns};
use crate::node::{Container, Entry, Kind, Network, Node, PodName};
use crate::owners::{Teller, Told};
use crate::pod_files::FileRead;
use crate::privileges::Capability;
use crate::wake::Bell;

/// How often the node is looked at again.
pub const PAUSE: Duration = Duration::from_millis(300);

/// What the following thread keeps.
pub const TO_FOLLOW: &[Capability] = &[
    Capability::CAP_SYS_ADMIN,
    Capability::CAP_NET_RAW,
    Capability::CAP_SYS_PTRACE,
    Capability::CAP_DAC_READ_SEARCH,
];

/// Which pods are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Follow {
    /// Those of one Kubernetes namespace.
    Namespace(String),
    /// All.
    All,
}

/// One network namespace that is followed, by its inode: it stays the same as long as the namespace is held open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u64);

/// Those of [`ENVIRONMENT`] that are set, with their values.
pub type Environment = BTreeMap<&'static str, OsString>;

/// The variables that say how a libc reads `resolv.conf` (resolv.conf(5)); no others are kept.
pub const ENVIRONMENT: [&str; 2] = ["LOCALDOMAIN", "RES_OPTIONS"];

/// What has changed.
#[derive(Debug)]
pub enum Change {
    /// A network namespace with wanted pods.
    Joined(Box<Joined>),
    /// Its pods have other containers than before: those of a pod start after it.
    Changed(MemberId, Vec<Entry>, Environment),
    /// It has none any more.
    Left(MemberId),
    /// A pod is there but could not be attached to; said once.
    Failed(String, Error),
}

/// A network namespace that joined.
#[derive(Debug)]
pub struct Joined {
    /// Which.
    pub id: MemberId,
    /// The wanted pods in it: several only on the node's own network.
    pub pods: Vec<Entry>,
    /// What the first of them resolves with.
    pub resolv_conf: FileRead,
    /// What the environment of its containers says, where it is the same in all of them.
    pub environment: Environment,
    /// The addresses of its own: where it forwards for others, their packets pass too.
    pub addresses: BTreeSet<IpAddr>,
    /// The DNS server that Docker put into it.
    pub embedded: Option<Embedded>,
    /// Where its packets come from.
    pub tap: Tap,
}

/// The pods that are followed.
#[derive(Debug)]
pub struct Roster {
    node: Node,
    follow: Follow,
    options: CaptureOptions,
    members: BTreeMap<MemberId, Vec<Entry>>,
    failed: BTreeSet<String>,
    teller: Teller,
    /// How often the node had been looked at the last time.
    looks: u64,
}

impl Roster {
    /// Nobody yet; the node has been looked at.
    pub fn new(node: Node, follow: Follow, options: CaptureOptions) -> Self {
        let teller = Teller::new(node.host(), options.ports.clone());
        Self { node, follow, options, members: BTreeMap::new(), failed: BTreeSet::new(), teller, looks: 0 }
    }

    /// Who asks in namespaces that several share, as far as it is told while [`Roster::follow`] runs.
    pub fn told(&self) -> Told {
        self.teller.told()
    }

    /// What has changed since the last time, by what is known of the node.
    pub fn changes(&mut self) -> Vec<Change> {
        let wanted = self.wanted();
        let gone = self.members.keys().filter(|id| !wanted.contains_key(id)).copied().collect::<Vec<_>>();
        let mut changes: Vec<Change> = gone.iter().map(|id| Change::Left(*id)).collect();
        self.members.retain(|id, _| !gone.contains(id));
        let looked_again = std::mem::replace(&mut self.looks, self.node.looks()) != self.node.looks();
        self.teller.keep_only(&self.members.keys().copied().collect());
        for (id, pods) in wanted {
            if let Some(before) = self.members.get_mut(&id) {
                if looked_again {
                    if containers(before) != containers(&pods) {
                        before.clone_from(&pods);
                        let environment = environment_of(&pods, self.node.host());
                        changes.push(Change::Changed(id, pods.clone(), environment));
                    }
                    self.tell_apart(id, &pods);
                }
                continue;
            }
            match self.join(id, &pods) {
                Ok(joined) => {
                    self.members.insert(id, pods.clone());
                    changes.push(Change::Joined(Box::new(joined)));
                    self.tell_apart(id, &pods);
                }
                // It has ended between being seen and being entered.
                Err(Error::ProcessGone { .. } | Error::Changed { .. } | Error::NothingRuns { .. }) => {}
                Err(error) => {
                    let title = pods[0].title();
                    if self.failed.insert(title.clone()) {
                        changes.push(Change::Failed(title, error));
                    }
                }
            }
        }
        changes
    }

    /// Goes on looking, and sends what has changed, until nobody takes it any more or `stop` is closed. `bell` is rung when
    /// something has.
    pub fn follow(mut self, changes: &Sender<Change>, bell: &Bell, stop: &Receiver<()>) {
        loop {
            let pause = if self.teller.is_idle() { PAUSE } else { Duration::ZERO };
            match stop.recv_timeout(pause) {
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if !self.teller.is_idle() {
                self.teller.serve(&self.node, Instant::now() + PAUSE);
            }
            // Without /proc there is nothing to see; it is back the next time or never.
            if self.node.refresh().is_err() {
                continue;
            }
            for change in self.changes() {
                if changes.send(change).is_err() {
                    return;
                }
                bell.ring();
            }
        }
    }

    /// Lets it be told who asks in a namespace; what cannot be looked at is not told.
    fn tell_apart(&mut self, id: MemberId, pods: &[Entry]) {
        let host = self.node.host();
        let open = || {
            let opened = pods[0].open(host, None)?;
            pods[0].open_netns(host, opened.process.as_ref())
        };
        let _ = self.teller.look_at(id, &self.node, open);
    }

    fn host(&self) -> &Host {
        self.node.host()
    }

    fn wanted(&self) -> BTreeMap<MemberId, Vec<Entry>> {
        let mut wanted: BTreeMap<MemberId, Vec<Entry>> = BTreeMap::new();
        let of = |entry: &&Entry| match &self.follow {
            Follow::Namespace(namespace) => {
                entry.pod.as_ref().is_some_and(|pod| pod.namespace.as_ref() == Some(namespace))
            }
            Follow::All => true,
        };
        for entry in self.node.entries.iter().filter(|entry| entry.kind == Kind::Pod).filter(of) {
            if let Some(netns) = entry.netns {
                wanted.entry(MemberId(netns)).or_default().push(entry.clone());
            }
        }
        wanted
    }

    fn join(&self, id: MemberId, pods: &[Entry]) -> Result<Joined, Error> {
        let opened = pods[0].open(self.host(), None)?;
        let netns = pods[0].open_netns(self.host(), opened.process.as_ref())?;
        let embedded = embedded::in_namespace(&netns)?;
        let tap = Tap::open(&netns, &self.options.clone().with(embedded.as_ref()))?;
        let resolv_conf = opened.root.read("etc/resolv.conf");
        let environment = environment_of(pods, self.host());
        let addresses = addresses_in(&netns)?;
        Ok(Joined { id, pods: pods.to_vec(), resolv_conf, environment, addresses, embedded, tap })
    }
}

/// What the first processes of a pod's containers were started with. Nothing where they differ, as packets do not say which
/// of them asked; nor where one of them does not show it, or where others use the pod's network.
fn environment_of(pods: &[Entry], host: &Host) -> Environment {
    let [pod] = pods else { return Environment::new() };
    if is_shared(pods) {
        return Environment::new();
    }
    let running = pod.containers.iter().filter(|container| container.pid.is_some());
    let mut all = running.map(|container| {
        let process = pod.open(host, Some(container)).ok()?.process?;
        let mut environment = process.environment().ok()?;
        environment.retain(|name, _| ENVIRONMENT.contains(name));
        Some(environment)
    });
    let first = all.next().flatten().unwrap_or_default();
    if all.all(|other| other.as_ref() == Some(&first)) { first } else { Environment::new() }
}

/// The addresses of a namespace; none where they are not told.
///
/// # Errors
/// When it cannot be entered.
pub fn addresses_in(netns: &Netns) -> Result<BTreeSet<IpAddr>, Error> {
    netns::run_in(netns, addresses_here)
}

/// The addresses of the namespace that the calling thread is in.
fn addresses_here() -> BTreeSet<IpAddr> {
    let all = getifaddrs().into_iter().flatten().filter_map(|interface| interface.address);
    let ip = |address: SockaddrStorage| {
        let v4 = address.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|it| IpAddr::V6(it.ip())))
    };
    all.filter_map(ip).collect()
}

impl Joined {
    /// Whether others use the same network, so that not every lookup is theirs.
    pub fn is_shared(&self) -> bool {
        is_shared(&self.pods)
    }
}

/// Whether others use the network of these pods.
pub fn is_shared(pods: &[Entry]) -> bool {
    pods.len() > 1 || pods.iter().any(|pod| pod.network == Network::Host)
}

/// What tells whether pods have other containers than before.
fn containers(pods: &[Entry]) -> Vec<(Option<&PodName>, &[Container])> {
    pods.iter().map(|pod| (pod.pod.as_ref(), &pod.containers[..])).collect()
}
