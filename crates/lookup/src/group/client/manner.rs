//! Puts right what was given to a lookup that asks otherwise, where several of one name run at once.
//!
//! glibc asks for both types at once until one half of a pair was lost; from then on its thread asks for the second when it
//! has the answer to the first, and after another loss from a port of its own (2.36 `resolv/res_send.c`, `send_dg`). So
//! lookups of one name that look alike may differ in their manner, but which one a question has shows only when the other
//! half comes, or has not come with the answer to the first. What shows then, too, is whether it was musl's, which takes both
//! ids from a clock (1.2.5 `src/network/res_mkquery.c`), where another process of the pod asks for the same.

use dnsprobe_resolv::{QType, ResolverId};

use super::{Client, Entry, QUESTION, Surroundings};
use crate::attempt::{Asked, IdRange};
use crate::group::OpenId;
use crate::group::fingerprint::{CLOSE, SOONEST, VERY_CLOSE};
use crate::group::fit::{AT_ONCE, Relation, fit};
use crate::group::links::Link;
use crate::group::open::{Open, OpenStep, Readiness, Sent, Walk, Walks};
use crate::time::Timestamp;

/// How a pair was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Both at once, with unrelated ids.
    AtOnce,
    /// Both at once, with ids from a clock, one right after the other: musl.
    FromAClock,
    /// The second after the answer to the first.
    InTurn,
    /// The same from another port.
    FromAnotherPort,
    /// One of the latter two: the second is still to come.
    NotAtOnce,
}

impl Manner {
    /// Whether one thread may ask like this, and like that.
    fn fits(self, other: Self) -> bool {
        match (self, other) {
            (Self::NotAtOnce, other) | (other, Self::NotAtOnce) => {
                !matches!(other, Self::AtOnce | Self::FromAClock)
            }
            (one, other) => one == other,
        }
    }

    /// That of two questions of one candidate.
    fn of(step: &OpenStep, first: &Sent, second: &Sent) -> Option<Self> {
        let heard = |at: Timestamp| (first.at..=second.at).contains(&at);
        let in_turn = step.answers.iter().any(|it| it.exchange == first.asked.exchange && heard(it.at));
        match (in_turn, first.asked.client == second.asked.client) {
            (true, true) => Some(Self::InTurn),
            (true, false) => Some(Self::FromAnotherPort),
            (false, true) if second.at - first.at < AT_ONCE => Some(Self::AtOnce),
            (false, _) => None,
        }
    }

    /// How a candidate was begun.
    fn at_first(step: &OpenStep) -> Option<Self> {
        let (first, rest) = match ids(step) {
            Ids::Unrelated => step.sent.split_first()?,
            Ids::FromAClock => return Some(Self::FromAClock),
            Ids::Unknown => return None,
        };
        match rest.iter().find(|sent| sent.asked.qtype != first.asked.qtype) {
            Some(second) => Self::of(step, first, second),
            None => (rest.is_empty() && step.is_answered()).then_some(Self::NotAtOnce),
        }
    }

    /// How it was asked for in the end, after what was lost.
    fn at_last(step: &OpenStep) -> Option<Self> {
        let (second, before) = match ids(step) {
            Ids::Unrelated => step.sent.split_last()?,
            Ids::FromAClock => return Some(Self::FromAClock),
            Ids::Unknown => return None,
        };
        let first = before.iter().rfind(|sent| sent.asked.qtype != second.asked.qtype)?;
        Self::of(step, first, second)
    }

    /// That of a lookup whose candidates these are.
    fn known(steps: &[OpenStep]) -> Option<Self> {
        let mut shown = steps.iter().rev().filter_map(Self::at_last);
        let latest = shown.next()?;
        // Unrelated ids may look like a clock's by chance, and not the other way round.
        if latest == Self::FromAClock {
            shown.find(|it| *it != latest).or(Some(latest))
        } else {
            Some(latest)
        }
    }
}

/// Whether the candidate of another lookup is known not to be in its manner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sure {
    Yes,
    No,
}

/// What the ids of a candidate's questions say of who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ids {
    /// They may be glibc's.
    Unrelated,
    /// They are musl's, which sends the halves of a pair by themselves.
    FromAClock,
    /// They may be anybody's, or those of one who asks with EDNS and so in a manner of its own.
    Unknown,
}

