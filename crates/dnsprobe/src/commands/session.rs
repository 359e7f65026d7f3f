//! What `watch`, `read` and `demo` have in common: frames in, rows out, packets kept beside.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use dnsprobe_lookup::datagram::Skipped;
use dnsprobe_lookup::pcap::{InterfaceName, PcapWriter, PcapngWriter};
use dnsprobe_lookup::{Counters, Frame, LinkType, Lookup, Pipeline, SearchList, Summary, Timestamp};

use crate::cli::{Format, LookupArgs};
use crate::error::CommandError;
use crate::view::{
    Beside, Closing, Detail, JsonLines, Merging, Output, PacketsOn, Reporter, Rows, Shown, Ui, note, output,
};

/// Frames in, rows out.
pub(crate) struct Session {
    pipeline: Pipeline,
    reporter: Box<dyn Reporter>,
    summary: Summary,
    packets: Option<PacketFile>,
    packets_left: u64,
    target: Option<String>,
    beside: Option<Beside>,
    detail: Detail,
    /// What went wrong when writing results; frames keep coming until the source notices.
    failed: Option<CommandError>,
    /// What went wrong when writing packets.
    not_kept: Option<CommandError>,
}

/// How a session shows what it finds.
pub(crate) struct Showing<'a> {
    pub(crate) lookups: &'a LookupArgs,
    pub(crate) merging: Merging,
    /// Where the lookups are seen, for JSON.
    pub(crate) target: serde_json::Value,
    /// The same in a word, for sums by target.
    pub(crate) target_name: Option<String>,
}

impl Session {
    /// Starts with empty counters. `interfaces` are those known now, for the packet file.
    pub(crate) fn new(
        showing: Showing<'_>,
        search: SearchList,
        interfaces: Vec<InterfaceName>,
        ui: &Ui,
    ) -> Result<Self, CommandError> {
        let to_stdout = showing.lookups.write.as_deref() == Some(Path::new("-"));
        let output = output(if to_stdout { PacketsOn::Stdout } else { PacketsOn::Elsewhere });
        Self::writing_to(output, showing, search, interfaces, ui)
    }

    /// The same with the results going to `output`.
    pub(crate) fn writing_to(
        output: Output,
        showing: Showing<'_>,
        search: SearchList,
        interfaces: Vec<InterfaceName>,
        ui: &Ui,
    ) -> Result<Self, CommandError> {
        let args = showing.lookups;
        let packets = args.write.as_deref().map(|path| PacketFile::create(path, interfaces)).transpose()?;
        let reporter: Box<dyn Reporter> = match args.output {
            Format::Json => {
                let shown = if args.summary { Shown::SummaryOnly } else { Shown::Lookups };
                Box::new(JsonLines::new(output, showing.target, shown))
            }
            Format::Table => {
                let merging = if args.summary { Merging::SummaryOnly } else { showing.merging };
                Box::new(Rows::new(output, *ui, merging))
            }
        };
        Ok(Self {
            pipeline: Pipeline::new(args.ports.clone(), search),
            reporter,
            summary: Summary::default(),
            packets,
            packets_left: args.count.unwrap_or(u64::MAX),
            target: showing.target_name,
            beside: None,
            detail: ui.detail,
            failed: None,
            not_kept: None,
        })
    }

    /// Takes one frame; breaks when enough were seen, or when nobody takes the results any more.
    pub(crate) fn frame(&mut self, frame: &Frame<'_>) -> ControlFlow<()> {
        if self.packets_left == 0 || self.failed.is_some() {
            return ControlFlow::Break(());
        }
        self.packets_left -= 1;
        self.keep(|packets| packets.write(frame));
        let finished = self.pipeline.frame(frame);
        self.show(&finished)
    }

    /// A packet file that fails is given up and reported at the end; the rows go on. A pipe that nobody reads any more
    /// ends everything, as it does for rows.
    fn keep(&mut self, action: impl Fn(&mut PacketFile) -> Result<(), CommandError>) {
        let Some(Err(error)) = self.packets.as_mut().map(action) else { return };
        self.packets = None;
        if error.is_closed_output() {
            self.failed = Some(error);
        } else {
            self.not_kept = Some(error);
        }
    }

    /// Notes that time has passed.
    pub(crate) fn silence(&mut self, now: Timestamp) -> ControlFlow<()> {
        let finished = self.pipeline.silence(now);
        self.keep(PacketFile::flush);
        let flow = self.show(&finished);
        if let Err(error) = self.reporter.tick(now) {
            self.failed = Some(error.into());
            return ControlFlow::Break(());
        }
        flow
    }

    /// Says at the end what else passed through the namespace.
    pub(crate) fn beside(&mut self, beside: Beside) {
        self.beside = Some(beside);
    }

    /// Whether `-c` was reached.
    pub(crate) fn is_full(&self) -> bool {
        self.packets_left == 0
    }

