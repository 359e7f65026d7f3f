//! Rows as a person sees them: one per lookup while few come, one for many equal ones when many do.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;

use dnsprobe_lookup::{Counters, Finding, Question, ResolverFrom, ResolverSeen, Summary};
use dnsprobe_resolv::{QType, Transport};

use super::super::{Beside, Told};
use super::*;

#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn ui(width: usize) -> Ui {
    Ui { out: Palette::Plain, err: Palette::Plain, width, terminal: true, detail: Detail::Normal }
}

/// A lookup of one step, begun so many milliseconds after some second.
fn lookup(name: &str, ms: i64, latency_ms: i64) -> Lookup {
    let sent = Timestamp(1_700_000_000_000_000_000 + ms * 1_000_000);
    let latency = Some(Nanos::from_millis(latency_ms));
    let server: IpAddr = [10, 96, 0, 10].into();
    let question = Question {
        qname: format!("{name}.").into(),
        qtype: QType::A,
        server,
        transport: Transport::Udp,
        round: 1,
        outcome: Outcome::Answer,
        sent: Some(sent),
        latency,
        alias: None,
        upstream: None,
    };
    Lookup {
        name: name.into(),
        start: Some(sent),
        client: None,
        resolver: ResolverSeen {
            id: "glibc",
            version: None,
            api: None,
            from: ResolverFrom::Inferred,
            evidence: Some("x"),
        },
        steps: vec![step("", latency, vec![question])],
        outcome: Outcome::Answer,
        addresses: Vec::new(),
        error: None,
        latency,
        certain: true,
        partial: false,
        doubtful_dot: false,
        findings: Vec::new(),
    }
}

fn step(suffix: &str, added: Option<Nanos>, questions: Vec<Question>) -> Step {
    let suffix: Option<std::rc::Rc<str>> = (!suffix.is_empty()).then(|| suffix.into());
    let wasted = suffix.is_some();
    let outcome = if wasted { Outcome::NxDomain } else { Outcome::Answer };
    Step { candidate: "x.".into(), suffix, outcome, added, wasted, questions, why: None }
}

fn printed(merging: Merging, lookups: &[Lookup]) -> String {
    let shared = Shared::default();
    let mut rows = Rows::new(Box::new(shared.clone()), ui(80), merging);
    for lookup in lookups {
        rows.lookup(lookup, &SeenAt::default()).unwrap();
    }
    let (summary, counters) = (Summary::default(), Counters::default());
    let closing = Closing {
        summary: &summary,
        counters: &counters,
        dropped_by_kernel: None,
        captured: &[],
        inferred: &[],
        beside: None,
        conntrack: None,
    };
    rows.close(&closing).unwrap();
    drop(rows);
    String::from_utf8(shared.0.take()).unwrap()
}

#[test]
fn up_to_ten_lookups_a_second_are_printed_one_by_one() {
    let few: Vec<Lookup> = (0..10).map(|index| lookup("web", index, 1)).collect();
    let text = printed(Merging::Busy, &few);
    assert_eq!(text.matches("web").count(), 10);
    assert!(!text.contains('×'), "{text}");
}

#[test]
fn equal_lookups_beyond_that_become_one_row_with_their_count_and_times() {
    let many: Vec<Lookup> = (0..30).map(|index| lookup("web", index, 1 + index)).collect();
    let text = printed(Merging::Busy, &many);
    assert_eq!(text.matches("web").count(), 11, "{text}");
    assert!(text.contains("×20") && text.contains("p50 21.0 ms") && text.contains("max 30.0 ms"), "{text}");
}

#[test]
fn a_new_second_is_counted_anew() {
    let spread: Vec<Lookup> = (0..20).map(|index| lookup("web", index * 100, 1)).collect();
    assert!(!printed(Merging::Busy, &spread).contains('×'));
}

#[test]
fn every_lookup_is_printed_when_that_is_wanted() {
    let many: Vec<Lookup> = (0..30).map(|index| lookup("web", index, 1)).collect();
    assert_eq!(printed(Merging::Never, &many).matches("web").count(), 30);
    assert_eq!(printed(Merging::SummaryOnly, &many).matches("web").count(), 0);
}

#[test]
fn rows_fit_the_terminal_whatever_the_names() {
    let long = "a-rather-long-search-domain.of-a-team.of-a-company.example";
    let mut wide = lookup("www.example.com", 0, 1);
    wide.steps = vec![
        step(long, Some(Nanos::from_millis(1)), Vec::new()),
        step("", Some(Nanos::from_millis(3)), Vec::new()),
    ];
    wide.findings = vec![Finding {
        code: FindingCode::Stall,
        message: "waited and waited ".repeat(12),
        evidence: Vec::new(),
    }];
    for width in [72, 80, 120] {
        for line in row(&wide, &SeenAt::default(), &ui(width)).lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
    }
}

#[test]
fn what_is_not_certain_is_marked() {
    let mut unsure = lookup("web", 0, 1);
    unsure.certain = false;
    unsure.partial = true;
    let text = row(&unsure, &SeenAt::default(), &ui(120));
    assert!(text.contains("uncertain") && text.contains("partly captured"), "{text}");
}

#[test]
fn what_passed_beside_a_programs_lookups_is_said_at_the_end() {
    let (summary, counters) = (Summary::default(), Counters::default());
    let end = |beside| {
        let beside = Some(beside);
        let closing = Closing {
            summary: &summary,
            counters: &counters,
            dropped_by_kernel: None,
            captured: &[],
            inferred: &[],
            beside,
            conntrack: None,
        };
        summary_table::closing(&closing, &ui(120))
    };
    assert_eq!(end(Beside::default()), "No DNS lookups were seen.\n");
    let others = end(Beside { others: 14, unknown: 1, told: Told::BySocket });
    assert!(
        others.contains("14 DNS packets of other programs") && others.contains("1 packet could"),
        "{others}"
    );
    let all = end(Beside { told: Told::Not, ..Beside::default() });
    assert!(all.contains("Lookups of other programs"), "{all}");
}
