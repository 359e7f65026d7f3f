//! What a resolver asks for one candidate.

use crate::{Family, QType};

/// What a resolver asks for one candidate.
#[derive(Debug, Clone, Copy)]
pub struct AskRules {
    /// How the questions for both families are ordered.
    pub shape: Shape,
    /// Whether the candidates are walked once with all types, or once per type.
    pub passes: Passes,
    /// Which source ports are used.
    pub socket: Socket,
    /// The UDP size offered with EDNS (RFC 6891), `None` without an OPT record.
    pub edns: Option<u16>,
    /// Types asked, one after another, for the name that was found.
    pub then: &'static [QType],
    /// The types of the walk when both families are wanted.
    pub unspec: &'static [QType],
}

/// How the questions for both families of one candidate are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Both at once.
    Together,
    /// The second when the first has ended.
    Sequential,
    /// Every candidate at once, all A before all AAAA.
    Burst,
}

/// How often the candidates are walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passes {
    /// Once, with all types.
    One,
    /// Once per type; the first type that finds something ends it.
    PerType,
}

/// Which source ports are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Socket {
    /// One for the questions of a candidate.
    Candidate,
    /// A new one for every transmission.
    Each,
    /// One for everything.
    Channel,
}

impl AskRules {
    /// The question types of the walk, in the order they are sent.
    pub fn types(&self, family: Family) -> &'static [QType] {
        match family {
            Family::Unspec => self.unspec,
            Family::Inet => &[QType::A],
            Family::Inet6 => &[QType::Aaaa],
        }
    }
}
