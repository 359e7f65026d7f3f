//! Several lookups of one name at the same moment.

use super::*;

pub(super) const FIRST: &str = "www.example.com.shop.svc.cluster.local";
pub(super) const SECOND: &str = "www.example.com.svc.cluster.local";
pub(super) const TIMEOUT_1: &[u8] =
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

/// A question that is answered NXDOMAIN a millisecond later.
fn asked(talk: &mut Conversation, name: &str, qtype: QType, port: u16) {
    talk.ask(name, qtype, port, port);
    talk.wait_ms(1);
    talk.answer(name, qtype, port, port, Say::NxDomain);
    talk.wait_ms(1);
}

#[test]
fn go_asks_again_after_whole_seconds() {
    let mut talk = Conversation::new();
    talk.edns = Some(1232);
    talk.ask(FIRST, QType::Aaaa, 40_000, 1);
    talk.ask(FIRST, QType::A, 40_001, 2);
    talk.wait_ms(1);
    talk.answer(FIRST, QType::Aaaa, 40_000, 1, Say::NxDomain);
    // Another lookup, between two multiples of the timeout.
    talk.wait_ms(1_499);
    talk.ask(FIRST, QType::A, 41_000, 3);
    talk.ask(FIRST, QType::Aaaa, 41_001, 4);
    talk.wait_ms(1);
    talk.answer(FIRST, QType::A, 41_000, 3, Say::Address);
    talk.answer(FIRST, QType::Aaaa, 41_001, 4, Say::Address);
    talk.wait_ms(502);
    talk.ask(FIRST, QType::A, 42_000, 5);
    talk.wait_ms(1);
    talk.answer(FIRST, QType::A, 42_000, 5, Say::Address);
    let file = String::from_utf8_lossy(TIMEOUT_1).replace("timeout:1", "timeout:2");
    let lookups = talk.lookups(SearchList::Known(Some(file.into_bytes())));
    assert_eq!(lookups.iter().map(|lookup| lookup.totals().questions).collect::<Vec<_>>(), [3, 2]);
}

#[test]
fn a_question_with_an_opt_record_has_no_half_without() {
    let mut talk = Conversation::new();
    talk.edns = Some(1232);
    talk.ask(FIRST, QType::Aaaa, 40_000, 1);
    talk.edns = None;
    talk.ask(FIRST, QType::A, 41_000, 2);
    talk.ask(FIRST, QType::Aaaa, 41_000, 30_000);
    talk.edns = Some(1232);
    talk.ask(FIRST, QType::A, 40_001, 4);
    talk.wait_ms(1);
    for (qtype, port, id) in [
        (QType::Aaaa, 40_000, 1),
        (QType::A, 41_000, 2),
        (QType::Aaaa, 41_000, 30_000),
        (QType::A, 40_001, 4),
    ] {
        talk.answer(FIRST, qtype, port, id, Say::Address);
    }
    let lookups = talk.lookups(known());
    let mut seen: Vec<&str> = lookups.iter().map(|lookup| lookup.resolver.id).collect();
    seen.sort_unstable();
    assert_eq!(seen, ["glibc", "go"]);
}

#[test]
fn halves_that_were_mixed_up_make_no_third_lookup() {
    let mut talk = Conversation::new();
    talk.edns = Some(1232);
    talk.ask(FIRST, QType::Aaaa, 40_000, 1);
    talk.ask(FIRST, QType::Aaaa, 41_000, 2);
    talk.ask(FIRST, QType::A, 41_001, 3);
    talk.ask(FIRST, QType::A, 40_001, 4);
    talk.wait_ms(1);
    talk.answer(FIRST, QType::Aaaa, 40_000, 1, Say::NxDomain);
    talk.answer(FIRST, QType::A, 40_001, 4, Say::NxDomain);
    // The first goes on, while something is missing of both as far as anyone can tell.
    talk.ask(SECOND, QType::Aaaa, 40_002, 5);
    talk.ask(SECOND, QType::A, 40_003, 6);
    talk.wait_ms(1);
    talk.answer(FIRST, QType::Aaaa, 41_000, 2, Say::NxDomain);
    talk.answer(FIRST, QType::A, 41_001, 3, Say::NxDomain);
    talk.answer(SECOND, QType::Aaaa, 40_002, 5, Say::Address);
    talk.answer(SECOND, QType::A, 40_003, 6, Say::Address);
    talk.ask(SECOND, QType::Aaaa, 41_002, 7);
    talk.ask(SECOND, QType::A, 41_003, 8);
    talk.wait_ms(1);
    talk.answer(SECOND, QType::Aaaa, 41_002, 7, Say::Address);
    talk.answer(SECOND, QType::A, 41_003, 8, Say::Address);
    let lookups = talk.lookups(known());
    assert_eq!(lookups.len(), 2);
    assert!(lookups.iter().all(|lookup| !lookup.certain && lookup.name.as_ref() == "www.example.com"));
}

