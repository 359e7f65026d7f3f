//! Which resolver do these packets show?
//!
//! The signs are those of the resolvers' own sources: sockets, ids, EDNS, the order of types, and what ends a walk.
//! Where signs are few, what the same client showed before decides between equals.

use std::net::IpAddr;

use dnsprobe_resolv::{Outcome, QType, ResolverId, Transport};
use smallvec::SmallVec;

use super::fit::{EARLY, TOGETHER, times_out};
use super::open::{Open, OpenStep, Sent};
use crate::attempt::{Asked, IdRange};
use crate::lookup::ResolverFrom;
use crate::time::Nanos;

/// What one lookup shows of its resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// The resolver that fits.
    pub(crate) id: ResolverId,
    /// Whether a sign decided, and not just the absence of others.
    pub(crate) sure: bool,
    /// Whether packets decided, what was found where they come from, or the user.
    pub(crate) from: ResolverFrom,
    /// The sign, in words; `None` when nothing decides and the resolver is only taken for the commonest.
    pub(crate) evidence: Option<&'static str>,
}

impl Fingerprint {
    /// A sign decides.
    fn sure(id: ResolverId, evidence: &'static str) -> Self {
        Self { id, sure: true, from: ResolverFrom::Inferred, evidence: Some(evidence) }
    }

    /// The user says so, which no packet outweighs.
    pub(crate) fn given(id: ResolverId) -> Self {
        Self { id, sure: true, from: ResolverFrom::Given, evidence: None }
    }

    /// A sign points there that others may show, too.
    fn likely(id: ResolverId, evidence: &'static str) -> Self {
        Self { id, sure: false, from: ResolverFrom::Inferred, evidence: Some(evidence) }
    }
}

/// What earlier lookups say where this one does not.
const AS_BEFORE: &str = "other lookups of this client show it, this one shows nothing against it";
/// What the client's files say where packets do not.
const DETECTED: &str = "found in the client's files, and the packets fit";

/// What there is to see where neither the ids nor anything else tells the libcs apart.
const COUNTED: &str = "A and AAAA from one port, no OPT record; ids are made on the way and tell nothing";

/// What is known beside the packets of one lookup.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Beforehand<'a> {
    /// What earlier lookups of the same client surely showed, the latest first.
    pub(crate) shown: &'a [ResolverId],
    /// What was found in the client's files; empty where nobody looked.
    pub(crate) detected: &'a [ResolverId],
    /// Whether `resolv.conf` has glibc ask for one type at a time.
    pub(crate) one_at_a_time: bool,
    /// After this musl asks nothing any more, as far as is known.
    pub(crate) timeout: Option<Nanos>,
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
    Fingerprint {
        id: *shown.unwrap_or(&known[0]),
        sure: false,
        from: ResolverFrom::Detected,
        evidence: Some(DETECTED),
    }
}

fn by_signs(open: &Open, beforehand: &Beforehand<'_>) -> Fingerprint {
    let signs = Signs::of(open);
    let before = beforehand.shown;
    if let Some(shown) = by_edns(&signs, before).or_else(|| by_order_of_types(&signs)) {
        return shown;
    }
    if !signs.always_at_once && in_turn(open) {
        return Fingerprint::sure(
            ResolverId::Glibc,
            "A answered before AAAA was asked, candidate by candidate",
        );
    }
    if !signs.always_at_once && aaaa_after_answer(open) {
        return one_after_the_other(&signs, beforehand);
    }
    match signs.pairs {
        Pairs::SamePort if open.channel => {
            Fingerprint::sure(ResolverId::CAres, "one port for several names at once")
        }
        Pairs::SamePort if signs.one_port_for_all => {
            Fingerprint::sure(ResolverId::CAres, "one port for all candidates, no OPT record")
        }
        Pairs::SamePort => libc(&signs, beforehand),
        Pairs::TwoPorts if signs.low_ports => Fingerprint::sure(
            ResolverId::Hickory,
            "A and AAAA from two ports, one below 32768, which Linux does not hand out by itself",
        ),
        Pairs::TwoPorts if one_port_per_server(signs.open) => {
            Fingerprint::sure(ResolverId::CAres, "one port for each nameserver, no OPT record")
        }
        Pairs::TwoPorts => Fingerprint::sure(ResolverId::Go, "A and AAAA from two ports, no OPT record"),
        Pairs::None => single(&signs, before),
    }
}

