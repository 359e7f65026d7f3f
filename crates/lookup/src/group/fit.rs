//! How well a question fits a lookup under construction: is it what its walk expects next?

use dnsprobe_resolv::{Outcome, Transport};

use super::open::{Answered, Open, OpenStep, Readiness, Sent, Standing, Walk, Walks};
use super::readings::Servers;
use crate::attempt::{Asked, IdRange};
use crate::time::{Nanos, Timestamp};

/// What a question is to a lookup, the better fit the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Relation {
    /// The other type of an earlier candidate, which that lacks: where several lookups of one name run at once, another
    /// lookup's question was taken for the one that led on.
    Missing,
    /// The next candidate, but begun with another type than those before.
    NextOtherType,
    /// The other type of the same candidate from another port, though this lookup's pairs came from one: the same
    /// mistake, seen sooner.
    PartnerUnlike,
    /// The next candidate, after a question that was given up.
    NextAfterTimeout,
    /// The other type of the same candidate, from another port.
    PartnerElsewhere,
    /// The same question again, from another port or with another id.
    Again,
    /// The same question to the next nameserver at once, because the first one's port is closed: an ICMP message says so,
    /// which is not captured.
    AfterRefusal,
    /// All candidates once more with another type (`getent hosts`), or without waiting for answers.
    AnotherPass,
    /// The name that an alias led to (BIND's nslookup, hickory).
    Alias,
    /// The next candidate.
    Next,
    /// The other type of the same candidate at once, from a resolver that uses a port for each.
    PartnerAtOnce,
    /// The other type of the same candidate, from the same port.
    Partner,
    /// The same question again, from the same port.
    SamePort,
}

/// Sooner than this no resolver takes a question for lost.
const SHORTEST_TIMEOUT: Nanos = Nanos::from_millis(250);
/// What `timeout` is counted in.
const SECOND: Nanos = Nanos::from_millis(1_000);
/// How much later than its timeout a resolver does something about it, on a very busy machine.
const LATE: Nanos = Nanos::from_millis(400);
/// How much sooner it may seem to: some of that time passed before the packet was captured.
pub(super) const EARLY: Nanos = Nanos::from_millis(20);
/// So much later than its other half a question may come, from a process that was stopped in between.
const STRAY: Nanos = Nanos::from_millis(250);
/// What belongs together is sent within this time, or this soon after an answer.
pub(super) const TOGETHER: Nanos = Nanos::from_millis(100);
/// Both halves of a pair leave within this time, on a busy machine too.
pub(super) const AT_ONCE: Nanos = Nanos::from_millis(2);
/// Questions sent without waiting for answers follow each other this fast.
const BURST: Nanos = Nanos::from_millis(10);

/// How long ago the latest whole second since a question was over: timeouts are so many.
pub(crate) fn overdue(sent: Timestamp, now: Timestamp) -> Nanos {
    Nanos(((now - sent).0 + EARLY.0).rem_euclid(SECOND.0))
}

/// Whether just now a timeout was over for what was sent then.
pub(crate) fn times_out(sent: Timestamp, now: Timestamp) -> bool {
    now - sent >= Nanos(SECOND.0 - EARLY.0) && overdue(sent, now) < LATE
}

/// What a question is to a lookup.
#[derive(Debug)]
pub(crate) struct Fit {
    pub(crate) relation: Relation,
    /// The readings that expect it, each at its new position; `None` where it rules none out.
    pub(crate) walks: Option<Walks>,
}

