//! `dnsprobe read`: what findings rest on, and what decides beside the file.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;
mod made;

use std::collections::BTreeSet;
use std::net::IpAddr;

use common::{file, run, testdata, text, words};
use made::{Made, NOERROR, NXDOMAIN};
use serde_json::Value;

/// A question in the fields that evidence has of it.
fn as_evidence(question: &Value) -> Vec<&Value> {
    ["qname", "qtype", "server", "outcome", "sent", "latency_us"].map(|field| &question[field]).to_vec()
}

#[test]
fn every_finding_rests_on_questions_of_its_own_lookup() {
    let mut codes = BTreeSet::new();
    for id in ["glibc-lost-aaaa", "wildcard-suffix", "truncated-to-tcp", "musl-in-turn"] {
        let (capture, conf) =
            (testdata(&format!("traces/{id}.pcap")), testdata(&format!("traces/{id}.conf")));
        let line = ["read", words(&capture), "--resolv-conf", words(&conf), "-o", "json"];
        for lookup in &run(&line).exits(0).report().lookups {
            let steps = lookup["steps"].as_array().unwrap();
            let questions: Vec<_> = steps
                .iter()
                .flat_map(|step| step["questions"].as_array().unwrap())
                .map(as_evidence)
                .collect();
            for finding in lookup["findings"].as_array().unwrap() {
                let evidence = finding["evidence"].as_array().unwrap();
                assert!(!evidence.is_empty(), "{id}: {finding}");
                for packet in evidence {
                    assert!(questions.contains(&as_evidence(packet)), "{id}: {packet} is none of {lookup}");
                }
                codes.insert(text(finding, "code").to_owned());
            }
        }
    }
    for code in ["search-waste", "stall", "suffix-answered", "truncated-to-tcp", "resent"] {
        assert!(codes.contains(code), "{code} is in none of them: {codes:?}");
    }
}

#[test]
fn the_environment_of_the_clients_decides_which_candidates_are_one_lookup() {
    let address: IpAddr = "192.0.2.1".parse().unwrap();
    let mut made = Made::new();
    made.candidate(&[b"db", b"shop", b"test"], NOERROR, &[address], 500);
    made.wait_us(100_000);
    made.candidate(&[b"api", b"vendor"], NXDOMAIN, &[], 500);
    made.candidate(&[b"api", b"vendor", b"corp", b"example"], NOERROR, &[address], 500);
    let conf = testdata("traces/musl-in-turn.conf");
    let capture = file(&made.bytes);
    let path = capture.path();
    let names = |more: &[&str]| {
        let line = [&["read", words(&path), "--resolv-conf", words(&conf), "-o", "json"][..], more].concat();
        run(&line).exits(0).report().names().len()
    };
    assert_eq!(names(&[]), 3);
    assert_eq!(names(&["--env", "RES_OPTIONS=ndots:1", "--env", "LOCALDOMAIN=corp.example"]), 2);
}
