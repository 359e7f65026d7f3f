//! Conversations between resolvers and a server, played packet by packet into the pipeline.

#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "tests, their helpers included")]

/// Nameservers that refuse, fail or are late.
#[path = "conversations/failures.rs"]
mod failures;
/// Ids that were made on the way.
#[path = "conversations/few_ids.rs"]
mod few_ids;
/// Lookups of one name that ask in manners of their own.
#[path = "conversations/manner.rs"]
mod manner;
/// Captures of which nobody has the `resolv.conf`.
#[path = "conversations/no_file.rs"]
mod no_file;
/// Which of several that look up the same has asked.
#[path = "conversations/one_name.rs"]
mod one_name;
/// Who asks is known beside the packets.
#[path = "conversations/resolver_known.rs"]
mod resolver_known;
mod wire;

use std::net::SocketAddrV4;

use dnsprobe_lookup::{Embedded, FindingCode, Lookup, Nanos, Pipeline, SearchList, Timestamp};
use dnsprobe_resolv::{Outcome, QType};
use wire::{Conversation, Say};

const POD: &[u8] =
    b"search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n";

fn known() -> SearchList {
    SearchList::Known(Some(POD.to_vec()))
}

fn codes(lookup: &Lookup) -> Vec<FindingCode> {
    lookup.findings.iter().map(|finding| finding.code).collect()
}

fn suffixes(lookup: &Lookup) -> Vec<&str> {
    lookup.steps.iter().map(|step| step.suffix.as_deref().unwrap_or("as-is")).collect()
}

/// glibc's walk of an external name: pairs from one port each, NXDOMAIN until the name as-is.
fn external(talk: &mut Conversation, name: &str, port: u16) {
    let suffixes = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];
    for (index, suffix) in (0_u16..).zip(suffixes) {
        talk.pair(&format!("{name}.{suffix}"), port + index, Say::NxDomain);
    }
    talk.pair(name, port + 3, Say::Address);
}

#[test]
fn an_external_name_is_one_lookup_of_four_candidates() {
    let mut talk = Conversation::new();
    external(&mut talk, "www.example.com", 40_000);
    let lookups = talk.lookups(known());
    assert_eq!(lookups.len(), 1);
    let lookup = &lookups[0];
    assert_eq!((lookup.name.as_ref(), lookup.outcome), ("www.example.com", Outcome::Answer));
    assert_eq!(suffixes(lookup), ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "as-is"]);
    let totals = lookup.totals();
    assert_eq!((totals.questions, totals.wasted_questions), (8, 6));
    assert_eq!(lookup.steps.iter().map(|step| step.added.unwrap()).sum::<Nanos>(), lookup.latency.unwrap());
    assert_eq!(codes(lookup), [FindingCode::SearchWaste]);
    assert_eq!(lookup.resolver.id, "glibc");
}

#[test]
fn the_packets_that_tell_the_resolver_are_named() {
    let mut talk = Conversation::new();
    external(&mut talk, "www.example.com", 40_000);
    let lookups = talk.lookups(known());
    let evidence = lookups[0].resolver.evidence.unwrap();
    assert!(evidence.starts_with("A and AAAA from one port with unrelated ids"), "{evidence}");
    assert_eq!(lookups[0].resolver.known_id(), Some("glibc"));
}

#[test]
fn a_lone_question_without_signs_belongs_to_no_resolver() {
    let mut talk = Conversation::new();
    talk.ask("web.shop.svc.cluster.local", QType::A, 40_000, 7);
    talk.answer("web.shop.svc.cluster.local", QType::A, 40_000, 7, Say::Address);
    let resolver = &talk.lookups(known())[0].resolver;
    assert_eq!((resolver.known_id(), resolver.evidence), (None, None));
    // What the same client surely showed before decides then.
    let mut talk = Conversation::new();
    external(&mut talk, "www.example.com", 40_000);
    talk.wait_ms(100);
    talk.ask("web.shop.svc.cluster.local", QType::A, 41_000, 7);
    talk.answer("web.shop.svc.cluster.local", QType::A, 41_000, 7, Say::Address);
    let lookups = talk.lookups(known());
    assert_eq!(lookups[1].resolver.known_id(), Some("glibc"));
    assert!(lookups[1].resolver.evidence.unwrap().starts_with("other lookups of this client"));
}

