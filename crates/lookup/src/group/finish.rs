//! A lookup that is over: from what was sent and answered to steps, times and outcome.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::LazyLock;

use smallvec::{SmallVec, smallvec};

use dnsprobe_resolv::profile::{PairRule, QuestionEnd, combine};
use dnsprobe_resolv::{Outcome, Resolver, ResolverId};

use super::fingerprint::Fingerprint;
use super::open::{Answered, Open, OpenStep, Sent, Standing, is_no_answer};
use super::patterns::TypedName;
use crate::lookup::{Lookup, Question, ResolverSeen, Step};
use crate::message::QName;
use crate::time::{Nanos, Timestamp};

/// How the capture stood to a lookup's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It is over.
    Seen,
    /// The capture ended while it went on.
    CaptureEnded,
}

/// Memory for the questions of candidates that the latest lookup had no use for: the next may have more candidates.
#[derive(Debug, Default)]
pub(crate) struct Rooms(Vec<Vec<Question>>);

impl Rooms {
    /// How many are kept.
    const MOST: usize = 16;
    /// What had to hold more questions gives its memory back.
    const USUAL: usize = 8;

    fn take(&mut self) -> Vec<Question> {
        self.0.pop().unwrap_or_default()
    }

    fn keep(&mut self, mut room: Vec<Question>) {
        room.clear();
        if self.0.len() < Self::MOST && room.capacity() <= Self::USUAL {
            self.0.push(room);
        }
    }
}

/// Makes a lookup of what was gathered, as this resolver does, without findings: in the place of one that nobody needs any
/// more, whose memory it takes.
///
/// `waits` are the resolver's; what comes later found nobody waiting.
/// Where that has too little memory for candidates' questions, or too much, `rooms` gives and takes it.
pub(crate) fn finish(
    open: &Open,
    shown: Fingerprint,
    told: Option<Resolver>,
    waits: Waits,
    end: End,
    into: &mut Lookup,
    rooms: &mut Rooms,
) {
    let id = shown.id;
    let late = came_too_late(open.step(), id, waits);
    // Who gave up has not come to the end of his walk.
    let typed = if late { first_reading(open) } else { reading(open) };
    let rule = told.map_or_else(|| pair_rule(id), |told| told.profile().verdict.pair);
    let outcome = |step| step_outcome(step, rule, |it| is_late(it, step, id, waits));
    let last = match outcome(open.step()) {
        // Whether an answer came after the capture's end is not known.
        Outcome::Timeout if end == End::CaptureEnded => Outcome::Unknown,
        seen => seen,
    };
    let wasted = |step: &OpenStep| last == Outcome::Answer && open.step().name != step.name;
    let ended = ended_at(open.step()).filter(|_| !late);
    while into.steps.len() > open.steps.len() {
        into.steps.pop().into_iter().for_each(|step| rooms.keep(step.questions));
    }
    for (index, step) in open.steps.iter().enumerate() {
        let next = open.steps.get(index + 1);
        let until = next.map(OpenStep::begun).or(ended);
        let made = step_at(index, &mut into.steps, step, rooms);
        made.suffix = suffix_of(typed, step);
        made.outcome = if next.is_some() { outcome(step) } else { last };
        made.added = until.map(|until| (until - step.begun()).max(Nanos(0)));
        made.wasted = wasted(step);
        put_questions(step, &mut made.questions);
    }
    into.addresses.clear();
    if last == Outcome::Answer {
        put_addresses(open.step(), &mut into.addresses);
    }
    into.name.clone_from(&typed.name);
    into.start = open.steps.first().map(OpenStep::begun);
    into.client = Some(open.client);
    into.resolver = seen(shown, told);
    into.outcome = last;
    into.error = None;
    into.latency = into.steps.iter().map(|step| step.added).sum();
    into.certain = open.certain;
    into.partial = end == End::CaptureEnded || typed.entry > 0;
    into.doubtful_dot = false;
    into.findings.clear();
}

/// The step of this number in the final form, with its candidate and without questions. Steps are large, so they stay where
/// they are from one lookup to the next.
fn step_at<'s>(index: usize, steps: &'s mut Vec<Step>, step: &OpenStep, rooms: &mut Rooms) -> &'s mut Step {
    let candidate = step.name.shared();
    if let Some(known) = steps.get_mut(index) {
        known.candidate = candidate;
        known.questions.clear();
        known.why = None;
    } else {
        let (suffix, outcome, added, wasted, why) = (None, Outcome::Unknown, None, false, None);
        steps.push(Step { candidate, suffix, outcome, added, wasted, questions: rooms.take(), why });
    }
    &mut steps[index]
}

