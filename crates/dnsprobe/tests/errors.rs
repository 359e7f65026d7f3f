//! What goes wrong is said clearly: what was tried, on what, and the next step. None of this needs root.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;

use std::process::{Command, Stdio};

use common::{Ran, dnsprobe, file, finish, powerless, program, run, testdata, words};

#[test]
#[ignore = "needs root: processes whose namespaces are hidden from one without its capabilities"]
fn pods_that_may_only_be_hidden_are_not_said_to_be_missing_without_the_sudo_line() {
    let line = ["list", "--ns", "no-such-namespace"];
    let sudo = format!("sudo {} {}", common::PROGRAM, line.join(" "));
    finish(powerless(&line)).exits(2).complains(&["not shown to this user", &sudo]).without_result();
}

#[test]
fn capturing_without_permission_names_the_capability_and_the_sudo_line() {
    let sudo = format!("sudo {} watch", common::PROGRAM);
    finish(powerless(&["watch"])).exits(2).complains(&["CAP_NET_RAW", &sudo]).without_result();
}

#[test]
fn a_program_is_not_run_where_its_packets_cannot_be_seen() {
    let sudo = format!("sudo {} exec --pid 1 -- echo ran", common::PROGRAM);
    let ran = finish(powerless(&["exec", "--pid", "1", "--", "echo", "ran"]));
    ran.exits(125).complains(&["CAP_", &sudo]).without_result();
    finish(powerless(&["exec", "--", "echo", "ran"])).exits(125).complains(&["CAP_NET_RAW"]).without_result();
}

#[test]
fn entering_without_permission_names_the_capability_and_the_sudo_line() {
    for command in [&["watch", "--pid", "1"][..], &["explain", "web.", "--pid", "1"]] {
        let sudo = format!("sudo {} {}", common::PROGRAM, command.join(" "));
        finish(powerless(command)).exits(2).complains(&["CAP_", &sudo]).without_result();
    }
}

#[test]
fn a_process_that_has_ended_is_said_to_be_gone() {
    let mut child = program("true").spawn().unwrap();
    let pid = child.id().to_string();
    child.wait().unwrap();
    let gone = format!("process {pid} does not exist");
    for command in ["watch", "explain"] {
        let name = if command == "explain" { &["web"][..] } else { &[] };
        let line = [&[command], name, &["--pid", &pid]].concat();
        run(&line).exits(2).complains(&[&gone]).without_result();
    }
}

#[test]
fn an_unknown_namespace_is_answered_with_those_that_exist() {
    let ran = run(&["explain", "web", "--netns", "no-such-namespace"]).exits(2);
    ran.without_result().complains(&["\"no-such-namespace\"", "named namespaces here"]);
    // Other tests make and remove namespaces meanwhile; what is not theirs stays.
    let there = std::fs::read_dir("/run/netns").into_iter().flatten().flatten();
    for name in there.map(|entry| entry.file_name().to_string_lossy().into_owned()) {
        if !name.starts_with("dp") && !name.starts_with("dnsprobe-test") {
            assert!(ran.stderr.contains(&name), "{name}: {}", ran.stderr);
        }
    }
}

#[test]
fn two_kubernetes_namespaces_for_one_pod_are_a_contradiction() {
    let target = ["--pod", "sre/web", "--ns", "payments"];
    for command in [&["list"][..], &["watch"], &["explain", "www"]] {
        let left = run(&[command, &target].concat()).exits(2);
        left.complains(&["--pod sre/web and --ns payments", "--ns payments --pod web"]).without_result();
    }
    run(&[&["exec"][..], &target, &["--", "true"]].concat())
        .exits(125)
        .complains(&["two Kubernetes namespaces"]);
}

#[test]
fn a_resolv_conf_that_was_named_and_is_not_there_is_an_error_with_its_path() {
    let path = "/nonexistent/pod.conf";
    for command in [&["explain", "web"][..], &["read", words(&testdata("demo/demo.pcap"))]] {
        let line = [command, &["--resolv-conf", path]].concat();
        run(&line).exits(2).complains(&[path, "No such file or directory"]).without_result();
    }
}

#[test]
fn a_resolv_conf_that_is_a_directory_or_too_large_is_an_error_with_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = words(&directory).to_owned();
    run(&["explain", "web", "--resolv-conf", &path])
        .exits(2)
        .complains(&[&path, "directory"])
        .without_result();
    let large = file(vec![b'#'; 2 << 20]);
    run(&["explain", "web", "--resolv-conf", words(&large)])
        .exits(2)
        .complains(&[words(&large), "larger than"])
        .without_result();
}

