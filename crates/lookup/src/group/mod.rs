//! Questions to lookups: every observed question belongs to the lookup whose resolver's walk expects it next.
//!
//! Clients are kept apart. A client whose `resolv.conf` is not known waits until its search list can be read from its
//! traffic; then everything it sent so far is gone through in order, as if the file had been there from the start.
//!
//! What is seldom needed is `inline(never)`: apart, it leaves the processor's nearest memory to what each frame goes through.

mod client;
mod deadlines;
mod expecting;
mod fingerprint;
mod finish;
mod fit;
mod links;
mod open;
mod patterns;
pub(crate) mod readings;
mod search_list;
mod steps;
mod turns;

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::rc::Rc;

use dnsprobe_resolv::{Resolver, ResolverId, Situation};
use slab::Slab;

use client::{BEGAN_BEFORE, Client, Closed, Surroundings};
use deadlines::{Deadlines, Due};
use finish::Rooms;
use links::{Link, Links};
pub use search_list::InferredConf;
use steps::Steps;

use crate::attempt::{COPY, Event};
use crate::datagram::Endpoint;
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
/// Rooms of closed lookups that are kept.
const MOST_SPARE: usize = 64;
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

/// Index of a client.
type ClientId = u32;
/// Index of a lookup under construction among its client's.
type OpenId = u32;
/// Answers to questions that were not captured, remembered at once.
const MOST_STRAYS: usize = 256;

/// An answer to a question that was not captured.
#[derive(Debug, Clone, Copy)]
struct Stray {
    to: Endpoint,
    id: u16,
    at: Timestamp,
}

/// Index of a `resolv.conf` in force.
type ListId = usize;

/// All lookups under construction.
#[derive(Debug)]
pub(crate) struct Lookups {
    /// Every `resolv.conf` in force, with its text.
    lists: Vec<(String, Readings)>,
    /// Whether the first of them is every client's.
    one_for_all: bool,
    patience: Nanos,
    clients: Slab<Known>,
    by_address: Map<Address, ClientId>,
    common: Common,
    /// Memory for what is put together of those that are over.
    rooms: Rooms,
    wording: Wording,
    /// The resolver of all packets, where the user said so.
    given: Option<Resolver>,
    /// What beside the files decides how clients ask.
    situation: Rc<Situation>,
    held: usize,
    pub(crate) given_up: GivenUp,
}

/// What all clients have in common, and what is kept for all of them together.
#[derive(Debug, Default)]
struct Common {
    /// When the capture began.
    began: Option<Timestamp>,
    /// The latest answers to questions that were not captured.
    strays: VecDeque<Stray>,
    /// The resolvers found where the packets come from; empty where nobody looked.
    detected: Vec<ResolverId>,
    links: Links,
    deadlines: Deadlines,
    /// Lookups under construction, and the bytes they take.
    open: Load,
    /// Lookups that are over and not yet taken.
    over: VecDeque<Closed>,
    /// Room of such lookups for the candidates of new ones.
    spare: Vec<Steps>,
}

/// Lookups under construction.
#[derive(Debug, Clone, Copy, Default)]
struct Load {
    lookups: usize,
    bytes: usize,
}

/// One client and what is known of its `resolv.conf`.
#[derive(Debug)]
struct Known {
    address: Address,
    client: Client,
    /// The file in force: the one for all, or its own once that is decided.
    list: Option<ListId>,
    /// What was read from its traffic, where no file is known.
    inferred: Option<InferredConf>,
    held: Vec<(Timestamp, Event)>,
}

impl Lookups {
    pub(crate) fn new(search: SearchList) -> Self {
        let (lists, one_for_all, patience) = match search {
            SearchList::Known(file) => {
                (vec![(String::new(), Readings::new(file.as_deref(), &Rc::default()))], true, Nanos(0))
            }
            SearchList::Inferred(patience) => (Vec::new(), false, patience),
        };
        Self {
            lists,
            one_for_all,
            patience,
            clients: Slab::new(),
            by_address: Map::default(),
            common: Common::default(),
            rooms: Rooms::default(),
            wording: Wording::All,
            given: None,
            situation: Rc::default(),
            held: 0,
            given_up: GivenUp::default(),
        }
    }

