//! What a walk needs to know of a message or of an error: between the resolver library's types and the walk's.

use std::io;

use dnsprobe_resolv::{Fqdn, Message, Outcome, Rcode, Reply};
use hickory_resolver::net::NetError;
use hickory_resolver::proto::op::DnsResponse;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

/// What came of a transmission.
#[derive(Debug)]
pub(super) enum Came {
    /// Something the walk decides by.
    Reply(Reply),
    /// Something no resolver uses: it goes on waiting.
    Nothing(Outcome),
    /// A failure on this side.
    Failure(NetError),
}

/// Sorts what came of a transmission that asked for `qtype`.
pub(super) fn came(result: Result<DnsResponse, NetError>, qtype: RecordType) -> Came {
    match result {
        Ok(response) => Came::Reply(Reply::Message(message(&response, qtype))),
        Err(NetError::Io(error)) if is_unreachable(error.kind()) => Came::Reply(Reply::Unreachable),
        // What the library says of a TCP stream that ended before the answer.
        Err(NetError::Message(_) | NetError::Msg(_)) => Came::Reply(Reply::Unreachable),
        Err(NetError::Timeout) => Came::Nothing(Outcome::Timeout),
        Err(NetError::Proto(_)) => Came::Nothing(Outcome::Unknown),
        Err(error) => Came::Failure(error),
    }
}

fn is_unreachable(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        kind,
        Kind::ConnectionRefused
            | Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::BrokenPipe
            | Kind::NotConnected
            | Kind::UnexpectedEof
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
            // No address of the server's family here.
            | Kind::AddrNotAvailable
            // A packet filter on the way out.
            | Kind::PermissionDenied
    )
}

fn message(response: &DnsResponse, qtype: RecordType) -> Message {
    let addresses = response.answers.iter().filter(|record| record.record_type() == qtype);
    Message {
        rcode: Rcode(response.response_code.into()),
        addresses: addresses.filter_map(|record| record.data.ip_addr()).collect(),
        cname: chain_end(&response.answers),
        truncated: response.truncation,
        authoritative: response.authoritative,
        recursion_available: response.recursion_available,
        soa: response.authorities.iter().any(|record| record.record_type() == RecordType::SOA),
        // The library takes the OPT record out of the section.
        additional: !response.additionals.is_empty() || response.edns.is_some(),
    }
}

/// Where the last alias points to: servers put a chain in order (RFC 1034 section 4.3.2).
fn chain_end(answers: &[Record]) -> Option<Fqdn> {
    answers.iter().rev().find_map(|record| match &record.data {
        RData::CNAME(target) => Some(fqdn(&target.0)),
        _ => None,
    })
}

fn fqdn(name: &Name) -> Fqdn {
    let labels: Vec<&[u8]> = name.iter().collect();
    Fqdn::join(&labels.join(&b'.'), None)
}

/// The library's form of a candidate; `None` when it has none.
pub(super) fn wire_name(fqdn: &Fqdn) -> Option<Name> {
    let labels: Vec<Vec<u8>> = fqdn.labels().map(unescape).collect::<Option<_>>()?;
    let mut name = Name::from_labels(labels.iter().map(Vec::as_slice)).ok()?;
    name.set_fqdn(true);
    Some(name)
}

/// The bytes of a label in presentation form, where everything unprintable is `\ddd` in decimal.
fn unescape(label: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(label.len());
    let mut rest = label.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = *first == b'\\';
        let (code, tail) = if escaped { tail.split_at_checked(3)? } else { (&rest[..1], tail) };
        bytes.push(if escaped { std::str::from_utf8(code).ok()?.parse().ok()? } else { *first });
        rest = tail;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_keeps_its_bytes_and_its_case() {
        let name = wire_name(&Fqdn::join(b"We\xffird\\ one", Some(b"example.com"))).unwrap();
        let labels: Vec<&[u8]> = name.iter().collect();
        assert_eq!(labels, [&b"We\xffird\\ one"[..], b"example", b"com"]);
        assert!(name.is_fqdn());
        assert_eq!(fqdn(&name).as_str(), Fqdn::join(b"We\xffird\\ one", Some(b"example.com")).as_str());
    }

    #[test]
    fn a_name_that_fits_no_message_has_no_wire_form() {
        assert_eq!(wire_name(&Fqdn::join(&[b'a'; 64], None)), None);
        assert_eq!(wire_name(&Fqdn::join(&b"a.".repeat(128), None)), None);
    }

    #[test]
    fn the_root_has_no_labels() {
        assert_eq!(wire_name(&Fqdn::from_presentation(".")).unwrap(), Name::root());
    }

    #[test]
    fn a_failure_on_this_side_is_no_reply() {
        let no_sockets = io::Error::from_raw_os_error(24);
        assert!(matches!(came(Err(NetError::from(no_sockets)), RecordType::A), Came::Failure(_)));
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert!(matches!(came(Err(NetError::from(refused)), RecordType::A), Came::Reply(Reply::Unreachable)));
    }
}
