//! DP002: Duplicate key in a DNS-relevant mapping.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP002",
    name: "duplicate-key",
    title: "Duplicate key in a DNS-relevant mapping",
    severity: "error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "The same key stands twice in the pod spec, in dnsConfig or in one of its options.",
        why: "Readers differ: some take the last, some refuse the manifest. What the pod gets depends on the \
               tool that applies it.",
        example: r"spec:
  dnsPolicy: Default
  dnsPolicy: ClusterFirst
",
        fix: "Keep one of the two.",
        source: "YAML 1.2.2 section 3.2.1.3; measured with sigs.k8s.io/yaml, where the last one wins unless the \
               reader is strict.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for duplicate in &case.pod.duplicates {
        let message = format!(
            "key {:?} stands twice in this mapping; readers differ in which one counts",
            duplicate.key
        );
        out.add(Error, &case.pod.object, duplicate.span, message).fix("keep one of them");
    }
}
