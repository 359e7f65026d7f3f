//! The cluster that `dnsprobe demo` plays: its DNS server, its names and delays, a pod's `resolv.conf`, and this
//! machine's own resolver asking. What is made of the packets is not decided here.

mod cluster;
pub(crate) mod server;
mod zones;
