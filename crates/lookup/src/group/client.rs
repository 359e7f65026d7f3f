//! One client's lookups: which lookup a question belongs to (`choice`), and when a lookup is over.

mod choice;
mod manner;

use std::collections::VecDeque;
use std::collections::hash_map::Entry::Occupied;
use std::net::IpAddr;

use dnsprobe_resolv::{ResolverId, Transport};
use slab::Slab;
use smallvec::SmallVec;

use super::deadlines::{Due, NEVER};
use super::expecting::Expecting;
use super::fingerprint::{Beforehand, Fingerprint, fingerprint};
use super::finish::{End, Rooms, Waits, finish, may_be_of, reading};
use super::fit::{Fit, Relation};
use super::links::Link;
use super::open::{CHANNEL_TIMEOUT, LEAST_PATIENCE, Open, Standing};
use super::readings::{Began, Readings};
use super::steps::Steps;
use super::turns::Turns;
use super::{ClientId, Common, ListId, OpenId, Stray};
use crate::attempt::{Asked, Event, ExchangeId, IdRange, Transmission};
use crate::findings::{Wording, put_findings};
use crate::lookup::Lookup;
use crate::map::Map;
use crate::message::{QName, Response};
use crate::place::put;
use crate::time::{Nanos, Timestamp};

/// Bytes that a lookup under construction takes without its walks, about.
const OPEN_LOOKUP: usize = 1_024;
/// Bytes that a further question takes with its answer, about.
const QUESTION: usize = 320;
/// Bytes that being noted as expecting a name takes.
const EXPECTED_NAME: usize = 96;
/// Candidates that a lookup has as a rule, at most.
const USUAL_STEPS: usize = 8;
/// Names remembered of a client with what they stand for.
const MOST_AS_IS: usize = 32;
/// Resolvers remembered of a client.
const MOST_RESOLVERS: usize = 8;
/// A question is open for no less than this, whatever the resolver.
const STILL_OPEN: Nanos = Nanos::from_millis(250);
/// How soon after an answer the next candidate follows, on a busy machine.
const REACTION: Nanos = Nanos::from_millis(50);
/// So long after a capture began, a walk may have begun before it.
pub(super) const BEGAN_BEFORE: Nanos = Nanos::from_millis(5_000);

/// Resolvers choose ids among 65,536; below this there are only few.
const FEW_IDS: u16 = 256;
/// So many in a row are hardly ever below that by chance.
const SURELY_FEW: u32 = 4;

/// One client's lookups under construction.
#[derive(Debug, Default)]
pub(crate) struct Client {
    open: Slab<Entry>,
    /// How many there have been.
    begun: u64,
    expecting: Expecting,
    /// Who asked from a port last.
    by_port: Map<u16, OpenId>,
    /// Resolvers that this client surely has, the latest first.
    resolvers: Vec<ResolverId>,
    turns: Turns,
    /// How many questions in a row had an id that is one of few.
    small_ids: u32,
    /// The latest dotted names that were answered as they stand, with the first address each.
    as_is: VecDeque<(Box<str>, IpAddr)>,
}

/// A lookup and where it is noted.
#[derive(Debug)]
struct Entry {
    lookup: Open,
    /// Which of its client's lookups this is.
    number: u64,
    /// When it is over should nothing more come, or sooner: put off where it was later than that.
    due: Timestamp,
    /// When `deadlines` has it looked at, no later than that.
    noted: Timestamp,
    /// Fingerprints of names that it may expect beside those of its entrance.
    aliases: SmallVec<[u64; 2]>,
    /// Bytes that it takes, about.
    weight: usize,
}

impl Entry {
    /// Whether it may expect the name with this fingerprint.
    fn expects(&self, name: u64) -> bool {
        self.lookup.entrance.expected.contains(&name) || self.aliases.contains(&name)
    }

    /// The fingerprints of all names that it may expect.
    fn names(&self) -> impl Iterator<Item = u64> {
        self.lookup.entrance.expected.iter().chain(&self.aliases).copied()
    }
}

/// A lookup that is over and has yet to be put into its final form.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) client: ClientId,
    /// Its client's `resolv.conf`.
    pub(crate) list: ListId,
    open: Open,
    shown: Fingerprint,
    end: End,
}