#[test]
fn a_second_pass_for_another_type_is_the_same_lookup() {
    let mut talk = Conversation::new();
    // `getent hosts`: every candidate for AAAA, then every candidate for A.
    let suffixes = [".shop.svc.cluster.local", ".svc.cluster.local", ".cluster.local", ""];
    let mut port = 40_000;
    for (qtype, found) in [(QType::Aaaa, 9), (QType::A, 2)] {
        for (index, suffix) in suffixes.iter().enumerate().take(found + 1) {
            let name = format!("metrics.vendor.test{suffix}");
            let say = if index == found { Say::Address } else { Say::NxDomain };
            talk.ask(&name, qtype, port, port);
            talk.wait_ms(1);
            talk.answer(&name, qtype, port, port, say);
            port += 1;
        }
    }
    let lookups = talk.lookups(known());
    assert_eq!(lookups.len(), 1);
    assert_eq!((lookups[0].steps.len(), lookups[0].outcome), (7, Outcome::Answer));
    assert_eq!(lookups[0].resolver.api.as_deref(), Some("hosts"));
    assert_eq!(codes(&lookups[0]), [FindingCode::SuffixAnswered, FindingCode::SearchWaste]);
}

#[test]
fn a_service_found_at_once_has_no_findings() {
    let mut talk = Conversation::new();
    talk.pair("web.shop.svc.cluster.local", 40_000, Say::Address);
    let lookups = talk.lookups(known());
    assert_eq!((lookups[0].name.as_ref(), lookups[0].findings.len()), ("web", 0));
}

#[test]
fn lookups_of_one_name_at_one_moment_are_not_certain_not_even_the_first() {
    let mut talk = Conversation::new();
    external(&mut talk, "www.example.com", 40_000);
    talk.wait_ms(2_000);
    // The second begins while the first waits, which is never in doubt by itself.
    let first = "www.example.com.shop.svc.cluster.local";
    talk.ask(first, QType::A, 41_000, 11);
    talk.ask(first, QType::Aaaa, 41_000, 4_711);
    external(&mut talk, "www.example.com", 42_000);
    talk.answer(first, QType::A, 41_000, 11, Say::Address);
    talk.answer(first, QType::Aaaa, 41_000, 4_711, Say::Address);
    external(&mut talk, "www.example.org", 43_000);
    let lookups = talk.lookups(known());
    let certain: Vec<bool> = lookups.iter().map(|lookup| lookup.certain).collect();
    assert_eq!(certain, [true, false, false, true]);
}

#[test]
fn lookups_of_one_name_one_after_another_are_certain() {
    let mut talk = Conversation::new();
    // A name that does not exist: its lookup is kept open for a while in case more comes.
    for port in [40_000, 41_000, 42_000] {
        for (index, suffix) in
            [".shop.svc.cluster.local", ".svc.cluster.local", ".cluster.local", ""].iter().enumerate()
        {
            talk.pair(&format!("gone.example{suffix}"), port + index as u16, Say::NxDomain);
        }
        talk.wait_ms(1);
    }
    let lookups = talk.lookups(known());
    assert_eq!(lookups.len(), 3);
    assert!(lookups.iter().all(|lookup| lookup.certain));
}

#[test]
fn other_clients_lookups_of_a_name_leave_it_certain() {
    let mut one = Conversation::new();
    external(&mut one, "www.example.com", 40_000);
    let mut other = Conversation::new();
    other.client = [10, 244, 1, 8].into();
    external(&mut other, "www.example.com", 40_000);
    assert!(one.beside(&other).lookups(known()).iter().all(|lookup| lookup.certain));
}

