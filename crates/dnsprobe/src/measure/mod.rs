//! Asks for real: drives a walk from inside a network namespace and times every transmission.
//!
//! What to ask, whom, when to ask again and when to stop is the walk's (`dnsprobe_resolv::walk`).

mod socket;
mod wire;
