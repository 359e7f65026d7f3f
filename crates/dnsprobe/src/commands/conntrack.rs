//! The node's conntrack counters, which tell a lost race from a lost packet: `/proc/net/stat/nf_conntrack`, the numbers
//! that `conntrack -S` shows.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::view::Conntrack;

/// A file in /proc is no larger than this: a line for each processor.
const LARGEST: usize = 256 * 1024;

/// The counters as they were at the beginning, with the file to read them again without any privilege.
#[derive(Debug)]
pub(crate) struct Counters {
    file: File,
    before: Conntrack,
}

impl Counters {
    /// Opens the counters of the node's own network namespace; `None` where there are none or they may not be read.
    pub(crate) fn open(host_root: &Path) -> Option<Self> {
        let file = File::open(host_root.join("proc/1/net/stat/nf_conntrack")).ok()?;
        let before = read(&file)?;
        Some(Self { file, before })
    }

    /// By how much they have grown.
    pub(crate) fn grown(&self) -> Option<Conntrack> {
        let now = read(&self.file)?;
        let before = &self.before;
        Some(Conntrack {
            insert_failed: now.insert_failed.saturating_sub(before.insert_failed),
            drop: now.drop.saturating_sub(before.drop),
            early_drop: now.early_drop.saturating_sub(before.early_drop),
        })
    }
}

fn read(file: &File) -> Option<Conntrack> {
    let mut bytes = vec![0; LARGEST];
    let mut length = 0;
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, length as u64).ok()? {
            0 => break,
            more => length += more,
        }
    }
    parse(std::str::from_utf8(bytes.get(..length)?).ok()?)
}

/// The sums over all processors: a line of names, then a line of hexadecimal numbers for each
/// (Linux `net/netfilter/nf_conntrack_standalone.c`, `ct_cpu_seq_show`).
fn parse(text: &str) -> Option<Conntrack> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next()?.split_whitespace().collect();
    let column = |name: &str| names.iter().position(|known| *known == name);
    let (insert_failed, drop, early_drop) =
        (column("insert_failed")?, column("drop")?, column("early_drop")?);
    let mut sum = Conntrack::default();
    for line in lines {
        let numbers: Vec<u64> =
            line.split_whitespace().map_while(|number| u64::from_str_radix(number, 16).ok()).collect();
        sum.insert_failed += numbers.get(insert_failed)?;
        sum.drop += numbers.get(drop)?;
        sum.early_drop += numbers.get(early_drop)?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &str = "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop \
                         early_drop icmp_error  expect_new expect_create expect_delete search_restart\n";

    #[test]
    fn counters_of_all_processors_are_added() {
        let text = format!(
            "{NAMES}00000010  0 1 2 3 4 5 6 7 0000000a 0000000b 1 0  0 0 0 0\n10  0 1 2 3 4 5 6 7 1 2 3 0  0 0 0 0\n"
        );
        assert_eq!(parse(&text), Some(Conntrack { insert_failed: 11, drop: 13, early_drop: 4 }));
    }

    #[test]
    fn what_is_no_table_of_counters_is_nothing() {
        for text in [
            "",
            "entries found\n1 2\n",
            "insert_failed drop early_drop\n1 2\n",
            "insert_failed drop early_drop\nx y z\n",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
