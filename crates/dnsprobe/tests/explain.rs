//! `dnsprobe explain` without a network: the plan, the walk that given answers lead to, and its JSON.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;

use common::{
    POD_CONF, Ran, adds_up, dnsprobe, fed, file, findings, list, nanos, questions, run, steps, text, words,
};
use serde_json::{Value, json};

/// Runs `explain` with `POD_CONF`.
fn explain(line: &[&str]) -> Ran {
    let conf = file(POD_CONF);
    run(&[&["explain"], line, &["--resolv-conf", words(&conf)]].concat())
}

fn json_of(ran: Ran, code: i32) -> Value {
    let one = ran.exits(code).quietly().object();
    adds_up(&one);
    one
}

/// What is asked, as `name TYPE`.
fn asked(explained: &Value) -> Vec<String> {
    questions(explained).map(|it| format!("{} {}", text(it, "qname"), text(it, "qtype"))).collect()
}

/// Fails unless `value` has these fields, each of the kind that its letter stands for: `s`tring, `n`umber, `b`oolean,
/// `a`rray, `o`bject, `0` null, or several of them.
fn has_fields(value: &Value, fields: &[(&str, &str)]) {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    for (field, kinds) in fields {
        let found = object.get(*field).unwrap_or_else(|| panic!("no {field} in {value}"));
        let kind = match found {
            Value::Null => '0',
            Value::Bool(_) => 'b',
            Value::Number(_) => 'n',
            Value::String(_) => 's',
            Value::Array(_) => 'a',
            Value::Object(_) => 'o',
        };
        assert!(kinds.contains(kind), "{field} of {value} is none of {kinds}");
    }
}

fn has_the_schema(explained: &Value) {
    has_fields(
        explained,
        &[
            ("schema", "s"),
            ("name", "s"),
            ("family", "s"),
            ("target", "o0"),
            ("resolver", "o"),
            ("resolv_conf", "o"),
            ("steps", "a"),
            ("outcome", "s"),
            ("addresses", "a"),
            ("error", "s0"),
            ("totals", "o"),
            ("findings", "a"),
            ("advice", "a"),
        ],
    );
    has_fields(&explained["resolver"], &[("id", "s"), ("version", "s0"), ("api", "s0"), ("from", "s")]);
    let conf = [("nameservers", "a"), ("search", "a"), ("ndots", "n"), ("timeout_s", "n"), ("attempts", "n")];
    has_fields(&explained["resolv_conf"], &[&conf[..], &[("notes", "a")]].concat());
    let totals =
        [("questions", "n"), ("wasted_questions", "n"), ("latency_us", "n0"), ("added_by_search_us", "n0")];
    has_fields(&explained["totals"], &totals);
    for step in steps(explained) {
        let step_fields = [("candidate", "s"), ("suffix", "s0"), ("outcome", "s"), ("added_us", "n0")];
        has_fields(step, &[&step_fields[..], &[("wasted", "b"), ("questions", "a")]].concat());
    }
    for question in questions(explained) {
        let about = [("qname", "s"), ("qtype", "s"), ("server", "s"), ("transport", "s"), ("round", "n")];
        has_fields(question, &[&about[..], &[("outcome", "s"), ("latency_us", "n0")]].concat());
        assert_eq!(question.get("sent"), None, "nothing was sent: {question}");
    }
    for finding in list(&explained["findings"]) {
        has_fields(finding, &[("code", "s"), ("message", "s")]);
    }
    for advice in list(&explained["advice"]) {
        let fields =
            [("kind", "s"), ("saves_questions", "n"), ("saves_us", "n0"), ("breaks", "a"), ("patch", "s0")];
        has_fields(advice, &fields);
    }
}

