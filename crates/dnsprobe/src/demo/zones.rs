//! The names of the demo's cluster and how long its servers take: data only, all from ranges reserved for
//! documentation (RFC 5737, RFC 3849, RFC 2606) or usual for pods and services.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A zone: everything below one name, served from one place.
pub(super) struct Zone {
    /// The name, absolute.
    pub(super) origin: &'static str,
    /// Whether the cluster's server is the authority (AA) or asks another.
    pub(super) authoritative: bool,
    /// How long the server takes over an answer, shortest and longest, in microseconds.
    pub(super) delay_us: (u64, u64),
    /// How long a negative answer may be kept, in seconds (SOA minimum, RFC 2308 section 4).
    pub(super) negative_ttl: u32,
    /// What there is.
    pub(super) hosts: &'static [Host],
}

/// A name in a zone.
pub(super) struct Host {
    /// Relative to the zone; `*` as its first label stands for any labels (RFC 4592).
    pub(super) name: &'static str,
    /// Its addresses.
    pub(super) addresses: &'static [IpAddr],
}

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

/// `2001:db8::` and a number.
const fn v6(last: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last))
}

/// The root stands last: it takes what no zone above it has, as the Internet would.
pub(super) const ZONES: &[Zone] = &[
    Zone {
        origin: "cluster.local.",
        authoritative: true,
        delay_us: (600, 1_500),
        // What the kubernetes plugin of CoreDNS puts into its SOA.
        negative_ttl: 5,
        hosts: &[
            Host { name: "kubernetes.default.svc", addresses: &[v4(10, 96, 0, 1)] },
            Host { name: "kube-dns.kube-system.svc", addresses: &[v4(10, 96, 0, 10)] },
            Host { name: "web.shop.svc", addresses: &[v4(10, 96, 31, 14)] },
            Host { name: "cart.shop.svc", addresses: &[v4(10, 96, 77, 3)] },
            Host { name: "api.payments.svc", addresses: &[v4(10, 96, 120, 52)] },
        ],
    },
    Zone {
        origin: "corp.example.",
        authoritative: false,
        delay_us: (10_000, 14_000),
        negative_ttl: 300,
        hosts: &[
            Host { name: "mail", addresses: &[v4(203, 0, 113, 25)] },
            // Every machine of the test lab is behind one proxy, and so is, by accident, every name that ends in .test.
            Host { name: "*.test", addresses: &[v4(203, 0, 113, 80)] },
        ],
    },
    Zone {
        origin: "example.com.",
        authoritative: false,
        delay_us: (18_000, 40_000),
        negative_ttl: 900,
        hosts: &[
            Host { name: "www", addresses: &[v4(192, 0, 2, 80), v4(192, 0, 2, 81), v6(0x80)] },
            Host { name: "api", addresses: &[v4(198, 51, 100, 20)] },
        ],
    },
    Zone {
        origin: "vendor.test.",
        authoritative: false,
        delay_us: (18_000, 40_000),
        negative_ttl: 900,
        hosts: &[Host { name: "metrics", addresses: &[v4(198, 51, 100, 80)] }],
    },
    Zone { origin: ".", authoritative: false, delay_us: (18_000, 40_000), negative_ttl: 86_400, hosts: &[] },
];

/// The pod's `resolv.conf`, as the kubelet writes it for `dnsPolicy: ClusterFirst`; the last search domain is the
/// node's own.
pub(super) const RESOLV_CONF: &str = "\
search shop.svc.cluster.local svc.cluster.local cluster.local corp.example
nameserver 10.96.0.10
options ndots:5
";

/// What the demo's application looks up, in this order.
pub(super) const NAMES: &[&str] = &[
    // A service of its own namespace: the first candidate answers.
    "web",
    // A service of another one: the second candidate does.
    "api.payments",
    // A name outside: four candidates for nothing.
    "www.example.com",
    // The same, written so that the search list is left out.
    "www.example.com.",
    // A name that nobody has.
    "wwww.example.com",
    // A name outside that the node's own search domain takes over.
    "metrics.vendor.test",
];
