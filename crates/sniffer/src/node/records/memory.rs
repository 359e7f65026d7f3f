//! What was read before: a runtime's files stay as they are, and looking at a node again reads what is new.

use std::collections::BTreeMap;

use super::Record;
use crate::pod_files::{Root, Stamp};

/// Records by their folder, with what tells whether their files are still the same.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    before: BTreeMap<String, Kept>,
    now: BTreeMap<String, Kept>,
}

#[derive(Debug)]
struct Kept {
    stamps: Vec<Option<Stamp>>,
    record: Option<Record>,
}

impl Memory {
    /// What this one has seen, for the next look; what it has not seen is gone.
    pub(crate) fn next(self) -> Self {
        Self { before: self.now, now: BTreeMap::new() }
    }

    /// The record of a folder: as before where these files are still the same, else read anew.
    pub(super) fn record(
        &mut self,
        root: &Root,
        folder: &str,
        files: &[&str],
        read: impl FnOnce() -> Option<Record>,
    ) -> Option<Record> {
        let stamps: Vec<Option<Stamp>> =
            files.iter().map(|file| root.stamp(&format!("{folder}/{file}"))).collect();
        // A folder may be looked at twice, by its place and by a trace of it.
        let known = self.now.remove(folder).or_else(|| self.before.remove(folder));
        let kept = match known {
            Some(kept) if kept.stamps == stamps => kept,
            _ => Kept { stamps, record: read() },
        };
        let record = kept.record.clone();
        self.now.insert(folder.to_owned(), kept);
        record
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::host::Host;
    use crate::node::id::ContainerId;
    use crate::node::records::Runtime;

    #[test]
    fn what_has_not_changed_is_not_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::of_host(&Host::at(directory.path())).unwrap();
        fs::create_dir(directory.path().join("one")).unwrap();
        let path = directory.path().join("one/config.json");
        fs::write(&path, "{}").unwrap();
        let mut memory = Memory::default();
        let mut reads = 0;
        let mut look = |memory: &mut Memory| {
            memory.record(&root, "one", &["config.json", "init.pid"], || {
                reads += 1;
                let id = ContainerId::new(&"a".repeat(64))?;
                Some(Record { pid: Some(reads), ..Record::new(id, Runtime::Containerd) })
            })
        };
        let pid = |record: Option<Record>| record.unwrap().pid.unwrap();
        assert_eq!(pid(look(&mut memory)), 1);
        memory = memory.next();
        assert_eq!(pid(look(&mut memory)), 1);
        // Another file of the same size, in its place.
        fs::write(directory.path().join("new"), "[]").unwrap();
        fs::rename(directory.path().join("new"), &path).unwrap();
        memory = memory.next();
        assert_eq!(pid(look(&mut memory)), 2);
        fs::write(directory.path().join("one/init.pid"), "7").unwrap();
        memory = memory.next();
        assert_eq!(pid(look(&mut memory)), 3);
        // What was not there once is forgotten.
        memory = memory.next().next();
        assert_eq!(pid(look(&mut memory)), 4);
    }
}
