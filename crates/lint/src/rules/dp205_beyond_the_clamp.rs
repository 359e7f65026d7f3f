//! DP205: Value beyond the clamp.

use super::number;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP205",
    name: "beyond-the-clamp",
    title: "Value beyond the clamp",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "ndots over 15, timeout over 30 or attempts over 5.",
        why: "glibc cuts the value to these limits, musl cuts ndots at 15, timeout at 60 and attempts at 10. \
               What runs is not what is written.",
        example: r#"spec:
  dnsConfig:
    options:
    - name: ndots
      value: "16"
"#,
        fix: "Write the limit, or better a value that is meant.",
        source: "resolv.conf(5) RES_MAXNDOTS, RES_MAXRETRANS, RES_MAXRETRY; musl src/network/resolvconf.c.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for option in case.pod.dns.options() {
        let (Some(name), Some(value)) = (option.name(), number(&option)) else { continue };
        let cap = match name {
            "ndots" => 15,
            "timeout" => 30,
            "attempts" => 5,
            _ => continue,
        };
        if value > cap {
            let message = format!("{name} {value} is more than any glibc uses: it is cut to {cap}");
            let span = option.place().span;
            out.add(Warning, &case.pod.object, span, message).replace(
                span,
                format!("\"{cap}\""),
                format!("write \"{cap}\""),
            );
        }
    }
}
