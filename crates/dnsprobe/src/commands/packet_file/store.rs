//! Where packets are kept: whole records only, in one file or in several that follow each other.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};

/// So many bytes are gathered before they are handed to the system.
const GATHERED: usize = 64 << 10;

/// When to begin another file, as tcpdump has it (`-C`, `-W`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rotation {
    /// Bytes after which another file is begun; never when `None`.
    pub(crate) size: Option<u64>,
    /// How many files there are before the first is written over; any number when `None`.
    pub(crate) count: Option<u32>,
}

/// An open file and those that come after it.
///
/// What is written to it is held back until [`Store::hand_over`], which is called between records: the file always ends
/// with a whole one. When the system takes only a part, as on a full disk, the part is taken back.
pub(super) struct Store {
    target: Target,
    buffer: Vec<u8>,
    /// Bytes of the open file that the system has taken.
    kept: u64,
}

enum Target {
    Stdout,
    Files(Files),
}

struct Files {
    /// The directory, opened before privileges are given up: a later file needs no path to it.
    directory: OwnedFd,
    name: PathBuf,
    rotation: Rotation,
    number: u32,
    open: File,
    /// The name of the open file, where it is a later one.
    fresh: Option<PathBuf>,
}

impl Store {
    /// Opens the first file; `-` is standard output.
    pub(super) fn create(path: &Path, rotation: Rotation) -> io::Result<Self> {
        let target = if path == Path::new("-") {
            Target::Stdout
        } else {
            Target::Files(Files::create(path, rotation)?)
        };
        Ok(Self { target, buffer: Vec::with_capacity(GATHERED), kept: 0 })
    }

    /// Whether the open file has its size, so that the next packet belongs into another.
    pub(super) fn is_full(&self) -> bool {
        let Target::Files(Files { rotation: Rotation { size: Some(size), .. }, .. }) = &self.target else {
            return false;
        };
        self.kept + self.buffer.len() as u64 > *size
    }

    /// Hands over what has gathered, if that is enough to be worth it.
    pub(super) fn hand_over_much(&mut self) -> io::Result<()> {
        if self.buffer.len() < GATHERED { Ok(()) } else { self.hand_over() }
    }

    /// Hands over everything.
    pub(super) fn hand_over(&mut self) -> io::Result<()> {
        let handed = match &mut self.target {
            Target::Stdout => io::stdout().write_all(&self.buffer).and_then(|()| io::stdout().flush()),
            Target::Files(files) => {
                let handed = files.open.write_all(&self.buffer);
                if handed.is_err() {
                    files.take_back(self.kept);
                }
                handed
            }
        };
        let length = self.buffer.len() as u64;
        self.buffer.clear();
        handed.map(|()| self.kept += length)
    }

    /// Begins the next file.
    pub(super) fn next(&mut self) -> io::Result<()> {
        self.hand_over()?;
        if let Target::Files(files) = &mut self.target {
            files.next()?;
            self.kept = 0;
        }
        Ok(())
    }
}

impl Write for Store {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Files {
    fn create(path: &Path, rotation: Rotation) -> io::Result<Self> {
        let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = open(parent.unwrap_or(Path::new(".")), flags, Mode::empty())?;
        let first = numbered(name.as_ref(), 0, rotation);
        let open = create_in(&directory, &first)?;
        Ok(Self { directory, name: name.into(), rotation, number: 0, open, fresh: None })
    }

    fn next(&mut self) -> io::Result<()> {
        self.number = self.number.wrapping_add(1);
        if self.rotation.count.is_some_and(|count| self.number >= count) {
            self.number = 0;
        }
        let name = numbered(&self.name, self.number, self.rotation);
        self.open = create_in(&self.directory, &name)?;
        self.fresh = Some(name);
        Ok(())
    }

    /// Leaves only what had been written in whole: that much of the open file, or no file where not even its header had
    /// room.
    fn take_back(&mut self, kept: u64) {
        // A pipe or device has no length; then there is nothing to take back.
        let _ = self.open.set_len(kept);
        if let Some(name) = self.fresh.take().filter(|_| kept == 0) {
            let _ = unlinkat(&self.directory, &name, UnlinkatFlags::NoRemoveDir);
        }
    }
}

fn create_in(directory: &OwnedFd, name: &Path) -> io::Result<File> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_CLOEXEC;
    Ok(openat(directory, name, flags, Mode::from_bits_truncate(0o666))?.into())
}

/// `NAME`, `NAME1`, `NAME2` …; where their number is limited, all with as many digits as the last needs (tcpdump(8)).
fn numbered(name: &Path, number: u32, rotation: Rotation) -> PathBuf {
    let mut numbered = name.as_os_str().to_owned();
    match rotation.count {
        Some(count) => {
            let digits = count.saturating_sub(1).to_string().len();
            numbered.push(format!("{number:0digits$}"));
        }
        None if number > 0 => numbered.push(number.to_string()),
        None => {}
    }
    numbered.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(directory: &Path) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                (name, std::fs::read_to_string(path).unwrap())
            })
            .collect();
        all.sort();
        all
    }

    fn written(rotation: Rotation) -> Vec<(String, String)> {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::create(&directory.path().join("p.pcap"), rotation).unwrap();
        for record in ["aaaa", "bbbb", "cccc", "dddd", "eeee"] {
            if store.is_full() {
                store.next().unwrap();
            }
            store.write_all(record.as_bytes()).unwrap();
        }
        store.hand_over().unwrap();
        contents(directory.path())
    }

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn files_follow_each_other_with_the_names_of_tcpdump() {
        assert_eq!(written(Rotation::default()), pairs(&[("p.pcap", "aaaabbbbccccddddeeee")]));
        let size = Some(7);
        assert_eq!(
            written(Rotation { size, count: None }),
            pairs(&[("p.pcap", "aaaabbbb"), ("p.pcap1", "ccccdddd"), ("p.pcap2", "eeee")])
        );
        // The third begins again with the first.
        assert_eq!(
            written(Rotation { size, count: Some(2) }),
            pairs(&[("p.pcap0", "eeee"), ("p.pcap1", "ccccdddd")])
        );
        let many = numbered(Path::new("p"), 7, Rotation { size, count: Some(100) });
        assert_eq!(many, Path::new("p07"));
    }

    #[test]
    fn a_later_file_without_room_for_its_header_is_not_left_behind() {
        let directory = tempfile::tempdir().unwrap();
        let size = Some(4);
        let rotation = Rotation { size, count: None };
        let mut store = Store::create(&directory.path().join("p.pcap"), rotation).unwrap();
        store.write_all(b"aaaa").unwrap();
        store.next().unwrap();
        let Target::Files(files) = &mut store.target else { unreachable!() };
        files.take_back(0);
        assert_eq!(contents(directory.path()), pairs(&[("p.pcap", "aaaa")]));
    }

    #[test]
    fn a_file_that_cannot_grow_ends_with_a_whole_record() {
        let mut store = Store::create(Path::new("/dev/full"), Rotation::default()).unwrap();
        store.write_all(b"aaaa").unwrap();
        assert_eq!(store.hand_over().unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(store.kept, 0);
    }
}
