//! A private `/etc`: an empty file system on top, the files that are replaced, and everything else bound back in.
//!
//! Mounting over a file alone would not do: it may be missing, or a symbolic link into a file that other programs keep
//! rewriting (`/run/systemd/resolve/stub-resolv.conf`), or be replaced by rename.

use std::fs::{self, DirEntry, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::Path;

use nix::mount::{MsFlags, mount};

use super::failed;
use crate::error::Error;

const ETC: &str = "/etc";

/// Caches that would answer in place of the network, whatever `/etc` says.
const CACHES: [&str; 2] = ["/run/nscd", "/var/run/nscd"];

/// Puts `files` in the place of those of the same name, for this mount namespace only.
pub(super) fn replace(files: &[(String, Vec<u8>)]) -> Result<(), Error> {
    let entries = fs::read_dir(ETC).and_then(Iterator::collect::<io::Result<Vec<DirEntry>>>);
    let entries = entries.map_err(|e| failed("list", ETC, e))?;
    // Keeps what will be covered within reach.
    let covered = File::options().read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY).open(ETC);
    let covered = covered.map_err(|e| failed("open", ETC, e))?;
    let covered_path = format!("/proc/self/fd/{}", covered.as_raw_fd());
    mount_empty(ETC).map_err(|e| failed("mount an empty file system on", ETC, e))?;
    for (name, bytes) in files {
        let path = Path::new(ETC).join(name);
        fs::write(&path, bytes).map_err(|e| failed("write", &path.display().to_string(), e))?;
    }
    for entry in entries {
        let path = entry.path();
        bring_back(&entry, Path::new(&covered_path))
            .map_err(|e| failed("keep", &path.display().to_string(), e))?;
    }
    CACHES.iter().try_for_each(|cache| hide(cache).map_err(|e| failed("hide", cache, e)))
}

/// Makes an entry of the covered directory appear at its old place, unless it was replaced.
fn bring_back(entry: &DirEntry, covered: &Path) -> io::Result<()> {
    let (old, new) = (covered.join(entry.file_name()), entry.path());
    let kind = entry.file_type()?;
    if new.symlink_metadata().is_ok() {
        return Ok(());
    }
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
    mount(Some(&old), &new, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)
        .map_err(Into::into)
}

fn hide(directory: &str) -> io::Result<()> {
    if Path::new(directory).is_dir() { mount_empty(directory) } else { Ok(()) }
}

fn mount_empty(on: &str) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), on, Some("tmpfs"), flags, Some("mode=0755")).map_err(Into::into)
}
