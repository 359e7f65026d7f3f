//! DP208: Obsolete option.

use crate::known;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP208",
    name: "obsolete-option",
    title: "Obsolete option",
    severity: "info",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "inet6, debug, ip6-bytestring, ip6-dotint or no-ip6-dotint.",
        why: "They do nothing in today's libcs.",
        example: r"spec:
  dnsConfig:
    options:
    - name: inet6
",
        fix: "Remove it.",
        source: "resolv.conf(5) of glibc 2.25 and later.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for option in case.pod.dns.options() {
        let (Some(value), Some(name)) = (option.name, option.name()) else { continue };
        if known::OBSOLETE_OPTIONS.contains(&name) {
            out.add(Info, &case.pod.object, value.span, format!("option {name} does nothing any more"))
                .remove_safely(option.item.span, "remove it");
        }
    }
}