/// What the stages around a client know, and what they keep for all clients.
pub(crate) struct Surroundings<'a> {
    /// The `resolv.conf` in force.
    pub(crate) readings: &'a mut Readings,
    /// Its index.
    pub(crate) list: ListId,
    /// Which client it is.
    pub(crate) me: ClientId,
    pub(super) common: &'a mut Common,
}

impl Closed {
    /// The room that its candidates took, if another lookup has use for it.
    pub(crate) fn take_room(&mut self) -> Option<Steps> {
        let mut steps = std::mem::take(&mut self.open.steps);
        steps.clear();
        (steps.room() <= USUAL_STEPS).then_some(steps)
    }
}

impl Client {
    /// Takes one event.
    pub(crate) fn advance(&mut self, event: Event, around: &mut Surroundings<'_>, now: Timestamp) {
        match event {
            Event::Asked(asked) => self.asked(asked, around, now),
            Event::Answered { exchange, response } => self.answered(exchange, response, around, now),
            // Tells of no lookup.
            Event::Stray { .. } => {}
        }
    }

    /// Whether nothing is under construction.
    pub(super) fn is_idle(&self) -> bool {
        self.open.is_empty()
    }

    /// When each of them is to be looked at.
    pub(super) fn noted(&self, me: ClientId) -> impl Iterator<Item = (Timestamp, Due)> {
        let due = move |id| Due { client: me, lookup: Some(open_id(id)) };
        self.open.iter().map(move |(id, entry)| (entry.noted, due(id)))
    }

    /// Looks at a lookup that may be over, as was noted for this time.
    pub(crate) fn look_at(&mut self, id: OpenId, noted: Timestamp, around: &mut Surroundings<'_>) {
        self.close_or_put_off(id, noted, End::Seen, around);
    }

    /// Gives up a lookup that would be over soonest, to save memory; tells whether it is the one noted for this time.
    pub(crate) fn evict(&mut self, id: OpenId, noted: Timestamp, around: &mut Surroundings<'_>) -> bool {
        self.close_or_put_off(id, noted, End::CaptureEnded, around)
    }

    fn close_or_put_off(
        &mut self,
        id: OpenId,
        noted: Timestamp,
        end: End,
        around: &mut Surroundings<'_>,
    ) -> bool {
        let is_due = self.is_due(id, noted, around);
        if is_due {
            self.close(id, around, end);
        }
        is_due
    }

    /// Whether a lookup is over at the time that was noted for it; has it looked at later if it was put off since.
    pub(super) fn is_due(&mut self, id: OpenId, noted: Timestamp, around: &mut Surroundings<'_>) -> bool {
        let Some(entry) = self.open.get(id as usize).filter(|entry| entry.noted == noted) else {
            return false;
        };
        let deadline = if entry.due > noted { entry.due } else { self.deadline(entry, around) };
        if deadline > noted {
            let entry = &mut self.open[id as usize];
            (entry.due, entry.noted) = (NEVER, NEVER);
            self.note(id, deadline, around);
        }
        deadline <= noted
    }

    /// Takes out all lookups, at the end of a capture.
    pub(crate) fn finish(&mut self, around: &mut Surroundings<'_>) {
        let deadline = |entry| self.deadline(entry, around);
        let left = self.open.iter().map(|(id, entry)| (deadline(entry), entry.number, open_id(id)));
        let mut left: Vec<_> = left.collect();
        left.sort_unstable();
        for (_, _, id) in left {
            let decided = self.open.get(id as usize).is_some_and(|entry| entry.lookup.is_decided());
            self.close(id, around, if decided { End::Seen } else { End::CaptureEnded });
        }
    }

