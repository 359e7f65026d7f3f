//! Every question for itself: to one nameserver after another, again and again, until an answer ends it.

use std::collections::VecDeque;

use super::context::Context;
use super::exchange::{Ended, Progress, Transmission};
use super::question::{Question, State};
use crate::conf::Flag;
use crate::profile::schedule::{EachRules, EdnsRefused, Sibling};
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

impl Each {
    pub(super) fn new(rules: EachRules, ask: &AskRules, questions: usize, settings: &Settings) -> Self {
        let flags = settings.flags;
        let one_by_one = flags.has(Flag::SingleRequest) || flags.has(Flag::SingleRequestReopen);
        let transport = if flags.has(Flag::UseVc) { Transport::Tcp } else { Transport::Udp };
        Self {
            rules,
            ask: *ask,
            shape: if one_by_one { Shape::Sequential } else { ask.shape },
            questions: vec![Question::new(transport, ask.edns); questions],
            outbox: VecDeque::new(),
        }
    }

    pub(super) fn ended(&self) -> Vec<Option<&Ended>> {
        self.questions.iter().map(Question::ended).collect()
    }

    pub(super) fn next(&mut self, context: &mut Context<'_>) -> Progress {
        loop {
            self.start(context);
            for index in 0..self.questions.len() {
                self.advance(index, context);
            }
            if let Some(transmission) = self.outbox.pop_front() {
                return Progress::Send(transmission);
            }
            if self.questions.iter().all(|question| question.ended().is_some()) {
                return Progress::Done;
            }
            let wake = self.questions.iter().filter_map(Question::wake_us).min();
            let waiting = self.questions.iter().any(|question| question.state == State::Waiting);
            match wake {
                // A question that ended in this call has made room for the next.
                None if waiting => {}
                Some(wake) if wake <= context.now_us => {}
                wake => return Progress::Wait(wake),
            }
        }
    }

    /// Starts what may start now: everything, or the next question once the one before has ended.
    fn start(&mut self, context: &mut Context<'_>) {
        for index in 0..self.questions.len() {
            let free = self.shape != Shape::Sequential
                || self.questions[..index].iter().all(|before| before.ended().is_some());
            if self.questions[index].state == State::Waiting && free {
                self.questions[index].start(&self.rules, context);
            }
        }
    }

    fn advance(&mut self, index: usize, context: &mut Context<'_>) {
        let question = &mut self.questions[index];
        let due = question.wake_us().is_some_and(|wake| wake <= context.now_us);
        match question.state {
            State::InFlight if due => self.failed(index, Outcome::Timeout, context),
            State::Paused if due => question.state = State::Ready,
            _ => {}
        }
        while self.questions[index].state == State::Ready {
            self.transmit(index, context);
        }
    }

    fn transmit(&mut self, index: usize, context: &mut Context<'_>) {
        let server = self.questions[index].server;
        if !context.settings.reaches(server) {
            self.failed(index, Outcome::Unreachable, context);
            return;
        }
        let Some(timeout_us) = self.timeout_us(index, context) else {
            self.questions[index].end(Ended::without_answer(Outcome::Timeout, context.now_us));
            return;
        };
        let socket = match self.ask.socket {
            Socket::Channel => context.memory.channel(),
            Socket::Each | Socket::Candidate => context.memory.open(),
        };
        let question = &mut self.questions[index];
        question.sent(context.now_us + timeout_us);
        self.outbox.push_back(Transmission {
            question: index,
            server,
            transport: question.transport,
            round: question.round,
            socket,
            timeout_us: Some(timeout_us),
            qname: None,
            edns: question.edns,
        });
    }

    /// How long to wait now; `None` when the lookup's time is up.
    fn timeout_us(&self, index: usize, context: &Context<'_>) -> Option<u64> {
        let timeout_us = self.rules.timeout_us(context.settings, self.questions[index].round);
        match self.rules.lifetime_us {
            None => Some(timeout_us),
            Some(lifetime) => {
                let left = lifetime.saturating_sub(context.now_us);
                (left > 0).then_some(timeout_us.min(left))
            }
        }
    }

    /// Notes that a transmission failed, and turns to the next one or ends the question.
    fn failed(&mut self, index: usize, outcome: Outcome, context: &mut Context<'_>) {
        let end = Ended::without_answer(outcome, context.now_us);
        let found = |question: &Question| question.ended().is_some_and(|end| end.outcome == Outcome::Answer);
        if self.rules.sibling == Sibling::NotRetried && self.questions.iter().any(found) {
            context.memory.failed(self.questions[index].server);
            self.questions[index].end(end);
        } else {
            self.questions[index].failed(end, &self.rules, context);
        }
    }

    pub(super) fn reply(&mut self, sent: &Transmission, reply: &Reply, context: &mut Context<'_>) {
        let index = sent.question;
        if self.questions[index].awaits(sent) {
            match reply {
                Reply::Unreachable => self.failed(index, Outcome::Unreachable, context),
                Reply::Message(message) => self.message(index, message, context),
            }
        }
    }

    fn message(&mut self, index: usize, message: &Message, context: &mut Context<'_>) {
        let outcome = self.rules.lame.judge(message);
        let question = &mut self.questions[index];
        let without_edns = self.rules.edns_refused == EdnsRefused::RepeatedWithout && !message.additional;
        if outcome == Outcome::Truncated {
            question.repeat_over_tcp();
        } else if outcome == Outcome::FormErr && question.edns.is_some() && without_edns {
            question.repeat_without_edns();
        } else if self.rules.accept.contains(&outcome) {
            context.memory.worked(question.server);
            question.end(Ended::by(message, outcome, context.now_us));
        } else {
            self.failed(index, outcome, context);
        }
    }
}
