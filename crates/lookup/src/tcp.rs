//! DNS over TCP: segments back to messages (RFC 7766 section 8: each has two bytes of length in front).
//!
//! One buffer per direction of a connection, bounded in size and in number. Segments may come twice, overlap, or out
//! of order; what is missing for good is given up, and reading goes on behind the gap.

use std::collections::{BTreeMap, HashMap};

use crate::datagram::Endpoint;
use crate::time::{Nanos, Timestamp};

/// Bytes kept while a message is incomplete: the largest message with its length, twice.
const LARGEST_BUFFER: usize = 2 * (65_535 + 2);
/// Bytes kept of all directions together; the longest idle ones make room.
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// Directions remembered at once; the longest idle ones make room.
const MOST_STREAMS: usize = 4_096;
/// Segments that came too early and are kept, of one direction.
const MOST_EARLY: usize = 512;
/// A direction that said nothing for this long is forgotten.
const IDLE: Nanos = Nanos::from_millis(120_000);

/// Sender and receiver of one direction.
pub(crate) type Direction = (Endpoint, Endpoint);

/// One captured segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'a> {
    /// Number of its first byte.
    pub(crate) sequence: u32,
    /// First of its direction.
    pub(crate) syn: bool,
    /// Last of its direction.
    pub(crate) end: bool,
    /// Its bytes.
    pub(crate) payload: &'a [u8],
}

/// Reassembles all connections of a capture.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    streams: HashMap<Direction, Stream>,
    /// Bytes kept of all of them.
    bytes: usize,
}

#[derive(Debug, Default)]
struct Stream {
    /// Number of the next byte; unknown until the first segment.
    next: Option<u32>,
    buffer: Vec<u8>,
    /// Segments that came too early, by their number.
    early: BTreeMap<u32, Vec<u8>>,
    early_bytes: usize,
    last: Timestamp,
}

impl Streams {
    /// Takes one segment; gives the messages that it completes.
    pub(crate) fn advance(
        &mut self,
        direction: Direction,
        segment: Segment<'_>,
        now: Timestamp,
    ) -> Vec<Vec<u8>> {
        self.make_room(now);
        let stream = self.streams.entry(direction).or_default();
        let before = stream.bytes();
        stream.last = now;
        if segment.syn {
            *stream = Stream { next: Some(segment.sequence.wrapping_add(1)), last: now, ..Stream::default() };
        }
        let messages = stream.take(segment);
        self.bytes = self.bytes + stream.bytes() - before;
        if segment.end {
            self.forget(direction);
        }
        messages
    }

    fn forget(&mut self, direction: Direction) {
        if let Some(stream) = self.streams.remove(&direction) {
            self.bytes -= stream.bytes();
        }
    }

    fn make_room(&mut self, now: Timestamp) {
        if self.streams.len() < MOST_STREAMS && self.bytes < MOST_BYTES {
            return;
        }
        // Half of them at once: looking for the oldest at every segment would cost more than it saves.
        let mut ages: Vec<Timestamp> = self.streams.values().map(|stream| stream.last).collect();
        ages.sort_unstable();
        let middle = ages.get(ages.len() / 2).copied().unwrap_or(now);
        self.streams.retain(|_, stream| stream.last > middle && now - stream.last < IDLE);
        self.bytes = self.streams.values().map(Stream::bytes).sum();
    }
}

impl Stream {
    /// Bytes kept.
    fn bytes(&self) -> usize {
        self.buffer.len() + self.early_bytes
    }

    fn take(&mut self, segment: Segment<'_>) -> Vec<Vec<u8>> {
        // A SYN may carry data (TCP fast open): its bytes begin one after its number.
        let sequence = if segment.syn { segment.sequence.wrapping_add(1) } else { segment.sequence };
        if segment.payload.is_empty() {
            return Vec::new();
        }
        let next = *self.next.get_or_insert(sequence);
        if distance(next, sequence) > 0 {
            self.keep_early(sequence, segment.payload);
        } else {
            self.append(sequence, segment.payload);
        }
        while let Some(sequence) = self.nearest_early().filter(|start| self.reaches(*start)) {
            let payload = self.early.remove(&sequence).unwrap_or_default();
            self.early_bytes -= payload.len();
            self.append(sequence, &payload);
        }
        self.complete()
    }

    fn reaches(&self, start: u32) -> bool {
        self.next.is_some_and(|next| distance(next, start) <= 0)
    }

    /// The early segment that comes first in the stream: numbers go in a circle, so that may be the smallest at or
    /// behind the next byte, the smallest of all, or the largest when it lies just before.
    fn nearest_early(&self) -> Option<u32> {
        let next = self.next?;
        let behind = self.early.range(next..).next();
        let before = self.early.range(..next).next_back();
        let ends = [self.early.first_key_value(), self.early.last_key_value(), behind, before];
        ends.into_iter().flatten().map(|(start, _)| *start).min_by_key(|start| distance(next, *start))
    }