/// musl's pair, of which each half is answered after so many ms; its timeout is one second.
fn answered_after(first: i64, second: i64) -> Lookup {
    let conf = b"nameserver 10.96.0.10\noptions ndots:1 timeout:1\n";
    let mut talk = Conversation::new();
    talk.ask("www.example.com", QType::A, 40_000, 100);
    talk.ask("www.example.com", QType::Aaaa, 40_000, 190);
    talk.wait_ms(first);
    talk.answer("www.example.com", QType::A, 40_000, 100, Say::Address);
    talk.wait_ms(second - first);
    talk.answer("www.example.com", QType::Aaaa, 40_000, 190, Say::Address);
    let lookups = talk.lookups(SearchList::Known(Some(conf.to_vec())));
    assert_eq!((lookups.len(), lookups[0].resolver.id), (1, "musl"));
    lookups[0].clone()
}

#[test]
fn an_answer_that_nobody_waited_for_does_not_end_a_lookup_well() {
    let (in_time, late) = (answered_after(400, 900), answered_after(400, 1_400));
    assert_eq!((in_time.outcome, in_time.latency), (Outcome::Answer, Some(Nanos::from_millis(900))));
    // musl wants both halves, and gives up after its timeout.
    assert_eq!((late.outcome, late.latency), (Outcome::Timeout, None));
    // The answer itself was seen all the same.
    assert!(late.steps[0].questions.iter().all(|question| question.latency.is_some()));
}

#[test]
fn a_name_with_few_dots_asked_as_is_was_typed_with_a_dot() {
    let mut talk = Conversation::new();
    // Later than any walk that began before the capture could reach.
    talk.pair("web.shop.svc.cluster.local", 40_000, Say::Address);
    talk.wait_ms(6_000);
    talk.pair("www.example.com", 40_001, Say::Address);
    assert_eq!(&*talk.lookups(known())[1].name, "www.example.com.");
}

#[test]
fn interleaved_walks_are_told_apart() {
    let mut talk = Conversation::new();
    let suffixes = ["shop.svc.cluster.local.", "svc.cluster.local.", "cluster.local.", ""];
    for (index, suffix) in suffixes.iter().enumerate() {
        let say = if suffix.is_empty() { Say::Address } else { Say::NxDomain };
        for (number, name) in ["a.example.com.", "b.example.com.", "a.example.net."].iter().enumerate() {
            talk.pair(&format!("{name}{suffix}"), 40_000 + (index * 3 + number) as u16, say);
        }
    }
    let lookups = talk.lookups(known());
    assert_eq!(lookups.len(), 3);
    assert!(lookups.iter().all(|lookup| lookup.steps.len() == 4 && lookup.certain));
}

#[test]
fn the_walk_decides_where_taking_suffixes_off_would_not() {
    let mut talk = Conversation::new();
    // `api.shop` ends where the walk of `api` begins.
    talk.pair("api.shop.shop.svc.cluster.local", 40_000, Say::NxDomain);
    talk.pair("api.shop.svc.cluster.local", 40_001, Say::Address);
    let lookups = talk.lookups(known());
    assert_eq!(lookups.len(), 1);
    assert_eq!(&*lookups[0].name, "api.shop");
}

#[test]
fn questions_stand_in_the_order_of_their_times_however_they_were_captured() {
    let name = "web.shop.svc.cluster.local";
    let lookup = |captured: fn(&mut Conversation)| {
        let mut talk = Conversation::new();
        // As Go asks: two sockets, two threads, perhaps two processors.
        talk.ask(name, QType::Aaaa, 40_001, 7);
        talk.wait_ms(1);
        talk.ask(name, QType::A, 40_000, 9_000);
        captured(&mut talk);
        talk.wait_ms(1);
        talk.answer(name, QType::A, 40_000, 9_000, Say::Address);
        talk.answer(name, QType::Aaaa, 40_001, 7, Say::NoData);
        talk.lookups(known())
    };
    let (in_order, overtaken) = (lookup(|_| {}), lookup(Conversation::overtake));
    assert_eq!(in_order, overtaken);
    let asked: Vec<_> = overtaken[0].steps[0].questions.iter().map(|question| question.qtype).collect();
    assert_eq!(asked, [QType::Aaaa, QType::A]);
}

