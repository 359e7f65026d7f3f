//! DP107: Option without a name.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP107",
    name: "option-without-name",
    title: "Option without a name",
    severity: "error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "An entry of dnsConfig.options has no name, or an empty one.",
        why: "The API server refuses the pod.",
        example: r#"spec:
  dnsConfig:
    options:
    - value: "2"
"#,
        fix: "Name the option or remove the entry.",
        source: "Kubernetes pkg/apis/core/validation validatePodDNSConfig.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for option in case.pod.dns.options() {
        let nameless = option.name.is_none_or(|name| name.is_null() || name.text() == Some(""));
        if nameless {
            let message = "an option without a name; the API server refuses the pod";
            out.add(case.refused(), &case.pod.object, option.item.span, message)
                .fix("give it a name or remove it");
        }
    }
}
