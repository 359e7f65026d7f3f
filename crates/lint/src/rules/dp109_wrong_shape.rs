//! DP109: Wrong shape.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP109",
    name: "wrong-shape",
    title: "Wrong shape",
    severity: "error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "dnsConfig is not a mapping, one of its lists is not a list, an item has the wrong type (options \
               as strings, nameservers or searches as numbers), or hostNetwork is not a bool.",
        why: "The manifest does not decode.",
        example: r"spec:
  dnsConfig:
    options:
    - ndots:2
",
        fix: "Lists of strings for nameservers and searches, a list of name and value for options. --fix turns \
               `- ndots:2` into name and value.",
        source: "Kubernetes core/v1 PodDNSConfig; measured with sigs.k8s.io/yaml.",
    },
};

fn check(case: &Case<'_>, out: &mut Findings) {
    if let Some((_, value)) = &case.pod.dns.host_network
        && !matches!(value.data, Data::Null | Data::Bool(..))
    {
        report(case, out, value, "hostNetwork", "true or false");
    }
    let Some((_, config)) = &case.pod.dns.config else { return };
    if !matches!(config.data, Data::Null | Data::Mapping(_)) {
        return report(case, out, config, "dnsConfig", "a mapping");
    }
    for name in ["nameservers", "searches", "options"] {
        match config.get(name) {
            None => {}
            Some(list) if !matches!(list.data, Data::Sequence(_)) => report(case, out, list, name, "a list"),
            Some(list) => list.items().iter().for_each(|item| check_item(case, out, name, item)),
        }
    }
}

fn check_item(case: &Case<'_>, out: &mut Findings, list: &str, item: &Value) {
    if list != "options" {
        if !matches!(item.data, Data::Null | Data::Text(_)) {
            report(case, out, item, &format!("an entry of {list}"), "a string");
        }
        return;
    }
    match &item.data {
        Data::Null => {}
        Data::Mapping(_) => {
            for field in ["name", "value"] {
                if let Some(value) = item.get(field).filter(|value| value.text().is_none())
                    && matches!(value.data, Data::Sequence(_) | Data::Mapping(_))
                {
                    report(case, out, value, &format!("the {field} of an option"), "a string");
                }
            }
        }
        _ => option_as_string(case, out, item),
    }
}

fn option_as_string(case: &Case<'_>, out: &mut Findings, item: &Value) {
    let message = "an option must be a mapping with name and value: the manifest does not decode";
    let draft = out.add(case.refused(), &case.pod.object, item.span, message);
    let text = item.text().unwrap_or_default();
    let clean = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match text.split_once(':') {
        Some((name, value)) if clean(name) && clean(value) => {
            draft.write_option(item.span, name, Some(value));
        }
        None if clean(text) => draft.write_option(item.span, text, None),
        _ => draft.fix("write name and value"),
    }
}

fn report(case: &Case<'_>, out: &mut Findings, value: &Value, what: &str, wanted: &str) {
    let message = format!("{what} must be {wanted}: the manifest does not decode");
    out.add(case.refused(), &case.pod.object, value.span, message).fix(format!("write {wanted}"));
}
