//! Which resolver do these packets show?
//!
//! The signs are those of the resolvers' own sources: sockets, ids, EDNS, the order of types, and what ends a walk.
//! Where signs are few, what the same client showed before decides between equals.

use dnsprobe_resolv::{Outcome, QType, ResolverId};

use super::open::{Open, OpenStep};
use crate::attempt::Asked;

/// What one lookup shows of its resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// The resolver that fits.
    pub(crate) id: ResolverId,
    /// Whether a sign decided, and not just the absence of others.
    pub(crate) sure: bool,
    /// Whether what was found where the packets come from decided.
    pub(crate) detected: bool,
}

impl Fingerprint {
    fn sure(id: ResolverId) -> Self {
        Self { id, sure: true, detected: false }
    }

    fn likely(id: ResolverId) -> Self {
        Self { id, sure: false, detected: false }
    }
}

/// What is known beside the packets of one lookup.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Beforehand<'a> {
    /// What earlier lookups of the same client surely showed, the latest first.
    pub(crate) shown: &'a [ResolverId],
    /// What was found in the client's files; empty where nobody looked.
    pub(crate) detected: &'a [ResolverId],
    /// Whether `resolv.conf` has glibc ask for one type at a time.
    pub(crate) one_at_a_time: bool,
}

/// The resolver that a lookup shows. What was detected decides between look-alikes; a sure sign stands against it, since
/// a program may have been started after somebody looked.
pub(crate) fn fingerprint(open: &Open, beforehand: &Beforehand<'_>) -> Fingerprint {
    let found = by_signs(open, beforehand);
    let known = beforehand.detected;
    if found.sure || known.is_empty() || known.contains(&found.id) {
        return found;
    }
    let shown = beforehand.shown.iter().find(|id| known.contains(id));
    Fingerprint { id: *shown.unwrap_or(&known[0]), sure: false, detected: true }
}

fn by_signs(open: &Open, beforehand: &Beforehand<'_>) -> Fingerprint {
    let signs = Signs::of(open);
    let before = beforehand.shown;
    if let Some(id) = by_edns(&signs, before) {
        return Fingerprint::sure(id);
    }
    if let Some(id) = by_order_of_types(&signs) {
        return Fingerprint::sure(id);
    }
    if signs.in_turn {
        return Fingerprint::sure(ResolverId::Glibc);
    }
    if signs.aaaa_after_answer {
        return one_after_the_other(&signs, beforehand);
    }
    match signs.pairs {
        Pairs::SamePort if signs.one_port_for_all || open.channel => Fingerprint::sure(ResolverId::CAres),
        Pairs::SamePort => libc(&signs, before),
        Pairs::TwoPorts if signs.low_ports => Fingerprint::sure(ResolverId::Hickory),
        Pairs::TwoPorts => Fingerprint::sure(ResolverId::Go),
        Pairs::None => single(&signs, before),
    }
}

/// Whether the packets look like musl's, as far as they go.
pub(crate) fn looks_like_musl(open: &Open) -> bool {
    by_signs(open, &Beforehand::default()).id == ResolverId::Musl
}

/// The EDNS size, and whether there is a cookie.
fn by_edns(signs: &Signs, before: &[ResolverId]) -> Option<ResolverId> {
    let edns = signs.edns?;
    match edns.payload_size {
        // dig (9.18 bin/dig/dighost.c) sends a cookie and AD; c-ares 1.33 and later a cookie without AD.
        1232 if edns.cookie && signs.authentic_data => Some(ResolverId::BindDig),
        1232 if edns.cookie => Some(ResolverId::CAres),
        1232 => Some(match signs.pairs {
            Pairs::SamePort => ResolverId::CAres,
            Pairs::None if before.contains(&ResolverId::CAres) => ResolverId::CAres,
            Pairs::TwoPorts | Pairs::None => ResolverId::Go,
        }),
        // c-ares 1.22 to 1.26 (src/lib/ares_private.h, EDNSPACKETSZ).
        1280 => Some(ResolverId::CAres),
        // glibc with `options edns0` (resolv/resolv-internal.h, RESOLV_EDNS_BUFFER_SIZE).
        1200 => Some(ResolverId::Glibc),
        _ => None,
    }
}

/// Types asked one after another, or in passes, which only programs of their own do.
fn by_order_of_types(signs: &Signs) -> Option<ResolverId> {
    if signs.burst {
        return Some(ResolverId::BusyboxNslookup);
    }
    if signs.types.contains(&QType::Other(MX)) || signs.types.contains(&QType::Other(HTTPS)) {
        return Some(ResolverId::BindHost);
    }
    signs.aaaa_pass_then_a.then_some(ResolverId::Getent)
}

