//! Whose lookups are, in a network namespace that several share: by the sockets that their questions left from.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use dnsprobe_lookup::datagram::{self, Carrier, Datagram};
use dnsprobe_lookup::message::{self, Names};
use dnsprobe_lookup::{Frame, LinkType, Lookup, Nanos, Pipeline, SearchList, Timestamp};
use dnsprobe_resolv::whatif::Conf;
use dnsprobe_resolv::{Resolver, ResolverId, Situation, conf};
use dnsprobe_sniffer::clients::{Clients, Protocol};
use dnsprobe_sniffer::node::Container;
use dnsprobe_sniffer::owners::{Asker, Told, Verdict, Who};
use dnsprobe_sniffer::{Entry, Follow, Kind, MemberId};
use serde_json::json;

use super::situation;
use crate::view::{AskedBy, SeenAt};

/// How long a question waits for who asked it to be told.
const PATIENCE: Nanos = Nanos::from_millis(30);
/// How often it is looked whether that is told by now.
const LOOK_AGAIN: Nanos = Nanos::from_millis(10);
/// Frames that wait at most; beyond it the oldest waits no longer.
const MOST_HELD: usize = 4_096;
/// Questions remembered until their lookup is over, and for how long.
const MOST_ASKED: usize = 1 << 14;
const REMEMBERED: Nanos = Nanos::from_millis(60_000);
/// Different `resolv.conf`s in one namespace; those that are read beyond it count as the first.
const MOST_LINES: usize = 16;
/// More questions than this in such a time are more than can be told.
const FLOOD: u32 = 500;
const WINDOW: Nanos = Nanos::from_millis(100);
/// A name's candidates follow each other within this.
const ONE_LOOKUP: Nanos = Nanos::from_millis(10_000);
const MOST_STEMS: usize = 1_024;

/// What is known of a namespace that several share.
pub(crate) struct Shared {
    /// Who asks, as it is found out.
    pub(crate) told: Told,
    /// Which namespace it is.
    pub(crate) member: MemberId,
    /// Whose lookups are wanted.
    pub(crate) wanted: Whose,
    /// Whether those who share it may read different files.
    pub(crate) files: Files,
    /// The addresses of its own.
    pub(crate) addresses: BTreeSet<IpAddr>,
    /// The ports that DNS is served on.
    pub(crate) ports: Vec<u16>,
    /// The file that questions are held against of which nobody is told.
    pub(crate) file: Option<Vec<u8>>,
}

/// Whose lookups are wanted of those who share a namespace.
pub(crate) enum Whose {
    /// Those of these pods; of all of them, everybody's.
    Pods(Follow),
    /// Those of one pod or container, and of one of its containers.
    One(Box<Entry>, Option<Container>),
}

/// What those who share a namespace read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Files {
    /// The same `resolv.conf`, as the containers of a pod.
    Same,
    /// Each its own, as programs on the node's network.
    Own,
}

/// Whose lookups are.
pub(super) struct Sharing {
    known: Shared,
    /// What each socket's last question was taken for, as a line.
    clients: Clients<usize>,
    asked: BTreeMap<Timestamp, (Protocol, SocketAddr)>,
    held: VecDeque<Held>,
    files: Vec<Reads>,
    /// When a name was last asked for, by line.
    stems: HashMap<(usize, String), Timestamp>,
    rate: Rate,
}

/// Whether a frame is to be looked at now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Now,
    Wait,
}

/// How fast questions come. Of a flood nobody is told, and no frame waits.
#[derive(Debug, Default)]
struct Rate {
    began: Timestamp,
    questions: u32,
    floods: bool,
}

impl Rate {
    /// Counts a question.
    fn is_flood(&mut self, at: Timestamp) -> bool {
        if at - self.began >= WINDOW || at < self.began {
            *self = Self { began: at, questions: 0, floods: self.questions > FLOOD };
        }
        self.questions += 1;
        self.floods |= self.questions > FLOOD;
        self.floods
    }
}

/// One `resolv.conf`.
struct Reads {
    file: Option<Vec<u8>>,
    /// In lower case, without dots at the ends.
    suffixes: Vec<String>,
}

