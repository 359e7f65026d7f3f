//! One question of an [`super::each::Each`] exchange: which servers it is at, and what comes after a failure.

use std::net::IpAddr;

use super::context::Context;
use super::exchange::{Ended, Transmission};
use crate::conf::Flag;
use crate::profile::schedule::{AfterTcp, EachRules, OnlyServer, Order, Tries};
use crate::{Fqdn, Outcome, Transport};

/// The longest pause between two passes over the servers, in µs.
const PAUSE_MAX_US: u64 = 2_000_000;

/// One question under way.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) state: State,
    /// The pass over the servers, from 1.
    pub(super) round: u32,
    /// The servers asked now; one, unless several are asked at once.
    pub(super) group: Vec<usize>,
    /// Those of them whose answer is awaited.
    pub(super) awaited: Vec<usize>,
    pub(super) transport: Transport,
    pub(super) edns: Option<u16>,
    /// The target of the CNAME that is followed.
    pub(super) target: Option<Fqdn>,
    /// How many CNAMEs have been followed.
    pub(super) followed: usize,
    /// Whether one of several servers asked at once has sent an answer that was cut off.
    pub(super) cut_off: bool,
    /// Transmissions in the present wait, resends included.
    pub(super) sends: u32,
    /// Which transmission of the exchange the last one is, from 1; resends within a wait not counted.
    pub(super) turn: u32,
    /// Whether it has been sent more than once, resends within a wait not counted.
    pub(super) repeated: bool,
    /// When it was sent last, resends within a wait not counted.
    pub(super) sent_us: u64,
    /// When the next resend is due within the wait.
    pub(super) resend_us: Option<u64>,
    /// Servers tried in the present pass.
    place: usize,
    first_server: usize,
    /// The servers in the order of the present pass, where that is made anew for each.
    order: Vec<usize>,
    /// Servers not to be asked again.
    struck_off: Vec<usize>,
    wake_us: Option<u64>,
    end: Option<Ended>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not begun.
    Waiting,
    /// A transmission is to be made.
    Ready,
    /// A transmission is to be made later.
    Paused,
    /// An answer is awaited.
    InFlight,
    Ended,
}

impl Question {
    pub(super) fn new(transport: Transport, edns: Option<u16>) -> Self {
        Self {
            state: State::Waiting,
            round: 1,
            group: Vec::new(),
            awaited: Vec::new(),
            transport,
            edns,
            target: None,
            followed: 0,
            cut_off: false,
            sends: 0,
            turn: 0,
            repeated: false,
            sent_us: 0,
            resend_us: None,
            place: 0,
            first_server: 0,
            order: Vec::new(),
            struck_off: Vec::new(),
            wake_us: None,
            end: None,
        }
    }

    pub(super) fn ended(&self) -> Option<&Ended> {
        self.end.as_ref()
    }

    /// Whether it has addresses.
    pub(super) fn found(&self) -> bool {
        self.ended().is_some_and(|end| end.outcome == Outcome::Answer)
    }

    /// Whether it has addresses of IPv4.
    pub(super) fn found_ipv4(&self) -> bool {
        self.ended().is_some_and(|end| end.addresses.iter().any(IpAddr::is_ipv4))
    }

    /// When something happens without an answer: a resend, the end of a wait or of a pause.
    pub(super) fn wake_us(&self) -> Option<u64> {
        match self.state {
            State::InFlight => self.resend_us.into_iter().chain(self.wake_us).min(),
            State::Paused => self.wake_us,
            State::Waiting | State::Ready | State::Ended => None,
        }
    }

    /// The end of the present wait.
    pub(super) fn deadline_us(&self) -> Option<u64> {
        self.wake_us
    }

    /// Whether it still waits for the answer to this transmission.
    pub(super) fn awaits(&self, sent: &Transmission) -> bool {
        self.state == State::InFlight
            && (sent.round, sent.transport) == (self.round, self.transport)
            && self.awaited.contains(&sent.server)
            && sent.qname == self.target
    }

    pub(super) fn start(&mut self, context: &mut Context<'_>) {
        if context.settings.flags.has(Flag::Rotate) {
            self.first_server = context.memory.rotation;
            context.memory.rotation += 1;
        }
        if context.memory.tcp_sticks {
            self.transport = Transport::Tcp;
        }
        self.state = State::Ready;
    }

    /// Picks the servers for the next transmission.
    pub(super) fn pick(&mut self, rules: &EachRules, context: &Context<'_>) {
        let servers = context.settings.nameservers.len().max(1);
        let at = |place: usize| (self.first_server + place) % servers;
        self.group = match rules.order {
            Order::SameThenNext => vec![self.place.min(servers - 1)],
            Order::InTurn => vec![at(self.place)],
            Order::FewestFailures => vec![context.memory.best_server(servers)],
            Order::TwoAtOnce => {
                if self.place == 0 {
                    self.order = context.memory.by_failures(servers);
                }
                self.order.iter().skip(self.place).take(2).copied().collect()
            }
        };
    }

