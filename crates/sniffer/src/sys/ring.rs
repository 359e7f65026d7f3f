//! A ring of memory that the kernel fills with frames (`TPACKET_V3`, `linux/if_packet.h`).
//!
//! It is made of blocks. A block is the kernel's until that is full, or [`RETIRE_MS`] have passed with a frame in it; then
//! it is ours until it is given back. Nothing is copied and no system call is made for a frame.

use std::io;
use std::mem::offset_of;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use libc::{sockaddr_ll, tpacket_block_desc, tpacket_hdr_v1, tpacket_hdr_variant1, tpacket3_hdr};

use super::{Arrival, TAG_AT, set_option, timestamp, vlan_tag};

/// The size of a block: the longest frame that is kept has to fit.
const BLOCK: usize = 256 << 10;
/// After this a block is ours even when it is not full. Each wake-up costs as much as a hundred frames or more, and a row
/// waits this long at most.
pub(crate) const RETIRE_MS: u32 = 12;
/// Only a hint to the kernel, which packs frames of any length into a block.
const FRAME: usize = 2 << 10;
/// `TPACKET_ALIGN`: what follows a frame's header begins at a multiple of this.
const ALIGNMENT: usize = 16;
const ADDRESS_AT: usize = size_of::<tpacket3_hdr>().next_multiple_of(ALIGNMENT);
/// Where a block's description begins that has a status.
const DESCRIPTION: usize = offset_of!(tpacket_block_desc, hdr);
const STATUS: usize = DESCRIPTION + offset_of!(tpacket_hdr_v1, block_status);

/// The ring of one socket, unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Ring {
    memory: NonNull<u8>,
    blocks: usize,
    /// The block that the kernel hands over next.
    next: usize,
    /// Room to put a VLAN tag back.
    tagged: Vec<u8>,
}

// SAFETY: the mapping belongs to this value alone, whichever thread has it, and nothing of it is handed out for longer
// than a call that borrows the value.
unsafe impl Send for Ring {}

impl Ring {
    /// Makes a ring of about so many bytes for a packet socket that is not bound yet.
    pub(crate) fn new(socket: BorrowedFd<'_>, bytes: usize) -> io::Result<Self> {
        let blocks = (bytes / BLOCK).max(2);
        let number = |number: usize| libc::c_uint::try_from(number).map_err(io::Error::other);
        let request = libc::tpacket_req3 {
            tp_block_size: number(BLOCK)?,
            tp_block_nr: number(blocks)?,
            tp_frame_size: number(FRAME)?,
            tp_frame_nr: number(blocks.saturating_mul(BLOCK / FRAME))?,
            tp_retire_blk_tov: RETIRE_MS,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        let version = libc::tpacket_versions::TPACKET_V3 as libc::c_int;
        set_option(socket, libc::SOL_PACKET, libc::PACKET_VERSION, &version)?;
        set_option(socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        let (protection, fd) = (libc::PROT_READ | libc::PROT_WRITE, socket.as_raw_fd());
        // SAFETY: a new mapping where the kernel finds room for it touches no memory that is in use.
        let memory =
            unsafe { libc::mmap(std::ptr::null_mut(), blocks * BLOCK, protection, libc::MAP_SHARED, fd, 0) };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).ok_or_else(|| io::Error::other("mapped to nothing"))?;
        Ok(Self { memory, blocks, next: 0, tagged: Vec::new() })
    }

    /// Hands over the frames of the next block and gives it back; says how many there were, or `None` when the kernel has
    /// none for us.
    pub(crate) fn take_block(&mut self, sink: &mut dyn FnMut(Arrival, &[u8])) -> Option<usize> {
        // SAFETY: `next` is less than `blocks`, so the block lies in the mapping.
        let start = unsafe { self.memory.add(self.next * BLOCK) };
        // SAFETY: the status is in the block and aligned, as blocks are to pages. The kernel writes it as one word, and we
        // have no reference to it but this one, which ends with the statement that uses it.
        let status = || unsafe { AtomicU32::from_ptr(start.add(STATUS).as_ptr().cast()) };
        if status().load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return None;
        }
        // SAFETY: the block lies in the mapping, and is ours: neither the kernel nor we write to it until the status below
        // gives it back, and the slice is not used after that.
        let block = unsafe { std::slice::from_raw_parts(start.as_ptr(), BLOCK) };
        let count = frames(block, &mut self.tagged, sink);
        status().store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next = (self.next + 1) % self.blocks;
        Some(count)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: exactly what was mapped, and nothing refers to it any more. An error would mean that it is not mapped.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), self.blocks * BLOCK) };
    }
}

/// Walks the frames of a block. What the kernel says of them is held against the block's end all the same.
fn frames(block: &[u8], tagged: &mut Vec<u8>, sink: &mut dyn FnMut(Arrival, &[u8])) -> usize {
    let described = |field: usize| word(block, DESCRIPTION + field).unwrap_or_default();
    let said = described(offset_of!(tpacket_hdr_v1, num_pkts));
    let mut at = described(offset_of!(tpacket_hdr_v1, offset_to_first_pkt)) as usize;
    let mut count = 0;
    for _ in 0..said {
        let Some(header) = block.get(at..) else { break };
        let Some((arrival, bytes)) = frame(header) else { break };
        count += 1;
        match tag_of(header).filter(|_| bytes.len() >= TAG_AT) {
            None => sink(arrival, bytes),
            Some(tag) => {
                tagged.clear();
                tagged.extend([&bytes[..TAG_AT], &tag, &bytes[TAG_AT..]].concat());
                let original_len = arrival.original_len.saturating_add(4);
                sink(Arrival { original_len, ..arrival }, tagged);
            }
        }
        match word(header, offset_of!(tpacket3_hdr, tp_next_offset)) {
            // The last one.
            Some(0) | None => break,
            Some(next) => at += next as usize,
        }
    }
    count
}