/// Whose a lookup is.
pub(super) enum Credit {
    /// Somebody's who is wanted.
    To(Rc<SeenAt>),
    /// Nobody was told, or several were.
    Nobody,
    /// Somebody's who is not wanted.
    Others,
}

/// A frame that waits.
pub(super) struct Held {
    at: Timestamp,
    link: LinkType,
    bytes: Vec<u8>,
    original_len: u32,
    interface: u32,
}

impl Held {
    pub(super) fn frame(&self) -> Frame<'_> {
        let Self { at, link, original_len, interface, .. } = *self;
        Frame { at, link, bytes: &self.bytes, original_len, interface }
    }
}

impl Sharing {
    pub(super) fn new(known: Shared) -> Self {
        let clients = Clients::new(known.ports.clone());
        let files = vec![Reads::new(known.file.clone())];
        let (asked, held, stems) = (BTreeMap::new(), VecDeque::new(), HashMap::new());
        Self { known, clients, asked, held, files, stems, rate: Rate::default() }
    }

    /// Remembers whose socket a question left from, and says whether its frame has to wait until it is told who asked.
    pub(super) fn note(&mut self, frame: &Frame<'_>) -> Turn {
        let Ok(datagram) = datagram::decode(frame, &self.known.ports) else { return Turn::Now };
        let asks = self.clients.is_question(&datagram);
        let client = if asks { datagram.source } else { datagram.destination };
        // What is only forwarded has no socket here.
        if !self.known.addresses.contains(&client.ip()) {
            return Turn::Now;
        }
        if asks && !self.rate.is_flood(frame.at) {
            self.asked.insert(frame.at, (Protocol::of(datagram.carrier), datagram.source.into()));
            if self.asked.len() > MOST_ASKED {
                self.asked.pop_first();
            }
        }
        if self.waits() && !self.rate.floods { Turn::Wait } else { Turn::Now }
    }

    /// Whether frames wait for who asked: only where that decides what their question means.
    pub(super) fn waits(&self) -> bool {
        self.known.files == Files::Own
    }

    /// Whether there is a flood of questions.
    pub(super) fn gives_up(&self) -> bool {
        self.rate.floods
    }

    /// Lets a frame wait; gives those that need not wait any longer.
    pub(super) fn hold(&mut self, frame: &Frame<'_>) -> Vec<Held> {
        let Frame { at, link, bytes, original_len, interface } = *frame;
        self.held.push_back(Held { at, link, bytes: bytes.to_vec(), original_len, interface });
        let more = self.held.len().saturating_sub(MOST_HELD);
        self.held.drain(..more).collect()
    }

    /// The frames that need not wait any longer, in their order.
    pub(super) fn ready(&mut self, now: Timestamp) -> Vec<Held> {
        while self.asked.first_key_value().is_some_and(|(at, _)| now - *at > REMEMBERED) {
            self.asked.pop_first();
        }
        let mut ready = Vec::new();
        while let Some(held) = self.held.pop_front() {
            if now - held.at < PATIENCE && self.is_open(&held) {
                self.held.push_front(held);
                break;
            }
            ready.push(held);
        }
        ready
    }

    /// All that wait.
    pub(super) fn rest(&mut self) -> Vec<Held> {
        self.held.drain(..).collect()
    }

