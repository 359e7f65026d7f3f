//! Which resolvers do the programs of a pod have? They decide between those that look alike on the wire.

use dnsprobe_resolv::{Resolver, ResolverId};
use dnsprobe_sniffer::{Entry, Host};

use crate::commands::programs::Programs;
use crate::view::Present;

/// Containers of one pod that are looked into; few have more than three.
const MOST_CONTAINERS: usize = 32;

/// The resolvers of all running containers of these pods; none when one of them cannot be told, or when they are too many,
/// since then it could be any.
pub(super) fn resolvers(host: &Host, pods: &[Entry], programs: &mut Programs) -> Vec<Present> {
    let mut found: Vec<Present> = Vec::new();
    let running =
        |pod: &'_ Entry| -> Vec<_> { pod.containers.iter().filter(|it| it.pid.is_some()).cloned().collect() };
    for pod in pods {
        let running = running(pod);
        if running.len() > MOST_CONTAINERS {
            return Vec::new();
        }
        for container in running {
            let Ok(opened) = pod.open(host, Some(&container)) else { return Vec::new() };
            for has in programs.resolvers_of(&opened) {
                let Some(id) = has.id else { return Vec::new() };
                found.extend(present(id, has.version.as_deref()));
            }
        }
    }
    found.sort_by_key(|present| present.id);
    // Two versions of one resolver: which of them asked, nobody can tell.
    found.dedup_by(|other, first| {
        let same = other.id == first.id;
        if same && other.exact != first.exact {
            first.exact = None;
        }
        same
    });
    found
}

fn present(id: &str, version: Option<&str>) -> Option<Present> {
    let exact = version.and_then(|version| Resolver::parse(&format!("{id}@{version}")).ok());
    Some(Present { id: ResolverId::from_word(id)?, exact })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_there_is_no_model_of_is_not_known() {
        let exact = |version| present("glibc", version).and_then(|it| it.exact);
        assert_eq!(exact(Some("2.36")).map(|it| it.to_string()), Some("glibc@2.36".to_owned()));
        assert_eq!((exact(None), exact(Some("wheezy"))), (None, None));
        assert_eq!(present("nscd", None), None);
    }
}
