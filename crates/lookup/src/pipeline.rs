//! All stages in a row: frames in, finished lookups out. The same for live traffic, files and the demo.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use dnsprobe_resolv::{Resolver, ResolverId, Situation};

use crate::attempt::{Attempts, Found, Leftovers};
use crate::datagram::{self, Carrier, Datagram, Skipped};
use crate::embedded::{Embedded, Relay, Turn};
use crate::frame::Frame;
use crate::group::{GivenUp, InferredConf, Lookups, SearchList};
use crate::lookup::Lookup;
use crate::message::{self, Kind, Message, Names, NotAMessage};
use crate::tcp::{Segment, Streams};
use crate::time::Timestamp;

/// What passed through, and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames seen.
    pub frames: u64,
    /// DNS messages decoded.
    pub messages: u64,
    /// Payloads on a DNS port that are no DNS message.
    pub malformed: u64,
    /// Frames that carry nothing for us, by reason.
    pub skipped: BTreeMap<Skipped, u64>,
    /// Messages that led to nothing.
    pub leftovers: Leftovers,
    /// What was given up to save memory.
    pub given_up: GivenUp,
}

impl Counters {
    /// Adds what another pipeline has counted.
    pub fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        self.messages += other.messages;
        self.malformed += other.malformed;
        for (reason, count) in &other.skipped {
            *self.skipped.entry(*reason).or_default() += count;
        }
        self.leftovers.add(other.leftovers);
        self.given_up.lookups += other.given_up.lookups;
        self.given_up.messages += other.given_up.messages;
    }

    /// Frames that carry nothing for us.
    pub fn skipped_total(&self) -> u64 {
        self.skipped.values().sum()
    }
}

/// All stages in a row.
#[derive(Debug)]
pub struct Pipeline {
    ports: Vec<u16>,
    counters: Counters,
    names: Names,
    streams: Streams,
    attempts: Attempts,
    lookups: Lookups,
    relay: Option<Relay>,
    /// The only clients that count.
    clients: Option<BTreeSet<IpAddr>>,
    /// What was found in frames and not yet held against lookups.
    found: Vec<Found>,
    /// How many of these are gone through at a time.
    batch: usize,
    now: Timestamp,
}

/// Events of one batch. Decoding and grouping by turns would each drive the other's code and tables out of the
/// processor's caches.
const BATCH: usize = 256;

impl Pipeline {
    /// An empty pipeline that looks at these ports.
    pub fn new(ports: Vec<u16>, search: SearchList) -> Self {
        Self {
            ports,
            counters: Counters::default(),
            names: Names::default(),
            streams: Streams::default(),
            attempts: Attempts::default(),
            lookups: Lookups::new(search),
            relay: None,
            clients: None,
            found: Vec::new(),
            batch: 1,
            now: Timestamp(i64::MIN),
        }
    }

    /// Works on some frames at a time, which costs less: lookups come out with a later frame, or with the next `silence`.
    pub fn in_batches(&mut self) {
        self.batch = BATCH;
    }

    /// Knows of a server in the clients' own namespace, whose questions to the real one are not theirs.
    pub fn with_embedded(&mut self, embedded: Embedded) {
        self.ports.extend(&embedded.ports);
        self.relay = Some(Relay::new(embedded));
    }

    /// Knows which resolvers the programs have that ask here: they decide between those that look alike on the wire.
    pub fn with_resolvers(&mut self, detected: Vec<ResolverId>) {
        self.lookups.with_resolvers(detected);
    }

    /// Only the first finding of each kind is put into words and has its evidence: where findings are counted and no
    /// lookup is shown.
    pub fn count_findings(&mut self) {
        self.lookups.count_findings();
    }

    /// Takes the user's word that all packets are one resolver's, whatever they look like; to be said before the first
    /// frame.
    pub fn with_given(&mut self, resolver: Resolver) {
        self.lookups.with_given(resolver);
    }

    /// Knows what beside the file decides how the clients ask, `RES_OPTIONS` and `LOCALDOMAIN` of their environment above all;
    /// to be said before the first frame.
    pub fn with_situation(&mut self, situation: &Situation) {
        self.lookups.with_situation(situation);
    }

    /// Passes over the messages of all clients but these.
    pub fn only_of(&mut self, clients: BTreeSet<IpAddr>) {
        self.clients = Some(clients);
    }

    /// Takes one frame; gives the lookups that are over by its time.
    pub fn frame(&mut self, frame: &Frame<'_>) -> Vec<Lookup> {
        if self.advance(frame) { self.over().collect() } else { Vec::new() }
    }

    /// The lookups that are over.
    pub fn over(&mut self) -> impl Iterator<Item = Lookup> {
        self.lookups.over()
    }

    /// Puts the next of the lookups that are over in the place of one that nobody needs any more, and in its memory; tells
    /// whether there was one. Who goes through them this way needs no more memory than for the largest.
    pub fn next_over(&mut self, lookup: &mut Lookup) -> bool {
        self.lookups.next_over(lookup)
    }