    /// When the first of those that wait passed.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.held.front().map(|held| held.at)
    }

    /// When to look whether the first of those that wait need not any longer.
    pub(super) fn next_look(&self, now: Timestamp) -> Option<Timestamp> {
        self.oldest().map(|oldest| (oldest + PATIENCE).min(now + LOOK_AGAIN))
    }

    fn is_open(&self, held: &Held) -> bool {
        let client = self.asked.get(&held.at);
        client.is_some_and(|(protocol, client)| self.verdict(*protocol, *client, held.at) == Verdict::NotYet)
    }

    fn verdict(&self, protocol: Protocol, client: SocketAddr, at: Timestamp) -> Verdict {
        self.known.told.of(self.known.member, protocol, client, at)
    }

    /// The line that a frame belongs to; one more than there are for a file that is new ([`Self::begin_line`]).
    pub(super) fn line_of(&mut self, frame: &Frame<'_>) -> usize {
        let Ok(datagram) = datagram::decode(frame, &self.known.ports) else { return 0 };
        // Only questions are asked about; what they are taken for is found before, as it may add a file.
        let taken_for =
            if self.clients.is_question(&datagram) { self.line_of_question(&datagram, frame.at) } else { 0 };
        self.clients.of(&datagram, frame.at, |_, _| taken_for).unwrap_or(0)
    }

    fn line_of_question(&mut self, datagram: &Datagram<'_>, at: Timestamp) -> usize {
        let verdict = self.verdict(Protocol::of(datagram.carrier), datagram.source.into(), at);
        let file = match &verdict {
            Verdict::Known(asker) => asker.resolv_conf.as_deref(),
            Verdict::InVain | Verdict::NotYet => None,
        };
        let is_first = |file: &[u8]| self.files[0].file.as_deref() == Some(file);
        if self.files.len() == 1 && file.is_none_or(is_first) {
            return 0;
        }
        let name = name_asked(datagram);
        let line = match (file, &name) {
            (Some(file), _) => self.line_of_file(file),
            (None, Some(name)) => self.line_by_name(name, at),
            (None, None) => 0,
        };
        if let Some(name) = name {
            self.remember(line, &name, at);
        }
        line
    }

    fn line_of_file(&mut self, file: &[u8]) -> usize {
        if let Some(known) = self.files.iter().position(|it| it.file.as_deref() == Some(file)) {
            return known;
        }
        if self.files.len() >= MOST_LINES {
            return 0;
        }
        self.files.push(Reads::new(Some(file.to_vec())));
        self.files.len() - 1
    }

    /// Of a question that nobody is told for: the line whose lookup it goes on with, else the only one that has its suffix.
    fn line_by_name(&self, name: &str, at: Timestamp) -> usize {
        let lines = || 0..self.files.len();
        let goes_on = |line: &usize| {
            let before = self.stems.get(&(*line, self.files[*line].stem(name).to_owned()));
            before.is_some_and(|before| at - *before < ONE_LOOKUP)
        };
        let has_suffix = |line: &usize| self.files[*line].stem(name) != name;
        only(lines().filter(goes_on)).or_else(|| only(lines().filter(has_suffix))).unwrap_or(0)
    }

    fn remember(&mut self, line: usize, name: &str, at: Timestamp) {
        if self.stems.len() >= MOST_STEMS {
            self.stems.retain(|_, before| at - *before < ONE_LOOKUP);
        }
        if self.stems.len() < MOST_STEMS {
            let stem = self.files[line].stem(name).to_owned();
            self.stems.insert((line, stem), at);
        }
    }

    /// What a line begins with.
    pub(super) fn begin_line(&self, line: usize) -> (Pipeline, Rc<Conf>) {
        let file = self.files[line].file.clone();
        let mut pipeline = Pipeline::new(self.known.ports.clone(), SearchList::Known(file.clone()));
        pipeline.only_of(self.known.addresses.clone());
        (pipeline, Rc::new(Conf { file, ..Conf::default() }))
    }

    /// Whose a lookup is: theirs who asked its questions, as far as they are told, if they are one.
    pub(super) fn credit(&self, lookup: &Lookup, seen_at: &SeenAt) -> Credit {
        let questions = lookup.steps.iter().flat_map(|step| &step.questions);
        let mut askers: Vec<Arc<Asker>> = Vec::new();
        for at in questions.filter_map(|question| question.sent) {
            let Some((protocol, client)) = self.asked.get(&at) else { continue };
            match self.verdict(*protocol, *client, at) {
                Verdict::Known(asker) if !askers.contains(&asker) => askers.push(asker),
                _ => {}
            }
        }
        let Some((first, others)) = askers.split_first() else { return Credit::Nobody };
        if others.iter().any(|other| !are_one(&first.who, &other.who)) {
            return Credit::Nobody;
        }
        if !self.wants(&first.who) {
            return Credit::Others;
        }
        Credit::To(Rc::new(self.seen_at(&askers, seen_at)))
    }

    fn wants(&self, who: &Who) -> bool {
        match (&self.known.wanted, who) {
            (Whose::Pods(Follow::All), _) => true,
            (Whose::Pods(Follow::Namespace(_)) | Whose::One(..), Who::Node) => false,
            (Whose::Pods(Follow::Namespace(wanted)), Who::Container(entry, _)) => {
                entry.pod.as_ref().and_then(|pod| pod.namespace.as_ref()) == Some(wanted)
            }
            (Whose::One(wanted, container), Who::Container(entry, asks)) => {
                let id = |container: &Option<Container>| container.as_ref().and_then(|it| it.id.clone());
                is_same(wanted, entry) && (container.is_none() || id(container) == id(asks))
            }
        }
    }

    /// Where a lookup of theirs is seen.
    fn seen_at(&self, askers: &[Arc<Asker>], before: &SeenAt) -> SeenAt {
        let same = |of: &dyn Fn(&Asker) -> Option<String>| -> Option<String> {
            let first = of(&askers[0]);
            first.filter(|_| askers.iter().all(|asker| of(asker) == of(&askers[0])))
        };
        let container = same(&|asker| match &asker.who {
            Who::Container(_, container) => container.as_ref().and_then(situation::name_of),
            Who::Node => None,
        });
        let asked_by = AskedBy {
            container: container.clone(),
            pid: askers[0].pid.filter(|pid| askers.iter().all(|asker| asker.pid == Some(*pid))),
            program: same(&|asker| asker.program.clone()),
            told_by: askers[0].by.as_str(),
        };
        let netns = self.known.member.0;
        let (target, name, among) = match &askers[0].who {
            Who::Container(entry, _) => {
                let name = situation::short_title(entry);
                let several = entry.kind == Kind::Pod && entry.containers.len() > 1;
                let among = match container.filter(|_| several) {
                    Some(container) => format!("{name}/{container}"),
                    None => name.clone(),
                };
                (situation::entry_json(entry, netns), name, among)
            }
            Who::Node => {
                let name = match &asked_by.program {
                    Some(program) => format!("the node ({program})"),
                    None => "the node".to_owned(),
                };
                (json!({"kind": "host", "netns": netns, "host_network": true}), name.clone(), name)
            }
        };
        SeenAt {
            target,
            name: Some(name),
            among_others: Some(among),
            conf: before.conf.clone(),
            present: Rc::clone(&before.present),
            asked_by: Some(asked_by),
        }
    }
}

