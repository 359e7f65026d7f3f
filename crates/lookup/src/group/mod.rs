//! Questions to lookups: every observed question belongs to the lookup whose resolver's walk expects it next.
//!
//! Clients are kept apart. A client whose `resolv.conf` is not known waits until its search list can be read from its
//! traffic; then everything it sent so far is gone through in order, as if the file had been there from the start.

mod client;
mod deadlines;
mod fingerprint;
mod finish;
mod fit;
mod open;
pub(crate) mod readings;
mod search_list;

use std::cell::Cell;
use std::net::IpAddr;

use dnsprobe_resolv::{Resolver, ResolverId};

use client::{Client, Surroundings};
use deadlines::Deadlines;
pub use search_list::InferredConf;

use crate::attempt::Event;
use crate::findings::Wording;
use crate::lookup::Lookup;
use crate::map::{Address, Map};
use crate::time::{Nanos, Timestamp};
use readings::Readings;

/// Clients remembered at once; a node has some hundred pods.
const MOST_CLIENTS: usize = 4_096;
/// Bytes that lookups under construction take at once, about, over all clients: some five thousand with a pod's usual
/// search list.
const MOST_OPEN: usize = 12 * 1024 * 1024;
/// Events held back at once, over all clients, until search lists are known.
const MOST_HELD: usize = 16_384;
/// Events after which one client's search list is decided.
const ENOUGH_EVENTS: usize = 2_048;

/// Where the search list comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchList {
    /// One `resolv.conf` for every client; `None` is a missing file.
    Known(Option<Vec<u8>>),
    /// From each client's traffic, watched for at most this long before its first lookup is shown.
    Inferred(Nanos),
}

/// Different search lists remembered at once; a node has as many as namespaces.
const MOST_LISTS: usize = 512;

/// Lookups given up to save memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GivenUp {
    /// Lookups cut off because too many were under construction.
    pub lookups: u64,
    /// Messages dropped because too many clients spoke at once.
    pub messages: u64,
}

/// All lookups under construction.
#[derive(Debug)]
pub(crate) struct Lookups {
    /// Every `resolv.conf` in force, with its text.
    lists: Vec<(String, Readings)>,
    /// Whether the first of them is every client's.
    one_for_all: bool,
    patience: Nanos,
    clients: Map<Address, Known>,
    deadlines: Deadlines<Address>,
    began: Option<Timestamp>,
    detected: Vec<ResolverId>,
    wording: Wording,
    /// The resolver of all packets, where the user said so.
    given: Option<Resolver>,
    /// Bytes of the lookups under construction.
    open: usize,
    held: usize,
    pub(crate) given_up: GivenUp,
}

/// Index of a `resolv.conf` in force.
type ListId = usize;

/// One client and what is known of its `resolv.conf`.
#[derive(Debug, Default)]
struct Known {
    client: Client,
    /// From its traffic, where no file is known.
    inferred: Option<(ListId, InferredConf)>,
    held: Vec<(Timestamp, Event)>,
    /// When `deadlines` has it looked at: no later than anything of it is due.
    noted: Option<Timestamp>,
}

impl Lookups {
    pub(crate) fn new(search: SearchList) -> Self {
        let (lists, one_for_all, patience) = match search {
            SearchList::Known(file) => {
                (vec![(String::new(), Readings::new(file.as_deref()))], true, Nanos(0))
            }
            SearchList::Inferred(patience) => (Vec::new(), false, patience),
        };
        Self {
            lists,
            one_for_all,
            patience,
            clients: Map::default(),
            deadlines: Deadlines::default(),
            began: None,
            detected: Vec::new(),
            wording: Wording::All,
            given: None,
            open: 0,
            held: 0,
            given_up: GivenUp::default(),
        }
    }

    /// Tells which resolvers were found where the packets come from.
    pub(crate) fn with_resolvers(&mut self, detected: Vec<ResolverId>) {
        self.detected = detected;
    }

    /// Puts only the first finding of each kind into words.
    pub(crate) fn count_findings(&mut self) {
        self.wording = Wording::FirstOfEachKind(Cell::new(0));
    }

    /// Takes the user's word for which resolver asks; to be said before the first event.
    pub(crate) fn with_given(&mut self, resolver: Resolver) {
        self.given = Some(resolver);
        for (_, readings) in &mut self.lists {
            *readings = readings.given(resolver);
        }
    }

