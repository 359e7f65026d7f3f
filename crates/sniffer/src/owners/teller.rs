//! Looks at sockets as questions leave.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dnsprobe_lookup::datagram::{self, Carrier};
use dnsprobe_lookup::{Frame, Timestamp};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::budget::Budget;
use super::cgroups::Cgroups;
use super::diag::{Diag, Socket};
use super::holders::Holders;
use super::index::{self, Index};
use super::told::{Asker, By, Told, Who};
use crate::capture::{CaptureOptions, Queue};
use crate::clients::Protocol;
use crate::error::Error;
use crate::host::Host;
use crate::netns::Netns;
use crate::node::{Node, cgroup};
use crate::packet_socket::PacketSocket;
use crate::pod_files::Content;
use crate::process::Process;
use crate::roster::{MemberId, addresses_in};
use crate::sys::Buffers;

/// The kernel's queue of questions that wait to be looked at, in bytes: what waits longer is gone anyway.
const QUEUE: usize = 1 << 18;
/// Namespaces beside the node's own that are looked at: pods with several containers.
const MOST_PLACES: usize = 64;
/// How long nothing is looked at once the budget is spent.
const REST: Duration = Duration::from_millis(50);
/// The same when a socket says that it has something, and has not.
const NOTHING: Duration = Duration::from_millis(5);
/// Processes of a container whose descriptors are looked at only to name the one that asked.
const FEW: usize = 16;
/// Steps for a packet, for a question to the kernel, and for reading whose a process is.
const PACKET: u32 = 1;
const QUESTION: u32 = 4;
const IDENTITY: u32 = 20;
const MAX_CGROUP: u64 = 64 << 10;
/// Askers remembered with what they read.
const MANY_ASKERS: usize = 256;

/// Finds out who asks in namespaces that several share.
#[derive(Debug)]
pub struct Teller {
    ports: Vec<u16>,
    told: Told,
    places: BTreeMap<MemberId, Shared>,
    cgroups: Cgroups,
    budget: Budget,
    buffers: Buffers,
    may: May,
}

/// What may be read when a question leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum May {
    /// The descriptors and files of all processes.
    ReadProcesses,
    /// Only what takes no privilege; what does has been read before.
    ReadGroups,
}

/// One namespace.
#[derive(Debug)]
struct Shared {
    packets: PacketSocket,
    sockets: Diag,
    /// The addresses of its own: where it forwards for others, their packets pass too.
    addresses: BTreeSet<IpAddr>,
    index: Index,
    holders: Holders,
    askers: BTreeMap<u32, Arc<Asker>>,
}

/// A question that has left.
#[derive(Debug, Clone, Copy)]
struct Question {
    protocol: Protocol,
    client: SocketAddr,
    server: SocketAddr,
    at: Timestamp,
}

impl Teller {
    /// Nothing is looked at yet; `ports` are those that DNS is served on.
    pub fn new(host: &Host, ports: Vec<u16>) -> Self {
        let (told, places) = (Told::default(), BTreeMap::new());
        let budget = Budget::new(Instant::now());
        let may = May::ReadProcesses;
        Self { ports, told, places, cgroups: Cgroups::of(host), budget, buffers: Buffers::new(), may }
    }

    /// Reads ahead what takes a privilege of those that are there now: from here on it takes none, and tells containers by
    /// their control groups alone.
    #[must_use]
    pub fn without_privileges(mut self, node: &Node) -> Self {
        for shared in self.places.values_mut() {
            for pid in shared.index.first_pids() {
                // It is for a few, once, and what is not known then is not told.
                self.budget.fill(Instant::now() + Duration::from_secs(1));
                let _ = shared.identify(pid, None, node, &mut self.budget);
            }
        }
        self.may = May::ReadGroups;
        self
    }

    /// What is found out.
    pub fn told(&self) -> Told {
        self.told.clone()
    }