#[test]
fn clients_that_do_not_count_are_passed_over() {
    let mut talk = Conversation::new();
    talk.pair("web.shop.svc.cluster.local", 40_000, Say::Address);
    for (client, lookups) in [("10.244.1.7", 1), ("10.244.1.8", 0)] {
        let mut pipeline = Pipeline::new(vec![53], known());
        pipeline.only_of([client.parse().unwrap()].into());
        assert_eq!(talk.play(&mut pipeline).len(), lookups, "{client}");
    }
}

#[test]
fn what_dockers_server_asks_on_is_no_lookup_but_part_of_the_wait() {
    let at = |text: &str| text.parse::<SocketAddrV4>().unwrap();
    let (app, listens, embedded) = (at("127.0.0.1:40000"), at("127.0.0.11:34437"), at("127.0.0.11:53"));
    let (out, server) = (at("172.18.0.2:50000"), at("10.96.0.10:53"));
    let mut talk = Conversation::new();
    for (qtype, id, known) in [(QType::A, 7, false), (QType::Aaaa, 9_000, true)] {
        let about = ("www.example.com", qtype, id);
        talk.between(app, listens, about, None);
        // Docker answers for containers by itself.
        if !known {
            talk.wait_ms(1);
            talk.between(out, server, about, None);
            talk.wait_ms(20);
            talk.between(server, out, about, Some(Say::Address));
        }
        talk.wait_ms(2);
        talk.between(embedded, app, about, Some(Say::Address));
    }
    let docker = Embedded { address: (*embedded.ip()).into(), ports: vec![34_437] };
    let mut pipeline = Pipeline::new(vec![53], known());
    pipeline.with_embedded(docker);
    let lookups = talk.play(&mut pipeline);
    let [lookup] = &lookups[..] else { panic!("{} lookups", lookups.len()) };
    let waits: Vec<_> = lookup.steps[0].questions.iter().map(|it| (it.latency, it.upstream)).collect();
    let ms = |ms| Some(Nanos::from_millis(ms));
    assert_eq!(waits, [(ms(23), ms(20)), (ms(2), None)]);
    assert_eq!(lookup.embedded(), ms(3));
    assert_eq!(lookup.steps[0].questions[0].server.to_string(), "127.0.0.11");
}

#[test]
fn a_lost_half_of_a_pair_is_a_stall_of_exactly_its_length() {
    let mut talk = Conversation::new();
    let name = "web.shop.svc.cluster.local";
    talk.ask(name, QType::A, 40_000, 7);
    talk.ask(name, QType::Aaaa, 40_000, 9_000);
    talk.wait_ms(1);
    talk.answer(name, QType::A, 40_000, 7, Say::Address);
    talk.wait_ms(5_000);
    talk.ask(name, QType::A, 40_000, 7);
    talk.wait_ms(1);
    talk.answer(name, QType::A, 40_000, 7, Say::Address);
    talk.ask(name, QType::Aaaa, 40_000, 9_000);
    talk.wait_ms(1);
    talk.answer(name, QType::Aaaa, 40_000, 9_000, Say::NoData);
    let lookups = talk.lookups(known());
    assert_eq!(lookups.len(), 1);
    assert!(codes(&lookups[0]).contains(&FindingCode::Stall));
    assert_eq!(lookups[0].latency, Some(Nanos::from_millis(5_003)));
    let lost = lookups[0].steps[0].questions.iter().filter(|question| question.latency.is_none()).count();
    assert_eq!(lost, 1);
}

#[test]
fn a_question_without_an_answer_is_a_row_and_never_a_zero() {
    let mut talk = Conversation::new();
    talk.ask("web.shop.svc.cluster.local", QType::A, 40_000, 7);
    talk.wait_ms(60_000);
    // Something later, so that the capture does not end inside the lookup.
    talk.pair("db.shop.svc.cluster.local", 40_001, Say::Address);
    let lookups = talk.lookups(known());
    let lost = lookups.iter().find(|lookup| &*lookup.name == "web").unwrap();
    assert_eq!((lost.outcome, lost.latency, lost.partial), (Outcome::Timeout, None, false));
    assert_eq!(lost.steps[0].questions[0].latency, None);
    assert_eq!(codes(lost), [FindingCode::Unanswered]);
}

