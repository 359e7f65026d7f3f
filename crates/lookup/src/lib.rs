//! What was asked, and what did it cost?
//!
//! From captured frames to lookups: `frame` → `datagram` → `message` → `attempt` → `lookup` → `report`. Stateless
//! stages are functions; the two with memory are `advance(input, now) -> finished values`, and `now` is always the
//! packet's own time, so that a capture file replays to exactly what the live run printed.

pub mod datagram;
pub mod frame;
pub mod lookup;
pub mod message;
pub mod pcap;
mod tcp;
pub mod time;

pub use frame::{Frame, LinkType};
pub use lookup::{Finding, FindingCode, Lookup, Question, ResolverFrom, ResolverSeen, Step, Totals};
pub use time::{Nanos, Timestamp};
