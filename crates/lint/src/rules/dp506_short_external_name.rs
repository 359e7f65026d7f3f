//! DP506: Single-label external name.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP506",
    name: "short-external-name",
    title: "Single-label external name",
    severity: "info",
    default: Default::OptIn,
    check: Check::Pod(check),
    doc: Doc {
        what: "A host of one label that is no Service of the namespace in this input.",
        why: "It resolves only through a search domain of the node.",
        example: r"spec:
  containers:
  - name: web
    image: web
    env:
    - {name: DB_HOST, value: mainframe}
",
        fix: "Write the full name.",
        source: "resolv.conf(5) search.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for used in case.names.iter().filter(|used| used.name == Name::UnknownShort && !used.mention.absolute) {
        let message = format!(
            "{} is no Service of namespace {} here: it depends on the nodes' search list",
            used.host(),
            case.namespace
        );
        out.at(Info, &used.mention.place, message).fix("write the full name");
    }
}
