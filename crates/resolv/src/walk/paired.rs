//! The pair of glibc: both questions on one socket, one nameserver after another (`resolv/res_send.c`).

use std::collections::VecDeque;

use super::context::{Context, OneByOne};
use super::exchange::{Ended, Progress, Transmission};
use crate::conf::Flag;
use crate::profile::schedule::{AfterError, PairedRules, paired_timeout_us};
use crate::{Message, Outcome, Reply, Settings, Transport};

/// One candidate's questions under way.
#[derive(Debug, Clone)]
pub(super) struct Paired {
    rules: PairedRules,
    questions: usize,
    state: State,
    /// The pass over the servers, from 1, and the place in it.
    round: u32,
    place: usize,
    first_server: usize,
    transport: Transport,
    /// The open UDP socket to each server; it stays open over timeouts, and with it what arrives there late.
    sockets: Vec<Option<u32>>,
    socket: u32,
    /// Replies on sockets of servers that are not waited for at present: socket, question, reply.
    late: Vec<(u32, usize, Reply)>,
    outbox: VecDeque<usize>,
    deadline_us: Option<u64>,
    /// Which questions have an answer in the present try, good or bad.
    received: Vec<bool>,
    /// The good answers of the present try.
    good: Vec<Option<Ended>>,
    /// The answer in the first buffer. It survives later tries, and decides what a failure was.
    first_seen: Option<Outcome>,
    /// Whether there was anything but ICMP errors: an answer, or silence.
    heard: Heard,
    failure: Option<Outcome>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    BeginTry,
    Waiting,
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Nothing,
    Something,
}

impl Paired {
    pub(super) fn new(rules: PairedRules, questions: usize, settings: &Settings) -> Self {
        Self {
            rules,
            questions,
            state: State::BeginTry,
            round: 0,
            place: 0,
            first_server: 0,
            transport: if settings.flags.has(Flag::UseVc) { Transport::Tcp } else { Transport::Udp },
            sockets: vec![None; settings.nameservers.len().max(1)],
            socket: 0,
            late: Vec::new(),
            outbox: VecDeque::new(),
            deadline_us: None,
            received: vec![false; questions],
            good: vec![None; questions],
            first_seen: None,
            heard: Heard::Nothing,
            failure: None,
        }
    }

    pub(super) fn ended(&self) -> Vec<Option<&Ended>> {
        self.good.iter().map(Option::as_ref).collect()
    }

    pub(super) fn failure(&self) -> Option<Outcome> {
        self.failure
    }

    pub(super) fn next(&mut self, context: &mut Context<'_>) -> Progress {
        loop {
            if let Some(question) = self.outbox.pop_front() {
                return Progress::Send(self.transmission(question, context));
            }
            match (self.state, self.deadline_us) {
                (State::Done, _) => return Progress::Done,
                (State::BeginTry, _) => self.begin_try(context),
                (State::Waiting, _) if self.reads_late_reply(context) => {}
                (State::Waiting, Some(deadline)) if context.now_us >= deadline => self.timed_out(context),
                (State::Waiting, deadline) => return Progress::Wait(deadline),
            }
        }
    }

    fn begin_try(&mut self, context: &mut Context<'_>) {
        if self.round == 0 {
            self.round = 1;
            self.first_server =
                if context.settings.flags.has(Flag::Rotate) { context.memory.rotation } else { 0 };
            context.memory.rotation += 1;
        }
        if self.round > context.settings.attempts {
            self.fail(context.now_us);
        } else if context.settings.reaches(self.server(context)) {
            self.socket = self.socket_to(self.server(context), context);
            self.begin_sending(context);
        } else {
            self.next_server(context);
        }
    }

    /// The socket to a server: the one that is open, over TCP always a new one.
    fn socket_to(&mut self, server: usize, context: &mut Context<'_>) -> u32 {
        match self.transport {
            Transport::Udp => *self.sockets[server].get_or_insert_with(|| context.memory.open()),
            Transport::Tcp => context.memory.open(),
        }
    }

    /// Reads what arrived late on the present socket, as the kernel kept it there.
    fn reads_late_reply(&mut self, context: &mut Context<'_>) -> bool {
        let Some(at) = self.late.iter().position(|(socket, ..)| *socket == self.socket) else { return false };
        let (_, question, reply) = self.late.remove(at);
        if !self.received[question] {
            self.received_reply(question, &reply, context);
        }
        true
    }

    fn begin_sending(&mut self, context: &Context<'_>) {
        self.state = State::Waiting;
        self.received = vec![false; self.questions];
        self.good = vec![None; self.questions];
        let at_once = if self.one_by_one(context) == OneByOne::No { self.questions } else { 1 };
        self.outbox = (0..at_once).collect();
        self.deadline_us = self.timeout_us(context).map(|timeout| context.now_us + timeout);
    }

    /// TCP is waited for without a limit (`send_vc` has no timer).
    fn timeout_us(&self, context: &Context<'_>) -> Option<u64> {
        let udp = self.transport == Transport::Udp;
        udp.then(|| paired_timeout_us(context.settings, self.server(context)))
    }

