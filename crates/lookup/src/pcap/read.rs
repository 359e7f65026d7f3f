//! Reads pcap and pcapng as a stream of frames.

use std::io::{self, Read};
use std::ops::ControlFlow;

use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{Block, LegacyPcapBlock, LegacyPcapReader, PcapBlockOwned, PcapError, PcapNGReader};

use crate::frame::{Frame, LinkType};
use crate::time::Timestamp;

/// How reading a capture ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every packet of the file was handed on.
    Whole,
    /// The caller had enough.
    Stopped,
    /// The file ends inside a packet, or what follows is no packet. All packets before it were handed on.
    CutOff {
        /// Number of the packet that could not be read, from 1 as Wireshark counts.
        packet: u64,
    },
}

/// Why a capture could not be read at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Nothing there.
    #[error("the capture is empty (0 bytes)")]
    Empty,
    /// The first bytes are of no capture format.
    #[error("not a capture file: it begins with {start}, and neither pcap nor pcapng does")]
    NotACapture {
        /// The first bytes, for the eye.
        start: String,
    },
    /// The file is cut inside its own header.
    #[error("the capture ends inside its file header")]
    HeaderCutOff,
    /// The input failed.
    #[error("reading the capture failed after packet {packet}")]
    Io {
        /// Packets read so far.
        packet: u64,
        /// What the input said.
        #[source]
        source: io::Error,
    },
}

/// Hands every frame of a capture to `sink`, in file order, until it ends or `sink` breaks off.
///
/// The format is recognised by its first bytes: pcap (both byte orders, micro- and nanoseconds) or pcapng. A packet
/// without a time (pcapng simple packets) gets the time of the packet before it.
pub fn read(
    input: impl Read,
    sink: &mut dyn FnMut(Frame<'_>) -> ControlFlow<()>,
) -> Result<Ending, ReadError> {
    let mut input = RememberError { input, error: None };
    let header = file_header(&mut input)?;
    let pcapng = header.starts_with(&SECTION_HEADER);
    let whole = io::Cursor::new(header).chain(&mut input);
    let mut frames = Frames { interfaces: Vec::new(), records: None, last: Timestamp(0), packets: 0, sink };
    let ending = if pcapng {
        run(PcapNGReader::new(BUFFER, whole), &mut frames)
    } else {
        run(LegacyPcapReader::new(BUFFER, whole), &mut frames)
    };
    match input.error {
        // A compressed input that is cut off.
        Some(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
            Ok(Ending::CutOff { packet: frames.packets + 1 })
        }
        Some(source) => Err(ReadError::Io { packet: frames.packets, source }),
        None => ending,
    }
}

/// Bytes read at a time: what the processor's caches hold beside everything else. A packet that is larger makes the buffer
/// grow up to `LARGEST`.
const BUFFER: usize = 64 * 1024;
/// A record larger than this is taken for damage: the largest snap length libpcap accepts is 256 KiB, USB apart.
const LARGEST: usize = 16 * 1024 * 1024;

/// The parser drops the input's error; this keeps it for the message.
struct RememberError<R> {
    input: R,
    error: Option<io::Error>,
}

impl<R: Read> Read for RememberError<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.input.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.error = Some(error);
                    return Ok(0);
                }
                done => return done,
            }
        }
    }
}

/// First bytes of a pcapng file: the type of its section header block.
const SECTION_HEADER: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
/// First bytes of a pcap file: micro- and nanoseconds, each in both byte orders.
const PCAP: [[u8; 4]; 4] =
    [[0xd4, 0xc3, 0xb2, 0xa1], [0xa1, 0xb2, 0xc3, 0xd4], [0x4d, 0x3c, 0xb2, 0xa1], [0xa1, 0xb2, 0x3c, 0x4d]];

/// Reads the whole file header, which the parsers want in one piece, and not a byte more: on a pipe that may be all
/// there is for a while.
fn file_header<R: Read>(input: &mut RememberError<R>) -> Result<Vec<u8>, ReadError> {
    let mut header = Vec::new();
    let magic = more(input, &mut header, 4)?;
    if PCAP.iter().any(|known| magic == known) {
        more(input, &mut header, 24)?;
        return Ok(header);
    }
    if magic != SECTION_HEADER {
        return Err(ReadError::NotACapture { start: hex(&header) });
    }
    let start = more(input, &mut header, 12)?;
    let length = [start[4], start[5], start[6], start[7]];
    let big_endian = start[8..12] == [0x1a, 0x2b, 0x3c, 0x4d];
    let length = if big_endian { u32::from_be_bytes(length) } else { u32::from_le_bytes(length) };
    more(input, &mut header, usize::try_from(length).unwrap_or(BUFFER).clamp(28, BUFFER))?;
    Ok(header)
}

