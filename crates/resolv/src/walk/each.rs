//! Every question for itself: to one nameserver after another, again and again, until an answer ends it.

use std::collections::VecDeque;

use super::context::Context;
use super::exchange::{Ended, Progress, Transmission};
use super::question::{Question, State};
use crate::conf::Flag;
use crate::profile::schedule::{
    AfterTcp, Cache, Cookies, EachRules, EdnsRefused, Icmp, Late, Lifetime, LoneCname, Order, Sibling, Source,
};
use crate::profile::{AskRules, Shape, Socket};
use crate::{Message, Outcome, Reply, Settings, Transport};

/// CNAMEs followed for one question (hickory `caching_client.rs`, `MAX_QUERY_DEPTH`, with the question itself).
const CHAIN_MAX: usize = 7;

/// The questions of one candidate under way.
#[derive(Debug, Clone)]
pub(super) struct Each {
    rules: EachRules,
    ask: AskRules,
    shape: Shape,
    questions: Vec<Question>,
    outbox: VecDeque<Transmission>,
    begun_us: Option<u64>,
    /// Transmissions so far, resends within a wait not counted.
    turns: u32,
    /// The questions in the order they ended.
    order: Vec<usize>,
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
            begun_us: None,
            turns: 0,
            order: Vec::new(),
        }
    }

    pub(super) fn ended(&self) -> Vec<Option<&Ended>> {
        self.questions.iter().map(Question::ended).collect()
    }

    /// The questions in the order they ended.
    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    fn note_order(&mut self) {
        for index in 0..self.questions.len() {
            if self.questions[index].ended().is_some() && !self.order.contains(&index) {
                self.order.push(index);
            }
        }
    }

    pub(super) fn next(&mut self, context: &mut Context<'_>) -> Progress {
        let progress = self.progress(context);
        self.note_order();
        progress
    }

    fn progress(&mut self, context: &mut Context<'_>) -> Progress {
        self.begun_us.get_or_insert(context.now_us);
        loop {
            self.start(context);
            self.send_what_is_due(context);
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

    /// All that is late fails before anything is sent again, for servers to be picked by all their failures; where
    /// every question is a task of its own (hickory), each sends as soon as it has failed.
    fn send_what_is_due(&mut self, context: &mut Context<'_>) {
        let tasks = self.rules.order == Order::TwoAtOnce;
        let turns = self.turns_of_questions();
        for &index in &turns {
            self.advance(index, context);
            if tasks {
                self.transmit_while_ready(index, context);
            }
        }
        for index in turns {
            self.transmit_while_ready(index, context);
        }
    }

    /// The questions in the order in which they are sent again, where that is due.
    fn turns_of_questions(&self) -> Vec<usize> {
        let mut turns: Vec<usize> = (0..self.questions.len()).collect();
        if self.rules.late == Late::LastSentFirst {
            // After the first pass the waits are of random length, and either comes first.
            let exact = |question: &Question| question.repeated && question.round == 1;
            turns.sort_by(|&one, &other| {
                let (one, other) = (&self.questions[one], &self.questions[other]);
                let tie = exact(one) && exact(other) && one.deadline_us() == other.deadline_us();
                if tie { other.turn.cmp(&one.turn) } else { std::cmp::Ordering::Equal }
            });
        }
        turns
    }

    fn transmit_while_ready(&mut self, index: usize, context: &mut Context<'_>) {
        while self.questions[index].state == State::Ready {
            self.transmit(index, context);
        }
    }

    /// Starts what may start now: everything, or the next question once the one before has ended.
    fn start(&mut self, context: &mut Context<'_>) {
        for index in 0..self.questions.len() {
            let one_by_one = matches!(self.shape, Shape::Sequential | Shape::UntilFound);
            let before = &self.questions[..index];
            let free = !one_by_one || before.iter().all(|question| question.ended().is_some());
            let enough = self.shape == Shape::UntilFound && before.iter().any(Question::found);
            if enough && self.questions[index].state == State::Waiting {
                self.questions[index].end(Ended::without_answer(Outcome::NoData, context.now_us));
            }
            if self.questions[index].state == State::Waiting && free {
                self.questions[index].start(context);
            }
        }
    }

    fn advance(&mut self, index: usize, context: &mut Context<'_>) {
        let question = &mut self.questions[index];
        let late = |time: Option<u64>| time.is_some_and(|time| time <= context.now_us);
        match question.state {
            State::InFlight if late(question.deadline_us()) => {
                for server in std::mem::take(&mut question.awaited) {
                    context.memory.failed(server);
                }
                self.failed(index, Outcome::Timeout, context);
            }
            State::InFlight if late(question.resend_us) => self.resend(index, context),
            State::Paused if late(question.deadline_us()) => question.state = State::Ready,
            _ => {}
        }
    }

    fn transmit(&mut self, index: usize, context: &mut Context<'_>) {
        self.questions[index].pick(&self.rules, context);
        let Some(timeout_us) = self.timeout_us(index, context) else {
            self.questions[index].end(Ended::without_answer(Outcome::Timeout, context.now_us));
            return;
        };
        let picked = self.questions[index].group.clone();
        self.questions[index].group.retain(|server| context.settings.reaches(*server));
        if self.questions[index].group.is_empty() {
            for &server in &picked {
                context.memory.failed(server);
            }
            self.questions[index].group = picked;
            self.failed(index, Outcome::Unreachable, context);
            return;
        }
        let question = &mut self.questions[index];
        self.turns += 1;
        question.sent(context.now_us, timeout_us, self.turns);
        question.sends = 0;
        self.resend(index, context);
    }

    /// Sends to every server whose answer is awaited, and plans the next resend.
    fn resend(&mut self, index: usize, context: &mut Context<'_>) {
        let awaited = self.questions[index].awaited.clone();
        for &server in &awaited {
            let socket = match self.ask.socket {
                Socket::Channel => context.memory.channel(),
                Socket::Each | Socket::Candidate => context.memory.open(),
            };
            let question = &self.questions[index];
            self.outbox.push_back(Transmission {
                question: index,
                server,
                transport: question.transport,
                round: question.round,
                socket,
                timeout_us: question.deadline_us().map(|deadline| deadline.saturating_sub(context.now_us)),
                qname: question.target.clone(),
                edns: question.edns,
                cookie: self.rules.cookies == Cookies::UntilAnswered
                    && question.edns.is_some()
                    && !context.memory.cookieless.contains(&server),
            });
        }
        let question = &mut self.questions[index];
        question.sends += 1;
        question.resend_us = self.rules.retransmit.and_then(|rule| {
            let failures =
                awaited.iter().map(|server| context.memory.failures_of(*server)).max().unwrap_or(0);
            let pause = rule.min_us.max(rule.per_failure_us * u64::from(failures));
            let more = question.sends < rule.sends && question.transport == Transport::Udp;
            more.then_some(context.now_us + pause)
        });
    }

    /// How long to wait now; `None` when the time is up.
    fn timeout_us(&self, index: usize, context: &Context<'_>) -> Option<u64> {
        // hickory's time is up before anything is sent.
        if self.rules.order == Order::TwoAtOnce && context.settings.timeout_ms == 0 {
            return None;
        }
        let question = &self.questions[index];
        let measured = question.group.first().and_then(|server| context.memory.average_us(*server));
        let timeout_us = self.rules.timeout_us(context.settings, question.round, measured);
        let end = match self.rules.lifetime {
            Lifetime::Unlimited => return Some(timeout_us),
            Lifetime::Lookup(lifetime) => lifetime,
            Lifetime::StepTimeout => {
                self.begun_us.unwrap_or(context.now_us) + context.settings.timeout_ms * 1000
            }
        };
        let left = end.saturating_sub(context.now_us);
        (left > 0).then_some(timeout_us.min(left))
    }

    /// Notes that the servers asked failed, and turns to the next ones or ends the question.
    fn failed(&mut self, index: usize, outcome: Outcome, context: &mut Context<'_>) {
        let end = Ended::without_answer(outcome, context.now_us);
        let enough = match self.rules.sibling {
            Sibling::Independent => false,
            Sibling::NotRetried => self.questions.iter().any(Question::found),
            Sibling::NotRetriedWithIpv4 => self.questions.iter().any(Question::found_ipv4),
        };
        if enough {
            self.questions[index].end(end);
        } else {
            self.questions[index].failed(end, &self.rules, context);
        }
    }

    pub(super) fn reply(&mut self, sent: &Transmission, reply: &Reply, context: &mut Context<'_>) {
        let index = sent.question;
        if !self.questions[index].awaits(sent) {
            return;
        }
        let unspecified = context.settings.nameservers[sent.server].address.is_unspecified();
        match reply {
            Reply::Message(_) if unspecified && self.rules.source == Source::Checked => {}
            Reply::Unreachable if self.rules.icmp == Icmp::Unnoticed => {}
            Reply::Unreachable => self.unreachable(index, sent.server, context),
            Reply::Message(message) => self.message(sent, message, context),
        }
        self.note_order();
    }

    /// An ICMP error hits the socket, and with it every question that waits on it.
    fn unreachable(&mut self, index: usize, server: usize, context: &mut Context<'_>) {
        let shared = self.ask.socket == Socket::Channel;
        for other in 0..self.questions.len() {
            let waits = self.questions[other].state == State::InFlight
                && self.questions[other].transport == self.questions[index].transport
                && self.questions[other].awaited.contains(&server);
            if other == index || (shared && waits) {
                self.server_failed(other, server, Outcome::Unreachable, context);
            }
        }
    }

    /// One server failed; the others asked at the same time may still answer.
    fn server_failed(&mut self, index: usize, server: usize, outcome: Outcome, context: &mut Context<'_>) {
        context.memory.failed(server);
        self.questions[index].awaited.retain(|awaited| *awaited != server);
        if self.questions[index].awaited.is_empty() {
            self.failed(index, outcome, context);
        }
    }

    fn message(&mut self, sent: &Transmission, message: &Message, context: &mut Context<'_>) {
        let (index, server) = (sent.question, sent.server);
        let outcome = match self.rules.lame.judge(message) {
            Outcome::NxDomain if message.cname.is_some() && self.follows(index) => Outcome::Cname,
            outcome => outcome,
        };
        if sent.edns.is_some() && !context.memory.cookieless.contains(&server) {
            context.memory.cookieless.push(server);
        }
        if outcome == Outcome::Truncated && self.questions[index].group.len() > 1 {
            self.one_cut_off(index, server, context);
        } else if outcome == Outcome::Truncated {
            if self.rules.after_tcp == AfterTcp::Sticks {
                // dighost.c, requeue_lookup: a lookup of its own.
                self.questions[index].begin_over_tcp();
                context.memory.tries_left = None;
                context.memory.tcp_sticks = true;
            } else {
                self.questions[index].repeat_over_tcp();
            }
        } else if outcome == Outcome::FormErr && self.blames_edns(sent, message) {
            self.questions[index].repeat_without_edns();
        } else if self.rules.accept.contains(&outcome) {
            self.judge_server(server, outcome, context);
            if outcome != Outcome::FormErr {
                let took_us = context.now_us.saturating_sub(self.questions[index].sent_us);
                context.memory.measured(server, took_us);
            }
            self.accepted(index, message, outcome, context);
        } else if self.rules.ends_pass.contains(&outcome) {
            let end = Ended::without_answer(outcome, context.now_us);
            self.questions[index].pass_failed(end, &self.rules, context);
        } else {
            self.server_failed(index, server, outcome, context);
        }
    }

    /// hickory turns to TCP for one of the servers asked at once; when another's answer is cut off, too, it takes that for
    /// the answer over TCP and gives up the pass (`name_server_pool.rs`).
    fn one_cut_off(&mut self, index: usize, server: usize, context: &mut Context<'_>) {
        context.memory.failed(server);
        let question = &mut self.questions[index];
        question.awaited.retain(|awaited| *awaited != server);
        let second = std::mem::replace(&mut question.cut_off, true);
        if second {
            let end = Ended::without_answer(Outcome::Truncated, context.now_us);
            question.pass_failed(end, &self.rules, context);
        } else if question.awaited.is_empty() {
            question.repeat_over_tcp();
        }
    }

    fn follows(&self, index: usize) -> bool {
        self.rules.lone_cname == LoneCname::Followed && self.questions[index].followed < CHAIN_MAX
    }

    /// Whether FORMERR is taken for the server's ignorance of EDNS.
    fn blames_edns(&self, sent: &Transmission, message: &Message) -> bool {
        sent.edns.is_some()
            && match self.rules.edns_refused {
                EdnsRefused::Ignored => false,
                EdnsRefused::RepeatedWithout => true,
                EdnsRefused::RepeatedWithoutIfBlamed => sent.cookie || !message.additional,
            }
    }

    /// What an answer that counts says about the server.
    fn judge_server(&self, server: usize, outcome: Outcome, context: &mut Context<'_>) {
        match (self.rules.order, outcome) {
            (Order::TwoAtOnce, Outcome::NoData | Outcome::NxDomain) => context.memory.failed(server),
            (Order::TwoAtOnce, _) => {}
            _ => context.memory.worked(server),
        }
    }

    fn accepted(&mut self, index: usize, message: &Message, outcome: Outcome, context: &mut Context<'_>) {
        let end = Ended::by(message, outcome, context.now_us);
        let question = &mut self.questions[index];
        let holds = outcome == Outcome::Answer || (message.soa && outcome != Outcome::Cname);
        if let (Cache::Kept, Some(target), true) = (self.rules.cache, &question.target, holds) {
            context.memory.answered.push((target.clone(), index, end.clone()));
        }
        let Some(target) =
            message.cname.as_ref().filter(|_| outcome == Outcome::Cname && self.follows(index))
        else {
            self.questions[index].end(end);
            return;
        };
        let known = context.memory.answered.iter().find(|(name, of, _)| name == target && *of == index);
        match known {
            Some((.., known)) => self.questions[index].end(Ended { at_us: context.now_us, ..known.clone() }),
            None => self.questions[index].follow(target.clone()),
        }
    }
}
