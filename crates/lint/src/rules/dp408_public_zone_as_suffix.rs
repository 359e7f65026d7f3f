//! DP408: Public zone as suffix.

use crate::known;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP408",
    name: "public-zone-as-suffix",
    title: "Public zone as suffix",
    severity: "info",
    default: Default::OptIn,
    check: Check::Pod(check),
    doc: Doc {
        what: "An entry of searches lies under a public top-level domain and is not configured as private.",
        why: "Names leak there, and zones that answer NODATA or by wildcard stop the search in musl.",
        example: r"spec:
  dnsConfig:
    searches: [corp.example.com]
",
        fix: "Use a private zone, or list it as private in the configuration.",
        source: "kubernetes issue 64924; k3s issue 6561.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for item in case.pod.dns.searches() {
        let Some(text) = item.text().map(|text| text.trim_end_matches('.')) else { continue };
        let below = |zone: &String| text == zone || text.ends_with(&format!(".{zone}"));
        let private = below(&case.config.domain().to_owned()) || case.config.private_zones.iter().any(below);
        if known::ends_public(text) && !private {
            let message =
                format!("the suffix {text} is a public zone: names leak there, and its NODATA stops musl");
            out.add(Info, &case.pod.object, item.span, message)
                .fix("use a private zone, or list it as private");
        }
    }
}
