//! A private `/etc`: an empty file system on top, the files that are replaced, and everything else bound back in.
//!
//! Mounting over a file alone would not do: it may be missing, or a symbolic link into a file that other programs keep
//! rewriting (`/run/systemd/resolve/stub-resolv.conf`), or be replaced by rename, which takes the mount away.

use std::fs::{self, DirEntry, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

use nix::mount::{MsFlags, mount};

const ETC: &str = "/etc";

/// Caches that would answer in place of the network, whatever `/etc` says.
const CACHES: [&str; 2] = ["/run/nscd", "/var/run/nscd"];

/// A file of `/etc`: its name, and what it holds; `None` when there shall be none.
pub(crate) type EtcFile = (String, Option<Vec<u8>>);

/// What could not be done, on what, and why.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) operation: &'static str,
    pub(crate) object: String,
    pub(crate) source: io::Error,
}

/// Puts `files` in the place of those of the same name, for the calling thread's mount namespace only, which must be a
/// new one. What is mounted inside is not seen outside; what is unmounted outside goes away inside.
pub(crate) fn replace(files: &[EtcFile]) -> Result<(), Failed> {
    let flags = MsFlags::MS_REC | MsFlags::MS_SLAVE;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>)
        .map_err(|e| failed("keep private", "the mounts below /", e.into()))?;
    let entries = fs::read_dir(ETC).and_then(Iterator::collect::<io::Result<Vec<DirEntry>>>);
    let entries = entries.map_err(|e| failed("list", ETC, e))?;
    // Keeps what will be covered within reach.
    let covered = File::options().read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY).open(ETC);
    let covered = covered.map_err(|e| failed("open", ETC, e))?;
    let covered_path = format!("/proc/self/fd/{}", covered.as_raw_fd());
    mount_empty(ETC).map_err(|e| failed("mount an empty file system on", ETC, e))?;
    for (name, bytes) in files {
        let path = Path::new(ETC).join(name);
        let Some(bytes) = bytes else { continue };
        write(&path, bytes).map_err(|e| failed("write", &path.display().to_string(), e))?;
    }
    let kept = |entry: &&DirEntry| !files.iter().any(|(name, _)| entry.file_name() == name.as_str());
    for entry in entries.iter().filter(kept) {
        let path = entry.path();
        bring_back(entry, Path::new(&covered_path))
            .map_err(|e| failed("keep", &path.display().to_string(), e))?;
    }
    CACHES.iter().try_for_each(|cache| hide(cache).map_err(|e| failed("hide", cache, e)))
}

/// For every user to read, whatever the caller's umask.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes)?;
    fs::set_permissions(path, Permissions::from_mode(0o644))
}

/// Makes an entry of the covered directory appear at its old place.
fn bring_back(entry: &DirEntry, covered: &Path) -> io::Result<()> {
    let (old, new) = (covered.join(entry.file_name()), entry.path());
    let kind = entry.file_type()?;
    if kind.is_symlink() {
        return symlink(fs::read_link(old)?, new);
    }
    if kind.is_dir() {
        fs::create_dir(&new)?;
    } else if kind.is_file() {
        File::create(&new)?;
    } else {
        return Ok(());
    }
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    match mount(Some(&old), &new, None::<&str>, flags, None::<&str>).map_err(io::Error::from) {
        // Removed since it was listed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if kind.is_dir() {
                fs::remove_dir(new)
            } else {
                fs::remove_file(new)
            }
        }
        bound => bound,
    }
}

fn hide(directory: &str) -> io::Result<()> {
    if Path::new(directory).is_dir() { mount_empty(directory) } else { Ok(()) }
}

fn mount_empty(on: &str) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), on, Some("tmpfs"), flags, Some("mode=0755")).map_err(Into::into)
}

fn failed(operation: &'static str, object: &str, source: io::Error) -> Failed {
    Failed { operation, object: object.to_owned(), source }
}