/// What this question is to this lookup, and the walks of it that expect the question.
pub(crate) fn fit(open: &Open, asked: &Asked, now: Timestamp) -> Option<Fit> {
    if !same_sender(open, asked) {
        return None;
    }
    if is_after_refusal(open, asked, now) {
        return Some(Fit { relation: Relation::AfterRefusal, walks: None });
    }
    if let Some(relation) = within(open.step(), asked, now) {
        let relation = match relation {
            Relation::PartnerElsewhere => elsewhere(open, asked, now)?,
            Relation::Again if keeps_its_socket(open, asked) => return None,
            relation => relation,
        };
        return Some(Fit { relation, walks: None });
    }
    let mut best: Option<(Relation, Walks)> = None;
    for walk in &open.walks {
        let Some((relation, position)) = onward(open, *walk, asked, now) else { continue };
        let walk = Walk { typed: walk.typed, position };
        match &mut best {
            Some((known, walks)) if *known == relation => walks.push(walk),
            Some((known, _)) if *known > relation => {}
            _ => best = Some((relation, Walks::from_slice(&[walk]))),
        }
    }
    match best {
        Some((relation, walks)) => Some(Fit { relation, walks: Some(walks) }),
        None => Some(Fit { relation: missing(open, asked, now)?, walks: None }),
    }
}

/// A process keeps its way of asking: with EDNS or without, and of which size.
fn same_sender(open: &Open, asked: &Asked) -> bool {
    open.step().sent.last().is_none_or(|sent| {
        let same = same_edns(&sent.asked, asked) && sent.asked.authentic_data == asked.authentic_data;
        // After FORMERR some ask again without EDNS (c-ares); over TCP the sizes may differ.
        let again = sent.asked.client == asked.client || has_same_id(sent, asked);
        let other_size = again || asked.transport == Transport::Tcp;
        same || (sent.asked.name == asked.name && other_size)
    })
}

/// Whether a question has the id of another one, and not by chance.
fn has_same_id(sent: &Sent, asked: &Asked) -> bool {
    let tells = asked.id_range == IdRange::Full || sent.asked.client == asked.client;
    tells && sent.asked.id == asked.id
}

/// Whether who asked one question with this OPT record would ask the other with that: a cookie is left out once a server has
/// sent none back, and tried with another server (c-ares 1.34 `src/lib/ares_cookie.c`).
fn same_edns(before: &Asked, now: &Asked) -> bool {
    match (before.edns, now.edns) {
        (Some(one), Some(other)) => {
            let cookie = one.cookie || !other.cookie || before.server != now.server;
            one.payload_size == other.payload_size && cookie
        }
        (one, other) => one == other,
    }
}

/// A further question about the candidate that is being asked.
fn within(step: &OpenStep, asked: &Asked, now: Timestamp) -> Option<Relation> {
    if step.name != asked.name {
        return alias(step, asked, now);
    }
    let same_port = step.sent.iter().any(|sent| sent.asked.client == asked.client);
    if step.sent.iter().any(|sent| sent.asked.qtype == asked.qtype) {
        return again(step, asked, now);
    }
    if same_port {
        return Some(Relation::Partner);
    }
    let soon = now - step.begun() < TOGETHER || step.last_answer().is_some_and(|at| now - at < TOGETHER);
    soon.then_some(Relation::PartnerElsewhere)
}

/// How far another port speaks for this lookup: Go uses one for each question and sends both at once; the libcs never,
/// but glibc where it asks for one type at a time, and then when it has the answer for the other.
fn elsewhere(open: &Open, asked: &Asked, now: Timestamp) -> Option<Relation> {
    let (step, earlier) = open.steps.split_last()?;
    let pair = earlier.iter().rev().find(|step| step.standings().len() > 1);
    let two_ports =
        |step: &OpenStep| step.sent.iter().any(|sent| sent.asked.client != step.sent[0].asked.client);
    let in_turn = pair.is_some_and(|pair| {
        let second = pair.standings().iter().map(|standing| standing.first_sent).max();
        pair.answers.iter().any(|answer| Some(answer.at) < second)
    });
    let at_once = now - step.begun() < AT_ONCE && !step.is_answered();
    if at_once && step.sent.iter().all(|sent| sent.asked.server != asked.server) {
        // A c-ares channel has a socket for each nameserver, and with `rotate` takes any of them for each question.
        return Some(Relation::PartnerAtOnce);
    }
    if let Some(pair) = pair.filter(|pair| !two_ports(pair)) {
        // After a loss glibc asks in turn, too.
        let from_now_on = asked.edns.is_none() && !pair.is_asked_once();
        return ((in_turn || from_now_on) && step.is_answered()).then_some(Relation::PartnerUnlike);
    }
    let edns = step.sent.first().is_some_and(|sent| sent.asked.edns.is_some());
    if at_once && (edns || pair.is_some()) && !in_turn {
        return Some(Relation::PartnerAtOnce);
    }
    (edns || step.is_answered() || (at_once && !in_turn)).then_some(Relation::PartnerElsewhere)
}

