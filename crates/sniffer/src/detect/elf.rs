//! What an ELF executable says about itself, read with bounded memory from a file that may be hostile.

use std::io::{Read, Seek};
use std::ops::Range;

use object::elf::{FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, FileKind, ReadCache, ReadCacheOps, ReadRef};

use super::go;

/// The largest piece that is read at once, in bytes: a header table or a section that is larger is not believed.
const MAX_PIECE: u64 = 4 << 20;

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
    let data = Capped(&cache);
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
    let mut interpreter = None;
    for segment in segments {
        interpreter = interpreter.or(segment.interpreter(endian, data)?);
    }
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

/// A file of which no single piece beyond [`MAX_PIECE`] is read, whatever its headers claim.
struct Capped<'data, R: ReadCacheOps>(&'data ReadCache<R>);

impl<R: ReadCacheOps> Clone for Capped<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: ReadCacheOps> Copy for Capped<'_, R> {}

impl<'data, R: ReadCacheOps> ReadRef<'data> for Capped<'data, R> {
    fn len(self) -> Result<u64, ()> {
        self.0.len()
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'data [u8], ()> {
        if size > MAX_PIECE { Err(()) } else { self.0.read_bytes_at(offset, size) }
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'data [u8], ()> {
        self.0.read_bytes_at_until(range, delimiter)
    }
}
