//! What must hold whatever resolvers say: other clients, copies of packets and the clock change nothing.

#![expect(clippy::unwrap_used, reason = "tests, their helpers included")]

#[allow(dead_code, reason = "these tests need a part of it")]
mod wire;

use std::net::Ipv4Addr;

use dnsprobe_lookup::{Lookup, Nanos, Pipeline, SearchList, Timestamp};
use dnsprobe_resolv::QType;
use proptest::prelude::*;
use wire::{Conversation, Say};

const POD: &[u8] =
    b"search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5 timeout:1\n";

/// One move of a conversation: a pause in ms, the name, the suffix, and what happens.
type Move = (i64, usize, usize, usize, u16);

const NAMES: [&str; 4] = ["web", "web.shop", "www.example.com", "a.b.c.d.e.f"];
const SUFFIXES: [&str; 5] =
    [".shop.svc.cluster.local", ".svc.cluster.local", ".cluster.local", ".corp.example", ""];
const SAYS: [Say; 4] = [Say::NxDomain, Say::Address, Say::NoData, Say::ServFail];

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let pause = prop_oneof![4 => 0..30_i64, 1 => 0..1_500_i64];
    proptest::collection::vec((pause, 0..NAMES.len(), 0..SUFFIXES.len(), 0..8_usize, 0..6_u16), 1..80)
}

/// Pairs that are answered, halves that are not, resends and stray answers.
fn played(client: [u8; 4], moves: &[Move], copies: usize) -> Conversation {
    let mut talk = Conversation::new();
    talk.client = Ipv4Addr::from(client);
    talk.copies = copies;
    for (pause, name, suffix, what, port) in moves {
        talk.wait_ms(6 + pause);
        let name = format!("{}{}", NAMES[*name], SUFFIXES[*suffix]);
        let port = 40_000 + port;
        match what {
            0..4 => talk.pair(&name, port, SAYS[*what]),
            4 => talk.ask(&name, QType::A, port, 7),
            5 => talk.ask(&name, QType::Aaaa, port, 9),
            6 => talk.answer(&name, QType::A, port, 7, Say::NxDomain),
            _ => talk.answer(&name, QType::Aaaa, port, 9, Say::Address),
        }
    }
    talk
}

fn ordered(mut lookups: Vec<Lookup>) -> Vec<Lookup> {
    lookups.sort_by(|one, other| {
        (one.start, &one.name, one.client).cmp(&(other.start, &other.name, other.client))
    });
    lookups
}

fn searches() -> [SearchList; 2] {
    [SearchList::Known(Some(POD.to_vec())), SearchList::Inferred(Nanos::from_millis(60_000))]
}

fn of(lookups: &[Lookup], client: [u8; 4]) -> Vec<Lookup> {
    lookups.iter().filter(|lookup| lookup.client == Some(client.into())).cloned().collect()
}

/// The next look of who looks all the time, until the last packet.
fn soon(clock: Timestamp, ms: i64, talk: &Conversation) -> Option<Timestamp> {
    Some(clock + Nanos::from_millis(ms)).filter(|look| *look < talk.now())
}

