//! Lookups as what-if takes them: who asked what, and what is known of the answers. One client's, in bounded memory.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dnsprobe_resolv::whatif::{Asked, Class, Conf, Extent, Knowledge, Observation, Told, Weighed, weigh};
use dnsprobe_resolv::{Fqdn, Message, Outcome, QType, Rcode, Reply, Resolver, ResolverId};

use crate::lookup::{Lookup, Question, Step};
use crate::time::{Nanos, Timestamp};

/// Kinds of lookup kept; of those beyond, only their number.
const MOST_CLASSES: usize = 32_768;
/// Lookups of one kind whose times are kept, and of all kinds together.
const MOST_SAMPLES: (usize, usize) = (4_096, 262_144);
/// Servers remembered.
const MOST_SERVERS: usize = 64;

/// All lookups of one client.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    classes: Vec<Class>,
    index: HashMap<String, usize>,
    knowledge: Knowledge,
    servers: Vec<IpAddr>,
    samples: usize,
    /// Lookups of which no kind was kept, and their transmissions.
    beyond: (u64, u64),
}

impl Observed {
    /// Adds a lookup; `told` is who asked, where that is known better than from the packets.
    pub fn add(&mut self, lookup: &Lookup, told: Option<(Resolver, Told)>) {
        let Some(seen) = observation(lookup, told) else { return };
        for asked in &seen.asked {
            if seen.extent == Extent::Whole || asked.reply.is_some() {
                self.knowledge.note(asked);
            }
            self.note_server(asked.server);
        }
        let added: Vec<Option<i64>> =
            lookup.steps.iter().map(|step| step.added.map(|added| added.0)).collect();
        let added_ns = added.iter().map(|it| it.map_or((0, 0), |added| (i128::from(added), 1))).collect();
        self.add_class(Class { seen, lookups: 1, added_ns, samples: vec![added] });
    }

    /// Adds what was observed of the same client elsewhere.
    pub fn absorb(&mut self, other: Self) {
        self.knowledge.absorb(other.knowledge);
        for server in other.servers {
            self.note_server(server);
        }
        self.beyond.0 += other.beyond.0;
        self.beyond.1 += other.beyond.1;
        for class in other.classes {
            self.add_class(class);
        }
    }

    fn note_server(&mut self, server: IpAddr) {
        if !self.servers.contains(&server) && self.servers.len() < MOST_SERVERS {
            self.servers.push(server);
        }
    }

    fn add_class(&mut self, class: Class) {
        let key = key(&class.seen);
        let index = match self.index.get(&key) {
            Some(index) => *index,
            None if self.classes.len() >= MOST_CLASSES => {
                self.beyond.0 += class.lookups;
                self.beyond.1 += class.lookups * class.seen.asked.len() as u64;
                return;
            }
            None => {
                let added_ns = vec![(0, 0); class.added_ns.len()];
                let seen = class.seen;
                self.classes.push(Class { seen, lookups: 0, added_ns, samples: Vec::new() });
                self.index.insert(key, self.classes.len() - 1);
                self.classes.len() - 1
            }
        };
        let known = &mut self.classes[index];
        known.lookups += class.lookups;
        for (sum, more) in known.added_ns.iter_mut().zip(&class.added_ns) {
            *sum = (sum.0 + more.0, sum.1 + more.1);
        }
        for sample in class.samples {
            if known.samples.len() < MOST_SAMPLES.0 && self.samples < MOST_SAMPLES.1 {
                self.samples += 1;
                known.samples.push(sample);
            }
        }
    }

    /// The servers asked, the first one asked first.
    pub fn servers(&self) -> &[IpAddr] {
        &self.servers
    }

    /// What other settings than these would come to.
    pub fn weigh(&self, conf: &Conf) -> Weighed {
        weigh(&self.classes, self.beyond, conf, &self.knowledge)
    }
}

/// What makes two lookups alike: name, resolver, every transmission with its outcome, and the order of the answers.
fn key(seen: &Observation) -> String {
    let mut key = format!("{} {} {:?} {}", seen.resolver, seen.resolver.api, seen.extent, seen.name);
    let mut arrivals: Vec<(u64, usize)> = Vec::new();
    for (index, asked) in seen.asked.iter().enumerate() {
        let outcome = asked.reply.as_ref().map_or(Outcome::Timeout, outcome_of);
        let transport = asked.transport.as_str();
        // Writing to a String cannot fail.
        let _ = write!(
            key,
            "\n{} {} {} {transport} {outcome}",
            asked.qname.to_lowercase(),
            asked.qtype,
            asked.server
        );
        arrivals.extend(asked.latency_us.map(|latency| (asked.sent_us + latency, index)));
    }
    arrivals.sort_unstable();
    for (_, index) in arrivals {
        let _ = write!(key, " {index}");
    }
    key
}

fn outcome_of(reply: &Reply) -> Outcome {
    match reply {
        Reply::Message(message) => message.outcome(),
        Reply::Unreachable => Outcome::Unreachable,
    }
}

