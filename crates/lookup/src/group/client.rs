//! One client's lookups: which lookup a question belongs to, and when a lookup is over.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use dnsprobe_resolv::{ResolverId, Transport};

use super::fingerprint::{Beforehand, fingerprint};
use super::finish::{End, Waits, finish};
use super::fit::{Relation, fit};
use super::open::{Open, Readiness, Standing, Walk};
use super::readings::{Readings, TypedName};
use crate::attempt::{Asked, Event, ExchangeId};
use crate::lookup::Lookup;
use crate::message::{QName, Response};
use crate::time::{Nanos, Timestamp};

/// Number of a lookup under construction.
type OpenId = u64;

/// Bytes that a lookup under construction takes without its walks, about.
const OPEN_LOOKUP: usize = 1_024;
/// Bytes that a further question takes with its answer, about.
const QUESTION: usize = 320;
/// Bytes that being noted as expecting a name takes.
const EXPECTED_NAME: usize = 96;
/// Lookups of one name that a question is held against. More at once are a flood, not an application.
const MOST_ALIKE: usize = 256;
/// Names remembered of a client with what they stand for.
const MOST_AS_IS: usize = 32;
/// Resolvers remembered of a client.
const MOST_RESOLVERS: usize = 8;
/// A question is open for no less than this, whatever the resolver.
const STILL_OPEN: Nanos = Nanos::from_millis(250);
/// c-ares takes no `timeout` from the file before 1.22 and waits this long (`ARES_DEFAULT_TIMEOUT` of 1.18).
const CHANNEL_TIMEOUT: Nanos = Nanos::from_millis(5_000);
/// So long after a capture began, a walk may have begun before it.
const BEGAN_BEFORE: Nanos = Nanos::from_millis(5_000);

/// One client's lookups under construction.
#[derive(Debug, Default)]
pub(crate) struct Client {
    open: HashMap<OpenId, Entry>,
    next: OpenId,
    /// Who may expect a name, by its hash, the longest open first. Names alike in that only make `fit` look once more.
    expecting: HashMap<u64, Vec<OpenId>>,
    /// Who asked from a port last.
    by_socket: HashMap<SocketAddr, OpenId>,
    exchanges: HashMap<ExchangeId, OpenId>,
    deadlines: BTreeSet<(Timestamp, OpenId)>,
    /// Resolvers that this client surely has, the latest first.
    resolvers: Vec<ResolverId>,
    /// Bytes of `open`.
    weight: usize,
    /// The latest dotted names that were answered as they stand, with the first address each.
    as_is: VecDeque<(Box<str>, IpAddr)>,
}

/// A lookup and where it is noted.
#[derive(Debug)]
struct Entry {
    lookup: Open,
    /// Its entry in `deadlines`.
    deadline: Timestamp,
    /// Its entries in `expecting`.
    expected: Vec<u64>,
    /// Bytes that it takes, about.
    weight: usize,
}

/// What the stages around a client know.
pub(crate) struct Surroundings<'a> {
    /// The `resolv.conf` in force.
    pub(crate) readings: &'a mut Readings,
    /// When the capture began.
    pub(crate) began: Timestamp,
    /// The resolvers found where the packets come from; empty where nobody looked.
    pub(crate) detected: &'a [ResolverId],
}

impl Client {
    /// Takes one event.
    pub(crate) fn advance(&mut self, event: Event, around: &mut Surroundings<'_>, now: Timestamp) {
        match event {
            Event::Asked(asked) => self.asked(asked, around, now),
            Event::Answered { exchange, response, .. } => self.answered(exchange, response, around, now),
        }
    }

    /// Bytes that the lookups under construction take, about; 0 without any.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// When the next of them is over, if nothing more comes.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Takes out the lookups that are over by now.
    pub(crate) fn expire(&mut self, around: &Surroundings<'_>, now: Timestamp) -> Vec<Lookup> {
        let mut over = Vec::new();
        while let Some(&(at, id)) = self.deadlines.first() {
            if at > now {
                break;
            }
            over.extend(self.close(id, around, End::Seen));
        }
        over
    }

