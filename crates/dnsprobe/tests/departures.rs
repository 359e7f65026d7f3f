//! Lookups that are not what the `resolv.conf` in force makes of them: `read` says which, and why that is likely.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;
mod made;

use common::{file, findings, list, run, testdata, text, words};
use made::{Made, NOERROR, NXDOMAIN};

const NAME: [&[u8]; 3] = [b"gone", b"example", b"com"];
const SUFFIXES: [&[&[u8]]; 3] =
    [&[b"shop", b"svc", b"cluster", b"local"], &[b"svc", b"cluster", b"local"], &[b"cluster", b"local"]];

/// The candidates of a name that exists nowhere, by their place in the search list; the last is the name as it stands.
fn candidate(made: &mut Made, place: usize) {
    let suffix = SUFFIXES.get(place).copied().unwrap_or_default();
    made.candidate(&[&NAME, suffix].concat(), NXDOMAIN, &[], 300);
}

/// What `read` finds departing from the plan when the file says this `ndots`.
fn departures(made: &Made, ndots: u32) -> Vec<String> {
    departures_with(made, ndots, &[])
}

/// The same with more options of `read`.
fn departures_with(made: &Made, ndots: u32, more: &[&str]) -> Vec<String> {
    let (capture, conf) = (
        file(&made.bytes),
        file(format!(
            "search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:{ndots}\n"
        )),
    );
    let (capture, conf) = (capture.path(), conf.path());
    let line = ["read", words(&capture), "--resolv-conf", words(&conf), "-o", "json"];
    let report = run(&[&line, more].concat()).exits(0).report();
    let departing = report.lookups.iter().filter(|lookup| findings(lookup).contains(&"departs-from-plan"));
    let found = departing.flat_map(|lookup| list(&lookup["findings"]));
    found
        .filter(|finding| finding["code"] == "departs-from-plan")
        .map(|finding| text(finding, "message").to_owned())
        .collect()
}

#[test]
fn a_walk_as_planned_is_not_mentioned() {
    let mut made = Made::new();
    (0..4).for_each(|place| candidate(&mut made, place));
    made.wait_us(3_000_000);
    assert_eq!(departures(&made, 5), Vec::<String>::new());
}

#[test]
fn a_walk_that_stops_too_early_is_named() {
    let mut made = Made::new();
    (0..2).for_each(|place| candidate(&mut made, place));
    // Long enough for the lookup to be over, and another to show that the capture goes on.
    made.wait_us(8_000_000);
    (0..4).for_each(|place| candidate(&mut made, place));
    made.wait_us(8_000_000);
    (0..4).for_each(|place| candidate(&mut made, place));
    let [message] = &departures(&made, 5)[..] else { panic!("{:?}", departures(&made, 5)) };
    let stop = "the search stopped at gone.example.com.svc.cluster.local., where glibc would go on with";
    assert!(message.starts_with(stop), "{message}");
}

#[test]
fn a_process_with_an_older_file_is_told_by_the_names_it_asks() {
    let mut made = Made::new();
    made.candidate(&[b"other", b"example", b"com"], NXDOMAIN, &[], 300);
    // So long after the beginning no walk can have begun before.
    made.wait_us(8_000_000);
    (0..4).for_each(|place| candidate(&mut made, place));
    made.wait_us(8_000_000);
    (0..4).for_each(|place| candidate(&mut made, place));
    let messages = departures(&made, 2);
    let telling = "it looks like gone.example.com under the suffix";
    assert!(messages.iter().any(|message| message.contains(telling)), "{messages:#?}");
}

#[test]
fn a_server_that_walks_the_search_list_itself_is_named() {
    let mut made = Made::new();
    let address = ["192.0.2.1".parse().unwrap()];
    let name: [&[u8]; 3] = [b"www", b"example", b"com"];
    made.aliased(&[&name, SUFFIXES[0]].concat(), &name, &address, 300);
    made.wait_us(3_000_000);
    let [message] = &departures(&made, 5)[..] else { panic!("{:?}", departures(&made, 5)) };
    let stop = "the search stopped at www.example.com.shop.svc.cluster.local.";
    assert!(message.starts_with(stop) && message.contains("autopath"), "{message}");
}