/// The frame behind a header.
fn frame(header: &[u8]) -> Option<(Arrival, &[u8])> {
    let field = |offset: usize| word(header, offset);
    let start = usize::from(half(header, offset_of!(tpacket3_hdr, tp_mac))?);
    let length = field(offset_of!(tpacket3_hdr, tp_snaplen))? as usize;
    let seconds = field(offset_of!(tpacket3_hdr, tp_sec))?;
    let nanoseconds = field(offset_of!(tpacket3_hdr, tp_nsec))?;
    let arrival = Arrival {
        at: timestamp(seconds.into(), nanoseconds.into()),
        interface: field(ADDRESS_AT + offset_of!(sockaddr_ll, sll_ifindex))?,
        hardware: half(header, ADDRESS_AT + offset_of!(sockaddr_ll, sll_hatype))?,
        original_len: field(offset_of!(tpacket3_hdr, tp_len))?,
    };
    Some((arrival, header.get(start..start + length)?))
}

/// The VLAN tag that the kernel took off.
fn tag_of(header: &[u8]) -> Option<[u8; 4]> {
    const VARIANT: usize = offset_of!(tpacket3_hdr, hv1);
    let status = word(header, offset_of!(tpacket3_hdr, tp_status))?;
    let control = word(header, VARIANT + offset_of!(tpacket_hdr_variant1, tp_vlan_tci))?;
    let protocol = half(header, VARIANT + offset_of!(tpacket_hdr_variant1, tp_vlan_tpid))?;
    vlan_tag(status, protocol, u16::try_from(control).ok()?)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A block with one frame in it, whose header says what it is told.
    fn block(length: u32, next: u32, count: u32) -> Vec<u8> {
        let mut block = vec![0; 512];
        let mut put = |at: usize, value: u32| block[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        put(DESCRIPTION + offset_of!(tpacket_hdr_v1, num_pkts), count);
        put(DESCRIPTION + offset_of!(tpacket_hdr_v1, offset_to_first_pkt), 64);
        put(64 + offset_of!(tpacket3_hdr, tp_snaplen), length);
        put(64 + offset_of!(tpacket3_hdr, tp_len), length);
        put(64 + offset_of!(tpacket3_hdr, tp_next_offset), next);
        put(64 + offset_of!(tpacket3_hdr, tp_mac), 128);
        block
    }

    fn lengths(block: &[u8]) -> Vec<usize> {
        let mut lengths = Vec::new();
        let count = frames(block, &mut Vec::new(), &mut |_, bytes| lengths.push(bytes.len()));
        assert_eq!(count, lengths.len());
        lengths
    }

    #[test]
    fn frames_are_read_within_the_block_whatever_their_headers_say() {
        assert_eq!(lengths(&block(60, 0, 1)), [60]);
        assert_eq!(lengths(&block(320, 0, 1)), [320], "to its very end");
        for broken in [block(321, 0, 1), block(u32::MAX, 0, 1)] {
            assert_eq!(lengths(&broken), [0; 0]);
        }
        assert_eq!(lengths(&block(60, u32::MAX, 9)), [60], "the next one is nowhere");
        assert_eq!(lengths(&block(60, 0, u32::MAX)), [60], "there is no next one");
        assert_eq!(lengths(&block(60, 400, 9)), [60], "the next one's header is cut off");
    }

    proptest! {
        #[test]
        fn any_bytes_are_walked_within_their_bounds(
            mut block in proptest::collection::vec(any::<u8>(), DESCRIPTION..2_048),
            (first, next, start, length) in (0_u32..600, 0_u32..200, 0_u16..300, 0_u32..600),
        ) {
            // Half of the fields as they might be, so that more than the first header is reached.
            let mut put = |at: usize, bytes: &[u8]| {
                if let Some(place) = block.get_mut(at..at + bytes.len()) {
                    place.copy_from_slice(bytes);
                }
            };
            put(DESCRIPTION + offset_of!(tpacket_hdr_v1, offset_to_first_pkt), &first.to_ne_bytes());
            put(DESCRIPTION + offset_of!(tpacket_hdr_v1, num_pkts), &40_u32.to_ne_bytes());
            let header = first as usize;
            put(header + offset_of!(tpacket3_hdr, tp_next_offset), &next.to_ne_bytes());
            put(header + offset_of!(tpacket3_hdr, tp_mac), &start.to_ne_bytes());
            put(header + offset_of!(tpacket3_hdr, tp_snaplen), &length.to_ne_bytes());
            for length in lengths(&block) {
                prop_assert!(length <= block.len() + 4, "a frame of {length} bytes");
            }
        }
    }
}