#[test]
fn an_empty_resolv_conf_shows_what_the_resolver_does_then() {
    let empty = file("");
    let ran = run(&["explain", "www.example.com", "-o", "json", "--resolv-conf", words(&empty)]).exits(0);
    let conf = &ran.object()["resolv_conf"];
    assert_eq!(conf["nameservers"], serde_json::json!(["127.0.0.1"]), "resolv.conf(5): the local machine's");
    assert_eq!((&conf["ndots"], &conf["timeout_s"], &conf["attempts"]), (&1.into(), &5.into(), &2.into()));
    run(&["explain", "www.example.com", "--resolv-conf", words(&empty)])
        .exits(0)
        .prints(&["127.0.0.1"])
        .quietly();
}

#[test]
fn a_file_that_is_no_capture_is_named_with_how_it_begins() {
    let text = file("search example.com\n");
    run(&["read", words(&text)])
        .exits(2)
        .complains(&[words(&text), "not a capture file", "73 65 61 72", "hint:", "-w FILE"])
        .without_result();
}

#[test]
fn an_empty_file_and_a_missing_one_are_told_apart() {
    let empty = file("");
    run(&["read", words(&empty)]).exits(2).complains(&[words(&empty), "empty (0 bytes)"]).without_result();
    let missing = "/nonexistent/capture.pcap";
    run(&["read", missing]).exits(2).complains(&[missing, "No such file or directory"]).without_result();
}

/// A classic capture of three packets of this link type.
fn capture_of(link: u32) -> Vec<u8> {
    let word = |number: u32| number.to_le_bytes();
    let mut bytes = [word(0xa1b2_c3d4), [2, 0, 4, 0], word(0), word(0), word(65_535), word(link)].concat();
    for second in 1..=3 {
        bytes.extend([word(second), word(0), word(4), word(4), *b"\x45abc"].concat());
    }
    bytes
}

#[test]
fn packets_of_an_unknown_link_type_are_counted_and_told() {
    let capture = file(capture_of(147));
    let ran = run(&["read", words(&capture), "-o", "json"]).exits(0);
    let summary = ran.complains(&["3 frames", "3 of link type 147"]).report().summary;
    assert_eq!(
        (&summary["frames"], &summary["skipped"], &summary["lookups"]),
        (&3.into(), &3.into(), &0.into())
    );
    run(&["read", words(&capture)])
        .exits(0)
        .complains(&["3 frames", "3 of link type 147"])
        .prints(&["No DNS lookups"]);
}

#[test]
fn an_unknown_resolver_is_answered_with_those_that_exist() {
    let known =
        ["glibc", "musl", "go", "c-ares", "bind-nslookup", "busybox-nslookup", "hickory", "java", "getent"];
    run(&["explain", "web", "--offline", "--resolver", "gilbc"])
        .exits(2)
        .complains(&["`gilbc`"])
        .complains(&known)
        .without_result();
}

#[test]
fn an_unknown_api_is_answered_with_those_that_exist() {
    let conf = file(common::POD_CONF);
    let line = ["explain", "web", "--resolv-conf", words(&conf), "--resolver", "glibc", "--api", "nonsense"];
    run(&line).exits(2).complains(&["nonsense", "getaddrinfo"]).without_result();
}

fn with_answers(answers: &str) -> (Ran, String) {
    let (answers, conf) = (file(answers), file(common::POD_CONF));
    let path = words(&answers).to_owned();
    (run(&["explain", "web", "--answers", &path, "--resolv-conf", words(&conf)]), path)
}

#[test]
fn a_wrong_key_of_answers_is_told_with_file_line_and_the_nearest_right_one() {
    let (ran, path) = with_answers("{\n  \"web.shop.svc.cluster.local./A\": {},\n  \"defualt\": {}\n}\n");
    ran.exits(2)
        .complains(&[&format!("{path}, line 3"), "`defualt`", "did you mean `default`?"])
        .without_result();
    let (ran, path) = with_answers("{\n  \"default\": {\n    \"delayms\": 3\n  }\n}\n");
    ran.exits(2)
        .complains(&[&format!("{path}, line 3"), "`delayms`", "did you mean `delay_ms`?"])
        .without_result();
}

