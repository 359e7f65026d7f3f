//! What random files, names and answers showed of the real resolvers: each case was recorded before it was written down.

mod support;

use dnsprobe_resolv::Family;
use support::{Lookup, lookup};

const N: &str = "nameserver 10.96.0.10\n";

fn with(resolver: &str, name: &str, rest: &str) -> Lookup {
    lookup(resolver, name, &format!("{N}{rest}\n"))
}

#[track_caller]
fn asks(lookup: &Lookup, expected: &str) {
    assert_eq!(lookup.asked(), expected, "{} {:?}", lookup.resolver, lookup.conf);
}

#[test]
fn an_answer_that_comes_late_waits_on_glibcs_socket_for_its_servers_next_turn() {
    let conf = "nameserver 10.0.0.1\nnameserver 10.0.0.2\noptions timeout:1 attempts:2";
    let late = lookup("glibc", "web.", conf).answer("web./*", "late");
    assert_eq!(late.asked_and_got(), "3P ! -> ok 2 s");
}

#[test]
fn of_two_questions_that_are_late_at_once_c_ares_sends_the_last_one_first() {
    let conf = "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\noptions attempts:1";
    let asked = |resolver: &str| {
        let simulation = lookup(resolver, "web.", conf).answer("default", "drop").run();
        let types = simulation.sent.iter().map(|sent| sent.query.qtype.to_string());
        types.collect::<Vec<_>>().join(" ")
    };
    // The first two were sent some microseconds apart.
    assert_eq!(asked("c-ares@1.34"), "A AAAA A AAAA AAAA A A AAAA");
}

#[test]
fn go_takes_a_servers_turn_for_a_name_that_fits_no_message() {
    let servers = |resolver: &str, search: &str| {
        let conf =
            format!("nameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch {search}\noptions rotate ndots:5");
        let sent = lookup(resolver, "web", &conf).family(Family::Inet).run().sent;
        sent.iter().map(|sent| sent.query.server).collect::<Vec<_>>()
    };
    assert_eq!(servers("go@1.27", ".foo bar"), [1, 0]);
    assert_eq!(servers("go@1.19", ". a.test"), [1, 0]);
    // Since 1.20 the dot is dropped.
    assert_eq!(servers("go@1.20", ". a.test"), [0, 1]);
}

#[test]
fn musl_does_not_hear_loopback_answer_for_the_unspecified_address() {
    let got = |servers: &str| lookup("musl", "web.", servers).answer("default", "both").asked_and_got();
    assert_eq!(got("nameserver 0.0.0.0\noptions timeout:1"), "2P ! -> EAI_AGAIN 1 s");
    // Unless loopback is a server, too.
    let both = lookup("musl", "web.", "nameserver 0.0.0.0\nnameserver 127.0.0.1").answer("default", "both");
    assert!(both.run().verdict.failure.is_none());
}

#[test]
fn zero_is_no_value_to_bind() {
    let silent = |options: &str| {
        let conf = format!("nameserver 10.0.0.1\noptions {options}");
        lookup("dig", "web.", &conf).answer("default", "drop").asked_and_got()
    };
    assert_eq!(silent("timeout:0 attempts:1"), "A ! -> TIMEOUT 5 s");
    assert_eq!(silent("timeout:1 attempts:0"), "3A ! -> TIMEOUT 3 s");
}

#[test]
fn dnspython_finds_numbers_inside_words_and_flags_only_as_words() {
    let settings = with("dnspython", "web", "options xndots:3 mytimeout:4:5 rotatexyz").settings().unwrap();
    assert_eq!((settings.ndots, settings.timeout_ms), (3, 4000));
    assert!(!settings.flags.has(dnsprobe_resolv::conf::Flag::Rotate));
}

#[test]
fn dnspythons_domain_can_be_the_root_which_is_no_suffix() {
    let root = with("dnspython", "web", "domain .").hostname("pod.dom.test");
    asks(&root.clone().family(Family::Inet), "A !");
    asks(&with("dnspython", "web", "search .").family(Family::Inet), "2A !");
}

