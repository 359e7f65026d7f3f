//! DP207: Option has no effect in this image's libc.

use crate::known;
use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP207",
    name: "no-effect-in-musl",
    title: "Option has no effect in this image's libc",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "All images of the pod look like musl (alpine or musl in the last path segment or tag, or so \
               configured) and the option is not ndots, timeout or attempts.",
        why: "musl reads only these three. Work-arounds copied from glibc pods do nothing here.",
        example: r"spec:
  dnsConfig:
    options:
    - name: single-request-reopen
  containers:
  - name: web
    image: nginx:1.27-alpine
",
        fix: "Remove it, or use an image with glibc.",
        source: "musl 1.2.5 src/network/resolvconf.c.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    if !case.is_musl() {
        return;
    }
    for option in case.pod.dns.options() {
        let (Some(value), Some(name)) = (option.name, option.name()) else { continue };
        if known::OPTIONS.contains(&name) && !known::NUMERIC_OPTIONS.contains(&name) {
            let message = format!(
                "option {name} does nothing here: the image uses musl, which reads only ndots, timeout and attempts"
            );
            out.add(Warning, &case.pod.object, value.span, message)
                .fix("remove it, or use an image with glibc");
        }
    }
}
