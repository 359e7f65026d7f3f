//! DP102: dnsPolicy None without nameservers.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP102",
    name: "none-without-nameservers",
    title: "dnsPolicy None without nameservers",
    severity: "error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "dnsPolicy is None and dnsConfig has no nameservers.",
        why: "None means that dnsConfig is all there is; the API server refuses a pod without any server.",
        example: r"spec:
  dnsPolicy: None
",
        fix: "Add dnsConfig.nameservers, or take another policy.",
        source: "Kubernetes pkg/apis/core/validation validatePodDNSConfig.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let Some((_, policy)) = &case.pod.dns.policy else { return };
    if policy.text() != Some("None") {
        return;
    }
    let misshapen = |value: &Value| !matches!(value.data, Data::Null | Data::Sequence(_));
    let config = case.pod.dns.config.as_ref().map(|(_, config)| config);
    // Something of the wrong shape is DP109's.
    if config.is_some_and(|config| !matches!(config.data, Data::Null | Data::Mapping(_)))
        || config.and_then(|config| config.get("nameservers")).is_some_and(misshapen)
        || !case.pod.dns.nameservers().is_empty()
    {
        return;
    }
    let message =
        "dnsPolicy None needs at least one entry in dnsConfig.nameservers; the API server refuses the pod";
    out.add(case.refused(), &case.pod.object, policy.span, message).fix("add dnsConfig.nameservers");
}
