//! `dnsprobe report`: a page with the numbers of `read`, that needs nothing else and takes nothing from a name.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;
mod made;

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use common::{file, list, program, run, testdata, words};
use made::{Made, NOERROR, NXDOMAIN};
use serde_json::Value;

fn report(capture: &Path, more: &[&str]) -> String {
    let line = [&["report", "-r", words(&capture)], more, &["--html", "-"]].concat();
    run(&line).exits(0).quietly().text()
}

/// The numbers of a page by their names.
fn figures(page: &str) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    for rest in page.split("data-figure=\"").skip(1) {
        let (name, rest) = rest.split_once("\" value=\"").unwrap();
        let (value, _) = rest.split_once('"').unwrap();
        let name =
            name.replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'").replace("&quot;", "\"");
        let before = found.insert(name.replace("&amp;", "&"), value.parse().unwrap());
        assert_eq!(before, None, "two figures of one name: {name}");
    }
    found
}

/// How many lookups a page says there were.
fn lookups(page: &str) -> u64 {
    let (_, rest) = page.split_once("data-figure=\"lookups\" value=\"").unwrap();
    rest.split_once('"').unwrap().0.parse().unwrap()
}

/// Holds every number of the page against the summary that `read` prints.
fn has_the_numbers_of_read(capture: &Path, more: &[&str]) -> String {
    let page = report(capture, more);
    let line = [&["read", words(&capture), "-o", "json"], more].concat();
    let summary = run(&line).exits(0).report().summary;
    let figures = figures(&page);
    let fields = [
        "lookups",
        "questions",
        "wasted_questions",
        "unanswered",
        "latency_us",
        "added_by_search_us",
        "frames",
    ];
    for field in fields {
        assert_eq!(Some(&figures[field]), summary[field].as_f64().as_ref(), "{field}");
    }
    let mut compared = 0;
    for (list_name, key) in [("by_suffix", "suffix"), ("by_name", "name")] {
        let entries = list(&summary[list_name]);
        for (name, value) in figures.iter().filter(|(name, _)| name.starts_with(list_name)) {
            let (_, rest) = name.split_once('/').unwrap();
            let (wanted, field) = rest.rsplit_once('/').unwrap();
            let entry = entries.iter().find(|entry| entry[key] == wanted).unwrap();
            assert_eq!(entry[field].as_f64(), Some(*value), "{name}");
            compared += 1;
        }
    }
    assert!(compared > 1, "{:?}", figures.keys());
    is_whole_in_itself(&page);
    page
}

/// Nothing is fetched, nothing is run.
fn is_whole_in_itself(page: &str) {
    for forbidden in
        ["<script", "<iframe", "<object", "src=", "url(", "@import", "javascript:", "onload", "onerror"]
    {
        let outside_text = page.contains(forbidden);
        assert!(!outside_text, "{forbidden} in the page");
    }
    let links: Vec<&str> = page.split("href=\"").skip(1).filter(|rest| !rest.starts_with("data:")).collect();
    assert!(links.is_empty(), "{links:?}");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
}

#[test]
fn a_page_has_the_numbers_of_read() {
    for id in ["musl-in-turn", "go-eight-at-once", "glibc-lost-aaaa", "wildcard-suffix", "truncated-to-tcp"] {
        let capture = testdata(&format!("traces/{id}.pcap"));
        let conf = testdata(&format!("traces/{id}.conf"));
        has_the_numbers_of_read(&capture, &["--resolv-conf", words(&conf)]);
        has_the_numbers_of_read(&capture, &[]);
    }
}

/// Outside names under three suffixes that do not have them.
fn searched(made: &mut Made, host: &[u8], after_us: u64) {
    let address: IpAddr = "192.0.2.1".parse().unwrap();
    let name: [&[u8]; 3] = [host, b"example", b"com"];
    let suffixes: [&[&[u8]]; 3] =
        [&[b"shop", b"svc", b"cluster", b"local"], &[b"svc", b"cluster", b"local"], &[b"cluster", b"local"]];
    for suffix in suffixes {
        made.candidate(&[&name, suffix].concat(), NXDOMAIN, &[], after_us);
    }
    made.candidate(&name, NOERROR, &[address], after_us);
    made.wait_us(2_000);
}

#[test]
fn names_from_the_network_are_shown_and_not_obeyed() {
    let mut made = Made::new();
    for host in [&b"<img src=x onerror=alert(1)>"[..], b"\"'&\x1b[31m", b"</style><script>x</script>"] {
        searched(&mut made, host, 300);
    }
    let capture = file(&made.bytes);
    let page = report(capture.path(), &[]);
    for hostile in ["<img", "<script", "\u{1b}", "</style><"] {
        assert!(!page.contains(hostile), "{hostile:?}");
    }
    assert!(page.contains("&lt;img"), "the name is there to be read");
    assert_eq!(lookups(&page), 3);
}