    /// Takes one event, or just the time; gives the lookups that are over.
    pub(crate) fn advance(&mut self, event: Option<Event>, now: Timestamp) -> Vec<Lookup> {
        let began = *self.began.get_or_insert(now);
        let mut over = self.expire(now);
        let Some(event) = event else { return over };
        let address = Address(event.client());
        if self.clients.len() >= MOST_CLIENTS && !self.clients.contains_key(&address) {
            self.forget_idle_clients();
            if self.clients.len() >= MOST_CLIENTS {
                self.given_up.messages += 1;
                return over;
            }
        }
        let known = self.clients.entry(address).or_default();
        let mut held = 0;
        if let Some(list) = known.list(self.one_for_all) {
            let readings = &mut self.lists[list].1;
            let before = known.client.weight();
            let (detected, wording) = (&self.detected[..], &self.wording);
            known.client.advance(event, &mut Surroundings { readings, began, detected, wording }, now);
            self.open = self.open + known.client.weight() - before;
        } else {
            known.held.push((now, event));
            self.held += 1;
            held = known.held.len();
        }
        if let Some(due) = known.put_forward(self.patience) {
            self.deadlines.push(due, address);
        }
        if held >= ENOUGH_EVENTS {
            over.extend(self.decide(address, now));
            self.reschedule(address);
        } else if self.held >= MOST_HELD {
            over.extend(self.decide_the_most_talkative(now));
        }
        over.extend(self.make_room());
        over
    }

    /// Everything that is left, at the end of a capture.
    pub(crate) fn finish(&mut self, now: Timestamp) -> Vec<Lookup> {
        let began = self.began.unwrap_or(now);
        let mut addresses: Vec<Address> = self.clients.keys().copied().collect();
        addresses.sort_unstable();
        let mut over = Vec::new();
        for address in addresses {
            over.extend(self.decide(address, now));
            let Some(known) = self.clients.get_mut(&address) else { continue };
            if let Some(list) = known.list(self.one_for_all) {
                let readings = &mut self.lists[list].1;
                over.extend(known.client.finish(
                    &Surroundings { readings, began, detected: &self.detected, wording: &self.wording },
                    now,
                ));
            }
        }
        over.sort_by_key(|lookup| lookup.start);
        over
    }

