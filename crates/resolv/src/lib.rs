//! What will this resolver ask?
//!
//! Models of the stub resolvers found in pods: how each reads `resolv.conf`, which candidates it walks, what it puts
//! on the wire for each, and what it makes of the answers. Everything here is a pure function of its arguments: no
//! files, environment, sockets or clocks. Time, where it matters, comes in as microseconds since the lookup began.
//!
//! The way through: [`Resolver::parse`] names a resolver, [`Resolver::profile`] is its model as data,
//! [`conf::interpret`] reads a `resolv.conf` as that resolver does, [`plan()`] lists the candidates it could try, and
//! [`Walk`] tries them, driven by the answers. [`simulate()`] drives a walk with scripted answers in virtual time.

pub mod advice;
pub mod answers;
pub mod conf;
mod idna;
pub mod name;
pub mod nearest;
pub mod outcome;
pub mod plan;
pub mod pod;
pub mod profile;
pub mod question;
pub mod reply;
pub mod resolver;
pub mod simulate;
pub mod walk;
pub mod whatif;

pub use advice::{Advice, AdviceKind, advise};
pub use answers::{AnswerScript, Offline, ScriptAnswer, ScriptKey};
pub use conf::{Settings, Situation};
pub use name::Fqdn;
pub use outcome::Outcome;
pub use plan::{Candidate, Phase, Plan, Refusal, plan};
pub use profile::Profile;
pub use question::{Family, QType, Transport};
pub use reply::{Message, Rcode, Reply};
pub use resolver::{Resolver, ResolverId, Version};
pub use simulate::{Answers, Simulation, simulate};
pub use walk::{Action, Query, Request, Verdict, Walk};
