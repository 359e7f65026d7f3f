//! The least that a reader of DNS captures can do, by hand: `cargo run --release --example floor -- FILE`.
//!
//! Reads a classic pcap file of Ethernet frames in pieces, walks to each UDP datagram of port 53, decodes the message's
//! header and question, and takes the name in lower case into a buffer of its own. Nothing is kept, paired or grouped, and
//! no other kind of file is understood: `benches/peers.py` of the command tells by it how near `dnsprobe read` comes.

#![allow(clippy::print_stdout, reason = "a benchmark: it prints")]

use std::error::Error;
use std::fs::File;
use std::io::Read;

/// How much is read at once.
const PIECE: usize = 256 << 10;
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

#[derive(Debug, Default)]
struct Seen {
    packets: u64,
    messages: u64,
    without_name: u64,
    /// So that no compiler leaves the work out.
    sum: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: floor FILE")?;
    let mut file = File::open(path)?;
    let mut header = [0; FILE_HEADER];
    file.read_exact(&mut header)?;
    if header[..4] != 0xa1b2_c3d4_u32.to_le_bytes() && header[..4] != 0xa1b2_3c4d_u32.to_le_bytes()
        || header[20] != 1
    {
        return Err("only classic little-endian pcap files of Ethernet frames".into());
    }
    let (mut piece, mut held, mut seen) = (vec![0; PIECE], 0, Seen::default());
    loop {
        let read = file.read(&mut piece[held..])?;
        if read == 0 {
            break;
        }
        held += read;
        let used = records(&piece[..held], &mut seen);
        piece.copy_within(used..held, 0);
        held -= used;
    }
    println!("{seen:?}");
    Ok(())
}

/// Takes the whole records; says how many bytes they are.
fn records(bytes: &[u8], seen: &mut Seen) -> usize {
    let mut at = 0;
    let mut name = [0; 256];
    while let Some(header) = bytes.get(at..at + RECORD_HEADER) {
        let length = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
        let Some(frame) = bytes.get(at + RECORD_HEADER..at + RECORD_HEADER + length) else { break };
        at += RECORD_HEADER + length;
        seen.packets += 1;
        seen.sum ^= u64::from(u32::from_le_bytes([header[4], header[5], header[6], header[7]]));
        if let Some((length, qtype)) = datagram(frame).and_then(|payload| question(payload, &mut name, seen))
        {
            seen.messages += 1;
            seen.sum = seen.sum.rotate_left(7) ^ length as u64 ^ u64::from(qtype) ^ u64::from(name[0]);
        }
    }
    at
}

#[inline]
fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

/// The payload of a UDP datagram of port 53.
#[inline]
fn datagram(frame: &[u8]) -> Option<&[u8]> {
    let mut at = 12;
    while matches!(word(frame, at)?, 0x8100 | 0x88a8) {
        at += 4;
    }
    let (kind, packet) = (word(frame, at)?, frame.get(at + 2..)?);
    let (protocol, header) = match kind {
        0x0800 if word(packet, 6)? << 3 == 0 => (*packet.get(9)?, usize::from(packet[0] & 15) * 4),
        0x86dd => (*packet.get(6)?, 40),
        _ => return None,
    };
    let datagram = packet.get(header..).filter(|_| protocol == 17)?;
    (word(datagram, 0)? == 53 || word(datagram, 2)? == 53).then_some(())?;
    let length = usize::from(word(datagram, 4)?);
    datagram.get(8..length.min(datagram.len()))
}

/// The length of the name and the type of the first question.
#[inline]
fn question(message: &[u8], name: &mut [u8; 256], seen: &mut Seen) -> Option<(usize, u16)> {
    if word(message, 4)? == 0 {
        return None;
    }
    seen.without_name += u64::from(message[3] & 15 == 3);
    seen.sum ^= u64::from(word(message, 0)?);
    let (mut at, mut length) = (12, 0);
    loop {
        let label = usize::from(*message.get(at)?);
        at += 1;
        if label == 0 {
            return Some((length, word(message, at)?));
        }
        let place = name.get_mut(length..length + label + 1).filter(|_| label < 64)?;
        for (to, from) in place.iter_mut().zip(message.get(at..at + label)?) {
            *to = from.to_ascii_lowercase();
        }
        place[label] = b'.';
        (at, length) = (at + label, length + label + 1);
    }
}
