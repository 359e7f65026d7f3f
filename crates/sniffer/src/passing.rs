//! How many frames pass through a namespace, by the counters of its interfaces: the kernel does not count those that a
//! packet filter refuses.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::FileExt;

use nix::sys::resource::{Resource, getrlimit};

/// The counters of the namespace that the calling thread is in; once open, the file is about that one for good (proc(5),
/// `/proc/net/dev`).
const COUNTERS: &str = "/proc/thread-self/net/dev";
/// A node has some hundred interfaces, with a line of some 130 bytes for each.
const MOST_BYTES: u64 = 1 << 20;
/// The interface whose packets pass twice, once in each direction; both copies are one.
const LOOPBACK: &str = "lo";

/// The interfaces of one namespace, and what they had counted at first.
#[derive(Debug)]
pub(crate) struct Passing {
    counters: File,
    /// The only one that matters, if so.
    interface: Option<String>,
    before: BTreeMap<String, u64>,
}

impl Passing {
    /// Begins to count in the namespace that the calling thread is in. `None` where its counters are not told, and where
    /// open files are scarce: captures have more need of them.
    pub(crate) fn here(interface: Option<&str>) -> Option<Self> {
        let counters = File::open(COUNTERS).ok().filter(|file| is_affordable(file.as_raw_fd()))?;
        let interface = interface.map(str::to_owned);
        let mut passing = Self { counters, interface, before: BTreeMap::new() };
        passing.before = passing.counted().ok()?;
        Some(passing)
    }

    /// Frames that have passed since it began: an interface that is gone takes its count with it.
    pub(crate) fn frames(&self) -> io::Result<u64> {
        let now = self.counted()?;
        let grown = |(name, count): (&String, &u64)| {
            // Another one may have taken its name.
            count.checked_sub(self.before.get(name).copied().unwrap_or(0)).unwrap_or(*count)
        };
        Ok(now.iter().map(grown).fold(0, u64::saturating_add))
    }

    fn counted(&self) -> io::Result<BTreeMap<String, u64>> {
        let mut table = Vec::new();
        let mut piece = [0; 4_096];
        while (table.len() as u64) < MOST_BYTES {
            match self.counters.read_at(&mut piece, table.len() as u64)? {
                0 => break,
                length => table.extend(&piece[..length]),
            }
        }
        let table = String::from_utf8_lossy(&table);
        let wanted = |(name, _): &(&str, u64)| self.interface.as_deref().is_none_or(|only| only == *name);
        let lines = table.lines().filter_map(frames_of).filter(wanted);
        Ok(lines.map(|(name, count)| (name.to_owned(), count)).collect())
    }
}

/// Whether as many files again may be open as there are now.
fn is_affordable(file: RawFd) -> bool {
    let most = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
    u64::try_from(file).is_ok_and(|open| open < most / 2)
}

/// The interface of a line and the frames that it has received and sent; none for the table's head.
fn frames_of(line: &str) -> Option<(&str, u64)> {
    // Names may have colons of their own (aliases).
    let (name, counters) = line.rsplit_once(':')?;
    let counters: Vec<u64> = counters.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let (received, sent) = (*counters.get(1)?, *counters.get(9)?);
    let name = name.trim_start();
    Some((name, if name == LOOPBACK { received } else { received.saturating_add(sent) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interface_has_what_it_received_and_sent_and_a_loopback_that_once() {
        let table = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    9000      90    0    0    0     0          0         0     9000      90    0    0    0     0       0          0
  eth0: 1000000    1000    0    0    0     0          0         0    20000     200    0    0    0     0       0          0
eth0:1: 5 6 0 0 0 0 0 0 7 8 0 0 0 0 0 0
full: 0 18446744073709551615 0 0 0 0 0 0 0 18446744073709551615 0 0 0 0 0 0
odd: 1 2 x 4 5 6 7 8 9 10
";
        let counted: Vec<_> = table.lines().filter_map(frames_of).collect();
        assert_eq!(counted, [("lo", 90), ("eth0", 1_200), ("eth0:1", 14), ("full", u64::MAX)]);
    }

    #[test]
    fn what_passes_is_counted_from_the_beginning() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let send = || socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        send();
        let passing = Passing::here(Some(LOOPBACK)).unwrap();
        send();
        send();
        // Others use it, too.
        assert!((2..1_000_000).contains(&passing.frames().unwrap()));
        assert_eq!(Passing::here(Some("none such")).unwrap().frames().unwrap(), 0);
    }
}
