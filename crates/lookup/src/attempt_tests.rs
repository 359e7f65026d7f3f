//! Messages to exchanges, one by one.

use super::*;
use crate::datagram::Carrier;
use dnsprobe_resolv::Outcome;

fn datagram(source: Endpoint, destination: Endpoint) -> Datagram<'static> {
    Datagram { source, destination, carrier: Carrier::Udp, payload: &[], cut: false }
}

fn path(port: u16) -> Datagram<'static> {
    datagram(Endpoint::new([10, 244, 1, 7].into(), port), Endpoint::new([10, 96, 0, 10].into(), 53))
}

fn back(port: u16) -> Datagram<'static> {
    let there = path(port);
    datagram(there.destination, there.source)
}

fn query(id: u16, name: &str) -> Message {
    let question = Some((QName::new(name), QType::A));
    Message { id, question, edns: None, authentic_data: false, kind: Kind::Query }
}

fn answer(id: u16, name: &str, outcome: Outcome) -> Message {
    Message { kind: Kind::Response(Response::bare(outcome)), ..query(id, name) }
}

fn exchange(event: Option<Event>) -> Option<ExchangeId> {
    event.and_then(|event| match event {
        Event::Asked(asked) => Some(asked.exchange),
        Event::Answered { exchange, .. } => Some(exchange),
        Event::Stray { .. } => None,
    })
}

fn advance(attempts: &mut Attempts, message: Message, path: Datagram<'_>, now: Timestamp) -> Option<Event> {
    let mut found = Vec::new();
    attempts.advance(message, &path, now, &mut found);
    found.pop().map(|found| found.event)
}

const MS: fn(i64) -> Timestamp = |ms| Timestamp(ms * 1_000_000);

#[test]
fn an_answer_finds_its_question_by_everything_in_the_key() {
    let mut attempts = Attempts::default();
    let one = exchange(advance(&mut attempts, query(1, "a."), path(4000), MS(0))).unwrap();
    let two = exchange(advance(&mut attempts, query(1, "a."), path(4001), MS(1))).unwrap();
    assert_ne!(one, two);
    assert_eq!(
        exchange(advance(&mut attempts, answer(1, "A.", Outcome::Answer), back(4001), MS(2))),
        Some(two)
    );
    assert_eq!(exchange(advance(&mut attempts, answer(1, "b.", Outcome::Answer), back(4000), MS(3))), None);
    assert_eq!(attempts.leftovers.unmatched_answers, 1);
}

#[test]
fn an_answer_finds_its_question_between_ipv6_addresses() {
    let mut attempts = Attempts::default();
    let end = |last: u16, port| Endpoint::new([0xfd00, 0, 0, 0, 0, 0, 0, last].into(), port);
    let there = |server| datagram(end(7, 4000), end(server, 53));
    let back = |server| datagram(end(server, 53), end(7, 4000));
    let asked = [10, 11]
        .map(|server| exchange(advance(&mut attempts, query(1, "a."), there(server), MS(0))).unwrap());
    let answered = [11, 10].map(|server| {
        exchange(advance(&mut attempts, answer(1, "a.", Outcome::Answer), back(server), MS(1)))
    });
    assert_eq!(answered, [Some(asked[1]), Some(asked[0])]);
    assert_eq!(exchange(advance(&mut attempts, answer(1, "a.", Outcome::Answer), back(12), MS(2))), None);
}

#[test]
fn copies_of_a_packet_count_once() {
    let mut attempts = Attempts::default();
    assert!(advance(&mut attempts, query(1, "a."), path(4000), MS(0)).is_some());
    assert!(advance(&mut attempts, query(1, "a."), path(4000), Timestamp(30_000)).is_none());
    assert!(advance(&mut attempts, answer(1, "a.", Outcome::Answer), back(4000), MS(1)).is_some());
    assert!(advance(&mut attempts, answer(1, "a.", Outcome::Answer), back(4000), MS(1)).is_none());
    assert_eq!(attempts.leftovers.copies, 2);
}

