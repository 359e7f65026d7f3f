//! DP505: Half-qualified .svc name.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP505",
    name: "half-qualified-name",
    title: "Half-qualified .svc name",
    severity: "info",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "A name svc.ns.svc (or pod.svc.ns.svc).",
        why: "The third suffix completes it: 3 names. svc.ns costs 2, the full name with a dot 1.",
        example: r#"spec:
  containers:
  - name: web
    image: web
    env:
    - {name: DB, value: "http://db.billing.svc:5432"}
"#,
        fix: "Write svc.ns, or the full name with a dot at its end.",
        source: "Measured with glibc 2.36 and musl 1.2.3.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    if case.base == Base::Host {
        return;
    }
    for used in case.names.iter().filter(|used| used.name == Name::Half && case.is_searched(used)) {
        let Some(cost) = case.cost(used) else { continue };
        let short = used.host().trim_end_matches(".svc");
        let message = format!("{} asks {cost} per lookup; {short} asks one less", used.host());
        out.at(Info, &used.mention.place, message).fix(format!(
            "write {short}, or {}.{}. with a dot at its end",
            used.host(),
            case.config.domain()
        ));
    }
}
