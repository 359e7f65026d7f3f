//! DP201: Unknown option name.

use crate::known;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP201",
    name: "unknown-option",
    title: "Unknown option name",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "An option name that no libc knows. Names are case-sensitive.",
        why: "It is silently ignored: the pod behaves as if it were not there. `Ndots` is ignored by glibc and \
               musl alike.",
        example: r#"spec:
  dnsConfig:
    options:
    - name: ndot
      value: "2"
"#,
        fix: "Correct the name. Names that only other resolvers know can be allowed in the configuration.",
        source: "resolv.conf(5); glibc resolv/res_init.c res_setoptions; musl src/network/resolvconf.c.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for option in case.pod.dns.options() {
        let (Some(value), Some(name)) = (option.name, option.name()) else { continue };
        let smuggled = name.contains([':', ' ', '\t', '\n']);
        if name.is_empty()
            || smuggled
            || known::OPTIONS.contains(&name)
            || case.config.extra_options.iter().any(|o| o == name)
        {
            continue;
        }
        let message = format!("no libc knows the option {name:?}: it is silently ignored");
        let draft = out.add(Warning, &case.pod.object, value.span, message);
        let folded = name.to_ascii_lowercase().replace('_', "-");
        let distance = |known: &str| strsim::osa_distance(known, &folded);
        let nearest = known::OPTIONS.iter().map(|known| distance(known)).min().unwrap_or(usize::MAX);
        let mut near = known::OPTIONS.iter().filter(|known| nearest <= 2 && distance(known) == nearest);
        match (near.next(), near.next()) {
            (Some(only), None) => draft.replace(value.span, *only, format!("write {only}")),
            (Some(one), Some(other)) => draft.fix(format!("did you mean {one} or {other}?")),
            _ => draft.fix("remove it"),
        }
    }
}