/// Reads on until `header` holds `length` bytes.
fn more<'h, R: Read>(
    input: &mut RememberError<R>,
    header: &'h mut Vec<u8>,
    length: usize,
) -> Result<&'h [u8], ReadError> {
    let missing = length.saturating_sub(header.len()) as u64;
    let read = input.take(missing).read_to_end(header);
    if let Some(source) = read.err().or(input.error.take()) {
        return Err(ReadError::Io { packet: 0, source });
    }
    match header.len() {
        0 => Err(ReadError::Empty),
        1..4 => Err(ReadError::NotACapture { start: hex(header) }),
        have if have < length => Err(ReadError::HeaderCutOff),
        _ => Ok(header),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

fn run<P: PcapReaderIterator>(
    reader: Result<P, PcapError<&'static [u8]>>,
    frames: &mut Frames<'_>,
) -> Result<Ending, ReadError> {
    let Ok(mut reader) = reader else { return Err(ReadError::HeaderCutOff) };
    let mut capacity = BUFFER;
    loop {
        let (length, flow) = frames.records(reader.data());
        reader.consume_noshift(length);
        if flow.is_break() {
            return Ok(Ending::Stopped);
        }
        let exhausted = reader.reader_exhausted();
        match reader.next() {
            Ok((length, block)) => {
                let flow = frames.block(&block);
                // What is left moves to the front when more is read, and is little then.
                reader.consume_noshift(length);
                if flow.is_break() {
                    return Ok(Ending::Stopped);
                }
            }
            Err(PcapError::Eof) => return Ok(Ending::Whole),
            Err(PcapError::Incomplete(_)) if exhausted => return Ok(frames.cut_off()),
            Err(PcapError::Incomplete(_)) => {
                if reader.refill().is_err() {
                    return Ok(frames.cut_off());
                }
            }
            Err(PcapError::BufferTooSmall) if capacity < LARGEST => {
                capacity *= 2;
                reader.grow(capacity);
                if reader.refill().is_err() {
                    return Ok(frames.cut_off());
                }
            }
            Err(_) => return Ok(frames.cut_off()),
        }
    }
}

/// What the file said about one interface.
#[derive(Clone, Copy)]
struct Interface {
    link: LinkType,
    snap_length: u32,
    /// Units of time per second.
    resolution: u64,
    /// Seconds to add.
    offset: i64,
}

/// Turns blocks into frames.
struct Frames<'a> {
    interfaces: Vec<Interface>,
    /// How the records of a pcap file are read; `None` in any other file.
    records: Option<ByteOrder>,
    last: Timestamp,
    packets: u64,
    sink: &'a mut dyn FnMut(Frame<'_>) -> ControlFlow<()>,
}

/// Which byte of a number comes first.
#[derive(Clone, Copy)]
enum ByteOrder {
    Little,
    Big,
}