/// How a resolver makes one outcome of a pair.
fn pair_rule(id: ResolverId) -> PairRule {
    /// Of every resolver: a profile has far more in it, and is made anew each time.
    static RULES: LazyLock<Vec<(ResolverId, PairRule)>> = LazyLock::new(|| {
        let rule = |id: &ResolverId| Some((*id, Resolver::parse(id.as_str()).ok()?.profile().verdict.pair));
        ResolverId::ALL.iter().filter_map(rule).collect()
    });
    RULES.iter().find(|(known, _)| *known == id).map_or(PairRule::AnyRecords, |(_, rule)| *rule)
}

/// The reading to go by: of those that fit, the first that is complete in itself.
pub(crate) fn reading(open: &Open) -> &TypedName {
    let negative = open.step().standings().iter().all(|standing| standing.outcome() == Outcome::NxDomain);
    let readings = || open.walks.iter().map(|walk| (open.typed(*walk), walk.position));
    // NXDOMAIN ends no walk that has candidates left, so a reading without any is the likelier one.
    // A name typed in full looks like the end of a walk of which the capture has missed the rest.
    let cut = open.may_be_cut();
    let complete = |(typed, position): &(&TypedName, u16)| {
        let whole = typed.entry == 0 && !(cut && typed.is_exhausted(0));
        whole && (!negative || typed.is_exhausted(*position))
    };
    let begun_before = |(typed, _): &(&TypedName, u16)| cut && typed.entry > 0;
    let first = || open.typed(open.walks[0]);
    let found = readings().find(complete).or_else(|| readings().find(begun_before));
    found.map_or_else(first, |(typed, _)| typed)
}

/// Whether this is a lookup of that name, as far as can be said while it may go on: what is taken for the end of a walk now
/// may turn out to be the beginning of another.
#[inline(never)]
pub(crate) fn may_be_of(open: &Open, name: &str) -> bool {
    let goes_on = |typed: &TypedName, position| typed.entry == 0 && !typed.is_exhausted(position);
    let mut walks = open.walks.iter().map(|walk| (open.typed(*walk), walk.position));
    reading(open).name.eq_ignore_ascii_case(name)
        || walks.any(|(typed, position)| goes_on(typed, position) && typed.name.eq_ignore_ascii_case(name))
}

/// The reading to go by where nothing tells how far the walk would have gone.
fn first_reading(open: &Open) -> &TypedName {
    let mut readings = open.walks.iter().map(|walk| open.typed(*walk));
    readings.find(|typed| typed.entry == 0).unwrap_or_else(|| open.typed(open.walks[0]))
}

fn seen(shown: Fingerprint, told: Option<Resolver>) -> ResolverSeen {
    if let Some(resolver) = told {
        return given(resolver, shown);
    }
    let (id, api) = match shown.id {
        // `getent hosts` is a way of calling glibc.
        ResolverId::Getent => (ResolverId::Glibc, Some("hosts")),
        other => (other, None),
    };
    ResolverSeen {
        id: id.as_str(),
        version: None,
        api: api.map(str::to_owned),
        from: shown.from,
        evidence: shown.evidence,
    }
}

#[inline(never)]
fn given(resolver: Resolver, shown: Fingerprint) -> ResolverSeen {
    ResolverSeen {
        id: resolver.id.as_str(),
        version: Some(resolver.version.to_string()),
        api: Some(resolver.api.to_owned()),
        from: shown.from,
        evidence: None,
    }
}

fn suffix_of(typed: &TypedName, step: &OpenStep) -> Option<Rc<str>> {
    typed.place_of(&step.name)?.suffix.clone().filter(|suffix| !suffix.is_empty())
}

/// What a candidate came to for the resolver, which no longer heard what was late.
fn step_outcome(step: &OpenStep, rule: PairRule, late: impl Fn(&Standing) -> bool) -> Outcome {
    let heard = |standing: &Standing| if late(standing) { Outcome::Timeout } else { standing.outcome() };
    let first = step.standings().first().map_or(Outcome::Timeout, heard);
    if step.standings().iter().skip(1).all(|standing| heard(standing) == first) {
        // No rule makes something else of that.
        return first;
    }
    let micros = |at: Timestamp| u64::try_from(at.0 / 1_000).unwrap_or(0);
    let ends: SmallVec<[QuestionEnd; 2]> = step
        .standings()
        .iter()
        .map(|standing| QuestionEnd {
            qtype: standing.qtype,
            outcome: heard(standing),
            at_us: standing.answer.map_or(u64::MAX, |answer| micros(answer.at)),
        })
        .collect();
    combine(&ends, rule)
}

