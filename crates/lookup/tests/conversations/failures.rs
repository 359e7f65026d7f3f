//! Nameservers that refuse, fail or are late.

use super::one_name::{FIRST, SECOND, TIMEOUT_1};
use super::wire::ALIAS;
use super::*;

#[test]
fn a_nameserver_that_refuses_is_passed_over_at_once() {
    // Go, whose first nameserver's port is closed: the ICMP message that says so is not in the capture.
    let two =
        b"search shop.svc.cluster.local\nnameserver 10.96.0.9\nnameserver 10.96.0.10\noptions ndots:5\n";
    let mut talk = Conversation::new();
    let server = |last| SocketAddrV4::new([10, 96, 0, last].into(), 53);
    let client = |port| SocketAddrV4::new([10, 244, 1, 7].into(), port);
    for (id, qtype) in [(1, QType::A), (3, QType::Aaaa)] {
        talk.between(client(40_000 + id), server(9), (FIRST, qtype, id), None);
        talk.wait_ms(1);
        talk.between(client(40_001 + id), server(10), (FIRST, qtype, id + 1), None);
    }
    talk.wait_ms(2);
    for (id, qtype) in [(1, QType::A), (3, QType::Aaaa)] {
        talk.between(server(10), client(40_001 + id), (FIRST, qtype, id + 1), Some(Say::Address));
    }
    let count = |file: &[u8]| talk.lookups(SearchList::Known(Some(file.to_vec()))).len();
    assert_eq!(count(two), 1);
    // With `rotate` the second nameserver may be somebody else's first.
    let rotating = [two.as_slice(), b"options rotate\n"].concat();
    assert!(count(&rotating) > 1);
}

#[test]
fn an_error_that_was_not_settled_for_ends_nothing() {
    // c-ares asks four times when it is refused.
    let mut talk = Conversation::new();
    for _ in 0..4 {
        talk.ask(FIRST, QType::A, 40_000, 7);
        talk.ask(FIRST, QType::Aaaa, 40_000, 30_000);
        talk.wait_ms(2);
        talk.answer(FIRST, QType::A, 40_000, 7, Say::ServFail);
        talk.wait_ms(2);
        talk.answer(FIRST, QType::Aaaa, 40_000, 30_000, Say::ServFail);
        talk.wait_ms(6);
    }
    let lookups = talk.lookups(known());
    assert_eq!((lookups.len(), lookups[0].latency), (1, Some(Nanos::from_millis(34))));
}

#[test]
fn who_gave_up_has_not_come_to_the_end_of_his_walk() {
    // musl, whose answers came when it had gone: ids close together, `timeout:1`.
    let mut talk = Conversation::new();
    talk.ask(FIRST, QType::A, 40_000, 100);
    talk.ask(FIRST, QType::Aaaa, 40_000, 200);
    talk.wait_ms(1_100);
    talk.answer(FIRST, QType::A, 40_000, 100, Say::NxDomain);
    talk.answer(FIRST, QType::Aaaa, 40_000, 200, Say::NxDomain);
    let lookups = talk.lookups(SearchList::Known(Some(TIMEOUT_1.to_vec())));
    assert_eq!((lookups[0].name.as_ref(), lookups[0].resolver.id), ("www.example.com", "musl"));
}

#[test]
fn a_pair_from_one_port_follows_no_lone_alias() {
    // Two lookups of glibc, the second right after the first and of the name that the alias led to.
    let mut talk = Conversation::new();
    talk.pair("db.shop.svc.cluster.local", 45_000, Say::Address);
    talk.wait_ms(100);
    talk.pair(FIRST, 40_000, Say::LoneAlias);
    talk.pair(ALIAS, 40_001, Say::NxDomain);
    let lookups = talk.lookups(known());
    let names: Vec<&str> = lookups.iter().map(|lookup| lookup.name.as_ref()).collect();
    assert_eq!(names, ["db", "www.example.com", "gone.example.net."]);
}

#[test]
fn host_fails_with_any_of_its_questions() {
    let mut talk = Conversation::new();
    let kinds = [(QType::A, Say::Address), (QType::Aaaa, Say::NoData), (QType::Other(15), Say::NxDomain)];
    for (port, (qtype, say)) in (40_000..).zip(kinds) {
        talk.ask(FIRST, qtype, port, port);
        talk.wait_ms(1);
        talk.answer(FIRST, qtype, port, port, say);
        talk.wait_ms(1);
    }
    let lookups = talk.lookups(known());
    assert_eq!((lookups[0].resolver.id, lookups[0].outcome), ("bind-host", Outcome::NxDomain));
}

