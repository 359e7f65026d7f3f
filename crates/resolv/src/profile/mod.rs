//! The model of one resolver as data.
//!
//! Five tables: how it parses `resolv.conf`, which candidates it plans, what it asks for each, what it makes of the
//! outcome, and when it sends again. The decision functions that read the tables are in [`verdict`] and [`schedule`];
//! the engine that runs them is [`crate::walk`].

pub mod ask;
pub mod parse;
pub mod planning;
pub mod schedule;
pub mod verdict;

pub use ask::{AddrConfigRule, AskRules, Passes, Shape, Socket, ThenFailure, ThenName};
pub use parse::ParseRules;
pub use planning::PlanRules;
pub use schedule::{LameRule, Schedule};
pub use verdict::{
    Decision, Owners, PairRule, QuestionEnd, Report, Step, StepTable, VerdictRules, combine, step_after,
};

use crate::Resolver;

/// The model of one resolver in one version, for one call.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Whose model this is.
    pub resolver: Resolver,
    /// How it reads `resolv.conf` and its environment.
    pub parse: ParseRules,
    /// Which candidates it makes of a name.
    pub plan: PlanRules,
    /// What it asks for a candidate.
    pub ask: AskRules,
    /// What it makes of the outcome.
    pub verdict: VerdictRules,
    /// To whom and when it sends, and sends again.
    pub schedule: Schedule,
}