    /// Looks at this namespace from now on if several share it, and knows who they are.
    ///
    /// # Errors
    /// When its sockets cannot be opened; then nobody is told apart there.
    pub fn look_at(
        &mut self,
        member: MemberId,
        node: &Node,
        open: impl FnOnce() -> Result<Netns, Error>,
    ) -> Result<(), Error> {
        if let Some(known) = self.places.get_mut(&member) {
            known.index = Index::of(node, member.0);
            known.askers.clear();
            return Ok(());
        }
        let is_own = node.host_netns() == Some(member.0);
        if !index::is_shared(node, member.0) || (self.places.len() >= MOST_PLACES && !is_own) {
            return Ok(());
        }
        let netns = &open()?;
        let options = CaptureOptions {
            interface: None,
            ports: self.ports.clone(),
            queue: Queue::Socket { bytes: QUEUE },
        };
        let shared = Shared {
            packets: PacketSocket::open(netns, &options)?,
            sockets: Diag::open(netns)?,
            addresses: addresses_in(netns)?,
            index: Index::of(node, member.0),
            holders: Holders::default(),
            askers: BTreeMap::new(),
        };
        self.places.insert(member, shared);
        Ok(())
    }

    /// Lets go of all namespaces but these.
    pub fn keep_only(&mut self, members: &BTreeSet<MemberId>) {
        self.places.retain(|member, _| members.contains(member));
    }

    /// Whether there is anything to look at.
    pub fn is_idle(&self) -> bool {
        self.places.is_empty()
    }

    /// Looks at each question as it leaves, until then.
    pub fn serve(&mut self, node: &Node, until: Instant) {
        loop {
            let now = Instant::now();
            self.budget.fill(now);
            let left = until.saturating_duration_since(now);
            if left.is_zero() {
                return;
            }
            if self.budget.is_spent() {
                std::thread::sleep(left.min(REST));
                self.pass_over();
                continue;
            }
            let is_ready = self.wait(left);
            let members: Vec<MemberId> = self.places.keys().copied().collect();
            let frames: usize = members.into_iter().map(|member| self.look(member, node)).sum();
            // A socket that is ready and has nothing must not keep the processor busy.
            if !is_ready || frames == 0 {
                std::thread::sleep(until.saturating_duration_since(Instant::now()).min(NOTHING));
            }
        }
    }

    fn wait(&self, at_most: Duration) -> bool {
        let sockets = self.places.values();
        let mut fds: Vec<PollFd<'_>> =
            sockets.map(|it| PollFd::new(it.packets.as_fd(), PollFlags::POLLIN)).collect();
        let at_most = u16::try_from(at_most.as_millis()).unwrap_or(u16::MAX).max(1);
        poll(&mut fds, PollTimeout::from(at_most)).is_ok()
    }

    /// Forgets the questions that have come while nothing was looked at.
    fn pass_over(&mut self) {
        for shared in self.places.values_mut() {
            let _ = shared.packets.drain(&mut self.buffers, &mut |_| {});
        }
    }

    /// Looks at the questions of one namespace, and says how many frames there were.
    fn look(&mut self, member: MemberId, node: &Node) -> usize {
        let Some(shared) = self.places.get_mut(&member) else { return 0 };
        let (ports, addresses, mut questions) = (&self.ports, &shared.addresses, Vec::new());
        let budget = &mut self.budget;
        let drained = shared.packets.drain(&mut self.buffers, &mut |frame| {
            let question = budget.take(PACKET).then(|| question_in(&frame, ports)).flatten();
            questions.extend(question.filter(|it| addresses.contains(&it.client.ip())));
        });
        for question in questions {
            let asker = shared.asker(question, (node, &mut self.cgroups), self.may, &mut self.budget);
            self.told.note((member, question.protocol, question.client), question.at, asker);
        }
        drained.map_or(0, |(frames, _)| frames)
    }
}

/// The question that a frame carries, or the beginning of a connection for one.
fn question_in(frame: &Frame<'_>, ports: &[u16]) -> Option<Question> {
    let datagram = datagram::decode(frame, ports).ok()?;
    let begins = matches!(datagram.carrier, Carrier::Udp | Carrier::Tcp { syn: true, .. });
    let asks = ports.contains(&datagram.destination.port()) && begins;
    asks.then(|| Question {
        protocol: Protocol::of(datagram.carrier),
        client: datagram.source.into(),
        server: datagram.destination.into(),
        at: frame.at,
    })
}

