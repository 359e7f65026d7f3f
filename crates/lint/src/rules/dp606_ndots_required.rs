//! DP606: dnsConfig required by policy.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP606",
    name: "ndots-required",
    title: "dnsConfig required by policy",
    severity: "info",
    default: Default::OptIn,
    check: Check::Pod(check),
    doc: Doc {
        what: "A pod without the option ndots.",
        why: "For teams whose standard is that every workload says it.",
        example: r"spec:
  containers:
  - name: web
    image: web
",
        fix: "Add the option ndots to dnsConfig.options.",
        source: "kube-linter check dnsconfig-options.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    if case.pod.dns.option("ndots").is_none() {
        let span = case.pod.dns.config.as_ref().map_or(case.pod.span, |(key, _)| key.span);
        out.add(Info, &case.pod.object, span, "no option ndots")
            .fix("add the option ndots to dnsConfig.options");
    }
}