/// A pair with ids as close as musl's would be, asked again after a second by who does so at this port.
fn asked_again_after_a_second(port: u16, last: u8) -> Lookup {
    let conf = b"search shop.svc.cluster.local\nnameserver 10.96.0.9\nnameserver 10.96.0.10\n\
        options ndots:5 timeout:1 attempts:2\n";
    let server = |last| SocketAddrV4::new([10, 96, 0, last].into(), 53);
    let client = |port| SocketAddrV4::new([10, 244, 1, 7].into(), port);
    let pair = [(QType::A, 500), (QType::Aaaa, 800)];
    let mut talk = Conversation::new();
    for (qtype, id) in pair {
        talk.between(client(40_000), server(9), (FIRST, qtype, id), None);
    }
    talk.wait_ms(1_001);
    for (qtype, id) in pair {
        talk.between(client(port), server(last), (FIRST, qtype, id), None);
    }
    talk.wait_ms(40);
    for (qtype, id) in pair {
        talk.between(server(last), client(port), (FIRST, qtype, id), Some(Say::Address));
    }
    let lookups = talk.lookups(SearchList::Known(Some(conf.to_vec())));
    assert_eq!(lookups.len(), 1);
    lookups[0].clone()
}

#[test]
fn who_asks_again_from_another_port_is_not_musl_whatever_the_ids() {
    let lookup = asked_again_after_a_second(40_001, 10);
    assert_eq!((lookup.resolver.id, lookup.outcome), ("glibc", Outcome::Answer));
    assert_eq!(lookup.latency, Some(Nanos::from_millis(1_041)));
}

#[test]
fn who_asks_again_when_musl_has_given_up_is_not_musl() {
    let lookup = asked_again_after_a_second(40_000, 9);
    assert_eq!((lookup.resolver.id, lookup.outcome), ("glibc", Outcome::Answer));
    assert_eq!(lookup.latency, Some(Nanos::from_millis(1_041)));
}

#[test]
fn the_other_half_of_a_machine_at_a_standstill_begins_no_lookup() {
    let mut talk = Conversation::new();
    talk.edns = Some(1_232);
    let mut ask = |name: &str, qtype: QType, port: u16, pause: i64, say: Say| {
        talk.wait_ms(pause);
        talk.ask(name, qtype, port, port);
        talk.wait_ms(1);
        talk.answer(name, qtype, port, port, say);
    };
    ask(FIRST, QType::Aaaa, 40_000, 0, Say::NxDomain);
    ask(FIRST, QType::A, 40_001, 0, Say::NxDomain);
    ask(SECOND, QType::Aaaa, 40_002, 0, Say::NxDomain);
    ask(SECOND, QType::A, 40_003, 400, Say::NxDomain);
    ask("www.example.com", QType::Aaaa, 40_004, 0, Say::Address);
    ask("www.example.com", QType::A, 40_005, 0, Say::Address);
    let lookups = talk.lookups(SearchList::Known(Some(TIMEOUT_1.to_vec())));
    let questions =
        lookups.iter().map(|lookup| lookup.steps.iter().map(|step| step.questions.len()).collect());
    assert_eq!(questions.collect::<Vec<Vec<_>>>(), [[2, 2, 2]]);
}

#[test]
fn a_new_question_shortens_the_wait_that_one_sent_again_had_made_longer() {
    let mut talk = Conversation::new();
    talk.ask(FIRST, QType::Aaaa, 40_000, 500);
    talk.wait_ms(1_700);
    talk.ask(FIRST, QType::Aaaa, 40_000, 500);
    talk.wait_ms(1_000);
    talk.ask(FIRST, QType::A, 40_000, 40_000);
    let mut pipeline = Pipeline::new(vec![53], SearchList::Known(Some(TIMEOUT_1.to_vec())));
    assert_eq!(talk.play_without_end(&mut pipeline), []);
    // Twice its timeout, and a second for who is late.
    assert_eq!(pipeline.next_deadline(), Some(talk.now() + Nanos::from_millis(3_000)));
}
