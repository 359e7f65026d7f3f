//! Capture files: pcap and pcapng, in and out.
//!
//! Reading streams and needs memory for one packet only; writing keeps every packet exactly as captured.

mod read;
mod write;

pub use read::{Ending, ReadError, read};
pub use write::{InterfaceName, PcapWriter, PcapngWriter};
