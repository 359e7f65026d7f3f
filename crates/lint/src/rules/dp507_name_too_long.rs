//! DP507: Name beyond DNS limits after a suffix.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP507",
    name: "name-too-long",
    title: "Name beyond DNS limits after a suffix",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "A host has a label of more than 63 characters, or is longer than 253 characters with a suffix of \
               the list.",
        why: "No resolver can ask it; which error comes, and whether the next suffix is tried, differs per \
               libc.",
        example: r"spec:
  containers:
  - name: web
    image: web
    env:
    - {name: API, value: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.com}
",
        fix: "Shorten it.",
        source: "RFC 1035 section 2.3.4.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let longest =
        case.searches().iter().map(|suffix| suffix.trim_end_matches('.').len() + 1).max().unwrap_or(0);
    for used in &case.names {
        let added = if case.is_searched(used) { longest } else { 0 };
        let label = used.longest_label();
        let message = match used.host().len() + added {
            _ if label > 63 => {
                format!("a label of {label} characters: DNS allows 63, no resolver asks this name")
            }
            length if length > 253 => format!("{length} characters with the longest suffix: DNS allows 253"),
            _ => continue,
        };
        out.at(Warning, &used.mention.place, message).fix("shorten the name");
    }
}
