//! Each finding on the smallest lookup that shows it, and its absence beside it.

use super::*;
use crate::lookup::{ResolverFrom, ResolverSeen};
use crate::time::Timestamp;

fn question(qname: &str, qtype: QType, sent_ms: i64, outcome: Outcome) -> Question {
    let latency = (outcome != Outcome::Timeout).then(|| Nanos::from_millis(1));
    Question {
        qname: qname.into(),
        qtype,
        server: [10, 96, 0, 10].into(),
        transport: Transport::Udp,
        round: 1,
        outcome,
        sent: Some(Timestamp(sent_ms * 1_000_000)),
        latency,
        alias: None,
        upstream: None,
    }
}

fn step(candidate: &str, suffix: Option<&str>, outcome: Outcome, questions: Vec<Question>) -> Step {
    let suffix = suffix.map(Into::into);
    let added = Some(Nanos::from_millis(2));
    Step { candidate: candidate.into(), suffix, outcome, added, wasted: false, questions, why: None }
}

fn lookup(name: &str, mut steps: Vec<Step>) -> Lookup {
    let outcome = steps.last().unwrap().outcome;
    let count = steps.len();
    for step in &mut steps[..count - 1] {
        step.wasted = outcome == Outcome::Answer;
    }
    Lookup {
        name: name.into(),
        start: Some(Timestamp(0)),
        client: None,
        resolver: ResolverSeen {
            id: "glibc",
            version: None,
            api: None,
            from: ResolverFrom::Inferred,
            evidence: Some("x"),
        },
        steps,
        outcome,
        addresses: Vec::new(),
        error: None,
        latency: Some(Nanos::from_millis(4)),
        certain: true,
        partial: false,
        doubtful_dot: false,
        findings: Vec::new(),
    }
}

fn one(name: &str, suffix: Option<&str>, questions: Vec<Question>) -> Lookup {
    let outcome = questions.last().unwrap().outcome;
    let candidate = questions[0].qname.clone();
    lookup(name, vec![step(&candidate, suffix, outcome, questions)])
}

fn codes(lookup: &Lookup) -> Vec<&'static str> {
    let context = Context {
        cluster_domain: "cluster.local".into(),
        resend_after: Nanos::from_millis(5_000),
        as_is: None,
    };
    judge(lookup, &context).iter().map(|finding| finding.code.as_str()).collect()
}

#[test]
fn a_full_name_is_doubtful_where_no_service_is_named_so() {
    let search =
        ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.test"].map(str::to_owned);
    let doubtful = |typed: &str, full: &str| doubtful_suffix(typed, full, &search);
    assert_eq!(doubtful("www.example.com", "www.example.com.corp.test.").as_deref(), Some("corp.test"));
    assert_eq!(doubtful("www.example.com", "www.example.com."), None);
    assert_eq!(doubtful("web", "web.corp.test."), None);
    assert_eq!(doubtful("api.payments", "api.payments.svc.cluster.local."), None);
    assert_eq!(doubtful("api.payments", "elsewhere.svc.cluster.local."), None);
}

#[test]
fn a_healthy_lookup_has_no_findings() {
    let question = question("web.shop.svc.cluster.local.", QType::A, 0, Outcome::Answer);
    assert!(codes(&one("web", Some("shop.svc.cluster.local"), vec![question])).is_empty());
}

#[test]
fn a_dotted_name_answered_under_a_foreign_suffix_is_the_first_finding() {
    let hijacked = question("www.example.com.corp.example.", QType::A, 0, Outcome::Answer);
    assert_eq!(
        codes(&one("www.example.com", Some("corp.example"), vec![hijacked.clone()])),
        ["suffix-answered"]
    );
    assert!(codes(&one("www", Some("corp.example"), vec![hijacked])).is_empty());
}

#[test]
fn service_names_under_the_clusters_suffixes_are_meant_so() {
    for (name, suffix) in [
        ("api.payments", "svc.cluster.local"),
        ("api.payments.svc", "cluster.local"),
        ("db-0.db", "shop.svc.cluster.local"),
        ("_http._tcp.api.payments", "svc.cluster.local"),
    ] {
        assert!(is_service(name, suffix, "cluster.local"), "{name} under {suffix}");
    }
    assert!(!is_service("www.example.com", "cluster.local", "cluster.local"));
    assert!(!is_service("api.payments", "corp.example", "cluster.local"));
    assert!(!is_service("www.shop.example.com", "svc.cluster.local", "cluster.local"));
    assert!(!is_service("api.payments", "mycluster.local", "cluster.local"));
    assert!(!is_service("api.payments", "node.cluster.local", "cluster.local"));
}

