use super::*;
use crate::lookup::{Question, ResolverFrom, ResolverSeen, Step};
use crate::time::{Nanos, Timestamp};
use dnsprobe_resolv::Transport;

const POD: &str = "nameserver 10.96.0.10\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\n";

fn conf(options: &str) -> Conf {
    Conf { file: Some(format!("{POD}options {options}\n").into_bytes()), ..Conf::default() }
}

/// A lookup by glibc whose candidates, given with their suffixes, all came to this.
/// Of one lookup by itself.
fn departure(lookup: &Lookup, conf: &Conf) -> Option<Finding> {
    Departures::default().judge(lookup, conf)
}

fn lookup(name: &str, candidates: &[(&str, Option<&str>)], types: &[QType], outcome: Outcome) -> Lookup {
    let mut at = 1_700_000_000_000_000_000;
    let mut step = |(candidate, suffix): &(&str, Option<&str>)| {
        at += 1_000_000;
        let question = |qtype: &QType| Question {
            qname: (*candidate).into(),
            qtype: *qtype,
            server: "10.96.0.10".parse().unwrap(),
            transport: Transport::Udp,
            round: 1,
            outcome,
            sent: Some(Timestamp(at)),
            latency: Some(Nanos::from_micros(500)),
            alias: None,
            upstream: None,
        };
        Step {
            candidate: (*candidate).into(),
            suffix: suffix.map(Into::into),
            outcome,
            added: Some(Nanos::from_millis(1)),
            wasted: false,
            questions: types.iter().map(question).collect(),
            why: None,
        }
    };
    Lookup {
        name: name.into(),
        start: Some(Timestamp(1_700_000_000_001_000_000)),
        client: None,
        resolver: ResolverSeen {
            id: "glibc",
            version: None,
            api: None,
            from: ResolverFrom::Inferred,
            evidence: Some("x"),
        },
        steps: candidates.iter().map(&mut step).collect(),
        outcome,
        addresses: Vec::new(),
        error: None,
        latency: Some(Nanos::from_millis(3)),
        certain: true,
        partial: false,
        doubtful_dot: false,
        findings: Vec::new(),
    }
}

const PAIR: [QType; 2] = [QType::A, QType::Aaaa];
const WHOLE: [(&str, Option<&str>); 4] = [
    ("gone.example.com.shop.svc.cluster.local.", Some("shop.svc.cluster.local")),
    ("gone.example.com.svc.cluster.local.", Some("svc.cluster.local")),
    ("gone.example.com.cluster.local.", Some("cluster.local")),
    ("gone.example.com.", None),
];

fn message(lookup: &Lookup, options: &str) -> Option<String> {
    departure(lookup, &conf(options)).map(|finding| finding.message)
}

#[test]
fn a_lookup_as_planned_departs_from_nothing() {
    let lookup = lookup("gone.example.com", &WHOLE, &PAIR, Outcome::NxDomain);
    assert_eq!(message(&lookup, "ndots:5"), None);
}

#[test]
fn what_the_packets_cannot_tell_is_no_departure() {
    let mut lookup = lookup("gone.example.com", &WHOLE[..2], &PAIR, Outcome::NxDomain);
    assert!(message(&lookup, "ndots:5").is_some());
    lookup.certain = false;
    assert_eq!(message(&lookup, "ndots:5"), None);
    (lookup.certain, lookup.partial) = (true, true);
    assert_eq!(message(&lookup, "ndots:5"), None);
}

#[test]
fn a_stop_too_early_is_named_with_the_resolver_that_stops_so() {
    let lookup = lookup("gone.example.com", &WHOLE[3..], &PAIR, Outcome::NxDomain);
    let said = message(&lookup, "ndots:2").unwrap();
    let stop = "the search stopped at gone.example.com., where glibc would go on with gone.example.com.shop.";
    assert!(said.starts_with(stop), "{said}");
    // musl asks a name with that many dots as it stands, and nothing else.
    assert!(said.ends_with("musl would ask so."), "{said}");
}

#[test]
fn another_order_fits_another_ndots() {
    let mut order = WHOLE.to_vec();
    order.rotate_right(1);
    let lookup = lookup("gone.example.com", &order, &PAIR, Outcome::NxDomain);
    assert_eq!(message(&lookup, "ndots:2"), None);
    let said = message(&lookup, "ndots:5").unwrap();
    assert!(said.starts_with("the candidates were asked in another order than glibc would"), "{said}");
    assert!(said.contains("it fits ndots:0"), "{said}");
}

#[test]
fn variables_of_the_client_are_part_of_its_plan() {
    let mut order = WHOLE.to_vec();
    order.rotate_right(1);
    let lookup = lookup("gone.example.com", &order, &PAIR, Outcome::NxDomain);
    let mut conf = conf("ndots:5");
    assert!(departure(&lookup, &conf).is_some());
    conf.situation.res_options = Some("ndots:1".to_owned());
    assert_eq!(departure(&lookup, &conf), None);
}

#[test]
fn a_name_that_was_searched_first_shows_an_older_file() {
    let lookup = lookup(WHOLE[0].0.trim_end_matches('.'), &[(WHOLE[0].0, None)], &PAIR, Outcome::NxDomain);
    let said = message(&lookup, "ndots:2").unwrap();
    assert!(said.contains("gone.example.com under the suffix shop.svc.cluster.local"), "{said}");
}