#[test]
fn hickory_gives_up_a_pass_when_two_servers_cut_off_their_answers() {
    let asked = |servers: usize| {
        let conf =
            (1..=servers).map(|last| format!("nameserver 10.0.0.{last}\n")).collect::<Vec<_>>().concat();
        let conf = conf + "options timeout:1 attempts:1";
        let simulation = lookup("hickory", "web.", &conf).family(Family::Inet).answer("default", "tc").run();
        let servers: Vec<usize> = simulation.sent.iter().map(|sent| sent.query.server).collect();
        (servers, simulation.verdict.failure.is_none())
    };
    assert_eq!(asked(1), (vec![0, 0], true));
    assert_eq!(asked(2), (vec![0, 1, 0, 1], false));
    assert_eq!(asked(3), (vec![0, 1, 2, 0], false));
}

#[test]
fn c_ares_blames_edns_for_formerr_only_while_it_sends_cookies_or_sees_no_opt() {
    let both = |resolver| {
        with(resolver, "web", "search a.test\noptions ndots:2").answer("web.a.test./AAAA", "FORMERR")
    };
    asks(&both("c-ares").answer("web.a.test./A", "a"), "P +a.test, AAAA +a.test");
    let second = with("c-ares", "web", "search a.test\noptions ndots:2")
        .answer("web./A", "a")
        .answer("web./AAAA", "FORMERR");
    asks(&second, "P +a.test, P !");
}

#[test]
fn an_error_of_one_of_hickorys_two_servers_ends_their_turn() {
    let conf = "nameserver 10.0.0.1\nnameserver 10.0.0.2\noptions attempts:1 timeout:1";
    let refused = lookup("hickory", "web.", conf)
        .family(Family::Inet)
        .answer("@0 default", "REFUSED")
        .answer("default", "both");
    assert_eq!(refused.asked_and_got(), "4A ! -> REFUSED 0 s");
}

#[test]
fn node_makes_the_name_small_but_not_the_suffix() {
    let lookup = with("node", "Web", "search X.Example");
    let names: Vec<String> = lookup.run().sent.iter().map(|sent| sent.query.qname.to_string()).collect();
    assert_eq!(names, ["web.X.Example.", "web.X.Example.", "web.", "web."]);
}

#[test]
fn bind_wants_lines_to_end_behind_their_one_word() {
    asks(&lookup("nslookup", "web", "nameserver 10.96.0.10\r\n"), "refused");
    asks(&with("nslookup", "web", "options"), "refused");
    asks(&with("nslookup", "web", "search"), "refused");
    asks(&lookup("nslookup", "web", "nameserver 10.96.0.10\ndomain"), "A !");
    // Its first suffix has to be a name even for a name that takes none.
    asks(&with("nslookup", "web.", "search a..b\noptions ndots:2"), "");
}

#[test]
fn addresses_are_read_in_ways_of_their_own() {
    let server = |resolver: &str, line: &str| {
        lookup(resolver, "web.", line).settings().map(|settings| settings.nameservers[0].address.to_string())
    };
    assert_eq!(server("glibc", "nameserver 10.96.11").unwrap(), "10.96.0.11");
    assert_eq!(server("c-ares", "nameserver 10.96.11").unwrap(), "10.96.11.0");
    assert_eq!(server("glibc", "nameserver 10.96.0.010").unwrap(), "10.96.0.8");
    assert_eq!(server("c-ares", "nameserver 10.96.0.010").unwrap(), "10.96.0.10");
    assert_eq!(server("c-ares", "nameserver 10.0.0.1,10.0.0.2").unwrap(), "10.0.0.1");
    assert_eq!(server("busybox-nslookup", "nameserver 10.0.0.1 10.0.0.2").unwrap(), "10.0.0.1");
    assert!(server("busybox-nslookup", "nameserver  10.0.0.1").is_err());
    let looked_up = server("busybox-nslookup", "nameserver dns.example").unwrap_err().looks_up;
    assert_eq!(looked_up.as_deref(), Some(&b"dns.example"[..]));
}

#[test]
fn a_backslash_is_an_escape_to_some() {
    let asked = |resolver: &str| with(resolver, "web", "search a\\.b").run().sent[0].query.qname.to_string();
    assert_eq!(asked("glibc"), "web.a\\046b.");
    assert_eq!(asked("c-ares"), "web.a\\046b.");
    assert_eq!(asked("musl"), "web.a\\092.b.");
    assert_eq!(asked("go"), "web.a\\092.b.");
}

#[test]
fn names_beyond_ascii_are_translated_by_some() {
    let asked = |resolver: &str| with(resolver, "b\u{fc}cher.example.", "").family(Family::Inet).asked();
    assert_eq!(asked("dnspython"), "A xn--bcher-kva.example.");
    assert_eq!(asked("node/dns.resolve4"), "A xn--bcher-kva.example.");
    assert_eq!(asked("glibc"), "");
}

