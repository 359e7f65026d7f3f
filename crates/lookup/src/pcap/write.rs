//! Writes capture files, in the byte order of this machine and with nanosecond times.

use std::io::{self, Write};

use crate::frame::{Frame, LinkType};
use crate::time::Timestamp;

/// Longest packet a file of ours may hold, in bytes: the largest snap length that libpcap reads.
const SNAP_LENGTH: u32 = 262_144;

/// Writes classic pcap with nanosecond times: one link type, no interface names, read by everything.
#[derive(Debug)]
pub struct PcapWriter<W> {
    output: W,
}

impl<W: Write> PcapWriter<W> {
    /// Writes the file header.
    pub fn new(mut output: W, link: LinkType) -> io::Result<Self> {
        output.write_all(&0xa1b2_3c4d_u32.to_ne_bytes())?;
        output.write_all(&2_u16.to_ne_bytes())?;
        output.write_all(&4_u16.to_ne_bytes())?;
        output.write_all(&[0; 8])?;
        output.write_all(&SNAP_LENGTH.to_ne_bytes())?;
        output.write_all(&u32::from(link.0).to_ne_bytes())?;
        Ok(Self { output })
    }

    /// Appends one packet, in a single write so that a full disk leaves whole packets.
    pub fn write(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        let kept = frame.bytes.get(..SNAP_LENGTH as usize).unwrap_or(frame.bytes);
        let (seconds, nanos) = split(frame.at);
        let mut record = Vec::with_capacity(16 + kept.len());
        for value in [seconds, nanos, length(kept), frame.original_len] {
            record.extend(value.to_ne_bytes());
        }
        record.extend(kept);
        self.output.write_all(&record)
    }

    /// Hands everything written so far to the system.
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// What a pcapng file says about one interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceName {
    /// The number that frames carry.
    pub interface: u32,
    /// What its frames begin with.
    pub link: LinkType,
    /// Its name, such as `eth0` or `shop/web/eth0`.
    pub name: String,
}

/// Writes pcapng: one interface block per interface, nanosecond times.
#[derive(Debug)]
pub struct PcapngWriter<W> {
    output: W,
    known: Vec<InterfaceName>,
}

impl<W: Write> PcapngWriter<W> {
    /// Writes the section header and the interfaces known at the start.
    pub fn new(mut output: W, interfaces: Vec<InterfaceName>) -> io::Result<Self> {
        // Section length -1: not known in advance (pcapng section 4.1).
        let mut body = Vec::new();
        body.extend(0x1a2b_3c4d_u32.to_ne_bytes());
        body.extend(1_u16.to_ne_bytes());
        body.extend(0_u16.to_ne_bytes());
        body.extend((-1_i64).to_ne_bytes());
        block(&mut output, 0x0a0d_0d0a, &body)?;
        let mut writer = Self { output, known: Vec::new() };
        for interface in interfaces {
            writer.describe(interface)?;
        }
        Ok(writer)
    }

    /// Adds an interface that appeared while capturing.
    pub fn describe(&mut self, interface: InterfaceName) -> io::Result<()> {
        let mut body = Vec::new();
        body.extend(interface.link.0.to_ne_bytes());
        body.extend([0; 2]);
        body.extend(SNAP_LENGTH.to_ne_bytes());
        option(&mut body, 2, interface.name.as_bytes());
        // if_tsresol 9: nanoseconds (pcapng section 4.2).
        option(&mut body, 9, &[9]);
        option(&mut body, 0, &[]);
        self.known.push(interface);
        block(&mut self.output, 1, &body)
    }

    /// Appends one packet; its interface is described first if nobody did.
    pub fn write(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        let same = |known: &InterfaceName| known.interface == frame.interface && known.link == frame.link;
        let number = if let Some(number) = self.known.iter().position(same) {
            number
        } else {
            let name = format!("if{}", frame.interface);
            self.describe(InterfaceName { interface: frame.interface, link: frame.link, name })?;
            self.known.len() - 1
        };
        let kept = frame.bytes.get(..SNAP_LENGTH as usize).unwrap_or(frame.bytes);
        let ticks = u64::try_from(frame.at.0).unwrap_or(0);
        let (high, low) = ((ticks >> 32) as u32, (ticks & 0xffff_ffff) as u32);
        let mut body = Vec::with_capacity(24 + kept.len());
        for value in [u32::try_from(number).unwrap_or(u32::MAX), high, low, length(kept), frame.original_len]
        {
            body.extend(value.to_ne_bytes());
        }
        body.extend(kept);
        pad(&mut body);
        block(&mut self.output, 6, &body)
    }

    /// Hands everything written so far to the system.
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

fn split(at: Timestamp) -> (u32, u32) {
    let nanos = at.0.max(0);
    let seconds = u32::try_from(nanos / 1_000_000_000).unwrap_or(u32::MAX);
    (seconds, u32::try_from(nanos % 1_000_000_000).unwrap_or(0))
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend(code.to_ne_bytes());
    body.extend(u16::try_from(value.len()).unwrap_or(0).to_ne_bytes());
    body.extend(value);
    pad(body);
}

fn block(output: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    let total = length(body) + 12;
    let mut bytes = Vec::with_capacity(total as usize);
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(total.to_ne_bytes());
    bytes.extend(body);
    bytes.extend(total.to_ne_bytes());
    output.write_all(&bytes)
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::pcap::{Ending, read};

    fn frame(interface: u32, at: i64, bytes: &[u8]) -> Frame<'_> {
        Frame { at: Timestamp(at), link: LinkType::ETHERNET, bytes, original_len: 99, interface }
    }

    fn back(file: &[u8]) -> Vec<(Timestamp, Vec<u8>, u32, u32)> {
        let mut seen = Vec::new();
        let ending = read(file, &mut |frame| {
            seen.push((frame.at, frame.bytes.to_vec(), frame.original_len, frame.interface));
            ControlFlow::Continue(())
        });
        assert_eq!(ending.unwrap(), Ending::Whole);
        seen
    }

    #[test]
    fn what_pcap_keeps_is_what_was_captured() {
        let mut file = Vec::new();
        let mut writer = PcapWriter::new(&mut file, LinkType::ETHERNET).unwrap();
        writer.write(&frame(3, 1_700_000_000_123_456_789, b"abcde")).unwrap();
        assert_eq!(back(&file), [(Timestamp(1_700_000_000_123_456_789), b"abcde".to_vec(), 99, 0)]);
    }

    #[test]
    fn pcapng_keeps_interfaces_apart_and_describes_late_ones() {
        let mut file = Vec::new();
        let eth0 = InterfaceName { interface: 2, link: LinkType::ETHERNET, name: "eth0".into() };
        let mut writer = PcapngWriter::new(&mut file, vec![eth0]).unwrap();
        writer.write(&frame(2, 1_700_000_000_123_456_789, b"abcde")).unwrap();
        writer.write(&frame(7, 1_700_000_000_123_456_790, b"f")).unwrap();
        let seen = back(&file);
        assert_eq!(seen[0], (Timestamp(1_700_000_000_123_456_789), b"abcde".to_vec(), 99, 0));
        assert_eq!(seen[1], (Timestamp(1_700_000_000_123_456_790), b"f".to_vec(), 99, 1));
    }
}
