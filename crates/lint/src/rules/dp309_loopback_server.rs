//! DP309: Loopback nameserver.

use crate::rule::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

pub(super) const RULE: Rule = Rule {
    code: "DP309",
    name: "loopback-server",
    title: "Loopback nameserver",
    severity: "warning",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "A nameserver in 127.0.0.0/8 or ::1 in a pod with a network of its own and without a container \
               that exposes port 53. 127.0.0.53 and 127.0.0.11 always.",
        why: "Loopback is the pod's own: nothing listens there unless the pod brings a DNS server. 127.0.0.53 \
               and 127.0.0.11 are stubs of systemd and Docker that exist outside only.",
        example: r"spec:
  dnsPolicy: None
  dnsConfig:
    nameservers: [127.0.0.1]
",
        fix: "Use an address that answers inside the pod.",
        source: "systemd-resolved(8); Docker's embedded DNS.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    if case.settings.network == Network::Host {
        return;
    }
    let sidecar = case.pod.containers.iter().any(|container| container.ports.contains(&53));
    for (item, address) in case.pod.dns.addresses() {
        let stub =
            [Ipv4Addr::new(127, 0, 0, 53), Ipv4Addr::new(127, 0, 0, 11)].map(IpAddr::V4).contains(&address);
        if address.is_loopback() && (stub || !sidecar) {
            let message = format!(
                "{address} is the pod's own loopback: nothing answers there without a DNS server in the pod"
            );
            out.add(Warning, &case.pod.object, item.span, message)
                .fix("use an address that answers inside the pod");
        }
    }
}
