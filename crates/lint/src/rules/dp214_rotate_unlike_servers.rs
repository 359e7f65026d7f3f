//! DP214: rotate with unlike servers.

use super::{flags, servers};
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP214",
    name: "rotate-unlike-servers",
    title: "rotate with unlike servers",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "The option rotate while cluster servers and others are in the list.",
        why: "Every lookup begins at another server: cluster names fail at random.",
        example: r"spec:
  dnsPolicy: None
  dnsConfig:
    nameservers: [10.96.0.10, 8.8.8.8]
    options:
    - name: rotate
",
        fix: "Remove rotate, or use servers that know the same names.",
        source: "resolv.conf(5); glibc resolv/res_send.c.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    if !servers::are_mixed(case) {
        return;
    }
    for (_, span) in flags(case, &["rotate"]) {
        let message = "rotate over servers that know different names: cluster names fail at random";
        out.add(Warning, &case.pod.object, span, message).fix("remove rotate or the other servers");
    }
}
