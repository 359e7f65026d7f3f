//! DP405: Search line too long for musl.

use crate::rule::prelude::*;

pub(super) const RULE: Rule = Rule {
    code: "DP405",
    name: "search-line-too-long",
    title: "Search line too long for musl",
    severity: "info, error",
    default: Default::On,
    check: Check::Pod(check),
    doc: Doc {
        what: "The search line the kubelet writes has 255 bytes or more. An error when the image uses musl.",
        why: "musl 1.2.3 reads lines into 256 bytes and drops a longer search line whole: every short name \
               fails. The API server allows 2048 characters.",
        example: r"spec:
  dnsConfig:
    searches:
    - aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.test
    - cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc.dddddddddddddddddddddddddddddddddddddddddddddddd.test
",
        fix: "Shorten the list.",
        source: "musl 1.2.3 src/network/resolvconf.c; measured with lines of 254 and 255 bytes.",
    },
};

/// The first length, in bytes without the newline, that musl drops.
const DROPPED: usize = 255;

fn check(case: &Case<'_>, out: &mut Findings) {
    let length = "search".len() + case.searches().iter().map(|entry| entry.len() + 1).sum::<usize>();
    if length < DROPPED || !case.searches_known() {
        return;
    }
    let severity = if case.is_musl() { Error } else { Info };
    let span = case.pod.dns.searches().first().map_or(case.pod.span, |item| item.span);
    let message = format!(
        "the search line has {length} bytes: musl drops lines of {DROPPED} and more, and all short names fail"
    );
    out.add(severity, &case.pod.object, span, message).fix("shorten the list");
}
