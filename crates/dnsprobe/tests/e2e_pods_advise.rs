//! Advice and reports for pods on a node with real containerd: by pod, by workload, and applied.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;
mod node;
mod pod;

use std::time::Duration;

use common::{list, text};
use node::late::Late;
use node::{Node, WEB, WWW, called};
use pod::watch::Capturing;
use serde_json::Value;

/// Longer than any lookup is waited for once nothing more comes.
const SETTLED: Duration = Duration::from_millis(2_500);

/// An application's names: outside ones, a service of its own namespace and one of another.
const NAMES: [&str; 5] = [WWW, "api.payments", WWW, "gone-7.example.com", WWW];

fn watching(node: &Node, line: &[&str]) -> Capturing {
    Capturing::start(node.dnsprobe(line), "watching")
}

/// The advice that was printed, one object a line.
fn advice(watching: Capturing) -> Vec<Value> {
    std::thread::sleep(SETTLED);
    let printed = watching.stop().exits(0).text();
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of<'a>(advice: &'a [Value], target: &str) -> &'a Value {
    let mut found = advice.iter().filter(|it| called(&it["target"]) == target);
    let one = found.next().unwrap_or_else(|| panic!("nothing for {target}: {advice:?}"));
    assert!(found.next().is_none(), "{target} has two lines");
    assert_eq!(one["self_check"], 1.0, "{target}: {}", one["unexplained"]);
    one
}

fn setting(advice: &Value, ndots: u64) -> &Value {
    list(&advice["settings"]).iter().find(|it| it["ndots"] == ndots).unwrap()
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn a_namespace_gets_advice_by_pod_and_by_workload_and_it_comes_true() {
    let node = Node::shared();
    // A second pod of the deployment, on musl, beside the one on glibc.
    let second = Late::start(node, "sre", "web-7d4b9c-q4wz5", "66666666-aaaa-4bbb-8ccc-00000000000a");
    let line = ["advise", "--ns", "sre", "-o", "json", "--duration", "10m"];
    let advising = watching(node, &line);
    let web = format!("sre/{WEB}");
    node.ask("glibc", &web, "app", &NAMES);
    second.ask(&NAMES);
    let advice = advice(advising);
    let (glibc, musl) = (of(&advice, &web), of(&advice, "sre/web-7d4b9c-q4wz5"));
    for (it, id) in [(glibc, "glibc"), (musl, "musl")] {
        assert_eq!((it["lookups"].as_u64(), text(&it["resolver"], "id")), (Some(5), id), "{it}");
        // Read from the container's own libc.
        assert_eq!(text(&it["resolver"], "from"), "detected", "{it}");
        assert!(it["resolver"]["version"].is_string(), "{it}");
        let workload = &it["workload"];
        assert_eq!((text(workload, "kind"), text(workload, "name")), ("Deployment", "web"));
        assert_eq!((text(workload, "namespace"), workload["pods"].as_u64()), ("sre", Some(2)));
        // `api.payments` must not be asked as it stands alone, which ndots:1 would make musl do.
        assert_eq!(setting(it, 1)["safe"], false, "{it}");
        assert_eq!((&it["recommended"]["ndots"], &workload["recommended"]["ndots"]), (&2.into(), &2.into()));
        let command = text(&workload["recommended"], "kubectl");
        assert_eq!(command, "kubectl -n sre patch deployment web --patch-file ndots.yaml");
    }
    // The pod that the patch would make asks what was predicted, and gets what it got.
    let before = second.ask(&NAMES);
    let patched = Late::start_at(node, "sre", "web-6c8d5f-hjk2l", "66666666-aaaa-4bbb-8ccc-00000000000b", 2);
    let measuring = watching(node, &["watch", "--ns", "sre", "--pod", "web-6c8d5f-hjk2l", "-o", "json"]);
    let after = patched.ask(&NAMES);
    std::thread::sleep(SETTLED);
    let measured = measuring.stop().exits(0).report();
    assert_eq!(setting(musl, 2)["questions"], measured.summary["questions"], "{}", measured.summary);
    let got = |done: &[pod::clients::Done]| done.iter().map(|it| it.addresses.clone()).collect::<Vec<_>>();
    assert_eq!(got(&before), got(&after));
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn all_pods_get_advice_and_each_by_its_own_file() {
    let node = Node::shared();
    let advising = watching(node, &["advise", "--all", "-o", "json", "--duration", "10m"]);
    node.ask("musl", &format!("payments/{WEB}"), "app", &["w5.many.example.com"]);
    node.ask("glibc", "payments/shared-pid-0", "app", &["w5.many.example.com"]);
    let advice = advice(advising);
    // It stands at ndots:2 already: nothing is left to save.
    let low = of(&advice, &format!("payments/{WEB}"));
    assert_eq!((&low["ndots"], &low["recommended"]), (&2.into(), &Value::Null), "{low}");
    let high = of(&advice, "payments/shared-pid-0");
    assert_eq!((&high["ndots"], &high["recommended"]["ndots"]), (&5.into(), &3.into()), "{high}");
    assert_eq!(text(&low["resolver"], "id"), "musl");
    assert_eq!(high["search"][0], "payments.svc.cluster.local");
}

#[test]
#[ignore = "needs root: containerd, docker, podman"]
fn a_report_of_a_namespace_has_the_figures_of_watch_pod_by_pod() {
    let node = Node::shared();
    let pods = [("api-5b6c7d-ghj4k", "c"), ("api-5b6c7d-zxc8v", "d")].map(|(name, last)| {
        Late::start(node, "shop", name, &format!("66666666-aaaa-4bbb-8ccc-00000000000{last}"))
    });
    let reporting = watching(node, &["report", "--ns", "shop", "--html", "-", "--duration", "10m"]);
    let measuring = watching(node, &["watch", "--ns", "shop", "-o", "json"]);
    for pod in &pods {
        pod.ask(&NAMES);
    }
    std::thread::sleep(SETTLED);
    let page = reporting.stop().exits(0).text();
    let summary = measuring.stop().exits(0).report().summary;
    let figure = |name: &str| -> Option<u64> {
        let (_, rest) = page.split_once(&format!("data-figure=\"{name}\" value=\""))?;
        rest.split_once('"')?.0.parse().ok()
    };
    for field in ["lookups", "questions", "wasted_questions"] {
        assert_eq!(figure(field), summary[field].as_u64(), "{field}");
    }
    let targets = list(&summary["by_target"]);
    assert_eq!(targets.len(), 2, "{summary}");
    for it in targets {
        let name = text(it, "target");
        for field in ["questions", "wasted_questions"] {
            assert_eq!(figure(&format!("by_target/{name}/{field}")), it[field].as_u64(), "{name} {field}");
        }
    }
    assert!(page.contains("shop/api Deployment, 2 pods"), "the workload has no sum");
    assert!(page.contains("kubectl -n shop patch deployment api"), "the patch is not for the workload");
}
