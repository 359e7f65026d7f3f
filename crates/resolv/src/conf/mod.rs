//! `resolv.conf`, read as each resolver reads it.
//!
//! [`syntax`] parts the bytes into lines and words and never fails; [`interpret`] applies one resolver's rules to them.
//! Whatever that resolver ignores, caps, rejects or misreads becomes a [`Note`] with its line and column.

mod address;
mod interpret;
mod number;
mod options;
mod settings;
mod situation;
pub mod syntax;

pub(crate) use address::net_pton;
pub use address::{Nameserver, inet_aton};
pub use interpret::{ConfError, interpret};
pub(crate) use options::first_unknown;
pub use settings::{Flag, Flags, Note, Settings, Suffix};
pub use situation::{HostAddress, Nsswitch, Presence, Situation};
