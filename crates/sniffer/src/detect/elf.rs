//! What an ELF executable says about itself, read with bounded memory from a file that may be hostile.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{Read, Seek};
use std::ops::Range;

use object::elf::{FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, FileKind, ReadCache, ReadCacheOps, ReadRef};

use super::go;

/// The largest piece that is read at once, in bytes: a header table or a section that is larger is not believed.
const MAX_PIECE: u64 = 4 << 20;

/// How much is read of one executable, all pieces together, in bytes: headers can claim as many as they like, and each is
/// kept to the end.
const MAX_READ: u64 = 16 << 20;

/// The longest name of a section, in bytes.
const MAX_NAME: u64 = 256;

/// What matters here of an executable.
#[derive(Debug, Default)]
pub(super) struct Program {
    /// `PT_INTERP`, the loader of a dynamic executable; printable ASCII.
    pub(super) interpreter: Option<String>,
    /// What the Go linker left.
    pub(super) go: Option<go::Build>,
}

/// Reads an executable; the words say why it is none.
pub(super) fn read(file: impl Read + Seek) -> Result<Program, String> {
    let cache = ReadCache::new(file);
    let read = RefCell::default();
    let data = Capped { cache: &cache, read: &read };
    let program = match FileKind::parse(data) {
        Ok(FileKind::Elf32) => program::<FileHeader32<Endianness>, _>(data),
        Ok(FileKind::Elf64) => program::<FileHeader64<Endianness>, _>(data),
        _ => return Err("not an ELF executable".to_owned()),
    };
    program.map_err(|e| format!("not a sound ELF executable: {e}"))
}

fn program<Elf, R>(data: Capped<'_, R>) -> object::Result<Program>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadCacheOps,
{
    let header = Elf::parse(data)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, data)?;
    // The first counts (Linux `fs/binfmt_elf.c`, `load_elf_binary`).
    let interpreter =
        segments.iter().find_map(|segment| segment.interpreter(endian, data).transpose()).transpose()?;
    // Without a section table (sstrip) there is no telling where Go's information is.
    let sections = header.sections(endian, data).unwrap_or_default();
    let build = sections.section_by_name(endian, go::SECTION).and_then(|(_, section)| {
        let bytes = section.data(endian, data).ok()?;
        let at = |address, size| {
            segments.iter().find_map(|s| s.data_range(endian, data, address, size).ok().flatten())
        };
        go::build(bytes, endian, &at)
    });
    let interpreter = interpreter.and_then(|path| String::from_utf8(path.to_vec()).ok());
    Ok(Program {
        interpreter: interpreter.filter(|path| path.bytes().all(|b| b.is_ascii_graphic())),
        go: build,
    })
}

/// A file of which no single piece beyond [`MAX_PIECE`] is read, and no more than [`MAX_READ`] altogether, whatever its
/// headers claim.
struct Capped<'data, R: ReadCacheOps> {
    cache: &'data ReadCache<R>,
    read: &'data RefCell<Pieces>,
}

/// The pieces that were read.
#[derive(Default)]
struct Pieces {
    /// Where each begins, and its size.
    all: BTreeSet<(u64, u64)>,
    bytes: u64,
}

impl Pieces {
    /// Adds one, unless it is too much; what was read before costs nothing.
    fn add(&mut self, offset: u64, size: u64) -> Result<(), ()> {
        if size > MAX_PIECE {
            return Err(());
        }
        if self.all.insert((offset, size)) {
            self.bytes += size;
        }
        if self.bytes > MAX_READ { Err(()) } else { Ok(()) }
    }
}

impl<R: ReadCacheOps> Clone for Capped<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: ReadCacheOps> Copy for Capped<'_, R> {}

impl<'data, R: ReadCacheOps> ReadRef<'data> for Capped<'data, R> {
    fn len(self) -> Result<u64, ()> {
        self.cache.len()
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'data [u8], ()> {
        self.read.borrow_mut().add(offset, size)?;
        self.cache.read_bytes_at(offset, size)
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'data [u8], ()> {
        let end = range.end.min(range.start.saturating_add(MAX_NAME));
        self.read.borrow_mut().add(range.start, end.saturating_sub(range.start))?;
        self.cache.read_bytes_at_until(range.start..end, delimiter)
    }
}
