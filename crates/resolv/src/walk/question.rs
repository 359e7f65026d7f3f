//! One question of an [`super::each::Each`] exchange: which server it is at, and what comes after a failure.

use super::context::Context;
use super::exchange::{Ended, Transmission};
use crate::Transport;
use crate::conf::Flag;
use crate::profile::schedule::{EachRules, Order, Tries};

/// One question under way.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) state: State,
    /// The pass over the servers, from 1.
    pub(super) round: u32,
    pub(super) server: usize,
    pub(super) transport: Transport,
    pub(super) edns: Option<u16>,
    /// Servers tried in the present pass.
    place: usize,
    first_server: usize,
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
            server: 0,
            transport,
            edns,
            place: 0,
            first_server: 0,
            struck_off: Vec::new(),
            wake_us: None,
            end: None,
        }
    }

    pub(super) fn ended(&self) -> Option<&Ended> {
        self.end.as_ref()
    }

    /// When something happens without an answer: the end of a wait or of a pause.
    pub(super) fn wake_us(&self) -> Option<u64> {
        self.wake_us.filter(|_| matches!(self.state, State::InFlight | State::Paused))
    }

    /// Whether it still waits for the answer to this transmission.
    pub(super) fn awaits(&self, sent: &Transmission) -> bool {
        self.state == State::InFlight
            && (sent.round, sent.server, sent.transport) == (self.round, self.server, self.transport)
    }

    pub(super) fn start(&mut self, rules: &EachRules, context: &mut Context<'_>) {
        let servers = context.settings.nameservers.len().max(1);
        if context.settings.flags.has(Flag::Rotate) {
            self.first_server = context.memory.rotation % servers;
            context.memory.rotation += 1;
        }
        self.server = match rules.order {
            Order::InTurn | Order::SameThenNext => self.first_server,
            Order::FewestFailures => context.memory.best_server(servers),
        };
        self.state = State::Ready;
    }

    pub(super) fn sent(&mut self, deadline_us: u64) {
        self.state = State::InFlight;
        self.wake_us = Some(deadline_us);
    }

    pub(super) fn end(&mut self, end: Ended) {
        self.state = State::Ended;
        self.end = Some(end);
    }

    pub(super) fn repeat_over_tcp(&mut self) {
        self.transport = Transport::Tcp;
        self.state = State::Ready;
    }

    pub(super) fn repeat_without_edns(&mut self) {
        self.edns = None;
        self.state = State::Ready;
    }

    /// Turns to the next server or pass; without one the question ends as it failed.
    pub(super) fn failed(&mut self, end: Ended, rules: &EachRules, context: &mut Context<'_>) {
        context.memory.failed(self.server);
        if rules.strikes_off.contains(&end.outcome) {
            self.struck_off.push(self.server);
        }
        let more = match rules.order {
            Order::SameThenNext => self.same_then_next(&end, rules, context),
            Order::InTurn | Order::FewestFailures => self.next_in_turn(rules, context),
        };
        if more {
            self.state = if self.wake_us > Some(context.now_us) { State::Paused } else { State::Ready };
        } else {
            self.end(end);
        }
    }

    /// BIND `bin/dig/dighost.c`: silence is answered by a resend to the same server while the lookup has tries left;
    /// an error that is not final by the next server.
    fn same_then_next(&mut self, end: &Ended, rules: &EachRules, context: &mut Context<'_>) -> bool {
        self.wake_us = None;
        let silence = matches!(end.outcome, crate::Outcome::Timeout | crate::Outcome::Unreachable);
        let left = context.memory.tries_left.get_or_insert_with(|| rules.tries(context.settings));
        if silence && *left > 1 {
            *left -= 1;
            self.round += 1;
            return true;
        }
        self.server += 1;
        self.server < context.settings.nameservers.len()
    }

    fn next_in_turn(&mut self, rules: &EachRules, context: &mut Context<'_>) -> bool {
        let servers = context.settings.nameservers.len().max(1);
        self.wake_us = None;
        if self.struck_off.len() >= servers {
            return false;
        }
        loop {
            self.place += 1;
            if self.place >= servers {
                self.place = 0;
                self.round += 1;
                let pause = rules.backoff_us << (self.round - 2).min(10);
                self.wake_us = (pause > 0).then_some(context.now_us + pause.min(2_000_000));
            }
            self.server = match rules.order {
                Order::FewestFailures => context.memory.best_server(servers),
                _ => (self.first_server + self.place) % servers,
            };
            if !self.struck_off.contains(&self.server) {
                break;
            }
        }
        rules.tries == Tries::Lifetime || self.round <= rules.tries(context.settings)
    }
}
