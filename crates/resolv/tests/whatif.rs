//! Observed lookups walked again: at the settings in force they ask what was seen.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

use dnsprobe_resolv::whatif::{
    Asked, Class, Conf, Extent, Knowledge, Observation, Pair, Servers, Silence, Told, explain, weigh,
};
use dnsprobe_resolv::{Fqdn, Message, Outcome, QType, Rcode, Reply, Resolver, ResolverId, Transport};

const SERVERS: [&str; 2] = ["10.96.0.10", "10.96.0.11"];

fn conf(options: &str) -> Conf {
    let [one, two] = SERVERS;
    let search = "search shop.svc.cluster.local svc.cluster.local";
    let text = format!("nameserver {one}\nnameserver {two}\n{search}\noptions {options}\n");
    Conf { file: Some(text.into_bytes()), ..Conf::default() }
}

/// A transmission to a server, and after how long which rcode came back; without addresses NOERROR is NODATA.
fn asked(qname: &str, qtype: QType, server: usize, sent_us: u64, reply: Option<(Message, u64)>) -> Asked {
    Asked {
        qname: Fqdn::from_presentation(qname),
        qtype,
        server: SERVERS[server].parse().unwrap(),
        transport: Transport::Udp,
        latency_us: reply.as_ref().map(|(_, after)| *after),
        reply: reply.map(|(message, _)| Reply::Message(message)),
        sent_us,
    }
}

fn address() -> Message {
    Message::with_addresses(vec!["192.0.2.1".parse().unwrap()])
}

fn no_data() -> Message {
    Message { soa: true, ..Message::default() }
}

fn observed(name: &str, id: ResolverId, asked: Vec<Asked>, outcome: Outcome) -> Observation {
    let mut candidates: Vec<Fqdn> = asked.iter().map(|asked| asked.qname.clone()).collect();
    candidates.dedup();
    let (resolver, told, extent) = (Resolver::new(id), Told::Inferred, Extent::Whole);
    Observation { name: name.to_owned(), resolver, told, asked, candidates, outcome, extent }
}

#[test]
fn a_late_answer_to_the_second_question_has_glibc_send_that_question_again() {
    // As recorded: the answers take longer than the timeout of a second, and A came before it, AAAA after.
    let (a, aaaa) = (QType::A, QType::Aaaa);
    let name = "img.example.org.";
    let asked = vec![
        asked(name, a, 0, 0, Some((address(), 920_000))),
        asked(name, aaaa, 0, 5, Some((no_data(), 1_308_000))),
        asked(name, a, 0, 1_000_000, Some((address(), 1_573_000))),
        asked(name, aaaa, 0, 1_309_000, Some((no_data(), 690_000))),
        asked(name, a, 0, 2_000_000, Some((address(), 617_000))),
        asked(name, aaaa, 0, 2_617_000, Some((no_data(), 1_324_000))),
    ];
    let seen = observed(name, ResolverId::Glibc, asked, Outcome::Answer);
    let explained = explain(&seen, &conf("timeout:1")).unwrap();
    assert_eq!(explained.variant.resolver.id, ResolverId::Glibc);
}

fn pair(name: &str, server: usize, at: u64, message: &Message) -> [Asked; 2] {
    [QType::A, QType::Aaaa].map(|qtype| {
        let address = qtype == QType::A || message.addresses.is_empty();
        let message = if address { message.clone() } else { no_data() };
        asked(name, qtype, server, at, Some((message, 400)))
    })
}

#[test]
fn a_refusal_that_no_capture_holds_is_told_by_the_haste_of_what_follows() {
    let mut all: Vec<Asked> = Vec::new();
    all.extend([QType::A, QType::Aaaa].map(|qtype| asked("www.example.com.", qtype, 0, 0, None)));
    all.extend(pair("www.example.com.", 1, 90, &address()));
    let seen = observed("www.example.com", ResolverId::Glibc, all, Outcome::Answer);
    let variant = explain(&seen, &conf("ndots:1")).unwrap().variant;
    assert_eq!((variant.silence, variant.servers), (Silence::Refused, Servers::AsListed));
}

