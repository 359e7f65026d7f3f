//! What a client was answered, over all its lookups.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::Asked;
use crate::simulate::Answered;
use crate::{Fqdn, Outcome, QType, Rcode, Reply, Transport};

/// Questions remembered; of those beyond, nothing is known.
const MOST_QUESTIONS: usize = 65_536;
/// Delays kept of one answer, for their median.
const MOST_DELAYS: usize = 64;

/// What a client was answered, over all its lookups.
#[derive(Debug, Clone, Default)]
pub struct Knowledge {
    facts: HashMap<(Fqdn, QType), Vec<Fact>>,
    /// Servers that were asked.
    asked: HashSet<IpAddr>,
    /// Servers that ever answered.
    alive: HashSet<IpAddr>,
    /// Whether two servers were seen to say different things about one question.
    servers_differ: bool,
}

/// One thing that a server said about a question.
#[derive(Debug, Clone)]
struct Fact {
    server: IpAddr,
    transport: Transport,
    reply: Reply,
    delays_us: Vec<u64>,
}

impl Fact {
    fn answered(&self) -> Answered {
        let mut delays = self.delays_us.clone();
        delays.sort_unstable();
        Answered { reply: Some(self.reply.clone()), delay_us: delays.get(delays.len() / 2).copied() }
    }
}

fn outcome(reply: &Reply) -> Outcome {
    match reply {
        Reply::Message(message) => message.outcome(),
        Reply::Unreachable => Outcome::Unreachable,
    }
}

impl Knowledge {
    /// Notes what came back for a transmission.
    pub fn note(&mut self, asked: &Asked) {
        self.asked.insert(asked.server);
        let Some(reply) = &asked.reply else { return };
        self.alive.insert(asked.server);
        let full = self.facts.len() >= MOST_QUESTIONS;
        let key = (asked.qname.clone(), asked.qtype);
        if full && !self.facts.contains_key(&key) {
            return;
        }
        let facts = self.facts.entry(key).or_default();
        let says = outcome(reply);
        self.servers_differ |=
            facts.iter().any(|fact| fact.server != asked.server && outcome(&fact.reply) != says);
        let same = |fact: &Fact| {
            fact.server == asked.server && fact.transport == asked.transport && outcome(&fact.reply) == says
        };
        let place = facts.iter().position(same).unwrap_or_else(|| {
            let (server, transport) = (asked.server, asked.transport);
            facts.push(Fact { server, transport, reply: reply.clone(), delays_us: Vec::new() });
            facts.len() - 1
        });
        let fact = &mut facts[place];
        if let Some(delay) = asked.latency_us.filter(|_| fact.delays_us.len() < MOST_DELAYS) {
            fact.delays_us.push(delay);
        }
    }

    /// Adds what is known elsewhere of the same client.
    pub fn absorb(&mut self, other: Self) {
        for ((qname, qtype), facts) in other.facts {
            for fact in facts {
                let Fact { server, transport, reply, delays_us } = fact;
                let delays =
                    if delays_us.is_empty() { vec![None] } else { delays_us.into_iter().map(Some).collect() };
                for latency_us in delays {
                    let (qname, reply) = (qname.clone(), Some(reply.clone()));
                    self.note(&Asked { qname, qtype, server, transport, reply, latency_us, sent_us: 0 });
                }
            }
        }
        self.asked.extend(other.asked);
        self.alive.extend(other.alive);
        self.servers_differ |= other.servers_differ;
    }

    /// What this server would answer, if that is known: the one thing that it was seen to say. A server that never said
    /// anything stays silent. One that said nothing about this question says what the others do, unless servers were
    /// seen to differ. NXDOMAIN is about the name, whatever type was asked (RFC 2308 section 5).
    pub fn known(
        &self,
        qname: &Fqdn,
        qtype: QType,
        server: IpAddr,
        transport: Transport,
    ) -> Option<Answered> {
        if self.asked.contains(&server) && !self.alive.contains(&server) {
            return Some(Answered { reply: None, delay_us: None });
        }
        self.said(qname, qtype, Some(server), transport)
            .or_else(|| (!self.servers_differ).then(|| self.said(qname, qtype, None, transport))?)
            .or_else(|| self.name_does_not_exist(qname, qtype, transport))
    }

