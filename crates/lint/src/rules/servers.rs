//! What kind of servers a pod asks, for the rules about them.

use crate::case::Case;
use crate::known;
use dnsprobe_resolv::pod::Base;
use std::net::IpAddr;

/// A server of this cluster, as configured or well known.
pub(super) fn is_cluster(case: &Case<'_>, address: IpAddr) -> bool {
    let configured = case.config.cluster_dns.iter().flatten().any(|server| server.parse() == Ok(address));
    configured || known::is_cluster_dns(address)
}

/// Every server is a public one; false where some are unknown.
pub(super) fn all_public(case: &Case<'_>) -> bool {
    let addresses = case.pod.dns.addresses();
    case.base == Base::None
        && !addresses.is_empty()
        && addresses.iter().all(|(_, address)| known::is_public_address(*address))
}

/// Cluster servers and others side by side. A node-local cache beside the cluster's server is a pair.
pub(super) fn are_mixed(case: &Case<'_>) -> bool {
    let addresses = case.pod.dns.addresses();
    let cluster = |address: IpAddr| is_cluster(case, address) || known::is_node_local(address);
    match case.base {
        Base::Cluster => addresses.iter().any(|(_, address)| !cluster(*address)),
        Base::None => {
            addresses.iter().any(|(_, address)| is_cluster(case, *address))
                && addresses.iter().any(|(_, address)| known::is_public_address(*address))
        }
        Base::Host => false,
    }
}
