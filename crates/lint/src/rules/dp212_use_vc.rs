//! DP212: DNS over TCP only.

use super::flags;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP212",
    name: "use-vc",
    title: "DNS over TCP only",
    severity: "info",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "The option use-vc.",
        why: "Every question takes a TCP handshake, the server and network policies must allow TCP 53, and \
               musl ignores it.",
        example: r"spec:
  dnsConfig:
    options:
    - name: use-vc
",
        fix: "Keep it only if that is meant.",
        source: "resolv.conf(5).",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for (_, span) in flags(case, &["use-vc"]) {
        let message = "use-vc sends every question over TCP: a handshake each, and musl ignores it";
        out.add(Info, &case.pod.object, span, message).fix("keep it only if TCP is meant");
    }
}
