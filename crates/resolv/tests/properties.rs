//! What holds for any file, name and server: nothing panics, nothing is lost, every walk ends.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dnsprobe_resolv::conf::{self, syntax};
use dnsprobe_resolv::simulate::{Answered, Answers};
use dnsprobe_resolv::walk::{AddrConfig, Request};
use dnsprobe_resolv::{
    Family, Message, QType, Query, Rcode, Reply, Resolver, ResolverId, ScriptKey, Simulation, Situation,
    simulate,
};
use proptest::prelude::*;

fn resolvers() -> impl Strategy<Value = Resolver> {
    let all: Vec<Resolver> = ResolverId::ALL
        .into_iter()
        .flat_map(|id| id.apis().iter().map(move |api| Resolver::new(id).with_api(api.word).unwrap()))
        .chain(
            ["glibc@2.25", "glibc@2.42", "musl@1.1.12", "musl@1.2.0", "musl@1.2.3", "go@1.19", "c-ares@1.18"]
                .map(|text| Resolver::parse(text).unwrap()),
        )
        .chain(
            ["c-ares@1.20", "c-ares@1.28", "hickory@0.24", "bind-host@9.20"]
                .map(|text| Resolver::parse(text).unwrap()),
        )
        .collect();
    proptest::sample::select(all)
}

/// Files that look like the real thing, more or less.
fn files() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just("search"),
        Just("domain"),
        Just("nameserver"),
        Just("options"),
        Just("sortlist"),
        Just("10.96.0.10"),
        Just("fd00::1"),
        Just("fe80::1%eth0"),
        Just("a.test"),
        Just("."),
        Just(".foo"),
        Just("a..b"),
        Just("#"),
        Just("ndots:5"),
        Just("ndots:-1"),
        Just("ndots:99999999999999999999"),
        Just("attempts:0"),
        Just("timeout:0"),
        Just("timeout:4294967295"),
        Just("attempts:5"),
        Just("rotate"),
        Just("single-request"),
        Just("use-vc"),
        Just("no-aaaa"),
        Just("\n"),
        Just("\r\n"),
        Just("\t"),
        Just(" "),
        Just(","),
        Just("\0"),
        Just("\u{fc}"),
    ];
    prop_oneof![
        proptest::collection::vec(word, 0..40).prop_map(|words| words.join(" ").into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..400),
    ]
}

fn names() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[a-zA-Z0-9._-]{0,40}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..300),
        Just(b"10.1".to_vec()),
        Just(b"2001:db8::5".to_vec()),
        Just(vec![b'a'; 300]),
    ]
}

/// A server that answers by a fixed but arbitrary function of the query.
#[derive(Debug, Clone)]
struct Arbitrary(u64);

impl Answers for Arbitrary {
    fn answer(&self, query: &Query) -> Answered {
        let mut hash = self.0 ^ (query.seq as u64 / 3).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in query.qname.as_str().bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let choice = (hash >> 20) % 12;
        let addresses: Vec<IpAddr> = match query.qtype {
            QType::A => vec![Ipv4Addr::LOCALHOST.into()],
            QType::Aaaa => vec![Ipv6Addr::LOCALHOST.into()],
            QType::Other(_) => Vec::new(),
        };
        let message = match choice {
            0 => Message::with_addresses(addresses),
            1 => Message::default(),
            2 => Message { truncated: true, ..Message::default() },
            3 => Message { cname: Some(query.qname.clone()), ..Message::default() },
            4 => Message { recursion_available: false, ..Message::default() },
            5 => return Answered { reply: None, delay_us: None },
            6 => return Answered { reply: Some(Reply::Unreachable), delay_us: None },
            rcode => Message::with_rcode(Rcode(u16::try_from(rcode - 6).unwrap())),
        };
        Answered { reply: Some(Reply::Message(message)), delay_us: Some((hash >> 32) % 7_000_000) }
    }
}

