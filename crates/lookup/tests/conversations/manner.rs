//! Lookups of one name at the same moment by threads of glibc that ask for their pairs in manners of their own, and by musl.

use super::one_name::{FIRST, SECOND, TIMEOUT_1};
use super::*;

const AS_IS: &str = "www.example.com";

/// A question that is answered NXDOMAIN a millisecond later; gives when it left.
fn asked(talk: &mut Conversation, name: &str, qtype: QType, port: u16) -> Timestamp {
    let at = sent(talk, name, qtype, port);
    talk.wait_ms(1);
    answered(talk, name, qtype, port);
    at
}

fn sent(talk: &mut Conversation, name: &str, qtype: QType, port: u16) -> Timestamp {
    let at = talk.now();
    talk.ask(name, qtype, port, id(qtype, port));
    at
}

fn answered(talk: &mut Conversation, name: &str, qtype: QType, port: u16) {
    talk.answer(name, qtype, port, id(qtype, port), Say::NxDomain);
}

/// Those of a pair are unrelated, but from this port on.
const FROM_A_CLOCK: u16 = 50_000;

fn id(qtype: QType, port: u16) -> u16 {
    let first = port.wrapping_mul(31);
    match qtype {
        QType::A => first,
        _ if port >= FROM_A_CLOCK => first.wrapping_add(70),
        _ => first ^ 0x5a5a,
    }
}

/// Both types at once, answered a millisecond later.
fn at_once(talk: &mut Conversation, name: &str, port: u16) -> [Timestamp; 2] {
    let both = [QType::A, QType::Aaaa];
    let at = both.map(|qtype| sent(talk, name, qtype, port));
    talk.wait_ms(1);
    for qtype in both {
        answered(talk, name, qtype, port);
    }
    at
}

/// The second when the first is answered, from this port.
fn in_turn(talk: &mut Conversation, name: &str, port: u16, second: u16) -> [Timestamp; 2] {
    [asked(talk, name, QType::A, port), asked(talk, name, QType::Aaaa, second)]
}

/// When the questions of each lookup left, in the order begun.
fn times(talk: &Conversation) -> Vec<Vec<Timestamp>> {
    let lookups = talk.lookups(SearchList::Known(Some(TIMEOUT_1.to_vec())));
    assert!(lookups.iter().all(|lookup| !lookup.certain));
    let questions = |lookup: &Lookup| {
        let all = lookup.steps.iter().flat_map(|step| &step.questions);
        all.filter_map(|question| question.sent).collect()
    };
    lookups.iter().map(questions).collect()
}

#[test]
fn who_asks_in_turn_has_not_asked_at_once() {
    let mut talk = Conversation::new();
    let turns = in_turn(&mut talk, FIRST, 40_000, 40_000);
    let once = at_once(&mut talk, FIRST, 41_000);
    // Who waited longest is taken for the one that goes on, and is not; nor does it until the other is done.
    let once_more = [at_once(&mut talk, SECOND, 41_001), at_once(&mut talk, AS_IS, 41_002)].concat();
    let turns_more =
        [in_turn(&mut talk, SECOND, 40_001, 40_001), in_turn(&mut talk, AS_IS, 40_002, 40_002)].concat();
    assert_eq!(times(&talk), [[&turns[..], &turns_more].concat(), [&once[..], &once_more].concat()]);
}

#[test]
fn who_asks_at_once_has_not_asked_in_turn() {
    let mut talk = Conversation::new();
    let once = at_once(&mut talk, FIRST, 41_000);
    let turns = in_turn(&mut talk, FIRST, 40_000, 40_001);
    let turns_more = in_turn(&mut talk, SECOND, 40_002, 40_003);
    let once_more = at_once(&mut talk, SECOND, 41_001);
    assert_eq!(times(&talk), [[once, once_more].concat(), [turns, turns_more].concat()]);
}

#[test]
fn a_half_that_was_answered_alone_was_not_asked_at_once() {
    let mut talk = Conversation::new();
    let once = at_once(&mut talk, FIRST, 41_000);
    let first = asked(&mut talk, FIRST, QType::A, 40_000);
    talk.wait_ms(1);
    let second = asked(&mut talk, FIRST, QType::Aaaa, 40_001);
    // Who waited longest is taken for the one that goes on; the capture ends before the other half.
    let half = asked(&mut talk, SECOND, QType::A, 40_002);
    assert_eq!(times(&talk), [once.to_vec(), vec![first, second, half]]);
}

#[test]
fn candidates_that_were_mixed_up_are_exchanged() {
    let mut talk = Conversation::new();
    let once = at_once(&mut talk, FIRST, 41_000);
    let turns = in_turn(&mut talk, FIRST, 40_000, 40_000);
    // The other way round, so that each is first taken for the other's.
    let half = sent(&mut talk, SECOND, QType::A, 40_001);
    let both = [QType::A, QType::Aaaa].map(|qtype| sent(&mut talk, SECOND, qtype, 41_001));
    talk.wait_ms(1);
    answered(&mut talk, SECOND, QType::A, 40_001);
    answered(&mut talk, SECOND, QType::A, 41_001);
    answered(&mut talk, SECOND, QType::Aaaa, 41_001);
    let other_half = asked(&mut talk, SECOND, QType::Aaaa, 40_001);
    let turns = [turns, [half, other_half]].concat();
    assert_eq!(times(&talk), [[once, both].concat(), turns]);
}

