//! Names that never become a question.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Refusal;
use crate::Family;
use crate::conf::{inet_aton, net_pton};
use crate::name::{self, Escapes, Fqdn};
use crate::profile::planning::{Literal, NameCheck, NameRules, SpecialDoes};

/// Why the name is not asked at all, if so.
pub(super) fn refuse(typed: &[u8], rules: &NameRules, family: Family, ndots: u32) -> Option<Refusal> {
    if let Some(address) = literal(typed, rules.literal, family, ndots) {
        let wanted = match family {
            _ if rules.literal == Literal::WalkedThenReturned => true,
            Family::Unspec => true,
            Family::Inet => address.is_ipv4(),
            Family::Inet6 => address.is_ipv6(),
        };
        return Some(if wanted { Refusal::Literal(address) } else { Refusal::OtherFamily(address) });
    }
    // A name of one family goes through gethostbyname2 (glibc nss/getaddrinfo.c), which takes digits for an address.
    let digits = match rules.literal {
        Literal::Aton => family == Family::Inet && rules.check == NameCheck::Hostname,
        Literal::ReverseOrDigits => true,
        _ => false,
    };
    if digits && is_digits_and_dots(typed) {
        return Some(Refusal::BadName("it is made of digits alone"));
    }
    let covering = rules.special.iter().find(|special| special.name.covers(typed));
    match covering.map(|special| special.does) {
        Some(SpecialDoes::Loopback) => return Some(Refusal::Local(loopback(family))),
        Some(SpecialDoes::Empty) => return Some(Refusal::Local(Vec::new())),
        Some(SpecialDoes::Refused) => return Some(Refusal::BadName("it is never asked in DNS")),
        Some(SpecialDoes::LeftOut | SpecialDoes::RootServers) | None => {}
    }
    bad_name(typed, rules).map(Refusal::BadName)
}

/// hickory `resolver.rs`, `lookup_ip`: with more dots wanted than an IPv4 address has it could be a name.
const WALKED_ABOVE: u32 = 4;

/// The address that is returned without a question.
fn literal(typed: &[u8], rule: Literal, family: Family, ndots: u32) -> Option<IpAddr> {
    let (v4, v6) = addresses(typed);
    let text = std::str::from_utf8(typed).unwrap_or_default();
    match rule {
        Literal::Aton => inet_aton(text).map(IpAddr::V4).or(v6),
        Literal::Decimal => decimal(text).or(v6.filter(|_| !typed.contains(&b'%'))),
        Literal::ReverseOrDigits if v4.is_none() && is_digits_and_dots(typed) => {
            inet_aton(text).map(IpAddr::V4)
        }
        Literal::Reverse | Literal::ReverseOrDigits | Literal::Name => None,
        Literal::AskedAndReturned => match family {
            Family::Unspec | Family::Inet6 => v6.filter(|_| !typed.contains(&b'%')),
            Family::Inet => decimal(text),
        },
        Literal::WalkedThenReturned if ndots > WALKED_ABOVE => v6,
        Literal::Strict | Literal::WalkedThenReturned => v4.or(v6),
    }
}

/// Four decimal numbers, zeros in front or not (c-ares).
fn decimal(text: &str) -> Option<IpAddr> {
    let four = text.split('.').count() == 4 && !text.contains(['x', 'X']);
    net_pton(text).filter(|_| four).map(IpAddr::V4)
}

