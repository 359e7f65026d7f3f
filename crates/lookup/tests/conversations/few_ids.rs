//! Ids that were made on the way, one of few after the other: they tell nothing of who asks.

use super::one_name::{FIRST, SECOND, TIMEOUT_1};
use super::*;

const AS_IS: &str = "www.example.com";
const BOTH: [QType; 2] = [QType::A, QType::Aaaa];

/// Gives ids in turn, whoever asks.
struct Counter {
    ids: std::iter::Cycle<std::iter::StepBy<std::ops::Range<u16>>>,
}

impl Counter {
    fn to(end: u16, step: usize) -> Self {
        Self { ids: (0..end).step_by(step).cycle() }
    }

    fn next(&mut self) -> u16 {
        self.ids.next().unwrap()
    }

    /// For both types of a name.
    fn pair(&mut self) -> [(QType, u16); 2] {
        BOTH.map(|qtype| (qtype, self.next()))
    }
}

fn ask(talk: &mut Conversation, name: &str, port: u16, pair: [(QType, u16); 2]) {
    for (qtype, id) in pair {
        talk.ask(name, qtype, port, id);
    }
}

fn answer(talk: &mut Conversation, name: &str, port: u16, pair: [(QType, u16); 2], say: Say) {
    talk.wait_ms(1);
    for (qtype, id) in pair {
        talk.answer(name, qtype, port, id, say);
    }
}

/// The candidates of `www.example.com`, of which the last has an address.
fn walk(talk: &mut Conversation, ids: &mut Counter, port: u16) {
    let answers = [(FIRST, Say::NxDomain), (SECOND, Say::NxDomain), (AS_IS, Say::Address)];
    for (port, (name, say)) in (port..).zip(answers) {
        let pair = ids.pair();
        ask(talk, name, port, pair);
        answer(talk, name, port, pair, say);
    }
}

fn lookups(talk: &Conversation) -> Vec<Lookup> {
    talk.lookups(SearchList::Known(Some(TIMEOUT_1.to_vec())))
}

#[test]
fn who_has_asked_nothing_as_musl_does_is_not_musl_because_ids_are_counted() {
    for mut ids in [Counter::to(16, 1), Counter::to(256, 60)] {
        let mut talk = Conversation::new();
        for port in [40_000, 41_000, 42_000] {
            walk(&mut talk, &mut ids, port);
            // From now on a pair begins with another id.
            ids.next();
            talk.wait_ms(2_000);
        }
        let lookups = lookups(&talk);
        assert_eq!(lookups.iter().map(|lookup| lookup.resolver.id).collect::<Vec<_>>(), ["glibc"; 3]);
    }
}

#[test]
fn who_has_an_id_that_another_one_had_is_not_that_one() {
    let (mut talk, mut ids) = (Conversation::new(), Counter::to(16, 1));
    walk(&mut talk, &mut ids, 40_000);
    talk.wait_ms(2_000);
    let pair = ids.pair();
    for port in [41_000, 42_000] {
        ask(&mut talk, FIRST, port, pair);
        talk.wait_ms(10);
    }
    for port in [41_000, 42_000] {
        answer(&mut talk, FIRST, port, pair, Say::Address);
    }
    assert_eq!(lookups(&talk).len(), 3);
}

#[test]
fn who_asks_two_nameservers_from_one_port_is_known_by_its_id() {
    let (mut talk, mut ids) = (Conversation::new(), Counter::to(16, 1));
    walk(&mut talk, &mut ids, 40_000);
    let (client, server) = ([10, 244, 1, 7].into(), |last| SocketAddrV4::new([10, 96, 0, last].into(), 53));
    talk.wait_ms(2_000);
    let pair = ids.pair();
    let both = || pair.into_iter().flat_map(|it| [(it, 10), (it, 11)]);
    for ((qtype, id), last) in both() {
        talk.between(SocketAddrV4::new(client, 41_000), server(last), (FIRST, qtype, id), None);
    }
    talk.wait_ms(1);
    for ((qtype, id), last) in both() {
        let about = (FIRST, qtype, id);
        talk.between(server(last), SocketAddrV4::new(client, 41_000), about, Some(Say::Address));
    }
    let lookups = lookups(&talk);
    assert_eq!((lookups.len(), lookups[1].resolver.id), (2, "musl"));
}

