//! DP406: Root in searches.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP406",
    name: "root-in-searches",
    title: "Root in searches",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "The entry `.` in searches.",
        why: "musl 1.2.3 sends a malformed packet instead of the last question, so the lookup fails; podman \
               clears the whole list.",
        example: r"spec:
  dnsConfig:
    searches: [.]
",
        fix: "Remove it; lower ndots if names are to be asked as they are first.",
        source: "kubernetes issue 112135; measured with musl 1.2.3.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for item in case.pod.dns.searches().iter().filter(|item| item.text() == Some(".")) {
        out.add(
            Warning,
            &case.pod.object,
            item.span,
            "the root as a suffix makes musl send a malformed question",
        )
        .remove_safely(item.span, "remove it");
    }
}
