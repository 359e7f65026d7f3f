//! What was asked, and what did it cost?
//!
//! From captured frames to lookups: `frame` → `datagram` → `message` → `attempt` → `group` → `findings`, run in a row
//! by [`Pipeline`]. Stateless stages are functions; those with memory are `advance(input, now) -> finished values`, and
//! `now` is always the packet's own time, so that a capture file replays to exactly what the live run printed.

#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::large_stack_arrays,
        reason = "tests build packets from small numbers"
    )
)]

mod attempt;
pub mod datagram;
pub mod departures;
mod embedded;
pub mod findings;
pub mod frame;
mod group;
pub mod lookup;
mod map;
pub mod message;
pub mod observed;
pub mod pcap;
mod pipeline;
mod place;
pub mod summary;
mod tcp;
pub mod time;

pub use attempt::Leftovers;
pub use embedded::Embedded;
pub use frame::{Frame, LinkType};
pub use group::{GivenUp, InferredConf, SearchList};
pub use lookup::{
    Evidence, Finding, FindingCode, Lookup, Question, ResolverFrom, ResolverSeen, Step, Totals,
};
pub use observed::Observed;
pub use pipeline::{Counters, Pipeline};
pub use summary::Summary;
pub use time::{Nanos, Timestamp};
