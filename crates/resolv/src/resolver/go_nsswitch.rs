//! What Go's own resolver makes of `nsswitch.conf`, and which names it leaves to the libc for it (Go 1.19 and 1.27
//! `src/net/nss.go`, `parseNSSConf`, and `src/net/conf.go`, `hostLookupOrder` and `lookupOrder`).

use crate::Version;
use crate::conf::{Nsswitch, Presence, Situation, syntax};
use crate::name::escape;

/// Go parts sources by blanks alone: a tab is a part of a name.
const BLANK: u8 = b' ';

/// Since this version `.local` and `mdns.allow` matter only where there is a source of mDNS, and the names of
/// `myhostname` are those of systemd.
const REWRITTEN: Version = Version::new(1, 21, 0);
const UNDERSCORED: Version = Version::new(1, 20, 0);

/// One source of the `hosts` line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    name: Vec<u8>,
    standard: Standard,
}

/// Whether what stands in brackets behind a source is what holds without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standard {
    Yes,
    No,
}

/// Why `nsswitch.conf` has Go leave this name to the libc; in words.
pub(super) fn why_libc(situation: &Situation, name: &[u8], version: Version) -> Option<String> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let local = ends_with(name, b".local");
    if local && version < REWRITTEN {
        return Some("the name ends with `.local`".to_owned());
    }
    let sources = match &situation.nsswitch {
        Nsswitch::Unknown | Nsswitch::Missing => return None,
        Nsswitch::Unreadable => return Some("nsswitch.conf cannot be read".to_owned()),
        Nsswitch::Found(bytes) => match hosts(bytes) {
            Ok(sources) if sources.is_empty() => return None,
            Ok(sources) => sources,
            Err((line, what)) => return Some(format!("line {line} of nsswitch.conf {what}")),
        },
    };
    let why = sources.iter().find_map(|source| of_source(source, situation, name, version));
    let mdns = sources.iter().any(|source| source.name.starts_with(b"mdns"));
    let known = sources.iter().any(|source| matches!(&*source.name, b"files" | b"dns"));
    match why {
        Some(why) => Some(why),
        None if mdns && situation.mdns_allow == Presence::Present => {
            Some("nsswitch.conf has mdns, and there is an mdns.allow".to_owned())
        }
        None if !known => Some("nsswitch.conf has neither `files` nor `dns` for hosts".to_owned()),
        None => None,
    }
}

/// Whether there is a `hosts` line from which nobody asks in DNS (Go; glibc parts by tabs, too).
pub fn hosts_without_dns(nsswitch: &Nsswitch) -> bool {
    let Nsswitch::Found(bytes) = nsswitch else { return false };
    let sources = hosts(bytes).unwrap_or_default();
    !sources.is_empty() && sources.iter().all(|source| &*source.name == b"files")
}

fn of_source(source: &Source, situation: &Situation, name: &[u8], version: Version) -> Option<String> {
    match &*source.name {
        known @ (b"files" | b"dns") => (source.standard == Standard::No).then(|| {
            format!("nsswitch.conf has conditions of its own behind `{}`", String::from_utf8_lossy(known))
        }),
        b"myhostname" => is_own(name, situation, version)
            .then(|| "nsswitch.conf has `myhostname`, which knows this name".to_owned()),
        mdns if mdns.starts_with(b"mdns") => (version >= REWRITTEN && ends_with(name, b".local"))
            .then(|| "nsswitch.conf has mdns, and the name ends with `.local`".to_owned()),
        other => Some(format!("nsswitch.conf has `{}`, which Go does not know", escape(other))),
    }
}

/// Whether the name is one that systemd's `nss-myhostname` answers.
fn is_own(name: &[u8], situation: &Situation, version: Version) -> bool {
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    let localhost = is("localhost")
        || is("localhost.localdomain")
        || ends_with(name, b".localhost")
        || ends_with(name, b".localhost.localdomain");
    let underscored = version >= UNDERSCORED;
    let router = if underscored { is("_gateway") || is("_outbound") } else { is("gateway") };
    localhost || router || is(&situation.hostname)
}

