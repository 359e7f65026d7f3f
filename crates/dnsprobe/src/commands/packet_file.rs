//! The file of `-w`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use dnsprobe_lookup::pcap::{InterfaceName, PcapWriter, PcapngWriter};
use dnsprobe_lookup::{Frame, LinkType};
use dnsprobe_sniffer::SourceId;

use crate::error::CommandError;

/// The file of `-w`: classic pcap while every interface has the same link type, else pcapng.
pub(crate) struct PacketFile {
    path: PathBuf,
    writer: Writer,
    /// Packets of another link type than a classic file has.
    pub(crate) left_out: u64,
    /// With several namespaces: what their interfaces have become in the file.
    many: Option<Many>,
}

/// Namespaces number their interfaces each for themselves; the file does for all.
#[derive(Default)]
struct Many {
    numbers: BTreeMap<(SourceId, u32), u32>,
    titles: BTreeMap<SourceId, String>,
}

enum Writer {
    /// Nothing written yet: the link type of the first frame decides.
    Waiting(Box<dyn Write>),
    Pcap(LinkType, PcapWriter<Box<dyn Write>>),
    Pcapng(PcapngWriter<Box<dyn Write>>),
}

impl PacketFile {
    /// For one namespace, whose interfaces are known.
    pub(crate) fn create(path: &Path, interfaces: Vec<InterfaceName>) -> Result<Self, CommandError> {
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
        let mut file = Self { path: path.to_owned(), writer, left_out: 0, many: None };
        file.flush()?;
        Ok(file)
    }

    /// For namespaces that come and go.
    pub(crate) fn create_for_many(path: &Path) -> Result<Self, CommandError> {
        // No interfaces make it wait; what it waits for is not a link type but a namespace.
        let mut file = Self::create(path, Vec::new())?;
        if let Writer::Waiting(output) =
            std::mem::replace(&mut file.writer, Writer::Waiting(Box::new(io::sink())))
        {
            let writer = PcapngWriter::new(output, Vec::new()).map_err(|error| file.failed(error))?;
            file.writer = Writer::Pcapng(writer);
        }
        file.many = Some(Many::default());
        file.flush()?;
        Ok(file)
    }

    /// Describes the interfaces of another namespace as `TITLE/INTERFACE`.
    pub(crate) fn join(
        &mut self,
        source: SourceId,
        title: &str,
        interfaces: &[InterfaceName],
    ) -> Result<(), CommandError> {
        if let Some(many) = &mut self.many {
            many.titles.insert(source, title.to_owned());
        }
        for InterfaceName { interface, link, name } in interfaces {
            self.describe(source, *interface, *link, name)?;
        }
        Ok(())
    }

    /// Keeps one packet of a namespace.
    pub(crate) fn write_from(&mut self, source: SourceId, frame: &Frame<'_>) -> Result<(), CommandError> {
        let known = self.many.as_ref().map(|many| many.numbers.get(&(source, frame.interface)).copied());
        match known {
            None => self.write(frame),
            Some(Some(interface)) => self.write(&Frame { interface, ..*frame }),
            Some(None) => {
                let interface =
                    self.describe(source, frame.interface, frame.link, &format!("if{}", frame.interface))?;
                self.write(&Frame { interface, ..*frame })
            }
        }
    }

    fn describe(
        &mut self,
        source: SourceId,
        interface: u32,
        link: LinkType,
        name: &str,
    ) -> Result<u32, CommandError> {
        let Some(many) = &mut self.many else { return Ok(interface) };
        let number = u32::try_from(many.numbers.len()).unwrap_or(u32::MAX);
        many.numbers.insert((source, interface), number);
        let title = many.titles.get(&source).map_or("", String::as_str);
        let described = InterfaceName { interface: number, link, name: format!("{title}/{name}") };
        match &mut self.writer {
            Writer::Pcapng(writer) => writer.describe(described).map_err(|error| self.failed(error))?,
            Writer::Waiting(_) | Writer::Pcap(..) => {}
        }
        Ok(number)
    }

    /// Keeps one packet.
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

    /// Hands everything to the system.
    pub(crate) fn flush(&mut self) -> Result<(), CommandError> {
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
