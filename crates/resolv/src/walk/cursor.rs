//! Where a lookup stands in its plan: which candidates and types come next.

use crate::plan::{Candidate, Phase, Plan};
use crate::profile::{AskRules, Passes, Shape, Step};
use crate::{Fqdn, QType};

/// What is asked next: one candidate, or all of them at once.
#[derive(Debug, Clone)]
pub(super) struct Upcoming {
    pub(super) candidates: Vec<Candidate>,
    pub(super) types: &'static [QType],
}

/// Where a lookup stands.
#[derive(Debug, Clone)]
pub(super) struct Cursor {
    types: &'static [QType],
    pass: usize,
    position: Position,
}

#[derive(Debug, Clone)]
enum Position {
    /// At the candidate of this index.
    Candidate(usize),
    /// At the as-is candidate that a root suffix would have replaced.
    Reserve,
    /// Asking further types for a name that was found.
    Then {
        /// The name, and what is tried after it where it does not exist.
        candidates: Vec<Candidate>,
        tried: usize,
        index: usize,
    },
    End,
}

impl Cursor {
    pub(super) fn new(types: &'static [QType]) -> Self {
        Self { types, pass: 0, position: Position::Candidate(0) }
    }

    /// What is to be asked now; `None` at the end.
    pub(super) fn upcoming(&self, plan: &Plan, ask: &AskRules) -> Option<Upcoming> {
        let types = self.pass_types(ask)?;
        let one = |candidate: &Candidate, types| Upcoming { candidates: vec![candidate.clone()], types };
        match &self.position {
            Position::Candidate(0) if ask.shape == Shape::Burst && !plan.candidates.is_empty() => {
                Some(Upcoming { candidates: plan.candidates.clone(), types })
            }
            Position::Candidate(index) => plan.candidates.get(*index).map(|candidate| one(candidate, types)),
            Position::Reserve => plan.reserve.as_ref().map(|candidate| one(candidate, types)),
            Position::Then { candidates, tried, index } => {
                let candidate = candidates.get(*tried)?;
                ask.then.get(*index..=*index).map(|types| one(candidate, types))
            }
            Position::End => None,
        }
    }

    fn pass_types(&self, ask: &AskRules) -> Option<&'static [QType]> {
        match ask.passes {
            Passes::One => (self.pass == 0).then_some(self.types),
            Passes::PerType => self.types.get(self.pass..=self.pass),
        }
    }

    /// The number of the walk over the candidates, from 0.
    pub(super) fn pass(&self) -> usize {
        self.pass
    }

    /// Whether the step under way is one of further types for a name that was found.
    pub(super) fn is_follow_up(&self) -> bool {
        matches!(self.position, Position::Then { .. })
    }

    /// Turns to further types for a name that was found, each followed by `others` while it does not exist.
    pub(super) fn follow_up(&mut self, found: &Candidate, fqdn: Fqdn, others: Vec<Candidate>) {
        let candidate = Candidate { fqdn, ..found.clone() };
        let candidates = std::iter::once(candidate).chain(others).collect();
        self.position = Position::Then { candidates, tried: 0, index: 0 };
    }

    /// Moves on as decided.
    pub(super) fn advance(&mut self, step: Step, plan: &Plan, ask: &AskRules) {
        self.position = match (&self.position, step) {
            (Position::Then { candidates, tried, index }, step) => {
                let more = step == Step::Next && tried + 1 < candidates.len();
                let (tried, index) = if more { (tried + 1, *index) } else { (0, index + 1) };
                Position::Then { candidates: candidates.clone(), tried, index }
            }
            (Position::Candidate(index), Step::Next) if ask.shape != Shape::Burst => {
                Position::Candidate(index + 1)
            }
            (Position::Candidate(index), Step::SkipToAsIs) => as_is_after(*index, plan),
            _ => Position::End,
        };
        let at_end = match &self.position {
            Position::Candidate(index) => *index >= plan.candidates.len(),
            Position::End => true,
            Position::Reserve | Position::Then { .. } => false,
        };
        if at_end {
            self.pass += 1;
            self.position = Position::Candidate(0);
        }
    }
}

/// The as-is candidate after this one: the last of the list, or the reserve where a root suffix was not reached.
fn as_is_after(index: usize, plan: &Plan) -> Position {
    let as_is = plan.candidates.iter().rposition(|candidate| candidate.phase == Phase::AsIsLast);
    let root_reached = plan.candidates.iter().take(index + 1).any(is_root);
    match as_is {
        Some(position) if position > index => Position::Candidate(position),
        None if plan.reserve.is_some() && !root_reached => Position::Reserve,
        _ => Position::End,
    }
}

fn is_root(candidate: &Candidate) -> bool {
    matches!(candidate.suffix.as_deref(), Some("." | ""))
}