#[test]
fn the_end_of_a_walk_right_at_the_beginning_is_partial_and_has_no_dot() {
    let mut talk = Conversation::new();
    talk.answer("www.example.com.cluster.local", QType::Aaaa, 39_999, 7, Say::NxDomain);
    talk.wait_ms(1);
    talk.pair("www.example.com", 40_000, Say::Address);
    talk.wait_ms(50);
    talk.pair("www.example.com", 40_001, Say::Address);
    let seen = |lookup: &Lookup| (lookup.name.to_string(), lookup.partial);
    let lookups = talk.lookups(known());
    assert_eq!(seen(&lookups[0]), ("www.example.com".into(), true));
    // What was before this one would have been captured.
    assert_eq!(seen(&lookups[1]), ("www.example.com.".into(), false));
}

#[test]
fn a_capture_that_ends_inside_a_lookup_says_so() {
    let mut talk = Conversation::new();
    talk.pair("www.example.com.shop.svc.cluster.local", 40_000, Say::NxDomain);
    let lookups = talk.lookups(known());
    assert!(lookups[0].partial);
}

#[test]
fn go_is_known_by_two_ports_and_edns() {
    let mut talk = Conversation::new();
    let name = "web.shop.svc.cluster.local";
    talk.edns = Some(1_232);
    talk.ask(name, QType::Aaaa, 40_000, 1);
    talk.ask(name, QType::A, 40_001, 2);
    talk.wait_ms(1);
    talk.answer(name, QType::A, 40_001, 2, Say::Address);
    talk.answer(name, QType::Aaaa, 40_000, 1, Say::NoData);
    let lookups = talk.lookups(known());
    assert_eq!(lookups.len(), 1);
    assert_eq!(lookups[0].resolver.id, "go");
}

#[test]
fn one_socket_for_several_names_at_once_is_c_ares() {
    let mut talk = Conversation::new();
    let names = ["web.shop.svc.cluster.local", "db.shop.svc.cluster.local"];
    for (index, name) in (0_u16..).zip(names) {
        talk.ask(name, QType::A, 40_000, 7 + index);
        talk.ask(name, QType::Aaaa, 40_000, 9_000 + index);
    }
    talk.wait_ms(1);
    for (index, name) in (0_u16..).zip(names) {
        talk.answer(name, QType::A, 40_000, 7 + index, Say::Address);
        talk.answer(name, QType::Aaaa, 40_000, 9_000 + index, Say::NoData);
    }
    let lookups = talk.lookups(known());
    assert_eq!(lookups.len(), 2);
    assert!(lookups.iter().all(|lookup| lookup.resolver.id == "c-ares"), "{lookups:?}");
}

#[test]
fn glibc_begins_anew_and_takes_an_answer_to_an_earlier_transmission() {
    let conf = [POD, b"options timeout:1\n"].concat();
    let mut talk = Conversation::new();
    let name = "web.shop.svc.cluster.local";
    talk.ask(name, QType::A, 40_000, 7);
    talk.ask(name, QType::Aaaa, 40_000, 9_000);
    talk.wait_ms(1_000);
    talk.ask(name, QType::A, 40_000, 7);
    // The answer to the first AAAA; then glibc asks for it once more, and is content when A is there.
    talk.wait_ms(300);
    talk.answer(name, QType::Aaaa, 40_000, 9_000, Say::NoData);
    talk.ask(name, QType::Aaaa, 40_000, 9_000);
    talk.wait_ms(100);
    talk.answer(name, QType::A, 40_000, 7, Say::Address);
    talk.wait_ms(500);
    talk.answer(name, QType::Aaaa, 40_000, 9_000, Say::NoData);
    let lookups = talk.lookups(SearchList::Known(Some(conf)));
    assert_eq!(lookups.len(), 1);
    assert_eq!(lookups[0].latency, Some(Nanos::from_millis(1_400)));
}

