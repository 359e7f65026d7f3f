//! DP210: Worst-case stall too long.

use super::number;
use crate::rule::prelude::*;
use dnsprobe_resolv::pod::Limits;

pub(super) const RULE: Rule = Rule {
    code: "DP210",
    name: "stall-too-long",
    title: "Worst-case stall too long",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "timeout or attempts is set so that one unanswered name takes more than 15 s.",
        why: "glibc waits timeout x attempts x servers for each name, and each suffix of the search list is a \
               name of its own; musl takes timeout as the total for each name.",
        example: r#"spec:
  dnsConfig:
    options:
    - {name: timeout, value: "10"}
    - {name: attempts, value: "3"}
"#,
        fix: "timeout 2 and attempts 2 are enough inside a cluster.",
        source: "resolv.conf(5); musl src/network/res_msend.c; measured with glibc 2.36 and musl 1.2.3.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let timeout = case.pod.dns.option("timeout");
    let attempts = case.pod.dns.option("attempts");
    let Some(set) = timeout.or(attempts) else { return };
    let value = |option: Option<_>, default, cap| match option {
        Some(option) => number(&option).map(|value| value.min(cap)),
        None => Some(default),
    };
    let (Some(seconds), Some(tries)) = (value(timeout, 5, 30), value(attempts, 2, 5)) else { return };
    let own = case.pod.dns.nameservers().len();
    let servers = match case.base {
        Base::None => own,
        // The node's servers are not known: one at least.
        Base::Host => own + 1,
        Base::Cluster => own + case.config.cluster_servers(),
    };
    let servers = servers.clamp(1, Limits::EXPANDED.nameservers) as u64;
    let glibc = seconds * tries * servers;
    let musl = timeout.and_then(|option| number(&option)).map_or(5, |value| value.min(60));
    if (if case.is_musl() { musl } else { glibc.max(musl) }) <= 15 {
        return;
    }
    let names = case.searches().len() + 1;
    let message = format!(
        "an unanswered name stalls {glibc} s in glibc ({seconds} s x {tries} attempts x {servers} servers), {musl} s in \
         musl, and a searched lookup asks up to {names} names"
    );
    out.add(Warning, &case.pod.object, set.place().span, message).fix("set timeout 2 and attempts 2");
}