#[test]
fn glibcs_word_for_a_failure_depends_on_family_and_transport() {
    let failed = |options: &str, family| {
        let lookup = with("glibc", "svc.ns", &format!("search a.test\noptions attempts:1 {options}"));
        let simulation = lookup.family(family).answer("svc.ns./*", "SERVFAIL").run();
        simulation.verdict.failure.unwrap().code
    };
    assert_eq!(failed("", Family::Unspec), "EAI_AGAIN");
    assert_eq!(failed("", Family::Inet6), "EAI_AGAIN");
    assert_eq!(failed("", Family::Inet), "EAI_NONAME");
    let refused = with("glibc", "svc.ns.", "options use-vc").answer("svc.ns./*", "REFUSED").run();
    assert_eq!(refused.verdict.failure.unwrap().code, "EAI_NONAME");
}

#[test]
fn bind_goes_to_the_next_line_for_the_word_of_a_bare_keyword() {
    asks(&with("nslookup", "web", "search\noptions ndots:1"), "A +options, A +ndots:1, A !");
    asks(&with("nslookup", "web", "options\nsearch a.test"), "A !");
    asks(&with("nslookup", "web", "domain\na.test"), "A +a.test, A !");
    // A blank behind the keyword ends it, and so does a comment on the next line.
    for refused in ["search \noptions ndots:1", "options\n# x\nsearch a.test", "domain\na.test b.test"] {
        asks(&with("nslookup", "web", refused), "refused");
    }
}

#[test]
fn binds_tools_search_for_the_end_of_a_chain_that_was_not_searched_for() {
    let lookup = with("nslookup", "web.a.b.c", "search a.test b.test\noptions ndots:3");
    let lookup = lookup.answer("web.a.b.c./A", "cname");
    asks(&lookup, "A !, AAAA foo., AAAA foo.a.test., AAAA foo.b.test.");
    let searched =
        with("nslookup", "web", "search a.test b.test\noptions ndots:3").answer("web.a.test./A", "cname");
    asks(&searched, "A +a.test, AAAA foo.");
}

#[test]
fn c_ares_forgets_the_file_for_an_environment_that_it_cannot_read() {
    let mut lookup = with("c-ares", "web", "search a.test\noptions ndots:3");
    lookup.situation.res_options = Some(String::new());
    let settings = lookup.settings().unwrap();
    assert_eq!((settings.search.len(), settings.ndots), (0, 1));
    assert_eq!(settings.nameservers[0].text, "127.0.0.1");
    assert!(
        settings.notes.iter().any(|note| note.what == "c-ares cannot read RES_OPTIONS and forgets the file")
    );
    lookup.situation.res_options = Some(" ".to_owned());
    assert_eq!(lookup.settings().unwrap().ndots, 3);
}

#[test]
fn c_ares_ignores_lines_with_what_is_not_printable_and_takes_several_nameservers_of_one() {
    asks(&with("c-ares", "web", "domain b.test\nsearch a.test\tc.test"), "P +b.test, P !");
    asks(&with("c-ares@1.18", "web", "search a.test\tc.test"), "P +a.test\\009c.test, P !");
    let settings = with("c-ares", "web", "nameserver 10.96.0.11 x 10.96.0.12").settings().unwrap();
    let texts: Vec<&str> = settings.nameservers.iter().map(|server| server.text.as_str()).collect();
    assert_eq!(texts, ["10.96.0.10", "10.96.0.11", "10.96.0.12"]);
}

#[test]
fn c_ares_goes_on_asking_for_ipv4_once_it_has_ipv6() {
    let asked = |resolver: &str| {
        let lookup = with(resolver, "web.", "options attempts:2 timeout:1");
        lookup.answer("web./A", "drop").answer("web./AAAA", "both").run().sent.len()
    };
    assert_eq!((asked("c-ares@1.34.2"), asked("c-ares@1.34.3")), (2, 3));
    let ipv4 = with("c-ares", "web.", "options attempts:2 timeout:1");
    assert_eq!(ipv4.answer("web./AAAA", "drop").answer("web./A", "both").run().sent.len(), 2);
}

