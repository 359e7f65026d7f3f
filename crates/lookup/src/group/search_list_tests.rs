//! Walks written down as names, each answered NXDOMAIN but the last.

use super::*;
use crate::message::Response;
use dnsprobe_resolv::QType;

use crate::datagram::Endpoint;

fn events(walks: &[&[&str]]) -> Vec<(Timestamp, Event)> {
    let mut found = Vec::new();
    let mut attempts = crate::attempt::Attempts::default();
    let mut now = 0;
    let client = Endpoint::new([10, 244, 1, 7].into(), 4000);
    let server = Endpoint::new([10, 96, 0, 10].into(), 53);
    for (number, walk) in walks.iter().enumerate() {
        for (index, name) in walk.iter().enumerate() {
            let outcome = if index + 1 == walk.len() { Outcome::Answer } else { Outcome::NxDomain };
            let question = Some((QName::new(name), QType::A));
            let id = u16::try_from(number * 16 + index).unwrap();
            let message = |kind| crate::message::Message {
                id,
                question: question.clone(),
                edns: None,
                authentic_data: false,
                kind,
            };
            let path = |source, destination| crate::datagram::Datagram {
                source,
                destination,
                carrier: crate::datagram::Carrier::Udp,
                payload: &[],
                cut: false,
            };
            let query = message(crate::message::Kind::Query);
            attempts.advance(query, &path(client, server), Timestamp(now), &mut found);
            now += 1_000_000;
            let kind = crate::message::Kind::Response(Response::bare(outcome));
            attempts.advance(message(kind), &path(server, client), Timestamp(now), &mut found);
            now += 100_000;
        }
        now += 200_000_000;
    }
    found.into_iter().map(|found| (found.at, found.event)).collect()
}

#[test]
fn an_external_name_shows_the_whole_list() {
    let conf = infer(&events(&[&[
        "www.example.com.shop.svc.cluster.local",
        "www.example.com.svc.cluster.local",
        "www.example.com.cluster.local",
        "www.example.com",
    ]]));
    assert_eq!(conf.search, ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"]);
    assert_eq!(conf.ndots, 5);
}

#[test]
fn names_found_on_the_way_show_the_list_as_far_as_they_went() {
    let conf = infer(&events(&[
        &["api.payments.shop.svc.cluster.local", "api.payments.svc.cluster.local"],
        &["db.payments.shop.svc.cluster.local", "db.payments.svc.cluster.local"],
    ]));
    assert_eq!(conf.search, ["shop.svc.cluster.local", "svc.cluster.local"]);
}

#[test]
fn as_is_first_tells_ndots_from_above() {
    let walk: &[&str] =
        &["gone.example", "gone.example.a.test", "gone.example.b.test", "gone.example.c.test"];
    let conf = infer(&events(&[walk, &["web.a.test", "web.b.test"]]));
    assert_eq!(conf.search, ["a.test", "b.test", "c.test"]);
    assert_eq!((conf.ndots, conf.ndots_certain), (1, true));
}

#[test]
fn traffic_without_walks_shows_no_list() {
    let conf = infer(&events(&[&["www.example.com"], &["www.example.org"]]));
    assert_eq!(conf.search, Vec::<String>::new());
    assert_eq!(conf.as_resolv_conf(), "options ndots:1\n");
}

#[test]
fn one_step_that_was_missed_does_not_decide_about_ndots() {
    let as_is: &[&str] = &["gone.example.com", "gone.example.com.a.test", "gone.example.com.b.test"];
    let other: &[&str] = &["lost.example.com", "lost.example.com.a.test", "lost.example.com.b.test"];
    // The question as-is of this one was lost.
    let missed: &[&str] = &["odd.example.com.a.test", "odd.example.com.b.test"];
    let short: &[&str] = &["web.shop.a.test", "web.shop.b.test", "web.shop"];
    let conf = infer(&events(&[as_is, other, missed, short]));
    assert_eq!((conf.ndots, conf.ndots_certain), (2, true));
}
