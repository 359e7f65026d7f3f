//! DP306: Cluster DNS mixed with other servers.

use super::servers;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP306",
    name: "mixed-servers",
    title: "Cluster DNS mixed with other servers",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "dnsConfig.nameservers beside the cluster's (cluster policy), or a known cluster address beside \
               public ones (None).",
        why: "glibc asks a later server only on timeout or SERVFAIL, never because a name does not exist; musl \
               asks all at once and takes the first answer, so a public NXDOMAIN can win over the cluster's \
               answer.",
        example: r"spec:
  dnsConfig:
    nameservers: [10.32.0.53]
",
        fix: "Let CoreDNS forward the other zones.",
        source: "glibc resolv/res_send.c; musl src/network/res_msend.c; kubernetes issue 25861.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    if !servers::are_mixed(case) {
        return;
    }
    let Some(first) = case.pod.dns.nameservers().first() else { return };
    let message = "cluster servers mixed with others: glibc asks the others only when the first is silent, musl asks all at \
                   once and takes the first answer";
    out.add(Warning, &case.pod.object, first.span, message)
        .fix("let the cluster's DNS forward those zones instead");
}