    /// Takes one frame; tells whether lookups may be over by its time.
    pub fn advance(&mut self, frame: &Frame<'_>) -> bool {
        if self.counters.frames == 0 {
            self.lookups.begin(frame.at);
        }
        self.counters.frames += 1;
        // Captures of several interfaces are not always in order: each event has its own time, the end has the latest.
        self.now = self.now.max(frame.at);
        match datagram::decode(frame, &self.ports) {
            Ok(datagram) => self.datagram(&datagram, frame.at),
            Err(skipped) => *self.counters.skipped.entry(skipped).or_default() += 1,
        }
        if self.found.len() < self.batch {
            return false;
        }
        self.group();
        true
    }

    /// Notes that time has passed without a frame; gives the lookups that are over.
    pub fn silence(&mut self, now: Timestamp) -> Vec<Lookup> {
        self.pass(now);
        self.over().collect()
    }

    /// Notes that time has passed without a frame.
    pub fn pass(&mut self, now: Timestamp) {
        self.group();
        self.now = self.now.max(now);
        self.lookups.pass(self.now);
    }

    /// Until when [`Self::silence`] gives nothing, unless frames come before; it may give nothing then, either. `None` where
    /// no lookup is under way.
    pub fn next_deadline(&mut self) -> Option<Timestamp> {
        self.lookups.next_deadline()
    }

    /// Everything that is left, at the end.
    pub fn finish(&mut self) -> Vec<Lookup> {
        self.group();
        self.lookups.finish(self.now)
    }

    /// What passed through so far.
    pub fn counters(&self) -> Counters {
        Counters {
            leftovers: self.attempts.leftovers,
            given_up: self.lookups.given_up,
            ..self.counters.clone()
        }
    }

    /// The search lists read from the traffic, by client.
    pub fn inferred(&self) -> Vec<(IpAddr, InferredConf)> {
        let mut all: Vec<_> = self.lookups.inferred().map(|(client, conf)| (client, conf.clone())).collect();
        all.sort_by_key(|(client, _)| *client);
        all
    }

    /// Holds what was found against lookups.
    fn group(&mut self) {
        for Found { at, event } in self.found.drain(..) {
            self.lookups.advance(event, at);
        }
    }

    #[inline]
    fn datagram(&mut self, datagram: &Datagram<'_>, at: Timestamp) {
        match datagram.carrier {
            Carrier::Udp => self.message(datagram.payload, datagram, at),
            Carrier::Tcp { sequence, syn, end } => {
                let segment = Segment { sequence, syn, end, payload: datagram.payload };
                self.segment(segment, datagram, at);
            }
        }
    }

    /// Apart, as it is seldom needed.
    #[inline(never)]
    fn segment(&mut self, segment: Segment<'_>, datagram: &Datagram<'_>, at: Timestamp) {
        let direction = (datagram.source, datagram.destination);
        for message in self.streams.advance(direction, segment, at) {
            self.message(&message, datagram, at);
        }
    }

    /// Takes a message that this datagram carried, or ended.
    #[inline]
    fn message(&mut self, payload: &[u8], datagram: &Datagram<'_>, at: Timestamp) {
        // Each way by itself: what one gives need not be put where the other would put it.
        match message::usual(payload, &mut self.names) {
            Some(message) => self.decoded(message, datagram, at),
            None => self.unusual(payload, datagram, at),
        }
    }

    #[inline(never)]
    fn unusual(&mut self, payload: &[u8], datagram: &Datagram<'_>, at: Timestamp) {
        match message::general::decode(payload, &mut self.names) {
            Ok(message) => self.decoded(message, datagram, at),
            Err(NotAMessage::Malformed | NotAMessage::NoSingleQuestion) => self.counters.malformed += 1,
            Err(NotAMessage::OtherOpcode) => {}
        }
    }

    #[inline]
    fn decoded(&mut self, message: Message, datagram: &Datagram<'_>, at: Timestamp) {
        self.counters.messages += 1;
        if self.relay.is_some() || self.clients.is_some() {
            self.sifted(message, *datagram, at);
        } else {
            self.attempts.advance(message, datagram, at, &mut self.found);
        }
    }

    /// Takes a message where not all are those of the clients that count, or not sent by them.
    #[inline(never)]
    fn sifted(&mut self, mut message: Message, mut datagram: Datagram<'_>, at: Timestamp) {
        let asks = matches!(message.kind, Kind::Query);
        let client = if asks { datagram.source } else { datagram.destination };
        if self.clients.as_ref().is_some_and(|clients| !clients.contains(&client.ip())) {
            return;
        }
        match self.relay.as_mut().map(|relay| relay.advance(&message, &mut datagram, at)) {
            Some(Turn::PassedOn) => return,
            Some(Turn::Answered(upstream)) => {
                if let Kind::Response(response) = &mut message.kind {
                    response.upstream = Some(upstream);
                }
            }
            Some(Turn::Own) | None => {}
        }
        self.attempts.advance(message, &datagram, at, &mut self.found);
    }
}
