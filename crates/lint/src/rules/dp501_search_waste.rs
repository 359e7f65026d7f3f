//! DP501: External name pays the search list.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP501",
    name: "search-waste",
    title: "External name pays the search list",
    severity: "warning, info",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "An external name has fewer dots than ndots, so every suffix is tried first. Info when ndots is \
               already the smallest that the pod's cluster names allow.",
        why: "N names and 2N packets for each lookup, N-1 of them for nothing. N is the number of suffixes \
               plus 1.",
        example: r#"spec:
  containers:
  - name: web
    image: web
    env:
    - {name: API_URL, value: "https://api.example.com"}
"#,
        fix: "Lower ndots (DP502), or end the name in a dot where no TLS or HTTP is spoken to it (DP508).",
        source: "resolv.conf(5) ndots; measured with glibc 2.36 and musl 1.2.3. External is what ends in a public \
               suffix (psl 2.1.247).",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let least = case.safe_ndots().unwrap_or(1);
    let severity = if case.ndots > least { Warning } else { Info };
    for used in case.searched_externals() {
        let Some(cost) = case.cost(used) else { continue };
        let message = format!(
            "{} asks {cost} per lookup, {} wasted: {} fewer than ndots {}, and there are {} suffixes",
            used.host(),
            cost.wasted(),
            match used.dots() {
                1 => "1 dot is".to_owned(),
                dots => format!("{dots} dots are"),
            },
            case.ndots,
            case.searches().len()
        );
        let draft = out.at(severity, &used.mention.place, message);
        // Lowering helps this name only down to its own dots.
        match least.max(used.dots().min(2)) {
            helps if helps <= used.dots() => {
                draft.fix(format!(
                    "lower ndots to {helps}, or end the name in a dot where no TLS or HTTP is spoken"
                ));
            }
            _ => draft.fix("end the name in a dot where no TLS or HTTP is spoken"),
        }
    }
}