fn ids(step: &OpenStep) -> Ids {
    if step.sent.iter().any(|sent| sent.asked.edns.is_some()) {
        return Ids::Unknown;
    }
    let first = |qtype| step.sent.iter().map(|sent| &sent.asked).find(|asked| asked.qtype == qtype);
    let (Some(a), Some(aaaa)) = (first(QType::A), first(QType::Aaaa)) else { return Ids::Unrelated };
    if [a, aaaa].iter().any(|asked| asked.id_range == IdRange::Few) {
        // Nothing speaks for musl.
        return Ids::Unrelated;
    }
    match aaaa.id.wrapping_sub(a.id) {
        SOONEST..=VERY_CLOSE if a.client == aaaa.client => Ids::FromAClock,
        1..CLOSE => Ids::Unknown,
        _ => Ids::Unrelated,
    }
}

/// Whether the ids of a lookup's questions are from a clock, as musl's are.
pub(super) fn is_musls(open: &Open) -> bool {
    Manner::known(&open.steps) == Some(Manner::FromAClock)
}

/// Whether a candidate was asked from the socket of the one before it: then it is a channel's, whatever its ids. The libcs open
/// one for each.
fn keeps_socket(step: &OpenStep, earlier: &[OpenStep]) -> bool {
    let socket = |sent: &Sent| sent.asked.client;
    let before = earlier.last().and_then(|step| step.sent.last()).map(socket);
    before.is_some() && step.sent.first().map(socket) == before
}

/// Where the half of this type from another socket is, if the other half came from the one that asks now.
fn place_taken(step: &OpenStep, asked: &Asked) -> Option<usize> {
    let [first, second] = &step.sent[..] else { return None };
    let own = |sent: &Sent| sent.asked.client == asked.client;
    if step.name != asked.name || asked.edns.is_some() || own(first) == own(second) {
        return None;
    }
    let (place, half, other) = if own(first) { (1, first, second) } else { (0, second, first) };
    (other.asked.qtype == asked.qtype && half.asked.qtype != asked.qtype).then_some(place)
}

impl Client {
    /// Gives a candidate that was not asked in the manner of its lookup to one with that manner; tells whether there was one.
    pub(super) fn put_right(&mut self, id: OpenId, around: &mut Surroundings<'_>) -> bool {
        let Some((step, earlier)) = self.open.get(id as usize).and_then(|it| it.lookup.steps.split_last())
        else {
            return false;
        };
        let (Some(manner), Some(known)) = (Manner::at_first(step), Manner::known(earlier)) else {
            return false;
        };
        let by_chance =
            manner == Manner::AtOnce && known == Manner::FromAClock && self.may_be_by_chance(earlier);
        if by_chance || manner.fits(known) || keeps_socket(step, earlier) {
            return false;
        }
        if let Some((other, walks)) = self.waits_for(id, manner) {
            return self.hand_over(id, other, walks, around);
        }
        let exchanging =
            |sure| self.alike(id).find(|other| self.may_exchange(id, *other, (manner, known), sure));
        let other = exchanging(Sure::Yes).or_else(|| exchanging(Sure::No));
        other.is_some_and(|other| self.exchange(id, other, around))
    }

    /// Whether it may be by chance that the ids of these candidates look like a clock's: with one pair, as long as nothing else
    /// shows musl here. A pair that is surely musl's will turn up elsewhere then.
    fn may_be_by_chance(&self, steps: &[OpenStep]) -> bool {
        steps.len() == 1 && !self.resolvers.contains(&ResolverId::Musl)
    }

    /// The lookup that asked the other half of this question from the same socket, where one from elsewhere was taken for it
    /// meanwhile: that one goes to another that waits for one.
    pub(super) fn made_room(
        &mut self,
        asked: &Asked,
        asked_last: Option<OpenId>,
        around: &mut Surroundings<'_>,
    ) -> Option<OpenId> {
        let id = asked_last?;
        let place = place_taken(self.open.get(id as usize)?.lookup.step(), asked)?;
        self.make_room(id, place, around)
    }