    /// Tells which resolvers were found where the packets come from.
    pub(crate) fn with_resolvers(&mut self, detected: Vec<ResolverId>) {
        self.common.detected = detected;
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

    /// Tells what beside the files decides how clients ask; to be said before the first event.
    pub(crate) fn with_situation(&mut self, situation: &Situation) {
        self.situation = Rc::new(situation.clone());
        for (_, readings) in &mut self.lists {
            *readings = readings.in_situation(&self.situation);
        }
    }

    /// Takes one event.
    pub(crate) fn advance(&mut self, event: Event, now: Timestamp) {
        self.pass(now);
        if let Event::Stray { to, id } = event {
            self.note_stray(to, id, now);
            return;
        }
        let Some(id) = self.client_of(&event) else { return };
        let known = &mut self.clients[id as usize];
        if known.list.is_some() {
            self.with_client(id, |client, around| client.advance(event, around, now));
        } else {
            if let Event::Asked(asked) = &event {
                self.common.links.set(asked.exchange, Link::held(id));
            }
            known.held.push((now, event));
            self.held += 1;
            let held = known.held.len();
            if held == 1 {
                self.wait_for(id);
            }
            if held >= ENOUGH_EVENTS {
                self.decide(id, now);
            } else if self.held >= MOST_HELD {
                self.decide_the_most_talkative(now);
            }
        }
        if self.common.open.bytes > MOST_OPEN {
            self.make_room();
        }
    }

    /// Notes when the capture began: with its first packet, whatever that is, or with the first look at the clock.
    pub(crate) fn begin(&mut self, now: Timestamp) {
        self.common.began.get_or_insert(now);
    }

    /// Notes that somebody got an answer under this id to a question that was not captured.
    #[inline(never)]
    fn note_stray(&mut self, to: Endpoint, id: u16, now: Timestamp) {
        if self.common.began.is_none_or(|began| now - began >= BEGAN_BEFORE) {
            return;
        }
        let is_copy = |it: &Stray| it.to == to && it.id == id && now - it.at < COPY;
        if self.common.strays.iter().any(is_copy) {
            return;
        }
        if self.common.strays.len() >= MOST_STRAYS {
            self.common.strays.pop_front();
        }
        self.common.strays.push_back(Stray { to, id, at: now });
    }

    /// Takes it that time has passed.
    #[inline]
    pub(crate) fn pass(&mut self, now: Timestamp) {
        self.begin(now);
        if !self.common.deadlines.nothing_until(now) {
            self.look_at_what_is_due(now);
        }
    }

    #[inline(never)]
    fn look_at_what_is_due(&mut self, now: Timestamp) {
        self.expire(now);
        if self.common.deadlines.is_crowded(self.common.open.lookups + self.clients.len()) {
            self.tidy_deadlines();
        }
    }

    fn expire(&mut self, now: Timestamp) {
        while let Some((at, due)) = self.common.deadlines.pop_until(now) {
            let Some(known) = self.clients.get(due.client as usize) else { continue };
            if let Some(lookup) = due.lookup {
                self.with_client(due.client, |client, around| client.look_at(lookup, at, around));
            } else if let Some((first, _)) = known.held.first() {
                if *first + self.patience <= now {
                    self.decide(due.client, now);
                } else {
                    self.wait_for(due.client);
                }
            }
        }
    }

    /// Has a client's search list decided when its patience is over.
    #[inline(never)]
    fn wait_for(&mut self, id: ClientId) {
        let known = self.clients.get(id as usize);
        if let Some((first, _)) = known.and_then(|known| known.held.first()) {
            self.common.deadlines.push(*first + self.patience, Due { client: id, lookup: None });
        }
    }

    /// Takes out one of the lookups that are over, in the order in which they ended, and puts it in the place of this one;
    /// tells whether there was one.
    pub(crate) fn next_over(&mut self, lookup: &mut Lookup) -> bool {
        loop {
            let Some(closed) = self.common.over.front_mut() else { return false };
            let known = self.clients.get_mut(closed.client as usize);
            let (Some(known), Some((_, readings))) = (known, self.lists.get(closed.list)) else {
                self.common.over.pop_front();
                continue;
            };
            known.client.complete(closed, readings, &self.wording, lookup, &mut self.rooms);
            if let Some(conf) = &known.inferred {
                lookup.doubt_the_dot(conf.searched_below);
            }
            if self.common.spare.len() < MOST_SPARE {
                self.common.spare.extend(closed.take_room());
            }
            self.common.over.pop_front();
            return true;
        }
    }

    /// The lookups that are over, each by itself.
    pub(crate) fn over(&mut self) -> impl Iterator<Item = Lookup> {
        std::iter::from_fn(|| {
            let mut lookup = Lookup::of_nothing();
            self.next_over(&mut lookup).then_some(lookup)
        })
    }

    /// Everything that is left, at the end of a capture.
    pub(crate) fn finish(&mut self, now: Timestamp) -> Vec<Lookup> {
        self.expire(now);
        let clients = self.clients.iter();
        let mut clients: Vec<_> =
            clients.map(|(id, known)| (known.address, u32::try_from(id).unwrap_or(ClientId::MAX))).collect();
        clients.sort_unstable();
        for (_, id) in clients {
            self.decide(id, now);
            self.with_client(id, Client::finish);
        }
        let mut over: Vec<Lookup> = self.over().collect();
        over.sort_by_key(|lookup| lookup.start);
        over
    }

    /// When something is over at the soonest if no more events come; `None` where nothing is under way.
    pub(crate) fn next_deadline(&mut self) -> Option<Timestamp> {
        loop {
            let (at, due) = self.common.deadlines.first()?;
            let is_due = match (due.lookup, self.clients.get(due.client as usize)) {
                (Some(lookup), _) => {
                    self.with_client(due.client, |client, around| client.is_due(lookup, at, around))
                }
                (None, Some(known)) => known.held.first().map(|(first, _)| *first + self.patience <= at),
                (None, None) => None,
            };
            if is_due == Some(true) {
                return Some(at);
            }
            self.common.deadlines.pop_until(at);
            if let (Some(false), None) = (is_due, due.lookup) {
                // This client waits since later.
                self.wait_for(due.client);
            }
        }
    }

    /// The search lists that were read from the traffic.
    pub(crate) fn inferred(&self) -> impl Iterator<Item = (IpAddr, &InferredConf)> {
        self.clients.iter().filter_map(|(_, known)| Some((known.address.0, known.inferred.as_ref()?)))
    }

    /// Whose event it is; `None` for an answer that nobody waits for, and where there is no room for another client.
    fn client_of(&mut self, event: &Event) -> Option<ClientId> {
        let asked = match event {
            Event::Answered { exchange, .. } => {
                return self.common.links.get(*exchange).map(|link| link.client);
            }
            Event::Asked(asked) => asked,
            Event::Stray { .. } => return None,
        };
        let address = Address(asked.client.ip());
        if let Some(known) = self.by_address.get(&address) {
            return Some(*known);
        }
        self.new_client(address)
    }

    #[inline(never)]
    fn new_client(&mut self, address: Address) -> Option<ClientId> {
        if self.clients.len() >= MOST_CLIENTS {
            self.forget_idle_clients();
            if self.clients.len() >= MOST_CLIENTS {
                self.given_up.messages += 1;
                return None;
            }
        }
        let list = self.one_for_all.then_some(0);
        let known = Known { address, client: Client::default(), list, inferred: None, held: Vec::new() };
        let id = u32::try_from(self.clients.insert(known)).ok()?;
        self.by_address.insert(address, id);
        Some(id)
    }

    /// Does something with a client whose file is known.
    fn with_client<T>(
        &mut self,
        id: ClientId,
        work: impl FnOnce(&mut Client, &mut Surroundings<'_>) -> T,
    ) -> Option<T> {
        let known = self.clients.get_mut(id as usize)?;
        let list = known.list?;
        let mut around = Surroundings {
            readings: &mut self.lists.get_mut(list)?.1,
            list,
            me: id,
            common: &mut self.common,
        };
        Some(work(&mut known.client, &mut around))
    }

    /// Reads a client's search list from what it sent so far, and goes through that.
    fn decide(&mut self, id: ClientId, now: Timestamp) {
        let Some(known) = self.clients.get_mut(id as usize).filter(|known| known.list.is_none()) else {
            return;
        };
        let held = std::mem::take(&mut known.held);
        self.held -= held.len();
        let conf = search_list::infer(&held);
        let list = list_of(&mut self.lists, conf.as_resolv_conf(), self.given, &self.situation);
        known.list = Some(list);
        known.inferred = Some(conf);
        // As if the time of these events were now; what others have to do waits.
        let others = std::mem::take(&mut self.common.deadlines);
        for (at, event) in held {
            self.expire(at);
            self.with_client(id, |client, around| client.advance(event, around, at));
        }
        self.expire(now);
        let own = std::mem::replace(&mut self.common.deadlines, others);
        self.common.deadlines.absorb(own);
    }

    /// Makes room by deciding for the client that has most held back.
    #[inline(never)]
    fn decide_the_most_talkative(&mut self, now: Timestamp) {
        let most = self.clients.iter().max_by_key(|(_, known)| (known.held.len(), known.address));
        if let Some(id) = most.and_then(|(id, _)| ClientId::try_from(id).ok()) {
            self.decide(id, now);
        }
    }

    /// Rids the deadlines of what is stale.
    fn tidy_deadlines(&mut self) {
        let ids = self.clients.iter().filter_map(|(id, known)| Some((ClientId::try_from(id).ok()?, known)));
        let mut noted: Vec<(Timestamp, Due)> = Vec::with_capacity(self.common.open.lookups);
        for (id, known) in ids {
            noted.extend(known.client.noted(id));
            let waits = known.held.first().map(|(first, _)| *first + self.patience);
            noted.extend(waits.map(|at| (at, Due { client: id, lookup: None })));
        }
        self.common.deadlines.rebuild(noted);
    }

    /// Gives up the lookups that would be over soonest, while there are too many.
    #[inline(never)]
    fn make_room(&mut self) {
        let mut undecided = Vec::new();
        while self.common.open.bytes > MOST_OPEN {
            let Some((at, due)) = self.common.deadlines.pop_until(Timestamp(i64::MAX)) else { break };
            let Some(lookup) = due.lookup else {
                undecided.push((at, due));
                continue;
            };
            let evicted = self.with_client(due.client, |client, around| client.evict(lookup, at, around));
            self.given_up.lookups += u64::from(evicted == Some(true));
        }
        for (at, due) in undecided {
            self.common.deadlines.push(at, due);
        }
    }

    fn forget_idle_clients(&mut self) {
        // Lookups of theirs may have to be told yet.
        let told: Vec<ClientId> = self.common.over.iter().map(|closed| closed.client).collect();
        let by_address = &mut self.by_address;
        self.clients.retain(|id, known| {
            let is_idle = known.client.is_idle() && known.held.is_empty();
            let stays = !is_idle || told.iter().any(|client| *client as usize == id);
            if !stays {
                by_address.remove(&known.address);
            }
            stays
        });
    }
}

/// The index of a file, which is read if it is new. Pods of one namespace have the same.
fn list_of(
    lists: &mut Vec<(String, Readings)>,
    text: String,
    given: Option<Resolver>,
    situation: &Rc<Situation>,
) -> ListId {
    if let Some(known) = lists.iter().position(|(known, _)| *known == text) {
        return known;
    }
    if lists.len() >= MOST_LISTS {
        // That many are made up; to such clients the first will do.
        return 0;
    }
    let readings = Readings::new(Some(text.as_bytes()), situation);
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