    /// The one thing that was said about a question, by this server or by any.
    fn said(
        &self,
        qname: &Fqdn,
        qtype: QType,
        server: Option<IpAddr>,
        transport: Transport,
    ) -> Option<Answered> {
        let facts = self.facts.get(&(qname.clone(), qtype))?;
        let about =
            |fact: &&Fact| fact.transport == transport && server.is_none_or(|server| fact.server == server);
        let mut facts = facts.iter().filter(about);
        let first = facts.next()?;
        facts.all(|other| outcome(&other.reply) == outcome(&first.reply)).then(|| first.answered())
    }

    fn name_does_not_exist(&self, qname: &Fqdn, qtype: QType, transport: Transport) -> Option<Answered> {
        let others = [QType::A, QType::Aaaa].into_iter().filter(|other| *other != qtype);
        let mut said = others.filter_map(|other| self.said(qname, other, None, transport));
        said.find(|answered| {
            matches!(&answered.reply, Some(Reply::Message(message)) if message.rcode == Rcode::NXDOMAIN)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    fn asked(name: &str, qtype: QType, server: &str, rcode: Option<Rcode>) -> Asked {
        Asked {
            qname: Fqdn::from_presentation(name),
            qtype,
            server: server.parse().unwrap(),
            transport: Transport::Udp,
            reply: rcode.map(|rcode| Reply::Message(Message::with_rcode(rcode))),
            latency_us: rcode.map(|_| 7),
            sent_us: 0,
        }
    }

    fn outcome_of(knowledge: &Knowledge, name: &str, qtype: QType, server: &str) -> Option<Outcome> {
        let name = Fqdn::from_presentation(name);
        let known = knowledge.known(&name, qtype, server.parse().unwrap(), Transport::Udp)?;
        Some(known.reply.as_ref().map_or(Outcome::Timeout, super::outcome))
    }

    #[test]
    fn what_was_never_asked_is_not_known() {
        let mut knowledge = Knowledge::default();
        knowledge.note(&asked("a.", QType::A, "10.0.0.1", Some(Rcode::NOERROR)));
        assert_eq!(outcome_of(&knowledge, "b.", QType::A, "10.0.0.1"), None);
        assert_eq!(outcome_of(&knowledge, "a.", QType::Aaaa, "10.0.0.1"), None);
        assert_eq!(outcome_of(&knowledge, "A.", QType::A, "10.0.0.1"), Some(Outcome::NoData));
    }

    #[test]
    fn a_name_that_does_not_exist_has_no_record_of_any_type() {
        let mut knowledge = Knowledge::default();
        knowledge.note(&asked("a.", QType::A, "10.0.0.1", Some(Rcode::NXDOMAIN)));
        assert_eq!(outcome_of(&knowledge, "a.", QType::Aaaa, "10.0.0.1"), Some(Outcome::NxDomain));
    }

    #[test]
    fn a_server_that_says_now_this_now_that_is_not_known() {
        let mut knowledge = Knowledge::default();
        knowledge.note(&asked("a.", QType::A, "10.0.0.1", Some(Rcode::NXDOMAIN)));
        knowledge.note(&asked("a.", QType::A, "10.0.0.1", Some(Rcode::SERVFAIL)));
        assert_eq!(outcome_of(&knowledge, "a.", QType::A, "10.0.0.1"), None);
    }

    #[test]
    fn a_server_that_never_answered_is_taken_to_stay_silent_and_one_lost_question_says_nothing() {
        let mut knowledge = Knowledge::default();
        knowledge.note(&asked("a.", QType::A, "10.0.0.1", None));
        assert_eq!(outcome_of(&knowledge, "b.", QType::A, "10.0.0.1"), Some(Outcome::Timeout));
        knowledge.note(&asked("c.", QType::A, "10.0.0.1", Some(Rcode::NXDOMAIN)));
        assert_eq!(outcome_of(&knowledge, "a.", QType::A, "10.0.0.1"), None);
    }

    #[test]
    fn another_server_says_the_same_until_two_are_seen_to_differ() {
        let mut knowledge = Knowledge::default();
        knowledge.note(&asked("a.", QType::A, "10.0.0.1", Some(Rcode::NXDOMAIN)));
        assert_eq!(outcome_of(&knowledge, "a.", QType::A, "10.0.0.2"), Some(Outcome::NxDomain));
        knowledge.note(&asked("b.", QType::A, "10.0.0.1", Some(Rcode::NXDOMAIN)));
        knowledge.note(&asked("b.", QType::A, "10.0.0.2", Some(Rcode::NOERROR)));
        assert_eq!(outcome_of(&knowledge, "a.", QType::A, "10.0.0.2"), None);
    }
}
