//! The burst of musl and busybox: every question at once, again at fixed intervals until a fixed end
//! (`src/network/res_msend.c`, `networking/nslookup.c`).

use std::collections::VecDeque;

use super::context::Context;
use super::exchange::{Ended, Progress, Transmission};
use crate::conf::Nameserver;
use crate::profile::schedule::{FloodAccept, FloodRules, FloodServers, FloodTcp, Source};
use crate::{Message, Outcome, Reply, Settings, Transport};

/// Questions under way.
#[derive(Debug, Clone)]
pub(super) struct Flood {
    rules: FloodRules,
    begun_us: Option<u64>,
    next_round_us: u64,
    round: u32,
    interval_us: u64,
    total_us: u64,
    /// The server asked, where they are asked one after another.
    server: usize,
    socket: u32,
    /// SERVFAIL answers that are still resent at once in this interval.
    servfail_budget: usize,
    questions: Vec<Question>,
    /// Questions that fit no message: sending ends there, and the next server is tried (busybox).
    broken: Vec<bool>,
    /// Sending failed: this server's time is up at once.
    cut_short: bool,
    outbox: VecDeque<Transmission>,
    over: bool,
}

#[derive(Debug, Clone)]
enum Question {
    Open,
    OverTcp,
    Ended(Ended),
}

impl Flood {
    pub(super) fn new(rules: FloodRules, broken: &[bool], settings: &Settings) -> Self {
        let (total_us, interval_us) = rules.times_us(settings);
        Self {
            rules,
            begun_us: None,
            next_round_us: 0,
            round: 0,
            interval_us,
            total_us,
            server: 0,
            socket: 0,
            servfail_budget: 0,
            questions: vec![Question::Open; broken.len()],
            broken: broken.to_vec(),
            cut_short: false,
            outbox: VecDeque::new(),
            over: false,
        }
    }

    pub(super) fn ended(&self) -> Vec<Option<&Ended>> {
        self.questions.iter().map(Question::ended).collect()
    }

    pub(super) fn next(&mut self, context: &mut Context<'_>) -> Progress {
        let begun = *self.begun_us.get_or_insert_with(|| {
            self.socket = context.memory.open();
            self.next_round_us = context.now_us;
            context.now_us
        });
        let end = begun + self.total_us;
        loop {
            if let Some(transmission) = self.outbox.pop_front() {
                return Progress::Send(transmission);
            }
            let all_ended = self.questions.iter().all(|question| matches!(question, Question::Ended(_)));
            if self.over || all_ended {
                return Progress::Done;
            }
            if context.now_us >= end || std::mem::take(&mut self.cut_short) {
                if !self.turn_to_next_server(context) {
                    self.give_up(context.now_us);
                }
                return self.next(context);
            }
            if context.now_us < self.next_round_us {
                return Progress::Wait(Some(self.next_round_us.min(end)));
            }
            self.begin_round(context);
        }
    }

    /// busybox turns to the next server only when this one gave no reply at all.
    fn turn_to_next_server(&mut self, context: &mut Context<'_>) -> bool {
        let silent = self.questions.iter().all(|question| matches!(question, Question::Open));
        let more = self.server + 1 < context.settings.nameservers.len();
        if self.rules.servers != FloodServers::OneAfterAnother || !silent || !more {
            return false;
        }
        self.server += 1;
        self.begun_us = None;
        true
    }

    fn begin_round(&mut self, context: &mut Context<'_>) {
        self.round += 1;
        self.next_round_us = context.now_us + self.interval_us;
        self.servfail_budget = 2 * self.questions.len();
        for question in 0..self.questions.len() {
            if self.broken[question] {
                self.cut_short = true;
                return;
            }
            if matches!(self.questions[question], Question::Open) {
                self.send_to_all(question, context);
            }
        }
    }

