//! What must hold where several threads of glibc, and of musl, look one name up at the same moment, each in its manner and
//! with losses.

#![expect(clippy::unwrap_used, reason = "tests, their helpers included")]

#[allow(dead_code, reason = "these tests need a part of it")]
mod wire;

use std::collections::{BTreeSet, VecDeque};

use dnsprobe_lookup::{Lookup, Nanos, Pipeline, SearchList, Timestamp};
use dnsprobe_resolv::QType::{self, A, Aaaa};
use proptest::prelude::*;
use wire::{Conversation, Say};

const POD: &[u8] =
    b"search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5 timeout:1\n";
const CANDIDATES: [&str; 4] = [
    "www.example.com.shop.svc.cluster.local",
    "www.example.com.svc.cluster.local",
    "www.example.com.cluster.local",
    "www.example.com",
];

/// How a thread asks for a candidate.
#[derive(Debug, Clone, Copy)]
enum Manner {
    AtOnce,
    /// The same with ids from a clock, as musl does.
    FromAClock,
    InTurn,
    FromAnotherPort,
    /// At once, and the second is lost: both once more after the timeout, in turn.
    LosesOne,
}

/// What a thread, or the server that it asked, does next.
#[derive(Debug, Clone, Copy)]
enum Does {
    Asks(usize, QType, u16),
    Answers(usize, QType, u16),
    TimesOut,
}

fn manner() -> impl Strategy<Value = Manner> {
    use Manner::{AtOnce, FromAClock, FromAnotherPort, InTurn, LosesOne};
    prop_oneof![6 => Just(AtOnce), 3 => Just(FromAClock), 4 => Just(InTurn), 4 => Just(FromAnotherPort), 1 => Just(LosesOne)]
}

/// The ids of a pair are from a clock from this port on, and else unrelated.
const FROM_A_CLOCK: u16 = 50_000;

fn id(qtype: QType, port: u16) -> u16 {
    let first = port.wrapping_mul(31);
    match qtype {
        A => first,
        _ if port >= FROM_A_CLOCK => first.wrapping_add(70),
        _ => first ^ 0x5a5a,
    }
}

/// Those that nothing was lost of.
fn lasting_manner() -> impl Strategy<Value = Manner> {
    use Manner::{AtOnce, FromAClock, FromAnotherPort, InTurn};
    prop_oneof![Just(AtOnce), Just(FromAClock), Just(InTurn), Just(FromAnotherPort)]
}

/// Threads by the manner of each candidate, and whose turn it is after which pause in milliseconds.
fn threads() -> impl Strategy<Value = (Vec<[Manner; 4]>, Vec<(usize, i64)>)> {
    let thread = [manner(), manner(), manner(), manner()];
    let threads = proptest::collection::vec(thread, 2..6);
    let turns = proptest::collection::vec((0..6_usize, 0..4_i64), 20..160);
    (threads, turns)
}

fn does(thread: u16, manners: [Manner; 4]) -> VecDeque<Does> {
    use Does::{Answers, Asks, TimesOut};
    let mut all = VecDeque::new();
    let ports = (40_000 + 100 * thread..).step_by(2);
    for ((candidate, manner), port) in manners.iter().enumerate().zip(ports) {
        let port = if matches!(manner, Manner::FromAClock) { FROM_A_CLOCK + port % 10_000 } else { port };
        let other = if matches!(manner, Manner::FromAnotherPort) { port + 1 } else { port };
        let in_turn = [
            Asks(candidate, A, port),
            Answers(candidate, A, port),
            Asks(candidate, Aaaa, other),
            Answers(candidate, Aaaa, other),
        ];
        let at_once = [in_turn[0], in_turn[2], in_turn[1], in_turn[3]];
        match manner {
            Manner::AtOnce | Manner::FromAClock => all.extend(at_once),
            Manner::InTurn | Manner::FromAnotherPort => all.extend(in_turn),
            Manner::LosesOne => {
                all.extend(&at_once[..3]);
                all.push_back(TimesOut);
                all.extend(in_turn);
            }
        }
    }
    all
}

