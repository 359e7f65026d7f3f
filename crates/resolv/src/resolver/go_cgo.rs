//! When a Go program that was built with cgo asks the libc in place of Go's own resolver (Go 1.19 and 1.27
//! `src/net/conf.go`).

use super::go_nsswitch;
use crate::conf::{Situation, first_unknown, syntax};
use crate::name::escape;
use crate::{Resolver, ResolverId, Version};

/// Why a lookup of this name goes to the libc, in words; `None` when Go's own resolver makes it. For programs with cgo
/// only: without it there is no libc to go to.
pub fn go_hands_over(
    file: Option<&[u8]>,
    situation: &Situation,
    name: &[u8],
    version: Version,
) -> Option<String> {
    match net_dns(situation.go_debug.as_deref().unwrap_or_default()) {
        Some("go") => return None,
        Some("cgo") => return Some("GODEBUG says netdns=cgo".to_owned()),
        _ => {}
    }
    if situation.local_domain.is_some() {
        return Some("LOCALDOMAIN is set".to_owned());
    }
    let set = |value: &Option<String>| value.as_ref().is_some_and(|value| !value.is_empty());
    if set(&situation.res_options) {
        return Some("RES_OPTIONS is set".to_owned());
    }
    if situation.host_aliases.is_some() {
        return Some("HOSTALIASES is set".to_owned());
    }
    if name.contains(&b'%') || name.contains(&b'\\') {
        return Some("the name has a character that Go leaves to the libc".to_owned());
    }
    unknown_word(file.unwrap_or_default(), version)
        .map(|word| format!("resolv.conf has {word}, which Go does not know"))
        .or_else(|| go_nsswitch::why_libc(situation, name, version))
}

/// The last word of `netdns=` in GODEBUG that names a resolver: `go`, `cgo`, `go+1`, `cgo+2`.
fn net_dns(go_debug: &str) -> Option<&str> {
    let values = go_debug.split(',').filter_map(|pair| pair.trim().strip_prefix("netdns="));
    values.flat_map(|value| value.split('+')).rfind(|word| matches!(*word, "go" | "cgo"))
}

/// The keywords that Go knows; `lookup` is OpenBSD's.
const KEYWORDS: [&[u8]; 5] = [b"nameserver", b"domain", b"search", b"options", b"lookup"];

/// The first option or keyword of `resolv.conf` that Go does not know (`dnsReadConfig`, `unknownOpt`).
fn unknown_word(file: &[u8], version: Version) -> Option<String> {
    let profile = Resolver::new(ResolverId::Go).with_version(version).profile();
    let rules = &profile.parse;
    let comment = |line: &syntax::Line<'_>| matches!(line.bytes.first(), Some(b'#' | b';'));
    syntax::lines(file).filter(|line| !comment(line)).find_map(|line| {
        let keyword = line.words(rules.blanks).next()?;
        if !KEYWORDS.contains(&keyword.bytes) {
            return Some(format!("the keyword `{}`", escape(keyword.bytes)));
        }
        if keyword.bytes != b"options" {
            return None;
        }
        let start = keyword.column - 1 + keyword.bytes.len();
        let unknown = first_unknown(line.content(), start, rules.blanks, &rules.options, version)?;
        Some(format!("the option `{}`", escape(unknown.bytes)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(conf: &str, situation: &Situation, name: &str) -> Option<String> {
        go_hands_over(Some(conf.as_bytes()), situation, name.as_bytes(), Version::new(1, 22, 0))
    }

    #[test]
    fn a_plain_pod_is_resolved_by_go_itself() {
        let conf = "search a.test\noptions ndots:5 edns0 trust-ad\nnameserver 10.96.0.10\n";
        assert_eq!(why(conf, &Situation::default(), "web"), None);
        let local = Situation { res_options: Some(String::new()), ..Situation::default() };
        assert_eq!(why(conf, &local, "web"), None);
    }

    #[test]
    fn the_environment_an_unknown_option_and_odd_names_go_to_the_libc() {
        let set = |value: &str| Some(value.to_owned());
        let cases = [
            (Situation { local_domain: set(""), ..Situation::default() }, "", "web", "LOCALDOMAIN is set"),
            (
                Situation { res_options: set("ndots:1"), ..Situation::default() },
                "",
                "web",
                "RES_OPTIONS is set",
            ),
            (
                Situation { host_aliases: Some(Vec::new()), ..Situation::default() },
                "",
                "web",
                "HOSTALIASES is set",
            ),
            (
                Situation { go_debug: set("x=1,netdns=cgo+2"), ..Situation::default() },
                "",
                "web",
                "GODEBUG says netdns=cgo",
            ),
            (
                Situation::default(),
                "options ndots:5 no-aaaa\n",
                "web",
                "resolv.conf has the option `no-aaaa`, which Go does not know",
            ),
            (Situation::default(), "", "fe80::1%eth0", "the name has a character that Go leaves to the libc"),
        ];
        for (situation, conf, name, expected) in cases {
            assert_eq!(why(conf, &situation, name).as_deref(), Some(expected));
        }
    }

    #[test]
    fn keywords_and_options_that_go_learned_late_go_to_the_libc() {
        let why = |conf: &str, minor| {
            go_hands_over(Some(conf.as_bytes()), &Situation::default(), b"web", Version::new(1, minor, 0))
        };
        let keyword = "resolv.conf has the keyword `sortlist`, which Go does not know";
        assert_eq!(why("# x\nsortlist 10.0.0.0/8\n", 27).as_deref(), Some(keyword));
        assert_eq!(why("lookup file bind\n; x\n\n", 27), None);
        for option in ["edns0", "trust-ad", "no-reload"] {
            let conf = format!("options {option}\n");
            assert_eq!((why(&conf, 19).is_some(), why(&conf, 20)), (true, None), "{option}");
        }
    }

    #[test]
    fn godebug_can_keep_it_with_go() {
        let situation = Situation {
            go_debug: Some("netdns=go+1".to_owned()),
            res_options: Some("ndots:1".to_owned()),
            ..Situation::default()
        };
        assert_eq!(why("options no-aaaa\n", &situation, "web"), None);
    }
}