fn family() -> impl Strategy<Value = Family> {
    proptest::sample::select(vec![Family::Unspec, Family::Inet, Family::Inet6])
}

fn walk(resolver: Resolver, file: &[u8], name: Vec<u8>, family: Family, seed: u64) -> Option<Simulation> {
    let profile = resolver.profile();
    let settings = conf::interpret(Some(file), &Situation::default(), &profile).ok()?;
    let request = Request { name, family, addrconfig: AddrConfig::Ignored };
    Some(simulate(&profile, &settings, &request, &Arbitrary(seed)))
}

proptest! {
    #[test]
    fn lines_join_to_the_file(file in proptest::collection::vec(any::<u8>(), 0..600)) {
        let joined: Vec<u8> = syntax::lines(&file).flat_map(|line| line.bytes.to_vec()).collect();
        prop_assert_eq!(joined, file);
    }

    #[test]
    fn words_stand_where_they_say(file in files()) {
        for line in syntax::lines(&file) {
            for word in line.words(b" \t") {
                let start = word.column - 1;
                prop_assert_eq!(&line.content()[start..start + word.bytes.len()], word.bytes);
            }
        }
    }

    #[test]
    fn any_file_is_read_by_every_resolver(resolver in resolvers(), file in files()) {
        let lines = syntax::lines(&file).count();
        if let Ok(settings) = conf::interpret(Some(&file), &Situation::default(), &resolver.profile()) {
            prop_assert!(!settings.nameservers.is_empty());
            prop_assert!(settings.notes.iter().all(|note| note.line <= lines));
        }
    }

    #[test]
    fn every_walk_ends_in_order_of_time(
        resolver in resolvers(), file in files(), name in names(), family in family(), seed in any::<u64>(),
    ) {
        let Some(simulation) = walk(resolver, &file, name, family, seed) else { return Ok(()) };
        prop_assert!(simulation.sent.len() < 20_000, "{} transmissions", simulation.sent.len());
        prop_assert!(simulation.sent.is_sorted_by_key(|sent| sent.sent_us));
        prop_assert!(simulation.sent.iter().all(|sent| sent.sent_us <= simulation.took_us));
        prop_assert!(simulation.sent.iter().enumerate().all(|(seq, sent)| sent.query.seq == seq));
        prop_assert!(simulation.sent.iter().all(|sent| sent.query.step < simulation.steps.len()));
    }

    #[test]
    fn steps_add_up_to_the_lookup(resolver in resolvers(), name in "[a-z]{1,5}(\\.[a-z]{1,5}){0,5}", seed in any::<u64>()) {
        let file = b"search ns.svc.cluster.local svc.cluster.local\nnameserver 10.0.0.1\noptions ndots:3 timeout:1\n";
        if resolver.id == ResolverId::BusyboxNslookup {
            // Its candidates run at the same time.
            return Ok(());
        }
        let Some(simulation) = walk(resolver, file, name.into_bytes(), Family::Unspec, seed) else { return Ok(()) };
        let sum: u64 = (0..simulation.steps.len()).filter_map(|step| simulation.added_us(step)).sum();
        if !simulation.sent.is_empty() {
            prop_assert_eq!(sum, simulation.took_us);
        }
    }

    #[test]
    fn answer_keys_never_panic_and_suggest_keys_that_parse(text in "\\PC{0,40}") {
        if let Some(near) = ScriptKey::parse(&text).err().and_then(|error| error.nearest) {
            prop_assert!(ScriptKey::parse(&near).is_ok(), "{near}");
        }
    }
}

#[test]
fn what_the_fuzzer_found_worth_keeping_is_read_by_every_resolver() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/resolv_conf");
    let files: Vec<Vec<u8>> = std::fs::read_dir(corpus)
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    assert!(files.len() > 20, "{}", files.len());
    for (file, id) in files.iter().flat_map(|file| ResolverId::ALL.map(|id| (file, id))) {
        walk(Resolver::new(id), file, b"www.example.com".to_vec(), Family::Unspec, 7);
    }
}
