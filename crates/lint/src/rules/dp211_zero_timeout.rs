//! DP211: timeout or attempts 0.

use super::number;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP211",
    name: "zero-timeout",
    title: "timeout or attempts 0",
    severity: "error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "timeout or attempts is 0.",
        why: "attempts:0 makes glibc fail at once without a question and kills processes with musl 1.2.3 \
               (division by zero). timeout:0 is 1 s to glibc and an instant failure in musl.",
        example: r#"spec:
  dnsConfig:
    options:
    - name: attempts
      value: "0"
"#,
        fix: "Use 1 or more.",
        source: "Measured with glibc 2.36 and musl 1.2.3.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for option in case.pod.dns.options() {
        let Some(name) = option.name().filter(|name| ["timeout", "attempts"].contains(name)) else {
            continue;
        };
        if number(&option) == Some(0) {
            let effect = match name {
                "attempts" => "glibc asks nothing and fails, musl crashes",
                _ => "glibc waits 1 s, musl fails at once",
            };
            let span = option.place().span;
            out.add(Error, &case.pod.object, span, format!("{name} 0: {effect}")).suggest(
                span,
                "\"1\"",
                "write \"1\"",
            );
        }
    }
}