/// Whether the packets may be musl's, as far as they go, after what the same client showed before.
pub(crate) fn looks_like_musl(open: &Open, shown: &[ResolverId], timeout: Nanos) -> bool {
    let beforehand = Beforehand { shown, timeout: Some(timeout), ..Beforehand::default() };
    let found = by_signs(open, &beforehand);
    let may_be = || found.evidence == Some(COUNTED) && !shown.contains(&ResolverId::Glibc);
    found.id == ResolverId::Musl || may_be()
}

/// The EDNS size, and whether there is a cookie.
fn by_edns(signs: &Signs<'_>, before: &[ResolverId]) -> Option<Fingerprint> {
    let edns = signs.edns?;
    let sure = |id, evidence| Some(Fingerprint::sure(id, evidence));
    match edns.payload_size {
        // dig (9.18 bin/dig/dighost.c) sends a cookie and AD; c-ares 1.33 and later a cookie without AD.
        1232 if edns.cookie && signs.authentic_data => {
            sure(ResolverId::BindDig, "OPT of 1232 bytes with a cookie, and AD set")
        }
        1232 if edns.cookie => sure(ResolverId::CAres, "OPT of 1232 bytes with a cookie, AD not set"),
        1232 => match signs.pairs {
            Pairs::SamePort => sure(ResolverId::CAres, "OPT of 1232 bytes, A and AAAA from one port"),
            Pairs::None if before.contains(&ResolverId::CAres) => {
                Some(Fingerprint::likely(ResolverId::CAres, AS_BEFORE))
            }
            Pairs::TwoPorts if one_port_per_server(signs.open) => {
                sure(ResolverId::CAres, "OPT of 1232 bytes, one port for each nameserver")
            }
            Pairs::TwoPorts if signs.candidates == 1 && only_channels(before) => {
                Some(Fingerprint::likely(ResolverId::CAres, AS_BEFORE))
            }
            Pairs::TwoPorts => sure(ResolverId::Go, "OPT of 1232 bytes, A and AAAA from two ports"),
            Pairs::None => sure(ResolverId::Go, "OPT of 1232 bytes without a cookie"),
        },
        // c-ares 1.22 to 1.26 (src/lib/ares_private.h, EDNSPACKETSZ).
        1280 => sure(ResolverId::CAres, "OPT of 1280 bytes"),
        // glibc with `options edns0` (resolv/resolv-internal.h, RESOLV_EDNS_BUFFER_SIZE).
        1200 => sure(ResolverId::Glibc, "OPT of 1200 bytes"),
        _ => None,
    }
}

/// Types asked one after another, or in passes, which only programs of their own do.
fn by_order_of_types(signs: &Signs<'_>) -> Option<Fingerprint> {
    let sure = |id, evidence| Some(Fingerprint::sure(id, evidence));
    if burst(signs.open) {
        return sure(ResolverId::BusyboxNslookup, "every candidate asked before any was answered");
    }
    if signs.mx_or_https {
        return sure(ResolverId::BindHost, "MX or HTTPS asked for the name that was found");
    }
    if pass_of(signs.open, QType::Aaaa, QType::A) {
        return sure(ResolverId::Getent, "all candidates asked for AAAA, then all for A");
    }
    None
}

/// A along the walk, AAAA only for the name that was found: BIND's nslookup. Where the walk was one candidate long, glibc
/// looks the same once it has taken to asking one at a time from a port each (2.36 `resolv/res_send.c`, `send_dg`, after
/// two stalls; or `single-request-reopen`).
fn one_after_the_other(signs: &Signs<'_>, beforehand: &Beforehand<'_>) -> Fingerprint {
    let evidence = "A along the walk, AAAA only for the name that was found";
    if signs.candidates > 1 {
        return Fingerprint::sure(ResolverId::BindNslookup, evidence);
    }
    let shown = |id| beforehand.shown.contains(&id);
    let glibc = shown(ResolverId::Glibc) || beforehand.one_at_a_time;
    if glibc && !shown(ResolverId::BindNslookup) {
        return Fingerprint::likely(ResolverId::Glibc, AS_BEFORE);
    }
    Fingerprint::likely(ResolverId::BindNslookup, evidence)
}