#[test]
fn a_half_from_another_port_makes_room_for_the_one_from_the_same() {
    let mut talk = Conversation::new();
    let halves = [40_000, 41_000].map(|port| sent(&mut talk, FIRST, QType::A, port));
    talk.wait_ms(1);
    for port in [40_000, 41_000] {
        answered(&mut talk, FIRST, QType::A, port);
    }
    // The second is the one that changes its port, which is taken for the first's.
    let others = [41_001, 40_000].map(|port| {
        talk.wait_ms(1);
        sent(&mut talk, FIRST, QType::Aaaa, port)
    });
    talk.wait_ms(1);
    for port in [41_001, 40_000] {
        answered(&mut talk, FIRST, QType::Aaaa, port);
    }
    assert_eq!(times(&talk), [[halves[0], others[1]], [halves[1], others[0]]]);
}

#[test]
fn who_lost_a_half_asks_in_turn_from_then_on() {
    let mut talk = Conversation::new();
    let lost = [QType::A, QType::Aaaa].map(|qtype| sent(&mut talk, FIRST, qtype, 40_000));
    talk.wait_ms(1);
    answered(&mut talk, FIRST, QType::A, 40_000);
    talk.wait_ms(985);
    let elsewhere = in_turn(&mut talk, FIRST, 41_000, 41_001);
    talk.wait_ms(12);
    let again = in_turn(&mut talk, FIRST, 40_000, 40_000);
    // Who asks at once after an answer is taken for the one that was answered last.
    let half_elsewhere = sent(&mut talk, SECOND, QType::A, 41_002);
    let half = sent(&mut talk, SECOND, QType::A, 40_001);
    talk.wait_ms(1);
    answered(&mut talk, SECOND, QType::A, 41_002);
    let other_elsewhere = sent(&mut talk, SECOND, QType::Aaaa, 41_003);
    answered(&mut talk, SECOND, QType::A, 40_001);
    let other = sent(&mut talk, SECOND, QType::Aaaa, 40_001);
    talk.wait_ms(1);
    answered(&mut talk, SECOND, QType::Aaaa, 40_001);
    answered(&mut talk, SECOND, QType::Aaaa, 41_003);
    let first = [lost, again, [half, other]].concat();
    let second = [elsewhere, [half_elsewhere, other_elsewhere]].concat();
    assert_eq!(times(&talk), [first, second]);
}

#[test]
fn musl_is_told_from_glibc_by_its_ids() {
    let mut talk = Conversation::new();
    let glibc = at_once(&mut talk, FIRST, 41_000);
    let musl = at_once(&mut talk, FIRST, FROM_A_CLOCK);
    // Who waited longest is taken for the one that goes on, and is not.
    let musl_more =
        [at_once(&mut talk, SECOND, FROM_A_CLOCK + 1), at_once(&mut talk, AS_IS, FROM_A_CLOCK + 2)].concat();
    let glibc_more = [at_once(&mut talk, SECOND, 41_001), at_once(&mut talk, AS_IS, 41_002)].concat();
    assert_eq!(times(&talk), [[&glibc[..], &glibc_more].concat(), [&musl[..], &musl_more].concat()]);
}

#[test]
fn candidates_of_musl_and_of_glibc_that_were_mixed_up_are_exchanged() {
    let mut talk = Conversation::new();
    let glibc = at_once(&mut talk, FIRST, 41_000);
    let musl = at_once(&mut talk, FIRST, FROM_A_CLOCK);
    let both = [QType::A, QType::Aaaa];
    let musls_half = sent(&mut talk, SECOND, QType::A, FROM_A_CLOCK + 1);
    let glibcs = both.map(|qtype| sent(&mut talk, SECOND, qtype, 41_001));
    let musls = [musls_half, sent(&mut talk, SECOND, QType::Aaaa, FROM_A_CLOCK + 1)];
    talk.wait_ms(1);
    for port in [41_001, FROM_A_CLOCK + 1] {
        for qtype in both {
            answered(&mut talk, SECOND, qtype, port);
        }
    }
    assert_eq!(times(&talk), [[glibc, glibcs].concat(), [musl, musls].concat()]);
}

#[test]
fn one_pair_with_ids_as_from_a_clock_may_be_glibcs() {
    let mut talk = Conversation::new();
    let lucky = at_once(&mut talk, FIRST, FROM_A_CLOCK);
    let other = at_once(&mut talk, FIRST, 41_000);
    let lucky_more = at_once(&mut talk, SECOND, 40_001);
    let other_more = at_once(&mut talk, SECOND, 41_001);
    assert_eq!(times(&talk), [[lucky, lucky_more].concat(), [other, other_more].concat()]);
}

#[test]
fn who_keeps_its_socket_keeps_its_candidates_whatever_the_ids() {
    let mut talk = Conversation::new();
    let musl = at_once(&mut talk, FIRST, FROM_A_CLOCK);
    let channel = at_once(&mut talk, FIRST, 41_000);
    // By chance the ids of the channel lie close together this time.
    let both = [QType::A, QType::Aaaa];
    let lucky = both.map(|qtype| {
        let at = talk.now();
        talk.ask(SECOND, qtype, 41_000, id(qtype, FROM_A_CLOCK));
        at
    });
    talk.wait_ms(1);
    for qtype in both {
        talk.answer(SECOND, qtype, 41_000, id(qtype, FROM_A_CLOCK), Say::NxDomain);
    }
    let musl_more = at_once(&mut talk, SECOND, FROM_A_CLOCK + 1);
    assert_eq!(times(&talk), [[musl, musl_more].concat(), [channel, lucky].concat()]);
}