#[test]
fn a_resend_after_the_timeout_is_a_stall_and_the_lost_half_of_a_pair_is_named() {
    let name = "www.example.com.";
    let lookup = one(
        "www.example.com.",
        None,
        vec![
            question(name, QType::A, 0, Outcome::Answer),
            question(name, QType::Aaaa, 0, Outcome::Timeout),
            question(name, QType::Aaaa, 5_000, Outcome::Answer),
        ],
    );
    assert_eq!(codes(&lookup), ["stall"]);
    let context = Context {
        cluster_domain: "cluster.local".into(),
        resend_after: Nanos::from_millis(5_000),
        as_is: None,
    };
    assert!(judge(&lookup, &context)[0].message.contains("conntrack"));
}

#[test]
fn a_resend_after_an_error_is_no_stall() {
    let name = "www.example.com.";
    let servfail = question(name, QType::A, 0, Outcome::ServFail);
    let lookup = one("www.example.com.", None, vec![servfail, question(name, QType::A, 1, Outcome::Answer)]);
    assert_eq!(codes(&lookup), ["servfail", "resent"]);
}

#[test]
fn a_question_without_an_answer_is_found_unless_the_capture_ended() {
    let mut lost = one("web", None, vec![question("web.", QType::A, 0, Outcome::Timeout)]);
    assert_eq!(codes(&lost), ["unanswered"]);
    lost.partial = true;
    assert!(codes(&lost).is_empty());
}

#[test]
fn nodata_on_a_suffix_is_told_whether_it_stopped_the_walk_or_not() {
    let nodata = step("web.a.test.", Some("a.test"), Outcome::NoData, vec![]);
    let answer = step("web.b.test.", Some("b.test"), Outcome::Answer, vec![]);
    assert_eq!(codes(&lookup("web", vec![nodata.clone(), answer])), ["nodata-stops-musl", "search-waste"]);
    assert_eq!(codes(&lookup("web", vec![nodata])), ["nodata-stops-musl"]);
}

#[test]
fn servers_that_disagree_are_named() {
    let mut other = question("web.a.test.", QType::A, 0, Outcome::NxDomain);
    other.server = [10, 96, 0, 11].into();
    let lookup =
        one("web", Some("a.test"), vec![other, question("web.a.test.", QType::A, 0, Outcome::Answer)]);
    assert_eq!(codes(&lookup), ["server-differs"]);
}

#[test]
fn what_the_name_stands_for_by_itself_is_said_beside_what_a_suffix_made_of_it() {
    let hijacked = question("www.example.com.corp.example.", QType::A, 0, Outcome::Answer);
    let mut lookup = one("www.example.com", Some("corp.example"), vec![hijacked]);
    lookup.addresses = vec!["192.0.2.66".parse().unwrap()];
    let as_is = Some("192.0.2.1".parse().unwrap());
    let context =
        Context { cluster_domain: "cluster.local".into(), resend_after: Nanos::from_millis(5_000), as_is };
    let found = judge(&lookup, &context);
    assert!(
        found[0].message.contains("with 192.0.2.66") && found[0].message.contains("192.0.2.1"),
        "{found:?}"
    );
    assert_eq!(&*found[0].evidence[0].qname, "www.example.com.corp.example.");
    lookup.addresses = vec!["192.0.2.1".parse().unwrap()];
    assert!(!judge(&lookup, &context)[0].message.contains("as it stands"));
}

#[test]
fn coredns_autopath_is_no_wrong_host() {
    let mut answered = question("www.example.com.shop.svc.cluster.local.", QType::A, 0, Outcome::Answer);
    answered.alias = Some("www.example.com.".into());
    let lookup = one("www.example.com", Some("shop.svc.cluster.local"), vec![answered.clone()]);
    assert!(lookup.is_autopath());
    assert!(codes(&lookup).is_empty());
    answered.alias = Some("www.example.com.edge.example.".into());
    let other = one("www.example.com", Some("shop.svc.cluster.local"), vec![answered]);
    assert!(!other.is_autopath());
    assert_eq!(codes(&other), ["suffix-answered"]);
}

#[test]
fn an_internal_name_sent_to_a_server_on_the_internet_is_a_leak() {
    let leak = |server: &str, suffix: &str| {
        let mut asked = question(&format!("web.{suffix}."), QType::A, 0, Outcome::NxDomain);
        asked.server = server.parse().unwrap();
        codes(&one("web", Some(suffix), vec![asked]))
    };
    for (server, suffix) in [("8.8.8.8", "shop.svc.cluster.local"), ("2606:4700::1111", "office.internal")] {
        assert_eq!(leak(server, suffix), ["suffix-leak"], "{server} {suffix}");
    }
    for (server, suffix) in [
        ("10.96.0.10", "svc.cluster.local"),
        ("169.254.20.10", "svc.cluster.local"),
        ("fd00::a", "svc.cluster.local"),
        ("100.64.0.1", "svc.cluster.local"),
        ("8.8.8.8", "example.com"),
    ] {
        assert!(leak(server, suffix).is_empty(), "{server} {suffix}");
    }
}