/// Whether a longer name ends so, in any case.
fn ends_with(name: &[u8], end: &[u8]) -> bool {
    name.len().checked_sub(end.len()).is_some_and(|at| name[at..].eq_ignore_ascii_case(end))
}

/// The sources of all `hosts` lines; or the line that Go cannot read, and what is wrong with it.
fn hosts(bytes: &[u8]) -> Result<Vec<Source>, (usize, &'static str)> {
    let mut sources = Vec::new();
    for line in syntax::lines(bytes) {
        let end = line.bytes.iter().position(|&byte| byte == b'#').unwrap_or(line.bytes.len());
        let text = trimmed(&line.bytes[..end]);
        if text.is_empty() {
            continue;
        }
        let colon = text.iter().position(|&byte| byte == b':').ok_or((line.number, "has no colon"))?;
        let of_line = line_sources(&text[colon + 1..]).map_err(|what| (line.number, what))?;
        if trimmed(&text[..colon]) == b"hosts" {
            sources.extend(of_line);
        }
    }
    Ok(sources)
}

fn line_sources(text: &[u8]) -> Result<Vec<Source>, &'static str> {
    let mut rest = trimmed(text);
    let mut sources = Vec::new();
    while !rest.is_empty() {
        let end = rest.iter().position(|&byte| byte == BLANK).unwrap_or(rest.len());
        let name = rest[..end].to_vec();
        rest = trimmed(&rest[end..]);
        let mut standard = Standard::Yes;
        if rest.starts_with(b"[") {
            let close = rest.iter().position(|&byte| byte == b']').ok_or("has a bracket without its end")?;
            standard = criteria(&rest[1..close])?;
            rest = trimmed(&rest[close + 1..]);
        }
        sources.push(Source { name, standard });
    }
    Ok(sources)
}

/// `notfound=return !unavail=continue`.
fn criteria(text: &[u8]) -> Result<Standard, &'static str> {
    let fields = text.split(|&byte| byte == BLANK).map(trimmed).filter(|field| !field.is_empty());
    let fields: Vec<&[u8]> = fields.collect();
    let mut standard = Standard::Yes;
    for (index, field) in fields.iter().enumerate() {
        let plain = field.strip_prefix(b"!").unwrap_or(field);
        let equals = plain.iter().position(|&byte| byte == b'=').filter(|_| plain.len() >= 3);
        let equals = equals.ok_or("has a condition that Go cannot read")?;
        let (status, action) =
            (plain[..equals].to_ascii_lowercase(), plain[equals + 1..].to_ascii_lowercase());
        let usual = match &*status {
            b"success" => &b"return"[..],
            b"notfound" | b"unavail" | b"tryagain" => b"continue",
            _ => b"",
        };
        // The last may always say `return`.
        let last = index + 1 == fields.len();
        let holds = action == usual || (last && action == b"return");
        if plain.len() != field.len() || usual.is_empty() || !holds {
            standard = Standard::No;
        }
    }
    Ok(standard)
}