/// When the resolver had all it waited for; `None` when something never came.
fn ended_at(step: &OpenStep) -> Option<Timestamp> {
    if step.is_answered() { step.last_answer() } else { None }
}

/// Whether the last answer came when the resolver had given up: musl after its whole timeout, the others this long after
/// they last asked. c-ares, whose timeouts grow, is believed to wait.
fn came_too_late(step: &OpenStep, id: ResolverId, waits: Waits) -> bool {
    let standings = step.standings();
    // It waited for a better answer until its timeout.
    let waited = id == ResolverId::Musl && standings.iter().any(|it| is_no_answer(it.outcome()));
    waited || standings.iter().any(|it| is_late(it, step, id, waits))
}

/// Whether an answer came when nobody waited for it any more.
fn is_late(standing: &Standing, step: &OpenStep, id: ResolverId, waits: Waits) -> bool {
    let Some(answer) = standing.answer else { return false };
    let (since, longest) = match id {
        ResolverId::Musl => (step.begun(), waits.timeout),
        ResolverId::Glibc | ResolverId::Getent => (standing.since, waits.longest),
        ResolverId::Go => (standing.last_sent, waits.longest),
        _ => return false,
    };
    answer.at - since > longest + TIMER
}

/// How much later than its timeout a resolver may take an answer: timers are late on a busy machine.
const TIMER: Nanos = Nanos::from_millis(20);

/// How long a resolver waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    /// `timeout` as it reads it.
    pub(crate) timeout: Nanos,
    /// The longest wait for one transmission.
    pub(crate) longest: Nanos,
}

/// Puts in the addresses that a candidate was answered with, each once.
fn put_addresses(step: &OpenStep, into: &mut Vec<IpAddr>) {
    for address in step.answers.iter().flat_map(|answer| answer.response.addresses()) {
        if !into.contains(address) {
            into.push(*address);
        }
    }
}

/// Puts the transmissions of a candidate where they stay: they are large.
fn put_questions(step: &OpenStep, into: &mut Vec<Question>) {
    if step.is_asked_once() {
        let answer = |sent: &Sent| step.answer_to(sent.asked.exchange);
        into.extend(step.sent.iter().map(|sent| question(sent, 1, answer(sent))));
    } else {
        put_transmissions(step, into);
    }
}

/// The same where some questions were sent again.
#[inline(never)]
fn put_transmissions(step: &OpenStep, into: &mut Vec<Question>) {
    let paired = pair_up(step);
    let sent = step.sent.iter().enumerate();
    into.extend(sent.map(|(index, sent)| question(sent, round(&step.sent[..index], sent), paired[index])));
}

/// One transmission in this pass over the nameservers, and the answer to it.
#[inline]
fn question(sent: &Sent, round: u32, answer: Option<&Answered>) -> Question {
    Question {
        qname: sent.asked.name.shared(),
        qtype: sent.asked.qtype,
        server: sent.asked.server.ip(),
        transport: sent.asked.transport,
        round,
        outcome: answer.map_or(Outcome::Timeout, |answer| answer.response.outcome),
        sent: Some(sent.at),
        latency: answer.map(|answer| (answer.at - sent.at).max(Nanos(0))),
        alias: answer.and_then(|answer| answer.response.first_alias()).map(QName::shared),
        upstream: answer.and_then(|answer| answer.response.upstream),
    }
}

/// The pass over the nameservers: how often this server was asked this question, over this transport.
fn round(earlier: &[Sent], sent: &Sent) -> u32 {
    let same = |other: &&Sent| {
        other.asked.qtype == sent.asked.qtype
            && other.asked.name == sent.asked.name
            && other.asked.server == sent.asked.server
            && other.asked.transport == sent.asked.transport
    };
    1 + u32::try_from(earlier.iter().filter(same).count()).unwrap_or(u32::MAX - 1)
}

/// Which answer belongs to which transmission. Resends of some resolvers look the same on the wire, so within one
/// exchange the latest answer goes to the latest transmission before it, and so on backwards: a lost first query then
/// stays without an answer, and a slow first answer finds its own.
fn pair_up(step: &OpenStep) -> SmallVec<[Option<&Answered>; 4]> {
    let mut paired: SmallVec<[Option<&Answered>; 4]> = smallvec![None; step.sent.len()];
    for answer in step.answers.iter().rev() {
        let ours = |sent: &&Sent| sent.asked.exchange == answer.exchange;
        let once = step.sent.iter().filter(ours).nth(1).is_none();
        let free =
            step.sent.iter().enumerate().rev().find(|(index, sent)| {
                ours(sent) && (once || sent.at <= answer.at) && paired[*index].is_none()
            });
        if let Some((index, _)) = free {
            paired[index] = Some(answer);
        }
    }
    paired
}
