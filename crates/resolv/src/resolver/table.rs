//! The table of resolvers: what each row models and where the model comes from.

use super::{
    Resolver, ResolverId, Version, bind, busybox, c_ares, dnspython, getent, glibc, go, hickory, java, musl,
    netty, node,
};
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
    /// The first of them, and the last; what follows the last within its minor version is counted in.
    pub modelled: (Version, Version),
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

static TABLE: &[TableRow] = &[
    TableRow {
        id: ResolverId::Glibc,
        versions: "2.26 to 2.42",
        modelled: (Version::new(2, 26, 0), Version::new(2, 42, 0)),
        default_version: Version::new(2, 36, 0),
        apis: &[api("getaddrinfo", "what nearly every program calls")],
        source: "glibc 2.26 to 2.42, resolv/res_query.c, res_send.c, res_init.c, nss_dns/dns-host.c",
        build: glibc::profile,
    },
    TableRow {
        id: ResolverId::Musl,
        versions: "1.1.13 to 1.2.5",
        modelled: (Version::new(1, 1, 13), Version::new(1, 2, 5)),
        default_version: Version::new(1, 2, 5),
        apis: &[api("getaddrinfo", "what nearly every program calls")],
        source: "musl 1.1.13 to 1.2.5, src/network/lookup_name.c, res_msend.c, resolvconf.c",
        build: musl::profile,
    },
    TableRow {
        id: ResolverId::Go,
        versions: "1.10 to 1.27",
        modelled: (Version::new(1, 10, 0), Version::new(1, 27, 0)),
        default_version: Version::new(1, 27, 0),
        apis: &[
            api("LookupHost", "net.LookupHost, and every dial by name"),
            api("LookupNetIP ip", "net.Resolver.LookupNetIP with \"ip\""),
            api("LookupNetIP ip4", "net.Resolver.LookupNetIP with \"ip4\""),
        ],
        source: "Go 1.10 to 1.27, src/net/dnsclient_unix.go, dnsconfig_unix.go, dnsclient.go",
        build: go::profile,
    },
    TableRow {
        id: ResolverId::CAres,
        versions: "1.18, 1.20, 1.28, 1.31, 1.34",
        modelled: (Version::new(1, 18, 0), Version::new(1, 34, 0)),
        default_version: Version::new(1, 34, 0),
        apis: &[api("ares_getaddrinfo", "with the search list")],
        source: "c-ares 1.18 to 1.34, src/lib/ares_getaddrinfo.c, ares_search.c, ares_sysconfig_files.c",
        build: c_ares::profile,
    },
    TableRow {
        id: ResolverId::BindNslookup,
        versions: "9.18, 9.20",
        modelled: (Version::new(9, 18, 0), Version::new(9, 20, 0)),
        default_version: Version::new(9, 18, 0),
        apis: &[api("nslookup", "nslookup NAME")],
        source: "BIND 9.18 and 9.20, bin/dig/dighost.c, nslookup.c, lib/irs/resconf.c",
        build: bind::nslookup,
    },
    TableRow {
        id: ResolverId::BindHost,
        versions: "9.18, 9.20",
        modelled: (Version::new(9, 18, 0), Version::new(9, 20, 0)),
        default_version: Version::new(9, 18, 0),
        apis: &[api("host", "host NAME")],
        source: "BIND 9.18 and 9.20, bin/dig/dighost.c, host.c, lib/irs/resconf.c",
        build: bind::host,
    },
    TableRow {
        id: ResolverId::BindDig,
        versions: "9.18, 9.20",
        modelled: (Version::new(9, 18, 0), Version::new(9, 20, 0)),
        default_version: Version::new(9, 18, 0),
        apis: &[
            api("dig +search", "with the search list; `+ndots=N` and `+domain=NAME` may follow"),
            api("dig", "the name as-is"),
        ],
        source: "BIND 9.18 and 9.20, bin/dig/dighost.c, dig.c, lib/irs/resconf.c",
        build: bind::dig,
    },
    TableRow {
        id: ResolverId::BusyboxNslookup,
        versions: "1.30 to 1.36, big version",
        modelled: (Version::new(1, 30, 0), Version::new(1, 36, 0)),
        default_version: Version::new(1, 35, 0),
        apis: &[api("nslookup", "nslookup NAME")],
        source: "busybox 1.30 to 1.36, networking/nslookup.c",
        build: busybox::profile,
    },
    TableRow {
        id: ResolverId::Hickory,
        versions: "0.24 to 0.26",
        modelled: (Version::new(0, 24, 0), Version::new(0, 26, 0)),
        default_version: Version::new(0, 26, 0),
        apis: &[api("lookup_ip", "both families"), api("lookup_ip Ipv4Only", "LookupIpStrategy::Ipv4Only")],
        source: "hickory-resolver 0.24 to 0.26, resolver.rs, lookup_ip.rs, name_server_pool.rs; resolv-conf 0.7",
        build: hickory::profile,
    },
    TableRow {
        id: ResolverId::Dnspython,
        versions: "2.x",
        modelled: (Version::new(2, 0, 0), Version::new(2, u16::MAX, 0)),
        default_version: Version::new(2, 0, 0),
        apis: &[
            api("resolve A search", "Resolver.resolve(name, 'A', search=True)"),
            api("resolve_name", "Resolver.resolve_name(name), without search"),
        ],
        source: "dnspython 2, dns/resolver.py",
        build: dnspython::profile,
    },
    TableRow {
        id: ResolverId::Netty,
        versions: "4.1",
        modelled: (Version::new(4, 1, 0), Version::new(4, 1, 0)),
        default_version: Version::new(4, 1, 0),
        apis: &[api("resolve", "DnsNameResolver.resolveAll")],
        source: "netty 4.1, DnsResolveContext.java, UnixResolverDnsServerAddressStreamProvider.java",
        build: netty::profile,
    },
    TableRow {
        id: ResolverId::Node,
        versions: "20 (dns.lookup on glibc)",
        modelled: (Version::new(20, 0, 0), Version::new(20, u16::MAX, 0)),
        default_version: Version::new(20, 0, 0),
        apis: &[api("dns.lookup", "getaddrinfo of the libc"), api("dns.resolve4", "c-ares without search")],
        source: "Node.js 20, src/cares_wrap.cc",
        build: node::profile,
    },
    TableRow {
        id: ResolverId::Java,
        versions: "8 to 21 (on glibc)",
        modelled: (Version::new(8, 0, 0), Version::new(21, u16::MAX, 0)),
        default_version: Version::new(17, 0, 0),
        apis: &[api("InetAddress", "getaddrinfo of the libc")],
        source: "OpenJDK 17, Inet6AddressImpl.c; glibc beneath",
        build: java::profile,
    },
    TableRow {
        id: ResolverId::Getent,
        versions: "as glibc",
        modelled: (Version::new(2, 26, 0), Version::new(2, 42, 0)),
        default_version: Version::new(2, 36, 0),
        apis: &[
            api("hosts", "gethostbyname2: the whole list for AAAA, then for A"),
            api("ahosts", "getaddrinfo with AI_ADDRCONFIG"),
        ],
        source: "glibc 2.26 to 2.42, nss/getent.c",
        build: getent::profile,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_the_ids() {
        let ids: Vec<ResolverId> = TABLE.iter().map(|row| row.id).collect();
        assert_eq!(ids, ResolverId::ALL);
    }

    #[test]
    fn versions_without_a_model_are_said_to_be_so() {
        let outside = |text: &str| Resolver::parse(text).unwrap().outside();
        for modelled in [
            "glibc@2.26",
            "glibc@2.42.1",
            "musl@1.1.13",
            "musl@1.2.6",
            "go@1.27.3",
            "java@21",
            "dnspython@2.9",
        ] {
            assert_eq!(outside(modelled), None, "{modelled}");
        }
        let expected = "2.25 is not among the versions of glibc that are modelled, 2.26 to 2.42";
        assert_eq!(outside("glibc@2.25").as_deref(), Some(expected));
        for foreign in ["glibc@2.43", "musl@1.1.12", "go@1.28", "node@22"] {
            assert!(outside(foreign).is_some(), "{foreign}");
        }
        assert!(ResolverId::ALL.into_iter().all(|id| Resolver::new(id).outside().is_none()));
    }

    #[test]
    fn mistyped_resolver_is_told_what_is_known() {
        let error = Resolver::parse("glib").unwrap_err().to_string();
        assert!(error.contains("did you mean `glibc`?") && error.contains("busybox-nslookup"), "{error}");
        let error = Resolver::parse("musl@new").unwrap_err().to_string();
        assert_eq!(error, "`new` is not a version of musl; give it as musl@1.2.5");
        let error = Resolver::parse("dig").and_then(|dig| dig.with_api("axfr")).unwrap_err().to_string();
        assert_eq!(error, "bind-dig has no call `axfr`; known are `dig +search`, `dig`");
    }

    #[test]
    fn aliases_and_versions_are_read() {
        assert_eq!(Resolver::parse("nslookup").map(|resolver| resolver.id), Ok(ResolverId::BindNslookup));
        assert_eq!(
            Resolver::parse("musl@1.2.3-r5").map(|resolver| resolver.version),
            Ok(Version::new(1, 2, 3))
        );
    }
}
