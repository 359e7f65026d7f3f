//! Telling glibc and musl, and their versions, from files.

use std::io::{self, Read};

use super::scan;

/// Where distributions keep glibc, below the root.
pub(super) const GLIBC_PLACES: &[&str] = &[
    "lib/x86_64-linux-gnu/libc.so.6",
    "lib/aarch64-linux-gnu/libc.so.6",
    "lib64/libc.so.6",
    "lib/libc.so.6",
    "usr/lib/libc.so.6",
    "lib/arm-linux-gnueabihf/libc.so.6",
    "lib/i386-linux-gnu/libc.so.6",
    "lib/powerpc64le-linux-gnu/libc.so.6",
    "lib/riscv64-linux-gnu/libc.so.6",
    "lib/s390x-linux-gnu/libc.so.6",
];

/// How the names of glibc's loaders begin; the last two are those of machines other than x86 and Arm.
const GLIBC_LOADERS: [&str; 3] = ["ld-linux", "ld64.so.", "ld.so.1"];

/// Longer than the line with glibc's version, in bytes.
const BANNER: usize = 256;

/// A C library with a resolver of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Libc {
    Glibc,
    Musl,
}

/// A libc that a process has mapped.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mapped {
    pub(super) libc: Libc,
    /// Its name in `/proc/PID/map_files`.
    pub(super) range: String,
    /// Its path in the container.
    pub(super) path: String,
}

impl Libc {
    /// The resolver's id.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Glibc => "glibc",
            Self::Musl => "musl",
        }
    }

    /// By the path of the loader that it brings.
    pub(super) fn of_interpreter(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next()?;
        if name.starts_with("ld-musl-") {
            return Some(Self::Musl);
        }
        GLIBC_LOADERS.iter().any(|prefix| name.starts_with(prefix)).then_some(Self::Glibc)
    }

    /// By the file name of the library itself.
    fn of_library(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next()?;
        // glibc before 2.34 put its version into the name.
        let old_glibc = name.strip_prefix("libc-2.").and_then(|rest| rest.strip_suffix(".so")).is_some();
        match name {
            "libc.so.6" => Some(Self::Glibc),
            _ if old_glibc => Some(Self::Glibc),
            _ if name.starts_with("ld-musl-") || name.starts_with("libc.musl-") => Some(Self::Musl),
            // musl outside its own distributions: …/x86_64-linux-musl/libc.so, /usr/local/musl/lib/libc.so.
            "libc.so" if path.contains("musl") => Some(Self::Musl),
            _ => None,
        }
    }

    /// The version that the library's file carries.
    pub(super) fn version(self, file: impl Read) -> io::Result<Option<String>> {
        match self {
            Self::Glibc => scan::first(file, glibc_version),
            Self::Musl => scan::first(file, musl_version),
        }
    }
}

/// The libc among a process's mappings (`/proc/PID/maps`). musl counts before glibc: on a musl system the latter is
/// an imitation (gcompat) that some program brought.
pub(super) fn mapped(maps: &[u8]) -> Option<Mapped> {
    let maps = String::from_utf8_lossy(maps);
    let mut found: Vec<Mapped> = maps.lines().filter_map(mapped_line).collect();
    let best = found.iter().position(|mapped| mapped.libc == Libc::Musl).unwrap_or(0);
    (!found.is_empty()).then(|| found.swap_remove(best))
}

fn mapped_line(line: &str) -> Option<Mapped> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let path = fields.nth(4)?.trim_start().trim_end_matches(" (deleted)");
    let libc = Libc::of_library(path)?;
    // map_files does not pad its numbers as maps does.
    let range = format!("{}-{}", start.trim_start_matches('0'), end.trim_start_matches('0'));
    Some(Mapped { libc, range, path: path.to_owned() })
}

/// What the libc leaves in a static executable, and how to say so. Its version is not in there.
pub(super) fn in_static(file: impl Read) -> io::Result<Option<(Libc, &'static str)>> {
    scan::first(file, |window| {
        let has = |mark: &[u8]| memchr::memmem::find(window, mark).is_some();
        // glibc 2.36 csu/libc-start.c and elf/dl-tunables; musl 1.2.5 src/errno/__strerror.h (its first message) and
        // src/stdio/vfprintf.c (the prefixes of hexadecimal floats).
        if has(b"GLIBC_PRIVATE\0") || has(b"GLIBC_TUNABLES\0") {
            Some((Libc::Glibc, "is static and carries names of glibc"))
        } else if has(b"No error information\0") || has(b"-0X+0X 0X-0x+0x 0x\0") {
            Some((Libc::Musl, "is static and carries messages of musl"))
        } else {
            None
        }
    })
}

/// From `GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.`
fn glibc_version(window: &[u8]) -> Option<String> {
    let start = memchr::memmem::find(window, b"GNU C Library ")?;
    let banner = &window[start..window.len().min(start + BANNER)];
    let words = b"release version ";
    let number = &banner[memchr::memmem::find(banner, words)? + words.len()..];
    let end = number.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.')?;
    let number = String::from_utf8_lossy(&number[..end]);
    Some(number.trim_end_matches('.').to_owned()).filter(|number| number.starts_with("2."))
}

/// musl's own version is a string of its own: three numbers, for a development version `-git-` and more behind them
/// (musl 1.2.5 tools/version.sh).
fn musl_version(window: &[u8]) -> Option<String> {
    memchr::memchr_iter(0, window).find_map(|end| {
        let from = end.saturating_sub(64);
        let start = window[from..end].iter().rposition(|byte| !byte.is_ascii_graphic())? + from + 1;
        let text = std::str::from_utf8(&window[start..end]).ok()?;
        let number = text.split_once("-git-").map_or(text, |(number, _)| number);
        let parts: Vec<&str> = number.split('.').collect();
        let is_number =
            |part: &&str| !part.is_empty() && part.len() < 4 && part.bytes().all(|b| b.is_ascii_digit());
        (parts.len() == 3 && parts.iter().all(is_number)).then(|| number.to_owned())
    })
}