/// Digits and dots, a digit first and no dot last (glibc `nss/digits_dots.c`).
fn is_digits_and_dots(typed: &[u8]) -> bool {
    typed.first().is_some_and(u8::is_ascii_digit)
        && typed.last() != Some(&b'.')
        && typed.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

/// The address that is returned after questions that do not matter.
pub(super) fn returned_anyway(typed: &[u8], rule: Literal, family: Family) -> Option<IpAddr> {
    let (v4, _) = addresses(typed);
    match rule {
        Literal::WalkedThenReturned => v4,
        Literal::AskedAndReturned if family == Family::Unspec => {
            decimal(std::str::from_utf8(typed).unwrap_or_default())
        }
        _ => None,
    }
}

/// The name read as four decimal numbers, and as IPv6 with or without a scope.
fn addresses(typed: &[u8]) -> (Option<IpAddr>, Option<IpAddr>) {
    let text = std::str::from_utf8(typed).unwrap_or_default();
    let v4 = text.parse::<Ipv4Addr>().ok().map(IpAddr::V4);
    let v6 = text.split('%').next().and_then(|bare| bare.parse::<Ipv6Addr>().ok()).map(IpAddr::V6);
    (v4, v6)
}

/// The name that a PTR question for this address asks (RFC 1035 section 3.5, RFC 3596 section 2.5).
pub(super) fn reverse(typed: &[u8], rule: Literal) -> Option<Fqdn> {
    if !matches!(rule, Literal::Reverse | Literal::ReverseOrDigits) {
        return None;
    }
    let name = match std::str::from_utf8(typed).ok()?.parse().ok()? {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        IpAddr::V6(address) => {
            let nibbles = address.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
            let digits = nibbles.filter_map(|nibble| char::from_digit(u32::from(nibble), 16));
            digits.flat_map(|digit| [digit, '.']).collect::<String>() + "ip6.arpa."
        }
    };
    Some(Fqdn::from_presentation(&name))
}

fn loopback(family: Family) -> Vec<IpAddr> {
    let v4 = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let v6 = IpAddr::V6(Ipv6Addr::LOCALHOST);
    match family {
        Family::Unspec => vec![v4, v6],
        Family::Inet => vec![v4],
        Family::Inet6 => vec![v6],
    }
}

const EMPTY_LABEL: &str = "it has an empty label";
const CHARACTER: &str = "it has a character that no host name has";
const DASH: &str = "it has a `-` where none may stand";
const LENGTH: &str = "it is too long";

fn bad_name(typed: &[u8], rules: &NameRules) -> Option<&'static str> {
    let check = rules.check;
    let encodes = || Fqdn::join_escaped(typed, None, rules.escapes).encodes();
    let (plain, dot_in_label) = name::read_escapes(typed, rules.escapes);
    let inner = plain.strip_suffix(b".").unwrap_or(&plain);
    let mut labels = inner.split(|&byte| byte == b'.');
    let raw = typed.strip_suffix(b".").unwrap_or(typed);
    let has_empty = raw.split(|&byte| byte == b'.').any(<[u8]>::is_empty);
    let hostname_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    match check {
        NameCheck::Length if typed.is_empty() || typed.len() > 254 => Some(LENGTH),
        NameCheck::Length => (has_empty || !encodes()).then_some(EMPTY_LABEL),
        _ if typed == b"." => None,
        _ if has_empty => Some(EMPTY_LABEL),
        NameCheck::Hostname | NameCheck::Word if inner.starts_with(b"-") => Some(DASH),
        NameCheck::GoDomain => bad_go_domain(inner),
        NameCheck::Encodable | NameCheck::Word => (!encodes()).then_some(LENGTH),
        NameCheck::CAres => (!inner.iter().copied().all(is_c_ares_byte)).then_some(CHARACTER),
        NameCheck::Idna if labels.clone().any(|label| label.starts_with(b"-")) => Some(DASH),
        NameCheck::Idna
            if labels.any(|label| label.iter().skip(1).any(|&byte| byte == b'_') && label[0] != b'_') =>
        {
            Some(CHARACTER)
        }
        NameCheck::Hostname if dot_in_label => Some(CHARACTER),
        NameCheck::Idna => {
            // A label may be `*` alone.
            let mut odd = inner.split(|&byte| byte == b'.').filter(|label| *label != b"*");
            odd.any(|label| !label.iter().all(hostname_byte)).then_some(CHARACTER)
        }
        NameCheck::Hostname => (!inner.iter().all(hostname_byte)).then_some(CHARACTER),
    }
}

/// Whether a suffix has nothing that no host name has.
pub(super) fn is_c_ares_name(suffix: &[u8], escapes: Escapes) -> bool {
    name::read_escapes(suffix, escapes).0.iter().copied().all(is_c_ares_byte)
}

/// What a host name may have (c-ares `ares_str.c`, `ares_is_hostnamech`).
fn is_c_ares_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_./*".contains(&byte)
}

/// Go 1.19 to 1.27, `src/net/dnsclient.go`, `isDomainName`.
fn bad_go_domain(inner: &[u8]) -> Option<&'static str> {
    let mut labels = inner.split(|&byte| byte == b'.');
    if inner.len() > 253 || labels.clone().any(|label| label.len() > 63) {
        return Some(LENGTH);
    }
    if labels.any(|label| label.starts_with(b"-") || label.ends_with(b"-")) {
        return Some(DASH);
    }
    if !inner.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte)) {
        return Some(CHARACTER);
    }
    let numeric = inner.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    numeric.then_some("it is made of digits alone")
}
