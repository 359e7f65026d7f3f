//! DP502: Lower ndots safely.

use super::set_ndots;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP502",
    name: "lower-ndots",
    title: "Lower ndots safely",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "External names pay the search list, and a smaller ndots would spare that without breaking a \
               cluster name in the pod's inputs.",
        why: "One setting cures all of them: ndots = 1 + the dots of the longest relative cluster name in use. \
               Without any such name 2 is proposed, since svc.ns may be built at run time; 1 only where 2 would \
               save nothing.",
        example: r#"spec:
  containers:
  - name: web
    image: web
    env:
    - {name: API_URL, value: "https://api.example.com"}
"#,
        fix: "Set the proposed ndots in dnsConfig.options.",
        source: "resolv.conf(5) ndots; measured with glibc 2.36 and musl 1.2.3.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let least = case.safe_ndots().unwrap_or(1);
    let saved = |ndots: u32| -> Vec<&Used<'_>> {
        case.searched_externals().filter(|used| used.dots() >= ndots).collect()
    };
    let roomy = least.max(2);
    let proposed = if saved(roomy).is_empty() { least } else { roomy };
    let gains = saved(proposed);
    if gains.is_empty() || proposed >= case.ndots {
        return;
    }
    let before: usize = gains.iter().filter_map(|used| case.cost(used)).map(|cost| cost.names).sum();
    let message = format!(
        "ndots {} is more than this pod needs: ndots:{proposed} keeps every cluster name in its inputs and saves {} of {before} \
         names over {} external {}; names built at run time are not known",
        case.ndots,
        before - gains.len(),
        gains.len(),
        if gains.len() == 1 { "name" } else { "names" }
    );
    let text = format!("set the option ndots:{proposed}");
    let set =
        case.pod.dns.option("ndots").and_then(|option| option.value).filter(|value| value.text().is_some());
    let object = &case.pod.object;
    let config = case.pod.dns.config.as_ref().map_or(case.pod.span, |(key, _)| key.span);
    let span = set.map_or(config, |value| value.span);
    out.add(Warning, object, span, message).suggest_edit(set_ndots(case, object, proposed), text);
}