#[test]
fn musl_is_known_by_its_ids_and_stops_at_nodata() {
    let mut talk = Conversation::new();
    for (index, (suffix, say)) in
        [("shop.svc.cluster.local", Say::NxDomain), ("svc.cluster.local", Say::NoData)]
            .into_iter()
            .enumerate()
    {
        let (name, port) = (format!("web.a.{suffix}"), 40_000 + index as u16);
        talk.ask(&name, QType::A, port, 500);
        talk.ask(&name, QType::Aaaa, port, 785);
        talk.wait_ms(1);
        talk.answer(&name, QType::A, port, 500, say);
        talk.answer(&name, QType::Aaaa, port, 785, say);
    }
    talk.wait_ms(10_000);
    talk.pair("db.shop.svc.cluster.local", 41_000, Say::Address);
    let lookups = talk.lookups(known());
    let lookup = lookups.iter().find(|lookup| &*lookup.name == "web.a").unwrap();
    assert_eq!((lookup.resolver.id, lookup.outcome), ("musl", Outcome::NoData));
    assert_eq!(codes(lookup), [FindingCode::NodataStopsMusl]);
}

#[test]
fn musl_waits_for_a_better_answer_than_servfail_until_its_timeout() {
    let mut talk = Conversation::new();
    let name = "web.shop.svc.cluster.local";
    for pause in [0, 2_500] {
        talk.wait_ms(pause);
        for _ in 0..3 {
            talk.ask(name, QType::A, 40_000, 500);
            talk.ask(name, QType::Aaaa, 40_000, 785);
            talk.wait_ms(1);
            talk.answer(name, QType::A, 40_000, 500, Say::ServFail);
            talk.answer(name, QType::Aaaa, 40_000, 785, Say::ServFail);
        }
    }
    talk.wait_ms(20_000);
    talk.pair("db.shop.svc.cluster.local", 41_000, Say::Address);
    let lookups = talk.lookups(known());
    assert_eq!(lookups.len(), 2);
    assert_eq!((lookups[0].outcome, lookups[0].latency), (Outcome::ServFail, None));
    assert_eq!(lookups[0].totals().questions, 12);
}

#[test]
fn copies_of_packets_change_nothing() {
    let mut once = Conversation::new();
    external(&mut once, "www.example.com", 40_000);
    let mut thrice = Conversation::new();
    thrice.copies = 3;
    external(&mut thrice, "www.example.com", 40_000);
    let (once, thrice) = (once.lookups(known()), thrice.lookups(known()));
    assert_eq!(once.len(), thrice.len());
    assert_eq!(once[0].totals().questions, thrice[0].totals().questions);
}

#[test]
fn a_dotted_name_answered_in_a_foreign_domain_is_named() {
    let mut talk = Conversation::new();
    talk.pair("www.example.com.shop.svc.cluster.local", 40_000, Say::NxDomain);
    talk.pair("www.example.com.corp.example", 40_001, Say::Address);
    let conf = b"search shop.svc.cluster.local corp.example\noptions ndots:5\n".to_vec();
    let lookups = talk.lookups(SearchList::Known(Some(conf)));
    assert_eq!(codes(&lookups[0]), [FindingCode::SuffixAnswered, FindingCode::SearchWaste]);
}

#[test]
fn a_port_used_again_for_the_same_name_is_another_lookup() {
    let mut talk = Conversation::new();
    for _ in 0..3 {
        talk.pair("web.shop.svc.cluster.local", 40_000, Say::Address);
        talk.wait_ms(50);
    }
    assert_eq!(talk.lookups(known()).len(), 3);
}

#[test]
fn a_flood_of_unique_names_keeps_a_bound_and_says_what_was_given_up() {
    let mut talk = Conversation::new();
    for index in 0..20_000_u32 {
        let name = format!("x{index}.example.com");
        talk.ask(&name, QType::A, (1_024 + index % 60_000) as u16, (index % 65_000) as u16);
    }
    let mut pipeline = Pipeline::new(vec![53], known());
    let lookups = talk.play(&mut pipeline);
    assert_eq!(lookups.len(), 20_000);
    assert!(pipeline.counters().given_up.lookups >= 20_000 - 8_192);
}

#[test]
fn a_flood_of_one_name_costs_no_more_than_its_length() {
    let mut talk = Conversation::new();
    for index in 0..4_000_u32 {
        talk.ask(
            "web.shop.svc.cluster.local",
            QType::A,
            (1_024 + index % 60_000) as u16,
            (index % 65_000) as u16,
        );
        talk.wait_ms(6);
    }
    let counted: u64 = talk.lookups(known()).iter().map(|lookup| lookup.totals().questions).sum();
    assert_eq!(counted, 4_000);
}

