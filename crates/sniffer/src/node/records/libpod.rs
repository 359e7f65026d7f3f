//! The names of podman's pods, from its data base.
//!
//! Whether that is bbolt (`libpod/bolt_state.db`) or `SQLite` (`db.sql`, from podman 4.8 on): both keep the configuration
//! of a pod as JSON as it is, and it begins with the pod's id and name (libpod `pod.go`, `PodConfig`). A pod that has been
//! removed may still be there; its id is nobody else's.

use std::collections::BTreeMap;
use std::io::Read;

use memchr::memmem;

use super::{Part, Record, Runtime};
use crate::node::id::ContainerId;
use crate::node::names::PodName;
use crate::pod_files::Root;

/// Where it is, from the storage that a folder `DRIVER-containers` belongs to.
const FILES: [&str; 2] = ["db.sql", "libpod/bolt_state.db"];
/// How much is read of it, in bytes.
const MAX_FILE: u64 = 32 << 20;
/// Letters of a pod's id in the name of its infra container.
const SHORT: usize = 12;
/// What stands around the id.
const BEFORE: &str = r#""id":""#;
const BETWEEN: &str = r#"","name":""#;

/// The beginning of the id of the pod that an infra container is named by.
pub(super) fn pod_of_infra(name: &str) -> Option<&str> {
    let id = name.strip_suffix("-infra")?;
    (id.len() == SHORT && id.bytes().all(|it| it.is_ascii_hexdigit())).then_some(id)
}

/// Gives infra containers the names of their pods where the data base has them.
pub(super) fn name_pods(root: &Root, place: &str, records: &mut [Record]) {
    let Some((storage, _)) = place.rsplit_once('/') else { return };
    let mut named: BTreeMap<String, String> = BTreeMap::new();
    for file in FILES {
        let mut bytes = Vec::new();
        if let Ok(file) = root.open_regular(&format!("{storage}/{file}"))
            && file.take(MAX_FILE).read_to_end(&mut bytes).is_ok()
        {
            named.extend(names(&bytes));
        }
    }
    let of_podman = |record: &&mut Record| record.part == Part::Sandbox && record.runtime == Runtime::Podman;
    for record in records.iter_mut().filter(of_podman) {
        let id = record.name.as_deref().and_then(pod_of_infra);
        let name =
            id.and_then(|id| named.range(id.to_owned()..).next().filter(|(known, _)| known.starts_with(id)));
        if let Some(pod) = name.and_then(|(_, name)| PodName::new(None, Some(name))) {
            record.pod = Some(pod);
        }
    }
}

/// Every id with the name behind it.
fn names(bytes: &[u8]) -> BTreeMap<String, String> {
    let at = memmem::find_iter(bytes, BEFORE);
    at.filter_map(|at| named(&bytes[at + BEFORE.len()..])).collect()
}

fn named(bytes: &[u8]) -> Option<(String, String)> {
    let (id, rest) = bytes.split_at_checked(ContainerId::LEN)?;
    let id = ContainerId::new(std::str::from_utf8(id).ok()?)?;
    let rest = rest.strip_prefix(BETWEEN.as_bytes())?;
    let end = memchr::memchr(b'"', &rest[..rest.len().min(256)])?;
    Some((id.as_str().to_owned(), std::str::from_utf8(&rest[..end]).ok()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_and_names_are_found_among_other_bytes() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let text = format!(
            "\0\u{7}{{\"id\":\"{a}\",\"name\":\"shop\",\"hostname\":\"x\"}}..{{\"id\":\"{b}\",\"spec\":1}}"
        );
        assert_eq!(names(text.as_bytes()), [(a, "shop".to_owned())].into());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let mut whole = BEFORE.as_bytes().to_vec();
            whole.extend(&bytes);
            let _ = names(&whole);
        }
    }
}
