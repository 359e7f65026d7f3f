//! What-if: what a change saves, and what it would break.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod support;

use dnsprobe_resolv::advice::{Seen, advise, smallest_safe_fix};
use dnsprobe_resolv::simulate::Answered;
use dnsprobe_resolv::{AdviceKind, Fqdn, Message, QType, Rcode, Reply};
use support::{K, Lookup, lookup};

/// What a lookup has shown: these names answered, these did not exist, each within 1 ms.
fn seen(answered: &[&str], missing: &[&str]) -> Seen {
    let mut seen = Seen::default();
    let mut insert = |name: &str, message: &dyn Fn(QType) -> Message| {
        for qtype in [QType::A, QType::Aaaa] {
            let answered = Answered { reply: Some(Reply::Message(message(qtype))), delay_us: Some(1000) };
            seen.insert(Fqdn::from_presentation(name), qtype, answered);
        }
    };
    for name in answered {
        insert(name, &|qtype| match qtype {
            QType::A => Message::with_addresses(vec!["192.0.2.1".parse().unwrap()]),
            _ => Message::default(),
        });
    }
    for name in missing {
        insert(name, &|_| Message::with_rcode(Rcode::NXDOMAIN));
    }
    seen
}

fn external() -> Seen {
    let x = "www.example.com.";
    let suffixed =
        [format!("{x}ns.svc.cluster.local."), format!("{x}svc.cluster.local."), format!("{x}cluster.local.")];
    seen(&[x], &suffixed.each_ref().map(String::as_str))
}

fn advice_on(lookup: &Lookup, seen: &Seen) -> Vec<dnsprobe_resolv::Advice> {
    advise(&lookup.resolver.profile(), &lookup.settings().unwrap(), &lookup.request, seen)
}

#[test]
fn trailing_dot_is_the_smallest_fix_for_an_external_name() {
    for resolver in ["glibc", "musl", "go"] {
        let lookup = lookup(resolver, "www.example.com", K);
        let advice = advice_on(&lookup, &external());
        let best = smallest_safe_fix(&advice, &lookup.settings().unwrap()).unwrap();
        assert_eq!(best.kind, AdviceKind::TrailingDot, "{resolver}");
        assert_eq!((best.saves_questions, best.saves_us), (6, Some(3000)), "{resolver}");
    }
}

#[test]
fn ndots_that_puts_the_name_first_is_safe_and_comes_with_a_patch() {
    let advice = advice_on(&lookup("glibc", "www.example.com", K), &external());
    let two = advice.iter().find(|advice| advice.kind == AdviceKind::Ndots(2)).unwrap();
    assert!(two.is_safe());
    assert_eq!(two.saves_questions, 6);
    assert_eq!(two.patch.as_deref(), Some("dnsConfig:\n  options:\n    - name: ndots\n      value: \"2\"\n"));
    let three = advice.iter().find(|advice| advice.kind == AdviceKind::Ndots(3)).unwrap();
    assert_eq!(three.saves_questions, 0);
}

#[test]
fn lower_ndots_breaks_short_service_names_on_musl_only() {
    let known = seen(&["db.data.svc.cluster.local."], &["db.data.ns.svc.cluster.local.", "db.data."]);
    let one = |resolver| {
        let advice = advice_on(&lookup(resolver, "db.data", K), &known);
        advice.into_iter().find(|advice| advice.kind == AdviceKind::Ndots(1)).unwrap()
    };
    assert_eq!(
        one("musl").breaks,
        ["the application gets EAI_NONAME instead of the addresses of `db.data.svc.cluster.local.`"]
    );
    assert!(one("glibc").is_safe());
    assert_eq!(one("glibc").saves_questions, -2);
}

#[test]
fn answer_that_nobody_has_seen_is_never_assumed() {
    let known = seen(&["db.data.svc.cluster.local."], &["db.data.ns.svc.cluster.local."]);
    let lookup = lookup("musl", "db.data", K);
    let advice = advice_on(&lookup, &known);
    let dot = advice.iter().find(|advice| advice.kind == AdviceKind::TrailingDot).unwrap();
    assert_eq!(dot.breaks[0], "what `db.data.` answers is not known");
    let one = advice.iter().find(|advice| advice.kind == AdviceKind::Ndots(1)).unwrap();
    assert!(!one.is_safe());
}

#[test]
fn dropping_a_suffix_replaces_the_whole_list() {
    let advice = advice_on(&lookup("glibc", "www.example.com", K), &external());
    let dropped =
        advice.iter().find(|advice| advice.kind == AdviceKind::DropSuffix("cluster.local".to_owned()));
    let dropped = dropped.unwrap();
    assert_eq!(dropped.saves_questions, 2);
    let patch = dropped.patch.as_deref().unwrap();
    assert!(patch.starts_with("dnsPolicy: None\n") && patch.contains("\"svc.cluster.local\""), "{patch}");
}
