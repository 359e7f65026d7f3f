//! Which resolvers do the programs of a pod have? They decide between those that look alike on the wire.

use dnsprobe_resolv::ResolverId;
use dnsprobe_sniffer::{Detection, Entry, Host, detect};

/// The resolvers of all running containers of these pods; none when one of them cannot be told, since then it could be
/// any.
pub(super) fn resolvers(host: &Host, pods: &[Entry]) -> Vec<ResolverId> {
    let mut found = Vec::new();
    let running =
        |pod: &'_ Entry| -> Vec<_> { pod.containers.iter().filter(|it| it.pid.is_some()).cloned().collect() };
    for pod in pods {
        for container in running(pod) {
            let Ok(opened) = pod.open(host, Some(&container)) else { return Vec::new() };
            match detect::resolver_in(opened.process.as_ref(), &opened.root) {
                Detection::Known(known) => {
                    let words = std::iter::once(known.id).chain(known.others.iter().map(|other| other.id));
                    found.extend(words.filter_map(ResolverId::from_word));
                }
                Detection::Unknown(_) => return Vec::new(),
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}