    /// Gives this question of a lookup's candidate to another that lacks it; the lookup, if there was one. Apart, as it is
    /// seldom needed and long.
    #[inline(never)]
    fn make_room(&mut self, id: OpenId, place: usize, around: &mut Surroundings<'_>) -> Option<OpenId> {
        let other = self.lacks(id, place)?;
        let entry = self.open.get_mut(id as usize)?;
        let (sent, answers) = entry.lookup.steps.last_mut()?.take_out(place);
        entry.weight = entry.weight.saturating_sub(QUESTION);
        self.relink(&sent, id, other, around);
        let entry = self.open.get_mut(other as usize)?;
        entry.weight += QUESTION;
        entry.lookup.certain = false;
        entry.lookup.steps.last_mut()?.put_in(sent, answers);
        if !self.put_right(other, around) {
            self.schedule(other, around);
        }
        Some(id)
    }

    /// Another lookup that may have sent this question of this lookup's candidate: it lacks that half, and waited longest.
    fn lacks(&self, id: OpenId, place: usize) -> Option<OpenId> {
        let Sent { at, asked } = self.open.get(id as usize)?.lookup.step().sent.get(place)?;
        let half = |other: OpenId| {
            let Entry { lookup: open, number, .. } = self.open.get(other as usize)?;
            let since = open.step().last_answer().filter(|since| since <= at)?;
            fit(open, asked, *at).filter(|it| it.relation == Relation::PartnerElsewhere)?;
            Some((since, *number, other))
        };
        self.alike(id).filter_map(half).min().map(|(.., other)| other)
    }

