//! Node.js: `dns.lookup` is `getaddrinfo` of the libc, taken to be glibc; `dns.resolve4` is c-ares without search.

use super::{Resolver, ResolverId, c_ares, glibc};
use crate::Profile;
use crate::profile::Report;
use crate::profile::planning::{BeyondAscii, NameCase, SearchWhen};

pub(super) fn profile(resolver: &Resolver) -> Profile {
    let mut profile = match resolver.api {
        "dns.resolve4" => c_ares::query(resolver),
        _ => glibc::profile(&Resolver::new(ResolverId::Glibc)),
    };
    profile.resolver = *resolver;
    // lib/dns.js hands names over in ASCII form (toASCII), which is lower case.
    profile.plan.name.case = NameCase::NameLowered;
    profile.plan.name.beyond_ascii = BeyondAscii::NameTranslated;
    if resolver.api == "dns.resolve4" {
        profile.plan.search = SearchWhen::Never;
        profile.verdict.report = Report::LastOrEmpty;
    }
    profile
}