#[test]
fn one_type_at_a_time_from_one_port_or_two_is_still_one_lookup_each() {
    let mut talk = Conversation::new();
    // Two threads of glibc after stalls: one keeps its port for both types, the other takes a new one.
    asked(&mut talk, FIRST, QType::A, 40_000);
    asked(&mut talk, FIRST, QType::Aaaa, 40_000);
    talk.ask(FIRST, QType::A, 41_000, 7);
    talk.wait_ms(1);
    talk.answer(FIRST, QType::A, 41_000, 7, Say::NxDomain);
    talk.wait_ms(1);
    asked(&mut talk, FIRST, QType::Aaaa, 41_001);
    // The second goes on first, which is taken for the first's.
    asked(&mut talk, SECOND, QType::A, 41_002);
    asked(&mut talk, SECOND, QType::Aaaa, 41_003);
    asked(&mut talk, SECOND, QType::A, 40_002);
    asked(&mut talk, SECOND, QType::Aaaa, 40_002);
    let lookups = talk.lookups(SearchList::Known(Some(TIMEOUT_1.to_vec())));
    assert_eq!(lookups.iter().map(|lookup| lookup.totals().questions).collect::<Vec<_>>(), [4, 4]);
}

#[test]
fn a_channel_that_rotates_has_a_socket_for_each_server() {
    let mut talk = Conversation::new();
    let server = |last| SocketAddrV4::new([10, 96, 0, last].into(), 53);
    let client = |port| SocketAddrV4::new([10, 244, 1, 7].into(), port);
    let sockets = [(client(40_000), server(10)), (client(40_001), server(11))];
    for (step, name) in (0_usize..).zip([FIRST, SECOND]) {
        for (half, qtype) in [QType::A, QType::Aaaa].into_iter().enumerate() {
            let (from, to) = sockets[(step + half) % 2];
            let id = 10 * step as u16 + half as u16;
            talk.between(from, to, (name, qtype, id), None);
        }
        talk.wait_ms(1);
        for (half, qtype) in [QType::A, QType::Aaaa].into_iter().enumerate() {
            let (from, to) = sockets[(step + half) % 2];
            let id = 10 * step as u16 + half as u16;
            talk.between(to, from, (name, qtype, id), Some(Say::NxDomain));
        }
        talk.wait_ms(1);
    }
    let lookups = talk.lookups(known());
    assert_eq!((lookups.len(), lookups[0].resolver.id), (1, "c-ares"));
    let evidence = lookups[0].resolver.evidence.unwrap();
    assert!(evidence.starts_with("one port for each nameserver"), "{evidence}");
}

#[test]
fn the_other_half_of_a_pair_is_waited_for() {
    // The thread was stopped between the two questions of its last candidate.
    let mut talk = Conversation::new();
    talk.pair(FIRST, 40_000, Say::NxDomain);
    talk.ask(SECOND, QType::A, 40_001, 7);
    talk.wait_ms(1);
    talk.answer(SECOND, QType::A, 40_001, 7, Say::Address);
    talk.wait_ms(200);
    talk.ask(SECOND, QType::Aaaa, 40_001, 30_000);
    talk.wait_ms(1);
    talk.answer(SECOND, QType::Aaaa, 40_001, 30_000, Say::Address);
    let lookups = talk.lookups(known());
    assert_eq!(lookups.iter().map(|lookup| lookup.totals().questions).collect::<Vec<_>>(), [4]);
}