/// Whether the nameserver asked before may have refused, as Go sees it on its socket: a lookup of its own would begin with
/// the first one.
fn is_after_refusal(open: &Open, asked: &Asked, now: Timestamp) -> bool {
    let step = open.step();
    let mut before = step.sent.iter().filter(|sent| sent.asked.qtype == asked.qtype);
    open.entrance.servers == Servers::InOrder
        && step.name == asked.name
        && before.clone().next_back().is_some_and(|sent| now - sent.at < TOGETHER)
        && before.all(|sent| sent.asked.server != asked.server && sent.asked.client != asked.client)
        && step.standings().iter().any(|it| it.qtype == asked.qtype && it.answer.is_none())
}

/// Whether this is none that asks again from another port and with another id: who asks for both types from one port and
/// without EDNS (the libcs, c-ares before 1.22) keeps at least the id.
fn keeps_its_socket(open: &Open, asked: &Asked) -> bool {
    let pair = open.steps.iter().rev().find(|step| step.standings().len() > 1);
    let cut = || open.step().answers.iter().any(|answer| answer.response.truncated);
    asked.id_range == IdRange::Full
        && asked.edns.is_none()
        && pair.is_some_and(OpenStep::is_pair_of_one_port)
        && !cut()
}

#[inline(never)]
fn again(step: &OpenStep, asked: &Asked, now: Timestamp) -> Option<Relation> {
    let same_port = step.sent.iter().any(|sent| sent.asked.client == asked.client);
    let standings = step.standings();
    let standing = standings.iter().find(|standing| standing.qtype == asked.qtype)?;
    let relation = if same_port { Relation::SamePort } else { Relation::Again };
    let waited = if same_port {
        now - standing.last_sent >= SHORTEST_TIMEOUT
    } else {
        times_out(standing.last_sent, now)
    };
    let other_server = step.sent.iter().all(|sent| sent.asked.server != asked.server);
    // glibc keeps the id of a question through all its transmissions, also from new ports (2.36 resolv/res_send.c,
    // single-request-reopen); that another lookup picks the same is next to impossible.
    let same_id = step.sent.iter().any(|sent| sent.asked.qtype == asked.qtype && has_same_id(sent, asked));
    if same_id && asked.transport == Transport::Udp {
        return Some(Relation::SamePort);
    }
    let expected = match standing.answer {
        _ if over_tcp(step, asked, now) => true,
        // musl asks every nameserver at once.
        None => waited || (same_port && other_server),
        Some(answer) => {
            let soon = now - answer.at < TOGETHER;
            let retried = !matches!(answer.outcome, Outcome::Answer | Outcome::NoData | Outcome::NxDomain);

            // glibc sends the answered half of a pair again when the other half stays away, from another port as well, which
            // its id then shows; Go does not.
            let own = same_port || asked.id_range == IdRange::Few;
            let half = own && waited && standings.iter().any(|other| other.answer.is_none());
            (retried && soon) || half
        }
    };
    expected.then_some(relation)
}

