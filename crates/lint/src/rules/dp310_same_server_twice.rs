//! DP310: Same server in two spellings.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP310",
    name: "same-server-twice",
    title: "Same server in two spellings",
    severity: "info",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "Two nameservers that are the same address, written differently.",
        why: "The kubelet removes only exact duplicates: one of the three places is wasted, and musl asks the \
               server twice.",
        example: r#"spec:
  dnsPolicy: None
  dnsConfig:
    nameservers: ["fd00::a", "fd00:0::a"]
"#,
        fix: "Remove one.",
        source: "Kubernetes pkg/kubelet/network/dns/dns.go omitDuplicates.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    let addresses = case.pod.dns.addresses();
    for (index, (item, address)) in addresses.iter().enumerate() {
        let twin =
            addresses[..index].iter().find(|(other, same)| same == address && other.text() != item.text());
        if let Some((other, _)) = twin {
            let message =
                format!("the same server as {} in another spelling", other.text().unwrap_or_default());
            out.add(Info, &case.pod.object, item.span, message).remove_safely(item.span, "remove it");
        }
    }
}
