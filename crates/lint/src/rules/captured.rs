//! External names that a Service of the input answers, for the two rules about them.

use crate::case::Case;
use crate::manifest::Mention;
use crate::names;
use crate::world::World;
use dnsprobe_resolv::pod::Base;
use std::collections::HashSet;

/// An external name and the namespace whose Service answers it.
pub(super) struct Captured<'a> {
    pub(super) mention: &'a Mention,
    pub(super) namespace: &'a str,
}

/// Names `a.b` that pods use while a Service `a` lies in a namespace `b` that is a top-level domain.
pub(super) fn names<'a>(world: &'a World<'a>) -> Vec<Captured<'a>> {
    let mut captured = Vec::new();
    let services = world.services().filter(|(namespace, _)| names::captures_external(namespace));
    let hosts: HashSet<String> = services.map(|(namespace, name)| format!("{name}.{namespace}")).collect();
    if hosts.is_empty() {
        return captured;
    }
    for pod in world.pods() {
        if !world.mentions(pod).iter().any(|mention| hosts.contains(&*mention.host)) {
            continue;
        }
        let case = Case::of(pod, world);
        if case.base != Base::Cluster || case.ndots < 2 {
            continue;
        }
        for used in case.names.iter().filter(|used| !used.mention.absolute) {
            let Some((_, namespace)) = used.mention.host.split_once('.') else { continue };
            if hosts.contains(&*used.mention.host) {
                captured.push(Captured { mention: used.mention, namespace });
            }
        }
    }
    captured
}
