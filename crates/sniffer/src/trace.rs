//! Which packets are a program's own: its sockets are told as they begin to send, and ports are compared.
//!
//! No eBPF and no change to traffic. A seccomp filter in the program (and in whatever it starts) has the kernel hold
//! connect(2), sendto(2), sendmsg(2) and sendmmsg(2) until the supervisor has had a look at the socket; then the call
//! takes its course. So a socket is known before its first packet is on the wire.

mod judge;
mod sockets;
mod supervisor;

pub use judge::{Judge, Whose};
pub use sockets::{Overlooked, Sockets};
pub use supervisor::keep;
pub(crate) use supervisor::{End, HandOver, Supervisor};
