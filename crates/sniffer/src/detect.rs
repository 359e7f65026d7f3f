//! Which resolver a process uses, from its executable and the libraries it has loaded.
//!
//! In this order: Go's build information in the executable (Go programs resolve names themselves unless told
//! otherwise, even when they load a libc); the libc that is mapped; the libc that the executable's interpreter belongs
//! to; for a static executable, what the libc leaves in it. Scripts and virtual machines resolve through the libc of
//! their interpreter, which is the executable then.

mod elf;
mod go;
mod libc;
mod others;
mod packages;
mod scan;

use std::collections::BTreeSet;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Seek};
use std::os::fd::AsFd;
use std::sync::LazyLock;

use nix::fcntl::OFlag;
use nix::sys::stat::fstat;

use crate::host::Host;
use crate::pod_files::{self, NotOpened, Root};
use crate::process::Process;
use crate::target::Located;
use elf::Program;
use libc::Libc;

/// How much of `/proc/PID/maps` is read, in bytes; large programs have tens of thousands of lines.
const MAX_MAPS: u64 = 16 << 20;

/// How much of `/proc/PID/cmdline` is read, in bytes: what workers are called differs near its beginning, if at all.
const MAX_ARGUMENTS: u64 = 4 << 10;

/// The program that stands for those below a root without a process.
const SHELL: &str = "bin/sh";

/// What may be in a static program without a mark, in words.
const FITTING: &str = "it may have a stripped libc, or hickory if it is written in Rust: the plans of musl, glibc and \
    hickory fit it, and `--resolver all` shows them side by side";

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detection {
    /// The resolver.
    Known(Detected),
    /// Not recognised; the words say what was looked at.
    Unknown(String),
}

/// A resolver that was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// `glibc`, `musl` or `go`.
    pub id: &'static str,
    /// `2.36`, `1.2.5`, `1.22.3`, where it can be read.
    pub version: Option<String>,
    /// What says so, for `-v`; paths of the container in it are quoted and escaped.
    pub evidence: String,
    /// What the same program may resolve with instead: c-ares beside the libc, the libc that a Go program built with cgo
    /// hands lookups to.
    pub others: Vec<Other>,
}

/// A resolver that a program has beside the one it normally uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// `c-ares`, `glibc` or `musl`.
    pub id: &'static str,
    /// Where it can be read.
    pub version: Option<String>,
    /// What says so.
    pub evidence: String,
}

/// One process of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfProcess {
    /// Its number, as the host sees it.
    pub pid: u32,
    /// Its command name, which it chose itself: to be escaped before it is shown.
    pub command: String,
    /// What it resolves with.
    pub detection: Detection,
}

/// Processes of one container that are looked at.
const MAX_PROCESSES: usize = 256;

/// The resolver of every process that shares the located process's control group and network namespace, as those of a
/// container do; without a process, none. Sorted by number; kernel threads and processes that end meanwhile are left out.
pub fn resolvers_of_container(located: &Located, host: &Host) -> Vec<OfProcess> {
    let Some(process) = &located.process else { return Vec::new() };
    let Ok(group) = process.read("cgroup", MAX_MAPS) else { return Vec::new() };
    let entries = std::fs::read_dir(host.path("proc")).into_iter().flatten().flatten();
    let mut pids: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok())).collect();
    pids.sort_unstable();
    let of_container = pids.into_iter().filter_map(|pid| {
        let other = Process::open(host, pid).ok()?;
        let same = other.read("cgroup", MAX_MAPS).ok()? == group && other.netns().ok()?.is(&located.netns);
        same.then(|| of_one(&other)).flatten()
    });
    of_container.take(MAX_PROCESSES).collect()
}

fn of_one(process: &Process) -> Option<OfProcess> {
    let root = process.root().ok()?;
    let command = process.read("comm", MAX_MAPS).ok()?;
    let detection = of_process(process, &root).unwrap_or_else(Detection::Unknown);
    let command = String::from_utf8_lossy(&command).trim_end_matches('\n').to_owned();
    Some(OfProcess { pid: process.pid(), command, detection })
}