#[test]
fn c_ares_waits_as_long_as_the_server_has_taught_it() {
    let conf = "search a.test b.test\noptions ndots:5 timeout:2 attempts:1";
    let took = |resolver: &str| with(resolver, "web", conf).answer("web./*", "drop").run().took_us;
    assert_eq!((took("c-ares@1.31"), took("c-ares@1.32")), (2_000_000, 250_000));
}

#[test]
fn busybox_begins_a_line_anew_after_511_bytes_and_counts_blanks() {
    let long = format!("search {}", vec!["d.test"; 80].join(" "));
    let settings = with("busybox-nslookup", "web", &long).settings().unwrap();
    assert_eq!(settings.search.len(), 72);
    asks(&with("busybox-nslookup", "web", "search \ta.test"), "A !, A +a.test, AAAA !, AAAA +a.test");
}

#[test]
fn an_interface_is_taken_with_link_local_addresses_and_by_some_with_others() {
    let servers = |resolver: &str, address: &str| {
        let lookup = lookup(resolver, "web", &format!("nameserver {address}\nnameserver 10.96.0.10\n"));
        lookup.settings().map_or(0, |settings| settings.nameservers.len())
    };
    for resolver in ["glibc", "musl", "go", "c-ares", "nslookup", "busybox-nslookup", "dnspython", "hickory"]
    {
        assert_eq!(servers(resolver, "fe80::1%eth0"), 2, "{resolver}");
    }
    for (resolver, count) in [("glibc", 2), ("musl", 1), ("go", 2), ("c-ares@1.18", 1), ("nslookup", 0)] {
        assert_eq!(servers(resolver, "fd00::1%eth0"), count, "{resolver}");
    }
    assert_eq!((servers("musl", "fd00::1%2"), servers("nslookup", "fd00::1%2")), (2, 2));
}

#[test]
fn hickory_returns_an_address_at_once_unless_more_than_four_dots_are_wanted() {
    asks(&with("hickory", "10.0.0.1", "search a.test"), "");
    asks(&with("hickory", "10.0.0.1", "search a.test\noptions ndots:5"), "P +a.test, P !");
}

#[test]
fn glibc_dies_of_a_suffix_that_finds_no_place_behind_short_ones() {
    let of = |lengths: &[usize]| {
        let words: Vec<String> = lengths.iter().map(|length| "s".repeat(*length)).collect();
        with("glibc", "web", &format!("search {}", words.join(" "))).settings().is_err()
    };
    for deadly in [&[256][..], &[6, 249], &[55, 250], &[8, 8, 8, 8, 8, 250]] {
        assert!(of(deadly), "{deadly:?}");
    }
    for harmless in [&[255][..], &[6, 248], &[56, 250], &[20, 40, 240], &[6, 6, 6, 6, 6, 6, 250]] {
        assert!(!of(harmless), "{harmless:?}");
    }
}

#[test]
fn busybox_takes_a_domain_for_a_list_unless_there_was_one() {
    let burst = "A +a.test, A +b.test, AAAA +a.test, AAAA +b.test";
    asks(&with("busybox-nslookup", "web", "domain a.test b.test"), burst);
    asks(&with("busybox-nslookup", "web", "search a.test b.test\ndomain c.test"), burst);
    asks(&with("busybox-nslookup", "web", "domain c.test\nsearch a.test b.test"), burst);
}

#[test]
fn c_ares_leaves_out_what_a_suffix_puts_below_onion() {
    asks(&with("c-ares", "web", "search a.test onion b.test"), "P +a.test, P +b.test, P !");
    asks(&with("c-ares", "web.onion", "search a.test"), "");
}

#[test]
fn hickory_follows_seven_cnames_of_each_question_and_refuses_names_that_are_too_long() {
    let chain = with("hickory", "web.", "options timeout:1").answer("default", "cname");
    assert_eq!(chain.run().sent.len(), 16);
    let long = |last: usize| {
        let label = "s".repeat(60);
        with("hickory", "web", &format!("search {label}.{label}.{label}.{}", "s".repeat(last)))
            .settings()
            .is_err()
    };
    assert_eq!((long(60), long(63)), (false, false));
    let longer = format!("search {0}.{0}.{0}.{0}.sssssssss", "s".repeat(60));
    assert_eq!(longer.len(), "search ".len() + 253);
    assert!(with("hickory", "web", &longer).settings().is_ok());
    assert!(with("hickory", "web", &format!("{longer}s")).settings().is_err());
}
