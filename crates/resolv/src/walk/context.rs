//! What an exchange may look at and change.

use super::exchange::Ended;
use crate::{Fqdn, Settings};

/// What an exchange may look at and change while it runs.
pub(super) struct Context<'a> {
    /// Now, in µs since the lookup began.
    pub(super) now_us: u64,
    pub(super) settings: &'a Settings,
    pub(super) memory: &'a mut Memory,
}

/// What outlives a candidate: sockets count on, servers are remembered.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    sockets: u32,
    channel: Option<u32>,
    /// Questions so far, by which `rotate` picks the first server.
    pub(super) rotation: usize,
    /// glibc's fall-back to asking one by one sticks to the thread.
    pub(super) one_by_one: OneByOne,
    /// Failures in a row of each server, for resolvers that prefer the better ones.
    failures: Vec<u32>,
    /// At which of all changes the failures of each server were changed last; 0: never.
    changed: Vec<u32>,
    changes: u32,
    /// How long the answers of each server took together, in whole ms and one at least, and how many there were.
    latencies: Vec<(u64, u64)>,
    /// Servers that answered a query with a cookie without one, and get none any more.
    pub(super) cookieless: Vec<usize>,
    /// Questions of this lookup that were answered for good (hickory).
    pub(super) answered: Vec<(Fqdn, usize, Ended)>,
    /// Whether everything goes over TCP since an answer was cut off (BIND's tools).
    pub(super) tcp_sticks: bool,
    /// Whether it did when the name was found. BIND's host makes the questions for further types then, so what one of
    /// them meets does not concern the next.
    pub(super) tcp_when_found: bool,
    /// What is left of the tries that BIND's tools spend on a server before they turn to the next.
    pub(super) tries_left: Option<u32>,
}

/// How glibc sends the questions of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum OneByOne {
    #[default]
    No,
    SameSocket,
    NewSocket,
}

impl Memory {
    /// The number of a new socket.
    pub(super) fn open(&mut self) -> u32 {
        self.sockets += 1;
        self.sockets - 1
    }

    /// The number of the one socket for everything.
    pub(super) fn channel(&mut self) -> u32 {
        if let Some(socket) = self.channel {
            return socket;
        }
        let socket = self.open();
        self.channel = Some(socket);
        socket
    }

    /// Counts a failure of a server.
    pub(super) fn failed(&mut self, server: usize) {
        if self.failures.len() <= server {
            self.failures.resize(server + 1, 0);
        }
        self.failures[server] += 1;
        self.changes += 1;
        self.changed.resize(self.failures.len().max(self.changed.len()), 0);
        self.changed[server] = self.changes;
    }

    /// Forgets the failures of a server that answered.
    pub(super) fn worked(&mut self, server: usize) {
        if let Some(failures) = self.failures.get_mut(server).filter(|failures| **failures > 0) {
            *failures = 0;
            self.changes += 1;
            self.changed[server] = self.changes;
        }
    }

    /// Counts what an answer of a server took (c-ares `ares_metrics.c`, `ares_metrics_record`).
    pub(super) fn measured(&mut self, server: usize, took_us: u64) {
        if self.latencies.len() <= server {
            self.latencies.resize(server + 1, (0, 0));
        }
        let (total_ms, count) = &mut self.latencies[server];
        *total_ms += (took_us / 1000).max(1);
        *count += 1;
    }

    /// What an answer of a server takes on average, in µs, when there were three.
    pub(super) fn average_us(&self, server: usize) -> Option<u64> {
        let (total_ms, count) = *self.latencies.get(server)?;
        (count >= 3).then(|| total_ms / count * 1000)
    }

    /// The failures in a row of a server.
    pub(super) fn failures_of(&self, server: usize) -> u32 {
        self.failures.get(server).copied().unwrap_or(0)
    }

    /// The servers by their failures, those with as many in the order of the list.
    pub(super) fn by_failures(&self, servers: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..servers).collect();
        order.sort_by_key(|server| self.failures_of(*server));
        order
    }

    /// The server with the fewest failures in a row, in list order; of several that failed as often, the one whose last
    /// failure is longest ago, as recordings of c-ares 1.34 show it.
    pub(super) fn best_server(&self, servers: usize) -> usize {
        let rank = |server: &usize| {
            let failures = self.failures_of(*server);
            let changed = self.changed.get(*server).copied().filter(|_| failures > 0);
            (failures, changed.unwrap_or(0), *server)
        };
        (0..servers).min_by_key(rank).unwrap_or(0)
    }
}