    /// Takes out all lookups, at the end of a capture.
    pub(crate) fn finish(&mut self, around: &Surroundings<'_>, now: Timestamp) -> Vec<Lookup> {
        let mut over = self.expire(around, now);
        while let Some(&(_, id)) = self.deadlines.first() {
            let decided = self.open.get(&id).is_some_and(|entry| entry.lookup.is_decided());
            let end = if decided { End::Seen } else { End::CaptureEnded };
            over.extend(self.close(id, around, end));
        }
        over
    }

    /// Gives up the lookup that would be over soonest, to save memory.
    pub(crate) fn evict(&mut self, around: &Surroundings<'_>) -> Option<Lookup> {
        let (_, id) = *self.deadlines.first()?;
        self.close(id, around, End::CaptureEnded)
    }

    fn asked(&mut self, asked: Asked, around: &mut Surroundings<'_>, now: Timestamp) {
        let socket = asked.client;
        let shared = self.shares_socket(&asked, now);
        if shared {
            self.remember(ResolverId::CAres);
        }
        if let Some((id, place)) = self.resent(&asked) {
            self.add(id, asked, Place::Step(place), around.readings, now);
            return;
        }
        match self.best_fit(&asked, now) {
            Some((id, relation, walks)) => {
                self.add(id, asked, Place::Fitting(relation, walks), around.readings, now);
            }
            None => self.begin(asked, around, now),
        }
        if shared && let Some(entry) = self.open.get_mut(&self.by_socket[&socket]) {
            entry.lookup.channel = true;
        }
    }

    /// Whether another name's question from this very socket is still open: only c-ares asks for several names from one
    /// (a channel keeps its sockets, 1.18 `src/lib/ares_process.c`).
    fn shares_socket(&self, asked: &Asked, now: Timestamp) -> bool {
        let entry = self.by_socket.get(&asked.client).and_then(|id| self.open.get(id));
        let Some(Entry { lookup: open, .. }) = entry else { return false };
        let expected =
            open.walks.iter().any(|walk| walk.typed.candidates.iter().any(|it| it.name == asked.name));
        let unanswered =
            |standing: Standing<'_>| standing.answer.is_none() && now - standing.last_sent < STILL_OPEN;
        let same = open.step().sent.last().is_some_and(|sent| sent.asked.client == asked.client);
        !expected
            && same
            && asked.transport == Transport::Udp
            && open.step().standings().into_iter().any(unanswered)
    }

    /// What a name stands for by itself, to be held against what a suffix made of it.
    fn remember_as_is(&mut self, lookup: &Lookup) {
        let as_is = lookup.steps.last().is_some_and(|step| step.suffix.is_none());
        let name = lookup.name.trim_end_matches('.');
        let (true, Some(address), true) = (as_is, lookup.addresses.first(), name.contains('.')) else {
            return;
        };
        self.as_is.retain(|(known, _)| **known != *name);
        if self.as_is.len() >= MOST_AS_IS {
            self.as_is.pop_front();
        }
        self.as_is.push_back((name.into(), *address));
    }

    fn remember(&mut self, id: ResolverId) {
        self.resolvers.retain(|known| *known != id);
        self.resolvers.insert(0, id);
        self.resolvers.truncate(MOST_RESOLVERS);
    }

    /// The lookup that holds this very exchange, and the candidate that does.
    fn resent(&self, asked: &Asked) -> Option<(OpenId, usize)> {
        let id = *self.exchanges.get(&asked.exchange)?;
        Some((id, self.open.get(&id)?.lookup.holding(asked.exchange)?))
    }