    fn asked(&mut self, mut asked: Asked, around: &mut Surroundings<'_>, now: Timestamp) {
        self.small_ids = if asked.id < FEW_IDS { self.small_ids.saturating_add(1) } else { 0 };
        if self.small_ids >= SURELY_FEW {
            asked.id_range = IdRange::Few;
        }
        let port = asked.client.port();
        let asked_last = self.by_port.get(&port).copied();
        let shared = self.shares_socket(asked_last, &asked, now);
        if shared {
            self.remember(ResolverId::CAres);
        }
        let id = if asked.transmission == Transmission::Again
            && let Some((id, place)) = self.resent(&asked, around)
        {
            self.add(id, asked, Place::Step(place), around, now);
            id
        } else if let Some(id) = self.made_room(&asked, asked_last, around) {
            let fit = Fit { relation: Relation::Partner, walks: None };
            self.add(id, asked, Place::Fitting(fit), around, now);
            id
        } else if let Some((id, fit)) = self.best_fit(&asked, asked_last, now) {
            self.add(id, asked, Place::Fitting(fit), around, now);
            id
        } else {
            self.begin(asked, around, now)
        };
        if asked_last != Some(id) {
            self.by_port.insert(port, id);
        }
        if shared && let Some(entry) = self.open.get_mut(id as usize) {
            entry.lookup.channel = true;
        }
    }

    /// Whether another name's question from this very socket is still open: only c-ares asks for several names from one
    /// (a channel keeps its sockets, 1.18 `src/lib/ares_process.c`).
    fn shares_socket(&self, asked_last: Option<OpenId>, asked: &Asked, now: Timestamp) -> bool {
        let entry = asked_last.and_then(|id| self.open.get(id as usize));
        let Some(Entry { lookup: open, .. }) = entry else { return false };
        let unanswered =
            |standing: &Standing| standing.answer.is_none() && now - standing.last_sent < STILL_OPEN;
        let same = open.step().sent.last().is_some_and(|sent| sent.asked.client == asked.client);
        let expected = || open.walks.iter().any(|walk| open.typed(*walk).place_of(&asked.name).is_some());
        same && asked.transport == Transport::Udp
            && open.step().name != asked.name
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
        let known = self.as_is.iter().position(|(known, _)| **known == *name);
        let entry = match known.and_then(|at| self.as_is.remove(at)) {
            Some((name, _)) => (name, *address),
            None => (name.into(), *address),
        };
        if self.as_is.len() >= MOST_AS_IS {
            self.as_is.pop_front();
        }
        self.as_is.push_back(entry);
    }

    fn remember(&mut self, id: ResolverId) {
        if self.resolvers.first() == Some(&id) {
            return;
        }
        self.remember_first(id);
    }

    #[inline(never)]
    fn remember_first(&mut self, id: ResolverId) {
        self.resolvers.retain(|known| *known != id);
        self.resolvers.insert(0, id);
        self.resolvers.truncate(MOST_RESOLVERS);
    }

    /// The lookup that holds this very exchange, and the candidate that does.
    #[inline(never)]
    fn resent(&self, asked: &Asked, around: &Surroundings<'_>) -> Option<(OpenId, usize)> {
        let id = around.common.links.get(asked.exchange)?.lookup()?;
        Some((id, self.open.get(id as usize)?.lookup.holding(asked.exchange)?))
    }

    fn begin(&mut self, asked: Asked, around: &mut Surroundings<'_>, now: Timestamp) -> OpenId {
        let may_have_begun_before = now - around.common.began.unwrap_or_default() < BEGAN_BEFORE;
        let began = if may_have_begun_before { Began::HereOrBefore } else { Began::Here };
        let entrance = around.readings.entrance(&asked.name, began);
        if !entrance.is_likely_begun
            && let Some((id, walks)) = self.loose_fit(&asked, now)
        {
            let fit = Fit { relation: Relation::Next, walks: Some(walks) };
            self.add(id, asked, Place::Fitting(fit), around, now);
            return id;
        }
        // It may be a later candidate of one that is taken to ask something else.
        let certain = entrance.is_likely_begun || self.expecting.of(asked.name.fingerprint()).is_empty();
        let weight = OPEN_LOOKUP + entrance.weight + entrance.expected.len() * EXPECTED_NAME;
        around.common.open.lookups += 1;
        around.common.open.bytes += weight;
        self.begun += 1;
        let place = self.open.vacant_entry();
        let id = open_id(place.key());
        self.expecting.add(entrance.expected.iter().copied(), id);
        around.common.links.set(asked.exchange, Link::to(around.me, id));
        let cut = may_have_begun_before && follows_a_stray(&asked, &around.common.strays, now);
        place.insert(Entry {
            lookup: Open {
                certain,
                cut,
                ..Open::new(asked, now, entrance, around.common.spare.pop().unwrap_or_default())
            },
            number: self.begun,
            due: NEVER,
            // It is not over sooner, whatever comes, and most are over by then.
            noted: now + LEAST_PATIENCE,
            aliases: SmallVec::new(),
            weight,
        });
        around.common.deadlines.push(now + LEAST_PATIENCE, Due { client: around.me, lookup: Some(id) });
        self.schedule(id, around);
        id
    }

