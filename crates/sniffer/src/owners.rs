//! Who asked? In a network namespace that several share, a packet's address says nothing; its socket does.
//!
//! The kernel tells of each socket its inode and, since Linux 5.9, its control group (`diag`); groups have the names of
//! containers and services (`cgroups`), and where those do not tell, one of the processes there has the socket open
//! (`holders`). A socket lives no longer than its question, often a fraction of a millisecond, so this has to happen at
//! once: [`Teller`] has a packet socket of its own and looks when a question leaves, and what it has found ([`Told`]) is
//! there when the packets are read. It belongs on the thread that keeps the privileges.
//!
//! The work is bounded (`budget`): under a flood questions are passed over, and count as anybody's.

mod budget;
mod cgroups;
mod diag;
mod holders;
mod index;
mod teller;
mod told;

pub use teller::Teller;
pub use told::{Asker, By, Told, Verdict, Who};
