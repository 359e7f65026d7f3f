//! Whose turn it is, where several lookups of one name wait for their next candidate at once and their packets look alike.
//!
//! Two things make a thread ask later than it could. Where its questions queue on their way out (behind a tracer or a
//! sandbox, say), who waited longest asks first. Where the threads wait for a processor, it is as a rule who was woken
//! last. Which of the two a client has is read from its pauses and from questions that only some of those waiting can have
//! asked. It stays a guess, and no such lookup is `certain`.
//!
//! musl's ids tell more: when the question was made, as far as its laps go. Who had no answer by then has not asked it.

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
    /// Whether its ids are from a clock, as musl's are.
    pub(super) from_a_clock: bool,
}

/// The lookups of one name that wait.
pub(super) type Line = SmallVec<[Waiting; 8]>;

/// A question as far as the order tells whose it may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coming {
    pub(super) at: Timestamp,
    pub(super) id: u16,
    /// Whether with EDNS.
    pub(super) edns: bool,
}

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
/// How often musl's ids begin anew: they are the sum of the clock's nanoseconds and of how many times this they are, in 16 bits
/// (1.2.5 `src/network/res_mkquery.c`).
const LAP: i64 = 65_536;
/// Between making a question and its leaving musl opens a socket (measured: 14 us and more).
const LEAVING: Nanos = Nanos::from_micros(7);
/// From an answer to making the next question (measured: 8 us and more).
const MAKING: Nanos = Nanos::from_micros(6);
/// Questions that must speak for one order beyond those for the other.
const ENOUGH: u32 = 4;
/// Questions after which the older ones count half.
const MANY: u32 = 512;

impl Coming {
    /// How long before it left it was made at least, if it is musl's: the id leaves open how many laps before.
    fn made_before(self) -> Nanos {
        let left = self.at.0.rem_euclid(1_000_000_000);
        let made = |lap: i64| lap * LAP + (i64::from(self.id) - lap).rem_euclid(LAP);
        let lap = left / LAP;
        let before = [lap, lap - 1, lap - 2].map(|lap| Nanos(left - made(lap)));
        before.into_iter().find(|before| *before >= LEAVING).unwrap_or(LEAVING)
    }
}

impl Turns {
    /// Which of those in line has asked, by its number; learns from it what is sure.
    pub(super) fn take(&mut self, line: &Line, coming: Coming) -> Option<u64> {
        let now = coming.at;
        // Nobody asks in next to no time.
        let least = self.pause.map_or(Nanos(0), |pause| Nanos(pause.0 / 5 * 4));
        let order = |waiting: &&Waiting| (waiting.since, waiting.number);
        let made = coming.made_before() + MAKING;
        let needs = move |waiting: &Waiting| if waiting.from_a_clock { least.max(made) } else { least };
        let could = || line.iter().filter(move |waiting| now - waiting.since >= needs(waiting));
        if let (Some(first), Some(last)) = (could().min_by_key(order), could().max_by_key(order)) {
            self.count(first.expects, last.expects);
        }
        let expecting = could().filter(|waiting| waiting.expects);
        let chosen = if self.is_last_first(coming.edns) {
            expecting.max_by_key(order)
        } else {
            expecting.min_by_key(order)
        };
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
            from_a_clock: false,
        };
        (0..).zip(waiting).map(one).collect()
    }

    fn at(us: i64) -> Coming {
        Coming { at: Timestamp(us * 1_000), id: 0, edns: false }
    }

    fn edns_at(us: i64) -> Coming {
        Coming { edns: true, ..at(us) }
    }

    #[test]
    fn who_waited_longest_asks_first_while_nothing_else_is_known() {
        let both = line(&[(0, true), (50, true)]);
        assert_eq!(Turns::default().take(&both, at(200)), Some(0));
    }

    #[test]
    fn nobody_asks_in_less_than_the_shortest_pause() {
        let mut turns = Turns::default();
        turns.take(&line(&[(0, true)]), edns_at(100));
        // Of these Go's last would come first, but had its answer a moment ago.
        let three = line(&[(0, true), (50, true), (190, true)]);
        assert_eq!(turns.take(&three, edns_at(200)), Some(1));
    }

    #[test]
    fn questions_that_not_all_can_have_asked_tell_the_order() {
        let mut turns = Turns::default();
        for _ in 0..=ENOUGH {
            turns.take(&line(&[(0, false), (50, true)]), at(200));
        }
        let both = line(&[(0, true), (50, true)]);
        assert_eq!(turns.take(&both, at(200)), Some(1));
        for _ in 0..=4 * ENOUGH {
            turns.take(&line(&[(0, true), (50, false)]), at(200));
        }
        assert_eq!(turns.take(&both, at(200)), Some(0));
    }

    #[test]
    fn a_libc_that_asks_at_once_waits_for_nothing_but_a_processor() {
        let mut turns = Turns::default();
        turns.take(&line(&[(0, true)]), at(25));
        assert_eq!(turns.take(&line(&[(0, true), (50, true)]), at(200)), Some(1));
    }

    #[test]
    fn an_id_from_a_clock_tells_when_the_question_was_made() {
        // 40 us before it left, in the second lap.
        let left = 2 * LAP + 50_000;
        let coming = Coming { at: Timestamp(left), id: 2 + 10_000, edns: false };
        assert_eq!(coming.made_before(), Nanos(40_000));
        // What would have been made a moment ago was so a lap before.
        let coming = Coming { id: 2 + 49_000, ..coming };
        assert_eq!(coming.made_before(), Nanos(1_000 + LAP - 1));
    }

    #[test]
    fn who_had_no_answer_when_the_question_was_made_has_not_asked() {
        let mut turns = Turns::default();
        // Of these the last would come first.
        turns.take(&line(&[(0, true)]), at(25));
        let mut both = line(&[(0, true), (30, true)]);
        both.iter_mut().for_each(|waiting| waiting.from_a_clock = true);
        let made_after = |ns: u16| Coming { id: ns, ..at(64) };
        assert_eq!(turns.take(&both, made_after(33_000)), Some(0));
        assert_eq!(turns.take(&both, made_after(40_000)), Some(1));
    }
}