/// A along the walk, AAAA only for the name that was found: BIND's nslookup. Where the walk was one candidate long, glibc
/// looks the same once it has taken to asking one at a time from a port each (2.36 `resolv/res_send.c`, `send_dg`, after
/// two stalls; or `single-request-reopen`).
fn one_after_the_other(signs: &Signs, beforehand: &Beforehand<'_>) -> Fingerprint {
    if signs.candidates > 1 {
        return Fingerprint::sure(ResolverId::BindNslookup);
    }
    let shown = |id| beforehand.shown.contains(&id);
    let glibc = shown(ResolverId::Glibc) || beforehand.one_at_a_time;
    let only_glibc = glibc && !shown(ResolverId::BindNslookup);
    let id = if only_glibc { ResolverId::Glibc } else { ResolverId::BindNslookup };
    Fingerprint::likely(id)
}

/// glibc or musl: both ask the pair from one port. musl takes its ids from the clock, so the second lies a little
/// above the first (1.2.5 `src/network/res_mkquery.c`); glibc's are random (2.36 `resolv/res_mkquery.c`).
fn libc(signs: &Signs, before: &[ResolverId]) -> Fingerprint {
    let only_channels = before.iter().all(|id| *id == ResolverId::CAres) && !before.is_empty();
    if signs.candidates == 1 && only_channels {
        return Fingerprint::likely(ResolverId::CAres);
    }
    // Most pairs decide: a process stopped between its two queries has ids far apart once.
    let most_close = signs.close_ids * 2 > signs.pairs_seen;
    if signs.several_servers_at_once || (signs.pairs_seen >= 2 && most_close) {
        return Fingerprint::sure(ResolverId::Musl);
    }
    if !most_close {
        // A busy machine may put musl's ids of one pair far apart, too.
        let only_musl = before.contains(&ResolverId::Musl) && !before.contains(&ResolverId::Glibc);
        if signs.pairs_seen == 1 && only_musl {
            return Fingerprint::likely(ResolverId::Musl);
        }
        return Fingerprint::sure(ResolverId::Glibc);
    }
    // One pair with close ids: one in thirty of glibc's looks so too, one in a hundred with very close ones.
    let only_glibc = before.contains(&ResolverId::Glibc) && !before.contains(&ResolverId::Musl);
    let id = if only_glibc && !signs.very_close_ids {
        ResolverId::Glibc
    } else {
        ResolverId::Musl
    };
    Fingerprint::likely(id)
}

/// One type only: nothing to see but how the walk went.
fn single(signs: &Signs, before: &[ResolverId]) -> Fingerprint {
    let nslookup = before.contains(&ResolverId::BindNslookup) && signs.only(QType::A);
    // Go asks for both types at once, or shows itself by EDNS.
    let libc = before.iter().copied().find(|id| matches!(id, ResolverId::Musl | ResolverId::Glibc));
    let seen = libc.or(before.iter().copied().find(|id| matches!(id, ResolverId::Go | ResolverId::CAres)));
    let id = if nslookup { ResolverId::BindNslookup } else { seen.unwrap_or(ResolverId::Glibc) };
    Fingerprint::likely(id)
}

const MX: u16 = 15;
const HTTPS: u16 = 65;
/// How far above the first id of a pair musl's second lies at most, with room for a slow machine.
const CLOSE: u16 = 2_048;
/// How far it lies above as a rule: the nanoseconds between making the two.
const VERY_CLOSE: u16 = 512;
/// Linux hands out ports from here on unless a program picks its own (`ip_local_port_range`).
const EPHEMERAL: u16 = 32_768;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pairs {
    None,
    SamePort,
    TwoPorts,
}

/// What there is to see.
#[expect(clippy::struct_excessive_bools, reason = "each is one independent sign")]
#[derive(Debug)]
struct Signs {
    edns: Option<crate::message::Edns>,
    authentic_data: bool,
    pairs: Pairs,
    pairs_seen: usize,
    close_ids: usize,
    very_close_ids: bool,
    one_port_for_all: bool,
    low_ports: bool,
    several_servers_at_once: bool,
    aaaa_after_answer: bool,
    aaaa_pass_then_a: bool,
    burst: bool,
    in_turn: bool,
    candidates: usize,
    types: Vec<QType>,
}

impl Signs {
    fn of(open: &Open) -> Self {
        let first = open.sent().next().map(|sent| &sent.asked);
        let pairs: Vec<(&Asked, &Asked)> = open.steps.iter().filter_map(pair).collect();
        let same = pairs.iter().filter(|(one, other)| one.client == other.client).count();
        let mut types: Vec<QType> = Vec::new();
        for sent in open.sent() {
            if !types.contains(&sent.asked.qtype) {
                types.push(sent.asked.qtype);
            }
        }
        let pairing = if pairs.is_empty() {
            Pairs::None
        } else if same * 2 > pairs.len() {
            Pairs::SamePort
        } else {
            Pairs::TwoPorts
        };
        let apart = |(one, other): &(&Asked, &Asked)| other.id.wrapping_sub(one.id);
        let close = |pair: &&(&Asked, &Asked)| (1..=CLOSE).contains(&apart(pair));
        Self {
            edns: first.and_then(|asked| asked.edns),
            authentic_data: first.is_some_and(|asked| asked.authentic_data),
            pairs: pairing,
            pairs_seen: pairs.len(),
            close_ids: pairs.iter().filter(close).count(),
            very_close_ids: pairs.iter().all(|pair| (1..=VERY_CLOSE).contains(&apart(pair))),
            one_port_for_all: open.steps.len() > 1
                && open.sent().all(|sent| Some(sent.asked.client) == first.map(|asked| asked.client)),
            low_ports: open.sent().any(|sent| sent.asked.client.port() < EPHEMERAL),
            several_servers_at_once: open.steps.iter().any(several_servers_at_once),
            aaaa_after_answer: aaaa_after_answer(open),
            aaaa_pass_then_a: pass_of(open, QType::Aaaa, QType::A),
            burst: burst(open),
            in_turn: in_turn(open),
            candidates: open.steps.len(),
            types,
        }
    }

