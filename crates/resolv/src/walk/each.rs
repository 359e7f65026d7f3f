//! Every question for itself: to one nameserver after another, round after round, until an answer ends it.

use std::collections::VecDeque;

use super::context::Context;
use super::exchange::{Ended, Progress, Transmission};
use crate::conf::Flag;
use crate::profile::schedule::EachRules;
use crate::profile::{AskRules, Shape, Socket};
use crate::{Message, Outcome, Reply, Settings, Transport};

/// The questions of one candidate under way.
#[derive(Debug, Clone)]
pub(super) struct Each {
    rules: EachRules,
    ask: AskRules,
    shape: Shape,
    questions: Vec<Question>,
    outbox: VecDeque<Transmission>,
}

#[derive(Debug, Clone)]
struct Question {
    state: State,
    /// The pass over the servers, from 1, and the place in it.
    round: u32,
    place: usize,
    first_server: usize,
    transport: Transport,
    deadline_us: Option<u64>,
}

#[derive(Debug, Clone)]
enum State {
    /// Not asked yet.
    Waiting,
    /// A transmission is to be made.
    Ready,
    /// An answer is awaited.
    InFlight,
    Ended(Ended),
}

impl Each {
    pub(super) fn new(rules: EachRules, ask: &AskRules, questions: usize, settings: &Settings) -> Self {
        let one_by_one =
            settings.flags.has(Flag::SingleRequest) || settings.flags.has(Flag::SingleRequestReopen);
        let question = Question {
            state: State::Waiting,
            round: 1,
            place: 0,
            first_server: 0,
            transport: if settings.flags.has(Flag::UseVc) { Transport::Tcp } else { Transport::Udp },
            deadline_us: None,
        };
        Self {
            rules,
            ask: *ask,
            shape: if one_by_one { Shape::Sequential } else { ask.shape },
            questions: vec![question; questions],
            outbox: VecDeque::new(),
        }
    }

    pub(super) fn ended(&self) -> Vec<Option<&Ended>> {
        self.questions.iter().map(Question::ended).collect()
    }

    pub(super) fn next(&mut self, context: &mut Context<'_>) -> Progress {
        self.start(context);
        for index in 0..self.questions.len() {
            self.advance(index, context);
        }
        if let Some(transmission) = self.outbox.pop_front() {
            return Progress::Send(transmission);
        }
        if self.questions.iter().all(|question| matches!(question.state, State::Ended(_))) {
            return Progress::Done;
        }
        let in_flight = self.questions.iter().filter(|question| matches!(question.state, State::InFlight));
        match in_flight.filter_map(|question| question.deadline_us).min() {
            // A question that ended in this call may have made room for the next.
            Some(deadline) if deadline <= context.now_us => self.next(context),
            None if self.questions.iter().any(|question| matches!(question.state, State::Waiting)) => {
                self.next(context)
            }
            deadline => Progress::Wait(deadline),
        }
    }

    /// Starts what may start now: everything, or the next question once the one before has ended.
    fn start(&mut self, context: &mut Context<'_>) {
        for index in 0..self.questions.len() {
            let free = self.shape != Shape::Sequential
                || self.questions[..index].iter().all(|before| matches!(before.state, State::Ended(_)));
            let question = &mut self.questions[index];
            if matches!(question.state, State::Waiting) && free {
                question.state = State::Ready;
                if context.settings.flags.has(Flag::Rotate) {
                    question.first_server = context.memory.rotation;
                    context.memory.rotation += 1;
                }
            }
        }
    }

    fn advance(&mut self, index: usize, context: &mut Context<'_>) {
        let question = &self.questions[index];
        let late = question.deadline_us.is_some_and(|deadline| context.now_us >= deadline);
        if matches!(question.state, State::InFlight) && late {
            self.failed(index, Ended::without_answer(Outcome::Timeout, context.now_us), context);
        }
        while matches!(self.questions[index].state, State::Ready) {
            self.transmit(index, context);
        }
    }

    fn transmit(&mut self, index: usize, context: &mut Context<'_>) {
        let server = self.questions[index].server(context.settings);
        if !context.settings.reaches(server) {
            self.failed(index, Ended::without_answer(Outcome::Unreachable, context.now_us), context);
            return;
        }
        let socket = match self.ask.socket {
            Socket::Channel => context.memory.channel(),
            Socket::Each | Socket::Candidate => context.memory.open(),
        };
        let question = &mut self.questions[index];
        let timeout_us = self.rules.timeout_us(context.settings, question.round);
        question.deadline_us = Some(context.now_us + timeout_us);
        question.state = State::InFlight;
        self.outbox.push_back(Transmission {
            question: index,
            server,
            transport: question.transport,
            round: question.round,
            socket,
            timeout_us: Some(timeout_us),
            qname: None,
            edns: self.ask.edns,
        });
    }

    /// Notes a failure and turns to the next server, or ends the question.
    fn failed(&mut self, index: usize, end: Ended, context: &mut Context<'_>) {
        let rounds = self.rules.rounds(context.settings);
        let question = &mut self.questions[index];
        question.place += 1;
        if question.place >= context.settings.nameservers.len() {
            question.place = 0;
            question.round += 1;
        }
        question.state = if question.round > rounds { State::Ended(end) } else { State::Ready };
    }

    pub(super) fn reply(&mut self, sent: &Transmission, reply: &Reply, context: &mut Context<'_>) {
        let question = &self.questions[sent.question];
        let current = sent.round == question.round
            && sent.server == question.server(context.settings)
            && sent.transport == question.transport;
        if !matches!(question.state, State::InFlight) || !current {
            return;
        }
        match reply {
            Reply::Unreachable => {
                let end = Ended::without_answer(Outcome::Unreachable, context.now_us);
                self.failed(sent.question, end, context);
            }
            Reply::Message(message) => self.message(sent.question, message, context),
        }
    }

    fn message(&mut self, index: usize, message: &Message, context: &mut Context<'_>) {
        let outcome = self.rules.lame.judge(message);
        if outcome == Outcome::Truncated {
            self.questions[index].transport = Transport::Tcp;
            self.questions[index].state = State::Ready;
            return;
        }
        let end = Ended::by(message, outcome, context.now_us);
        if self.rules.accept.contains(&outcome) {
            self.questions[index].state = State::Ended(end);
        } else {
            self.failed(index, end, context);
        }
    }
}

impl Question {
    fn ended(&self) -> Option<&Ended> {
        match &self.state {
            State::Ended(end) => Some(end),
            State::Waiting | State::Ready | State::InFlight => None,
        }
    }

    fn server(&self, settings: &Settings) -> usize {
        (self.first_server + self.place) % settings.nameservers.len().max(1)
    }
}