    /// The other lookups that may ask for the candidate of this one.
    fn alike(&self, id: OpenId) -> impl Iterator<Item = OpenId> + use<'_> {
        let name = self.open.get(id as usize).map(|it| it.lookup.step().name.fingerprint());
        let all = name.into_iter().flat_map(|name| self.expecting.of(name));
        all.filter(move |other| *other != id)
    }

    /// The lookup with this manner that may have begun the candidate of this one, and its walks then.
    fn waits_for(&self, id: OpenId, manner: Manner) -> Option<(OpenId, Walks)> {
        let first = self.open.get(id as usize)?.lookup.step().sent.first()?;
        let waiting = |other: OpenId| {
            let Entry { lookup: open, number, .. } = self.open.get(other as usize)?;
            let since = open.step().last_answer().filter(|since| *since <= first.at)?;
            let same = Manner::known(&open.steps).is_some_and(|known| known.fits(manner));
            let ready = same && open.readiness() == Readiness::Ready;
            let fit =
                fit(open, &first.asked, first.at).filter(|it| ready && it.relation == Relation::Next)?;
            Some((since, *number, other, fit.walks?))
        };
        let all = self.alike(id).filter_map(waiting);
        let best = if self.turns.is_last_first(false) {
            all.max_by_key(|(since, number, ..)| (*since, *number))
        } else {
            all.min_by_key(|(since, number, ..)| (*since, *number))
        };
        best.map(|(_, _, other, walks)| (other, walks))
    }

    /// Whether another lookup has a candidate in the manner of this one, and is of the manner of this one's candidate.
    fn may_exchange(&self, id: OpenId, other: OpenId, (manner, known): (Manner, Manner), sure: Sure) -> bool {
        let of = |id: OpenId| self.open.get(id as usize)?.lookup.steps.split_last();
        let (Some((step, earlier)), Some((others, before))) = (of(id), of(other)) else { return false };
        let after = |step: &OpenStep, earlier: &[OpenStep]| {
            earlier.last().and_then(OpenStep::last_answer).is_some_and(|heard| heard <= step.begun())
        };
        step.name == others.name
            && !keeps_socket(others, before)
            && Manner::known(before).is_some_and(|it| it.fits(manner))
            && match (Manner::at_first(others), sure) {
                (Some(it), Sure::Yes) => it.fits(known) && !it.fits(manner),
                (Some(it), Sure::No) => it == Manner::NotAtOnce && it.fits(known),
                (None, Sure::Yes) => false,
                // What is still to come decides.
                (None, Sure::No) => {
                    let shows_at_once = known == Manner::AtOnce && manner != Manner::FromAClock;
                    others.sent.len() == 1 && !shows_at_once && ids(others) == Ids::Unrelated
                }
            }
            && after(step, before)
            && after(others, earlier)
    }

    /// Moves the last candidate of one lookup to another that waits.
    fn hand_over(&mut self, id: OpenId, to: OpenId, walks: Walks, around: &mut Surroundings<'_>) -> bool {
        let Some((step, _)) = self.taken_back(id) else { return false };
        self.receive(to, id, step, walks, around);
        self.schedule(id, around);
        true
    }

    /// Exchanges the last candidates of two lookups.
    fn exchange(&mut self, one: OpenId, other: OpenId, around: &mut Surroundings<'_>) -> bool {
        let Some((ones, before)) = self.taken_back(one) else { return false };
        let Some((others, before_other)) = self.taken_back(other) else {
            self.receive(one, one, ones, before, around);
            return false;
        };
        let expects = |id: OpenId, step: &OpenStep| {
            let first = step.sent.first()?;
            fit(&self.open.get(id as usize)?.lookup, &first.asked, first.at)?.walks
        };
        if let (Some(walks), Some(walks_of_other)) = (expects(one, &others), expects(other, &ones)) {
            self.receive(one, other, others, walks, around);
            self.receive(other, one, ones, walks_of_other, around);
            return true;
        }
        self.receive(one, one, ones, before, around);
        self.receive(other, other, others, before_other, around);
        false
    }

    /// Takes the last candidate out of a lookup; with the walks that expected it.
    fn taken_back(&mut self, id: OpenId) -> Option<(OpenStep, Walks)> {
        let entry = self.open.get_mut(id as usize).filter(|entry| entry.aliases.is_empty())?;
        let taken = entry.lookup.take_back()?;
        entry.weight = entry.weight.saturating_sub(QUESTION * taken.0.sent.len());
        entry.lookup.certain = false;
        Some(taken)
    }

    /// Adds a candidate that was another lookup's.
    fn receive(
        &mut self,
        id: OpenId,
        from: OpenId,
        step: OpenStep,
        walks: Walks,
        around: &mut Surroundings<'_>,
    ) {
        for sent in &step.sent {
            self.relink(sent, from, id, around);
        }
        if let Some(Entry { lookup: open, weight, .. }) = self.open.get_mut(id as usize) {
            *weight += QUESTION * step.sent.len();
            open.certain = false;
            open.receive(step, walks);
        }
        self.schedule(id, around);
    }

    /// A question belongs to another lookup from now on.
    fn relink(&mut self, sent: &Sent, from: OpenId, to: OpenId, around: &mut Surroundings<'_>) {
        around.common.links.set(sent.asked.exchange, Link::to(around.me, to));
        // The port may have been used again since.
        if let Some(asked_last) =
            self.by_port.get_mut(&sent.asked.client.port()).filter(|last| **last == from)
        {
            *asked_last = to;
        }
    }
}

impl Open {
    /// Takes out the last candidate of several, with the walks that led to it.
    fn take_back(&mut self) -> Option<(OpenStep, Walks)> {
        if self.steps.len() < 2 {
            return None;
        }
        let step = self.steps.pop()?;
        let Some(walks) = self.retraced() else {
            self.steps.push(step);
            return None;
        };
        Some((step, std::mem::replace(&mut self.walks, walks)))
    }

    fn receive(&mut self, step: OpenStep, walks: Walks) {
        self.steps.push(step);
        self.walks = walks;
    }

    /// The walks that lead along its candidates; `None` where an alias was followed on the way.
    fn retraced(&self) -> Option<Walks> {
        let mut walks = self.entrance.walks();
        for step in self.steps.iter().skip(1) {
            let onward = |walk: &Walk| {
                let typed = self.typed(*walk);
                let last = u16::try_from(typed.walk.len() - 1).unwrap_or(u16::MAX);
                let places = [walk.position + 1, last, 0];
                let position =
                    places.into_iter().find(|place| typed.is_at(usize::from(*place), &step.name))?;
                Some(Walk { typed: walk.typed, position })
            };
            walks = walks.iter().filter_map(onward).collect();
        }
        (!walks.is_empty()).then_some(walks)
    }
}