#[test]
fn half_a_pair_that_is_missing_may_be_cached() {
    let mut lookup = lookup("gone.example.com", &WHOLE, &PAIR, Outcome::NxDomain);
    lookup.steps[1].questions.pop();
    let said = message(&lookup, "ndots:5").unwrap();
    assert!(said.contains("would have asked for AAAA gone.example.com.svc.cluster.local., too"), "{said}");
    assert!(said.contains("cache"), "{said}");
}

#[test]
fn a_question_that_was_answered_lately_may_come_from_a_cache() {
    let conf = conf("ndots:5");
    let mut departures = Departures::default();
    let first = lookup("gone.example.com", &WHOLE, &PAIR, Outcome::NxDomain);
    assert_eq!(departures.judge(&first, &conf), None);
    let mut second = first.clone();
    second.start = first.start.map(|start| start + Nanos::from_millis(2_000));
    second.steps.remove(1);
    let said = departures.judge(&second, &conf).unwrap().message;
    assert!(said.contains("would have asked for A gone.example.com.svc.cluster.local."), "{said}");
    assert!(said.contains("a cache in the process"), "{said}");
    // Nobody was seen to answer that before: no cache can have had it.
    let said = Departures::default().judge(&second, &conf).unwrap().message;
    assert!(!said.contains("cache"), "{said}");
}

#[test]
fn a_server_that_walks_the_list_is_named() {
    let first = [("www.example.com.shop.svc.cluster.local.", Some("shop.svc.cluster.local"))];
    let mut lookup = lookup("www.example.com", &first, &PAIR, Outcome::Answer);
    assert_eq!(message(&lookup, "ndots:5"), None);
    for question in &mut lookup.steps[0].questions {
        question.alias = Some("www.example.com.".into());
    }
    let said = message(&lookup, "ndots:5").unwrap();
    assert!(said.contains("autopath"), "{said}");
}

#[test]
fn a_name_that_an_alias_stands_for_is_told_by_the_file_of_aliases() {
    let asked = [("db.example.org.", None)];
    let lookup = lookup("db.example.org.", &asked, &PAIR, Outcome::Answer);
    let mut conf = conf("ndots:5");
    assert_eq!(departure(&lookup, &conf), None);
    conf.situation.host_aliases = Some(b"db db.example.org\nother x.example\n".to_vec());
    let said = departure(&lookup, &conf).unwrap().message;
    assert!(said.contains("as HOSTALIASES makes of db"), "{said}");
    // musl knows no such file.
    let mut other = lookup.clone();
    other.resolver.id = "musl";
    assert_eq!(departure(&other, &conf), None);
}

#[test]
fn a_flood_of_lookups_as_planned_is_held_against_one_plan() {
    let conf = conf("ndots:5");
    let planned = lookup("gone.example.com", &WHOLE, &PAIR, Outcome::NxDomain);
    let mut departures = Departures::default();
    for count in 0..1_000 {
        let mut other = planned.clone();
        let renamed = |name: &str| name.replace("gone", &format!("gone-{count}"));
        other.name = renamed(&other.name).into();
        for step in &mut other.steps {
            step.candidate = renamed(&step.candidate).into();
            step.questions.iter_mut().for_each(|question| question.qname = renamed(&question.qname).into());
        }
        assert_eq!(departures.judge(&other, &conf), None);
    }
    assert_eq!(departures.passed_over, 0);
}

#[test]
fn a_flood_is_not_held_against_its_plan_one_by_one() {
    let conf = conf("ndots:5");
    let first = [("web.shop.svc.cluster.local.", Some("shop.svc.cluster.local"))];
    let failed = lookup("web", &first, &[QType::A, QType::Aaaa], Outcome::NxDomain);
    let mut departures = Departures::default();
    let found = (0..300).filter(|_| departures.judge(&failed, &conf).is_some()).count();
    assert_eq!((found, departures.passed_over), (100, 200));
    let mut later = failed.clone();
    later.start = failed.start.map(|start| start + Nanos::from_millis(1_000));
    assert!(departures.judge(&later, &conf).is_some());
}

#[test]
fn work_on_a_file_is_in_proportion_to_what_is_read() {
    let conf = conf("ndots:5");
    let first = [("web.shop.svc.cluster.local.", Some("shop.svc.cluster.local"))];
    let failed = lookup("web", &first, &[QType::A, QType::Aaaa], Outcome::NxDomain);
    let in_full = departure(&failed, &conf).unwrap().message;
    let mut departures = Departures::of_a_file();
    let said: Vec<String> = (0..20_000).map(|_| departures.judge(&failed, &conf).unwrap().message).collect();
    // Of such a shape all are told, the first ones with the questions that are missing.
    let many = said.iter().filter(|said| **said == in_full).count();
    assert!((1_000..19_000).contains(&many) && said[..1_000].iter().all(|said| *said == in_full), "{many}");
    let short = "it departs from its resolver's plan as lookups like it did before";
    assert!(said.iter().all(|said| *said == in_full || said.starts_with(short)));
    // The reason of another shape is found out for one of many that are read.
    let mut late = failed.clone();
    late.steps[0].questions[0].latency = Some(Nanos::from_millis(1_500));
    let found = (0..2_000).filter(|_| departures.judge(&late, &conf).is_some()).count();
    assert!((1..100).contains(&found), "{found}");
    assert_eq!(departures.passed_over, 2_000 - found as u64);
}