#[test]
fn a_lookup_that_stalls_goes_on_beside_those_that_come_and_go_meanwhile() {
    let mut talk = Conversation::new();
    talk.ask(FIRST, QType::A, 40_000, 7);
    talk.ask(FIRST, QType::Aaaa, 40_000, 30_000);
    talk.wait_ms(2);
    talk.answer(FIRST, QType::Aaaa, 40_000, 30_000, Say::NxDomain);
    talk.wait_ms(300);
    talk.pair(FIRST, 41_000, Say::Address);
    talk.wait_ms(698);
    talk.ask(FIRST, QType::A, 40_000, 7);
    talk.wait_ms(1);
    talk.answer(FIRST, QType::A, 40_000, 7, Say::Address);
    assert_eq!(certain(&talk).iter().map(|(_, certain)| *certain).collect::<Vec<_>>(), [false, false]);
}

fn certain(talk: &Conversation) -> Vec<(String, bool)> {
    let lookups = talk.lookups(SearchList::Known(Some(TIMEOUT_1.to_vec())));
    lookups.iter().map(|lookup| (lookup.name.to_string(), lookup.certain)).collect()
}

#[test]
fn a_lookup_that_ends_while_another_has_just_begun_is_beside_it() {
    let mut talk = Conversation::new();
    talk.pair(FIRST, 40_000, Say::NxDomain);
    talk.ask(FIRST, QType::A, 41_000, 7);
    talk.ask(FIRST, QType::Aaaa, 41_000, 30_000);
    talk.pair(SECOND, 40_001, Say::NxDomain);
    talk.answer(FIRST, QType::A, 41_000, 7, Say::NxDomain);
    talk.answer(FIRST, QType::Aaaa, 41_000, 30_000, Say::NxDomain);
    // As far as was seen by now, the other may have been for the whole name.
    talk.pair("www.example.com", 40_002, Say::Address);
    talk.pair(SECOND, 41_001, Say::NxDomain);
    talk.pair("www.example.com", 41_002, Say::Address);
    let both = ["www.example.com"; 2].map(|name| (name.to_owned(), false));
    assert_eq!(certain(&talk), both);
}

#[test]
fn a_channel_that_stalls_runs_beside_those_that_come_and_go_as_long_as_it_waits() {
    let mut talk = Conversation::new();
    // Shows what it is with another name.
    for name in
        ["api.example.org.shop.svc.cluster.local", "api.example.org.svc.cluster.local", "api.example.org"]
    {
        talk.pair(name, 40_000, if name.ends_with("org") { Say::Address } else { Say::NxDomain });
    }
    talk.ask(FIRST, QType::A, 40_000, 7);
    talk.ask(FIRST, QType::Aaaa, 40_000, 30_000);
    talk.wait_ms(1);
    talk.answer(FIRST, QType::A, 40_000, 7, Say::NxDomain);
    // Its timeout is not the file's.
    talk.wait_ms(3_000);
    talk.pair(FIRST, 41_000, Say::Address);
    talk.wait_ms(1_997);
    talk.ask(FIRST, QType::Aaaa, 40_000, 30_000);
    talk.wait_ms(1);
    talk.answer(FIRST, QType::Aaaa, 40_000, 30_000, Say::NxDomain);
    talk.pair(SECOND, 40_000, Say::Address);
    let of_the_name: Vec<_> =
        certain(&talk).into_iter().filter(|(name, _)| name.starts_with("www")).collect();
    assert_eq!(of_the_name.iter().map(|(_, certain)| *certain).collect::<Vec<_>>(), [false, false]);
}

#[test]
fn who_begins_where_another_is_expected_is_not_certain() {
    let mut talk = Conversation::new();
    talk.ask(FIRST, QType::A, 40_000, 7);
    talk.ask(FIRST, QType::Aaaa, 40_000, 30_000);
    talk.wait_ms(1);
    talk.pair(SECOND, 41_000, Say::Address);
    talk.pair("db.shop.svc.cluster.local", 42_000, Say::Address);
    let begun_there: Vec<_> = certain(&talk).into_iter().filter(|(name, _)| name.contains("svc")).collect();
    assert_eq!(begun_there, [(SECOND.to_owned(), false)]);
}