    pub(super) fn sent(&mut self, now_us: u64, timeout_us: u64, turn: u32) {
        self.state = State::InFlight;
        self.sent_us = now_us;
        self.repeated = self.turn > 0;
        self.turn = turn;
        self.awaited.clone_from(&self.group);
        self.cut_off = false;
        self.wake_us = Some(now_us + timeout_us);
    }

    pub(super) fn end(&mut self, end: Ended) {
        self.state = State::Ended;
        self.end = Some(end);
    }

    pub(super) fn repeat_over_tcp(&mut self) {
        self.transport = Transport::Tcp;
        self.state = State::Ready;
    }

    /// The same from the first server on.
    pub(super) fn begin_over_tcp(&mut self) {
        self.repeat_over_tcp();
        (self.place, self.round) = (0, 1);
    }

    pub(super) fn repeat_without_edns(&mut self) {
        self.edns = None;
        self.state = State::Ready;
    }

    /// Asks for the target of a CNAME from the beginning.
    pub(super) fn follow(&mut self, target: Fqdn) {
        *self = Self {
            target: Some(target),
            followed: self.followed + 1,
            state: State::Ready,
            ..Self::new(Transport::Udp, self.edns)
        };
    }

    /// Turns to the next servers or pass; without any the question ends as it failed.
    pub(super) fn failed(&mut self, end: Ended, rules: &EachRules, context: &mut Context<'_>) {
        let only = context.settings.nameservers.len() <= 1;
        if rules.strikes_off.contains(&end.outcome) && !(only && rules.only_server == OnlyServer::Kept) {
            self.struck_off.extend(&self.group);
        }
        let was_tcp = self.transport == Transport::Tcp && !context.settings.flags.has(Flag::UseVc);
        match rules.after_tcp {
            AfterTcp::Udp if was_tcp => self.transport = Transport::Udp,
            AfterTcp::TcpOnce if was_tcp => self.struck_off.extend(&self.group),
            AfterTcp::Udp | AfterTcp::Tcp | AfterTcp::TcpOnce | AfterTcp::Sticks => {}
        }
        self.wake_us = None;
        let more = match rules.order {
            Order::SameThenNext => self.same_then_next(&end, rules, context),
            Order::InTurn | Order::FewestFailures | Order::TwoAtOnce => self.next_in_turn(rules, context),
        };
        if more {
            self.state = if self.wake_us > Some(context.now_us) { State::Paused } else { State::Ready };
        } else {
            self.end(end);
        }
    }

    /// Turns to the next pass, as this one has failed whatever the servers not heard of yet would say.
    pub(super) fn pass_failed(&mut self, end: Ended, rules: &EachRules, context: &Context<'_>) {
        self.place = 0;
        self.round += 1;
        self.wake_us = None;
        if self.round <= rules.tries(context.settings) {
            self.state = State::Ready;
        } else {
            self.end(end);
        }
    }

    /// BIND `bin/dig/dighost.c`: silence is answered by a resend to the same server while the lookup has tries left;
    /// an error that is not final by the next server.
    fn same_then_next(&mut self, end: &Ended, rules: &EachRules, context: &mut Context<'_>) -> bool {
        let silence = matches!(end.outcome, Outcome::Timeout | Outcome::Unreachable);
        let left = context.memory.tries_left.get_or_insert_with(|| rules.tries(context.settings));
        if silence && *left > 1 {
            *left -= 1;
            self.round += 1;
            return true;
        }
        self.place += 1;
        self.place < context.settings.nameservers.len()
    }

    fn next_in_turn(&mut self, rules: &EachRules, context: &mut Context<'_>) -> bool {
        let servers = context.settings.nameservers.len().max(1);
        if (0..servers).all(|server| self.struck_off.contains(&server)) {
            return false;
        }
        loop {
            self.place += self.group.len().max(1);
            if self.place >= servers {
                self.place = 0;
                self.round += 1;
                let pause = rules.backoff_us << (self.round - 2).min(10);
                self.wake_us = (pause > 0).then_some(context.now_us + pause.min(PAUSE_MAX_US));
            }
            self.pick(rules, context);
            let ordered = rules.order != Order::FewestFailures;
            if !(ordered && self.group.iter().all(|server| self.struck_off.contains(server))) {
                break;
            }
        }
        rules.tries == Tries::Lifetime || self.round <= rules.tries(context.settings)
    }
}
