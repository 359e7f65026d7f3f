//! What has been found out about who asked, for the threads that read the packets.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dnsprobe_lookup::{Nanos, Timestamp};

use crate::clients::Protocol;
use crate::node::{Container, Entry};
use crate::roster::MemberId;

/// Questions remembered, and of one client's socket.
const MANY: usize = 1 << 14;
const MANY_OF_ONE: usize = 64;
/// The kernel stamps a packet once for all who see it; where it does not, the stamps are this close together.
const CLOSE: Nanos = Nanos::from_millis(1);

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The container, or the node.
    pub who: Who,
    /// The process, where it was found.
    pub pid: Option<u32>,
    /// Its name, or that of its service; for terminals it must be escaped.
    pub program: Option<String>,
    /// How it was told.
    pub by: By,
    /// The `resolv.conf` that it reads; `None` where that is not known.
    pub resolv_conf: Option<Arc<[u8]>>,
}

/// A container, or the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A container of a pod or outside one; `None` for a process of the pod that is in none of its containers.
    Container(Arc<Entry>, Option<Container>),
    /// A program in no container.
    Node,
}

/// How somebody was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// By the control group that the socket was made in.
    Cgroup,
    /// By the process that had the socket open.
    Process,
}

impl By {
    /// The word for it, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cgroup => "cgroup",
            Self::Process => "process",
        }
    }
}

/// What is known of who asked a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was told.
    Known(Arc<Asker>),
    /// It was looked for in vain: its socket was gone, or there were too many questions.
    InVain,
    /// It has not been looked for (yet).
    NotYet,
}

/// What is known, shared by the thread that looks and those that read.
#[derive(Debug, Clone, Default)]
pub struct Told {
    inner: Arc<Mutex<Known>>,
}

type Key = (MemberId, Protocol, SocketAddr);
/// When a question left, and who asked it, where that was told.
type Asked = (Timestamp, Option<Arc<Asker>>);

#[derive(Debug, Default)]
struct Known {
    by_client: HashMap<Key, VecDeque<Asked>>,
    /// From the oldest on.
    order: VecDeque<Key>,
}

impl Told {
    /// Who asked the question that left `client` at this time.
    pub fn of(&self, member: MemberId, protocol: Protocol, client: SocketAddr, at: Timestamp) -> Verdict {
        let known = self.lock();
        let Some(all) = known.by_client.get(&(member, protocol, client)) else { return Verdict::NotYet };
        let distance = |then: Timestamp| Nanos((at - then).0.abs());
        let nearest = all.iter().min_by_key(|(then, _)| distance(*then));
        match nearest.filter(|(then, _)| distance(*then) <= CLOSE) {
            Some((_, Some(asker))) => Verdict::Known(Arc::clone(asker)),
            Some((_, None)) => Verdict::InVain,
            None => Verdict::NotYet,
        }
    }

    /// Notes who asked, or that it cannot be told.
    pub fn note(&self, key: (MemberId, Protocol, SocketAddr), at: Timestamp, asker: Option<Arc<Asker>>) {
        let mut known = self.lock();
        let all = known.by_client.entry(key).or_default();
        all.push_back((at, asker));
        if all.len() > MANY_OF_ONE {
            // Its place in the order is the next one's.
            all.pop_front();
            return;
        }
        known.order.push_back(key);
        if known.order.len() > MANY {
            known.forget_oldest();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // A thread that panicked has left whole entries behind.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn forget_oldest(&mut self) {
        let Some(key) = self.order.pop_front() else { return };
        if let Some(all) = self.by_client.get_mut(&key) {
            all.pop_front();
            if all.is_empty() {
                self.by_client.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(program: &str) -> Arc<Asker> {
        let program = Some(program.to_owned());
        Arc::new(Asker { who: Who::Node, pid: None, program, by: By::Process, resolv_conf: None })
    }

    fn key(port: u16) -> Key {
        (MemberId(1), Protocol::Udp, ([10, 0, 0, 1], port).into())
    }

    #[test]
    fn a_port_belongs_to_whom_had_it_at_that_time() {
        let told = Told::default();
        let of = |at| told.of(MemberId(1), Protocol::Udp, key(40_000).2, Timestamp(at));
        assert_eq!(of(5), Verdict::NotYet);
        told.note(key(40_000), Timestamp(5), Some(asker("curl")));
        told.note(key(40_000), Timestamp(9_000_000), None);
        assert_eq!(of(5), Verdict::Known(asker("curl")));
        assert_eq!(of(900_000), Verdict::Known(asker("curl")));
        assert_eq!(of(9_000_001), Verdict::InVain);
        assert_eq!(of(4_000_000), Verdict::NotYet);
        assert_eq!(told.of(MemberId(2), Protocol::Udp, key(40_000).2, Timestamp(5)), Verdict::NotYet);
        assert_eq!(told.of(MemberId(1), Protocol::Tcp, key(40_000).2, Timestamp(5)), Verdict::NotYet);
    }

    #[test]
    fn what_is_remembered_has_a_limit() {
        let told = Told::default();
        for at in 0..MANY + 10 {
            let port = u16::try_from(at % 60_000).unwrap();
            told.note(key(port), Timestamp(i64::try_from(at).unwrap()), Some(asker("flood")));
        }
        let known = told.lock();
        assert_eq!(known.order.len(), MANY);
        assert_eq!(known.by_client.values().map(VecDeque::len).sum::<usize>(), MANY);
        drop(known);
        for at in 0..1_000 {
            told.note(key(1), Timestamp(at), None);
        }
        assert_eq!(told.lock().by_client[&key(1)].len(), MANY_OF_ONE);
    }
}