/// glibc or musl: both ask the pair from one port. musl takes its ids from the clock, so the second lies a little
/// above the first (1.2.5 `src/network/res_mkquery.c`); glibc's are shuffled and look unrelated (2.36 `include/random-bits.h`).
fn libc(signs: &Signs<'_>, beforehand: &Beforehand<'_>) -> Fingerprint {
    let before = beforehand.shown;
    let only = |id| before.contains(&id) && !before.iter().any(|it| LIBCS.contains(it) && *it != id);
    if signs.candidates == 1 && only_channels(before) {
        return Fingerprint::likely(ResolverId::CAres, AS_BEFORE);
    }
    if signs.open.steps.iter().any(several_servers_at_once) {
        return Fingerprint::sure(ResolverId::Musl, "every question to several nameservers from one port");
    }
    if signs.counted_ids * 2 > signs.pairs_seen {
        return libc_without_ids(signs, beforehand);
    }
    // Most pairs decide: a process stopped between its two queries has ids far apart once.
    let most_close = signs.close_ids * 2 > signs.pairs_seen;
    let not_musls = || is_asked_as_by_no_musl(signs.open, beforehand.timeout);
    if signs.pairs_seen == 1 && most_close && not_musls() {
        return Fingerprint::likely(
            ResolverId::Glibc,
            "A and AAAA from one port, and again as musl never does",
        );
    }
    if signs.pairs_seen >= 2 && most_close {
        return Fingerprint::sure(
            ResolverId::Musl,
            "the ids of pairs lie close together, as if taken from a clock",
        );
    }
    if !most_close {
        // A busy machine may put musl's ids of a pair far apart, too.
        if only(ResolverId::Musl) && (signs.pairs_seen == 1 || signs.close_ids > 0) && !not_musls() {
            return Fingerprint::likely(ResolverId::Musl, AS_BEFORE);
        }
        if signs.candidates == 1 {
            // As a rule; busybox's nslookup looks so, too, where it asks for one name.
            return Fingerprint::likely(
                ResolverId::Glibc,
                "A and AAAA from one port with unrelated ids, no OPT record",
            );
        }
        let unrelated =
            "A and AAAA from one port with unrelated ids, a new port for each candidate, no OPT record";
        return if signs.close_ids > 0 {
            Fingerprint::likely(ResolverId::Glibc, unrelated)
        } else {
            Fingerprint::sure(ResolverId::Glibc, unrelated)
        };
    }
    // One pair with close ids: one in thirty of glibc's looks so too, one in a hundred with very close ones.
    if only(ResolverId::Glibc) && !signs.very_close_ids {
        return Fingerprint::likely(ResolverId::Glibc, AS_BEFORE);
    }
    Fingerprint::likely(ResolverId::Musl, "the ids of the pair lie close together, as if taken from a clock")
}

/// glibc or musl where ids tell nothing, as neither counts them: it was done on the way.
fn libc_without_ids(signs: &Signs<'_>, beforehand: &Beforehand<'_>) -> Fingerprint {
    let before = beforehand.shown;
    if is_asked_as_by_no_musl(signs.open, beforehand.timeout) {
        return Fingerprint::likely(
            ResolverId::Glibc,
            "A and AAAA from one port, and again as musl never does",
        );
    }
    if signs.open.steps.iter().any(is_asked_again_in_between) {
        return Fingerprint::sure(
            ResolverId::Musl,
            "A and AAAA from one port, and again from there sooner than glibc's timeout",
        );
    }
    match before.iter().find(|id| LIBCS.contains(id)) {
        Some(ResolverId::Musl) => Fingerprint::likely(ResolverId::Musl, AS_BEFORE),
        _ => Fingerprint::likely(ResolverId::Glibc, COUNTED),
    }
}

/// Whether a question was sent again from its socket when no timeout of whole seconds was over: musl divides its own by the
/// attempts (1.2.5 `src/network/res_msend.c`). Others may ask again at once after an error.
fn is_asked_again_in_between(step: &OpenStep) -> bool {
    let earlier = |index: usize, sent: &Sent| {
        step.sent[..index].iter().rfind(|earlier| earlier.asked.exchange == sent.asked.exchange)
    };
    let mut again =
        step.sent.iter().enumerate().filter_map(|(index, sent)| Some((earlier(index, sent)?, sent)));
    again.any(|(earlier, sent)| {
        let at_once = step.answers.iter().any(|answer| (Nanos(0)..TOGETHER).contains(&(sent.at - answer.at)));
        !at_once && !times_out(earlier.at, sent.at)
    })
}

/// Whether this client has shown nothing but c-ares.
fn only_channels(before: &[ResolverId]) -> bool {
    before.iter().all(|id| *id == ResolverId::CAres) && !before.is_empty()
}