/// Whether an answer was cut off and is asked for again over TCP. Both halves of a pair are, whichever was cut off, and
/// even if the other has no answer yet (glibc 2.36 `resolv/res_send.c`, `send_vc`).
fn over_tcp(step: &OpenStep, asked: &Asked, now: Timestamp) -> bool {
    let cut = |answer: &Answered| answer.response.truncated && now - answer.at < TOGETHER;
    let first = step
        .sent
        .iter()
        .all(|sent| sent.asked.transport == Transport::Udp || sent.asked.qtype != asked.qtype);
    asked.transport == Transport::Tcp && first && step.answers.iter().any(cut)
}

fn alias(step: &OpenStep, asked: &Asked, now: Timestamp) -> Option<Relation> {
    // Who asks for both types at once gets both with the alias; only one who asks for one at a time (BIND's nslookup),
    // or is not content with a bare alias (hickory, which has a port for each), asks for its target.
    let asked_before = || step.sent.iter().any(|sent| sent.asked.qtype == asked.qtype);
    let follows = step.answers.iter().any(|answer| {
        let bare = answer.response.outcome == Outcome::Cname && now - answer.at < AT_ONCE;
        let target = answer.response.alias() == Some(&asked.name);
        target && now - answer.at < TOGETHER && ((bare && !step.is_pair_of_one_port()) || !asked_before())
    });
    follows.then_some(Relation::Alias)
}

/// Whether a candidate was asked for one type only, and this is the other.
fn missing(open: &Open, asked: &Asked, now: Timestamp) -> Option<Relation> {
    if is_late_half(open, asked) {
        return Some(Relation::Missing);
    }
    let place = open.missing_from(asked)?;
    let step = &open.steps[place];
    (now - step.last_sent() < STRAY).then_some(Relation::Missing)
}

/// Whether this is the other half of the candidate being asked, however late, of one who asked for those before from a port
/// for each type: the machine stood still in between, and no walk begins there.
fn is_late_half(open: &Open, asked: &Asked) -> bool {
    let Some((step, earlier)) = open.steps.split_last() else { return false };
    let pair = earlier.iter().rev().find(|step| step.standings().len() > 1);
    let [only] = step.standings() else { return false };
    step.name == asked.name
        && only.qtype != asked.qtype
        && pair.is_some_and(|pair| !pair.is_pair_of_one_port())
}

/// Whether this question begins a candidate with the type that the one before began with. Libcs do always; Go, which
/// asks from two goroutines and with EDNS, does not.
fn keeps_its_order(step: &OpenStep, asked: &Asked) -> bool {
    let first = step.sent.first();
    asked.edns.is_some() || first.is_none_or(|sent| sent.asked.qtype == asked.qtype)
}

/// The next candidate of a walk.
fn onward(open: &Open, walk: Walk, asked: &Asked, now: Timestamp) -> Option<(Relation, u16)> {
    let step = open.step();
    let typed = open.typed(walk);
    let next = walk.position + 1;
    let is_at = |index: u16| typed.is_at(usize::from(index), &asked.name);
    if is_at(next) {
        if goes_on(step, now) {
            let relation = match keeps_its_order(step, asked) {
                false => Relation::NextOtherType,
                true if step.is_answered() => Relation::Next,
                true => Relation::NextAfterTimeout,
            };
            return Some((relation, next));
        }
        return in_burst(step, asked, now).then_some((Relation::AnotherPass, next));
    }
    let last = u16::try_from(typed.walk.len() - 1).unwrap_or(u16::MAX);
    if last > next && is_at(last) && jumps(step, asked, now) {
        let relation = if step.is_answered() { Relation::Next } else { Relation::NextAfterTimeout };
        return Some((relation, last));
    }
    // Two passes of the same walk begin alike.
    is_at(0).then(|| another_pass(open, walk, asked, now)).flatten()
}

