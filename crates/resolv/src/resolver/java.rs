//! Java's `InetAddress`: `getaddrinfo` of the libc, taken to be glibc (`OpenJDK` 17, `Inet6AddressImpl.c`).

use super::{Resolver, ResolverId, glibc};
use crate::Profile;
use crate::profile::planning::Literal;

pub(super) fn profile(resolver: &Resolver) -> Profile {
    let mut profile = glibc::profile(&Resolver::new(ResolverId::Glibc));
    profile.resolver = *resolver;
    // InetAddress.getAllByName reads addresses by itself, and passes every other form on.
    profile.plan.name.literal = Literal::Aton;
    profile
}
