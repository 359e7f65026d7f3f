//! Whose turn it is, where several lookups of one name wait for their next candidate at once and their packets look alike.
//!
//! Two things make a thread ask later than it could. Where its questions queue on their way out (behind a tracer or a
//! sandbox, say), who waited longest asks first. Where the threads wait for a processor, it is as a rule who was woken
//! last. Which of the two a client has is read from its pauses and from questions that only some of those waiting can have
//! asked. It stays a guess, and no such lookup is `certain`.

use smallvec::SmallVec;

use crate::time::{Nanos, Timestamp};

/// A lookup that came to nothing with its candidate and has another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    /// Since when.
    pub(super) since: Timestamp,
    /// Which of its client's lookups it is.
    pub(super) number: u64,
    /// Whether the question at hand is what it asks next.
    pub(super) expects: bool,
}

/// The lookups of one name that wait.
pub(super) type Line = SmallVec<[Waiting; 8]>;

/// How one client's lookups take turns, as far as it was seen.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// The shortest pause between a candidate's last answer and the next question.
    pause: Option<Nanos>,
    /// How often it must have been the longest waiting that asked, if it was one of the two.
    longest_waiting: u32,
    /// How often the last.
    last: u32,
}

/// A libc that asks sooner than this after an answer has nothing between it and the network (measured: 24 us and more, most
/// of it work), so that who waits does so for a processor.
const UNHINDERED: Nanos = Nanos::from_micros(30);
/// Questions that must speak for one order beyond those for the other.
const ENOUGH: u32 = 4;
/// Questions after which the older ones count half.
const MANY: u32 = 512;

impl Turns {
    /// Which of those in line has asked, by its number; learns from it what is sure. `edns` says whether with EDNS.
    pub(super) fn take(&mut self, line: &Line, edns: bool, now: Timestamp) -> Option<u64> {
        // Nobody asks in next to no time.
        let least = self.pause.map_or(Nanos(0), |pause| Nanos(pause.0 / 5 * 4));
        let order = |waiting: &&Waiting| (waiting.since, waiting.number);
        let could = || line.iter().filter(move |waiting| now - waiting.since >= least);
        if let (Some(first), Some(last)) = (could().min_by_key(order), could().max_by_key(order)) {
            self.count(first.expects, last.expects);
        }
        let expecting = could().filter(|waiting| waiting.expects);
        let chosen =
            if self.is_last_first(edns) { expecting.max_by_key(order) } else { expecting.min_by_key(order) };
        let chosen = chosen.map(|waiting| waiting.number);
        let mut alone = line.iter().filter(|waiting| waiting.expects);
        if let (Some(only), None) = (alone.next(), alone.next()) {
            self.learn(now - only.since);
        }
        chosen
    }

    /// Counts what a question says that one of the two asked and the other did not.
    fn count(&mut self, longest_waiting: bool, last: bool) {
        if self.longest_waiting + self.last >= MANY {
            self.longest_waiting /= 2;
            self.last /= 2;
        }
        self.longest_waiting += u32::from(longest_waiting && !last);
        self.last += u32::from(last && !longest_waiting);
    }

    /// A pause grows back a little with each that is longer: clients come and go.
    fn learn(&mut self, paused: Nanos) {
        let grown = |pause: Nanos| Nanos(pause.0.saturating_add(pause.0 / 50));
        let known = self.pause.map_or(paused, |pause| paused.min(grown(pause)));
        self.pause = Some(known.max(Nanos(0)));
    }

    /// Whether of those waiting the one asks first that was woken last.
    pub(super) fn is_last_first(&self, edns: bool) -> bool {
        // Three for every two of the other.
        let outweighs = |one: u32, other: u32| 2 * one > 3 * other + 2 * ENOUGH;
        if outweighs(self.last, self.longest_waiting) {
            return true;
        }
        // Go is woken by its own poller (measured: the last first in most recordings).
        let unhindered = edns || self.pause.is_some_and(|pause| pause < UNHINDERED);
        unhindered && !outweighs(self.longest_waiting, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those waiting, by since when in microseconds, and whether they expect the question.
    fn line(waiting: &[(i64, bool)]) -> Line {
        let one = |(number, (since, expects)): (u64, &(i64, bool))| Waiting {
            since: Timestamp(since * 1_000),
            number,
            expects: *expects,
        };
        (0..).zip(waiting).map(one).collect()
    }

    fn at(us: i64) -> Timestamp {
        Timestamp(us * 1_000)
    }

    #[test]
    fn who_waited_longest_asks_first_while_nothing_else_is_known() {
        let both = line(&[(0, true), (50, true)]);
        assert_eq!(Turns::default().take(&both, false, at(200)), Some(0));
    }

    #[test]
    fn nobody_asks_in_less_than_the_shortest_pause() {
        let mut turns = Turns::default();
        turns.take(&line(&[(0, true)]), true, at(100));
        // Of these Go's last would come first, but had its answer a moment ago.
        let three = line(&[(0, true), (50, true), (190, true)]);
        assert_eq!(turns.take(&three, true, at(200)), Some(1));
    }

    #[test]
    fn questions_that_not_all_can_have_asked_tell_the_order() {
        let mut turns = Turns::default();
        for _ in 0..=ENOUGH {
            turns.take(&line(&[(0, false), (50, true)]), false, at(200));
        }
        let both = line(&[(0, true), (50, true)]);
        assert_eq!(turns.take(&both, false, at(200)), Some(1));
        for _ in 0..=4 * ENOUGH {
            turns.take(&line(&[(0, true), (50, false)]), false, at(200));
        }
        assert_eq!(turns.take(&both, false, at(200)), Some(0));
    }

    #[test]
    fn a_libc_that_asks_at_once_waits_for_nothing_but_a_processor() {
        let mut turns = Turns::default();
        turns.take(&line(&[(0, true)]), false, at(25));
        assert_eq!(turns.take(&line(&[(0, true), (50, true)]), false, at(200)), Some(1));
    }
}