    fn add(&mut self, id: OpenId, asked: Asked, place: Place, around: &mut Surroundings<'_>, now: Timestamp) {
        around.common.links.set(asked.exchange, Link::to(around.me, id));
        let is_of_a_pair = place.is_of_a_pair();
        let Some(Entry { lookup: open, weight, due, .. }) = self.open.get_mut(id as usize) else { return };
        *weight += QUESTION;
        around.common.open.bytes += QUESTION;
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
        let (is_full, is_doubtful) = (open.is_full(), !open.certain);
        // Who had sent the other half again had a long wait ahead of it; a new question has not.
        let only_puts_off = is_of_a_pair && open.step().is_asked_once();
        if is_full || !(only_puts_off || *due <= now + LEAST_PATIENCE) {
            self.schedule(id, around);
        }
        if is_of_a_pair && is_doubtful && !is_full {
            self.put_right(id, around);
        }
    }

    fn answered(
        &mut self,
        exchange: ExchangeId,
        response: Response,
        around: &mut Surroundings<'_>,
        now: Timestamp,
    ) {
        let Some(id) = around.common.links.get(exchange).and_then(Link::lookup) else { return };
        let Some(entry) = self.open.get_mut(id as usize) else { return };
        if let Some(alias) = response.alias().map(QName::fingerprint)
            && !entry.expects(alias)
        {
            entry.aliases.push(alias);
            self.expecting.add([alias], id);
        }
        entry.lookup.answer(exchange, now, response);
        if !entry.lookup.step().is_answered() {
            // It waits for the rest as long as it did before.
            return;
        }
        if !entry.lookup.certain && entry.lookup.step().standings().len() == 1 && self.put_right(id, around) {
            return;
        }
        let deadline = self.deadline(&self.open[id as usize], around);
        if deadline > now {
            self.note(id, deadline, around);
        } else {
            // Nothing can come any more.
            self.close(id, around, End::Seen);
        }
    }

    /// Finds out when a lookup will be over, and has it looked at then.
    fn schedule(&mut self, id: OpenId, around: &mut Surroundings<'_>) {
        if let Some(entry) = self.open.get(id as usize) {
            self.note(id, self.deadline(entry, around), around);
        }
    }

    /// When a lookup will be over, as far as is known now.
    fn deadline(&self, entry: &Entry, around: &Surroundings<'_>) -> Timestamp {
        if entry.lookup.is_full() {
            return Timestamp(i64::MIN);
        }
        entry.lookup.deadline(|| self.timeout(around.readings), around.readings.told(), &self.resolvers)
    }

    /// The longest that one of its resolvers waits before it sends a question again.
    fn timeout(&self, readings: &Readings) -> Nanos {
        let channel = self.resolvers.contains(&ResolverId::CAres);
        readings.timeout().max(if channel { CHANNEL_TIMEOUT } else { Nanos(0) })
    }

    /// Has a lookup looked at by then, unless it is sooner anyway.
    fn note(&mut self, id: OpenId, deadline: Timestamp, around: &mut Surroundings<'_>) {
        let Some(entry) = self.open.get_mut(id as usize).filter(|entry| deadline < entry.due) else {
            return;
        };
        entry.due = deadline;
        if deadline < entry.noted {
            entry.noted = deadline;
            around.common.deadlines.push(deadline, Due { client: around.me, lookup: Some(id) });
        }
    }

