//! Which of a client's lookups a question belongs to.

use std::cmp::Reverse;

use smallvec::SmallVec;

use super::manner::is_musls;
use super::{Client, Entry, leads_on};
use crate::attempt::Asked;
use crate::group::OpenId;
use crate::group::expecting::Ids;
use crate::group::fit::{Fit, Relation, fit, loosely, may_ask, overdue};
use crate::group::open::{Readiness, Walks};
use crate::group::turns::{Coming, Line, Waiting};
use crate::time::Timestamp;

/// A lookup that a question fits.
struct Candidate {
    id: OpenId,
    number: u64,
    fit: Fit,
    /// The readier it is, the less.
    ready: Reverse<Readiness>,
    /// Since when it waits.
    since: Timestamp,
}

/// Those of one question; as a rule there is one.
type Candidates = SmallVec<[Candidate; 2]>;

impl Client {
    /// The lookup that this question fits best; `asked_last` is the one that last asked from its port. Among equals the
    /// readiest, and of these the one whose turn it is; then none of them is certain any more.
    pub(super) fn best_fit(
        &mut self,
        asked: &Asked,
        asked_last: Option<OpenId>,
        now: Timestamp,
    ) -> Option<(OpenId, Fit)> {
        if self.open.len() == 1
            && let Some(only) = self.expecting.longest_open()
        {
            // As nearly always; what it does not expect does not fit it, either.
            let entry = self.open.get(only as usize)?;
            return Some((only, fit(&entry.lookup, asked, now)?));
        }
        let alike = self.expecting.of(asked.name.fingerprint());
        let same_socket = asked_last.filter(|id| !alike.contains(id));
        if let ([only], None) = (&alike[..], same_socket) {
            let entry = self.open.get(*only as usize)?;
            return Some((*only, fit(&entry.lookup, asked, now)?));
        }
        self.best_of_several(alike, same_socket, asked, now)
    }

    /// The same where several may have asked. Apart, as it is seldom needed and long.
    #[inline(never)]
    fn best_of_several(
        &mut self,
        alike: Ids,
        same_socket: Option<OpenId>,
        asked: &Asked,
        now: Timestamp,
    ) -> Option<(OpenId, Fit)> {
        let several = alike.len() > 1;
        let all = alike.into_iter().chain(same_socket);
        let mut fits: Candidates = all.filter_map(|id| self.candidate(id, asked, now)).collect();
        let best = fits.iter().map(|it| it.fit.relation).max()?;
        fits.retain(|it| it.fit.relation == best);
        if fits.len() > 1 && best < Relation::Partner {
            self.doubt(&fits);
        }
        let chosen = if several && queues(best, asked) {
            self.next_in_line(fits, asked, now)
        } else {
            self.first_of(fits, best, asked, now)
        };
        chosen.map(|it| (it.id, it.fit))
    }

    /// A lookup as far as the question fits it.
    fn candidate(&self, id: OpenId, asked: &Asked, now: Timestamp) -> Option<Candidate> {
        let Entry { lookup: open, number, .. } = self.open.get(id as usize)?;
        let fit = fit(open, asked, now)?;
        let since = open.step().last_answer().unwrap_or_else(|| open.step().last_sent());
        let ready = if queues(fit.relation, asked) { open.readiness() } else { Readiness::Ready };
        Some(Candidate { id, number: *number, fit, ready: Reverse(ready), since })
    }

    /// The packets do not say which of these asked.
    fn doubt(&mut self, fits: &Candidates) {
        for it in fits {
            if let Some(entry) = self.open.get_mut(it.id as usize) {
                entry.lookup.certain = false;
            }
        }
    }