#[test]
fn a_name_that_nobody_typed_is_traced_to_the_file_of_aliases() {
    let mut made = Made::new();
    made.candidate(&[b"db", b"example", b"org"], NOERROR, &["192.0.2.1".parse().unwrap()], 300);
    made.wait_us(3_000_000);
    assert_eq!(departures(&made, 5), Vec::<String>::new());
    let aliases = file("db db.example.org\n");
    let variable = format!("HOSTALIASES={}", words(&aliases.path()));
    let messages = departures_with(&made, 5, &["--env", &variable]);
    assert!(matches!(&messages[..], [one] if one.contains("as HOSTALIASES makes of db")), "{messages:?}");
    let capture = file(&made.bytes);
    run(&["read", words(&capture.path()), "--env", "LANG=C"])
        .exits(2)
        .complains(&["--env LANG=C", "HOSTALIASES=FILE"]);
}

#[test]
fn a_candidate_that_is_missing_and_was_answered_before_may_come_from_a_cache() {
    let mut made = Made::new();
    (0..4).for_each(|place| candidate(&mut made, place));
    made.wait_us(4_000_000);
    for place in [0, 2, 3] {
        candidate(&mut made, place);
    }
    made.wait_us(4_000_000);
    (0..4).for_each(|place| candidate(&mut made, place));
    made.wait_us(4_000_000);
    let messages = departures(&made, 5);
    assert!(messages.iter().any(|message| message.contains("cache")), "{messages:#?}");
}

#[test]
fn explain_holds_its_plan_against_what_a_capture_shows() {
    let mut made = Made::new();
    (0..4).for_each(|place| candidate(&mut made, place));
    made.wait_us(8_000_000);
    (0..2).for_each(|place| candidate(&mut made, place));
    made.wait_us(8_000_000);
    (0..4).for_each(|place| candidate(&mut made, place));
    made.wait_us(8_000_000);
    let capture = file(&made.bytes);
    let conf = file("search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n");
    let line = |more: &[&'static str]| {
        let line = ["explain", "gone.example.com", "-r"];
        let files = [words(&capture.path()), "--resolv-conf", words(&conf.path())].map(str::to_owned);
        let all: Vec<String> = line.into_iter().map(str::to_owned).chain(files).collect();
        let more: Vec<String> = more.iter().map(|word| (*word).to_owned()).collect();
        [all, more].concat()
    };
    let explain = |more: &[&'static str]| {
        let line = line(more);
        run(&line.iter().map(String::as_str).collect::<Vec<_>>()).exits(1)
    };
    let explained = explain(&["--resolver", "glibc", "-o", "json"]).object();
    assert_eq!(explained["totals"]["questions"], 8);
    let observed = &explained["observed"];
    assert_eq!((&observed["lookups"], &observed["as_planned"]), (&3.into(), &2.into()), "{observed}");
    let [departure] = list(&observed["departures"]) else { panic!("{observed}") };
    assert!(
        text(departure, "message").starts_with("the search stopped at gone.example.com.svc"),
        "{departure}"
    );
    // Under another resolver all of them depart: busybox asks for all A first.
    let other = explain(&["--resolver", "busybox-nslookup", "-o", "json"]).object();
    assert_eq!(other["observed"]["as_planned"], 0, "{}", other["observed"]);
    let table = explain(&["--resolver", "glibc"]).text();
    assert!(table.contains("observed: 3 lookups, 2 as planned"), "{table}");
    assert!(table.contains("the search stopped at gone.example.com.svc"), "{table}");
}

#[test]
fn explain_takes_the_answers_from_the_capture() {
    let capture = testdata("traces/wildcard-suffix.pcap");
    let conf = testdata("traces/wildcard-suffix.conf");
    let summary =
        run(&["read", words(&capture), "--resolv-conf", words(&conf), "-o", "json"]).exits(0).report();
    let hijacked = summary.lookups.iter().find(|it| findings(it).contains(&"suffix-answered")).unwrap();
    let name = text(hijacked, "name").to_owned();
    let line = ["explain", &name, "-r", words(&capture), "--resolv-conf", words(&conf), "-o", "json"];
    let explained = run(&line).exits(0).object();
    assert_eq!(explained["steps"].as_array().unwrap().len(), list(&hijacked["steps"]).len());
    assert_eq!(explained["observed"]["departures"].as_array().unwrap().len(), 0, "{}", explained["observed"]);
    assert!(findings(&explained).contains(&"suffix-answered"));
}
