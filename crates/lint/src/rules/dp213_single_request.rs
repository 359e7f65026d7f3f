//! DP213: single-request as work-around.

use super::flags;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP213",
    name: "single-request",
    title: "single-request as work-around",
    severity: "info",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "The option single-request or single-request-reopen.",
        why: "A and AAAA are asked one after the other: a round trip more for every name of the search. musl \
               ignores it. NodeLocal DNSCache or no-aaaa cure the same races for less.",
        example: r"spec:
  dnsConfig:
    options:
    - name: single-request-reopen
",
        fix: "Prefer NodeLocal DNSCache; lower ndots so that less is asked.",
        source: "resolv.conf(5); kubernetes issue 56903.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for (name, span) in flags(case, &["single-request", "single-request-reopen"]) {
        let message =
            format!("{name} asks A and AAAA in turn: one round trip more for each name of the search");
        out.add(Info, &case.pod.object, span, message)
            .fix("prefer NodeLocal DNSCache, or no-aaaa where IPv6 is not used");
    }
}
