//! What the demo's DNS server answers, from the table in `zones`.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::rdata::SOA;
use hickory_server::proto::rr::{LowerName, Name, RData, Record, RecordType};

use super::server::{Asked, Reply, Script};
use super::zones::{ZONES, Zone};

/// How long a positive answer may be kept, in seconds; nothing in the demo keeps any.
const TTL: u32 = 30;

/// The cluster's server.
pub(super) fn script() -> Script {
    let zones: Vec<Loaded> = ZONES.iter().map(Loaded::from).collect();
    Box::new(move |asked| {
        let zone = zones.iter().find(|zone| zone.origin.zone_of(asked.name));
        zone.map(|zone| zone.reply(asked))
    })
}

/// A zone with its names parsed.
struct Loaded {
    data: &'static Zone,
    origin: LowerName,
    hosts: Vec<(LowerName, &'static [IpAddr])>,
}

impl From<&'static Zone> for Loaded {
    fn from(data: &'static Zone) -> Self {
        let name = |text: &str| LowerName::from_str(text).unwrap_or_default();
        let hosts = data
            .hosts
            .iter()
            .map(|host| (name(&format!("{}.{}", host.name, data.origin)), host.addresses))
            .collect();
        Self { data, origin: name(data.origin), hosts }
    }
}

/// What a zone has at a name.
#[derive(Debug, PartialEq)]
enum Found {
    Addresses(&'static [IpAddr]),
    /// Only names below it (RFC 8020).
    NamesBelow,
    Nothing,
}

impl Loaded {
    fn find(&self, name: &LowerName) -> Found {
        let exact = self.hosts.iter().find(|(host, _)| host == name);
        if let Some((_, addresses)) = exact.or_else(|| self.wildcard(name)) {
            return Found::Addresses(addresses);
        }
        let below = |(host, _): &(LowerName, _)| name.zone_of(host);
        if *name == self.origin || self.hosts.iter().any(below) { Found::NamesBelow } else { Found::Nothing }
    }

    /// The wildcard that is nearest, unless something that exists is nearer (RFC 4592 section 2.2.1).
    fn wildcard(&self, name: &LowerName) -> Option<&(LowerName, &'static [IpAddr])> {
        let mut encloser = name.base_name();
        while self.origin.zone_of(&encloser) {
            let star = |(host, _): &&(LowerName, _)| host.is_wildcard() && host.base_name() == encloser;
            if let Some(found) = self.hosts.iter().find(star) {
                return Some(found);
            }
            if self.hosts.iter().any(|(host, _)| encloser.zone_of(host)) || encloser.is_root() {
                return None;
            }
            encloser = encloser.base_name();
        }
        None
    }

    fn reply(&self, asked: &Asked<'_>) -> Reply {
        let found = self.find(asked.name);
        let addresses = if let Found::Addresses(addresses) = found { addresses } else { &[] };
        let answers: Vec<Record> =
            addresses.iter().filter_map(|&address| record(asked.name, asked.qtype, address)).collect();
        let rcode = if found == Found::Nothing { ResponseCode::NXDomain } else { ResponseCode::NoError };
        Reply {
            authoritative: self.data.authoritative,
            soa: answers.is_empty().then(|| self.soa()),
            answers,
            delay: self.delay(asked),
            ..Reply::empty(rcode)
        }
    }

    fn soa(&self) -> Record {
        let origin = Name::from(&self.origin);
        let below = |label: &str| Name::from_str(label).and_then(|name| name.append_name(&origin));
        let server = below("ns.dns").unwrap_or_default();
        let contact = below("hostmaster").unwrap_or_default();
        let minimum = self.data.negative_ttl;
        let soa = SOA::new(server, contact, 1, 7_200, 1_800, 86_400, minimum);
        Record::from_rdata(origin, minimum, RData::SOA(soa))
    }

