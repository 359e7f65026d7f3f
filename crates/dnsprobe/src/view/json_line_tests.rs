//! Lines written by hand are those that serde writes.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::ControlFlow;
use std::path::Path;

use dnsprobe_lookup::{FindingCode, Lookup, Nanos, Pipeline, ResolverFrom, ResolverSeen, SearchList, pcap};
use dnsprobe_resolv::{Outcome, QType, Transport};
use proptest::prelude::*;

use super::*;
use crate::view::AskedBy;

fn by_serde(lookup: &Lookup, seen_at: &SeenAt) -> String {
    format!("{}\n", json::lookup_json(lookup, seen_at))
}

#[test]
fn every_lookup_of_the_recorded_traffic_is_written_alike() {
    let traces = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/traces");
    let mut writer = LineWriter::default();
    let mut seen = 0;
    for entry in std::fs::read_dir(&traces).unwrap() {
        let path = entry.unwrap().path();
        let Ok(file) = std::fs::File::open(&path) else { continue };
        let mut pipeline = Pipeline::new(vec![53], SearchList::Inferred(Nanos::from_millis(60_000)));
        let mut lookups = Vec::new();
        let read = pcap::read(file, &mut |frame| {
            lookups.extend(pipeline.frame(&frame));
            ControlFlow::Continue(())
        });
        if read.is_err() {
            continue;
        }
        lookups.extend(pipeline.finish());
        for lookup in &lookups {
            let expected = by_serde(lookup, &SeenAt::default());
            assert_eq!(String::from_utf8_lossy(writer.lookup(lookup, &SeenAt::default())), expected);
        }
        seen += lookups.len();
    }
    assert!(seen > 100, "{seen} lookups in {}", traces.display());
}

fn time() -> impl Strategy<Value = Option<Timestamp>> {
    proptest::option::of(prop_oneof![
        any::<i64>().prop_map(|at| Timestamp(at % 4_000_000_000_000_000_000)),
        (0..5_i64).prop_map(Timestamp),
    ])
}

fn duration() -> impl Strategy<Value = Option<Nanos>> {
    proptest::option::of(prop_oneof![
        any::<i64>(),
        0..5_000_000_i64,
        (0..5_000_i64).prop_map(|it| it * 1_000)
    ])
    .prop_map(|nanos| nanos.map(Nanos))
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from(bits))),
        proptest::array::uniform8(
            prop_oneof![3 => Just(0_u16), 1 => 0..20_u16, 1 => Just(0xffff), 1 => any::<u16>()]
        )
        .prop_map(|segments| IpAddr::V6(Ipv6Addr::from(segments))),
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![Just(Outcome::Answer), Just(Outcome::NxDomain), Just(Outcome::Timeout), Just(Outcome::Lame)]
}

fn qtype() -> impl Strategy<Value = QType> {
    any::<u16>().prop_map(QType::from)
}

fn question() -> impl Strategy<Value = Question> {
    let name = (any::<String>(), proptest::option::of(any::<String>()));
    (name, qtype(), address(), any::<u32>(), outcome(), time(), (duration(), duration())).prop_map(
        |((qname, alias), qtype, server, round, outcome, sent, (latency, upstream))| Question {
            qname: qname.into(),
            qtype,
            server,
            transport: if round % 2 == 0 { Transport::Udp } else { Transport::Tcp },
            round,
            outcome,
            sent,
            latency,
            alias: alias.map(Into::into),
            upstream,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let texts =
        (any::<String>(), proptest::option::of(any::<String>()), proptest::option::of(any::<String>()));
    (texts, outcome(), duration(), any::<bool>(), proptest::collection::vec(question(), 0..3)).prop_map(
        |((candidate, suffix, why), outcome, added, wasted, questions)| Step {
            candidate: candidate.into(),
            suffix: suffix.map(Into::into),
            outcome,
            added,
            wasted,
            questions,
            why,
        },
    )
}

fn finding() -> impl Strategy<Value = Finding> {
    let evidence = (any::<String>(), qtype(), address(), outcome(), time(), duration()).prop_map(
        |(qname, qtype, server, outcome, sent, latency)| Evidence {
            qname: qname.into(),
            qtype,
            server,
            outcome,
            sent,
            latency,
        },
    );
    (any::<String>(), proptest::collection::vec(evidence, 0..3)).prop_map(|(message, evidence)| Finding {
        code: FindingCode::SearchWaste,
        message,
        evidence,
    })
}

fn resolver() -> impl Strategy<Value = ResolverSeen> {
    let from =
        prop_oneof![Just(ResolverFrom::Inferred), Just(ResolverFrom::Detected), Just(ResolverFrom::Given)];
    (proptest::option::of(any::<String>()), proptest::option::of(any::<String>()), from, any::<bool>())
        .prop_map(|(version, api, from, told)| ResolverSeen {
            id: "glibc",
            version,
            api,
            from,
            evidence: told.then_some("a \"sign\""),
        })
}

fn lookup() -> impl Strategy<Value = Lookup> {
    let about = (any::<String>(), time(), proptest::option::of(address()), resolver());
    let came = (outcome(), proptest::collection::vec(address(), 0..3), duration());
    let lists = (proptest::collection::vec(step(), 0..3), proptest::collection::vec(finding(), 0..2));
    (about, came, lists, any::<bool>(), any::<bool>()).prop_map(
        |(
            (name, start, client, resolver),
            (outcome, addresses, latency),
            (steps, findings),
            certain,
            partial,
        )| {
            Lookup {
                name: name.into(),
                start,
                client,
                resolver,
                steps,
                outcome,
                addresses,
                error: None,
                latency,
                certain,
                partial,
                doubtful_dot: false,
                findings,
            }
        },
    )
}

proptest! {
    #[test]
    fn any_lookup_is_written_alike(lookup in lookup(), pod in any::<String>(), told in any::<bool>()) {
        let asked_by = told.then(|| AskedBy {
            container: Some(pod.clone()),
            pid: Some(7),
            program: None,
            told_by: "socket",
        });
        let target = serde_json::json!({"kind": "pod", "pod": pod, "netns": 4_026_531_992_u64});
        let target = SeenAt { target, asked_by, ..SeenAt::default() };
        let mut writer = LineWriter::default();
        let expected = by_serde(&lookup, &target);
        prop_assert_eq!(String::from_utf8_lossy(writer.lookup(&lookup, &target)), expected.as_str());
        prop_assert_eq!(String::from_utf8_lossy(writer.lookup(&lookup, &target)), expected.as_str());
    }
}
