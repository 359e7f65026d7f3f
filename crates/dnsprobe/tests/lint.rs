//! `dnsprobe lint` as it is typed: files in, findings out in every format, repairs, and how it ends.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use common::folder::{Folder, WRONG, places};
use common::{Ran, dnsprobe, fed, finish, list, repository, testdata, text, words};
use serde_json::Value;

/// A pod with a warning, DP301.
const WARNED: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: agent
  namespace: orders
spec:
  hostNetwork: true
  containers:
  - name: app
    image: registry.example/app:1
    env:
    - {name: API, value: https://api.example.com}
";

#[test]
fn text_shows_the_place_the_object_and_the_fix() {
    let folder = Folder::of(&[("web.yaml", WRONG)]);
    let left = folder.lint(&[]).exits(1);
    left.quietly().fits().prints(&[
        "error[DP101]: dnsPolicy \"clusterfirst\"",
        "--> web.yaml:7:14",
        "7 |   dnsPolicy: clusterfirst # as it was",
        "  |              ^^^^^^^^^^^^\n",
        "in: Pod orders/web",
        "fix: write ClusterFirst",
        "assumed: cluster domain cluster.local",
        "1 error in 1 object of 1 file",
    ]);
}

#[test]
fn quiet_text_is_one_line_a_finding() {
    let folder = Folder::of(&[("web.yaml", WRONG)]);
    let left = folder.lint(&["-q"]).exits(1);
    assert_eq!(left.text().lines().count(), 1);
    left.prints(&["web.yaml:7:14: error DP101 dnsPolicy"]);
}

#[test]
fn json_has_every_field_of_its_schema() {
    let folder = Folder::of(&[("web.yaml", WRONG)]);
    let left = folder.lint(&["-o", "json"]).exits(1);
    left.complains(&["assumed cluster domain cluster.local"]);
    let one = left.object();
    assert_eq!(text(&one, "schema"), "dnsprobe.lint/1");
    assert_eq!((text(&one, "path"), text(&one, "code")), ("web.yaml", "DP101"));
    assert_eq!([&one["line"], &one["column"], &one["end_line"], &one["end_column"]], [7, 14, 7, 26]);
    assert_eq!((text(&one, "severity"), text(&one, "kind")), ("error", "Pod"));
    assert_eq!((text(&one, "namespace"), text(&one, "name")), ("orders", "web"));
    assert!(text(&one, "message").contains("clusterfirst"));
    assert_eq!(text(&one, "fix"), "write ClusterFirst");
}

#[test]
fn exit_status_follows_fail_on() {
    let folder = Folder::of(&[("agent.yaml", WARNED)]);
    folder.lint(&[]).exits(0).prints(&["warning[DP301]"]);
    folder.lint(&["--fail-on", "warning"]).exits(1).quietly();
    folder.lint(&["--fail-on", "never"]).exits(0).quietly();
    let clean = Folder::of(&[("web.yaml", &WRONG.replace("clusterfirst", "ClusterFirst"))]);
    clean.lint(&["--fail-on", "info"]).exits(0).prints(&["no findings in 1 object of 1 file"]);
}

#[test]
fn folders_are_read_without_what_is_ignored_hidden_or_no_manifest() {
    let folder = Folder::of(&[
        (".gitignore", "out/\n"),
        ("a.yaml", WRONG),
        ("sub/b.yml", WRONG),
        ("sub/deep/c.json", "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"dnsPolicy\":\"x\"}}"),
        ("out/rendered.yaml", WRONG),
        (".hidden/d.yaml", WRONG),
        ("notes.txt", WRONG),
    ]);
    assert_eq!(
        folder.found(&["."], 1),
        ["a.yaml:7:14 DP101", "sub/b.yml:7:14 DP101", "sub/deep/c.json:1:53 DP101"]
    );
    assert_eq!(folder.found(&["--include", "*.txt"], 1), ["notes.txt:7:14 DP101"]);
    assert_eq!(folder.found(&["--exclude", "sub/", "--exclude", "*.txt"], 1), ["a.yaml:7:14 DP101"]);
    assert_eq!(
        folder.found(&["--exclude", "a.yaml", "a.yaml", "out/rendered.yaml"], 1),
        ["out/rendered.yaml:7:14 DP101"]
    );
}

#[test]
fn a_file_that_is_named_twice_is_linted_once() {
    let folder = Folder::of(&[("a.yaml", WRONG)]);
    assert_eq!(folder.found(&["a.yaml", ".", "./a.yaml"], 1), ["a.yaml:7:14 DP101"]);
}

#[test]
fn what_cannot_be_read_ends_with_2_and_the_rest_is_linted() {
    let folder = Folder::of(&[("a.yaml", WRONG)]);
    std::os::unix::fs::symlink("nowhere", folder.path().join("broken.yaml")).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
    fs::File::create(folder.path().join("sparse.yaml")).unwrap().set_len(2 << 30).unwrap();
    let left = folder.lint(&["-o", "json", "missing.yaml", "."]).exits(2);
    left.complains(&["missing.yaml", "broken.yaml", "sparse.yaml", "larger than 64 MiB"]);
    assert_eq!(places(&left), ["a.yaml:7:14 DP101"]);
}

#[test]
fn a_pipe_in_a_folder_is_not_waited_for() {
    let folder = Folder::of(&[("a.yaml", WRONG)]);
    nix::unistd::mkfifo(&folder.path().join("pipe.yaml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(folder.found(&["."], 1), ["a.yaml:7:14 DP101"]);
}

#[test]
fn files_are_judged_together() {
    let pod = WARNED.replace("  hostNetwork: true\n", "").replace("https://api.example.com", "db.billing");
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: billing}\n";
    let pod = pod.replace("spec:\n", "spec:\n  dnsConfig:\n    options: [{name: ndots, value: \"1\"}]\n");
    let folder = Folder::of(&[("pod.yaml", &pod), ("service.yaml", service)]);
    assert_eq!(folder.found(&["--select", "DP504", "pod.yaml"], 0), Vec::<String>::new());
    assert_eq!(folder.found(&["--select", "DP504", "pod.yaml", "service.yaml"], 0), ["pod.yaml:13:26 DP504"]);
}

#[test]
fn standard_input_is_linted_under_the_path_it_stands_for() {
    let folder = Folder::of(&[]);
    let left = fed(folder.command(&["-o", "json", "-"]), WRONG.as_bytes()).exits(1);
    assert_eq!(places(&left), ["-:7:14 DP101"]);
    let rendered = format!("---\n# Source: shop/templates/web.yaml\n{WRONG}");
    let left = fed(folder.command(&["-"]), rendered.as_bytes()).exits(1);
    left.prints(&["in: Pod orders/web, from shop/templates/web.yaml"]);
    let line = ["-o", "json", "--stdin-path", "web.yaml", "-"];
    assert_eq!(places(&fed(folder.command(&line), WRONG.as_bytes()).exits(1)), ["web.yaml:7:14 DP101"]);
    fed(folder.command(&["-o", "sarif", "-"]), WRONG.as_bytes())
        .exits(2)
        .without_result()
        .complains(&["--stdin-path"]);
}

#[test]
fn a_helm_template_is_recognised_once() {
    let folder = Folder::of(&[("web.yaml", "{{- if .Values.on }}\napiVersion: v1\nkind: Pod\n{{- end }}\n")]);
    let left = folder.lint(&[]).exits(0);
    left.prints(&["warning[DP001]", "helm template . | dnsprobe lint -", "1 warning in"]);
}

#[test]
fn a_chart_of_templates_is_no_wall_of_warnings() {
    let folder = Folder::of(&[("a.yaml", WRONG)]);
    for number in 0..9 {
        folder.write(format!("templates/{number}.yaml"), "{{- if .Values.on }}\nkind: Pod\n{{- end }}\n");
    }
    let left = folder.lint(&[]).exits(1);
    left.prints(&[
        "error[DP101]",
        "6 more files with what looks like a Helm template",
        "1 error, 9 warnings",
    ]);
    assert_eq!(left.text().matches("[DP001]").count(), 3);
    assert_eq!(folder.found(&["."], 1).len(), 10);
}

#[test]
fn file_names_of_any_bytes_are_told_apart_and_shown_safely() {
    let folder = Folder::of(&[("line\nbreak.yaml", WRONG)]);
    folder.write(OsStr::from_bytes(b"bad\xff.yaml"), WRONG);
    assert_eq!(folder.found(&["."], 1), ["bad\\xff.yaml:7:14 DP101", "line\nbreak.yaml:7:14 DP101"]);
    folder.lint(&[]).exits(1).prints(&["--> bad\\xff.yaml:7:14", "--> line\\nbreak.yaml:7:14"]);
    let github = folder.lint(&["-o", "github"]).exits(1).text();
    assert_eq!(github.lines().count(), 2, "{github}");
    assert!(github.contains("file=line%0Abreak.yaml,line=7"), "{github}");
    let sarif = folder.lint(&["-o", "sarif"]).exits(1).object();
    let uris: Vec<&str> = list(&sarif["runs"][0]["results"]).iter().map(uri).collect();
    assert_eq!(uris, ["bad%FF.yaml", "line%0Abreak.yaml"]);
}

fn uri(result: &Value) -> &str {
    text(&result["locations"][0]["physicalLocation"]["artifactLocation"], "uri")
}

#[test]
fn sarif_has_what_code_scanning_requires() {
    let folder = Folder::of(&[("a:b/100% ü.yaml", WRONG), ("agent.yaml", WARNED)]);
    let log = folder.lint(&["-o", "sarif"]).exits(1).object();
    assert_eq!(text(&log, "version"), "2.1.0");
    assert!(text(&log, "$schema").ends_with("sarif-schema-2.1.0.json"));
    let run = &log["runs"][0];
    assert_eq!(text(run, "columnKind"), "unicodeCodePoints");
    let rules = list(&run["tool"]["driver"]["rules"]);
    for rule in rules {
        for field in ["shortDescription", "fullDescription", "help"] {
            let text = text(&rule[field], "text");
            assert!(!text.is_empty() && text.chars().count() <= 1024, "{field} of {rule}");
        }
        assert!(["error", "warning", "note"].contains(&text(&rule["defaultConfiguration"], "level")));
    }
    let results = list(&run["results"]);
    assert_eq!(results.iter().map(uri).collect::<Vec<_>>(), ["a%3Ab/100%25%20%C3%BC.yaml", "agent.yaml"]);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    assert_eq!((text(&results[0], "level"), text(&results[1], "level")), ("error", "warning"));
    let region = &results[0]["locations"][0]["physicalLocation"]["region"];
    assert_eq!([&region["startLine"], &region["startColumn"], &region["endColumn"]], [7, 14, 26]);
}

#[test]
fn github_shows_the_worst_first() {
    let folder = Folder::of(&[("a.yaml", WARNED), ("b.yaml", WRONG)]);
    let text = folder.lint(&["-o", "github"]).exits(1).text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("::error file=b.yaml,line=7,endLine=7,col=14,endColumn=26,title=DP101::"));
    assert!(lines[1].starts_with("::warning file=a.yaml,line=7,"), "{text}");
}

#[test]
fn xml_formats_count_and_escape() {
    let folder = Folder::of(&[("<&\">.yaml", WRONG), ("agent.yaml", WARNED)]);
    folder.lint(&["-o", "junit"]).exits(1).prints(&[
        "<testsuites name=\"dnsprobe lint\" tests=\"2\" failures=\"2\">",
        "<testsuite name=\"&lt;&amp;&quot;&gt;.yaml\" tests=\"1\" failures=\"1\">",
        "name=\"DP101 Pod orders/web\"",
        "<failure type=\"error\"",
    ]);
    folder.lint(&["-o", "checkstyle"]).exits(1).prints(&[
        "<file name=\"&lt;&amp;&quot;&gt;.yaml\">",
        "<error line=\"7\" column=\"14\" severity=\"error\"",
        "source=\"dnsprobe.DP101\"/>",
    ]);
    let clean = Folder::of(&[]);
    clean.lint(&["-o", "junit"]).exits(0).prints(&["tests=\"1\" failures=\"0\"", "0 files without findings"]);
}

#[test]
fn the_nearest_configuration_file_counts_and_the_command_line_wins() {
    let folder = Folder::of(&[
        ("a.yaml", WRONG),
        ("legacy/b.yaml", WRONG),
        ("sub/agent.yaml", WARNED),
        (".dnsprobe.toml", "[lint]\nfail-on = 'warning'\n[lint.per-path-ignore]\n'legacy/' = ['DP1']\n"),
    ]);
    assert_eq!(folder.found(&["."], 1), ["a.yaml:7:14 DP101", "sub/agent.yaml:7:16 DP301"]);
    assert_eq!(folder.found(&["--no-config", "legacy"], 1), ["legacy/b.yaml:7:14 DP101"]);
    assert_eq!(folder.found(&["--no-suppressions", "legacy"], 1), ["legacy/b.yaml:7:14 DP101"]);
    let mut below = folder.command(&["-q"]);
    below.current_dir(folder.path().join("sub"));
    finish(below).exits(1).prints(&["agent.yaml:7:16: warning DP301"]);
    folder.lint(&["--fail-on", "error", "sub"]).exits(0).quietly();
}

#[test]
fn a_request_of_the_configuration_file_without_effect_is_reported_where_it_stands() {
    let config = "[lint.per-path-ignore]\n'*.yaml' = ['DP101', 'DP3']\n'elsewhere/' = ['DP101']\n";
    let folder = Folder::of(&[("a.yaml", WRONG), (".dnsprobe.toml", config)]);
    assert_eq!(folder.found(&["."], 0), [".dnsprobe.toml:2:22 DP003"]);
    assert_eq!(folder.found(&["--ignore", "DP3", "."], 0), Vec::<String>::new());
    assert_eq!(folder.found(&["--no-suppressions", "."], 1), ["a.yaml:7:14 DP101"]);
    folder.lint(&[]).exits(0).prints(&["--> .dnsprobe.toml:2:22", "'*.yaml' = ['DP101', 'DP3']"]);
    folder.lint(&["-o", "github"]).exits(0).prints(&["::notice file=.dnsprobe.toml,line=2,"]);
}

#[test]
fn a_wrong_configuration_file_says_where() {
    for (content, place) in [
        ("[lint]\nselect = []\nclusterdomain = 'x'\n", ":3:1: unknown field `clusterdomain`"),
        ("lnt = 1\n", ":1:1: unknown field `lnt`"),
        ("[lint]\nkube-version = 'x'\n", ":2:16: no Kubernetes version"),
        ("[lint\n", ":1:6: "),
        ("[lint]\nselect = ['DP9']\n", "there is no rule `DP9`"),
    ] {
        let folder = Folder::of(&[("a.yaml", WRONG), (".dnsprobe.toml", content)]);
        folder.lint(&["a.yaml"]).exits(2).without_result().complains(&[place]);
    }
}

#[test]
fn a_baseline_hides_what_is_known_and_nothing_else() {
    let folder = Folder::of(&[("a.yaml", WRONG)]);
    folder.lint(&["--write-baseline", "known.json"]).exits(0).quietly().without_result();
    folder.lint(&["--baseline", "known.json"]).exits(0).prints(&["no findings", "1 known to the baseline"]);
    folder.write("a.yaml", &format!("# moved\n{WRONG}"));
    folder.lint(&["--baseline", "known.json"]).exits(0).quietly();
    folder.write("a.yaml", &format!("{WRONG}---\n{WRONG}"));
    assert_eq!(folder.found(&["--baseline", "known.json", "a.yaml"], 1), ["a.yaml:18:14 DP101"]);
    folder.lint(&["--baseline", "missing.json"]).exits(2).complains(&["missing.json", "--write-baseline"]);
}

#[test]
fn repairs_touch_nothing_else_and_are_made_once() {
    let folder = Folder::of(&[("a.yaml", &WRONG.replace('\n', "\r\n"))]);
    let before = folder.read("a.yaml");
    folder.lint(&["--diff"]).exits(0).prints(&["-  dnsPolicy: clusterfirst", "+  dnsPolicy: ClusterFirst"]);
    assert_eq!(folder.read("a.yaml"), before);
    folder.lint(&["--fix"]).exits(0).prints(&["no findings"]);
    let after = folder.read("a.yaml");
    assert_eq!(after, before.replace("clusterfirst", "ClusterFirst"));
    folder.lint(&["--fix", "--unsafe"]).exits(0).quietly();
    assert_eq!(folder.read("a.yaml"), after);
    folder.lint(&["--diff"]).exits(0).without_result();
}

#[test]
fn suggestions_are_made_only_when_asked_for() {
    let folder = Folder::of(&[("a.yaml", WARNED)]);
    folder.lint(&["--fix"]).exits(0).quietly();
    assert_eq!(folder.read("a.yaml"), WARNED);
    let patch = folder.lint(&["--diff", "--unsafe"]).exits(0).text();
    assert!(patch.lines().any(|line| line.starts_with('+') && line.contains("dnsPolicy")), "{patch}");
    folder.lint(&["--unsafe"]).exits(2).complains(&["--fix"]);
}

#[test]
fn rules_are_listed_and_explained() {
    let folder = Folder::of(&[]);
    let table = folder.lint(&["--list-rules"]).exits(0).text();
    let listed = folder.lint(&["--list-rules", "-o", "json"]).exits(0).objects();
    assert_eq!(table.lines().count(), listed.len());
    for rule in &listed {
        let page = folder.lint(&["--explain", text(rule, "code")]).exits(0).text();
        assert!(page.contains(text(rule, "title")), "{page}");
    }
    folder.lint(&["--explain", "DP999"]).exits(2).complains(&["--list-rules"]);
    folder.lint(&["--select", "DP999"]).exits(2).complains(&["--list-rules"]);
}

#[test]
fn inputs_without_objects_fail_when_asked_to() {
    let folder = Folder::of(&[("values.yaml", "replicas: 2\n")]);
    folder.lint(&[]).exits(0).prints(&["no findings in 0 objects"]);
    folder.lint(&["--fail-if-no-objects-found"]).exits(2).complains(&["no Kubernetes object"]);
}

#[test]
fn every_example_is_found_wrong_and_its_repair_right() {
    let examples = repository().join("examples/manifests");
    let mut pairs = 0;
    for entry in fs::read_dir(examples).unwrap() {
        let fixed: PathBuf = entry.unwrap().path();
        let Some(name) = words(&fixed).strip_suffix(".fixed.yaml").map(str::to_owned) else { continue };
        let lint = |path: &str| finish(dnsprobe(&["lint", "--no-config", "--fail-on", "info", path]));
        lint(&format!("{name}.yaml")).exits(1).quietly();
        lint(words(&fixed)).exits(0).quietly();
        pairs += 1;
    }
    assert!(pairs >= 6, "{pairs}");
}

#[test]
fn any_bytes_are_survived() {
    let folder = Folder::of(&[]);
    for bytes in
        [&b"\xff\xfe\x00"[..], b"", b"\0\0", &b"[".repeat(100_000), b"a: &a [*a]\n", b"\x1b[31m: {\n"]
    {
        let left = fed(folder.command(&["--fail-on", "never", "-"]), bytes).exits(0);
        assert!(!left.text().contains('\u{1b}'));
    }
}

#[test]
fn manifests_that_the_rules_are_tested_with_are_linted_together() {
    let manifests = testdata("manifests");
    let left = finish(dnsprobe(&["lint", "--no-config", "-o", "json", words(&manifests)])).exits(1);
    assert!(left.objects().len() > 20);
}

mod plans {
    //! `explain -f`.

    use super::*;

    fn explain(line: &[&str]) -> Ran {
        let mut command = dnsprobe(&[&["explain"], line].concat());
        command.current_dir(repository().join("examples/manifests"));
        finish(command)
    }

    #[test]
    fn a_manifest_gives_the_file_that_the_kubelet_will_write() {
        let left = explain(&["api.example.com", "-f", "search-waste.yaml", "-o", "json"]).exits(0);
        left.complains(&["assumed cluster domain cluster.local"]);
        let plan = left.object();
        let search = ["orders.svc.cluster.local", "svc.cluster.local", "cluster.local"];
        assert_eq!(plan["resolv_conf"]["search"], serde_json::json!(search));
        assert_eq!(plan["resolv_conf"]["ndots"], 5);
        assert_eq!(plan["totals"]["wasted_questions"], 6);
        assert_eq!(text(&plan["target"], "workload"), "Deployment/search-waste");
    }

    #[test]
    fn the_cluster_and_the_node_are_taken_into_account() {
        let line = ["web", "-f", "search-waste.yaml", "-o", "json", "--cluster-domain", "k8s.test"];
        let plan = explain(&[&line[..], &["--host-search", "corp.test"]].concat()).exits(0).object();
        let search = ["orders.svc.k8s.test", "svc.k8s.test", "k8s.test", "corp.test"];
        assert_eq!(plan["resolv_conf"]["search"], serde_json::json!(search));
        let node = common::file("nameserver 192.0.2.53\nsearch node.test\n");
        let line = ["web", "-f", "host-network.yaml", "-o", "json", "--node-resolv-conf", words(&node)];
        let plan = explain(&line).exits(0).object();
        assert_eq!(plan["resolv_conf"]["nameservers"], serde_json::json!(["192.0.2.53"]));
        assert_eq!(plan["resolv_conf"]["search"], serde_json::json!(["node.test"]));
    }

    #[test]
    fn the_image_tells_the_resolver() {
        let plan = explain(&["db.billing", "-f", "musl-ndots.yaml", "-o", "json"]).exits(0).object();
        assert_eq!((text(&plan["resolver"], "id"), text(&plan["resolver"], "from")), ("musl", "inferred"));
        let line = ["db.billing", "-f", "musl-ndots.yaml", "-o", "json", "--resolver", "go"];
        assert_eq!(text(&explain(&line).exits(0).object()["resolver"], "id"), "go");
    }

    #[test]
    fn one_of_several_workloads_must_be_named() {
        let left = explain(&["web", "-f", "."]).exits(2);
        left.without_result().complains(&["--workload", "DaemonSet/orders/host-network"]);
        explain(&["web", "-f", ".", "--workload", "deployment/nope"]).exits(2).complains(&["no workload `"]);
        let one = ["web", "-f", "search-waste.yaml", "--workload", "deployment/search-waste"];
        explain(&one).exits(0).prints(&["as the kubelet will write it"]);
        explain(&["web", "--offline", "--cluster-domain", "k8s.test"]).exits(2).complains(&["-f MANIFEST"]);
    }
}