/// What they say; and how many questions.
fn played(threads: &[[Manner; 4]], turns: &[(usize, i64)]) -> (Conversation, usize) {
    let mut talk = Conversation::new();
    let mut to_do: Vec<_> = (0..).zip(threads).map(|(thread, manners)| does(thread, *manners)).collect();
    let mut asked = 0;
    // Before the next packet: with the last it ends.
    let mut wait = 0;
    for (thread, pause) in turns {
        wait += 1 + pause;
        let Some(to_do) = to_do.get_mut(*thread) else { continue };
        match to_do.pop_front() {
            None => {}
            Some(Does::TimesOut) => wait += 1_000,
            Some(Does::Answers(candidate, qtype, port)) => {
                let say = if candidate == 3 { Say::Address } else { Say::NxDomain };
                talk.wait_ms(std::mem::take(&mut wait));
                talk.answer(CANDIDATES[candidate], qtype, port, id(qtype, port), say);
            }
            Some(Does::Asks(candidate, qtype, port)) => {
                talk.wait_ms(std::mem::take(&mut wait));
                let both = to_do.front().is_some_and(|next| matches!(next, Does::Asks(..)));
                let types = if both { vec![A, Aaaa] } else { vec![qtype] };
                for qtype in types {
                    talk.ask(CANDIDATES[candidate], qtype, port, id(qtype, port));
                    asked += 1;
                }
                to_do.drain(..usize::from(both));
            }
        }
    }
    (talk, asked)
}

fn search() -> SearchList {
    SearchList::Known(Some(POD.to_vec()))
}

fn ordered(mut lookups: Vec<Lookup>) -> Vec<Lookup> {
    lookups.sort_by(|one, other| (one.start, &one.name).cmp(&(other.start, &other.name)));
    lookups
}

/// The next look of who looks all the time, until the last packet.
fn soon(clock: Timestamp, ms: i64, talk: &Conversation) -> Option<Timestamp> {
    Some(clock + Nanos::from_millis(ms)).filter(|look| *look < talk.now())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_question_is_in_one_lookup_and_the_steps_add_up((threads, turns) in threads()) {
        let (talk, asked) = played(&threads, &turns);
        let lookups = talk.lookups(search());
        let questions = |lookup: &Lookup| lookup.steps.iter().map(|step| step.questions.len()).sum::<usize>();
        prop_assert_eq!(lookups.iter().map(questions).sum::<usize>(), asked);
        for lookup in &lookups {
            let totals = lookup.totals();
            prop_assert_eq!(totals.questions, questions(lookup) as u64);
            let added: Option<i64> = lookup.steps.iter().map(|step| step.added.map(|added| added.0)).sum();
            if let (Some(added), Some(latency)) = (added, lookup.latency) {
                prop_assert_eq!(added, latency.0, "{:?}", lookup);
            }
            for step in &lookup.steps {
                let times: Vec<_> = step.questions.iter().filter_map(|question| question.sent).collect();
                prop_assert!(times.is_sorted(), "{:?}", step);
            }
        }
    }

    /// Whose half is whose, shows in time.
    #[test]
    fn two_threads_that_keep_their_manners_are_two_lookups(
        manners in [lasting_manner(), lasting_manner()],
        turns in proptest::collection::vec(0..2_usize, 60),
    ) {
        let turns: Vec<_> = turns.into_iter().map(|thread| (thread, 0)).collect();
        let (talk, _) = played(&manners.map(|manner| [manner; 4]), &turns);
        let begun = turns.iter().map(|(thread, _)| thread).collect::<BTreeSet<_>>();
        prop_assert_eq!(talk.lookups(search()).len(), begun.len());
    }

    #[test]
    fn a_replay_gives_the_live_runs_lookups((threads, turns) in threads()) {
        let (talk, _) = played(&threads, &turns);
        let mut pipeline = Pipeline::new(vec![53], search());
        let live = talk.live(&mut pipeline, &|_, clock| soon(clock, 50, &talk));
        let live = live.into_iter().map(|(_, lookup)| lookup).chain(pipeline.finish()).collect();
        let replayed = talk.play(&mut Pipeline::new(vec![53], search()));
        prop_assert_eq!(ordered(live), ordered(replayed));
    }

    #[test]
    fn who_looks_only_at_deadlines_sees_every_lookup_as_soon((threads, turns) in threads()) {
        let (talk, _) = played(&threads, &turns);
        let mut pipeline = Pipeline::new(vec![53], search());
        let seldom = talk.live(&mut pipeline, &|pipeline, _| pipeline.next_deadline());
        prop_assert_eq!(pipeline.finish(), []);
        let mut pipeline = Pipeline::new(vec![53], search());
        let often = talk.live(&mut pipeline, &|_, clock| soon(clock, 1, &talk));
        for ((seen, lookup), (seen_often, same)) in seldom.iter().zip(&often) {
            prop_assert_eq!(lookup, same);
            prop_assert!(seen <= seen_often, "{:?} after {:?}", seen, seen_often);
        }
        prop_assert_eq!(often.len() + pipeline.finish().len(), seldom.len());
    }
}