/// One type only: nothing to see but how the walk went.
fn single(signs: &Signs<'_>, before: &[ResolverId]) -> Fingerprint {
    if before.contains(&ResolverId::BindNslookup) && signs.only_a {
        return Fingerprint::likely(ResolverId::BindNslookup, AS_BEFORE);
    }
    // Go asks for both types at once, or shows itself by EDNS.
    let libc = before.iter().copied().find(|id| LIBCS.contains(id));
    let seen = libc.or(before.iter().copied().find(|id| matches!(id, ResolverId::Go | ResolverId::CAres)));
    match seen {
        Some(id) => Fingerprint::likely(id, AS_BEFORE),
        None => {
            Fingerprint { id: ResolverId::Glibc, sure: false, from: ResolverFrom::Inferred, evidence: None }
        }
    }
}

const LIBCS: [ResolverId; 2] = [ResolverId::Glibc, ResolverId::Musl];
const MX: u16 = 15;
const HTTPS: u16 = 65;
/// How far above the first id of a pair musl's second lies at most, with room for a slow machine.
pub(super) const CLOSE: u16 = 2_048;
/// How far it lies above as a rule: the nanoseconds between making the two.
pub(super) const VERY_CLOSE: u16 = 512;
/// In fewer nanoseconds than this nobody makes a question (measured: 40 and more); whose ids are closer counts them.
pub(super) const SOONEST: u16 = 16;
/// Linux hands out ports from here on unless a program picks its own (`ip_local_port_range`).
const EPHEMERAL: u16 = 32_768;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pairs {
    None,
    SamePort,
    TwoPorts,
}

/// What there is to see, as far as nearly every lookup is asked for it.
#[expect(clippy::struct_excessive_bools, reason = "each is one independent sign")]
#[derive(Debug)]
struct Signs<'a> {
    open: &'a Open,
    edns: Option<crate::message::Edns>,
    authentic_data: bool,
    pairs: Pairs,
    pairs_seen: usize,
    /// Pairs whose ids somebody counted.
    counted_ids: usize,
    /// Each candidate was asked for both types before any answer, so that nothing was asked in turn.
    always_at_once: bool,
    close_ids: usize,
    very_close_ids: bool,
    one_port_for_all: bool,
    low_ports: bool,
    mx_or_https: bool,
    only_a: bool,
    candidates: usize,
}

impl<'a> Signs<'a> {
    fn of(open: &'a Open) -> Self {
        // Every lookup is begun with a question.
        let first = &open.steps[0].sent[0].asked;
        let mut signs = Self {
            open,
            edns: first.edns,
            authentic_data: first.authentic_data,
            pairs: Pairs::None,
            pairs_seen: 0,
            counted_ids: 0,
            always_at_once: true,
            close_ids: 0,
            very_close_ids: true,
            one_port_for_all: open.steps.len() > 1,
            low_ports: false,
            mx_or_https: false,
            only_a: true,
            candidates: open.steps.len(),
        };
        let mut of_one_port = 0;
        for step in open.steps.iter() {
            for Sent { asked, .. } in &step.sent {
                signs.note(asked, first);
            }
            let Some((one, Sent { asked: other, at: last })) = pair(step) else {
                signs.always_at_once = false;
                continue;
            };
            signs.pairs_seen += 1;
            signs.always_at_once &= step.answers.iter().all(|answer| answer.at > *last);
            of_one_port += usize::from(one.client == other.client);
            let apart = other.id.wrapping_sub(one.id);
            signs.counted_ids += usize::from(other.id_range == IdRange::Few || is_counted(apart));
            signs.close_ids += usize::from((1..=CLOSE).contains(&apart));
            signs.very_close_ids &= (1..=VERY_CLOSE).contains(&apart);
        }
        signs.pairs = match signs.pairs_seen {
            0 => Pairs::None,
            pairs if of_one_port * 2 > pairs => Pairs::SamePort,
            _ => Pairs::TwoPorts,
        };
        signs
    }

    /// Takes in one transmission; `first` is the lookup's first.
    fn note(&mut self, asked: &Asked, first: &Asked) {
        self.only_a &= asked.qtype == QType::A;
        self.mx_or_https |= matches!(asked.qtype, QType::Other(MX | HTTPS));
        self.one_port_for_all &= first.client == asked.client;
        self.low_ports |= asked.client.port() < EPHEMERAL;
    }
}