    fn one_by_one(&self, context: &Context<'_>) -> OneByOne {
        let flags = context.settings.flags;
        let asked = if flags.has(Flag::SingleRequestReopen) {
            OneByOne::NewSocket
        } else if flags.has(Flag::SingleRequest) {
            OneByOne::SameSocket
        } else {
            OneByOne::No
        };
        match self.transport {
            Transport::Udp => asked.max(context.memory.one_by_one),
            Transport::Tcp => OneByOne::No,
        }
    }

    fn server(&self, context: &Context<'_>) -> usize {
        (self.first_server + self.place) % context.settings.nameservers.len().max(1)
    }

    fn transmission(&self, question: usize, context: &Context<'_>) -> Transmission {
        Transmission {
            question,
            server: self.server(context),
            transport: self.transport,
            round: self.round,
            socket: self.socket,
            timeout_us: self.timeout_us(context),
            qname: None,
            edns: context.settings.flags.has(Flag::Edns0).then_some(self.rules.edns0_size),
            cookie: false,
        }
    }

    fn timed_out(&mut self, context: &mut Context<'_>) {
        self.heard = Heard::Something;
        if self.questions == 1 || self.good.iter().all(Option::is_none) {
            self.next_server(context);
            return;
        }
        match self.one_by_one(context) {
            OneByOne::No => {
                context.memory.one_by_one = OneByOne::SameSocket;
                self.begin_sending(context);
            }
            OneByOne::SameSocket => {
                context.memory.one_by_one = OneByOne::NewSocket;
                self.open_anew(context);
                self.begin_sending(context);
            }
            OneByOne::NewSocket => self.state = State::Done,
        }
    }

    /// Closes the socket to the server and opens another.
    fn open_anew(&mut self, context: &mut Context<'_>) {
        let server = self.server(context);
        self.sockets[server] = None;
        self.socket = self.socket_to(server, context);
    }

    fn next_server(&mut self, context: &Context<'_>) {
        self.state = State::BeginTry;
        self.outbox.clear();
        self.place += 1;
        if self.place >= context.settings.nameservers.len() {
            self.place = 0;
            // TCP gets one pass over the servers.
            self.round = if self.transport == Transport::Tcp { u32::MAX } else { self.round + 1 };
        }
    }

    fn fail(&mut self, now_us: u64) {
        let error = self.first_seen.filter(|outcome| is_server_error(*outcome));
        let silence = match self.heard {
            Heard::Something => Outcome::Timeout,
            Heard::Nothing => Outcome::Unreachable,
        };
        let outcome = error.unwrap_or(silence);
        self.failure = Some(outcome);
        self.good = vec![Some(Ended::without_answer(outcome, now_us)); self.questions];
        self.state = State::Done;
    }

    pub(super) fn reply(&mut self, sent: &Transmission, reply: &Reply, context: &mut Context<'_>) {
        let waiting = self.state == State::Waiting && sent.transport == self.transport;
        if waiting && sent.socket == self.socket && sent.server == self.server(context) {
            if !self.received[sent.question] {
                self.received_reply(sent.question, reply, context);
            }
        } else if sent.transport == Transport::Udp && self.sockets[sent.server] == Some(sent.socket) {
            self.late.push((sent.socket, sent.question, reply.clone()));
        }
    }

    fn received_reply(&mut self, question: usize, reply: &Reply, context: &mut Context<'_>) {
        match reply {
            Reply::Unreachable => self.next_server(context),
            Reply::Message(message) => self.message(question, message, context),
        }
    }

    fn message(&mut self, question: usize, message: &Message, context: &mut Context<'_>) {
        self.heard = Heard::Something;
        let outcome = self.rules.lame.judge(message);
        let first = !self.received.contains(&true);
        if first {
            self.first_seen = Some(outcome);
        }
        self.received[question] = true;
        if outcome == Outcome::Truncated {
            self.transport = Transport::Tcp;
            self.state = State::BeginTry;
            self.outbox.clear();
        } else if is_server_error(outcome) && self.transport == Transport::Udp {
            self.server_error(first, context);
        } else {
            self.good[question] = Some(Ended::by(message, outcome, context.now_us));
            self.after_answer(context);
        }
    }

    fn server_error(&mut self, first: bool, context: &mut Context<'_>) {
        let strict = context.settings.flags.has(Flag::StrictError);
        let good = self.good.iter().any(Option::is_some);
        let other_sent = self.one_by_one(context) == OneByOne::No;
        let waits = first && (other_sent || self.rules.after_error == AfterError::WaitsForOther);
        if strict || self.questions == 1 {
            // `close_and_return_error` closes all sockets.
            self.sockets.fill(None);
            self.next_server(context);
        } else if !first && good {
            // One good answer and one error: the good one alone decides.
            self.state = State::Done;
        } else if !waits {
            self.next_server(context);
        }
    }

    fn after_answer(&mut self, context: &mut Context<'_>) {
        if self.received.iter().all(|received| *received) {
            self.state = State::Done;
            return;
        }
        match self.one_by_one(context) {
            OneByOne::No => return,
            OneByOne::SameSocket => {}
            OneByOne::NewSocket => self.open_anew(context),
        }
        // The second question follows whichever answer comes first, be it a late one to itself (`send_dg`, `nwritten`).
        self.outbox.push_back(self.questions - 1);
    }
}

/// Answers after which glibc turns to the next server.
fn is_server_error(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::ServFail | Outcome::NotImp | Outcome::Refused | Outcome::Lame)
}