    fn send_to_all(&mut self, question: usize, context: &mut Context<'_>) {
        let servers = match self.rules.servers {
            FloodServers::AllAtOnce => 0..context.settings.nameservers.len(),
            FloodServers::OneAfterAnother if !context.settings.reaches(self.server) => {
                // busybox dies when it cannot connect.
                self.give_up(context.now_us);
                return;
            }
            FloodServers::OneAfterAnother => self.server..self.server + 1,
        };
        for server in servers {
            if context.settings.reaches(server) {
                let transmission = self.transmission(question, server, Transport::Udp, context);
                self.outbox.push_back(transmission);
            }
        }
    }

    fn transmission(
        &self,
        question: usize,
        server: usize,
        transport: Transport,
        context: &Context<'_>,
    ) -> Transmission {
        let end = self.begun_us.unwrap_or(context.now_us) + self.total_us;
        Transmission {
            question,
            server,
            transport,
            round: self.round,
            socket: self.socket,
            timeout_us: Some(end.saturating_sub(context.now_us)),
            qname: None,
            edns: None,
            cookie: false,
        }
    }

    fn give_up(&mut self, now_us: u64) {
        self.over = true;
        for question in &mut self.questions {
            if !matches!(question, Question::Ended(_)) {
                *question = Question::Ended(Ended::without_answer(Outcome::Timeout, now_us));
            }
        }
    }

    pub(super) fn reply(&mut self, sent: &Transmission, reply: &Reply, context: &mut Context<'_>) {
        let waits = match self.questions[sent.question] {
            Question::Open => sent.transport == Transport::Udp,
            Question::OverTcp => sent.transport == Transport::Tcp,
            Question::Ended(_) => false,
        };
        // ICMP errors go unnoticed on an unconnected socket.
        let heard =
            self.rules.source == Source::Unchecked || comes_from_a_server(sent.server, context.settings);
        if let (true, true, Reply::Message(message)) = (waits, heard, reply) {
            self.message(sent, message, context);
        }
    }

    fn message(&mut self, sent: &Transmission, message: &Message, context: &mut Context<'_>) {
        let outcome = match message.outcome() {
            Outcome::Lame => Outcome::NoData,
            outcome => outcome,
        };
        let accepted = match (outcome, self.rules.accept) {
            (Outcome::Truncated, _) if self.rules.tcp == FloodTcp::Repeats => {
                self.questions[sent.question] = Question::OverTcp;
                self.outbox.push_back(Transmission {
                    socket: context.memory.open(),
                    ..self.transmission(sent.question, sent.server, Transport::Tcp, context)
                });
                return;
            }
            (Outcome::ServFail, _) if self.servfail_budget > 0 && sent.transport == Transport::Udp => {
                self.servfail_budget -= 1;
                let again = self.transmission(sent.question, sent.server, sent.transport, context);
                self.outbox.push_back(again);
                return;
            }
            (_, FloodAccept::Everything) => true,
            (outcome, FloodAccept::NoErrorAndNxDomain) => matches!(
                outcome,
                Outcome::Answer | Outcome::NoData | Outcome::Cname | Outcome::NxDomain | Outcome::Truncated
            ),
        };
        if accepted {
            // Without TCP a cut-off answer is taken for what is left of it.
            let outcome = match outcome {
                Outcome::Truncated if message.addresses.is_empty() => Outcome::NoData,
                Outcome::Truncated => Outcome::Answer,
                outcome => outcome,
            };
            self.questions[sent.question] = Question::Ended(Ended::by(message, outcome, context.now_us));
        }
    }
}

impl Question {
    fn ended(&self) -> Option<&Ended> {
        match self {
            Self::Ended(end) => Some(end),
            Self::Open | Self::OverTcp => None,
        }
    }
}

/// Whether an answer of this server comes from an address in the list: one to the unspecified address, which Linux takes
/// for loopback, comes from there.
fn comes_from_a_server(server: usize, settings: &Settings) -> bool {
    let address = settings.nameservers[server].address.to_canonical();
    let same_family = |other: &Nameserver| other.address.is_ipv4() == address.is_ipv4();
    let loopback = |other: &Nameserver| {
        same_family(other) && matches!(other.address.to_string().as_str(), "127.0.0.1" | "::1")
    };
    !address.is_unspecified() || settings.nameservers.iter().any(loopback)
}