/// What a process runs: its executable and the libraries it has mapped. Of two processes with the same files, of one
/// container or of two of one image, one tells the resolver of both, and reading the files once will do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loaded {
    exe: FileId,
    /// Of inode and path of each library, as `/proc/PID/maps` has them (proc(5)): a hash that nobody can foresee, as a program
    /// may map as many files as it likes and is remembered all the same.
    libraries: u64,
}

static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// What tells a file from others wherever it is mounted: containers of one image have mounts, and so device numbers, of
/// their own, over the same files (Linux `Documentation/filesystems/overlayfs.rst`, "Inode properties"). The time of its last
/// change is the kernel's word: a copy has another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct FileId {
    inode: u64,
    bytes: i64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// How a process was started: its executable and its arguments. Of a container's processes that were started alike, such
/// as the workers of a server, one tells the resolver of all, and the rest need not show what they have mapped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Started {
    exe: FileId,
    arguments: Vec<u8>,
}

/// How a process was started; none where that is not shown.
pub fn started(process: &Process) -> Option<Started> {
    let exe = executable(process)?;
    let arguments = process.read("cmdline", MAX_ARGUMENTS).ok()?;
    Some(Started { exe, arguments })
}

fn executable(process: &Process) -> Option<FileId> {
    let place = process.look_up("exe", OFlag::O_PATH).ok()?;
    let exe = fstat(place.as_fd()).ok()?;
    Some(FileId {
        inode: exe.st_ino,
        bytes: exe.st_size,
        modified: (exe.st_mtime, exe.st_mtime_nsec),
        changed: (exe.st_ctime, exe.st_ctime_nsec),
    })
}

/// What a process runs; none where that is not shown.
pub fn loaded(process: &Process) -> Option<Loaded> {
    let exe = executable(process)?;
    let maps = process.read("maps", MAX_MAPS).ok()?;
    let maps = String::from_utf8_lossy(&maps);
    // Behind range, rights, offset and device.
    let files = maps.lines().filter_map(|line| line.splitn(5, ' ').nth(4)).filter(|file| file.contains('/'));
    let files: BTreeSet<&str> = files.collect();
    Some(Loaded { exe, libraries: SEED.hash_one(&files) })
}

/// The resolver of the target's process; without a process, the one that the programs below its root use
/// (by `bin/sh`).
pub fn resolver_of(located: &Located) -> Detection {
    resolver_in(located.process.as_ref(), &located.root)
}

/// The same for a process and a root that belong together.
pub fn resolver_in(process: Option<&Process>, root: &Root) -> Detection {
    let found = match process {
        Some(process) => of_process(process, root),
        None => of_shell(root),
    };
    found.unwrap_or_else(Detection::Unknown)
}

fn of_process(process: &Process, root: &Root) -> Result<Detection, String> {
    let place = process.look_up("exe", OFlag::O_PATH).map_err(|e| format!("its executable: {e}"))?;
    let mut exe = pod_files::regular(place.as_fd()).map_err(|e| format!("its executable: {}", said(&e)))?;
    let program = elf::read(&mut exe).map_err(|e| format!("its executable: {e}"))?;
    let name = format!("/proc/{}/exe", process.pid());
    let maps = process.read("maps", MAX_MAPS).unwrap_or_default();
    let mapped = libc::mapped(&maps).map(|mapped| mapped_libc(process, root, &mapped));
    if let Some(build) = &program.go {
        let mut found = go_program(build, &name);
        // Without cgo there is nothing to hand lookups to, whatever else is mapped.
        let way = build.cgo != Some(go::Cgo::Disabled) && build.prefers != Some(go::Prefers::Go);
        let libc = mapped.filter(|_| way);
        if let (Some(go::Prefers::Libc), Some(libc)) = (build.prefers, &libc) {
            let evidence =
                format!("{}, which leaves every lookup to the libc; {}", found.evidence, libc.evidence);
            return Ok(Detection::Known(Detected { evidence, ..libc.clone() }));
        }
        found.others.extend(libc.map(|libc| Other {
            id: libc.id,
            version: libc.version,
            evidence: libc.evidence,
        }));
        return Ok(Detection::Known(found));
    }
    let found = match mapped {
        Some(found) => Detection::Known(found),
        None => by_interpreter(&program, exe.try_clone().map_err(|e| format!("{name}: {e}"))?, root, &name)?,
    };
    let Detection::Known(mut found) = found else { return Ok(found) };
    if let Some(words) = others::interpreter(process) {
        found.evidence = format!("{}; {words}", found.evidence);
    }
    exe.rewind().map_err(|e| format!("{name}: {e}"))?;
    found.others.extend(others::c_ares(&maps, &exe, root));
    Ok(Detection::Known(found))
}

