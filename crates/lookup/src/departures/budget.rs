//! How much work goes into holding lookups against their plans. Counted, not timed: the same packets give the same findings.

use crate::lookup::Lookup;

/// Questions of lookups held against their plan in one second of packet time: walking every variant of a resolver costs up
/// to a millisecond a question, and a flood of failing names must not stop what watches it.
const MOST_A_SECOND: usize = 200;
/// What a question that is read pays for, in thirds of what it costs to read one.
const EARNED: i64 = 1;
/// To say in which questions a lookup departs walks one plan.
const WORDS: i64 = 32;
/// To find out why walks more of them, until one fits: every resolver's, every `ndots`.
const REASON: i64 = 8 * WORDS;
/// A small capture is looked into wholly: so much may be done before anything is read.
const AT_FIRST: i64 = 1_024 * REASON;

/// How much work there may be.
#[derive(Debug)]
pub(super) enum Budget {
    /// So much in each second of packet time.
    Live {
        /// The second at hand.
        second: i64,
        /// Questions of it that were looked into.
        questions: usize,
    },
    /// In proportion to what is read: what is left of it.
    OfAFile(i64),
}

/// A piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Why it departs is known.
    Words,
    /// Why it departs, if it does, is to be found out.
    Reason,
}

/// Whether there may be that much work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spent {
    Enough,
    /// Not so much, but what is known already may be said.
    TooMuch,
    /// Nothing at all in this second.
    Flood,
}

impl Default for Budget {
    fn default() -> Self {
        Self::Live { second: 0, questions: 0 }
    }
}

impl Budget {
    pub(super) fn of_a_file() -> Self {
        Self::OfAFile(AT_FIRST)
    }

    /// Counts a lookup that was read.
    pub(super) fn earn(&mut self, lookup: &Lookup) {
        if let Self::OfAFile(left) = self {
            let earned = i64::try_from(questions_of(lookup)).unwrap_or(i64::MAX).saturating_mul(EARNED);
            *left = left.saturating_add(earned).min(AT_FIRST);
        }
    }

    /// Takes what a piece of work costs, if it is there.
    pub(super) fn spend(&mut self, lookup: &Lookup, work: Work) -> Spent {
        match self {
            Self::Live { second, questions } => {
                let now = lookup.start.map_or(0, |start| start.0 / 1_000_000_000);
                if now > *second {
                    (*second, *questions) = (now, 0);
                }
                *questions += questions_of(lookup);
                if *questions > MOST_A_SECOND { Spent::Flood } else { Spent::Enough }
            }
            Self::OfAFile(left) => {
                let cost = if work == Work::Words { WORDS } else { REASON };
                if *left < cost {
                    return Spent::TooMuch;
                }
                *left -= cost;
                Spent::Enough
            }
        }
    }
}

fn questions_of(lookup: &Lookup) -> usize {
    lookup.steps.iter().map(|step| step.questions.len()).sum()
}