#[test]
fn silence_alone_ends_what_nobody_answered() {
    let mut talk = Conversation::new();
    talk.ask("web.shop.svc.cluster.local", QType::A, 40_000, 7);
    let mut pipeline = Pipeline::new(vec![53], known());
    assert!(talk.play_without_end(&mut pipeline).is_empty());
    let late = Timestamp(talk.now().0 + 60_000_000_000);
    assert_eq!(pipeline.silence(late).len(), 1);
}

#[test]
fn a_lookup_is_due_where_its_resolver_would_have_gone_on() {
    let name = "web.shop.svc.cluster.local";
    let mut pipeline = Pipeline::new(vec![53], known());
    assert_eq!(pipeline.next_deadline(), None);
    let mut talk = Conversation::new();
    talk.ask(name, QType::A, 40_000, 7);
    let asked = talk.now();
    talk.play_without_end(&mut pipeline);
    // It is sent once more after five seconds, and perhaps waited for twice as long.
    assert_eq!(pipeline.next_deadline(), Some(asked + Nanos::from_millis(11_000)));
    let mut answer = Conversation::new();
    answer.wait_ms(3);
    answer.answer(name, QType::A, 40_000, 7, Say::Address);
    assert_eq!(answer.play_without_end(&mut pipeline), []);
    // AAAA may follow at once. A person is to see the lookup within a tenth of a second.
    let due = pipeline.next_deadline().unwrap();
    assert!(due - answer.now() <= Nanos::from_millis(75), "{due:?}");
    assert_eq!(pipeline.silence(due + Nanos(-1)), []);
    assert_eq!(pipeline.silence(due).len(), 1);
    assert_eq!(pipeline.next_deadline(), None);
}

#[test]
fn with_both_answers_there_is_nothing_to_wait_for() {
    let mut talk = Conversation::new();
    talk.pair("web.shop.svc.cluster.local", 40_000, Say::Address);
    let mut pipeline = Pipeline::new(vec![53], known());
    let seen = talk.live(&mut pipeline, &|pipeline, _| pipeline.next_deadline());
    let end = seen[0].1.start.unwrap() + seen[0].1.latency.unwrap();
    assert_eq!((seen.len(), seen[0].0), (1, end), "with its last packet");
}

proptest::proptest! {
    /// Whatever is said in whatever order: nothing is lost, nothing is counted twice, and steps add up.
    #[test]
    fn every_query_is_in_exactly_one_lookup(
        talk in proptest::collection::vec((0..5_usize, 0..6_usize, 0..4_u16, 0..3_u16, 0..900_i64), 1..120),
    ) {
        let names = ["web", "web.shop", "www.example.com", "a.b.c.d.e.f"];
        let suffixes = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example", ""];
        let says = [Say::NxDomain, Say::Address, Say::NoData, Say::ServFail];
        let mut conversation = Conversation::new();
        let mut queries = 0;
        for (suffix, action, port, id, pause) in talk {
            let name = names[usize::from(id) % names.len()];
            let dot = if suffixes[suffix].is_empty() { "" } else { "." };
            let name = format!("{name}{dot}{}", suffixes[suffix]);
            let qtype = if action % 2 == 0 { QType::A } else { QType::Aaaa };
            conversation.wait_ms(pause + 6);
            match action {
                0 | 1 => {
                    conversation.ask(&name, qtype, 40_000 + port, id);
                    queries += 1;
                }
                _ => conversation.answer(&name, qtype, 40_000 + port, id, says[action - 2]),
            }
        }
        let lookups = conversation.lookups(known());
        let counted: u64 = lookups.iter().map(|lookup| lookup.totals().questions).sum();
        proptest::prop_assert_eq!(counted, queries);
        for lookup in &lookups {
            let sum: Option<i64> = lookup.steps.iter().map(|step| step.added.map(|added| added.0)).sum();
            proptest::prop_assert_eq!(sum, lookup.latency.map(|latency| latency.0));
        }
    }
}