    /// The lookup that this question fits best. Among equals the readiest, and of these the one that has waited longest;
    /// then none of them is certain any more.
    fn best_fit(&mut self, asked: &Asked, now: Timestamp) -> Option<(OpenId, Relation, Vec<Walk>)> {
        let mut fits: Vec<(Relation, Waited, OpenId, Vec<Walk>)> = Vec::new();
        let alike = self.expecting.get(&hash(&asked.name)).map(Vec::as_slice).unwrap_or_default();
        let same_socket = self
            .by_socket
            .get(&asked.client)
            .filter(|id| alike.get(..MOST_ALIKE).is_some_and(|first| !first.contains(id)));
        for id in alike.iter().take(MOST_ALIKE).chain(same_socket) {
            let Some(Entry { lookup: open, .. }) = self.open.get(id) else { continue };
            if let Some((relation, walks)) = fit(open, asked, now) {
                let since = open.step().last_answer().unwrap_or_else(|| open.step().last_sent());
                let readiness =
                    if leads_on(relation) { Reverse(open.readiness()) } else { Reverse(Readiness::Ready) };
                fits.push((relation, (readiness, since), *id, walks));
            }
        }
        let best = fits.iter().map(|(relation, ..)| *relation).max()?;
        fits.retain(|(relation, ..)| *relation == best);
        if fits.len() > 1 && best < Relation::Partner {
            for (_, _, id, _) in &fits {
                if let Some(entry) = self.open.get_mut(id) {
                    entry.lookup.certain = false;
                }
            }
        }
        // An alias is followed at once; everything else queues.
        let chosen = if best == Relation::Alias {
            fits.into_iter().max_by_key(|(_, (_, since), id, _)| (*since, *id))
        } else {
            fits.into_iter().min_by_key(|(_, waited, id, _)| (*waited, *id))
        };
        let (relation, _, id, walks) = chosen?;
        Some((id, relation, walks))
    }

    fn begin(&mut self, asked: Asked, around: &mut Surroundings<'_>, now: Timestamp) {
        let names = around.readings.typed_names(&asked.name);
        let may_have_begun_before = now - around.began < BEGAN_BEFORE;
        let mut walks: Vec<Walk> = names
            .iter()
            .filter(|typed| typed.entry == 0 || may_have_begun_before)
            .map(|typed| Walk { typed: Arc::clone(typed), position: typed.entry })
            .collect();
        if walks.is_empty() {
            walks.push(as_it_stands(&asked.name));
        }
        let id = self.next;
        self.next += 1;
        let mut expected: Vec<u64> = walks
            .iter()
            .flat_map(|walk| &walk.typed.candidates)
            .map(|candidate| hash(&candidate.name))
            .collect();
        expected.sort_unstable();
        expected.dedup();
        expected.shrink_to_fit();
        for name in &expected {
            self.expecting.entry(*name).or_insert_with(|| Vec::with_capacity(1)).push(id);
        }
        self.exchanges.insert(asked.exchange, id);
        self.by_socket.insert(asked.client, id);
        let walked: usize = walks.iter().map(|walk| walk.typed.weight()).sum();
        let weight = OPEN_LOOKUP + walked + expected.len() * EXPECTED_NAME;
        self.weight += weight;
        let lookup = Open::new(asked, now, walks);
        self.open.insert(id, Entry { lookup, deadline: now, expected, weight });
        self.schedule(id, around.readings);
    }

    fn add(&mut self, id: OpenId, asked: Asked, place: Place, readings: &Readings, now: Timestamp) {
        self.exchanges.insert(asked.exchange, id);
        self.by_socket.insert(asked.client, id);
        if let Some(Entry { lookup: open, weight, .. }) = self.open.get_mut(&id) {
            *weight += QUESTION;
            self.weight += QUESTION;
            match place {
                Place::Step(place) => open.ask_earlier(place, asked, now),
                Place::Fitting(Relation::Missing, _) => match open.missing_from(&asked) {
                    Some(place) => open.ask_earlier(place, asked, now),
                    None => open.ask(asked, now),
                },
                Place::Fitting(relation, walks) => {
                    open.walks = walks;
                    if leads_on(relation) {
                        open.ask_next(asked, now);
                    } else {
                        open.ask(asked, now);
                    }
                }
            }
        }
        self.schedule(id, readings);
    }

