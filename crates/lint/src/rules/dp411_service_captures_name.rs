//! DP411: Service name captures an external host.

use super::captured;
use crate::rule::prelude::*;
use crate::world::World;

pub(super) const RULE: Rule = Rule {
    code: "DP411",
    name: "service-captures-name",
    title: "Service name captures an external host",
    severity: "error",
    default: Default::On,
    check: Check::World(check),
    doc: Doc {
        what: "The input has a Service A in a namespace B that is a top-level domain, and a pod uses the \
               external host A.B.",
        why: "The search asks A.B.svc.Z first and reaches the Service.",
        example: r#"apiVersion: v1
kind: Pod
metadata: {name: web, namespace: orders}
spec:
  containers: [{name: web, image: web, args: ["--host=example.org"]}]
---
apiVersion: v1
kind: Service
metadata: {name: example, namespace: org}
"#,
        fix: "Write the host with a dot at its end, or rename the namespace.",
        source: "Kubernetes documentation, Namespaces.",
    },
};

fn check(world: &World<'_>, out: &mut Findings) {
    for captured in captured::names(world) {
        let host = &captured.mention.host;
        let message = format!(
            "{host} reaches the Service of that name in namespace {}, not the external host",
            captured.namespace
        );
        out.at(Error, &captured.mention.place, message).fix(format!("write {host}. with a dot at its end"));
    }
}
