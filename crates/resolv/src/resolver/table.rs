//! The table of resolvers: what each row models and where the model comes from.

use super::{Resolver, ResolverId, Version, glibc};
use crate::Profile;

/// A call of a resolver that looks different on the wire from its others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Api {
    /// The word of `--api`.
    pub word: &'static str,
    /// What it is.
    pub what: &'static str,
}

/// One row of `--list-resolvers`.
#[derive(Debug, Clone, Copy)]
pub struct TableRow {
    /// The resolver.
    pub id: ResolverId,
    /// The versions whose differences are modelled, in words.
    pub versions: &'static str,
    /// The version taken when none is given.
    pub default_version: Version,
    /// The calls, the usual one first.
    pub apis: &'static [Api],
    /// Where the model comes from.
    pub source: &'static str,
    /// Builds the profile.
    pub(super) build: fn(&Resolver) -> Profile,
}

/// All resolvers with a model.
pub fn table() -> &'static [TableRow] {
    TABLE
}

pub(super) fn row(id: ResolverId) -> &'static TableRow {
    // Every id has a row; a test holds the order to that of ResolverId::ALL.
    &TABLE[id as usize]
}

const fn api(word: &'static str, what: &'static str) -> Api {
    Api { word, what }
}

const fn placeholder(id: ResolverId, apis: &'static [Api]) -> TableRow {
    TableRow {
        id,
        versions: "2.26 to 2.42",
        default_version: Version::new(2, 36, 0),
        apis,
        source: "glibc",
        build: glibc::profile,
    }
}

static TABLE: &[TableRow] = &[
    TableRow {
        id: ResolverId::Glibc,
        versions: "2.26 to 2.42",
        default_version: Version::new(2, 36, 0),
        apis: &[api("getaddrinfo", "what nearly every program calls")],
        source: "glibc 2.26 to 2.42, resolv/res_query.c, res_send.c, res_init.c, nss_dns/dns-host.c",
        build: glibc::profile,
    },
    placeholder(ResolverId::Musl, &[api("getaddrinfo", "the usual call")]),
    placeholder(
        ResolverId::Go,
        &[
            api("LookupHost", "net.LookupHost, and every dial by name"),
            api("LookupNetIP ip", "net.Resolver.LookupNetIP with \"ip\""),
            api("LookupNetIP ip4", "net.Resolver.LookupNetIP with \"ip4\""),
        ],
    ),
    placeholder(ResolverId::CAres, &[api("ares_getaddrinfo", "with the search list")]),
    placeholder(ResolverId::BindNslookup, &[api("nslookup", "nslookup NAME")]),
    placeholder(ResolverId::BindHost, &[api("host", "host NAME")]),
    placeholder(ResolverId::BindDig, &[api("dig +search", "with the search list"), api("dig", "absolute")]),
    placeholder(ResolverId::BusyboxNslookup, &[api("nslookup", "nslookup NAME")]),
    placeholder(ResolverId::Hickory, &[api("lookup_ip", "both families"), api("lookup_ip Ipv4Only", "IPv4")]),
    placeholder(
        ResolverId::Dnspython,
        &[
            api("resolve A search", "Resolver.resolve(name, 'A', search=True)"),
            api("resolve_name", "Resolver.resolve_name(name)"),
        ],
    ),
    placeholder(ResolverId::Netty, &[api("resolve", "DnsNameResolver.resolve")]),
    placeholder(
        ResolverId::Node,
        &[api("dns.lookup", "getaddrinfo of the libc"), api("dns.resolve4", "c-ares without search")],
    ),
    placeholder(ResolverId::Java, &[api("InetAddress", "getaddrinfo of the libc")]),
    placeholder(
        ResolverId::Getent,
        &[api("hosts", "gethostbyname2: AAAA, then A"), api("ahosts", "getaddrinfo with AI_ADDRCONFIG")],
    ),
];
