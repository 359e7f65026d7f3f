//! A worker's own network, mounts and host name.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

use super::RecordError;
use super::server::Server;

/// What `ip` is told. Everything is local to the namespace, so a client's questions never leave it; the link-local
/// address is the one a pod has, without which `AI_ADDRCONFIG` would leave out AAAA.
const LINKS: &str = "\
link set lo up
addr add 10.244.1.5/24 dev lo
addr add 10.96.0.10/32 dev lo
addr add 10.96.0.11/32 dev lo
addr add 10.96.0.12/32 dev lo
addr add 10.96.0.13/32 dev lo
addr add 169.254.20.10/32 dev lo
addr add fe80::42:aff:fef4:105/64 dev lo nodad
";

/// The namespaces of one worker, which last as long as its thread.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) server: Server,
    /// Sends ICMP errors.
    pub(super) icmp: OwnedFd,
    resolv_conf: PathBuf,
    _directory: tempfile::TempDir,
}

impl Place {
    /// Moves the calling thread into new namespaces, for good.
    pub(super) fn enter() -> Result<Self, RecordError> {
        let flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWNET;
        unshare(flags).map_err(failed("enter new namespaces"))?;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>)
            .map_err(failed("keep mounts private"))?;
        set_up_links()?;
        let directory = tempfile::tempdir().map_err(RecordError::io("make a directory for files of /etc"))?;
        let files =
            [("resolv.conf", ""), ("nsswitch.conf", "hosts: dns\n"), ("hosts", "127.0.0.1 none.invalid\n")];
        for (name, text) in files {
            replace(&directory.path().join(name), &Path::new("/etc").join(name), text)?;
        }
        let raw = socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::Icmp);
        Ok(Self {
            server: Server::bind()?,
            icmp: raw.map_err(failed("open a socket for ICMP"))?,
            resolv_conf: directory.path().join("resolv.conf"),
            _directory: directory,
        })
    }

    /// What the next client finds.
    pub(super) fn furnish(&self, resolv_conf: &str, hostname: &str) -> Result<(), RecordError> {
        std::fs::write(&self.resolv_conf, resolv_conf).map_err(RecordError::io("write resolv.conf"))?;
        nix::unistd::sethostname(hostname).map_err(failed("set the host name"))
    }
}

fn failed(operation: &str) -> impl FnOnce(nix::Error) -> RecordError {
    let operation = operation.to_owned();
    move |source| RecordError::Namespace { operation, source: source.into() }
}

fn set_up_links() -> Result<(), RecordError> {
    let fail = || RecordError::io("run `ip -batch -`");
    let mut ip = Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).spawn().map_err(fail())?;
    if let Some(mut input) = ip.stdin.take() {
        input.write_all(LINKS.as_bytes()).map_err(fail())?;
    }
    if ip.wait().map_err(fail())?.success() {
        return Ok(());
    }
    Err(RecordError::Client { client: "the network".into(), why: "`ip -batch -` failed".into() })
}

/// Shows a file of this text in the place of another.
fn replace(file: &Path, target: &Path, text: &str) -> Result<(), RecordError> {
    std::fs::write(file, text).map_err(RecordError::io("write a file for /etc"))?;
    let at = target.canonicalize().unwrap_or_else(|_| target.to_owned());
    mount(Some(file), &at, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .map_err(failed(&format!("mount on {}", at.display())))
}
