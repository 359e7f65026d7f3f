//! Addresses of nameservers, as the resolvers read them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::name;
use crate::profile::parse::{AddressSyntax, Scope};

/// A nameserver in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nameserver {
    /// The word in the file, or the address a resolver falls back to.
    pub text: String,
    /// Its address.
    pub address: IpAddr,
    /// The interface of a link-local IPv6 address, as written behind `%`.
    pub scope: Option<String>,
    /// The port.
    pub port: u16,
    /// Which `nameserver` line of the file this is, from 0 and bad ones counted; `None` for a fall-back.
    pub line_index: Option<usize>,
}

impl Nameserver {
    /// A nameserver on port 53 at this address.
    pub fn at(address: IpAddr) -> Self {
        Self { text: address.to_string(), address, scope: None, port: 53, line_index: None }
    }
}

/// Reads the address of a `nameserver` line.
pub(super) fn read(word: &[u8], syntax: AddressSyntax) -> Option<Nameserver> {
    let text = std::str::from_utf8(word).ok()?;
    let ported = matches!(syntax, AddressSyntax::NetPtonWithPort | AddressSyntax::AtonWithPort);
    if let Some((bare, port)) = Some(text).filter(|_| ported).and_then(split_port) {
        let nameserver = read(bare.as_bytes(), syntax)?;
        return Some(Nameserver { text: name::escape(word), port: port.parse().ok()?, ..nameserver });
    }
    let (bare, scope) = match text.split_once('%') {
        Some(_) if syntax == AddressSyntax::NetPton => return None,
        Some((bare, scope)) => (bare, Some(scope.to_owned())),
        None => (text, None),
    };
    let address = match bare.parse::<Ipv6Addr>() {
        Ok(address) => IpAddr::V6(address),
        Err(_) if scope.is_some() && syntax != AddressSyntax::NetPtonWithPort => return None,
        Err(_) => IpAddr::V4(read_v4(bare, syntax)?),
    };
    Some(Nameserver { text: name::escape(word), address, scope, port: 53, line_index: None })
}

/// Whether the interface behind `%`, if any, is taken with this address.
pub(super) fn takes_scope(nameserver: &Nameserver, rule: Scope) -> bool {
    let (Some(scope), IpAddr::V6(address)) = (&nameserver.scope, nameserver.address) else { return true };
    let local = address.is_unicast_link_local() || address.octets()[..2] == [0xff, 0x02];
    let number = || !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_digit());
    match rule {
        Scope::Any => true,
        Scope::NumberUnlessLinkLocal => local || number(),
    }
}

/// `a.b.c.d:port`, `[address]:port` and `[address]`; `None` without a port or brackets.
fn split_port(text: &str) -> Option<(&str, &str)> {
    if let Some((inner, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return Some((inner, rest.strip_prefix(':').unwrap_or("53")));
    }
    text.split_once(':').filter(|(_, port)| !port.contains(':'))
}

fn read_v4(text: &str, syntax: AddressSyntax) -> Option<Ipv4Addr> {
    match syntax {
        AddressSyntax::Aton | AddressSyntax::AtonWithPort => inet_aton(text),
        AddressSyntax::Strict => text.parse().ok(),
        AddressSyntax::NetPton => net_pton(text),
        AddressSyntax::NetPtonWithPort => net_pton(text).filter(|_| !text.contains(['x', 'X'])),
    }
}

/// BSD's `inet_net_pton` as c-ares has it (`src/lib/inet_net_pton.c`): numbers are decimal whatever they begin with,
/// and what is missing is zeros at the end; `0x` begins hexadecimal octets.
pub(crate) fn net_pton(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u8> = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) if hex.len() % 2 == 0 && hex.is_ascii() => {
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
        }
        Some(_) => None,
        None => text.split('.').map(decimal_octet).collect::<Option<_>>(),
    }?;
    let mut octets = [0; 4];
    octets.get_mut(..parts.len()).filter(|_| !parts.is_empty())?.copy_from_slice(&parts);
    Some(octets.into())
}

fn decimal_octet(text: &str) -> Option<u8> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// C's `inet_aton`: one to four numbers, decimal, octal or hexadecimal, of which the last fills what is left of the
/// address (`10.1` is 10.0.0.1).
pub fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = text.split('.').map(aton_number).collect::<Option<_>>()?;
    let (last, head) = parts.split_last()?;
    if head.len() > 3 || head.iter().any(|part| *part > 255) {
        return None;
    }
    let bits_left = 32 - 8 * u32::try_from(head.len()).ok()?;
    if u64::from(*last) >= 1 << bits_left {
        return None;
    }
    let shifted = head.iter().zip([24, 16, 8]).map(|(part, shift)| part << shift);
    Some(Ipv4Addr::from(shifted.fold(*last, |sum, part| sum | part)))
}

fn aton_number(text: &str) -> Option<u32> {
    if !text.bytes().next()?.is_ascii_digit() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => u32::from_str_radix(&text[1..], 8).ok(),
        None => text.parse().ok(),
    }
}
