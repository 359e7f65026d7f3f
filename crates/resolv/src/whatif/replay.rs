//! One observed lookup, walked again with the answers that were seen.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::{Asked, Knowledge};
use crate::simulate::{Answered, Answers, simulate};
use crate::{Message, Profile, QType, Query, Rcode, Reply, Request, Settings, Simulation, Transport};

/// A lookup walked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The walk.
    pub simulation: Simulation,
    /// The names that it asked and that nobody has answered: from the first of them on, it is a guess that they do not
    /// exist.
    pub unknown: BTreeSet<String>,
}

/// Walks a lookup with the answers it got itself, as often as it got them, then with what is known beside them.
/// `stands_for` is the type that was really asked where A stands for it.
pub fn replay(
    profile: &Profile,
    settings: &Settings,
    request: &Request,
    own: &[Asked],
    stands_for: Option<QType>,
    knowledge: &Knowledge,
) -> Replay {
    let answers = Recorded::new(settings, own, stands_for, Some(knowledge));
    let simulation = simulate(profile, settings, request, &answers);
    Replay { simulation, unknown: answers.unknown.into_inner() }
}

/// The same with the lookup's own answers alone; `None` as soon as it asks what the lookup did not.
pub(super) fn replay_alone(
    profile: &Profile,
    settings: &Settings,
    request: &Request,
    own: &[Asked],
    stands_for: Option<QType>,
) -> Option<Replay> {
    let answers = Recorded::new(settings, own, stands_for, None);
    let simulation = simulate(profile, settings, request, &answers);
    let unknown = answers.unknown.into_inner();
    unknown.is_empty().then_some(Replay { simulation, unknown })
}

struct Recorded<'a> {
    settings: &'a Settings,
    own: &'a [Asked],
    used: RefCell<Vec<bool>>,
    stands_for: Option<QType>,
    /// What is known beside; `None` where what is not its own ends the walk.
    knowledge: Option<&'a Knowledge>,
    unknown: RefCell<BTreeSet<String>>,
}

impl<'a> Recorded<'a> {
    fn new(
        settings: &'a Settings,
        own: &'a [Asked],
        stands_for: Option<QType>,
        knowledge: Option<&'a Knowledge>,
    ) -> Self {
        let used = RefCell::new(vec![false; own.len()]);
        Self { settings, own, used, stands_for, knowledge, unknown: RefCell::new(BTreeSet::new()) }
    }
}

impl Answers for Recorded<'_> {
    fn answer(&self, query: &Query) -> Answered {
        let qtype = self.stands_for.unwrap_or(query.qtype);
        let server = self.settings.nameservers.get(query.server).map(|it| it.address);
        let mut used = self.used.borrow_mut();
        let mine = self.own.iter().enumerate().find(|(index, asked)| {
            !used[*index]
                && asked.qtype == qtype
                && asked.transport == query.transport
                && Some(asked.server) == server
                && asked.qname == query.qname
        });
        if let Some((index, asked)) = mine {
            used[index] = true;
            return Answered { reply: asked.reply.clone(), delay_us: asked.latency_us };
        }
        let known = server
            .zip(self.knowledge)
            .and_then(|(server, knowledge)| knowledge.known(&query.qname, qtype, server, query.transport));
        known.unwrap_or_else(|| {
            self.unknown.borrow_mut().insert(query.qname.to_string());
            // Only to go on: the replay is reported as unknown.
            let message = Message { soa: true, ..Message::with_rcode(Rcode::NXDOMAIN) };
            Answered { reply: Some(Reply::Message(message)), delay_us: None }
        })
    }

    fn enough(&self) -> bool {
        self.knowledge.is_none() && !self.unknown.borrow().is_empty()
    }
}

/// Whether a replay asks what was seen: the same transmissions to the same servers, names in the same order. Within one
/// name the order is open, since two sockets of one resolver race.
pub fn asks_the_same(
    simulation: &Simulation,
    settings: &Settings,
    asked: &[Asked],
    stands_for: Option<QType>,
) -> bool {
    if simulation.sent.len() != asked.len() {
        return false;
    }
    let mut predicted: Vec<Key> = simulation
        .sent
        .iter()
        .map(|sent| {
            let query = &sent.query;
            let server = settings.nameservers.get(query.server).map(|it| it.address);
            let qtype = stands_for.unwrap_or(query.qtype);
            (query.qname.to_lowercase(), qtype, server, query.transport)
        })
        .collect();
    let mut seen: Vec<Key> = asked
        .iter()
        .map(|asked| (asked.qname.to_lowercase(), asked.qtype, Some(asked.server), asked.transport))
        .collect();
    if !names_in_order(&predicted).eq(names_in_order(&seen)) {
        return false;
    }
    predicted.sort();
    seen.sort();
    predicted == seen
}

type Key = (String, QType, Option<std::net::IpAddr>, Transport);

/// The names in the order they are first asked for; those asked for again after others come again.
fn names_in_order(keys: &[Key]) -> impl Iterator<Item = &str> {
    let starts = keys.iter().enumerate().filter(|(index, key)| *index == 0 || keys[index - 1].0 != key.0);
    starts.map(|(_, key)| key.0.as_str())
}