#[test]
fn the_plan_without_answers_has_the_whole_schema_and_no_invented_times() {
    let one = json_of(explain(&["www.example.com", "--offline", "-o", "json"]), 0);
    has_the_schema(&one);
    assert_eq!((text(&one, "schema"), text(&one, "name")), ("dnsprobe.explain/1", "www.example.com"));
    assert_eq!((text(&one, "family"), text(&one, "outcome")), ("unspec", "ANSWER"));
    assert_eq!((text(&one["resolver"], "id"), text(&one["resolver"], "from")), ("glibc", "assumed"));
    let search = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];
    let conf = json!({"nameservers": ["10.96.0.10"], "search": search, "ndots": 5, "timeout_s": 5, "attempts": 2, "notes": []});
    assert_eq!(one["resolv_conf"], conf);
    let mut wanted: Vec<String> = Vec::new();
    for suffix in search.map(|suffix| format!("{suffix}.")).iter().map(String::as_str).chain([""]) {
        wanted.extend(["A", "AAAA"].map(|qtype| format!("www.example.com.{suffix} {qtype}")));
    }
    assert_eq!(asked(&one), wanted);
    let totals =
        json!({"questions": 8, "wasted_questions": 6, "latency_us": null, "added_by_search_us": null});
    assert_eq!(one["totals"], totals, "what is not known is null");
    assert_eq!(findings(&one), ["search-waste"]);
    let message = text(&one["findings"][0], "message");
    assert!(message.starts_with("6 of 8 questions") && !message.contains("0.0 ms"), "{message}");
    let kinds: Vec<&str> = list(&one["advice"]).iter().map(|advice| text(advice, "kind")).collect();
    assert!(kinds.contains(&"trailing-dot") && kinds.contains(&"ndots"), "{kinds:?}");
    for advice in list(&one["advice"]) {
        assert_eq!(advice["saves_us"], Value::Null, "{advice}");
    }
}

#[test]
fn the_table_begins_with_the_verdict_and_ends_with_the_fix() {
    let ran = explain(&["www.example.com", "--offline"]).exits(0);
    let shown = ran.quietly().fits().text();
    let first = shown.lines().next().unwrap();
    assert!(first.contains("www.example.com") && first.contains("glibc"), "{first}");
    let words = [
        "8 questions",
        "ndots:5",
        ".shop.svc.cluster.local",
        "NXDOMAIN",
        "ANSWER",
        "6 of 8",
        "`www.example.com.`",
    ];
    ran.prints(&words);
}

const ANSWERS: &str = r#"{
  "default": {"rcode": "NXDOMAIN", "delay_ms": 2},
  "www.example.com./A": {"a": ["192.0.2.1", "192.0.2.2"], "delay_ms": 3},
  "www.example.com./AAAA": {"aaaa": ["2001:db8::1"], "delay_ms": 20.5}
}"#;

/// Runs `explain` with these answers.
fn answered(line: &[&str], answers: &str) -> Ran {
    let answers = file(answers);
    explain(&[line, &["--answers", words(&answers), "-o", "json"]].concat())
}

#[test]
fn delays_of_the_answers_add_up_to_the_latency_exactly() {
    let one = json_of(answered(&["www.example.com"], ANSWERS), 0);
    has_the_schema(&one);
    let added: Vec<Option<i64>> = steps(&one).iter().map(|step| nanos(&step["added_us"])).collect();
    assert_eq!(
        added,
        [2_000_000, 2_000_000, 2_000_000, 20_500_000].map(Some),
        "the slower of a pair is waited for"
    );
    let totals =
        json!({"questions": 8, "wasted_questions": 6, "latency_us": 26_500, "added_by_search_us": 6_000});
    for (field, wanted) in totals.as_object().unwrap() {
        assert_eq!(one["totals"][field].as_f64(), wanted.as_f64(), "{field}");
    }
    assert_eq!(one["addresses"], json!(["192.0.2.1", "192.0.2.2", "2001:db8::1"]));
    let wasted: Vec<_> = steps(&one).iter().map(|step| step["wasted"].as_bool().unwrap()).collect();
    assert_eq!(wasted, [true, true, true, false]);
}

