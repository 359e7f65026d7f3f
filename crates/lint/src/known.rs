//! Names and addresses the world agrees on. Data and look-ups in it, no judgement.

use std::net::IpAddr;

/// Options some libc reads, resolv.conf(5) of glibc 2.41; musl reads only [`NUMERIC_OPTIONS`].
pub(crate) const OPTIONS: [&str; 18] = [
    "ndots",
    "timeout",
    "attempts",
    "rotate",
    "no-check-names",
    "inet6",
    "edns0",
    "single-request",
    "single-request-reopen",
    "no-tld-query",
    "use-vc",
    "no-reload",
    "trust-ad",
    "no-aaaa",
    "debug",
    "ip6-bytestring",
    "ip6-dotint",
    "no-ip6-dotint",
];

/// Options that take a number; the others are flags. Also all that musl 1.2.5 `src/network/resolvconf.c` reads.
pub(crate) const NUMERIC_OPTIONS: [&str; 3] = ["ndots", "timeout", "attempts"];

/// Options that do nothing any more, or never did outside glibc's own tests (resolv.conf(5)).
pub(crate) const OBSOLETE_OPTIONS: [&str; 5] =
    ["inet6", "debug", "ip6-bytestring", "ip6-dotint", "no-ip6-dotint"];

/// `clusterDNS` of common distributions: kubeadm, k3s, EKS twice.
const CLUSTER_DNS: [&str; 4] = ["10.96.0.10", "10.43.0.10", "172.20.0.10", "10.100.0.10"];

/// Zones that answer for every name below them.
pub(crate) const WILDCARD_ZONES: [&str; 6] =
    ["nip.io", "sslip.io", "traefik.me", "localtest.me", "xip.io", "lvh.me"];

/// Top-level names that are not delegated: RFC 6761, RFC 6762, RFC 8375, RFC 7686, ICANN's reserved `internal`, and
/// `corp`, `lan`, `home` by usage.
const SPECIAL_USE: [&str; 14] = [
    "local",
    "internal",
    "test",
    "example",
    "invalid",
    "onion",
    "localhost",
    "corp",
    "lan",
    "home",
    "arpa",
    "intranet",
    "private",
    "localdomain",
];

/// Top-level domains that are everyday namespace names.
const USUAL_NAMESPACES: [&str; 72] = [
    "dev",
    "app",
    "cloud",
    "tools",
    "run",
    "prod",
    "services",
    "systems",
    "network",
    "data",
    "ai",
    "ci",
    "qa",
    "ml",
    "it",
    "hr",
    "pr",
    "id",
    "store",
    "shop",
    "search",
    "jobs",
    "media",
    "team",
    "support",
    "games",
    "game",
    "tech",
    "email",
    "security",
    "bot",
    "chat",
    "zone",
    "build",
    "codes",
    "finance",
    "marketing",
    "training",
    "live",
    "site",
    "page",
    "hosting",
    "report",
    "blue",
    "green",
    "red",
    "delivery",
    "software",
    "solutions",
    "storage",
    "global",
    "news",
    "events",
    "bank",
    "pay",
    "map",
    "now",
    "new",
    "play",
    "office",
    "health",
    "video",
    "audio",
    "photos",
    "blog",
    "forum",
    "ads",
    "kitchen",
    "management",
    "engineering",
    "foo",
    "bar",
];

/// True for a top-level domain of the public DNS.
pub(crate) fn is_top_level(label: &str) -> bool {
    let label = label.to_ascii_lowercase();
    !label.contains('.')
        && !SPECIAL_USE.contains(&label.as_str())
        && psl::suffix(label.as_bytes()).is_some_and(|suffix| suffix.is_known())
}

/// True when the whole name is a public suffix: everyone may register below it.
pub(crate) fn is_public_suffix(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ends_public(&name)
        && psl::suffix(name.as_bytes())
            .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == name.as_bytes())
}

/// True when the name lies under a top-level domain of the public DNS.
pub(crate) fn ends_public(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(is_top_level)
}

/// True for a top-level domain that is also an everyday name of a namespace.
pub(crate) fn is_usual_namespace(name: &str) -> bool {
    USUAL_NAMESPACES.contains(&name)
}

/// True when every name below is answered: known wildcard services and everything under them, and the TLD `host`.
pub(crate) fn is_wildcard_zone(name: &str) -> bool {
    let below = |zone: &str| name == zone || name.strip_suffix(zone).is_some_and(|rest| rest.ends_with('.'));
    name == "host" || WILDCARD_ZONES.iter().any(|zone| below(zone))
}

/// True for an address that is well known as a cluster's DNS server.
pub(crate) fn is_cluster_dns(address: IpAddr) -> bool {
    CLUSTER_DNS.iter().any(|known| known.parse() == Ok(address))
}

/// True for link-local IPv4, where `NodeLocal` `DNSCache` listens.
pub(crate) fn is_node_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if v4.is_link_local())
}

/// True for an address of the public internet: RFC 1918, RFC 6598, link-local, loopback, documentation and IPv6
/// unique local addresses are not.
pub(crate) fn is_public_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1]);
            let local = v4.is_private() || v4.is_loopback() || v4.is_link_local() || shared;
            !(local || v4.is_documentation() || v4.is_unspecified())
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_public_address(IpAddr::V4(v4)),
            None => v6.segments()[0] & 0xe000 == 0x2000 && v6.segments()[..2] != [0x2001, 0x0db8],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undelegated_names_are_never_public() {
        for name in
            ["corp.lan", "x.local", "a.internal", "home.arpa", "a.test", "x.onion", "a.example", "b.corp"]
        {
            assert!(!ends_public(name), "{name}");
            assert!(!is_public_suffix(name), "{name}");
        }
    }

    #[test]
    fn public_suffixes_are_whole_names() {
        assert!(is_public_suffix("com") && is_public_suffix("co.uk"));
        assert!(!is_public_suffix("example.com") && !is_public_suffix("svc.cluster.local"));
        assert!(
            is_top_level("dev") && is_top_level("com") && !is_top_level("orders") && !is_top_level("co.uk")
        );
    }

    #[test]
    fn wildcard_services_cover_what_is_below() {
        assert!(is_wildcard_zone("10.0.0.1.nip.io") && is_wildcard_zone("sslip.io"));
        assert!(!is_wildcard_zone("notnip.io"));
    }

    #[test]
    fn documentation_and_private_addresses_are_not_public() {
        for (text, public) in [
            ("8.8.8.8", true),
            ("2606:4700:4700::1111", true),
            ("10.1.2.3", false),
            ("100.64.0.1", false),
            ("192.0.2.1", false),
            ("fd00::a", false),
            ("2001:db8::1", false),
            ("::1", false),
        ] {
            assert_eq!(is_public_address(text.parse().unwrap()), public, "{text}");
        }
    }

    #[test]
    fn usual_namespaces_are_top_level_domains() {
        for name in USUAL_NAMESPACES {
            assert!(is_top_level(name), "{name}");
        }
    }
}
