//! The build information of a Go program (Go 1.22 `src/debug/buildinfo/buildinfo.go`).

use object::{Endian, Endianness};

/// The section that holds it.
pub(super) const SECTION: &[u8] = b".go.buildinfo";

const MAGIC: &[u8] = b"\xff Go buildinf:";
/// The header: magic, size of a pointer, flags, two pointers.
const HEADER_LEN: usize = 32;
/// Since Go 1.18 the strings follow the header themselves.
const INLINE: u8 = 2;
const BIG_ENDIAN: u8 = 1;
/// No version string is longer, in bytes.
const MAX_VERSION: u64 = 256;
/// No module information that is read is longer, in bytes.
const MAX_MODULES: u64 = 1 << 20;

/// Whether the program was built with cgo, and so may resolve names through the libc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cgo {
    Enabled,
    Disabled,
}

/// What a Go program says about its making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Build {
    /// `go1.22.3`, or anything else that a development version says.
    pub(super) version: String,
    /// Known since Go 1.18.
    pub(super) cgo: Option<Cgo>,
    /// The resolver that it was built to prefer, whatever the files say.
    pub(super) prefers: Option<Prefers>,
}

/// What a build tag says about resolving (Go 1.27 `src/net/conf.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefers {
    /// `netgo`: there is no way to the libc.
    Go,
    /// `netcgo`: the libc, unless GODEBUG says otherwise.
    Libc,
}

/// Reads the section; `at` finds bytes by their address in memory, which older programs need.
pub(super) fn build<'data>(
    section: &'data [u8],
    endian: Endianness,
    at: &dyn Fn(u64, u64) -> Option<&'data [u8]>,
) -> Option<Build> {
    if !section.starts_with(MAGIC) {
        return None;
    }
    let (pointer_size, flags) = (*section.get(14)?, *section.get(15)?);
    let (version, modules) = if flags & INLINE == 0 {
        let endian = if flags & BIG_ENDIAN == 0 { endian } else { Endianness::Big };
        let pointers = Pointers { size: pointer_size.into(), endian, at };
        let version = pointers.string(section.get(16..)?, MAX_VERSION)?;
        (
            version,
            pointers.string(section.get(16 + usize::from(pointer_size)..)?, MAX_MODULES).unwrap_or_default(),
        )
    } else {
        let (version, rest) = counted(section.get(HEADER_LEN..)?)?;
        (version, counted(rest).map_or(&[][..], |(modules, _)| modules))
    };
    Some(Build {
        version: String::from_utf8_lossy(version).into_owned(),
        cgo: cgo(modules),
        prefers: prefers(modules),
    })
}

/// The number in a version: `1.22.3` of `go1.22.3 X:boringcrypto`; none for a development version without one.
pub(super) fn number(version: &str) -> Option<String> {
    let word = version.split_whitespace().find_map(|word| word.strip_prefix("go"))?;
    let digits = word.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    digits.starts_with(|c: char| c.is_ascii_digit()).then(|| digits.trim_end_matches('.').to_owned())
}

/// A string behind its length as a variable-length integer (encoding/binary, `Uvarint`), and what follows it.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0_u64;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return bytes[index + 1..].split_at_checked(usize::try_from(length).ok()?);
        }
    }
    None
}

fn cgo(modules: &[u8]) -> Option<Cgo> {
    let mut lines = modules.split(|&byte| byte == b'\n');
    let value = lines.find_map(|line| line.strip_prefix(b"build\tCGO_ENABLED="))?;
    Some(if value == b"1" { Cgo::Enabled } else { Cgo::Disabled })
}

fn prefers(modules: &[u8]) -> Option<Prefers> {
    let mut lines = modules.split(|&byte| byte == b'\n');
    let tags = lines.find_map(|line| line.strip_prefix(b"build\t-tags="))?;
    let has = |tag: &[u8]| tags.split(|&byte| byte == b',').any(|word| word == tag);
    match (has(b"netgo"), has(b"netcgo")) {
        (true, _) => Some(Prefers::Go),
        (false, true) => Some(Prefers::Libc),
        (false, false) => None,
    }
}

/// The strings of older programs: a pointer to a pair of pointer and length.
struct Pointers<'a, 'data> {
    size: usize,
    endian: Endianness,
    at: &'a dyn Fn(u64, u64) -> Option<&'data [u8]>,
}

impl<'data> Pointers<'_, 'data> {
    fn string(&self, bytes: &[u8], limit: u64) -> Option<&'data [u8]> {
        let pair = (self.at)(self.number(bytes)?, 2 * self.size as u64)?;
        let (address, length) = (self.number(pair)?, self.number(pair.get(self.size..)?)?);
        if length > limit { None } else { (self.at)(address, length) }
    }

    fn number(&self, bytes: &[u8]) -> Option<u64> {
        let mut number = bytes.get(..self.size).filter(|_| matches!(self.size, 4 | 8))?.to_vec();
        if self.endian.is_little_endian() {
            number.reverse();
        }
        Some(number.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }
}