#[test]
fn answers_that_are_no_json_are_told_with_file_and_line() {
    let (ran, path) = with_answers("{\n  \"default\": {},,\n}\n");
    ran.exits(2).complains(&[&format!("{path}, line 2"), "no JSON"]).without_result();
}

#[test]
fn a_wrong_command_line_is_told_on_standard_error_with_status_2() {
    for line in
        [&["explain"][..], &["watch", "--pid", "1", "--netns", "x"], &["watch", "--duration", "3 weeks"]]
    {
        run(line).exits(2).complains(&["error:"]).without_result();
    }
}

/// Runs a command whose output nobody reads.
fn unread(line: &[&str]) -> Ran {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command: Command = dnsprobe(line);
    command.stdout(writer).stderr(Stdio::piped());
    finish_without_output(command)
}

fn finish_without_output(mut command: Command) -> Ran {
    let child = command.spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    Ran::new(&command, &output)
}

#[test]
fn output_that_nobody_reads_ends_the_command_quietly() {
    let (capture, conf) = (testdata("demo/demo.pcap"), file(common::POD_CONF));
    let (capture, conf) = (words(&capture), words(&conf));
    for line in [
        &["read", capture][..],
        &["read", capture, "-o", "json"],
        &["read", capture, "--summary"],
        &["read", capture, "-w", "-"],
        &["explain", "web", "a.b", "--resolv-conf", conf],
        &["explain", "web", "a.b", "--resolv-conf", conf, "-o", "json"],
        &["explain", "--list-resolvers"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
        &["demo", "-q", "-o", "json"],
    ] {
        unread(line).exits(0).quietly().without_result();
    }
}

#[test]
fn the_first_line_is_there_for_a_reader_that_wants_no_more() {
    let script = "\"$0\" read \"$1\" -o json | head -n 1";
    let mut command = program("sh");
    command.args(["-c", script, common::PROGRAM, words(&testdata("demo/demo.pcap"))]);
    assert_eq!(finish(command).exits(0).quietly().object()["name"], "web");
}

#[test]
fn a_capture_cut_off_inside_a_packet_gives_everything_before_and_says_which_packet() {
    let whole = std::fs::read(testdata("demo/demo.pcap")).unwrap();
    let cut = file(&whole[..whole.len() - 5]);
    let ran = run(&["read", words(&cut), "-o", "json"]).exits(0);
    let summary = ran.complains(&[words(&cut), "inside packet 72"]).report().summary;
    assert_eq!((&summary["frames"], &summary["lookups"]), (&71.into(), &6.into()));

    // In the middle: what is complete up to there is the same as in the whole file.
    let half = file(&whole[..whole.len() / 2]);
    let all = run(&["read", words(&testdata("demo/demo.pcap")), "-o", "json"]).exits(0).quietly().report();
    let before = run(&["read", words(&half), "-o", "json"]).exits(0).complains(&["inside packet"]).report();
    assert!(before.lookups.len() >= 2, "{:?}", before.names());
    assert_eq!(before.lookups[..before.lookups.len() - 1], all.lookups[..before.lookups.len() - 1]);
}

#[test]
fn a_file_that_is_not_there_is_said_with_where_it_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().canonicalize().unwrap();
    let (conf, missing) = (here.join("resolv.conf"), here.join("none.pcap"));
    std::fs::write(&conf, "nameserver 10.0.0.1\n").unwrap();
    let (conf, missing, shown) = (words(&conf), words(&missing), words(&here));
    let cases: [(&[&str], &[&str]); 8] = [
        (&["read", "none.pcap"], &["open the capture none.pcap", "hint: it was looked for from", shown]),
        (&["read", "no/such/none.pcap"], &["hint: there is no folder no in", shown]),
        (&["read", missing], &["hint: see what is there with `ls", shown]),
        (&["read", shown], &["hint: name a file in that folder"]),
        (
            &["read", missing, "--resolv-conf", "none.conf"],
            &["read none.conf", "hint: it was looked for from", shown],
        ),
        (
            &["explain", "web", "--offline", "--resolv-conf", conf, "--env", "HOSTALIASES=none"],
            &["read none", "hint: "],
        ),
        (
            &["explain", "web", "--offline", "--resolv-conf", conf, "--nsswitch", "none"],
            &["read none", "hint: "],
        ),
        (&["lint", "none.yaml"], &["read none.yaml", "hint: it was looked for from", shown]),
    ];
    for (line, said) in cases {
        let mut command = dnsprobe(line);
        command.current_dir(&here);
        finish(command).exits(2).complains(said);
    }
}