impl Reads {
    fn new(file: Option<Vec<u8>>) -> Self {
        let profile = Resolver::new(ResolverId::Glibc).profile();
        let settings = conf::interpret(file.as_deref(), &Situation::default(), &profile);
        let suffixes = settings.map(|settings| settings.search).unwrap_or_default();
        let plain = |text: String| text.trim_matches('.').to_ascii_lowercase();
        Self { file, suffixes: suffixes.iter().map(|suffix| plain(suffix.to_string())).collect() }
    }

    /// The name without a suffix of the list.
    fn stem<'n>(&self, name: &'n str) -> &'n str {
        let without = |suffix: &String| name.strip_suffix(suffix.as_str())?.strip_suffix('.');
        self.suffixes.iter().filter(|suffix| !suffix.is_empty()).find_map(without).unwrap_or(name)
    }
}

/// The name that a datagram asks for, in lower case and without its last dot.
fn name_asked(datagram: &Datagram<'_>) -> Option<String> {
    let whole = datagram.carrier == Carrier::Udp;
    let (name, _) =
        message::decode(datagram.payload, &mut Names::default()).ok().filter(|_| whole)?.question?;
    Some(name.folded().trim_end_matches('.').to_owned())
}

/// The only one there is.
fn only<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    all.next().filter(|_| all.next().is_none())
}

/// Whether both belong to one pod, to one container outside pods, or to the node.
fn are_one(one: &Who, other: &Who) -> bool {
    match (one, other) {
        (Who::Node, Who::Node) => true,
        (Who::Container(one, _), Who::Container(other, _)) => is_same(one, other),
        _ => false,
    }
}

/// Whether two entries, found at different times, are the same pod or container.
fn is_same(one: &Entry, other: &Entry) -> bool {
    let ids = |entry: &Entry| -> Vec<_> { entry.containers.iter().map(|it| it.id.clone()).collect() };
    match (&one.uid, &other.uid) {
        (None, None) => (&one.pod, ids(one)) == (&other.pod, ids(other)),
        (one, other) => one == other,
    }
}

#[cfg(test)]
#[path = "sharing_tests.rs"]
mod tests;