    fn answered(
        &mut self,
        exchange: ExchangeId,
        response: Response,
        around: &mut Surroundings<'_>,
        now: Timestamp,
    ) {
        let Some(&id) = self.exchanges.get(&exchange) else { return };
        let Some(entry) = self.open.get_mut(&id) else { return };
        if let Some(alias) = response.alias.as_ref().map(hash)
            && !entry.expected.contains(&alias)
        {
            entry.expected.push(alias);
            self.expecting.entry(alias).or_default().push(id);
        }
        entry.lookup.answer(exchange, now, response);
        self.schedule(id, around.readings);
    }

    /// Notes when a lookup will be over.
    fn schedule(&mut self, id: OpenId, readings: &Readings) {
        let Some(entry) = self.open.get_mut(&id) else { return };
        let at = if entry.lookup.is_full() {
            Timestamp(i64::MIN)
        } else {
            let channel = self.resolvers.contains(&ResolverId::CAres);
            let least = if channel { CHANNEL_TIMEOUT } else { Nanos(0) };
            entry.lookup.deadline(readings.timeout().max(least))
        };
        self.deadlines.remove(&(entry.deadline, id));
        entry.deadline = at;
        self.deadlines.insert((at, id));
    }

    fn close(&mut self, id: OpenId, around: &Surroundings<'_>, end: End) -> Option<Lookup> {
        let Entry { lookup: open, deadline, expected, weight } = self.open.remove(&id)?;
        self.weight -= weight;
        self.deadlines.remove(&(deadline, id));
        for sent in open.sent() {
            self.exchanges.remove(&sent.asked.exchange);
            if self.by_socket.get(&sent.asked.client) == Some(&id) {
                self.by_socket.remove(&sent.asked.client);
            }
        }
        self.stop_expecting(&expected, id);
        let readings = &*around.readings;
        let beforehand = Beforehand {
            shown: &self.resolvers,
            detected: around.detected,
            one_at_a_time: readings.one_at_a_time(),
        };
        let shown = fingerprint(&open, &beforehand);
        if shown.sure {
            self.remember(shown.id);
        }
        let waits = Waits { timeout: readings.timeout(), longest: readings.longest_wait(shown.id) };
        let mut lookup = finish(&open, shown, waits, end);
        let as_is = self.as_is.iter().rev().find(|(name, _)| **name == *lookup.name.trim_end_matches('.'));
        lookup.findings = crate::findings::findings(&lookup, readings, as_is.map(|(_, address)| *address));
        self.remember_as_is(&lookup);
        Some(lookup)
    }

    fn stop_expecting(&mut self, names: &[u64], id: OpenId) {
        for name in names {
            if let Some(ids) = self.expecting.get_mut(name) {
                ids.retain(|known| *known != id);
                if ids.is_empty() {
                    self.expecting.remove(name);
                }
            }
        }
    }
}

/// How ready a lookup is, and since when it waits.
type Waited = (Reverse<Readiness>, Timestamp);

/// Where in a lookup a question goes.
enum Place {
    /// To a candidate that it is a resend of.
    Step(usize),
    /// Where it fits.
    Fitting(Relation, Vec<Walk>),
}

/// Whether a question begins another candidate.
fn leads_on(relation: Relation) -> bool {
    matches!(relation, Relation::Next | Relation::NextOtherType | Relation::AnotherPass)
}

fn hash(name: &QName) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// A name that no reading of the file explains: asked as it stands, with nothing after it.
fn as_it_stands(name: &QName) -> Walk {
    let typed = TypedName::absolute(name);
    Walk { typed: Arc::new(typed), position: 0 }
}