    /// When something is over at the soonest if no more events come; `None` where nothing is under way.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().filter(|_| self.open + self.held > 0)
    }

    /// The search lists that were read from the traffic.
    pub(crate) fn inferred(&self) -> impl Iterator<Item = (IpAddr, &InferredConf)> {
        self.clients.iter().filter_map(|(address, known)| Some((address.0, &known.inferred.as_ref()?.1)))
    }

    fn expire(&mut self, now: Timestamp) -> Vec<Lookup> {
        let mut over = Vec::new();
        while let Some((at, address)) = self.deadlines.pop_until(now) {
            let Some(known) = self.clients.get_mut(&address).filter(|known| known.noted == Some(at)) else {
                continue;
            };
            known.noted = None;
            // Looked at too soon, most often.
            if known.due(self.patience).is_some_and(|due| due <= now) {
                over.extend(self.decide_or_expire(address, now));
            }
            self.reschedule(address);
        }
        over
    }

    fn decide_or_expire(&mut self, address: Address, now: Timestamp) -> Vec<Lookup> {
        let began = self.began.unwrap_or(now);
        let Some(known) = self.clients.get_mut(&address) else { return Vec::new() };
        if let Some(list) = known.list(self.one_for_all) {
            let readings = &mut self.lists[list].1;
            let before = known.client.weight();
            let over = known.client.expire(
                &Surroundings { readings, began, detected: &self.detected, wording: &self.wording },
                now,
            );
            self.open = self.open + known.client.weight() - before;
            return over;
        }
        self.decide(address, now)
    }

    /// Reads a client's search list from what it sent so far, and goes through that.
    fn decide(&mut self, address: Address, now: Timestamp) -> Vec<Lookup> {
        let began = self.began.unwrap_or(now);
        let Some(known) = self.clients.get_mut(&address) else { return Vec::new() };
        if known.list(self.one_for_all).is_some() {
            return Vec::new();
        }
        let held = std::mem::take(&mut known.held);
        self.held -= held.len();
        let conf = search_list::infer(&held);
        let list = list_of(&mut self.lists, conf.as_resolv_conf(), self.given);
        let mut around = Surroundings {
            readings: &mut self.lists[list].1,
            began,
            detected: &self.detected,
            wording: &self.wording,
        };
        let mut over = Vec::new();
        for (at, event) in held {
            over.extend(known.client.expire(&around, at));
            known.client.advance(event, &mut around, at);
        }
        self.open += known.client.weight();
        let before = known.client.weight();
        over.extend(known.client.expire(&around, now));
        self.open = self.open + known.client.weight() - before;
        known.inferred = Some((list, conf));
        over
    }

    /// Makes room by deciding for the client that has most held back.
    fn decide_the_most_talkative(&mut self, now: Timestamp) -> Vec<Lookup> {
        let most = self.clients.iter().max_by_key(|(address, known)| (known.held.len(), **address));
        let Some(address) = most.map(|(address, _)| *address) else { return Vec::new() };
        let over = self.decide(address, now);
        self.reschedule(address);
        over
    }

    fn reschedule(&mut self, address: Address) {
        let Some(known) = self.clients.get_mut(&address) else { return };
        if let Some(due) = known.put_forward(self.patience) {
            self.deadlines.push(due, address);
        }
        if self.deadlines.is_crowded(self.clients.len()) {
            let noted = self.clients.iter().filter_map(|(address, known)| Some((known.noted?, *address)));
            self.deadlines.rebuild(noted);
        }
    }

    /// Gives up the lookups that would be over soonest, while there are too many.
    fn make_room(&mut self) -> Vec<Lookup> {
        let mut over = Vec::new();
        let mut undecided = Vec::new();
        while self.open > MOST_OPEN {
            let Some((at, address)) = self.deadlines.pop_until(Timestamp(i64::MAX)) else { break };
            let Some(known) = self.clients.get_mut(&address).filter(|known| known.noted == Some(at)) else {
                continue;
            };
            known.noted = None;
            let Some(list) = known.list(self.one_for_all) else {
                undecided.push(address);
                continue;
            };
            let readings = &mut self.lists[list].1;
            let before = known.client.weight();
            let evicted = known.client.evict(&Surroundings {
                readings,
                began: at,
                detected: &self.detected,
                wording: &self.wording,
            });
            self.open = self.open + known.client.weight() - before;
            self.given_up.lookups += u64::from(evicted.is_some());
            over.extend(evicted);
            self.reschedule(address);
        }
        for address in undecided {
            self.reschedule(address);
        }
        over
    }

    fn forget_idle_clients(&mut self) {
        self.clients.retain(|_, known| known.client.weight() > 0 || !known.held.is_empty());
    }
}

impl Known {
    /// When it has to be looked at, if that is sooner than was noted.
    fn put_forward(&mut self, patience: Nanos) -> Option<Timestamp> {
        let due = self.due(patience).filter(|due| self.noted.is_none_or(|noted| *due < noted))?;
        self.noted = Some(due);
        Some(due)
    }

    /// When something of it is due at the soonest.
    fn due(&self, patience: Nanos) -> Option<Timestamp> {
        let waiting = self.held.first().map(|(at, _)| *at + patience);
        waiting.or(self.client.next_deadline())
    }

    /// The file in force for a client: the one for all, or its own.
    fn list(&self, one_for_all: bool) -> Option<ListId> {
        if one_for_all { Some(0) } else { self.inferred.as_ref().map(|(list, _)| *list) }
    }
}

/// The index of a file, which is read if it is new. Pods of one namespace have the same.
fn list_of(lists: &mut Vec<(String, Readings)>, text: String, given: Option<Resolver>) -> ListId {
    if let Some(known) = lists.iter().position(|(known, _)| *known == text) {
        return known;
    }
    if lists.len() >= MOST_LISTS {
        // That many are made up; to such clients the first will do.
        return 0;
    }
    let readings = Readings::new(Some(text.as_bytes()));
    let readings = match given {
        Some(resolver) => readings.given(resolver),
        None => readings,
    };
    lists.push((text, readings));
    let share = lists.len();
    for (_, readings) in lists.iter_mut() {
        readings.share_memory_with(share);
    }
    lists.len() - 1
}
