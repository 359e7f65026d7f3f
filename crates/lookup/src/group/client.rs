//! One client's lookups: which lookup a question belongs to, and when a lookup is over.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::net::IpAddr;

use dnsprobe_resolv::{ResolverId, Transport};
use smallvec::SmallVec;

use super::deadlines::Deadlines;
use super::fingerprint::{Beforehand, Fingerprint, fingerprint};
use super::finish::{End, Waits, finish, reading};
use super::fit::{Fit, Relation, fit};
use super::open::{Open, Readiness, Standing};
use super::readings::{Began, Readings};
use crate::attempt::{Asked, Event, ExchangeId};
use crate::findings::{Wording, findings};
use crate::lookup::Lookup;
use crate::map::Map;
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
    open: Map<OpenId, Entry>,
    next: OpenId,
    /// Who may expect a name, by its fingerprint, the longest open first. Names alike in that only make `fit` look once
    /// more.
    expecting: Map<u64, SmallVec<[OpenId; 2]>>,
    /// Who asked from a port last.
    by_port: Map<u16, OpenId>,
    exchanges: Map<ExchangeId, OpenId>,
    deadlines: Deadlines<OpenId>,
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
    /// When it is over.
    deadline: Timestamp,
    /// When `deadlines` has it looked at: no later than that.
    noted: Timestamp,
    /// Its entries in `expecting` beside those of its entrance.
    aliases: SmallVec<[u64; 2]>,
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
    /// Whether findings are put into words.
    pub(crate) wording: &'a Wording,
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

    /// The next of them is over no sooner than this, if nothing more comes.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first()
    }

    /// Takes out the lookups that are over by now.
    pub(crate) fn expire(&mut self, around: &Surroundings<'_>, now: Timestamp) -> Vec<Lookup> {
        let mut over = Vec::new();
        while let Some((at, id)) = self.deadlines.pop_until(now) {
            let Some(entry) = self.open.get_mut(&id).filter(|entry| entry.noted == at) else { continue };
            if entry.deadline > at {
                entry.noted = entry.deadline;
                self.deadlines.push(entry.deadline, id);
            } else {
                over.extend(self.close(id, around, End::Seen));
            }
        }
        over
    }

    /// Takes out all lookups, at the end of a capture.
    pub(crate) fn finish(&mut self, around: &Surroundings<'_>, now: Timestamp) -> Vec<Lookup> {
        let mut over = self.expire(around, now);
        let mut left: Vec<_> = self.open.iter().map(|(id, entry)| (entry.deadline, *id)).collect();
        left.sort_unstable();
        for (_, id) in left {
            let decided = self.open.get(&id).is_some_and(|entry| entry.lookup.is_decided());
            let end = if decided { End::Seen } else { End::CaptureEnded };
            over.extend(self.close(id, around, end));
        }
        over
    }

    /// Gives up the lookup that would be over soonest, to save memory.
    pub(crate) fn evict(&mut self, around: &Surroundings<'_>) -> Option<Lookup> {
        while let Some((at, id)) = self.deadlines.pop_until(Timestamp(i64::MAX)) {
            let Some(entry) = self.open.get_mut(&id).filter(|entry| entry.noted == at) else { continue };
            if entry.deadline <= at {
                return self.close(id, around, End::CaptureEnded);
            }
            entry.noted = entry.deadline;
            self.deadlines.push(entry.deadline, id);
        }
        None
    }

    fn asked(&mut self, asked: Asked, around: &mut Surroundings<'_>, now: Timestamp) {
        let port = asked.client.port();
        let shared = self.shares_socket(&asked, now);
        if shared {
            self.remember(ResolverId::CAres);
        }
        if let Some((id, place)) = self.resent(&asked) {
            self.add(id, asked, Place::Step(place), around.readings, now);
            return;
        }
        match self.best_fit(&asked, now) {
            Some((id, fit)) => self.add(id, asked, Place::Fitting(fit), around.readings, now),
            None => self.begin(asked, around, now),
        }
        if shared && let Some(entry) = self.open.get_mut(&self.by_port[&port]) {
            entry.lookup.channel = true;
        }
    }

    /// Whether another name's question from this very socket is still open: only c-ares asks for several names from one
    /// (a channel keeps its sockets, 1.18 `src/lib/ares_process.c`).
    fn shares_socket(&self, asked: &Asked, now: Timestamp) -> bool {
        let entry = self.by_port.get(&asked.client.port()).and_then(|id| self.open.get(id));
        let Some(Entry { lookup: open, .. }) = entry else { return false };
        let unanswered =
            |standing: &Standing| standing.answer.is_none() && now - standing.last_sent < STILL_OPEN;
        let same = open.step().sent.last().is_some_and(|sent| sent.asked.client == asked.client);
        let expected = || {
            let mut candidates = open.walks.iter().flat_map(|walk| &open.typed(*walk).candidates);
            candidates.any(|candidate| candidate.name == asked.name)
        };
        same && asked.transport == Transport::Udp
            && open.step().standings().iter().any(unanswered)
            && !expected()
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
    fn best_fit(&mut self, asked: &Asked, now: Timestamp) -> Option<(OpenId, Fit)> {
        let mut fits: SmallVec<[(Waited, OpenId, Fit); 2]> = SmallVec::new();
        let alike = self.expecting.get(&asked.name.fingerprint()).map(SmallVec::as_slice).unwrap_or_default();
        let alike = &alike[..alike.len().min(MOST_ALIKE)];
        let same_socket = self.by_port.get(&asked.client.port()).filter(|id| !alike.contains(id));
        for id in alike.iter().chain(same_socket) {
            let Some(Entry { lookup: open, .. }) = self.open.get(id) else { continue };
            let Some(fit) = fit(open, asked, now) else { continue };
            let since = open.step().last_answer().unwrap_or_else(|| open.step().last_sent());
            let ready = if leads_on(fit.relation) { open.readiness() } else { Readiness::Ready };
            fits.push(((Reverse(ready), since), *id, fit));
        }
        let best = fits.iter().map(|(_, _, fit)| fit.relation).max()?;
        fits.retain(|(_, _, fit)| fit.relation == best);
        if fits.len() > 1 && best < Relation::Partner {
            for (_, id, _) in &fits {
                if let Some(entry) = self.open.get_mut(id) {
                    entry.lookup.certain = false;
                }
            }
        }
        // An alias is followed at once; everything else queues.
        let chosen = if best == Relation::Alias {
            fits.into_iter().max_by_key(|((_, since), id, _)| (*since, *id))
        } else {
            fits.into_iter().min_by_key(|(waited, id, _)| (*waited, *id))
        };
        chosen.map(|(_, id, fit)| (id, fit))
    }

    fn begin(&mut self, asked: Asked, around: &mut Surroundings<'_>, now: Timestamp) {
        let may_have_begun_before = now - around.began < BEGAN_BEFORE;
        let began = if may_have_begun_before { Began::HereOrBefore } else { Began::Here };
        let entrance = around.readings.entrance(&asked.name, began);
        let id = self.next;
        self.next += 1;
        for name in &entrance.expected {
            self.expecting.entry(*name).or_default().push(id);
        }
        self.exchanges.insert(asked.exchange, id);
        self.by_port.insert(asked.client.port(), id);
        let weight = OPEN_LOOKUP + entrance.weight + entrance.expected.len() * EXPECTED_NAME;
        self.weight += weight;
        let lookup = Open::new(asked, now, entrance);
        let (deadline, noted) = (now, Timestamp(i64::MAX));
        self.open.insert(id, Entry { lookup, deadline, noted, aliases: SmallVec::new(), weight });
        self.schedule(id, around.readings);
    }

    fn add(&mut self, id: OpenId, asked: Asked, place: Place, readings: &Readings, now: Timestamp) {
        self.exchanges.insert(asked.exchange, id);
        self.by_port.insert(asked.client.port(), id);
        if let Some(Entry { lookup: open, weight, .. }) = self.open.get_mut(&id) {
            *weight += QUESTION;
            self.weight += QUESTION;
            match place {
                Place::Step(place) => open.ask_earlier(place, asked, now),
                Place::Fitting(Fit { relation: Relation::Missing, .. }) => match open.missing_from(&asked) {
                    Some(place) => open.ask_earlier(place, asked, now),
                    None => open.ask(asked, now),
                },
                Place::Fitting(Fit { relation, walks }) => {
                    if let Some(walks) = walks {
                        open.walks = walks;
                    }
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
        if let Some(alias) = response.alias.as_ref().map(QName::fingerprint)
            && !entry.aliases.contains(&alias)
            && entry.lookup.entrance.expected.binary_search(&alias).is_err()
        {
            entry.aliases.push(alias);
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
            entry.lookup.deadline(readings.timeout().max(least), readings.told(), &self.resolvers)
        };
        entry.deadline = at;
        if at < entry.noted {
            entry.noted = at;
            self.deadlines.push(at, id);
        }
        if self.deadlines.is_crowded(self.open.len()) {
            self.deadlines.rebuild(self.open.iter().map(|(id, entry)| (entry.noted, *id)));
        }
    }

    fn close(&mut self, id: OpenId, around: &Surroundings<'_>, end: End) -> Option<Lookup> {
        let Entry { lookup: open, aliases, weight, .. } = self.open.remove(&id)?;
        self.weight -= weight;
        let mut last_port = None;
        for sent in open.sent() {
            self.exchanges.remove(&sent.asked.exchange);
            if last_port.replace(sent.asked.client.port()) != Some(sent.asked.client.port())
                && self.by_port.get(&sent.asked.client.port()) == Some(&id)
            {
                self.by_port.remove(&sent.asked.client.port());
            }
        }
        self.stop_expecting(&open.entrance.expected, id);
        self.stop_expecting(&aliases, id);
        let readings = &*around.readings;
        let beforehand = Beforehand {
            shown: &self.resolvers,
            detected: around.detected,
            one_at_a_time: readings.one_at_a_time(),
        };
        let told = readings.told();
        let shown = told.map_or_else(|| fingerprint(&open, &beforehand), |told| Fingerprint::given(told.id));
        if shown.sure {
            self.remember(shown.id);
        }
        let waits = Waits { timeout: readings.timeout(), longest: readings.longest_wait(shown.id) };
        let mut lookup = finish(&open, shown, told, waits, end);
        lookup.certain &= !self.mark_those_beside(&open, &lookup.name);
        let as_is = self.as_is.iter().rev().find(|(name, _)| **name == *lookup.name.trim_end_matches('.'));
        lookup.findings = findings(&lookup, readings, as_is.map(|(_, address)| *address), around.wording);
        self.remember_as_is(&lookup);
        Some(lookup)
    }

    /// Marks the lookups of this name that ran at the same moment, since the packets do not say which of them asked what;
    /// tells whether there are any.
    fn mark_those_beside(&mut self, open: &Open, name: &str) -> bool {
        let alike = self.expecting.get(&open.steps[0].name.fingerprint());
        let mut any = false;
        for id in alike.into_iter().flatten().take(MOST_ALIKE) {
            let Some(Entry { lookup: other, .. }) = self.open.get_mut(id) else { continue };
            if other.runs_beside(open) && reading(other).name.eq_ignore_ascii_case(name) {
                other.certain = false;
                any = true;
            }
        }
        any
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
    Fitting(Fit),
}

/// Whether a question begins another candidate.
fn leads_on(relation: Relation) -> bool {
    matches!(relation, Relation::Next | Relation::NextOtherType | Relation::AnotherPass)
}