/// Whether this is the next candidate of a lookup that, as far as was understood, has yet to hear something: where several
/// run at once, an answer may have been taken for another one's. Gives the walks that expect it.
pub(crate) fn loosely(open: &Open, asked: &Asked, now: Timestamp) -> Option<Walks> {
    let step = open.step();
    let heard = step.answers.last().is_some_and(|answer| now - answer.at < TOGETHER);
    let found = step.answers.iter().any(|answer| answer.response.outcome == Outcome::Answer);
    let onward = |walk: &Walk| {
        let position = walk.position + 1;
        let is_next = open.typed(*walk).is_at(usize::from(position), &asked.name);
        is_next.then_some(Walk { typed: walk.typed, position })
    };
    let walks: Walks = open.walks.iter().filter_map(onward).collect();
    (heard && !found && !walks.is_empty() && same_sender(open, asked)).then_some(walks)
}

/// Whether a lookup has all the answers it waited for and has something left to ask.
pub(crate) fn may_ask(open: &Open, now: Timestamp) -> bool {
    let more = |walk: &Walk| !open.typed(*walk).is_exhausted(walk.position);
    match open.readiness() {
        Readiness::Waiting => false,
        Readiness::HalfAsked => true,
        Readiness::Ready => open.walks.iter().any(more) && goes_on(open.step(), now),
    }
}

/// Whether the candidate came to nothing, so that the next may be tried.
fn goes_on(step: &OpenStep, now: Timestamp) -> bool {
    let standings = step.standings();
    let timed_out = |standing: &Standing| {
        // musl counts from the first transmission, glibc may begin to count anew with the other half.
        let counted_from = [step.begun(), standing.since, standing.last_sent];
        let waited = now - standing.since >= SHORTEST_TIMEOUT;
        standing.answer.is_none() && waited && counted_from.iter().any(|from| times_out(*from, now))
    };
    let ended = standings.iter().all(|standing| standing.answer.is_some() || timed_out(standing));
    // musl goes on when one half says that the name does not exist, whatever the other half says. And a half that was
    // answered is lost when the other stays away and glibc has changed its socket in between.
    let void = |standing: &Standing| standing.outcome() == Outcome::NxDomain || timed_out(standing);
    ended
        && (standings.iter().any(void)
            || standings.iter().all(|standing| standing.outcome() != Outcome::Answer))
}

/// Whether glibc would pass over the rest of the list after this candidate. Who asks for the two types from two ports is
/// another.
#[inline(never)]
fn jumps(step: &OpenStep, asked: &Asked, now: Timestamp) -> bool {
    let skipping = |outcome: Outcome| {
        use Outcome::{Answer, Cname, NoData, NxDomain, ServFail};
        !matches!(outcome, Answer | Cname | NoData | NxDomain | ServFail)
    };
    let two_ports = step.sent.iter().any(|sent| sent.asked.client != step.sent[0].asked.client);
    let go = asked.edns.is_some() && two_ports;
    !go && goes_on(step, now) && step.standings().iter().any(|standing| skipping(standing.outcome()))
}

#[inline(never)]
fn in_burst(step: &OpenStep, asked: &Asked, now: Timestamp) -> bool {
    let same_socket = step.sent.iter().all(|sent| sent.asked.client == asked.client);
    let one_type = step.sent.iter().all(|sent| sent.asked.qtype == asked.qtype);
    same_socket && one_type && now - step.last_sent() < BURST
}

/// Whether a lookup asks for its first candidate once more, for a type it has not asked for.
#[inline(never)]
fn another_pass(open: &Open, walk: Walk, asked: &Asked, now: Timestamp) -> Option<(Relation, u16)> {
    let new_type = open.sent().all(|sent| sent.asked.qtype != asked.qtype);
    let step = open.step();
    let over = step.last_answer().is_some_and(|at| now - at < TOGETHER) && goes_on(step, now);
    let burst =
        step.sent.iter().all(|sent| sent.asked.client == asked.client) && now - step.last_sent() < BURST;
    let again = burst || (over && open.typed(walk).is_exhausted(walk.position));
    (new_type && again).then_some((Relation::AnotherPass, 0))
}
