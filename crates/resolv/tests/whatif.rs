//! Observed lookups walked again: at the settings in force they ask what was seen.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

use dnsprobe_resolv::whatif::{
    Asked, Class, Conf, Extent, Knowledge, Observation, Origin, Pair, Servers, Silence, Told, Weighed,
    explain, weigh,
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

/// A lookup by nobody in particular: A alone, one candidate after another, which all do not exist.
fn only_a(name: &str, candidates: &[&str], reply: &Message) -> Class {
    let at = |index: usize| u64::try_from(index).unwrap() * 500;
    let asked: Vec<Asked> = candidates
        .iter()
        .enumerate()
        .map(|(index, qname)| asked(qname, QType::A, 0, at(index), Some((reply.clone(), 400))))
        .collect();
    let outcome = if reply.rcode == Rcode::NXDOMAIN { Outcome::NxDomain } else { Outcome::NoData };
    let seen = Observation { told: Told::Open, ..observed(name, ResolverId::Glibc, asked, outcome) };
    let steps = candidates.len();
    let samples = vec![vec![Some(500_000); steps]];
    Class { seen, lookups: 1, added_ns: vec![(500_000, 1); steps], samples }
}

fn one_server(options: &str) -> Conf {
    let text = format!(
        "nameserver {}\nsearch shop.svc.cluster.local svc.cluster.local\noptions {options}\n",
        SERVERS[0]
    );
    Conf { file: Some(text.into_bytes()), servers: vec![SERVERS[0].parse().unwrap()], ..Conf::default() }
}

fn weighed(classes: &[Class], options: &str) -> Weighed {
    let mut knowledge = Knowledge::default();
    classes.iter().flat_map(|class| &class.seen.asked).for_each(|asked| knowledge.note(asked));
    weigh(classes, (0, 0), &one_server(options), &knowledge)
}

fn gone() -> Message {
    Message { soa: true, ..Message::with_rcode(Rcode::NXDOMAIN) }
}

#[test]
fn lookups_that_show_no_resolver_are_those_of_the_one_that_explains_them_all() {
    let searched = ["gone.example.com.shop.svc.cluster.local.", "gone.example.com.svc.cluster.local."];
    let whole = [&searched[..], &["gone.example.com."]].concat();
    // At ndots:3 a name with as many dots is asked as-is and nothing else: musl does so, glibc would go on.
    let telling = only_a("a.b.example.com", &["a.b.example.com."], &gone());
    let both = weighed(&[only_a("gone.example.com", &whole, &gone()), telling], "ndots:3");
    assert_eq!(both.resolvers.iter().map(|(it, _)| it.id).collect::<Vec<_>>(), [ResolverId::Musl]);
    assert_eq!((both.self_check(), both.outlook.settings[1].questions), (Some(1.0), 2));
    let alone = weighed(&[only_a("gone.example.com", &whole, &gone())], "ndots:3");
    assert_eq!(alone.resolvers[0].0.id, ResolverId::Glibc);
    assert_eq!(alone.outlook.settings[1].questions, 3);
}

#[test]
fn a_name_asked_as_it_stands_may_have_been_typed_with_its_dot_before_another_resolver_is_thought_of() {
    let empty = no_data();
    let candidates =
        ["img.example.com.", "img.example.com.shop.svc.cluster.local.", "img.example.com.svc.cluster.local."];
    // glibc goes on after NODATA, so where nothing follows the dot was typed; musl would have stopped both times.
    let classes =
        [only_a("img.example.com", &candidates, &empty), only_a("img.example.com", &candidates[..1], &empty)];
    let weighed = weighed(&classes, "ndots:1");
    assert_eq!(weighed.resolvers.len(), 1, "{:?}", weighed.resolvers);
    assert_eq!(weighed.resolvers[0].0.id, ResolverId::Glibc);
    // With the dot nothing is searched at any ndots.
    let questions: Vec<u64> = weighed.outlook.settings.iter().map(|it| it.questions).collect();
    assert_eq!(questions, [4, 4, 4, 4, 4]);
}

#[test]
fn what_a_model_explains_to_its_end_was_seen_whole() {
    let mut class = found_later(ResolverId::Glibc);
    class.seen.extent = Extent::Partial;
    let weighed = weighed(&[class], "ndots:5");
    assert_eq!((weighed.whole, weighed.explained), (3, 3));
    assert_eq!(weighed.outlook.without_suffix[0].saved_questions, 6);
}

#[test]
fn two_failures_that_the_application_cannot_tell_apart_are_no_change() {
    // Go says `server misbehaving` for the name itself, before and after.
    let suffixes = ["www.example.com.shop.svc.cluster.local.", "www.example.com.svc.cluster.local."];
    let failing = Message::with_rcode(Rcode::SERVFAIL);
    let mut all: Vec<Asked> = Vec::new();
    for (index, suffix) in suffixes.into_iter().enumerate() {
        all.extend(pair(suffix, 0, u64::try_from(index).unwrap() * 500, &gone()));
    }
    for round in 0..2 {
        all.extend(pair("www.example.com.", 0, 1_000 + round * 500, &failing));
    }
    for asked in all.iter_mut().skip(4) {
        asked.reply = Some(Reply::Message(failing.clone()));
    }
    let seen = observed("www.example.com", ResolverId::Go, all, Outcome::ServFail);
    let class =
        Class { seen, lookups: 1, added_ns: vec![(500_000, 1); 3], samples: vec![vec![Some(500_000); 3]] };
    let weighed = weighed(&[class], "ndots:5");
    assert_eq!(weighed.self_check(), Some(1.0), "{:?}", weighed.unexplained);
    assert_eq!(weighed.outlook.settings[0].changes, []);
}

#[test]
fn a_search_list_that_no_lookup_was_seen_to_come_to_the_end_of_may_be_longer() {
    let searched = ["db.shop.svc.cluster.local.", "db.svc.cluster.local."];
    let mut all: Vec<Asked> = pair(searched[0], 0, 0, &gone()).into();
    all.extend(pair(searched[1], 0, 500, &address()));
    let seen = observed("db", ResolverId::Glibc, all, Outcome::Answer);
    let samples = vec![vec![Some(500_000); 2]];
    let found = Class { seen, lookups: 1, added_ns: vec![(500_000, 1); 2], samples };
    let mut knowledge = Knowledge::default();
    found.seen.asked.iter().for_each(|asked| knowledge.note(asked));
    let as_is = asked("db.", QType::A, 0, 0, Some((gone(), 400)));
    knowledge.note(&as_is);
    let without_second = |origin: Origin, classes: &[Class]| {
        let conf = Conf { origin, ..one_server("ndots:5") };
        let weighed = weigh(classes, (0, 0), &conf, &knowledge);
        let setting = weighed.outlook.without_suffix[1].clone();
        (setting.changes.len(), setting.unknown.len())
    };
    // Of a file nothing is left to be found; of what traffic shows a third suffix may be.
    let classes = [found];
    assert_eq!(without_second(Origin::File, &classes), (1, 0));
    assert_eq!(without_second(Origin::Traffic, &classes), (0, 1));
    // A name that was nowhere shows where the list ends.
    let whole = ["x.shop.svc.cluster.local.", "x.svc.cluster.local.", "x."];
    let nowhere = Class {
        seen: Observation { told: Told::Inferred, ..only_a("x", &whole, &gone()).seen },
        ..only_a("x", &whole, &gone())
    };
    let [found] = classes;
    assert_eq!(without_second(Origin::Traffic, &[found, nowhere]), (1, 0));
}

#[test]
fn where_no_suffix_was_ever_seen_there_may_be_some() {
    let as_is = |name: &str, reply: &Message| {
        let class = only_a(name, &[&format!("{name}.")], reply);
        Class { seen: Observation { told: Told::Inferred, ..class.seen }, ..class }
    };
    let found = as_is("www.example.com", &address());
    let found = Class { seen: Observation { outcome: Outcome::Answer, ..found.seen }, ..found };
    let text = format!("nameserver {}\noptions ndots:1\n", SERVERS[0]);
    let at_five = |origin: Origin, classes: &[Class]| {
        let servers = vec![SERVERS[0].parse().unwrap()];
        let conf = Conf { file: Some(text.clone().into_bytes()), servers, origin, ..Conf::default() };
        let mut knowledge = Knowledge::default();
        classes.iter().flat_map(|class| &class.seen.asked).for_each(|asked| knowledge.note(asked));
        let weighed = weigh(classes, (0, 0), &conf, &knowledge);
        weighed.outlook.settings[4].unknown.len()
    };
    let classes = [found];
    assert_eq!((at_five(Origin::File, &classes), at_five(Origin::Traffic, &classes)), (0, 1));
    // glibc would have gone on with a name that is nowhere.
    let [found] = classes;
    assert_eq!(at_five(Origin::Traffic, &[found, as_is("gone.example.com", &gone())]), 0);
}