    /// Of several lookups of one name that wait for their turn, the one whose it is.
    fn next_in_line(&mut self, mut fits: Candidates, asked: &Asked, now: Timestamp) -> Option<Candidate> {
        let best = fits.first()?.fit.relation;
        if fits.len() > 1 {
            if leads_on(best) {
                self.keep_by_socket(&mut fits, asked);
            }
            let readiest = fits.iter().map(|it| it.ready).min();
            fits.retain(|it| Some(it.ready) == readiest);
        }
        match self.whose_turn(asked, &fits, now) {
            Some(turn) => fits.into_iter().find(|it| it.number == turn),
            None => self.first_of(fits, best, asked, now),
        }
    }

    /// An alias is followed at once, timers are exact; else who has waited longest comes first.
    fn first_of(
        &self,
        fits: Candidates,
        relation: Relation,
        asked: &Asked,
        now: Timestamp,
    ) -> Option<Candidate> {
        let fits = fits.into_iter();
        if relation == Relation::Alias {
            return fits.max_by_key(|it| (it.since, it.number));
        }
        if is_timed(relation) {
            let sent = |id: OpenId| self.open.get(id as usize)?.lookup.last_unanswered(asked);
            return fits.min_by_key(|it| (sent(it.id).map(|sent| overdue(sent, now)), it.number));
        }
        fits.min_by_key(|it| (it.ready, it.since, it.number))
    }

    /// Leaves those of several lookups for which their sockets speak most: a c-ares channel keeps its own.
    fn keep_by_socket(&self, fits: &mut Candidates, asked: &Asked) {
        let speaks = |id: OpenId| self.open.get(id as usize).map(|entry| entry.lookup.socket_for(asked));
        let most = fits.iter().filter_map(|it| speaks(it.id)).max();
        fits.retain(|it| speaks(it.id) == most);
    }

    /// Whose turn it is of those ready for this question, among all lookups of the name that could ask something.
    fn whose_turn(&mut self, asked: &Asked, fits: &Candidates, now: Timestamp) -> Option<u64> {
        let mut line = Line::new();
        for id in self.expecting.of(asked.name.fingerprint()) {
            let Some(Entry { lookup: open, number, .. }) = self.open.get(id as usize) else { continue };
            let Some(since) = open.step().last_answer().filter(|_| may_ask(open, now)) else { continue };
            let expects = fits.iter().any(|it| it.number == *number);
            line.push(Waiting { since, number: *number, expects, from_a_clock: is_musls(open) });
        }
        self.turns.take(&line, Coming { at: now, id: asked.id, edns: asked.edns.is_some() })
    }

    /// The lookup that is nearest to asking this, where several of the name run at once and each has yet to hear something.
    #[inline(never)]
    pub(super) fn loose_fit(&mut self, asked: &Asked, now: Timestamp) -> Option<(OpenId, Walks)> {
        let alike = self.expecting.of(asked.name.fingerprint());
        if alike.len() < 2 {
            return None;
        }
        let mut nearest: Option<(usize, Timestamp, OpenId, Walks)> = None;
        for id in alike {
            let Some(Entry { lookup: open, .. }) = self.open.get_mut(id as usize) else { continue };
            let Some(walks) = loosely(open, asked, now) else { continue };
            open.certain = false;
            let (heard, begun) = (open.step().answers.len(), open.step().begun());
            if nearest.as_ref().is_none_or(|(most, first, _, _)| (*most, begun) < (heard, *first)) {
                nearest = Some((heard, begun, id, walks));
            }
        }
        nearest.map(|(_, _, id, walks)| (id, walks))
    }
}

/// Whether a timer says when a question comes that fits like this.
fn is_timed(relation: Relation) -> bool {
    matches!(relation, Relation::Again | Relation::NextAfterTimeout)
}

/// Whether the lookups that a question fits like this wait for their turn to ask it. Who sends both types at once from two
/// ports (Go, with EDNS) waits for nothing with the second.
fn queues(relation: Relation, asked: &Asked) -> bool {
    leads_on(relation) || (relation == Relation::PartnerElsewhere && asked.edns.is_none())
}