#[test]
fn a_server_that_is_silent_is_asked_again_after_the_timeout() {
    let one = json_of(answered(&["db."], r#"{"db./*": {"drop": true}}"#), 1);
    assert_eq!((text(&one, "outcome"), questions(&one).count()), ("TIMEOUT", 4));
    let rounds: Vec<u64> = questions(&one).map(|it| it["round"].as_u64().unwrap()).collect();
    assert_eq!(rounds, [1, 1, 2, 2]);
    assert_eq!(nanos(&one["totals"]["latency_us"]), Some(10_000_000_000), "two attempts of five seconds");
    assert!(questions(&one).all(|it| it["latency_us"].is_null() && it["outcome"] == "TIMEOUT"));
    assert!(text(&one, "error").contains("EAI_AGAIN"), "{}", one["error"]);
}

#[test]
fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let answers = r#"{"big./A": {"a": ["192.0.2.7"], "tc": true}, "big./AAAA": {}}"#;
    let one = json_of(answered(&["big."], answers), 0);
    let transports: Vec<(&str, &str)> =
        questions(&one).map(|it| (text(it, "transport"), text(it, "outcome"))).collect();
    assert!(
        transports.contains(&("udp", "TRUNCATED")) && transports.contains(&("tcp", "ANSWER")),
        "{transports:?}"
    );
    assert_eq!(one["addresses"], json!(["192.0.2.7"]));
}

#[test]
fn a_wildcard_under_a_suffix_is_found_to_have_answered_for_an_outside_name() {
    let answers = r#"{"api.vendor.test.corp.example./A": {"a": ["203.0.113.80"]}, "api.vendor.test./A": {"a": ["198.51.100.80"]}}"#;
    let (answers, conf) =
        (file(answers), file("nameserver 10.96.0.10\nsearch corp.example\noptions ndots:5\n"));
    let line = ["explain", "api.vendor.test", "--answers", words(&answers), "--resolv-conf", words(&conf)];
    let one = json_of(run(&[&line[..], &["-o", "json"]].concat()), 0);
    assert_eq!(one["addresses"], json!(["203.0.113.80"]));
    assert!(findings(&one).contains(&"suffix-answered"), "{:?}", findings(&one));
    run(&line).exits(0).prints(&["203.0.113.80", "corp.example", "wrong host"]);
}

#[test]
fn a_name_that_does_not_resolve_is_exit_status_1_and_nothing_of_it_is_wasted() {
    let one = json_of(answered(&["gone.example.com"], "{}"), 1);
    assert_eq!((text(&one, "outcome"), &one["addresses"]), ("NXDOMAIN", &json!([])));
    assert_eq!((&one["totals"]["questions"], &one["totals"]["wasted_questions"]), (&json!(8), &json!(0)));
    assert!(text(&one, "error").contains("EAI_NONAME"), "{}", one["error"]);
    // One of several is enough.
    let both = answered(&["www.example.com", "gone.example.com"], ANSWERS).exits(1).quietly().objects();
    let outcomes: Vec<_> = both.iter().map(|one| text(one, "outcome").to_owned()).collect();
    assert_eq!(outcomes, ["ANSWER", "NXDOMAIN"]);
}

#[test]
fn each_resolver_asks_in_its_own_way() {
    let order = |resolver: &str, name: &str| {
        asked(&json_of(explain(&[name, "--resolver", resolver, "-o", "json"]), 0))
    };
    // resolver(5) ndots is one rule, what follows a failure another: musl stops where glibc tries the name as it is.
    for resolver in ["glibc", "musl", "go"] {
        assert_eq!(order(resolver, "a.b.").len(), 2, "{resolver}: a trailing dot asks once");
        let searched = order(resolver, "www.example.com");
        assert_eq!(searched.len(), 8, "{resolver}");
        assert!(
            searched[0].starts_with("www.example.com.shop.svc.cluster.local."),
            "{resolver}: {searched:?}"
        );
    }
    let many_dots = |resolver| order(resolver, "a.b.c.d.e.f")[0].clone();
    for resolver in ["glibc", "musl", "go"] {
        assert!(many_dots(resolver).starts_with("a.b.c.d.e.f. "), "{resolver}");
    }
    let nodata = r#"{"web.shop.svc.cluster.local./*": {}, "web.svc.cluster.local./A": {"a": ["192.0.2.9"]}}"#;
    let outcome = |resolver: &str, code| {
        text(&json_of(answered(&["web", "--resolver", resolver], nodata), code), "outcome").to_owned()
    };
    assert_eq!(outcome("glibc", 0), "ANSWER");
    assert_eq!(outcome("musl", 1), "NODATA", "musl 1.2.5 src/network/lookup_name.c: NODATA ends the search");
}

#[test]
fn one_family_asks_one_type() {
    for (family, qtype) in [("inet", "A"), ("inet6", "AAAA")] {
        let one = json_of(explain(&["web.", "--family", family, "-o", "json"]), 0);
        assert_eq!((text(&one, "family"), asked(&one)), (family, vec![format!("web. {qtype}")]));
    }
}

#[test]
fn several_names_and_all_resolvers_are_one_object_a_line() {
    let objects = explain(&["web", "www.example.com", "--resolver", "all", "-o", "json"]);
    // busybox nslookup has its own idea of a single label, so not every one of them finds it.
    let objects = objects.exits(1).objects();
    let ids = |name: &str| -> Vec<String> {
        let of_name = objects.iter().filter(|one| one["name"] == name);
        of_name.map(|one| text(&one["resolver"], "id").to_owned()).collect()
    };
    assert_eq!(ids("web"), ids("www.example.com"));
    for id in ["glibc", "musl", "go", "c-ares", "java", "getent", "bind-dig"] {
        assert!(ids("web").iter().any(|it| it == id), "{id}: {:?}", ids("web"));
    }
    for one in &objects {
        has_the_schema(one);
        adds_up(one);
        assert_eq!(text(&one["resolver"], "from"), "given");
    }
}

#[test]
fn the_file_may_come_from_standard_input() {
    let command = dnsprobe(&["explain", "web", "--resolv-conf", "-", "-o", "json"]);
    let one = json_of(fed(command, b"nameserver 192.0.2.53\nsearch a.example\n"), 0);
    assert_eq!(asked(&one)[0], "web.a.example. A");
    assert_eq!(text(&steps(&one)[0], "suffix"), "a.example");
}

#[test]
fn a_name_that_could_move_the_cursor_is_shown_escaped() {
    let conf = file("search evil\u{1b}[31m.example\nnameserver 192.0.2.53\n");
    let ran = run(&["explain", "x\u{1b}]0;y\u{7}", "--resolv-conf", words(&conf)]).exits(1);
    let shown = format!("{}{}", ran.text(), ran.stderr);
    assert!(!shown.contains(['\u{1b}', '\u{7}']), "{shown:?}");
    assert!(!shown.contains("panicked"), "{shown}");
}

#[test]
fn the_list_of_resolvers_needs_no_name() {
    run(&["explain", "--list-resolvers"]).exits(0).quietly().prints(&["glibc", "musl", "go", "java"]);
    let rows = run(&["explain", "--list-resolvers", "-o", "json"]).exits(0).quietly().objects();
    assert!(rows.iter().any(|row| row["id"] == "musl"));
}

#[test]
fn a_targets_own_environment_is_read_without_asking_it_anything() {
    let mut sleeper =
        std::process::Command::new("sleep").arg("600").env("RES_OPTIONS", "ndots:0").spawn().unwrap();
    let pid = sleeper.id().to_string();
    // Between fork and exec it still has the environment of the test.
    let one = (0..200).find_map(|_| {
        let one = explain(&["web", "--offline", "--pid", &pid, "--resolver", "glibc", "-o", "json"]);
        let one = one.exits(0).quietly().object();
        let read = one["resolv_conf"]["ndots"] == 0;
        std::thread::sleep(std::time::Duration::from_millis(10));
        read.then_some(one)
    });
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    assert_eq!(asked(&one.expect("RES_OPTIONS of the process is applied")), ["web. A", "web. AAAA"]);
}

#[test]
fn an_nsswitch_without_dns_is_said() {
    let nsswitch = file("hosts: files\n");
    let line = ["web", "--resolver", "glibc", "--nsswitch", words(&nsswitch), "-o", "json"];
    let one = json_of(explain(&line), 0);
    let notes: Vec<&str> =
        list(&one["resolv_conf"]["notes"]).iter().map(|note| text(note, "message")).collect();
    assert_eq!(notes, ["nsswitch.conf has `files` alone for hosts: glibc asks nobody"]);
}

#[test]
fn digs_options_are_part_of_its_call() {
    let api = |words: &str| {
        let one = json_of(explain(&["web.ns", "--resolver", "dig", "--api", words, "-o", "json"]), 0);
        assert_eq!(text(&one["resolver"], "api"), words);
        asked(&one)
    };
    assert_eq!(api("dig +search +ndots=1"), ["web.ns. A"]);
    assert_eq!(api("dig +domain=x.test"), ["web.ns.x.test. A", "web.ns. A"]);
    explain(&["web", "--resolver", "dig", "--api", "dig +ndots=x"])
        .exits(2)
        .complains(&["a number up to 65535"]);
}
