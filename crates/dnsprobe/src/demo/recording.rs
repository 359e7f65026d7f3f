//! What one run of the demo leaves behind: a line of JSON about what was asked, then the packets as a pcap file.
//!
//! It is how the sandboxed process hands over to the one the user started, and what is bundled for systems that allow
//! no sandbox.

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::ops::ControlFlow;

use dnsprobe_lookup::pcap::{self, PcapWriter, ReadError};
use dnsprobe_lookup::{Frame, LinkType, Timestamp};
use serde::{Deserialize, Serialize};

/// Everything but the packets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Transcript {
    /// How the private namespaces were made.
    pub(crate) entered: Sandboxed,
    /// The pod's `resolv.conf`.
    pub(crate) resolv_conf: String,
    /// The names in the order they were looked up.
    pub(crate) asked: Vec<Asked>,
}

/// How the private namespaces were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sandboxed {
    /// Below a new user namespace, without privileges.
    AsUser,
    /// With root's privileges.
    AsRoot,
}

/// One name and what this machine's `getaddrinfo` made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// The name, as typed.
    pub(crate) name: String,
    /// Who called `getaddrinfo`, such as `getent ahosts`.
    pub(crate) through: String,
    /// The addresses, in its order.
    pub(crate) addresses: Vec<IpAddr>,
    /// What it said instead.
    pub(crate) error: Option<String>,
    /// When the program was started, in nanoseconds since 1970-01-01 UTC.
    pub(crate) started: i64,
    /// When it had ended.
    pub(crate) ended: i64,
}

/// One kept frame.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kept {
    pub(super) at: Timestamp,
    pub(super) link: LinkType,
    pub(super) interface: u32,
    pub(super) original_len: u32,
    pub(super) bytes: Vec<u8>,
}

impl From<Frame<'_>> for Kept {
    fn from(frame: Frame<'_>) -> Self {
        let Frame { at, link, bytes, original_len, interface } = frame;
        Self { at, link, interface, original_len, bytes: bytes.to_vec() }
    }
}

impl Kept {
    fn frame(&self) -> Frame<'_> {
        let Self { at, link, interface, original_len, bytes } = self;
        Frame { at: *at, link: *link, bytes, original_len: *original_len, interface: *interface }
    }
}

/// Why a recording could not be played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RecordingError {
    /// The first line is not what it should be.
    #[error("the recording's first line does not say what was asked")]
    Transcript(#[from] serde_json::Error),
    /// The packets cannot be read.
    #[error("the recording's packets cannot be read")]
    Packets(#[from] ReadError),
}

/// Writes a recording. The frames of the sandbox are all of one link type.
pub(super) fn write(transcript: &Transcript, frames: &[Kept], output: &mut dyn Write) -> io::Result<()> {
    let json = serde_json::to_string(transcript).map_err(io::Error::from)?;
    writeln!(output, "{json}")?;
    let link = frames.first().map_or(LinkType::ETHERNET, |frame| frame.link);
    let mut file = PcapWriter::new(&mut *output, link)?;
    frames.iter().try_for_each(|frame| file.write(&frame.frame()))?;
    file.flush()
}

/// Hands every frame of a recording to `sink` and returns what was asked.
pub(super) fn play(recording: &[u8], sink: &mut dyn FnMut(Frame<'_>)) -> Result<Transcript, RecordingError> {
    let end = recording.iter().position(|&byte| byte == b'\n').unwrap_or(recording.len());
    let (line, packets) = recording.split_at(end);
    let transcript = serde_json::from_slice(line)?;
    play_packets(packets.get(1..).unwrap_or_default(), sink)?;
    Ok(transcript)
}

/// Hands every frame of a capture to `sink`.
pub(super) fn play_packets(packets: impl Read, sink: &mut dyn FnMut(Frame<'_>)) -> Result<(), ReadError> {
    pcap::read(packets, &mut |frame| {
        sink(frame);
        ControlFlow::Continue(())
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript() -> Transcript {
        let asked = Asked {
            name: "web".to_owned(),
            through: "getent ahosts".to_owned(),
            addresses: vec!["10.96.31.14".parse().unwrap()],
            error: None,
            started: 1,
            ended: 2,
        };
        Transcript {
            entered: Sandboxed::AsUser,
            resolv_conf: "search a\nnameserver b\n".to_owned(),
            asked: vec![asked],
        }
    }

    fn kept(at: i64) -> Kept {
        let bytes = b"frame\n".to_vec();
        Kept { at: Timestamp(at), link: LinkType::ETHERNET, interface: 0, original_len: 6, bytes }
    }

    fn recorded() -> Vec<u8> {
        let mut recording = Vec::new();
        write(&transcript(), &[kept(5), kept(9)], &mut recording).unwrap();
        recording
    }

    #[test]
    fn what_was_recorded_is_what_is_played() {
        let mut frames = Vec::new();
        let played = play(&recorded(), &mut |frame| frames.push(Kept::from(frame))).unwrap();
        assert_eq!(played, transcript());
        assert_eq!(frames, [kept(5), kept(9)]);
    }

    #[test]
    fn a_recording_cut_off_anywhere_never_panics_and_is_an_error_up_to_the_packets() {
        let recording = recorded();
        let header_ends = recording.iter().position(|&byte| byte == b'\n').unwrap() + 1 + 24;
        for length in 0..recording.len() {
            let played = play(&recording[..length], &mut |_| {});
            assert_eq!(played.is_ok(), length >= header_ends, "{length} bytes");
        }
    }
}
