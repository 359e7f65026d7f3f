//! Which resolver a process uses, from its executable and the libraries it has loaded.
//!
//! In this order: Go's build information in the executable (Go programs resolve names themselves unless told
//! otherwise, even when they load a libc); the libc that is mapped; the libc that the executable's interpreter belongs
//! to; for a static executable, what the libc leaves in it. Scripts and virtual machines resolve through the libc of
//! their interpreter, which is the executable then.

mod elf;
mod go;
mod libc;
mod scan;

use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::AsFd;

use nix::fcntl::OFlag;

use crate::pod_files::{self, NotOpened, Root};
use crate::process::Process;
use crate::target::Located;
use elf::Program;
use libc::Libc;

/// How much of `/proc/PID/maps` is read, in bytes; large programs have tens of thousands of lines.
const MAX_MAPS: u64 = 16 << 20;

/// The program that stands for those below a root without a process.
const SHELL: &str = "bin/sh";

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
    if let Some(build) = &program.go {
        return Ok(Detection::Known(go_program(build, &name)));
    }
    let maps = process.read("maps", MAX_MAPS).unwrap_or_default();
    match libc::mapped(&maps) {
        Some(mapped) => Ok(Detection::Known(mapped_libc(process, root, &mapped))),
        None => by_interpreter(&program, exe, root, &name),
    }
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
    let evidence = format!("the build information of {name} says {:?}{cgo}", build.version);
    Detected { id: "go", version: go::number(&build.version), evidence }
}

/// The mapped file itself where the kernel lets us (`CAP_SYS_ADMIN` or `CAP_CHECKPOINT_RESTORE`), else the one at its
/// path in the container.
fn mapped_libc(process: &Process, root: &Root, mapped: &libc::Mapped) -> Detected {
    let exact = process.look_up(&format!("map_files/{}", mapped.range), OFlag::O_PATH).ok();
    let file = exact.and_then(|place| pod_files::regular(place.as_fd()).ok());
    let file = file.or_else(|| root.open_regular(&mapped.path).ok());
    let evidence = format!("{:?} is mapped by process {}", mapped.path, process.pid());
    detected(mapped.libc, file, evidence)
}

fn by_interpreter(program: &Program, mut exe: File, root: &Root, name: &str) -> Result<Detection, String> {
    let Some(interpreter) = &program.interpreter else {
        exe.rewind().map_err(|e| format!("{name}: {e}"))?;
        let found = libc::in_static(exe).map_err(|e| format!("{name}: {e}"))?;
        let (libc, evidence) =
            found.ok_or_else(|| format!("{name} is static and carries no mark of a known libc"))?;
        return Ok(Detection::Known(Detected {
            id: libc.id(),
            version: None,
            evidence: format!("{name} {evidence}"),
        }));
    };
    let unknown = || format!("{name} has an interpreter of no known libc: {interpreter:?}");
    let libc = Libc::of_interpreter(interpreter).ok_or_else(unknown)?;
    let file = match libc {
        // musl's loader is its libc.
        Libc::Musl => root.open_regular(interpreter).ok(),
        Libc::Glibc => libc::GLIBC_PLACES.iter().find_map(|path| root.open_regular(path).ok()),
    };
    Ok(Detection::Known(detected(libc, file, format!("{interpreter:?} is the interpreter of {name}"))))
}

fn detected(libc: Libc, file: Option<File>, evidence: String) -> Detected {
    let version = file.and_then(|file| libc.version(file).ok().flatten());
    Detected { id: libc.id(), version, evidence }
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