    /// Somewhere in the zone's span: the same for the same question, so that two runs of the demo look alike.
    fn delay(&self, asked: &Asked<'_>) -> Duration {
        let mut hasher = DefaultHasher::new();
        (asked.name.to_string(), u16::from(asked.qtype)).hash(&mut hasher);
        let (shortest, longest) = self.data.delay_us;
        Duration::from_micros(shortest + hasher.finish() % (longest - shortest))
    }
}

fn record(name: &LowerName, qtype: RecordType, address: IpAddr) -> Option<Record> {
    let data = match (qtype, address) {
        (RecordType::A, IpAddr::V4(address)) => RData::A(address.into()),
        (RecordType::AAAA, IpAddr::V6(address)) => RData::AAAA(address.into()),
        _ => return None,
    };
    Some(Record::from_rdata(Name::from(name), TTL, data))
}

#[cfg(test)]
mod tests {
    use dnsprobe_resolv::Transport;

    use super::*;
    use crate::demo::zones::{NAMES, RESOLV_CONF};

    fn ask(name: &str, qtype: RecordType) -> Reply {
        let name = LowerName::from_str(name).unwrap();
        match script()(&Asked { name: &name, qtype, transport: Transport::Udp }) {
            Some(reply) => reply,
            None => panic!("no zone for {name}"),
        }
    }

    #[test]
    fn every_name_of_the_table_is_served_and_in_its_zone() {
        for zone in ZONES {
            for host in zone.hosts {
                let name = format!("{}.{}", host.name.replace('*', "any"), zone.origin);
                let qtype = if host.addresses[0].is_ipv4() { RecordType::A } else { RecordType::AAAA };
                let reply = ask(&name, qtype);
                assert!(!reply.answers.is_empty(), "{name}");
                assert_eq!(reply.authoritative, zone.authoritative);
                let (shortest, longest) = zone.delay_us;
                assert!((shortest..longest).contains(&u64::try_from(reply.delay.as_micros()).unwrap()));
            }
        }
    }

    #[test]
    fn a_missing_name_is_nxdomain_and_a_missing_type_is_nodata_both_with_soa() {
        let missing = ask("web.svc.cluster.local.", RecordType::A);
        assert_eq!((missing.rcode, missing.answers.len()), (ResponseCode::NXDomain, 0));
        assert_eq!(missing.soa.unwrap().ttl, 5);
        let no_ipv6 = ask("web.shop.svc.cluster.local.", RecordType::AAAA);
        assert_eq!((no_ipv6.rcode, no_ipv6.answers.len()), (ResponseCode::NoError, 0));
        assert!(no_ipv6.soa.is_some());
    }

    #[test]
    fn a_name_with_names_below_it_exists() {
        assert_eq!(ask("shop.svc.cluster.local.", RecordType::A).rcode, ResponseCode::NoError);
        assert_eq!(ask("test.corp.example.", RecordType::A).rcode, ResponseCode::NoError);
    }

    #[test]
    fn the_wildcard_answers_at_any_depth_below_its_own_name_only() {
        assert_eq!(ask("metrics.vendor.test.corp.example.", RecordType::A).answers.len(), 1);
        assert_eq!(ask("www.example.com.corp.example.", RecordType::A).rcode, ResponseCode::NXDomain);
    }

    #[test]
    fn the_name_taken_over_has_another_address_outside() {
        let inside = ask("metrics.vendor.test.corp.example.", RecordType::A);
        let outside = ask("metrics.vendor.test.", RecordType::A);
        assert_ne!(inside.answers[0].data, outside.answers[0].data);
    }

    #[test]
    fn no_name_of_the_demo_is_taken_over_but_the_last() {
        let search = RESOLV_CONF.lines().next().unwrap().trim_start_matches("search ");
        for name in NAMES.iter().filter(|name| name.contains(".com") && !name.ends_with('.')) {
            for suffix in search.split(' ') {
                let rcode = ask(&format!("{name}.{suffix}."), RecordType::A).rcode;
                assert_eq!(rcode, ResponseCode::NXDomain, "{name} {suffix}");
            }
        }
    }
}