impl Frames<'_> {
    /// Hands on the records of a pcap file that lie there whole, and tells how many bytes they take: nearly all of a file,
    /// one after another without looking at each what it is. What cannot be read is left.
    fn records(&mut self, bytes: &[u8]) -> (usize, ControlFlow<()>) {
        let mut at = 0;
        let interface = self.interface(0);
        if let Some(order) = self.records {
            while let Some(record) = RecordHeader::read(&bytes[at..], order) {
                let start = at + RecordHeader::LENGTH;
                let Some(kept) = bytes.get(start..start.saturating_add(record.captured as usize)) else {
                    break;
                };
                at = start + kept.len();
                if self.hand_on(0, interface, record.time(interface), record.original, kept).is_break() {
                    return (at, ControlFlow::Break(()));
                }
            }
        }
        (at, ControlFlow::Continue(()))
    }

    /// A record that was not among those that lay there whole.
    fn record(&mut self, record: &LegacyPcapBlock<'_>) -> ControlFlow<()> {
        let header = RecordHeader {
            seconds: record.ts_sec,
            fraction: record.ts_usec,
            captured: record.caplen,
            original: record.origlen,
        };
        let kept = record.data.get(..header.captured as usize).unwrap_or(record.data);
        let interface = self.interface(0);
        self.hand_on(0, interface, header.time(interface), header.original, kept)
    }

    fn cut_off(&self) -> Ending {
        Ending::CutOff { packet: self.packets + 1 }
    }

    fn block(&mut self, block: &PcapBlockOwned<'_>) -> ControlFlow<()> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                let resolution = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
                let link = link_type(header.network.0);
                let order = if header.is_bigendian() { ByteOrder::Big } else { ByteOrder::Little };
                self.records = (!header.is_modified_format()).then_some(order);
                self.interfaces = vec![Interface {
                    link,
                    snap_length: header.snaplen,
                    resolution,
                    offset: i64::from(header.thiszone),
                }];
                ControlFlow::Continue(())
            }
            PcapBlockOwned::Legacy(record) => self.record(record),
            PcapBlockOwned::NG(block) => self.ng_block(block),
        }
    }

    fn ng_block(&mut self, block: &Block<'_>) -> ControlFlow<()> {
        match block {
            Block::SectionHeader(_) => self.interfaces.clear(),
            Block::InterfaceDescription(interface) => self.interfaces.push(Interface {
                link: link_type(interface.linktype.0),
                snap_length: interface.snaplen,
                resolution: interface.ts_resolution().unwrap_or(1_000_000),
                offset: interface.if_tsoffset,
            }),
            Block::EnhancedPacket(packet) => {
                let kept = packet.data.get(..packet.caplen as usize).unwrap_or(packet.data);
                let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                return self.packet(packet.if_id, Some(ticks), packet.origlen, kept);
            }
            Block::SimplePacket(packet) => {
                // The block has no captured length of its own: it is the smaller of these (pcapng section 4.4).
                let snap_length = self.interfaces.first().map_or(0, |interface| interface.snap_length);
                let limit = if snap_length == 0 { packet.origlen } else { packet.origlen.min(snap_length) };
                let kept = packet.data.get(..limit as usize).unwrap_or(packet.data);
                return self.packet(0, None, packet.origlen, kept);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn packet(
        &mut self,
        interface: u32,
        ticks: Option<u64>,
        original_len: u32,
        bytes: &[u8],
    ) -> ControlFlow<()> {
        let described = self.interface(interface);
        let at = ticks.map_or(self.last, |ticks| timestamp(ticks, described.resolution, described.offset));
        self.hand_on(interface, described, at, original_len, bytes)
    }

    /// What the file said about an interface. A packet of one that was never described has no link type; that it cannot be
    /// decoded is counted later.
    fn interface(&self, number: u32) -> Interface {
        self.interfaces.get(number as usize).copied().unwrap_or(Interface {
            link: LinkType(u16::MAX),
            snap_length: 0,
            resolution: 1_000_000,
            offset: 0,
        })
    }

    fn hand_on(
        &mut self,
        number: u32,
        interface: Interface,
        at: Timestamp,
        original_len: u32,
        bytes: &[u8],
    ) -> ControlFlow<()> {
        self.packets += 1;
        self.last = at;
        (self.sink)(Frame { at, link: interface.link, bytes, original_len, interface: number })
    }
}

/// What stands before each packet of a pcap file (pcap savefile format).
struct RecordHeader {
    seconds: u32,
    /// Micro- or nanoseconds, as the file's header says.
    fraction: u32,
    captured: u32,
    original: u32,
}

impl RecordHeader {
    /// In bytes.
    const LENGTH: usize = 16;

    /// Reads the header at the beginning of these bytes, if all of it is there.
    fn read(bytes: &[u8], order: ByteOrder) -> Option<Self> {
        let bytes: &[u8; Self::LENGTH] = bytes.first_chunk()?;
        let number = |at: usize| {
            let bytes = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
            match order {
                ByteOrder::Little => u32::from_le_bytes(bytes),
                ByteOrder::Big => u32::from_be_bytes(bytes),
            }
        };
        Some(Self { seconds: number(0), fraction: number(4), captured: number(8), original: number(12) })
    }

    fn time(&self, interface: Interface) -> Timestamp {
        let seconds = i64::from(self.seconds) + interface.offset;
        // Neither overflows: the seconds and their offset have 32 bits in the file.
        let nanos = if interface.resolution == 1_000_000_000 { 1 } else { 1_000 };
        Timestamp(seconds * 1_000_000_000 + i64::from(self.fraction) * nanos)
    }
}

/// The low 16 bits are the link type; the high ones say whether a frame check sequence follows (pcap savefile format).
fn link_type(network: i32) -> LinkType {
    LinkType(u16::try_from(network & 0xffff).unwrap_or(u16::MAX))
}

fn timestamp(ticks: u64, resolution: u64, offset: i64) -> Timestamp {
    let nanos = match resolution {
        // What nearly every file has, without a long division.
        1_000_000_000 => i64::try_from(ticks).unwrap_or(i64::MAX),
        1_000_000 => i64::try_from(ticks).unwrap_or(i64::MAX).saturating_mul(1_000),
        other => {
            let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(other.max(1));
            i64::try_from(nanos).unwrap_or(i64::MAX)
        }
    };
    Timestamp(nanos.saturating_add(offset.saturating_mul(1_000_000_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Packets = Vec<(Timestamp, Vec<u8>, u32)>;

    fn all(bytes: &[u8]) -> (Result<Ending, ReadError>, Packets) {
        let mut seen = Vec::new();
        let ending = read(bytes, &mut |frame| {
            seen.push((frame.at, frame.bytes.to_vec(), frame.original_len));
            ControlFlow::Continue(())
        });
        (ending, seen)
    }

    fn file(magic: u32, big_endian: bool, packets: &[(u32, u32, &[u8], u32)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut put = |value: u32| {
            bytes.extend(if big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
        };
        put(magic);
        put(if big_endian { 0x0002_0004 } else { 0x0004_0002 });
        for value in [0, 0, 262_144, 1] {
            put(value);
        }
        for (seconds, fraction, data, original) in packets {
            for value in [*seconds, *fraction, data.len() as u32, *original] {
                bytes.extend(if big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
            }
            bytes.extend(*data);
        }
        bytes
    }

    #[test]
    fn both_byte_orders_and_both_resolutions() {
        for (magic, nanos) in [(0xa1b2_c3d4, 7_000_000_005_000), (0xa1b2_3c4d, 7_000_000_000_005)] {
            for big_endian in [false, true] {
                let (ending, seen) = all(&file(magic, big_endian, &[(7000, 5, b"abc", 9)]));
                assert_eq!(ending.unwrap(), Ending::Whole);
                assert_eq!(seen, [(Timestamp(nanos), b"abc".to_vec(), 9)]);
            }
        }
    }

    #[test]
    fn a_cut_file_gives_everything_before_the_cut() {
        let bytes = file(0xa1b2_c3d4, false, &[(1, 0, b"abc", 3), (2, 0, b"def", 3)]);
        for cut in 1..19 {
            let (ending, seen) = all(&bytes[..bytes.len() - cut]);
            assert_eq!(ending.unwrap(), Ending::CutOff { packet: 2 }, "{cut} bytes short");
            assert_eq!(seen.len(), 1);
        }
    }

    #[test]
    fn what_is_no_capture_is_said() {
        assert!(matches!(all(b"").0, Err(ReadError::Empty)));
        assert!(matches!(all(b"ab").0, Err(ReadError::NotACapture { .. })));
        assert!(matches!(all(b"hello world").0, Err(ReadError::NotACapture { .. })));
        assert!(matches!(all(&0xa1b2_c3d4_u32.to_le_bytes()).0, Err(ReadError::HeaderCutOff)));
    }

    #[test]
    fn a_failing_input_is_an_error_with_the_packet_count() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("disk on fire"))
            }
        }
        let bytes = file(0xa1b2_c3d4, false, &[(1, 0, b"abc", 3)]);
        let result = read(bytes.as_slice().chain(Broken), &mut |_| ControlFlow::Continue(()));
        assert!(matches!(result, Err(ReadError::Io { packet: 1, .. })), "{result:?}");
    }

    #[test]
    fn a_damaged_length_ends_the_reading_with_bounded_memory() {
        let mut bytes = file(0xa1b2_c3d4, false, &[(1, 0, b"abc", 3)]);
        bytes.extend([0xff; 16]);
        bytes.extend([0; 64]);
        let (ending, seen) = all(&bytes);
        assert_eq!(ending.unwrap(), Ending::CutOff { packet: 2 });
        assert_eq!(seen.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(tail in proptest::collection::vec(proptest::num::u8::ANY, 0..400), which in 0..3_usize) {
            let start: &[u8] = [&b""[..], &[0x0a, 0x0d, 0x0d, 0x0a], &[0xd4, 0xc3, 0xb2, 0xa1]][which];
            let _ = all(&[start, &tail].concat());
        }
    }
}