const ONE: [u8; 4] = [10, 244, 1, 7];
const OTHER: [u8; 4] = [10, 244, 1, 8];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_other_clients_ask_changes_nothing(one in moves(), other in moves()) {
        let (one, other) = (played(ONE, &one, 1), played(OTHER, &other, 1));
        let both = one.beside(&other);
        for search in searches() {
            let play = |talk: &Conversation| {
                let mut pipeline = Pipeline::new(vec![53], search.clone());
                let mut lookups = talk.play_without_end(&mut pipeline);
                // The end of the capture is the same for all.
                lookups.extend(pipeline.silence(both.now()));
                lookups.extend(pipeline.finish());
                ordered(lookups)
            };
            let together = play(&both);
            // A capture begins with its first packet; what may have begun before depends on that.
            if one.first() == both.first() {
                prop_assert_eq!(of(&together, ONE), play(&one));
            }
            if other.first() == both.first() {
                prop_assert_eq!(of(&together, OTHER), play(&other));
            }
        }
    }

    #[test]
    fn a_replay_gives_the_live_runs_lookups(moves in moves()) {
        let talk = played(ONE, &moves, 1);
        let search = SearchList::Known(Some(POD.to_vec()));
        let mut pipeline = Pipeline::new(vec![53], search.clone());
        let live = talk.live(&mut pipeline, &|_, clock| soon(clock, 100, &talk));
        let live = live.into_iter().map(|(_, lookup)| lookup).chain(pipeline.finish()).collect();
        let replayed = talk.play(&mut Pipeline::new(vec![53], search));
        prop_assert_eq!(ordered(live), ordered(replayed));
    }

    #[test]
    fn who_looks_only_at_deadlines_sees_every_lookup_as_soon_as_who_looks_all_the_time(moves in moves()) {
        let talk = played(ONE, &moves, 1);
        for search in searches() {
            let mut pipeline = Pipeline::new(vec![53], search.clone());
            let seldom = talk.live(&mut pipeline, &|pipeline, _| pipeline.next_deadline());
            prop_assert_eq!(pipeline.finish(), []);
            let mut pipeline = Pipeline::new(vec![53], search);
            let often = talk.live(&mut pipeline, &|_, clock| soon(clock, 1, &talk));
            for ((seen, lookup), (seen_often, same)) in seldom.iter().zip(&often) {
                prop_assert_eq!(lookup, same);
                prop_assert!(seen <= seen_often, "{:?} after {:?}", seen, seen_often);
            }
            prop_assert_eq!(often.len() + pipeline.finish().len(), seldom.len());
        }
    }

    #[test]
    fn a_lookup_in_the_place_of_another_is_what_it_would_be_by_itself(moves in moves()) {
        let talk = played(ONE, &moves, 1);
        for search in searches() {
            let each = talk.play_without_end(&mut Pipeline::new(vec![53], search.clone()));
            let in_one_place = talk.play_in_one_place(&mut Pipeline::new(vec![53], search));
            prop_assert_eq!(in_one_place, each);
        }
    }

    #[test]
    fn copies_of_every_packet_change_only_the_counters(moves in moves()) {
        for search in searches() {
            let play = |copies| {
                let mut pipeline = Pipeline::new(vec![53], search.clone());
                let lookups = ordered(played(ONE, &moves, copies).play(&mut pipeline));
                (lookups, pipeline.counters())
            };
            let ((once, counted), (twice, counted_twice)) = (play(1), play(2));
            prop_assert_eq!(once.len(), twice.len());
            for (once, twice) in once.iter().zip(&twice) {
                prop_assert_eq!(once, twice);
            }
            prop_assert_eq!(counted_twice.frames, 2 * counted.frames);
            prop_assert!(counted_twice.leftovers.copies >= counted.leftovers.copies);
        }
    }
}

#[test]
fn a_capture_begins_with_its_first_packet_even_if_that_answers_nothing() {
    let mut talk = Conversation::new();
    talk.answer("web.cluster.local", QType::A, 40_000, 7, Say::Address);
    // Just after a walk may have begun before the capture.
    talk.wait_ms(5_050);
    talk.pair("www.example.com.svc.cluster.local", 40_001, Say::NxDomain);
    talk.pair("www.example.com.cluster.local", 40_002, Say::NxDomain);
    let search = SearchList::Known(Some(POD.to_vec()));
    let mut pipeline = Pipeline::new(vec![53], search.clone());
    let live = talk.live(&mut pipeline, &|_, clock| soon(clock, 100, &talk));
    let live = live.into_iter().map(|(_, lookup)| lookup).chain(pipeline.finish()).collect();
    assert_eq!(ordered(talk.lookups(search)), ordered(live));
}
