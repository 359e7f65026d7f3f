//! The pair of glibc: both questions on one socket, one nameserver after another (`resolv/res_send.c`).

use std::collections::VecDeque;

use super::exchange::{Ended, Memory, OneByOne, Progress, Transmission};
use crate::conf::Flag;
use crate::profile::LameRule;
use crate::profile::schedule::{PairedRules, paired_timeout_us};
use crate::{Message, Outcome, Reply, Settings, Transport};

/// One candidate's questions under way.
#[derive(Debug, Clone)]
pub(super) struct Paired {
    rules: PairedRules,
    questions: usize,
    /// Passes over the servers begun, and the place in the present one.
    round: u32,
    place: usize,
    first_server: usize,
    transport: Transport,
    state: State,
    outbox: VecDeque<usize>,
    socket: u32,
    deadline_us: Option<u64>,
    /// Which questions have an answer in the present try, good or bad.
    received: Vec<bool>,
    /// Which have a good one.
    ended: Vec<Option<Ended>>,
    /// The answer in the first buffer, which decides what a failure was.
    first_seen: Option<Outcome>,
    /// Whether any server was heard of at all, or silent; only ICMP leaves it unset.
    heard: Heard,
    failure: Option<Outcome>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The next server is to be asked.
    BeginTry,
    /// Answers are awaited.
    Waiting,
    /// Over.
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
            round: 1,
            place: 0,
            first_server: 0,
            transport: if settings.flags.has(Flag::UseVc) { Transport::Tcp } else { Transport::Udp },
            state: State::BeginTry,
            outbox: VecDeque::new(),
            socket: 0,
            deadline_us: None,
            received: vec![false; questions],
            ended: vec![None; questions],
            first_seen: None,
            heard: Heard::Nothing,
            failure: None,
        }
    }

    pub(super) fn ended(&self) -> &[Option<Ended>] {
        &self.ended
    }

    pub(super) fn failure(&self) -> Option<Outcome> {
        self.failure
    }

    pub(super) fn next(&mut self, now_us: u64, settings: &Settings, memory: &mut Memory) -> Progress {
        loop {
            match self.state {
                State::Done => return Progress::Done,
                State::BeginTry => self.begin_try(now_us, settings, memory),
                State::Waiting => {}
            }
            if let Some(question) = self.outbox.pop_front() {
                return Progress::Send(self.transmission(question, settings));
            }
            match self.deadline_us {
                Some(deadline) if self.state == State::Waiting && now_us >= deadline => {
                    self.timed_out(now_us, settings, memory);
                }
                deadline if self.state == State::Waiting => return Progress::Wait(deadline),
                _ => {}
            }
        }
    }

    fn begin_try(&mut self, now_us: u64, settings: &Settings, memory: &mut Memory) {
        if self.place == 0 && self.round == 1 {
            self.first_server = if settings.flags.has(Flag::Rotate) { memory.queries } else { 0 };
            memory.queries += 1;
        }
        if self.round > settings.attempts {
            self.fail(now_us);
            return;
        }
        self.open(settings, memory);
        self.begin_sending(now_us, settings, memory);
    }

    fn open(&mut self, _settings: &Settings, memory: &mut Memory) {
        self.socket = memory.open();
    }

    fn begin_sending(&mut self, now_us: u64, settings: &Settings, memory: &Memory) {
        self.state = State::Waiting;
        self.received = vec![false; self.questions];
        self.ended = vec![None; self.questions];
        let one_by_one = self.mode(settings, memory) != OneByOne::No && self.transport == Transport::Udp;
        let at_once = if one_by_one { 1 } else { self.questions };
        self.outbox = (0..at_once).collect();
        self.deadline_us = match self.transport {
            Transport::Udp => Some(now_us + paired_timeout_us(settings, self.server(settings))),
            Transport::Tcp => None,
        };
    }

    fn mode(&self, settings: &Settings, memory: &Memory) -> OneByOne {
        let _ = self.rules.fallback;
        let asked = if settings.flags.has(Flag::SingleRequestReopen) {
            OneByOne::NewSocket
        } else if settings.flags.has(Flag::SingleRequest) {
            OneByOne::SameSocket
        } else {
            OneByOne::No
        };
        asked.max(memory.one_by_one)
    }

    fn server(&self, settings: &Settings) -> usize {
        (self.first_server + self.place) % settings.nameservers.len().max(1)
    }

    fn transmission(&self, question: usize, settings: &Settings) -> Transmission {
        Transmission {
            question,
            server: self.server(settings),
            transport: self.transport,
            round: self.round,
            socket: self.socket,
            timeout_us: match self.transport {
                Transport::Udp => Some(paired_timeout_us(settings, self.server(settings))),
                Transport::Tcp => None,
            },
        }
    }

    fn timed_out(&mut self, now_us: u64, settings: &Settings, memory: &mut Memory) {
        let half_good = self.ended.iter().any(Option::is_some);
        if self.questions > 1 && half_good {
            match self.mode(settings, memory) {
                OneByOne::No => {
                    memory.one_by_one = OneByOne::SameSocket;
                    self.begin_sending(now_us, settings, memory);
                }
                OneByOne::SameSocket => {
                    memory.one_by_one = OneByOne::NewSocket;
                    self.open(settings, memory);
                    self.begin_sending(now_us, settings, memory);
                }
                OneByOne::NewSocket => self.settle(now_us),
            }
            return;
        }
        self.heard = Heard::Something;
        self.next_server(settings);
    }

    /// What is good is taken; what is silent timed out.
    fn settle(&mut self, now_us: u64) {
        for end in &mut self.ended {
            end.get_or_insert_with(|| Ended::without_answer(Outcome::Timeout, now_us));
        }
        self.state = State::Done;
    }

    fn next_server(&mut self, settings: &Settings) {
        self.state = State::BeginTry;
        self.outbox.clear();
        self.deadline_us = None;
        self.place += 1;
        if self.place >= settings.nameservers.len() {
            self.place = 0;
            self.round = if self.transport == Transport::Tcp { u32::MAX } else { self.round + 1 };
        }
    }

    fn fail(&mut self, now_us: u64) {
        let error = self.first_seen.filter(|outcome| retried(*outcome));
        let outcome = match (error, self.heard) {
            (Some(outcome), _) => outcome,
            (None, Heard::Something) => Outcome::Timeout,
            (None, Heard::Nothing) => Outcome::Unreachable,
        };
        self.failure = Some(outcome);
        self.ended = vec![Some(Ended::without_answer(outcome, now_us)); self.questions];
        self.state = State::Done;
    }

    pub(super) fn reply(
        &mut self,
        now_us: u64,
        sent: &Transmission,
        reply: &Reply,
        settings: &Settings,
        memory: &mut Memory,
    ) {
        let current = sent.server == self.server(settings) && sent.transport == self.transport;
        if self.state != State::Waiting || !current || self.received[sent.question] {
            return;
        }
        match reply {
            Reply::Unreachable => self.next_server(settings),
            Reply::Message(message) => self.message(now_us, sent.question, message, settings, memory),
        }
    }

    fn message(
        &mut self,
        now_us: u64,
        question: usize,
        message: &Message,
        settings: &Settings,
        memory: &mut Memory,
    ) {
        self.heard = Heard::Something;
        let outcome = self.judge(message);
        let first = !self.received.contains(&true);
        if first {
            self.first_seen = Some(outcome);
        }
        self.received[question] = true;
        if retried(outcome) && self.transport == Transport::Udp {
            self.bad_answer(now_us, first, settings, memory);
            return;
        }
        if outcome == Outcome::Truncated {
            self.transport = Transport::Tcp;
            self.state = State::BeginTry;
            self.outbox.clear();
            return;
        }
        self.ended[question] = Some(Ended {
            outcome,
            at_us: now_us,
            addresses: message.addresses.clone(),
            cname: message.cname.clone(),
        });
        self.after_answer(now_us, settings, memory);
    }

    fn bad_answer(&mut self, now_us: u64, first: bool, settings: &Settings, memory: &mut Memory) {
        if !first {
            if self.ended.iter().any(Option::is_some) {
                self.settle_with_good(now_us);
            } else {
                self.next_server(settings);
            }
        } else if self.questions == 1 || self.mode(settings, memory) != OneByOne::No {
            self.next_server(settings);
        }
    }

    /// One good answer and one error: the good one alone decides.
    fn settle_with_good(&mut self, now_us: u64) {
        let _ = now_us;
        self.state = State::Done;
    }

    fn after_answer(&mut self, now_us: u64, settings: &Settings, memory: &mut Memory) {
        if self.received.iter().all(|received| *received) {
            self.state = State::Done;
            return;
        }
        let mode = self.mode(settings, memory);
        if mode == OneByOne::No || self.transport == Transport::Tcp {
            return;
        }
        if mode == OneByOne::NewSocket {
            self.open(settings, memory);
        }
        let _ = now_us;
        let next = self.received.iter().position(|received| !received);
        self.outbox.extend(next);
    }

    fn judge(&self, message: &Message) -> Outcome {
        let outcome = message.outcome();
        match (outcome, self.rules.lame) {
            (Outcome::Lame, LameRule::Accepted) => Outcome::NoData,
            (Outcome::Lame, LameRule::WithoutAdditional) if message.additional => Outcome::NoData,
            _ => outcome,
        }
    }
}

/// Answers after which glibc turns to the next server.
fn retried(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::ServFail | Outcome::NotImp | Outcome::Refused | Outcome::Lame)
}