#[test]
fn what_a_thread_remembers_of_lost_answers_is_told_by_what_it_asks() {
    let (a, aaaa) = (QType::A, QType::Aaaa);
    let name = "www.example.com.";
    let first = asked(name, a, 0, 0, Some((address(), 300)));
    let second = asked(name, aaaa, 0, 350, Some((no_data(), 300)));
    let seen = observed("www.example.com", ResolverId::Glibc, vec![first, second], Outcome::Answer);
    let variant = explain(&seen, &conf("ndots:1")).unwrap().variant;
    // One after another or together: the questions are the same, so the plain model does.
    assert_eq!(variant.pair, Pair::AsSet);
}

/// `api.payments`, found under the second suffix, by this resolver.
fn found_later(id: ResolverId) -> Class {
    let gone = Message { soa: true, ..Message::with_rcode(Rcode::NXDOMAIN) };
    let mut all: Vec<Asked> = pair("api.payments.shop.svc.cluster.local.", 0, 0, &gone).into();
    all.extend(pair("api.payments.svc.cluster.local.", 0, 500, &address()));
    let seen = observed("api.payments", id, all, Outcome::Answer);
    let added = vec![Some(500_000), Some(400_000)];
    Class { seen, lookups: 3, added_ns: vec![(1_500_000, 3), (1_200_000, 3)], samples: vec![added; 3] }
}

#[test]
fn an_answer_that_nobody_has_seen_makes_a_setting_unsafe_and_is_named() {
    for (id, then) in [(ResolverId::Glibc, Outcome::Answer), (ResolverId::Musl, Outcome::NxDomain)] {
        let class = found_later(id);
        let mut knowledge = Knowledge::default();
        class.seen.asked.iter().for_each(|asked| knowledge.note(asked));
        let conf = Conf { servers: vec![SERVERS[0].parse().unwrap()], ..conf("ndots:5") };
        // musl would ask both nameservers at once.
        let text = conf
            .file
            .as_deref()
            .map(|file| String::from_utf8_lossy(file).replace("nameserver 10.96.0.11\n", ""));
        let conf = Conf { file: text.map(String::into_bytes), ..conf };
        let weighed = weigh(std::slice::from_ref(&class), (0, 0), &conf, &knowledge);
        assert_eq!((weighed.self_check(), weighed.lookups, weighed.questions), (Some(1.0), 3, 12), "{id}");
        let [unknown] = &weighed.outlook.settings[0].unknown[..] else { panic!("{:?}", weighed.outlook) };
        assert_eq!((unknown.lookups, &unknown.asks[..]), (3, &["api.payments.".to_owned()][..]), "{id}");
        assert_eq!(unknown.if_nxdomain, Some(then), "{id}");
        let [dot] = &weighed.outlook.dots[..] else { panic!("{:?}", weighed.outlook.dots) };
        assert_eq!(dot.write, "api.payments.svc.cluster.local.");
        assert_eq!((dot.saves_questions, dot.saves_ns), (6, 1_500_000), "{id}");
        // Without the first suffix the same is found at once.
        let without = &weighed.outlook.without_suffix[0];
        assert_eq!(
            (without.is_safe(), without.saved_questions, without.saved_ns),
            (true, 6, 1_500_000),
            "{id}"
        );
    }
}

#[test]
fn lookups_of_which_no_kind_was_kept_are_counted_and_not_judged() {
    let class = found_later(ResolverId::Glibc);
    let weighed = weigh(std::slice::from_ref(&class), (10, 80), &conf("ndots:5"), &Knowledge::default());
    assert_eq!((weighed.lookups, weighed.questions), (13, 92));
    let tried = weighed.outlook.settings.iter().filter(|it| it.ndots != 5);
    for setting in tried {
        assert!(setting.unknown.iter().any(|it| it.name.is_none() && it.lookups == 10), "{setting:?}");
    }
    assert_eq!(weighed.outlook.recommended, None);
}
