//! DP209: ndots:0.

use super::number;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP209",
    name: "ndots-zero",
    title: "ndots:0",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "The ndots in force is 0.",
        why: "Even single-label names are asked as they are first: glibc sends a useless question for every \
               Service name, musl never searches, so Service names fail.",
        example: r#"spec:
  dnsConfig:
    options:
    - name: ndots
      value: "0"
"#,
        fix: "Use 1, or 2 when names like svc.ns are used.",
        source: "Measured with glibc 2.36 and musl 1.2.3.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let Some(option) = case.pod.dns.option("ndots").filter(|option| number(option) == Some(0)) else {
        return;
    };
    let span = option.place().span;
    let message = "ndots 0: single-label names go upstream as they are first, and musl never searches";
    let least = case.safe_ndots().unwrap_or(1);
    out.add(Warning, &case.pod.object, span, message).suggest(
        span,
        format!("\"{least}\""),
        format!("set ndots:{least}"),
    );
}