/// Whether ids so far apart are counted, the second after the first or the other way round.
fn is_counted(apart: u16) -> bool {
    apart.wrapping_add(SOONEST - 1) < 2 * SOONEST - 1
}

/// The first A and AAAA of a step, in wire order, if both were sent before either was answered.
fn pair(step: &OpenStep) -> Option<(&Asked, &Sent)> {
    let first_answer = step.answers.first().map(|answer| answer.at);
    let sent = |qtype| step.sent.iter().find(|sent| sent.asked.qtype == qtype);
    let (one, other) = (sent(QType::A)?, sent(QType::Aaaa)?);
    let early = |at| first_answer.is_none_or(|answer| at <= answer);
    if !early(one.at) || !early(other.at) {
        return None;
    }
    Some(if one.at <= other.at { (&one.asked, other) } else { (&other.asked, one) })
}

/// Whether all questions came from no more ports than there were nameservers, where there were some, as from a c-ares channel
/// with a socket for each. Go takes a new port for every question.
fn one_port_per_server(open: &Open) -> bool {
    let mut ports: SmallVec<[u16; 8]> = SmallVec::new();
    let mut servers: SmallVec<[IpAddr; 4]> = SmallVec::new();
    let (mut questions, mut resends) = (0, 0);
    for step in open.steps.iter() {
        questions += step.standings().len();
        resends += step.sent.len() - step.standings().len();
        for Sent { asked, .. } in &step.sent {
            let (port, server) = (asked.client.port(), asked.server.ip());
            if !ports.contains(&port) {
                ports.push(port);
            }
            if !servers.contains(&server) {
                servers.push(server);
            }
        }
    }
    // After a timeout a channel may take a new one.
    ports.len() < questions && ports.len() <= servers.len() + resends && servers.len() > 1
}

/// Whether a candidate was asked for as musl never does: it keeps one socket for all transmissions, and sends none once its
/// timeout is over (1.2.5 `src/network/res_msend.c`).
fn is_asked_as_by_no_musl(open: &Open, timeout: Option<Nanos>) -> bool {
    let again = || open.steps.iter().filter(|step| !step.is_asked_once());
    let until = |step: &OpenStep| step.last_sent() - step.begun() + EARLY;
    again().any(is_moved) || timeout.is_some_and(|timeout| again().any(|step| until(step) >= timeout))
}

/// Whether a question was sent again over UDP from another port than before.
fn is_moved(step: &OpenStep) -> bool {
    let mut udp = step.sent.iter().map(|sent| &sent.asked).filter(|asked| asked.transport == Transport::Udp);
    let Some(first) = udp.next() else { return false };
    udp.any(|asked| asked.qtype == first.qtype && asked.client != first.client)
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
    let answered_for_a =
        |step: &OpenStep| step.is_answered() && step.sent.iter().all(|sent| sent.asked.qtype == QType::A);
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
        let answered =
            step.answers.iter().any(|answer| answer.at <= aaaa.at && answer.exchange == a.asked.exchange);
        // musl sends both at once, but a server nearby answers the first before the second has left.
        let unrelated = !(1..=CLOSE).contains(&aaaa.asked.id.wrapping_sub(a.asked.id));
        (answered && unrelated && aaaa.at > a.at).then_some((a.asked.client, aaaa.asked.client))
    };
    let one_port = |step: &OpenStep| after_answer(step).is_some_and(|(one, other)| one == other);
    let any = earlier.iter().any(|step| after_answer(step).is_some()) || one_port(last);
    let no_edns = || open.sent().all(|sent| sent.asked.edns.is_none());
    let both_types = || open.sent().all(|sent| matches!(sent.asked.qtype, QType::A | QType::Aaaa));
    any && !open.channel && no_edns() && both_types()
}

/// Whether candidates were asked for one type at first, and for another at last.
fn pass_of(open: &Open, first: QType, second: QType) -> bool {
    let all = |step: &OpenStep, wanted: QType| step.sent.iter().all(|sent| sent.asked.qtype == wanted);
    all(&open.steps[0], first) && all(open.step(), second)
}

/// Whether candidates were asked without waiting for the answers to those before.
fn burst(open: &Open) -> bool {
    open.steps.windows(2).any(|pair| {
        let unanswered = |at| pair[0].answers.first().is_none_or(|answer| at < answer.at);
        let soon = pair[1].begun() - pair[0].last_sent() < Nanos::from_millis(10);
        soon && unanswered(pair[1].begun())
    })
}
