//! The file of `-w`.

mod store;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use dnsprobe_lookup::pcap::{InterfaceName, PcapWriter, PcapngWriter};
use dnsprobe_lookup::{Frame, LinkType};
use dnsprobe_sniffer::SourceId;

use crate::error::CommandError;
pub(crate) use store::Rotation;
use store::Store;

/// The file of `-w`: classic pcap while every interface has the same link type, else pcapng.
pub(crate) struct PacketFile {
    path: PathBuf,
    store: Rc<RefCell<Store>>,
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
    Waiting,
    Pcap(LinkType, PcapWriter<Records>),
    /// With the interfaces that each file of several describes anew.
    Pcapng(PcapngWriter<Records>, Vec<InterfaceName>),
}

/// The way into the store for the writer of a format.
struct Records(Rc<RefCell<Store>>);

impl Write for Records {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl PacketFile {
    /// For one namespace, whose interfaces are known.
    pub(crate) fn create(
        path: &Path,
        rotation: Rotation,
        interfaces: Vec<InterfaceName>,
    ) -> Result<Self, CommandError> {
        let mut file = Self::open(path, rotation)?;
        let first = interfaces.first().map(|interface| interface.link);
        let agree = interfaces.iter().all(|interface| Some(interface.link) == first);
        match first {
            Some(link) if agree => file.begin_pcap(link),
            Some(_) => file.begin_pcapng(interfaces),
            None => Ok(()),
        }
        .map_err(|error| file.failed(error))?;
        file.flush()?;
        Ok(file)
    }

    /// For namespaces that come and go.
    pub(crate) fn create_for_many(path: &Path, rotation: Rotation) -> Result<Self, CommandError> {
        let mut file = Self::open(path, rotation)?;
        file.begin_pcapng(Vec::new()).map_err(|error| file.failed(error))?;
        file.many = Some(Many::default());
        file.flush()?;
        Ok(file)
    }

    fn open(path: &Path, rotation: Rotation) -> Result<Self, CommandError> {
        let store = Store::create(path, rotation)
            .map_err(|error| CommandError::on_file("create the packet file", path, error))?;
        let store = Rc::new(RefCell::new(store));
        Ok(Self { path: path.to_owned(), store, writer: Writer::Waiting, left_out: 0, many: None })
    }

    fn begin_pcap(&mut self, link: LinkType) -> io::Result<()> {
        self.writer = Writer::Pcap(link, PcapWriter::new(Records(Rc::clone(&self.store)), link)?);
        Ok(())
    }

    fn begin_pcapng(&mut self, interfaces: Vec<InterfaceName>) -> io::Result<()> {
        let writer = PcapngWriter::new(Records(Rc::clone(&self.store)), interfaces.clone())?;
        self.writer = Writer::Pcapng(writer, interfaces);
        Ok(())
    }

    /// Begins the next file, with what the format says first: it is a capture from then on, whatever happens.
    fn rotate(&mut self) -> io::Result<()> {
        self.store.borrow_mut().next()?;
        match std::mem::replace(&mut self.writer, Writer::Waiting) {
            Writer::Waiting => {}
            Writer::Pcap(link, _) => self.begin_pcap(link)?,
            Writer::Pcapng(_, interfaces) => self.begin_pcapng(interfaces)?,
        }
        self.store.borrow_mut().hand_over()
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
        if let Writer::Pcapng(writer, all) = &mut self.writer {
            all.push(described.clone());
            writer.describe(described).map_err(|error| self.failed(error))?;
        }
        Ok(number)
    }

    /// Keeps one packet.
    fn write(&mut self, frame: &Frame<'_>) -> Result<(), CommandError> {
        self.put(frame).map_err(|error| self.failed(error))
    }

    fn put(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        if self.store.borrow().is_full() {
            self.rotate()?;
        }
        if matches!(self.writer, Writer::Waiting) {
            self.begin_pcap(frame.link)?;
        }
        match &mut self.writer {
            Writer::Pcap(link, writer) if *link == frame.link => writer.write(frame)?,
            // An interface of another kind that came later has no place in a classic file.
            Writer::Pcap(..) => self.left_out += 1,
            Writer::Pcapng(writer, _) => writer.write(frame)?,
            Writer::Waiting => {}
        }
        self.store.borrow_mut().hand_over_much()
    }

    /// Hands everything to the system.
    pub(crate) fn flush(&mut self) -> Result<(), CommandError> {
        let handed = self.store.borrow_mut().hand_over();
        handed.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> CommandError {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return error.into();
        }
        CommandError::wrap(format!("write packets to {}", self.path.display()), error)
            .hint("what was written before this is a readable capture")
    }
}
