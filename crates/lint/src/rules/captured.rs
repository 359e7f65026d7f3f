//! External names that a Service of the input answers, for the two rules about them.

use crate::case::Case;
use crate::manifest::Mention;
use crate::names;
use crate::world::World;
use dnsprobe_resolv::pod::Base;

/// An external name and the namespace whose Service answers it.
pub(super) struct Captured<'a> {
    pub(super) mention: &'a Mention,
    pub(super) namespace: &'a str,
}

/// Names `a.b` that pods use while a Service `a` lies in a namespace `b` that is a top-level domain.
pub(super) fn names<'a>(world: &'a World<'a>) -> Vec<Captured<'a>> {
    let mut captured = Vec::new();
    if !world.services().any(|(namespace, _)| names::captures_external(namespace)) {
        return captured;
    }
    for pod in world.pods() {
        let case = Case::of(pod, world);
        if case.base != Base::Cluster || case.ndots < 2 {
            continue;
        }
        for used in case.names.iter().filter(|used| !used.mention.absolute) {
            let Some((service, namespace)) = used.mention.host.split_once('.') else { continue };
            if names::captures_external(namespace) && world.has_service(namespace, service) {
                captured.push(Captured { mention: used.mention, namespace });
            }
        }
    }
    captured
}
