//! The cluster that `dnsprobe demo` plays: its DNS server, its names and delays, a pod's `resolv.conf`, and this
//! machine's own resolver asking. What is made of the packets is not decided here.
//!
//! [`play`] runs this program once more, which moves into private namespaces ([`hidden`]), serves, captures and asks
//! there, and hands back a recording. Where that is forbidden a bundled recording takes its place.

mod cluster;
mod inside;
mod recording;
pub(crate) mod server;
mod zones;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use dnsprobe_lookup::Frame;

pub(crate) use recording::{RecordingError, Transcript};

/// This program.
const MYSELF: &str = "/proc/self/exe";
/// First argument of the process that plays.
const INSIDE: &str = "demo-inside";
/// First argument of the process that looks a name up.
const ASK: &str = "demo-ask";
/// First argument of the process that makes the bundled recording anew.
const RECORD: &str = "demo-record";

const BUNDLED_TRANSCRIPT: &[u8] = include_bytes!("../../../../testdata/demo/demo.json");
const BUNDLED_PACKETS: &[u8] = include_bytes!("../../../../testdata/demo/demo.pcap");

/// What was played.
#[derive(Debug)]
pub(crate) struct Played {
    /// What was asked, with which `resolv.conf`, and what this machine's resolver made of it.
    pub(crate) transcript: Transcript,
    /// Why it is the bundled recording, made on another machine; `None` when it was played just now.
    pub(crate) replayed_because: Option<String>,
}

/// Plays the demo and hands every frame to `sink`, in the order captured.
///
/// Takes under a second; nothing on this machine is changed, and everything is gone when this returns. The packets come
/// when all names have been looked up. Fails only when the bundled recording is damaged.
pub(crate) fn play(sink: &mut dyn FnMut(Frame<'_>)) -> Result<Played, RecordingError> {
    let recorded = record().and_then(|recording| {
        // Before any frame is handed on: half a recording is none.
        recording::play(&recording, &mut |_| {}).map_err(|error| in_one_line(&error))?;
        Ok(recording)
    });
    match recorded {
        Ok(recording) => {
            let transcript = recording::play(&recording, sink)?;
            Ok(Played { transcript, replayed_because: None })
        }
        Err(why) => replay(sink, why),
    }
}

/// The bundled recording.
fn replay(sink: &mut dyn FnMut(Frame<'_>), why: String) -> Result<Played, RecordingError> {
    let transcript = serde_json::from_slice(BUNDLED_TRANSCRIPT)?;
    recording::play_packets(BUNDLED_PACKETS, sink)?;
    Ok(Played { transcript, replayed_because: Some(why) })
}

/// Has the demo played by a process of its own; says in one line why it could not be.
fn record() -> Result<Vec<u8>, String> {
    let mut command = Command::new(MYSELF);
    // The current directory may be one that the sandboxed process cannot read.
    command.arg(INSIDE).current_dir("/").stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("this program cannot be run again: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(if said.is_empty() { format!("the sandboxed process ended with {}", output.status) } else { said })
}

/// To be called first thing in `main`: does the work of the processes that [`play`] starts, if this is one of them.
/// They are no commands, and appear in no help.
pub(crate) fn hidden() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next()?;
    let second = arguments.next();
    let output = &mut io::BufWriter::new(io::stdout().lock());
    let done = match (first.to_str()?, second) {
        (INSIDE, None) => inside::play(output).map_err(|error| in_one_line(&error)),
        (ASK, Some(name)) => {
            inside::look_up(&name.to_string_lossy(), output).map_err(|error| error.to_string())
        }
        (RECORD, Some(directory)) => keep(&directory),
        _ => return None,
    };
    let done = done.and_then(|()| output.flush().map_err(|error| error.to_string()));
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    })
}

/// Makes the bundled recording anew, in this directory.
fn keep(directory: &OsString) -> Result<(), String> {
    let recording = record()?;
    let end = recording.iter().position(|&byte| byte == b'\n').unwrap_or(recording.len());
    let (line, packets) = recording.split_at(end);
    let transcript: Transcript = serde_json::from_slice(line).map_err(|error| in_one_line(&error))?;
    let mut text = serde_json::to_vec_pretty(&transcript).map_err(|error| in_one_line(&error))?;
    text.push(b'\n');
    let write = |name: &str, bytes: &[u8]| {
        let path = Path::new(directory).join(name);
        std::fs::write(&path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
    };
    write("demo.json", &text)?;
    write("demo.pcap", packets.get(1..).unwrap_or_default())
}

/// An error with its causes, for a line of text.
fn in_one_line(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use dnsprobe_lookup::LinkType;

    use super::*;

    #[test]
    fn the_bundled_recording_is_of_this_cluster() {
        let mut frames = 0;
        let count = &mut |frame: Frame<'_>| {
            assert_eq!((frame.link, frame.bytes.len()), (LinkType::ETHERNET, frame.original_len as usize));
            frames += 1;
        };
        let Played { transcript, replayed_because } = replay(count, "for a test".to_owned()).unwrap();
        assert_eq!(replayed_because.as_deref(), Some("for a test"));
        assert_eq!(transcript.resolv_conf, zones::RESOLV_CONF);
        let names: Vec<&str> = transcript.asked.iter().map(|asked| asked.name.as_str()).collect();
        assert_eq!(names, zones::NAMES);
        let (found, missing): (Vec<_>, Vec<_>) =
            transcript.asked.iter().partition(|asked| asked.error.is_none());
        assert!(found.iter().all(|asked| !asked.addresses.is_empty()));
        assert_eq!(missing.len(), 1);
        // Two questions and two answers for every candidate: 1, 2, 5, 1, 5 and 4 of them.
        assert_eq!(frames, 4 * (1 + 2 + 5 + 1 + 5 + 4));
    }

    /// This test program does not know the hidden arguments, as a system without namespaces does not play.
    #[test]
    fn what_cannot_be_played_is_replayed_and_the_reason_is_given() {
        let mut frames = 0;
        let played = play(&mut |_| frames += 1).unwrap();
        assert!(played.replayed_because.is_some_and(|why| !why.is_empty()));
        assert!(frames > 0);
    }

    #[test]
    fn the_reason_holds_the_whole_chain_of_causes() {
        let error = RecordingError::Packets(dnsprobe_lookup::pcap::ReadError::Empty);
        assert_eq!(
            in_one_line(&error),
            "the recording's packets cannot be read: the capture is empty (0 bytes)"
        );
    }
}