    /// Adds what is new of a segment that begins at or before the next expected byte.
    fn append(&mut self, sequence: u32, payload: &[u8]) {
        let Some(next) = self.next else { return };
        let known = usize::try_from(distance(sequence, next)).unwrap_or(0);
        let Some(new) = payload.get(known..) else { return };
        self.buffer.extend(new);
        self.next = Some(next.wrapping_add(u32::try_from(new.len()).unwrap_or(0)));
        if self.buffer.len() > LARGEST_BUFFER {
            self.buffer.clear();
        }
    }

    fn keep_early(&mut self, sequence: u32, payload: &[u8]) {
        self.early_bytes += payload.len();
        if let Some(same) = self.early.insert(sequence, payload.to_vec()) {
            self.early_bytes -= same.len();
        }
        if self.early_bytes > LARGEST_BUFFER || self.early.len() > MOST_EARLY {
            self.give_up_gap();
        }
    }

    /// What is missing will not come: go on at the earliest segment that is there.
    fn give_up_gap(&mut self) {
        let Some(next) = self.next else { return };
        self.next = self.early.keys().copied().min_by_key(|start| distance(next, *start));
        self.buffer.clear();
    }

    fn complete(&mut self) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        let mut at = 0;
        while let Some(&[high, low]) = self.buffer.get(at..at + 2) {
            let length = usize::from(u16::from_be_bytes([high, low]));
            let Some(message) = self.buffer.get(at + 2..at + 2 + length) else { break };
            messages.push(message.to_vec());
            at += 2 + length;
        }
        self.buffer.drain(..at);
        messages
    }
}

/// How far `to` lies behind `from`, in a circle of 2^32 (RFC 9293 section 3.4).
fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direction() -> Direction {
        (Endpoint::new([10, 244, 1, 7].into(), 4000), Endpoint::new([10, 96, 0, 10].into(), 53))
    }

    fn framed(messages: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for message in messages {
            bytes.extend((message.len() as u16).to_be_bytes());
            bytes.extend(*message);
        }
        bytes
    }

    fn run(start: u32, pieces: &[(usize, &[u8])]) -> Vec<Vec<u8>> {
        let mut streams = Streams::default();
        let mut got = Vec::new();
        let syn = Segment { sequence: start.wrapping_sub(1), syn: true, end: false, payload: b"" };
        got.extend(streams.advance(direction(), syn, Timestamp(0)));
        for (at, payload) in pieces {
            let segment =
                Segment { sequence: start.wrapping_add(*at as u32), syn: false, end: false, payload };
            got.extend(streams.advance(direction(), segment, Timestamp(0)));
        }
        got
    }

    #[test]
    fn several_messages_in_one_segment() {
        assert_eq!(run(1, &[(0, &framed(&[b"one", b"two"]))]), [b"one", b"two"]);
    }

    #[test]
    fn a_capture_that_begins_inside_a_connection_is_read() {
        let mut streams = Streams::default();
        let payload = framed(&[b"one"]);
        let segment = Segment { sequence: 77, syn: false, end: false, payload: &payload };
        assert_eq!(streams.advance(direction(), segment, Timestamp(0)), [b"one"]);
    }

    #[test]
    fn a_lost_segment_is_given_up_and_reading_goes_on() {
        let mut streams = Streams::default();
        let first = Segment { sequence: 0, syn: true, end: false, payload: b"" };
        streams.advance(direction(), first, Timestamp(0));
        let big = framed(&[&[7; 60_000]]);
        let mut got = 0;
        for index in 0..4_u32 {
            let segment = Segment { sequence: 1_000 + index * 60_002, syn: false, end: false, payload: &big };
            got += streams.advance(direction(), segment, Timestamp(0)).len();
        }
        assert!(got > 0);
    }

    proptest::proptest! {
        #[test]
        fn any_cut_any_order_and_repeats_give_the_same_messages(
            start in proptest::num::u32::ANY,
            cuts in proptest::collection::vec(0..40_usize, 0..6),
            order in proptest::collection::vec(0..7_usize, 0..12),
        ) {
            let bytes = framed(&[b"first message", b"", b"second message"]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|pair| (pair[0], &bytes[pair[0]..pair[1]])).collect();
            let mut sent: Vec<_> = order.iter().filter_map(|index| pieces.get(*index).copied()).collect();
            sent.extend(pieces.iter().copied());
            let expected: Vec<Vec<u8>> = vec![b"first message".to_vec(), Vec::new(), b"second message".to_vec()];
            proptest::prop_assert_eq!(run(start, &sent), expected);
        }
    }
}