/// Without blanks, tabs and ends of lines around it.
fn trimmed(text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| b" \t\n\r".contains(byte);
    let start = text.iter().position(|byte| !blank(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !blank(byte)).map_or(start, |at| at + 1);
    &text[start..end]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn why(nsswitch: &str, name: &str, minor: u16) -> Option<String> {
        let nsswitch = Nsswitch::Found(nsswitch.as_bytes().to_vec());
        let situation = Situation { nsswitch, hostname: "pod-0".to_owned(), ..Situation::default() };
        why_libc(&situation, name.as_bytes(), Version::new(1, minor, 0))
    }

    #[test]
    fn what_debian_and_alpine_ship_stays_with_go() {
        for plain in [
            "hosts: files dns",
            "hosts:          files dns\n",
            "passwd: compat\nhosts: files mdns4_minimal [NOTFOUND=return] dns # mdns4\n",
            "hosts: dns [!UNAVAIL=return] files\n".replace('!', "").as_str(),
            "passwd: files\n",
            "",
        ] {
            assert_eq!(why(plain, "web", 27), None, "{plain}");
            assert_eq!(why(plain, "web", 19), None, "{plain}");
        }
    }

    #[test]
    fn sources_and_conditions_that_go_does_not_know_go_to_the_libc() {
        let cases = [
            (
                "hosts: files resolve [!UNAVAIL=return] dns",
                "nsswitch.conf has `resolve`, which Go does not know",
            ),
            ("hosts: files\tdns", "nsswitch.conf has `files\\009dns`, which Go does not know"),
            ("hosts: files [success=continue] dns", "nsswitch.conf has conditions of its own behind `files`"),
            (
                "hosts: dns [notfound=return unavail=continue] files",
                "nsswitch.conf has conditions of its own behind `dns`",
            ),
            ("hosts: files dns [x=return]", "nsswitch.conf has conditions of its own behind `dns`"),
            ("hosts: mdns", "nsswitch.conf has neither `files` nor `dns` for hosts"),
            ("hosts files dns", "line 1 of nsswitch.conf has no colon"),
            ("#\nhosts: files [x dns", "line 2 of nsswitch.conf has a bracket without its end"),
            ("hosts: files [x] dns", "line 1 of nsswitch.conf has a condition that Go cannot read"),
        ];
        for (nsswitch, expected) in cases {
            assert_eq!(why(nsswitch, "web", 22).as_deref(), Some(expected), "{nsswitch}");
        }
    }

    #[test]
    fn names_that_other_sources_know_go_to_the_libc() {
        let own = "hosts: files myhostname dns";
        for name in ["localhost", "x.LOCALHOST.", "pod-0", "POD-0."] {
            assert!(why(own, name, 19).is_some() && why(own, name, 27).is_some(), "{name}");
        }
        for (name, minor, goes) in
            [("gateway", 19, true), ("gateway", 20, false), ("_gateway", 20, true), ("_outbound", 19, false)]
        {
            assert_eq!(why(own, name, minor).is_some(), goes, "{name} {minor}");
        }
        assert_eq!(why(own, "web", 27), None);
        // Up to 1.20 whatever the file says.
        for (nsswitch, minor, goes) in [
            ("hosts: files dns", 20, true),
            ("hosts: files dns", 21, false),
            ("hosts: files mdns4_minimal dns", 21, true),
        ] {
            assert_eq!(why(nsswitch, "printer.local", minor).is_some(), goes, "{nsswitch} {minor}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_goes_to_the_libc_and_one_that_is_missing_does_not() {
        let why = |nsswitch| {
            let situation = Situation { nsswitch, ..Situation::default() };
            why_libc(&situation, b"web", Version::new(1, 27, 0))
        };
        assert_eq!(why(Nsswitch::Unreadable).as_deref(), Some("nsswitch.conf cannot be read"));
        assert_eq!((why(Nsswitch::Missing), why(Nsswitch::Unknown)), (None, None));
    }

    #[test]
    fn files_alone_ask_nobody() {
        let alone = |text: &str| hosts_without_dns(&Nsswitch::Found(text.as_bytes().to_vec()));
        assert!(alone("hosts: files\n") && !alone("hosts: files dns") && !alone("passwd: files"));
        assert!(!hosts_without_dns(&Nsswitch::Missing));
    }

    #[test]
    fn mdns_allow_may_list_anything() {
        let nsswitch = Nsswitch::Found(b"hosts: files mdns dns".to_vec());
        let situation = Situation { nsswitch, mdns_allow: Presence::Present, ..Situation::default() };
        for minor in [19, 27] {
            assert!(why_libc(&situation, b"web", Version::new(1, minor, 0)).is_some());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200), name in "[a-z.]{0,9}") {
            let situation = Situation { nsswitch: Nsswitch::Found(bytes), ..Situation::default() };
            let _ = why_libc(&situation, name.as_bytes(), Version::new(1, 27, 0));
        }
    }
}
