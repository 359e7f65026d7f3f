//! Whatever has no effect, or another than written, has a note where it stands: held for every resolver and every odd
//! construct.

mod support;

use dnsprobe_resolv::{Resolver, ResolverId, Settings, Situation, conf};

/// Lines behind a good nameserver, with the line and column (0: any) of what is odd about them, from the second line on.
const ODDITIES: &[(&str, usize, usize)] = &[
    ("search a.test # b.test", 2, 15),
    ("search a.test x#y", 2, 15),
    ("search a.test;x b.test", 2, 8),
    (" search a.test", 2, 2),
    ("\tsearch a.test", 2, 2),
    ("search\ta.test\tb.test", 2, 8),
    ("search a.test\tb.test", 2, 8),
    ("search a.test b.test\r", 2, 15),
    ("search a.test\nsearch", 3, 0),
    ("search a.test\nsearch b.test", 2, 0),
    ("search a.test\ndomain b.test", 2, 0),
    ("domain a.test\nsearch b.test", 2, 0),
    ("domain a.test\ndomain b.test", 2, 0),
    ("domain a.test b.test", 2, 15),
    ("domain", 2, 0),
    ("search a.test,b.test", 2, 8),
    ("search . a.test", 2, 8),
    ("search .foo a.test", 2, 8),
    ("search a..b c.test", 2, 8),
    ("search a.test A.test", 2, 15),
    ("SEARCH a.test", 2, 1),
    ("sortlist 10.0.0.0", 2, 1),
    ("options ndots:abc", 2, 9),
    ("options ndots:-1", 2, 9),
    ("options ndots: 3", 2, 9),
    ("options ndots:3x", 2, 9),
    ("options ndots:0x3", 2, 9),
    ("options ndots:99", 2, 9),
    ("options ndots:4294967297", 2, 9),
    ("options ndots", 2, 9),
    ("options ndots:2 ndots:3", 2, 9),
    ("options ndots:2\noptions ndots:3", 2, 9),
    ("options xndots:3", 2, 9),
    ("options timeout:0", 2, 9),
    ("options timeout:99", 2, 9),
    ("options attempts:0", 2, 9),
    ("options attempts:99", 2, 9),
    ("options bogus", 2, 9),
    ("options rotate", 2, 9),
    ("options rotatexyz", 2, 9),
    ("options edns0", 2, 9),
    ("options no-aaaa", 2, 9),
    ("options -rotate", 2, 9),
    ("options single-request", 2, 9),
    ("options use-vc", 2, 9),
    ("options trust-ad", 2, 9),
    ("nameserver 10.0.0.2#53", 2, 12),
    ("nameserver 10.0.0.2:53", 2, 12),
    ("nameserver 10.2", 2, 12),
    ("nameserver 10.0.0.02", 2, 12),
    ("nameserver dns.test", 2, 12),
    ("nameserver [fd00::1]", 2, 12),
    ("nameserver", 2, 0),
    ("nameserver 10.0.0.2 10.0.0.3", 2, 21),
    ("nameserver 10.0.0.1", 2, 12),
    ("nameserver 10.0.0.2\r", 2, 12),
];

const VERSIONS: &[&str] = &[
    "glibc",
    "glibc@2.26",
    "glibc@2.41",
    "musl",
    "musl@1.2.3",
    "go",
    "go@1.19",
    "c-ares",
    "c-ares@1.18",
    "c-ares@1.28",
    "nslookup",
    "host",
    "dig",
    "busybox-nslookup",
    "hickory",
    "dnspython",
    "netty",
    "node",
    "java",
    "getent",
];

const SERVER: &str = "nameserver 10.0.0.1\n";

fn read(resolver: &str, file: &str) -> Option<Settings> {
    let profile = Resolver::parse(resolver).ok()?.profile();
    conf::interpret(Some(file.as_bytes()), &Situation::default(), &profile).ok()
}

/// What of the settings a line can change.
fn effect(settings: &Settings) -> String {
    let Settings { nameservers, search, ndots, timeout_ms, attempts, flags, .. } = settings;
    let addresses: Vec<_> =
        nameservers.iter().map(|server| (server.address, server.port, &server.scope)).collect();
    format!("{addresses:?} {search:?} {ndots} {timeout_ms} {attempts} {flags:?}")
}

/// The words of a file with the byte range of each, keywords and words of comment lines left out.
fn words(file: &str) -> Vec<(usize, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    let mut offset = 0;
    for (index, line) in file.split_inclusive('\n').enumerate() {
        let mut at = 0;
        for word in line.split([' ', '\t', '\n', '\r']) {
            if at > 0 && !word.is_empty() && !line[..at].trim().is_empty() {
                found.push((index + 1, offset + at..offset + at + word.len()));
            }
            at += word.len() + 1;
        }
        offset += line.len();
    }
    found
}