    fn close(&mut self, id: OpenId, around: &mut Surroundings<'_>, end: End) {
        let Some(entry) = self.open.try_remove(id as usize) else { return };
        around.common.open.lookups -= 1;
        around.common.open.bytes -= entry.weight;
        self.expecting.remove(entry.names(), id);
        let mut open = entry.lookup;
        let mut last_port = None;
        for sent in open.sent() {
            around.common.links.clear(sent.asked.exchange);
            let port = sent.asked.client.port();
            if last_port.replace(port) != Some(port)
                && let Occupied(asked_last) = self.by_port.entry(port)
                && *asked_last.get() == id
            {
                asked_last.remove();
            }
        }
        let readings = &*around.readings;
        let beforehand = Beforehand {
            shown: &self.resolvers,
            detected: &around.common.detected,
            one_at_a_time: readings.one_at_a_time(),
            timeout: Some(readings.timeout()),
        };
        let told = readings.told();
        let shown = told.map_or_else(|| fingerprint(&open, &beforehand), |told| Fingerprint::given(told.id));
        if shown.sure {
            self.remember(shown.id);
        }
        open.certain &= !self.mark_those_beside(&open, self.timeout(readings));
        put(&mut around.common.over, || Closed { client: around.me, list: around.list, open, shown, end });
    }

    /// Puts a lookup of this client into its final form, and that in the place of one that nobody needs any more. `readings` is
    /// its `resolv.conf`.
    pub(crate) fn complete(
        &mut self,
        closed: &Closed,
        readings: &Readings,
        wording: &Wording,
        lookup: &mut Lookup,
        rooms: &mut Rooms,
    ) {
        let Closed { open, shown, end, .. } = closed;
        let waits = Waits { timeout: readings.timeout(), longest: readings.longest_wait(shown.id) };
        finish(open, *shown, readings.told(), waits, *end, lookup, rooms);
        let as_is = || {
            let name = lookup.name.trim_end_matches('.');
            self.as_is.iter().rev().find(|(known, _)| **known == *name).map(|(_, address)| *address)
        };
        let mut found = std::mem::take(&mut lookup.findings);
        put_findings(lookup, shown.id, readings, as_is, wording, &mut found);
        lookup.findings = found;
        self.remember_as_is(lookup);
    }

    /// Marks the lookups of this name that ran at the same moment, since the packets do not say which of them asked what;
    /// tells whether there are any.
    fn mark_those_beside(&mut self, open: &Open, timeout: Nanos) -> bool {
        if self.open.is_empty() {
            return false;
        }
        let alike = self.expecting.of(open.steps[0].name.fingerprint());
        let name = &reading(open).name;
        let mut any = false;
        for id in alike {
            let Some(Entry { lookup: other, .. }) = self.open.get_mut(id as usize) else { continue };
            if other.runs_beside(open, timeout) && may_be_of(other, name) {
                other.certain = false;
                any = true;
            }
        }
        any
    }
}

fn open_id(slot: usize) -> OpenId {
    // Memory for so many is not to be had.
    OpenId::try_from(slot).unwrap_or(OpenId::MAX)
}

/// Where in a lookup a question goes.
enum Place {
    /// To a candidate that it is a resend of.
    Step(usize),
    /// Where it fits.
    Fitting(Fit),
}

impl Place {
    /// Whether the question is the other half of a pair.
    fn is_of_a_pair(&self) -> bool {
        use Relation::{Partner, PartnerAtOnce, PartnerElsewhere};
        matches!(self, Self::Fitting(Fit { relation: Partner | PartnerAtOnce | PartnerElsewhere, .. }))
    }
}

/// Whether the client had an answer right before this to a question that was not captured.
#[inline(never)]
fn follows_a_stray(asked: &Asked, strays: &VecDeque<Stray>, now: Timestamp) -> bool {
    let client = asked.client.ip();
    strays.iter().any(|stray| stray.to.ip() == client && (Nanos(0)..REACTION).contains(&(now - stray.at)))
}

/// Whether a question begins another candidate.
fn leads_on(relation: Relation) -> bool {
    matches!(
        relation,
        Relation::Next | Relation::NextOtherType | Relation::NextAfterTimeout | Relation::AnotherPass
    )
}
