//! What settings would come to.

use crate::{Outcome, ResolverId};

/// What every setting that was tried would come to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outlook {
    /// Every `ndots` from 1 to 5, with the search list in force.
    pub settings: Vec<Setting>,
    /// The search list without each of its suffixes, with the `ndots` in force.
    pub without_suffix: Vec<Setting>,
    /// The names to write in full, with a trailing dot; those first that pay most.
    pub dots: Vec<Dot>,
    /// What each `ndots` would break, by resolver.
    pub risks: Vec<Risk>,
    /// The `ndots` of the safe setting with the fewest questions; `None` when nothing is saved.
    pub recommended: Option<u32>,
}

/// What one setting would come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// From how many dots on a name is tried as-is first.
    pub ndots: u32,
    /// The search list.
    pub search: Vec<String>,
    /// The suffix that the list in force has and this one has not.
    pub dropped: Option<String>,
    /// Whether these are the settings in force.
    pub stands: Stands,
    /// Every transmission predicted for all lookups; those with an unknown name as they are now.
    pub questions: u64,
    /// How many fewer these are than now; negative when there are more.
    pub saved_questions: i64,
    /// The time saved over all lookups, in ns.
    pub saved_ns: i64,
    /// The median of the time saved by a lookup, in ns.
    pub saved_p50_ns: i64,
    /// The time that at most one lookup in a hundred saves more than, in ns.
    pub saved_p99_ns: i64,
    /// Names whose lookups would have another result.
    pub changes: Vec<Change>,
    /// Names for which that cannot be told from what was seen.
    pub unknown: Vec<Unknown>,
}

/// Whether settings are those in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// They are.
    InForce,
    /// They are tried.
    Tried,
}

impl Setting {
    /// Whether no result changes, and none is unknown.
    pub fn is_safe(&self) -> bool {
        self.changes.is_empty() && self.unknown.is_empty()
    }
}

/// A name whose lookups would have another result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The name as typed.
    pub name: String,
    /// Lookups of it.
    pub lookups: u64,
    /// What they come to now.
    pub from: Outcome,
    /// What they would come to.
    pub to: Outcome,
    /// Why, in words.
    pub why: String,
}

/// A name for which it cannot be told from what was seen what its lookups would come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The name as typed; `None` for all lookups that were too many to be kept.
    pub name: Option<String>,
    /// Lookups of it.
    pub lookups: u64,
    /// The questions whose answers are not known.
    pub asks: Vec<String>,
    /// What the lookups would come to if those names did not exist; `None` where even the walk is not known.
    pub if_nxdomain: Option<Outcome>,
}

/// A name to write in full, with a trailing dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dot {
    /// The name as typed.
    pub name: String,
    /// As it should be written.
    pub write: String,
    /// Lookups of it.
    pub lookups: u64,
    /// Transmissions saved over all of them.
    pub saves_questions: i64,
    /// Time saved over all of them, in ns.
    pub saves_ns: i64,
}

/// What an `ndots` would break, were these names looked up by this resolver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Risk {
    /// The resolver.
    pub resolver: ResolverId,
    /// The `ndots`.
    pub ndots: u32,
    /// Names that are answered now and would not be any more, unless a name that nobody asked for exists.
    pub breaks: Vec<String>,
}