    /// Shows what is left and the sums. What went wrong on the way comes out here, after everything that could be shown.
    pub(crate) fn close(mut self, dropped_by_kernel: Option<u64>) -> Result<Summary, CommandError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let finished = self.pipeline.finish();
        self.keep(PacketFile::flush);
        let _ = self.show(&finished);
        let counters = self.pipeline.counters();
        let inferred = self.pipeline.inferred();
        self.reporter.close(&Closing {
            summary: &self.summary,
            counters: &counters,
            dropped_by_kernel,
            inferred: &inferred,
            beside: self.beside,
        })?;
        if let Some(passed_over) = passed_over(&counters, self.detail) {
            note(&format!("dnsprobe: {passed_over}"));
        }
        let left_out = self.packets.as_ref().map_or(0, |packets| packets.left_out);
        if left_out > 0 {
            note(&format!(
                "dnsprobe: {left_out} packets of another link type have no place in the packet file"
            ));
        }
        match self.failed.or(self.not_kept) {
            Some(error) => Err(error),
            None => Ok(self.summary),
        }
    }

    fn show(&mut self, finished: &[Lookup]) -> ControlFlow<()> {
        if self.failed.is_some() {
            return ControlFlow::Break(());
        }
        let mut result = Ok(());
        for lookup in finished {
            self.summary.add(lookup, self.target.as_deref());
            if let Err(error) = self.reporter.lookup(lookup) {
                result = Err(CommandError::from(error));
                break;
            }
        }
        match result {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

/// What was seen and not used, in words, where it deserves a look: a capture that cannot be read as it should must not
/// look like one without lookups.
fn passed_over(counters: &Counters, detail: Detail) -> Option<String> {
    let ordinary = |skipped: &Skipped| {
        matches!(skipped, Skipped::NotIp | Skipped::OtherProtocol | Skipped::OtherPort)
            && detail < Detail::More
    };
    let skipped = counters.skipped.iter().filter(|(skipped, _)| !ordinary(skipped));
    let mut parts: Vec<String> =
        skipped.map(|(skipped, count)| format!("{count} {}", reason(*skipped))).collect();
    let leftovers = &counters.leftovers;
    for (count, what) in [
        (counters.malformed, "payloads on a DNS port that are no DNS message"),
        (leftovers.forgotten, "questions forgotten because too many were open"),
        (counters.given_up.lookups, "lookups cut off because too many were open"),
        (counters.given_up.messages, "messages of clients beyond the most that are kept apart"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    (!parts.is_empty()).then(|| format!("passed over of {} frames: {}", counters.frames, parts.join(", ")))
}

fn reason(skipped: Skipped) -> String {
    match skipped {
        Skipped::UnknownLink(link) => format!("of link type {}, which dnsprobe does not read", link.0),
        other => other.as_str().to_owned(),
    }
}

/// The file of `-w`: classic pcap while every interface has the same link type, else pcapng.
struct PacketFile {
    path: PathBuf,
    writer: Writer,
    /// Packets of another link type than a classic file has.
    left_out: u64,
}

enum Writer {
    /// Nothing written yet: the link type of the first frame decides.
    Waiting(Box<dyn Write>),
    Pcap(LinkType, PcapWriter<Box<dyn Write>>),
    Pcapng(PcapngWriter<Box<dyn Write>>),
}

impl PacketFile {
    fn create(path: &Path, interfaces: Vec<InterfaceName>) -> Result<Self, CommandError> {
        let shown = path.display().to_string();
        let failed = |error: io::Error| CommandError::wrap(format!("create the packet file {shown}"), error);
        let output: Box<dyn Write> = if path == Path::new("-") {
            Box::new(BufWriter::new(io::stdout()))
        } else {
            Box::new(BufWriter::new(File::create(path).map_err(failed)?))
        };
        let first = interfaces.first().map(|interface| interface.link);
        let agree = interfaces.iter().all(|interface| Some(interface.link) == first);
        let writer = match first {
            Some(link) if agree => Writer::Pcap(link, PcapWriter::new(output, link).map_err(failed)?),
            Some(_) => Writer::Pcapng(PcapngWriter::new(output, interfaces).map_err(failed)?),
            None => Writer::Waiting(output),
        };
        let mut file = Self { path: path.to_owned(), writer, left_out: 0 };
        file.flush()?;
        Ok(file)
    }

    fn write(&mut self, frame: &Frame<'_>) -> Result<(), CommandError> {
        let result = match &mut self.writer {
            Writer::Pcap(link, writer) if *link == frame.link => writer.write(frame),
            // An interface of another kind that came later has no place in a classic file.
            Writer::Pcap(..) => {
                self.left_out += 1;
                Ok(())
            }
            Writer::Pcapng(writer) => writer.write(frame),
            Writer::Waiting(output) => {
                let output = std::mem::replace(output, Box::new(io::sink()));
                match PcapWriter::new(output, frame.link) {
                    Ok(mut writer) => {
                        let result = writer.write(frame);
                        self.writer = Writer::Pcap(frame.link, writer);
                        result
                    }
                    Err(error) => Err(error),
                }
            }
        };
        result.map_err(|error| self.failed(error))
    }

    fn flush(&mut self) -> Result<(), CommandError> {
        let result = match &mut self.writer {
            Writer::Pcap(_, writer) => writer.flush(),
            Writer::Pcapng(writer) => writer.flush(),
            Writer::Waiting(output) => output.flush(),
        };
        result.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> CommandError {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return error.into();
        }
        CommandError::wrap(format!("write packets to {}", self.path.display()), error)
            .hint("what was written before this is a readable capture")
    }
}
