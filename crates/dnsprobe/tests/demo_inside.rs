//! The process that `dnsprobe demo` starts in private namespaces: it serves, captures, and asks with the machine's own
//! `getaddrinfo`.

#![expect(clippy::unwrap_used, reason = "this is a test, its helpers included")]

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::process::{Command, Output};

use dnsprobe_lookup::pcap;
use serde_json::Value;

/// Set where the system is known to allow private namespaces, so that their absence is a failure.
const REQUIRED: &str = "DNSPROBE_REQUIRE_SANDBOX";

fn run() -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dnsprobe"));
    // Variables that change how names are looked up must not reach the resolver.
    command
        .arg("demo-inside")
        .current_dir("/")
        .env("RES_OPTIONS", "ndots:1")
        .env("LOCALDOMAIN", "example.net");
    command.output().unwrap()
}

#[test]
fn the_machines_own_resolver_is_played_or_the_reason_why_not_is_named() {
    let Output { status, stdout, stderr } = run();
    if !status.success() {
        let said = String::from_utf8_lossy(&stderr);
        assert!(std::env::var_os(REQUIRED).is_none(), "{said}");
        assert!(said.contains("private namespaces"), "{said}");
        eprintln!("not played: {said}");
        return;
    }
    let end = stdout.iter().position(|&byte| byte == b'\n').unwrap();
    let transcript: Value = serde_json::from_slice(&stdout[..end]).unwrap();
    let found: BTreeMap<&str, Vec<IpAddr>> =
        transcript["asked"].as_array().unwrap().iter().map(|asked| (name(asked), addresses(asked))).collect();
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    assert_eq!(found["web"], [address("10.96.31.14")]);
    assert_eq!(found["api.payments"], [address("10.96.120.52")]);
    assert!(found["www.example.com"].contains(&address("192.0.2.80")));
    assert_eq!(found["www.example.com"], found["www.example.com."]);
    assert!(found["wwww.example.com"].is_empty());
    assert_eq!(found["metrics.vendor.test"], [address("203.0.113.80")], "the proxy's, not its own");

    let mut frames = 0;
    let ending = pcap::read(&stdout[end + 1..], &mut |_| {
        frames += 1;
        ControlFlow::Continue(())
    });
    assert_eq!(ending.unwrap(), pcap::Ending::Whole);
    // At least a question and an answer per candidate: 1, 2, 5, 1, 5 and 4 of them, for one family or both.
    assert!(frames >= 2 * 18, "{frames}");
}

fn name(asked: &Value) -> &str {
    asked["name"].as_str().unwrap()
}

fn addresses(asked: &Value) -> Vec<IpAddr> {
    asked["addresses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap().parse().unwrap())
        .collect()
}
