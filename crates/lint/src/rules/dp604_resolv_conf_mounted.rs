//! DP604: File mounted over /etc/resolv.conf.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP604",
    name: "resolv-conf-mounted",
    title: "File mounted over /etc/resolv.conf",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "A volume is mounted at /etc/resolv.conf or /etc.",
        why: "The runtime skips its own file: dnsPolicy and dnsConfig have no effect in that container.",
        example: r"spec:
  containers:
  - name: web
    image: web
    volumeMounts:
    - {name: resolv, mountPath: /etc/resolv.conf, subPath: resolv.conf}
",
        fix: "Use dnsConfig.",
        source: "containerd internal/cri/server/container_create.go.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    for mount in &case.pod.mounts {
        let path = mount.text().unwrap_or_default();
        let message =
            format!("a mount at {path} hides resolv.conf: dnsPolicy and dnsConfig have no effect there");
        out.add(Warning, &case.pod.object, mount.span, message).fix("use dnsConfig");
    }
}
