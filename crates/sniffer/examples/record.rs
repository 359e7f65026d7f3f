//! Records the DNS frames of a network namespace for some seconds, like `tcpdump -w`:
//! `cargo run --example record -- NETNS SECONDS FILE`. Writes Ethernet frames only, with nanosecond timestamps.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};

use dnsprobe_lookup::{Frame, Timestamp};
use dnsprobe_sniffer::capture::now;
use dnsprobe_sniffer::{Capture, CaptureOptions, End, FrameSource, Host, Target, target, wake};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [netns, seconds, path] = words.as_slice() else {
        return Err("usage: record NETNS SECONDS FILE".into());
    };
    let located = target::locate(&Target::Netns(netns.clone()), &Host::default())?;
    let (_waker, wake) = wake::pair()?;
    let mut capture = Capture::new(wake)?;
    capture.attach(&located.netns, &CaptureOptions::default())?;
    let end = Timestamp(now().0 + seconds.parse::<i64>()? * 1_000_000_000);
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&FILE_HEADER.map(u32::to_ne_bytes).concat())?;
    let mut frames = 0;
    let mut written = Ok(());
    while now() < end {
        let batch = capture.next_batch(Some(end), &mut |captured| {
            if written.is_ok() {
                written = write_frame(&mut file, captured.frame);
            }
        })?;
        frames += batch.frames;
        if batch.end == End::Stopped {
            break;
        }
    }
    written?;
    file.flush()?;
    println!("{frames} frames, {:?}", capture.statistics(None)?);
    Ok(())
}

/// Nanosecond magic, version 2.4, no time zone, snapshot length, Ethernet.
const FILE_HEADER: [u32; 6] = [0xa1b2_3c4d, 0x0004_0002, 0, 0, 0x4_0000, 1];

fn write_frame(file: &mut impl Write, frame: Frame<'_>) -> std::io::Result<()> {
    let nanoseconds = u64::try_from(frame.at.0).unwrap_or_default();
    let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    let header = [seconds, rest, frame.bytes.len() as u64, frame.original_len.into()];
    file.write_all(&header.map(|number| u32::try_from(number).unwrap_or(u32::MAX).to_ne_bytes()).concat())?;
    file.write_all(frame.bytes)
}
