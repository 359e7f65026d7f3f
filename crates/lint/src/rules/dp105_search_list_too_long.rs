//! DP105: Search list beyond the API limit.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP105",
    name: "search-list-too-long",
    title: "Search list beyond the API limit",
    severity: "error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "dnsConfig.searches has more than 32 entries or more than 2048 characters (6 and 256 before \
               Kubernetes 1.26).",
        why: "The API server refuses the pod.",
        example: r"spec:
  dnsConfig:
    searches: [a.x, b.x, c.x, d.x, e.x, f.x, g.x, h.x, i.x, j.x, k.x, l.x, m.x, n.x, o.x, p.x, q.x, r.x, s.x, t.x, u.x, v.x, w.x, x.x, y.x, z.x, aa.x, bb.x, cc.x, dd.x, ee.x, ff.x, gg.x]
",
        fix: "Shorten the list; every suffix costs a name per external lookup anyway.",
        source: "Kubernetes pkg/apis/core/validation MaxDNSSearchPathsExpanded, feature gate ExpandedDNSConfig.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let limits = case.config.cluster().limits;
    let searches = case.pod.dns.searches();
    let mut length = 0;
    for (index, item) in searches.iter().enumerate() {
        length += item.text().map_or(0, str::len) + usize::from(index > 0);
        if index < limits.searches && length <= limits.search_chars {
            continue;
        }
        let total: usize = searches.iter().map(|item| item.text().map_or(0, str::len) + 1).sum();
        let message = format!(
            "{} search entries of {} characters; the API server of Kubernetes {} refuses more than {} entries or {} \
             characters",
            searches.len(),
            total.saturating_sub(1),
            case.config.version(),
            limits.searches,
            limits.search_chars
        );
        let list = case.pod.dns.config().and_then(|config| config.entry("searches"));
        let span = list.map_or(item.span, |(key, _)| key.span);
        out.add(case.refused(), &case.pod.object, span, message).fix("shorten the list");
        return;
    }
}