/// A lookup as what-if takes it; `None` where nothing was asked.
pub fn observation(lookup: &Lookup, told: Option<(Resolver, Told)>) -> Option<Observation> {
    let seen_as = resolver(lookup);
    let by_packets = if lookup.resolver.known_id().is_some() { Told::Inferred } else { Told::Open };
    let (resolver, told) = match told {
        // What was found in the files is of use where the packets show the same resolver.
        Some((resolver, Told::Detected)) if resolver.id != seen_as.id => (seen_as, by_packets),
        Some((resolver, told)) => (Resolver { api: same_api(resolver, seen_as), ..resolver }, told),
        None => (seen_as, by_packets),
    };
    let start = lookup.start.unwrap_or_default();
    let mut questions: Vec<(&Step, &Question)> =
        lookup.steps.iter().flat_map(|step| step.questions.iter().map(move |it| (step, it))).collect();
    questions.sort_by_key(|(_, question)| question.sent);
    let asked: Vec<Asked> =
        questions.into_iter().map(|(step, question)| asked(lookup, step, question, start)).collect();
    let extent = if lookup.partial { Extent::Partial } else { Extent::Whole };
    (!asked.is_empty()).then(|| Observation {
        name: lookup.name_as_read(),
        resolver,
        told,
        asked,
        candidates: lookup.steps.iter().map(|step| Fqdn::from_presentation(&step.candidate)).collect(),
        outcome: lookup.outcome,
        extent,
    })
}

/// The model of the resolver that a lookup is attributed to.
fn resolver(lookup: &Lookup) -> Resolver {
    let seen = &lookup.resolver;
    let version = seen.version.as_ref().map(|version| format!("@{version}")).unwrap_or_default();
    let parsed = Resolver::parse(&format!("{}{version}", seen.id)).or_else(|_| Resolver::parse(seen.id));
    let resolver = parsed.unwrap_or(Resolver::new(ResolverId::Glibc));
    // `getent hosts` is shown as a call of glibc.
    let getent = Resolver::new(ResolverId::Getent);
    match seen.api.as_deref() {
        Some(api) if resolver.id == ResolverId::Glibc => getent.with_api(api).unwrap_or(resolver),
        Some(api) => resolver.with_api(api).unwrap_or(resolver),
        None => resolver,
    }
}

fn same_api(told: Resolver, seen: Resolver) -> &'static str {
    if told.id == seen.id { seen.api } else { told.api }
}

fn asked(lookup: &Lookup, step: &Step, question: &Question, start: Timestamp) -> Asked {
    let us = |time: Nanos| u64::try_from(time.0 / 1_000).unwrap_or(0);
    Asked {
        qname: Fqdn::from_presentation(&question.qname),
        qtype: question.qtype,
        server: question.server,
        transport: question.transport,
        reply: question.latency.and_then(|_| reply(lookup, step, question)),
        latency_us: question.latency.map(us),
        sent_us: question.sent.map_or(0, |sent| us(sent - start)),
    }
}

/// The answer to a question as far as a lookup keeps it.
fn reply(lookup: &Lookup, step: &Step, question: &Question) -> Option<Reply> {
    let empty = Message { soa: true, ..Message::default() };
    let failed = |rcode| Message { soa: rcode == Rcode::NXDOMAIN, ..Message::with_rcode(rcode) };
    let message = match question.outcome {
        Outcome::Answer => Message {
            addresses: addresses(lookup, step, question.qtype),
            cname: alias(step),
            ..Message::default()
        },
        Outcome::NoData => empty,
        Outcome::Cname => Message {
            cname: alias(step).or_else(|| Some(Fqdn::from_presentation("alias.invalid."))),
            ..empty
        },
        Outcome::NxDomain => failed(Rcode::NXDOMAIN),
        Outcome::ServFail => failed(Rcode::SERVFAIL),
        Outcome::Refused => failed(Rcode::REFUSED),
        Outcome::FormErr => failed(Rcode::FORMERR),
        Outcome::NotImp => failed(Rcode::NOTIMP),
        Outcome::Unknown => failed(OTHER_FAILURE),
        Outcome::Lame => Message { recursion_available: false, ..Message::default() },
        Outcome::Truncated => Message { truncated: true, ..Message::default() },
        Outcome::Unreachable => return Some(Reply::Unreachable),
        Outcome::Timeout => return None,
    };
    Some(Reply::Message(message))
}

/// Stands for every response code that has no word of its own: YXDOMAIN (RFC 2136).
const OTHER_FAILURE: Rcode = Rcode(6);

/// The addresses that came for a type; where they were not kept, one from the ranges for documentation stands for them.
fn addresses(lookup: &Lookup, step: &Step, qtype: QType) -> Vec<IpAddr> {
    let last = lookup.steps.last().is_some_and(|last| last.candidate == step.candidate);
    let wanted = |address: &&IpAddr| address.is_ipv6() == (qtype == QType::Aaaa);
    let kept: Vec<IpAddr> = lookup.addresses.iter().filter(|_| last).filter(wanted).copied().collect();
    if !kept.is_empty() {
        return kept;
    }
    let stand_in: IpAddr = match qtype {
        QType::Aaaa => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
        _ => Ipv4Addr::new(192, 0, 2, 1).into(),
    };
    vec![stand_in]
}

/// Where the aliases of a step lead, as far as their end was asked for.
fn alias(step: &Step) -> Option<Fqdn> {
    let other = step.questions.iter().find(|it| !it.qname.eq_ignore_ascii_case(&step.candidate))?;
    Some(Fqdn::from_presentation(&other.qname))
}