impl Shared {
    fn asker(
        &mut self,
        question: Question,
        (node, cgroups): (&Node, &mut Cgroups),
        may: May,
        budget: &mut Budget,
    ) -> Option<Arc<Asker>> {
        if !budget.take(QUESTION) {
            return None;
        }
        let Question { protocol, client, server, .. } = question;
        let socket = self.sockets.find(protocol, client, server).ok()??;
        let by_cgroup = self.by_cgroup(socket, (node, &mut *cgroups), may, budget);
        let known = by_cgroup.or_else(|| match may {
            May::ReadProcesses => self.by_process(socket, node, budget),
            May::ReadGroups => None,
        });
        known.or_else(|| {
            let who = socket.cgroup.filter(|id| cgroups.is_root(*id)).and(self.index.at_root())?;
            Some(Arc::new(Asker { who, pid: None, program: None, by: By::Cgroup, resolv_conf: None }))
        })
    }

    /// By the group that the socket was made in. That of the root is everybody's.
    fn by_cgroup(
        &mut self,
        socket: Socket,
        (node, cgroups): (&Node, &mut Cgroups),
        may: May,
        budget: &mut Budget,
    ) -> Option<Arc<Asker>> {
        let path = cgroups.path(socket.cgroup?, Instant::now())?;
        let who = self.index.by_place(&cgroup::of_path(path))?;
        let Who::Container(entry, container) = &who else {
            let program = path.rsplit('/').next().map(str::to_owned);
            return Some(Arc::new(Asker { who, pid: None, program, by: By::Cgroup, resolv_conf: None }));
        };
        let pids = container.as_ref().map_or(&entry.pids, |container| &container.pids);
        let few = pids.iter().copied().take(FEW);
        let pid = match may {
            May::ReadProcesses => self.holders.find(socket.inode, few, node, budget),
            May::ReadGroups => None,
        };
        let main = container.as_ref().and_then(|it| it.pid).or_else(|| pids.first().copied())?;
        // The process may be gone before its name is read; the container's first reads the same files.
        let asker = pid.and_then(|pid| self.identify(pid, Some(who.clone()), node, budget));
        let asker = asker.or_else(|| {
            let main = self.identify(main, Some(who), node, budget)?;
            Some(Arc::new(Asker { pid: None, program: None, ..(*main).clone() }))
        })?;
        Some(Arc::new(Asker { by: By::Cgroup, ..(*asker).clone() }))
    }

    fn by_process(&mut self, socket: Socket, node: &Node, budget: &mut Budget) -> Option<Arc<Asker>> {
        let pid = self.holders.find(socket.inode, self.index.pids(), node, budget)?;
        self.identify(pid, None, node, budget)
    }

    /// Whose a process is, and what it reads; remembered until the node is looked at again.
    fn identify(
        &mut self,
        pid: u32,
        who: Option<Who>,
        node: &Node,
        budget: &mut Budget,
    ) -> Option<Arc<Asker>> {
        if let Some(known) = self.askers.get(&pid) {
            return Some(Arc::clone(known));
        }
        if !budget.take(IDENTITY) {
            return None;
        }
        let process = Process::open(node.host(), pid).ok()?;
        let who = who.or_else(|| self.index.by_pid(pid).cloned()).or_else(|| {
            let text = process.read("cgroup", MAX_CGROUP).ok()?;
            self.index.by_place(&cgroup::place(&String::from_utf8_lossy(&text)))
        })?;
        let resolv_conf = process.root().ok().map(|root| root.read("etc/resolv.conf").content);
        let resolv_conf = match resolv_conf {
            Some(Content::Found(bytes)) => Some(bytes.into()),
            _ => None,
        };
        let program = process.name();
        let asker = Arc::new(Asker { who, pid: Some(pid), program, by: By::Process, resolv_conf });
        if self.askers.len() >= MANY_ASKERS {
            self.askers.clear();
        }
        self.askers.insert(pid, Arc::clone(&asker));
        Some(asker)
    }
}
