//! DP215: IPv6 look-ups switched off.

use super::flags;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP215",
    name: "no-aaaa",
    title: "IPv6 look-ups switched off",
    severity: "info",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "The option no-aaaa.",
        why: "Only glibc 2.36 and later know it; targets with nothing but IPv6 become unreachable.",
        example: r"spec:
  dnsConfig:
    options:
    - name: no-aaaa
",
        fix: "Keep it only if that is meant.",
        source: "glibc 2.36 NEWS; resolv.conf(5).",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for (_, span) in flags(case, &["no-aaaa"]) {
        let message = "no-aaaa needs glibc 2.36 and hides targets that have only IPv6";
        out.add(Info, &case.pod.object, span, message).fix("keep it only if that is meant");
    }
}
