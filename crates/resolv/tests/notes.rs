//! What each resolver says about a file it does not take as it stands.

mod support;

use dnsprobe_resolv::{Resolver, ResolverId, Situation, conf};
use support::lookup;

fn notes(resolver: &str, conf: &str) -> Vec<String> {
    match lookup(resolver, "web", conf).settings() {
        Ok(settings) => settings.notes.iter().map(ToString::to_string).collect(),
        Err(refused) => vec![refused.to_string()],
    }
}

#[test]
fn every_oddity_is_noted_where_it_stands() {
    let server = "nameserver 10.96.0.10\n";
    let cases = [
        ("glibc", " search a.test", "line 2, column 2: glibc ignores indented lines"),
        ("musl", " search a.test", "line 2, column 2: musl ignores indented lines"),
        ("glibc", "search", "line 2: glibc ignores a `search` line without a suffix"),
        ("musl", "search", "line 2: musl clears the search list here"),
        (
            "nslookup",
            "search\nsearch a",
            "line 2: bind-nslookup takes the words of the next line for suffixes",
        ),
        ("glibc", "search a.test # b", "line 2, column 15: glibc takes `#` for a suffix"),
        ("glibc", "domain a.test b.test", "line 2, column 15: glibc takes one word after `domain`"),
        ("glibc", "options ndots:99", "line 2, column 9: glibc reads `ndots:99` as 15"),
        ("glibc", "options ndots:-1", "line 2, column 9: glibc reads `ndots:-1` as 15"),
        ("go", "options ndots:abc", "line 2, column 9: go reads `ndots:abc` as 0"),
        ("musl", "options ndots:abc", "line 2, column 9: `abc` is no number to musl, the option is ignored"),
        ("musl", "options edns0 ndots:2", "line 2, column 9: musl ignores this option"),
        ("glibc", "options bogus", "line 2, column 9: glibc does not know this option"),
        (
            "glibc",
            "nameserver 10.96.0.10#53",
            "line 2, column 12: `10.96.0.10#53` is no address to glibc, the line is ignored",
        ),
        (
            "glibc",
            "search\ta.test\tb.test\nSEARCH x",
            "line 3, column 1: glibc does not know the keyword `SEARCH`",
        ),
        ("c-ares", "search a.test A.test", "line 2, column 15: c-ares drops the repeated suffix"),
        ("hickory", "search a.test,b.test", "line 2, column 8: hickory drops the suffix `a.test,b.test`"),
        ("go", "search . a.test", "line 2, column 8: go drops the suffix `.`"),
        (
            "nslookup",
            "options ndots:abc",
            "bind-nslookup refuses this resolv.conf: line 2: `abc` is no number",
        ),
    ];
    for (resolver, lines, expected) in cases {
        let found = notes(resolver, &format!("{server}{lines}\n"));
        assert!(found.iter().any(|note| note == expected), "{resolver} {lines:?}: {found:?}");
    }
}

#[test]
fn fourth_nameserver_and_overlong_line_are_noted() {
    let four = ["1", "2", "3", "4"].map(|last| ["nameserver 10.0.0.", last, "\n"].concat()).concat();
    assert_eq!(notes("glibc", &four), ["line 4, column 12: glibc uses the first 3 nameservers only"]);
    assert_eq!(notes("c-ares", &four), Vec::<String>::new());
    let long = format!("nameserver 10.0.0.1\nsearch {}\n", "s.test ".repeat(40));
    assert_eq!(notes("musl", &long), ["line 2: musl ignores lines of this length"]);
}

#[test]
fn standard_pod_file_has_nothing_to_note() {
    for resolver in ["glibc", "musl", "go", "c-ares", "bind-nslookup", "hickory", "dnspython", "netty"] {
        assert_eq!(notes(resolver, support::K), Vec::<String>::new(), "{resolver}");
    }
}

#[test]
fn what_is_kept_of_a_hostile_file_is_bounded() {
    for line in [
        "options bogus\n",
        "options x x x ",
        "search a.test b.test\n",
        "search a.test ",
        "nameserver 10.0.0.1\n",
    ] {
        let file = line.repeat(6_000);
        for resolver in
            ["glibc", "musl", "go", "c-ares", "c-ares@1.18", "dnspython", "netty", "busybox-nslookup"]
        {
            let Ok(settings) = lookup(resolver, "web", &file).settings() else { continue };
            assert!(settings.notes.len() <= 1000, "{resolver}");
            assert!(settings.search.len() <= 4096, "{resolver}");
            assert!(settings.nameservers.len() <= 256, "{resolver}");
        }
    }
}

#[test]
fn notes_and_lists_of_a_megabyte_are_bounded_and_say_where_reading_ended() {
    let size = 1 << 20;
    let words: [&[u8]; 6] =
        [b"\0", b"x\n", b"search a.test ", b"options x\n", b"nameserver 1.1.1\n", b"domain \xff"];
    for word in words {
        let file = word.repeat(size / word.len());
        for id in ResolverId::ALL {
            let profile = Resolver::new(id).profile();
            let Ok(settings) = conf::interpret(Some(&file), &Situation::default(), &profile) else {
                continue;
            };
            assert!(settings.notes.len() <= 1000, "{id}");
            let longest = settings.notes.iter().map(|note| note.what.len()).max();
            assert!(longest < Some(1000), "{id}: {longest:?}");
            let suffixes: usize = settings.search.iter().map(|suffix| suffix.as_bytes().len()).sum();
            assert!(suffixes <= 64 << 10, "{id}: {suffixes}");
        }
    }
    let file = b"options x\n".repeat(200_000);
    let settings =
        conf::interpret(Some(&file), &Situation::default(), &Resolver::new(ResolverId::Glibc).profile());
    let last = settings.unwrap().notes.pop().unwrap();
    assert_eq!(last.what, "the file is too large, it is not read from here on");
    assert!(last.line > 10_000, "{last}");
}

#[test]
fn a_nameserver_behind_a_million_comments_is_found() {
    let file = [&b"# nothing\n\n".repeat(1 << 20)[..], b"nameserver 10.96.0.10\n"].concat();
    for id in [ResolverId::Glibc, ResolverId::Musl, ResolverId::Go, ResolverId::CAres, ResolverId::BindDig] {
        let settings = conf::interpret(Some(&file), &Situation::default(), &Resolver::new(id).profile());
        assert_eq!(settings.unwrap().nameservers[0].text, "10.96.0.10", "{id}");
    }
}
