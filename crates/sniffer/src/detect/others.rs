//! What a program has beside the resolver it normally uses: c-ares, and the libc beneath an interpreter.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};

use nix::fcntl::OFlag;

use super::{Other, packages, scan};
use crate::pod_files::Root;
use crate::process::Process;

/// The first message of every c-ares (`ares_strerror.c`), which none of its users has otherwise.
const C_ARES_MARK: &[u8] = b"c-ares library initialization not yet performed";

/// Smaller programs have no c-ares within; nor do the many small ones of a node cost a look then, in bytes.
const SMALLEST_CARRIER: u64 = 256 << 10;

/// Programs that run others, by how their file names begin, and what their names are looked up with.
const INTERPRETERS: &[(&str, &str)] = &[
    ("python", "python: `socket` uses the libc"),
    ("pypy", "python: `socket` uses the libc"),
    ("node", "node: `dns.lookup`, and with it `http` and `fetch`, uses the libc"),
    ("java", "java: `InetAddress` uses the libc"),
    ("ruby", "ruby: sockets use the libc, `Resolv` is a resolver of its own"),
    ("php", "php: `gethostbyname` uses the libc"),
    ("perl", "perl: sockets use the libc"),
];

/// What runs scripts of which language, if the process's executable is one of them.
pub(super) fn interpreter(process: &Process) -> Option<&'static str> {
    let place = process.look_up("exe", OFlag::O_PATH).ok()?;
    let path = std::fs::read_link(format!("/proc/self/fd/{}", place.as_fd().as_raw_fd())).ok()?;
    let name = path.file_name()?.to_str()?.to_owned();
    of_name(&name)
}

/// `python3.11` is python, `nodelocaldns` is not node.
fn of_name(name: &str) -> Option<&'static str> {
    let begins = |prefix: &str| {
        name.strip_prefix(prefix).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    };
    INTERPRETERS.iter().find(|(prefix, _)| begins(prefix)).map(|(_, words)| *words)
}

/// c-ares, as a library that is mapped or inside the executable.
pub(super) fn c_ares(maps: &[u8], exe: &File, root: &Root) -> Option<Other> {
    if let Some(path) = mapped_c_ares(maps) {
        let shared = path.rsplit('/').next().is_some_and(|name| name.starts_with("libcares."));
        let known = packages::c_ares(root).filter(|_| shared);
        let by = known.as_ref().map(|(_, database)| format!(", its version is from /{database}"));
        let evidence = format!("{path:?} is mapped{}", by.unwrap_or_default());
        return Some(Other { id: "c-ares", version: known.map(|(version, _)| version), evidence });
    }
    let carries = exe.metadata().ok()?.len() >= SMALLEST_CARRIER && has_mark(exe);
    carries.then(|| Other {
        id: "c-ares",
        version: None,
        evidence: "its executable carries messages of c-ares".to_owned(),
    })
}

fn has_mark(exe: &File) -> bool {
    let Ok(exe) = exe.try_clone() else { return false };
    let found = scan::first(exe, |window| memchr::memmem::find(window, C_ARES_MARK).map(|_| ()));
    found.is_ok_and(|found| found.is_some())
}

/// `libcares.so.2`, or the extension of a language: `_cares.abi3.so`, `cares.so`, `ares_wrap.so`.
fn mapped_c_ares(maps: &[u8]) -> Option<String> {
    let maps = String::from_utf8_lossy(maps);
    maps.lines().find_map(|line| {
        let path = line.splitn(6, ' ').nth(5)?.trim_start().trim_end_matches(" (deleted)");
        let name = path.rsplit('/').next()?;
        let is_library = name.contains(".so");
        let is_c_ares =
            name.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| matches!(part, "libcares" | "cares"));
        (is_library && is_c_ares).then(|| path.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_are_known_by_name_in_any_version() {
        for name in ["python3.11", "pypy3", "node", "java", "ruby3.1", "php8.2", "php-fpm8.2", "perl"] {
            assert!(of_name(name).is_some(), "{name}");
        }
        for name in ["nodelocaldns", "javac", "pythonic", "coredns", ""] {
            assert_eq!(of_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_mapped_c_ares_is_told_from_its_namesakes() {
        let line = |path: &str| format!("7f00-7f01 r-xp 00000000 fe:00 2                          {path}\n");
        for path in [
            "/usr/lib/libcares.so.2.5.1",
            "/x/pycares/_cares.abi3.so",
            "/x/gevent/resolver/cares.cpython-311.so",
        ] {
            assert_eq!(mapped_c_ares(line(path).as_bytes()).as_deref(), Some(path));
        }
        for path in ["/usr/lib/libcaress.so", "/srv/cares/notes.txt", "/cares/libc.so.6", "[stack]"] {
            assert_eq!(mapped_c_ares(line(path).as_bytes()), None, "{path}");
        }
    }
}