fn of_shell(root: &Root) -> Result<Detection, String> {
    let mut exe = root.open_regular(SHELL).map_err(|e| format!("/{SHELL}: {}", said(&e)))?;
    let program = elf::read(&mut exe).map_err(|e| format!("/{SHELL}: {e}"))?;
    by_interpreter(&program, exe, root, &format!("/{SHELL}"))
}

fn go_program(build: &go::Build, name: &str) -> Detected {
    let cgo = match build.cgo {
        Some(go::Cgo::Enabled) => ", CGO_ENABLED=1",
        Some(go::Cgo::Disabled) => ", CGO_ENABLED=0",
        None => "",
    };
    let tag = match build.prefers {
        Some(go::Prefers::Go) => ", -tags=netgo",
        Some(go::Prefers::Libc) => ", -tags=netcgo",
        None => "",
    };
    let evidence = format!("the build information of {name} says {:?}{cgo}{tag}", build.version);
    Detected { id: "go", version: go::number(&build.version), evidence, others: Vec::new() }
}

/// The mapped file itself where the kernel lets us (`CAP_SYS_ADMIN` or `CAP_CHECKPOINT_RESTORE`), else the one at its
/// path in the container.
fn mapped_libc(process: &Process, root: &Root, mapped: &libc::Mapped) -> Detected {
    let exact = process.look_up(&format!("map_files/{}", mapped.range), OFlag::O_PATH).ok();
    let file = exact.and_then(|place| pod_files::regular(place.as_fd()).ok());
    let file = file.or_else(|| root.open_regular(&mapped.path).ok());
    let evidence = format!("{:?} is mapped by process {}", mapped.path, process.pid());
    detected(mapped.libc, file, root, evidence)
}

fn by_interpreter(program: &Program, mut exe: File, root: &Root, name: &str) -> Result<Detection, String> {
    let Some(interpreter) = &program.interpreter else {
        exe.rewind().map_err(|e| format!("{name}: {e}"))?;
        let found = libc::in_static(exe).map_err(|e| format!("{name}: {e}"))?;
        let (libc, evidence) = found
            .ok_or_else(|| format!("{name} is static and carries no mark of a known libc; {FITTING}"))?;
        return Ok(Detection::Known(Detected {
            id: libc.id(),
            version: None,
            evidence: format!("{name} {evidence}, which tells the libc but not its version"),
            others: Vec::new(),
        }));
    };
    let unknown = || format!("{name} has an interpreter of no known libc: {interpreter:?}");
    let libc = Libc::of_interpreter(interpreter).ok_or_else(unknown)?;
    let file = match libc {
        // musl's loader is its libc.
        Libc::Musl => root.open_regular(interpreter).ok(),
        Libc::Glibc => libc::GLIBC_PLACES.iter().find_map(|path| root.open_regular(path).ok()),
    };
    Ok(Detection::Known(detected(libc, file, root, format!("{interpreter:?} is the interpreter of {name}"))))
}

/// The version by the library's own text, else by the package data base.
fn detected(libc: Libc, file: Option<File>, root: &Root, evidence: String) -> Detected {
    let own = file.and_then(|file| libc.version(file).ok().flatten());
    let (version, evidence) = match own {
        Some(version) => (Some(version), evidence),
        None => match packages::libc(root, libc) {
            Some((version, database)) => {
                (Some(version), format!("{evidence}; /{database} says which version is installed"))
            }
            None => (None, evidence),
        },
    };
    Detected { id: libc.id(), version, evidence, others: Vec::new() }
}

fn said(not_opened: &NotOpened) -> String {
    match not_opened {
        NotOpened::Missing => io::Error::from(io::ErrorKind::NotFound).to_string(),
        NotOpened::Unreadable(why) => why.to_string(),
    }
}

#[cfg(test)]
#[path = "detect/tests.rs"]
mod tests;
