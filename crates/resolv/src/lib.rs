//! What will this resolver ask?
//!
//! Models of the stub resolvers found in pods: how each reads `resolv.conf`, which candidates it walks, what it puts
//! on the wire for each, and what it makes of the answers. Everything here is a pure function of its arguments: no
//! files, environment, sockets or clocks. Time, where it matters, comes in as microseconds since the lookup began.

pub mod outcome;
pub mod question;

pub use outcome::Outcome;
pub use question::{Family, QType, Transport};
