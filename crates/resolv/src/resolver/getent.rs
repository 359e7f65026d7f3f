//! glibc's getent: `hosts` (`gethostbyname2` for one family after the other) and `ahosts` (`getaddrinfo`).

use super::{Resolver, ResolverId, glibc};
use crate::profile::planning::Literal;
use crate::profile::{AddrConfigRule, Passes};
use crate::{Profile, QType};

pub(super) fn profile(resolver: &Resolver) -> Profile {
    let mut profile = glibc::profile(&Resolver { id: ResolverId::Glibc, ..*resolver });
    profile.resolver = *resolver;
    if resolver.api == "ahosts" {
        // nss/getent.c, ahosts_keys_int, sets AI_ADDRCONFIG.
        profile.ask.addrconfig = AddrConfigRule::Always;
    } else {
        // nss/getent.c, hosts_keys: an address is looked up in reverse, a name as IPv6 and then as IPv4.
        profile.plan.name.literal = Literal::ReverseOrDigits;
        profile.ask.unspec = &[QType::Aaaa, QType::A];
        profile.ask.unspec_one_by_one = profile.ask.unspec;
        profile.ask.passes = Passes::PerType;
        profile.ask.addrconfig = AddrConfigRule::NoEffect;
    }
    profile
}