#[test]
fn a_question_that_is_asked_again_from_another_port_needs_no_id_of_its_own() {
    let (mut talk, mut ids) = (Conversation::new(), Counter::to(16, 1));
    for port in [40_000, 41_000] {
        for (port, name) in (port..).zip([FIRST, SECOND]) {
            let pair = ids.pair();
            ask(&mut talk, name, port, pair);
            answer(&mut talk, name, port, pair, Say::NxDomain);
        }
        // glibc, whose AAAA was lost: a second later in turn, from ports of their own.
        let pair = ids.pair();
        ask(&mut talk, AS_IS, port + 20, pair);
        talk.wait_ms(1);
        talk.answer(AS_IS, QType::A, port + 20, pair[0].1, Say::Address);
        talk.wait_ms(999);
        for (port, qtype) in (port + 30..).zip(BOTH) {
            let id = ids.next();
            talk.ask(AS_IS, qtype, port, id);
            talk.wait_ms(1);
            talk.answer(AS_IS, qtype, port, id, Say::Address);
        }
        talk.wait_ms(3_000);
    }
    let lookups = lookups(&talk);
    let questions = |lookup: &Lookup| lookup.steps.iter().map(|step| step.questions.len()).sum::<usize>();
    assert_eq!(lookups.iter().map(questions).collect::<Vec<_>>(), [8, 8]);
    assert!(lookups.iter().all(|lookup| lookup.outcome == Outcome::Answer && lookup.latency.is_some()));
}

#[test]
fn who_asks_again_after_half_of_the_timeout_is_musl_whatever_the_ids() {
    let (mut talk, mut ids) = (Conversation::new(), Counter::to(16, 1));
    for port in [40_000, 41_000] {
        walk(&mut talk, &mut ids, port);
        talk.wait_ms(2_000);
        // It takes an error for no answer at all.
        let pair = ids.pair();
        ask(&mut talk, AS_IS, port + 10, pair);
        answer(&mut talk, AS_IS, port + 10, pair, Say::ServFail);
        talk.wait_ms(499);
        ask(&mut talk, AS_IS, port + 10, pair);
        answer(&mut talk, AS_IS, port + 10, pair, Say::Address);
        talk.wait_ms(2_000);
    }
    let lookups = lookups(&talk);
    let seen: Vec<_> = lookups.iter().map(|it| (it.resolver.id, it.outcome, it.latency.is_some())).collect();
    let musl = ("musl", Outcome::Answer, true);
    // Before it asked again once, nothing told that it was.
    assert_eq!(seen, [("glibc", Outcome::Answer, true), musl, musl, musl]);
}

#[test]
fn whose_ids_look_like_a_clocks_is_not_told_by_them_from_who_else_waits() {
    let mut talk = Conversation::new();
    walk(&mut talk, &mut Counter::to(16, 1), 40_000);
    talk.wait_ms(2_000);
    let pair = |first, second| [(QType::A, first), (QType::Aaaa, second)];
    let mut asked = |name: &str, port: u16, pair: [(QType, u16); 2]| {
        let at = talk.now();
        ask(&mut talk, name, port, pair);
        answer(&mut talk, name, port, pair, Say::NxDomain);
        talk.wait_ms(1);
        at
    };
    let first = asked(FIRST, 41_000, pair(200, 10));
    let other = asked(FIRST, 42_000, pair(10, 80));
    // Who waited longest goes on, though the ids are the other way round.
    let [first_more, other_more] =
        [asked(SECOND, 43_000, pair(20, 90)), asked(SECOND, 44_000, pair(210, 30))];
    let begun = |lookup: &Lookup| lookup.steps.iter().map(|step| step.questions[0].sent.unwrap()).collect();
    let lookups: Vec<Vec<Timestamp>> = lookups(&talk).iter().skip(1).map(begun).collect();
    assert_eq!(lookups, [[first, first_more], [other, other_more]]);
}
