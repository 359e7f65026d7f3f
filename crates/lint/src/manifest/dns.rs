//! The DNS part of a pod spec: as written, and as settings.

use crate::yaml::{Data, Value};
use dnsprobe_resolv::pod::{DnsConfig, DnsOption, DnsPolicy, Network, PodDns};
use std::net::IpAddr;

/// `dnsPolicy`, `hostNetwork` and `dnsConfig` as written.
#[derive(Debug, Default)]
pub(crate) struct DnsFields {
    /// Key and value; null and empty values are kept.
    pub(crate) policy: Option<(Value, Value)>,
    pub(crate) host_network: Option<(Value, Value)>,
    pub(crate) config: Option<(Value, Value)>,
}

/// One entry of `options` that is a mapping.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OptionEntry<'a> {
    pub(crate) item: &'a Value,
    pub(crate) name: Option<&'a Value>,
    pub(crate) value: Option<&'a Value>,
}

impl<'a> OptionEntry<'a> {
    /// The name when it is a string.
    pub(crate) fn name(&self) -> Option<&'a str> {
        self.name.and_then(Value::text)
    }

    /// The value when it is a string that is not empty.
    pub(crate) fn value(&self) -> Option<&'a str> {
        self.value.and_then(Value::text).filter(|value| !value.is_empty())
    }

    /// The value's place, or the name's, or the item's.
    pub(crate) fn place(&self) -> &'a Value {
        self.value.filter(|value| !value.is_null()).or(self.name).unwrap_or(self.item)
    }
}

impl DnsFields {
    pub(crate) fn policy_text(&self) -> &str {
        self.policy.as_ref().and_then(|(_, value)| value.text()).unwrap_or_default()
    }

    /// The policy in force; one that the API server would refuse is taken as the default.
    pub(crate) fn dns_policy(&self) -> DnsPolicy {
        DnsPolicy::parse(self.policy_text()).unwrap_or_default()
    }

    pub(crate) fn network(&self) -> Network {
        match self.host_network.as_ref().map(|(_, value)| &value.data) {
            Some(Data::Bool(true, _)) => Network::Host,
            _ => Network::Pod,
        }
    }

    /// A template's placeholder in quotes reads as a string and is none of the values the pod will have.
    pub(crate) fn is_templated(&self) -> bool {
        let fields = [&self.policy, &self.host_network, &self.config];
        fields.into_iter().flatten().any(|(_, value)| holds_placeholder(value))
    }

    /// The value of `dnsConfig`, when it is a mapping.
    pub(crate) fn config(&self) -> Option<&Value> {
        self.config.as_ref().map(|(_, value)| value).filter(|value| matches!(value.data, Data::Mapping(_)))
    }

    fn list(&self, name: &str) -> &[Value] {
        self.config().and_then(|config| config.get(name)).map_or(&[], Value::items)
    }

    pub(crate) fn nameservers(&self) -> &[Value] {
        self.list("nameservers")
    }

    pub(crate) fn searches(&self) -> &[Value] {
        self.list("searches")
    }

    /// Nameservers that are addresses, with their places.
    pub(crate) fn addresses(&self) -> Vec<(&Value, IpAddr)> {
        let address = |item| Some((item, nameserver_address(Value::text(item)?)?));
        self.nameservers().iter().filter_map(address).collect()
    }

    /// Options that have the right shape.
    pub(crate) fn options(&self) -> Vec<OptionEntry<'_>> {
        let entry = |item: &'_ Value| matches!(item.data, Data::Mapping(_) | Data::Null);
        let items = self.list("options").iter().filter(|item| entry(item));
        items
            .map(|item| OptionEntry {
                item,
                name: item.entry("name").map(|(_, value)| value),
                value: item.entry("value").map(|(_, value)| value),
            })
            .collect()
    }

    /// The option of a name that counts: the last one.
    pub(crate) fn option(&self, name: &str) -> Option<OptionEntry<'_>> {
        self.options().into_iter().rev().find(|option| option.name() == Some(name))
    }

    /// The same for the kubelet. Entries that are no strings are left out.
    pub(crate) fn settings(&self, namespace: &str) -> PodDns {
        let texts = |items: &[Value]| items.iter().filter_map(Value::text).map(str::to_owned).collect();
        let option = |entry: OptionEntry<'_>| {
            Some(DnsOption { name: entry.name()?.to_owned(), value: entry.value().map(str::to_owned) })
        };
        let config = self.config().map(|_| DnsConfig {
            nameservers: texts(self.nameservers()),
            searches: texts(self.searches()),
            options: self.options().into_iter().filter_map(option).collect(),
        });
        PodDns { policy: self.dns_policy(), network: self.network(), config, namespace: namespace.to_owned() }
    }
}

fn holds_placeholder(value: &Value) -> bool {
    match &value.data {
        Data::Text(text) => text.contains("{{"),
        Data::Sequence(items) => items.iter().any(holds_placeholder),
        Data::Mapping(entries) => entries.iter().any(|(_, value)| holds_placeholder(value)),
        _ => false,
    }
}

/// A nameserver as an address; leading zeros in IPv4 are read as decimal, as the API server does
/// (`netutils.ParseIPSloppy`).
pub(crate) fn nameserver_address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let octets: Vec<u8> = text.split('.').map(decimal_octet).collect::<Option<_>>()?;
    let octets: [u8; 4] = octets.try_into().ok()?;
    Some(IpAddr::from(octets))
}

fn decimal_octet(text: &str) -> Option<u8> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits
        .then(|| text.trim_start_matches('0'))
        .and_then(|text| if text.is_empty() { Some(0) } else { text.parse().ok() })
}