    fn only(&self, qtype: QType) -> bool {
        self.types == [qtype]
    }
}

/// The first A and AAAA of a step, in wire order, if both were sent before either was answered.
fn pair(step: &OpenStep) -> Option<(&Asked, &Asked)> {
    let first_answer = step.answers.first().map(|answer| answer.at);
    let sent = |qtype| step.sent.iter().find(|sent| sent.asked.qtype == qtype);
    let (one, other) = (sent(QType::A)?, sent(QType::Aaaa)?);
    let early = |at| first_answer.is_none_or(|answer| at <= answer);
    if !early(one.at) || !early(other.at) {
        return None;
    }
    Some(if one.at <= other.at { (&one.asked, &other.asked) } else { (&other.asked, &one.asked) })
}

fn several_servers_at_once(step: &OpenStep) -> bool {
    let Some(first) = step.sent.first() else { return false };
    let before_answer = |at| step.answers.first().is_none_or(|answer| at < answer.at);
    step.sent.iter().any(|sent| {
        sent.asked.client == first.asked.client
            && sent.asked.server != first.asked.server
            && before_answer(sent.at)
    })
}

fn aaaa_after_answer(open: &Open) -> bool {
    let Some((last, earlier)) = open.steps.split_last() else { return false };
    // A candidate that nobody answered is passed over before the other type's turn comes.
    let answered_for_a = |step: &OpenStep| {
        step.is_answered() && step.sent.iter().all(|sent| sent.asked.qtype == QType::A)
    };
    let only_a = earlier.iter().all(answered_for_a);
    let aaaa = last.sent.iter().find(|sent| sent.asked.qtype == QType::Aaaa);
    let answered = |at| {
        let noerror = |outcome| matches!(outcome, Outcome::Answer | Outcome::NoData | Outcome::Cname);
        last.answers.iter().any(|answer| answer.at <= at && noerror(answer.response.outcome))
    };
    let elsewhere = |asked: &Asked| last.sent.first().is_some_and(|sent| sent.asked.client != asked.client);
    only_a && aaaa.is_some_and(|sent| answered(sent.at) && elsewhere(&sent.asked))
}

/// Whether A was asked and answered, then AAAA, and only then the next candidate, or both from one port: glibc with
/// `single-request`, or once a pair was half answered (2.36 `resolv/res_send.c`, `send_dg`).
fn in_turn(open: &Open) -> bool {
    let Some((last, earlier)) = open.steps.split_last() else { return false };
    let after_answer = |step: &OpenStep| {
        let first = |qtype| step.sent.iter().find(|sent| sent.asked.qtype == qtype);
        let (Some(a), Some(aaaa)) = (first(QType::A), first(QType::Aaaa)) else { return None };
        let answered = step.answers.iter().any(|answer| answer.at <= aaaa.at && answer.exchange == a.asked.exchange);
        (answered && aaaa.at - a.at > crate::time::Nanos(0)).then_some((a.asked.client, aaaa.asked.client))
    };
    let one_port = |step: &OpenStep| after_answer(step).is_some_and(|(one, other)| one == other);
    let no_edns = open.sent().all(|sent| sent.asked.edns.is_none());
    let both_types = open.sent().all(|sent| matches!(sent.asked.qtype, QType::A | QType::Aaaa));
    let any = earlier.iter().any(|step| after_answer(step).is_some()) || one_port(last);
    no_edns && both_types && any && !open.channel
}

/// Whether all candidates were asked for one type, then all for another.
fn pass_of(open: &Open, first: QType, second: QType) -> bool {
    let mut types =
        open.steps.iter().map(|step| step.sent.iter().map(|sent| sent.asked.qtype).collect::<Vec<_>>());
    let all = |types: &Vec<QType>, wanted: QType| types.iter().all(|qtype| *qtype == wanted);
    let passes: Vec<bool> = types.by_ref().map(|types| all(&types, first)).collect();
    let begins = passes.first() == Some(&true);
    let second_pass =
        open.steps.last().is_some_and(|step| step.sent.iter().all(|sent| sent.asked.qtype == second));
    begins && second_pass
}

/// Whether candidates were asked without waiting for the answers to those before.
fn burst(open: &Open) -> bool {
    open.steps.windows(2).any(|pair| {
        let unanswered = |at| pair[0].answers.first().is_none_or(|answer| at < answer.at);
        let soon = pair[1].begun() - pair[0].last_sent() < crate::time::Nanos::from_millis(10);
        soon && unanswered(pair[1].begun())
    })
}