/// A word that could be taken away without changing anything is noted, on its line, unless it says what holds anyway.
#[test]
fn a_word_without_effect_has_a_note_on_its_line() {
    let mut missing = Vec::new();
    for &resolver in VERSIONS {
        for (lines, ..) in ODDITIES {
            let file = format!("{SERVER}{lines}\n");
            let Some(settings) = read(resolver, &file) else { continue };
            for (line, range) in words(&file) {
                let word = &file[range.clone()];
                let without = [&file[..range.start], &file[range.end..]].concat();
                let same = read(resolver, &without).is_some_and(|other| effect(&other) == effect(&settings));
                // Behind a comment's mark, or heeded without a trace on the wire.
                let start = file[..range.start].rfind('\n').map_or(0, |at| at + 1);
                let commented = file[start..range.start].contains(['#', ';']);
                // Of two equal words either can go, and one is noted.
                let twice = file.matches(word).count() > 1;
                let noted = settings.notes.iter().any(|note| note.line == line || twice);
                // What clears a flag that nothing has set is obeyed.
                if same && !noted && !commented && !word.starts_with(['#', ';', '-']) {
                    missing.push(format!("{resolver} {lines:?}: `{word}`"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// Taken differently by the resolvers, a construct is noted by all but those that take it as it is meant.
#[test]
fn an_odd_construct_is_noted_in_its_place_by_whoever_does_not_take_it_as_written() {
    let mut missing = Vec::new();
    for (lines, line, column) in ODDITIES {
        let file = format!("{SERVER}{lines}\n");
        let effects: Vec<_> = VERSIONS.iter().map(|resolver| read(resolver, &file)).collect();
        for (resolver, settings) in VERSIONS.iter().zip(&effects) {
            let Some(settings) = settings else { continue };
            let here = |note: &&conf::Note| {
                note.line > *line
                    || note.line == *line && (*column == 0 || note.column == 0 || note.column >= *column)
            };
            let noted = settings.notes.iter().any(|note| here(&note));
            if !noted && !as_written(lines, settings) {
                missing.push(format!("{resolver} {lines:?}: {:?} {}", settings.notes, effect(settings)));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// Whether the settings are what the lines mean to a reader of resolv.conf(5) who takes blanks and comments kindly.
fn as_written(lines: &str, settings: &Settings) -> bool {
    let mut search: Vec<String> = Vec::new();
    let mut servers = vec!["10.0.0.1".to_owned()];
    let mut numbers = true;
    for line in lines.lines() {
        let line = line.split(" #").next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let keyword = words.next().unwrap_or_default();
        let words: Vec<String> = words.map(str::to_owned).collect();
        match keyword {
            "search" => search = words,
            "domain" => search = words.into_iter().take(1).collect(),
            "nameserver" => servers.extend(words),
            _ => {
                numbers &= words.iter().all(|word| match word.split_once(':') {
                    Some(("ndots", value)) => value == settings.ndots.to_string(),
                    Some(("timeout", value)) => value != "0" && value == settings.timeout_s().to_string(),
                    Some(("attempts", value)) => value != "0" && value == settings.attempts.to_string(),
                    _ if word.starts_with('-') => settings.flags == dnsprobe_resolv::conf::Flags::default(),
                    _ => settings.flags != dnsprobe_resolv::conf::Flags::default(),
                });
            }
        }
    }
    let found: Vec<String> = settings.search.iter().map(ToString::to_string).collect();
    let asked: Vec<String> = settings.nameservers.iter().map(|server| server.address.to_string()).collect();
    found == search && asked == servers && numbers
}

#[test]
fn what_the_environment_and_the_hosts_name_do_is_noted() {
    let situation = Situation {
        hostname: "pod.dom.test".to_owned(),
        res_options: Some("ndots:2".to_owned()),
        local_domain: Some("x.test".to_owned()),
        host_aliases: Some(Vec::new()),
        ..Situation::default()
    };
    let all = |resolver: &str, file: &str| -> Vec<String> {
        let profile = Resolver::parse(resolver).unwrap().profile();
        let settings = conf::interpret(Some(file.as_bytes()), &situation, &profile).unwrap();
        settings.notes.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        all("musl", SERVER),
        ["musl ignores LOCALDOMAIN", "musl ignores RES_OPTIONS", "musl ignores HOSTALIASES"]
    );
    assert_eq!(all("go", SERVER)[0], "go searches `dom.test`, the domain of the host's name");
    assert_eq!(
        all("glibc", "nameserver 10.0.0.1\nsearch a.test\n"),
        ["line 2: glibc puts LOCALDOMAIN in the place of this list"]
    );
    assert!(all("netty", "").contains(&"netty finds no nameserver and asks 127.0.0.1".to_owned()));
}

#[test]
fn every_resolver_is_held_to_it() {
    let named = |id: ResolverId| VERSIONS.iter().any(|text| Resolver::parse(text).unwrap().id == id);
    assert!(ResolverId::ALL.into_iter().all(named));
}
