//! Several lookups of one name at the same moment.

use super::*;

const FIRST: &str = "www.example.com.shop.svc.cluster.local";
const SECOND: &str = "www.example.com.svc.cluster.local";
const TIMEOUT_1: &[u8] =
    b"search shop.svc.cluster.local svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5 timeout:1\n";

fn ports(talk: &Conversation, list: &[u8]) -> Vec<Vec<String>> {
    let lookups = talk.lookups(SearchList::Known(Some(list.to_vec())));
    let names = |lookup: &Lookup| lookup.steps.iter().map(|step| step.candidate.to_string()).collect();
    lookups.iter().map(names).collect()
}

#[test]
fn a_channel_keeps_its_socket() {
    let mut talk = Conversation::new();
    // Both channels have come to nothing with their first candidate, and the second goes on first.
    talk.pair(FIRST, 40_000, Say::NxDomain);
    talk.pair(FIRST, 41_000, Say::NxDomain);
    talk.pair(SECOND, 41_000, Say::NxDomain);
    talk.pair(SECOND, 40_000, Say::NxDomain);
    talk.pair("www.example.com.cluster.local", 40_000, Say::Address);
    talk.pair("www.example.com.cluster.local", 41_000, Say::Address);
    let lookups = talk.lookups(known());
    assert_eq!(lookups.len(), 2);
    let sent = |lookup: usize, step: usize| lookups[lookup].steps[step].questions[0].sent.unwrap();
    assert!(sent(1, 1) < sent(0, 1), "the second went on first");
    assert!(sent(0, 2) < sent(1, 2), "and the first was done first");
    assert!(lookups.iter().all(|lookup| !lookup.certain && lookup.resolver.id == "c-ares"));
}

#[test]
fn who_sends_nothing_again_is_given_the_time_that_a_channel_waits() {
    let mut talk = Conversation::new();
    talk.pair(FIRST, 40_000, Say::NxDomain);
    talk.ask(SECOND, QType::A, 40_000, 7);
    talk.ask(SECOND, QType::Aaaa, 40_000, 8);
    talk.wait_ms(2);
    talk.answer(SECOND, QType::Aaaa, 40_000, 8, Say::NxDomain);
    // Something else keeps the clock going.
    talk.wait_ms(4_500);
    talk.pair("db.shop.svc.cluster.local", 45_000, Say::Address);
    talk.wait_ms(500);
    talk.ask(SECOND, QType::A, 40_000, 7);
    talk.wait_ms(2);
    talk.answer(SECOND, QType::A, 40_000, 7, Say::NxDomain);
    talk.pair("www.example.com", 40_000, Say::Address);
    let candidates = ports(&talk, TIMEOUT_1);
    assert_eq!(candidates[0], [format!("{FIRST}."), format!("{SECOND}."), "www.example.com.".into()]);
    assert_eq!(candidates.len(), 2);
}

#[test]
fn a_pair_from_another_port_is_no_resend_of_one_that_stalls() {
    let mut talk = Conversation::new();
    talk.ask(FIRST, QType::A, 40_000, 7);
    talk.ask(FIRST, QType::Aaaa, 40_000, 8);
    talk.wait_ms(2);
    talk.answer(FIRST, QType::Aaaa, 40_000, 8, Say::NxDomain);
    talk.wait_ms(600);
    talk.pair(FIRST, 41_000, Say::NxDomain);
    talk.pair(SECOND, 41_001, Say::NxDomain);
    talk.pair("www.example.com", 41_002, Say::Address);
    talk.wait_ms(390);
    talk.ask(FIRST, QType::A, 40_000, 7);
    talk.wait_ms(1);
    talk.answer(FIRST, QType::A, 40_000, 7, Say::NxDomain);
    talk.pair(SECOND, 40_001, Say::NxDomain);
    talk.pair("www.example.com", 40_002, Say::Address);
    let lookups = talk.lookups(SearchList::Known(Some(TIMEOUT_1.to_vec())));
    assert_eq!(lookups.len(), 2);
    assert_eq!(lookups.iter().map(|lookup| lookup.totals().questions).collect::<Vec<_>>(), [7, 6]);
    assert!(codes(&lookups[0]).contains(&FindingCode::Stall));
    assert!(!codes(&lookups[1]).contains(&FindingCode::Resent));
}