#[test]
fn a_hundred_thousand_lookups_make_no_long_page() {
    let mut made = Made::new();
    let address: IpAddr = "192.0.2.1".parse().unwrap();
    for count in 0..100_000_u64 {
        let host = format!("host-{}", count % 1_000);
        if count % 100 == 0 {
            searched(&mut made, host.as_bytes(), 200 + count % 700);
        } else {
            made.candidate(&[host.as_bytes(), b"example", b"com"], NOERROR, &[address], 200 + count % 700);
            made.wait_us(2_000);
        }
    }
    let capture = file(&made.bytes);
    let conf = file("search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n");
    let page = has_the_numbers_of_read(capture.path(), &["--resolv-conf", words(&conf.path())]);
    assert_eq!(lookups(&page), 100_000);
    assert!(page.len() < 300_000, "{} bytes", page.len());
}

#[test]
fn a_page_goes_into_a_file_and_an_empty_capture_makes_one_too() {
    let directory = tempfile::tempdir().unwrap();
    let html = directory.path().join("dns.html");
    let capture = file(Made::new().bytes);
    let capture = capture.path();
    let line = ["report", "-r", words(&capture), "--html", words(&html)];
    run(&line).exits(0).complains(&["0 lookups"]).without_result();
    let page = fs::read_to_string(&html).unwrap();
    assert!(page.contains("No DNS lookups were seen."), "{page}");
    is_whole_in_itself(&page);
    let nowhere = directory.path().join("no/such/folder.html");
    let line = ["report", "-r", words(&capture), "--html", words(&nowhere)];
    run(&line).exits(2).complains(&["write the report to", "folder.html"]);
}

/// What a page logs in headless Chromium, and its picture.
fn opened(page: &Path, picture: &Path, size: &str) -> String {
    let profile = tempfile::tempdir().unwrap();
    let mut chromium = program("chromium");
    chromium.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--enable-logging=stderr",
    ]);
    chromium.arg(format!("--user-data-dir={}", words(&profile.path())));
    chromium.arg(format!("--window-size={size}")).arg(format!("--screenshot={}", words(&picture)));
    let output =
        chromium.arg(format!("file://{}", words(&page))).env("HOME", profile.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
#[ignore = "needs chromium, which the CI installs as root"]
fn a_browser_opens_the_page_without_an_error_and_shows_something() {
    let directory = tempfile::tempdir().unwrap();
    let html = directory.path().join("dns.html");
    let capture = testdata("traces/go-eight-at-once.pcap");
    run(&["report", "-r", words(&capture), "--html", words(&html)]).exits(0).complains(&["lookups on"]);
    let blank = directory.path().join("blank.html");
    fs::write(&blank, "<!doctype html><title>x</title>").unwrap();
    // What the browser says of itself is no matter; a page's own errors come as lines of its console.
    let broken = directory.path().join("broken.html");
    fs::write(&broken, "<!doctype html><script>nothing.here()</script>").unwrap();
    let picture = directory.path().join("picture.png");
    let said = opened(&broken, &picture, "400,900");
    assert!(said.contains("CONSOLE"), "the check no longer sees an error: {said}");
    for size in ["400,2000", "1400,2000"] {
        opened(&blank, &picture, size);
        let empty = fs::metadata(&picture).unwrap().len();
        let said = opened(&html, &picture, size);
        assert!(!said.contains("CONSOLE"), "{said}");
        let full = fs::metadata(&picture).unwrap().len();
        assert!(full > empty * 5, "{size}: {full} bytes, an empty page {empty}");
    }
}

#[test]
fn several_captures_are_one_page() {
    let paths = ["musl-in-turn", "glibc-lost-aaaa"].map(|id| testdata(&format!("traces/{id}.pcap")));
    let line = ["report", "-r", words(&paths[0]), words(&paths[1]), "--html", "-"];
    let page = run(&line).exits(0).text();
    let counted = |path: &Path| {
        let summary: Value = run(&["read", words(&path), "-o", "json"]).exits(0).report().summary;
        summary["lookups"].as_u64().unwrap()
    };
    assert_eq!(lookups(&page), counted(&paths[0]) + counted(&paths[1]));
}

#[test]
fn the_verdict_names_what_cost_most_and_findings_show_their_packets() {
    let page = |trace: &str| {
        let conf = testdata(&format!("traces/{trace}.conf"));
        report(&testdata(&format!("traces/{trace}.pcap")), &["--resolv-conf", words(&conf)])
    };
    let verdict = |page: &str| -> String {
        let (_, rest) = page.split_once("<h1>").unwrap();
        rest.split_once("</h1>").unwrap().0.to_owned()
    };
    // Answers that were lost take a second each, the search list some milliseconds.
    let lost = page("glibc-lost-aaaa");
    assert!(verdict(&lost).contains("waited for an answer that never came"), "{}", verdict(&lost));
    assert!(
        lost.contains("<p class=\"lead\"><b>ndots:2</b> would save"),
        "the advice is not in the first lines"
    );
    assert!(lost.contains("<table class=\"evidence\">") && lost.contains("<td>no answer</td>"));
    let hijacked = page("wildcard-suffix");
    let wrong = "the wrong host may have been reached";
    assert!(verdict(&hijacked).contains(wrong), "{}", verdict(&hijacked));
    assert!(
        hijacked.contains("if the host is meant that"),
        "a name that a suffix took over is no plain advice"
    );
    let wasted = verdict(&page("musl-in-turn"));
    assert!(wasted.contains("only the search list made up"), "{wasted}");
}
