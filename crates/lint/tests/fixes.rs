//! Fixes make what they say, touch nothing else, and have nothing more to do the second time.

use dnsprobe_lint::{Config, Found, Input, Safety, apply, judge, scan};

fn fixed(text: &str, upto: Safety) -> String {
    let facts = [scan(Input { path: "x.yaml", bytes: text.as_bytes(), found: Found::Named })];
    apply(text, &judge(&facts, &Config::default()).diagnostics, upto)
}

fn pod(spec: &str) -> String {
    let spec = spec.replace('\n', "\n  ");
    format!(
        "\u{feff}apiVersion: v1\nkind: Pod # ü\nmetadata: {{name: a, namespace: orders}}\nspec:\n  {spec}\n  containers: [{{name: a, image: b}}]\n"
    )
}

#[test]
fn safe_fixes_change_only_what_is_wrong() {
    for (before, after) in [
        ("dnsPolicy: clusterfirst # why", "dnsPolicy: ClusterFirst # why"),
        ("dnsPolicy: 'default'", "dnsPolicy: 'Default'"),
        ("dnsPolicy: ClusterFirstWithHostNet", "dnsPolicy: ClusterFirst"),
        ("dnsConfig:\n  nameservers: [\"1.1.1.1:53\"]", "dnsConfig:\n  nameservers: [\"1.1.1.1\"]"),
        ("dnsConfig:\n  searches: [Corp.Test, b.test]", "dnsConfig:\n  searches: [corp.test, b.test]"),
        (
            "dnsConfig:\n  options:\n  - name: ndots\n    value: 2 # two",
            "dnsConfig:\n  options:\n  - name: ndots\n    value: \"2\" # two",
        ),
        ("dnsConfig:\n  options:\n  - ndots:2", "dnsConfig:\n  options:\n  - {name: ndots, value: \"2\"}"),
        (
            "dnsConfig:\n  options:\n  - name: \"ndots:2\"",
            "dnsConfig:\n  options:\n  - {name: ndots, value: \"2\"}",
        ),
        (
            "dnsConfig:\n  options:\n  - name: single_requst",
            "dnsConfig:\n  options:\n  - name: single-request",
        ),
        (
            "dnsConfig:\n  options:\n  - name: inet6 # gone\n  - name: edns0",
            "dnsConfig:\n  options:\n  - name: edns0",
        ),
        ("dnsConfig: {options: [{name: inet6}, {name: edns0}]}", "dnsConfig: {options: [{name: edns0}]}"),
        ("dnsConfig: {options: [{name: edns0}, {name: inet6}]}", "dnsConfig: {options: [{name: edns0}]}"),
        ("dnsConfig: {searches: [svc.cluster.local]}", "dnsConfig: {searches: []}"),
        ("dnsConfig: {searches: [svc.cluster.local., a.test]}", "dnsConfig: {searches: [a.test]}"),
    ] {
        let (before, after) = (pod(before), pod(after));
        let mut once = fixed(&before, Safety::Safe);
        // Cutting a dot can make an entry a plain duplicate, which is the next round's.
        if once != after {
            once = fixed(&once, Safety::Safe);
        }
        assert_eq!(once, after);
        assert_eq!(fixed(&once, Safety::Safe), once, "the second time");
    }
}

#[test]
fn suggestions_are_made_only_when_asked_for() {
    let text = pod(
        "dnsConfig:\n  options:\n  - name: use-vc\n    value: \"false\"\n  - name: ndots\n    value: \"0\"",
    );
    assert_eq!(fixed(&text, Safety::Safe), text);
    assert_eq!(
        fixed(&text, Safety::Suggested),
        pod("dnsConfig:\n  options:\n  - name: ndots\n    value: \"1\"")
    );
}

#[test]
fn settings_are_added_where_they_belong() {
    let env = "  containers:\n  - name: a\n    image: b\n    env:\n    - {name: X, value: \"https://api.example.com\"}\n";
    let head = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: orders}\nspec:\n";
    for (before, after) in [
        ("", "  dnsConfig:\n    options:\n    - name: ndots\n      value: \"2\"\n"),
        (
            "  dnsConfig:\n    searches: [a.test] # ours\n",
            "  dnsConfig:\n    options:\n    - name: ndots\n      value: \"2\"\n    searches: [a.test] # ours\n",
        ),
        (
            "  dnsConfig:\n    options:\n      - name: edns0\n",
            "  dnsConfig:\n    options:\n      - name: ndots\n        value: \"2\"\n      - name: edns0\n",
        ),
        (
            "  dnsConfig:\n    options:\n    - name: ndots\n      value: '4'\n",
            "  dnsConfig:\n    options:\n    - name: ndots\n      value: \"2\"\n",
        ),
    ] {
        let (before, after) = (format!("{head}{before}{env}"), format!("{head}{after}{env}"));
        assert_eq!(fixed(&before, Safety::Suggested), after);
        assert_eq!(fixed(&after, Safety::Suggested), after, "the second time");
        let (before, after) = (before.replace('\n', "\r\n"), after.replace('\n', "\r\n"));
        assert_eq!(fixed(&before, Safety::Suggested), after);
    }
    let host = format!("{head}  hostNetwork: true\n  containers: [{{name: a, image: b}}]\n");
    let added = host.replace("spec:\n", "spec:\n  dnsPolicy: ClusterFirstWithHostNet\n");
    assert_eq!(fixed(&host, Safety::Suggested), added);
}

#[test]
fn json_stays_json() {
    let pod = |options: &str| {
        format!(
            "{{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"spec\": {{\"dnsConfig\": {{\"options\": [{options}]}}}}}}\n"
        )
    };
    let before =
        r#""edns0", "timeout:2", {"name": "ndots:3"}, {"name": "use-vc", "value": "yes"}, {"name": "inet6"}"#;
    let after = r#"{"name": "edns0"}, {"name": "timeout", "value": "2"}, {"name": "ndots", "value": "3"}, {"name": "use-vc"}"#;
    let once = fixed(&fixed(&pod(before), Safety::Safe), Safety::Safe);
    assert_eq!(once, pod(after));
    assert!(serde_json::from_str::<serde_json::Value>(&once).is_ok());
    assert_eq!(fixed(&once, Safety::Safe), once, "the second time");
}

#[test]
fn what_an_alias_stands_for_is_left_alone() {
    let head = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: orders, labels: {x: &x clusterfirst, y: &y 2}}\n";
    for spec in [
        "dnsPolicy: *x",
        "dnsConfig: {options: [{name: ndots, value: *y}]}",
        "dnsConfig: {options: [&o {name: inet6}, {name: edns0}], extra: *o}",
        "dnsConfig: {options: [{name: &n inet6}, {name: edns0}], extra: *n}",
        "dnsConfig:\n    options:\n    - &o\n      name: inet6\n    - name: edns0\n    extra: *o",
        "dnsConfig: {options: [!!map {name: inet6}, {name: edns0}]}",
    ] {
        let text = format!("{head}spec:\n  {spec}\n  containers: [{{name: a, image: b}}]\n");
        assert_eq!(fixed(&text, Safety::Safe), text);
    }
}

#[test]
fn a_text_without_findings_stays_byte_for_byte() {
    let text = pod("dnsPolicy: Default").replace('\n', "\r\n");
    assert_eq!(fixed(&text, Safety::Suggested), text);
}