#[test]
fn a_resend_after_the_timeout_is_the_same_exchange() {
    let mut attempts = Attempts::default();
    let first = exchange(advance(&mut attempts, query(1, "a."), path(4000), MS(0)));
    assert_eq!(exchange(advance(&mut attempts, query(1, "a."), path(4000), MS(5000))), first);
    assert!(advance(&mut attempts, answer(1, "a.", Outcome::Answer), back(4000), MS(5001)).is_some());
}

#[test]
fn every_transmission_may_be_answered_however_late() {
    let mut attempts = Attempts::default();
    let first = exchange(advance(&mut attempts, query(1, "a."), path(4000), MS(0)));
    advance(&mut attempts, query(1, "a."), path(4000), MS(1_000));
    assert_eq!(
        exchange(advance(&mut attempts, answer(1, "a.", Outcome::Answer), back(4000), MS(1_100))),
        first
    );
    // Something else keeps the clock going.
    advance(&mut attempts, query(2, "b."), path(4001), MS(2_050));
    assert_eq!(
        exchange(advance(&mut attempts, answer(1, "a.", Outcome::Answer), back(4000), MS(2_100))),
        first
    );
    assert_eq!(attempts.leftovers, Leftovers::default());
}

#[test]
fn what_was_answered_late_is_forgotten_as_soon_as_what_was_answered_at_once() {
    let mut attempts = Attempts::default();
    advance(&mut attempts, query(1, "a."), path(4000), MS(0));
    // Something else keeps the clock going.
    advance(&mut attempts, query(2, "b."), path(4001), MS(300));
    advance(&mut attempts, answer(1, "a.", Outcome::Answer), back(4000), MS(301));
    advance(&mut attempts, query(3, "c."), path(4001), MS(900));
    let left =
        [1, 2, 3].map(|id| attempts.exchanges.iter().any(|(_, it)| it.id.0 >> ExchangeId::SLOT_BITS == id));
    assert_eq!(left, [false, true, true]);
}

#[test]
fn a_resend_at_once_after_an_error_is_no_copy() {
    let mut attempts = Attempts::default();
    let first = exchange(advance(&mut attempts, query(1, "a."), path(4000), MS(0)));
    assert!(advance(&mut attempts, answer(1, "a.", Outcome::ServFail), back(4000), MS(1)).is_some());
    assert_eq!(exchange(advance(&mut attempts, query(1, "a."), path(4000), MS(1))), first);
}

#[test]
fn a_port_used_again_after_an_answer_is_another_exchange() {
    let mut attempts = Attempts::default();
    let first = exchange(advance(&mut attempts, query(1, "a."), path(4000), MS(0)));
    assert!(advance(&mut attempts, answer(1, "a.", Outcome::NxDomain), back(4000), MS(1)).is_some());
    assert_ne!(exchange(advance(&mut attempts, query(1, "a."), path(4000), MS(9))), first);
}

#[test]
fn a_bare_header_answers_what_was_asked_under_its_id() {
    let mut attempts = Attempts::default();
    let first = exchange(advance(&mut attempts, query(1, "a."), path(4000), MS(0)));
    let header = Message { question: None, ..answer(1, "a.", Outcome::FormErr) };
    assert_eq!(exchange(advance(&mut attempts, header, back(4000), MS(1))), first);
}

#[test]
fn memory_is_bounded_under_a_flood() {
    let mut attempts = Attempts::default();
    let most = MOST_FRESH + MOST_WAITING;
    for index in 0..(most as i64 + 10) {
        let message = query((index % 60_000) as u16, &format!("x{index}."));
        advance(&mut attempts, message, path(4000 + (index / 60_000) as u16), Timestamp(index));
    }
    assert!(attempts.exchanges.len() <= most + 1);
    assert_eq!(attempts.leftovers.forgotten, 9);
}
