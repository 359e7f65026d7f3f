//! DP607: dnsConfig in a kind that ignores it.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP607",
    name: "kind-ignores-dns-config",
    title: "dnsConfig in a kind that ignores it",
    severity: "info",
    default: Default::On,
    check: Check::Elsewhere,
    doc: Doc {
        what: "dnsConfig in a kind whose controller does not pass it on. No such kind is confirmed yet: nothing \
               is reported.",
        why: "The settings would have no effect.",
        example: r#"spec:
  dnsConfig:
    options:
    - {name: ndots, value: "2"}
"#,
        fix: "Set it where the controller reads it.",
        source: "None confirmed yet.",
    },
};
