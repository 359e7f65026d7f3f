//! What is asked for a name under a `resolv.conf`, and what the application gets: cases measured on the real resolvers.

mod support;

use dnsprobe_resolv::Family;
use dnsprobe_resolv::conf::HostAddress;
use support::{K, Lookup, lookup};

const X: &str = "www.example.com";
const WALK: &str = "P +S1, P +S2, P +S3, P !";

#[track_caller]
fn asks(lookup: &Lookup, expected: &str) {
    assert_eq!(lookup.asked(), expected, "{} {:?}", lookup.resolver, lookup.conf);
}

#[track_caller]
fn all_ask(resolvers: &[&str], name: &str, conf: &str, expected: &str) {
    for resolver in resolvers {
        asks(&lookup(resolver, name, conf), expected);
    }
}

#[test]
fn external_name_walks_the_whole_list_first() {
    for resolver in ["glibc", "musl@1.2.3", "musl", "go@1.19", "go", "c-ares@1.18", "c-ares"] {
        asks(&lookup(resolver, X, K).answer("www.example.com./*", "both"), WALK);
    }
}

#[test]
fn trailing_dot_asks_once() {
    all_ask(&["glibc", "musl", "go", "c-ares", "busybox-nslookup"], "web.", K, "P !");
    asks(&lookup("nslookup", "web.", K), "A !");
}

#[test]
fn first_suffix_that_answers_ends_the_walk() {
    let answered = |resolver| lookup(resolver, "web", K).answer("web.ns.svc.cluster.local./*", "both");
    for resolver in ["glibc", "musl", "go", "c-ares", "nslookup"] {
        asks(&answered(resolver), "P +S1");
    }
}

#[test]
fn name_that_is_nowhere_costs_the_whole_list() {
    all_ask(&["glibc", "musl", "go", "c-ares", "hickory"], "web", K, WALK);
    asks(&lookup("busybox-nslookup", "web", K), "A +S1, A +S2, A +S3, AAAA +S1, AAAA +S2, AAAA +S3");
    asks(&lookup("nslookup", "web", K), "A +S1, A +S2, A +S3, A !");
    asks(&lookup("dig/dig", "web", K), "A !");
    asks(&lookup("getent", "web", K), "AAAA +S1, AAAA +S2, AAAA +S3, AAAA !, A +S1, A +S2, A +S3, A !");
}

#[test]
fn ipv4_alone_asks_no_aaaa() {
    for resolver in ["glibc", "musl", "go"] {
        asks(&lookup(resolver, "web", K).family(Family::Inet), "A +S1, A +S2, A +S3, A !");
    }
}

#[test]
fn enough_dots_is_as_is_first_for_some_and_as_is_only_for_others() {
    all_ask(&["glibc", "go", "c-ares"], "a.b.c.d.e.f", K, "P !, P +S1, P +S2, P +S3");
    all_ask(&["musl"], "a.b.c.d.e.f", K, "P !");
    all_ask(&["glibc", "musl", "go", "c-ares"], "a.b.c.d.e", K, WALK);
    let two = "search a.test b.test\nnameserver 10.96.0.10\n";
    all_ask(&["glibc", "go", "c-ares"], X, two, "P !, P +a.test, P +b.test");
    asks(&lookup("musl", X, two), "P !");
    asks(&lookup("nslookup", X, two), "A !");
}

#[test]
fn hostname_domain_is_a_hidden_suffix() {
    let hosted = |resolver| lookup(resolver, "web", "nameserver 10.96.0.10\n").hostname("pod.dom.test");
    for resolver in ["glibc", "go", "c-ares", "hickory"] {
        asks(&hosted(resolver), "P +dom.test, P !");
    }
    asks(&hosted("musl"), "P !");
    asks(&hosted("busybox-nslookup"), "P +dom.test");
    asks(&hosted("nslookup"), "A !");
    let both = lookup("hickory", "web", K).hostname("pod.dom.test");
    asks(&both, "P +dom.test, P +S1, P +S2, P +S3, P !");
}

#[test]
fn ndots_values_are_read_in_as_many_ways_as_there_are_parsers() {
    let one = |options: &str| format!("nameserver 10.96.0.10\nsearch a.test\noptions {options}\n");
    let first = "P !, P +a.test";
    let last = "P +a.test, P !";
    let cases = [
        ("glibc", "ndots:0", "web", first),
        ("go", "ndots:0", "web", first),
        ("musl", "ndots:0", "web", "P !"),
        ("netty", "ndots:0", "web", "P !"),
        ("glibc", "ndots:abc", "web", first),
        ("go", "ndots:abc", "web", first),
        ("c-ares@1.18", "ndots:abc", "web", first),
        ("musl", "ndots:abc", "web", last),
        ("c-ares", "ndots:abc", "web", last),
        ("nslookup", "ndots:abc", "web", "refused"),
        ("glibc", "ndots:-1", "a.b.c.d", last),
        ("musl", "ndots:-1", "a.b.c.d", "P !"),
        ("go", "ndots:-1", "a.b.c.d", first),
        ("nslookup", "ndots:-1", "a.b.c.d", "refused"),
        ("glibc", "ndots: 5", "a.b", last),
        ("musl", "ndots: 5", "a.b", "P !"),
        ("go", "ndots: 5", "a.b", first),
        ("c-ares", "ndots: 5", "a.b", first),
        ("c-ares@1.18", "ndots: 5", "a.b", last),
        ("c-ares", "ndots:99", "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r", last),
        ("glibc", "ndots:99", "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r", first),
        ("glibc", "ndots:5\noptions ndots:2", "a.b.c", first),
        ("musl", "ndots:5\noptions ndots:2", "a.b.c", "P !"),
        ("c-ares", "ndots:5\noptions ndots:2", "a.b.c", first),
        ("c-ares@1.18", "ndots:5\noptions ndots:2", "a.b.c", last),
        ("netty", "ndots:5\noptions ndots:2", "a.b.c", last),
        ("musl", "foo-ndots:3", "a.b.c", last),
        ("glibc", "foo-ndots:3", "a.b.c", first),
        ("go", "foo-ndots:3", "a.b.c", first),
    ];
    for (resolver, options, name, expected) in cases {
        assert_eq!(lookup(resolver, name, &one(options)).asked(), expected, "{resolver} {options}");
    }
}

#[test]
fn search_lines_are_read_in_as_many_ways_as_there_are_parsers() {
    let cases = [
        ("glibc musl go c-ares", "search a.test\nsearch b.test", "P +b.test, P !"),
        ("netty", "search a.test\nsearch b.test", "P +a.test, P +b.test, P !"),
        ("glibc musl c-ares@1.18", "search a.test\ndomain b.test", "P +b.test, P !"),
        ("c-ares netty", "search a.test\ndomain b.test", "P +a.test, P !"),
        ("glibc musl go c-ares", "domain b.test\nsearch a.test", "P +a.test, P !"),
        ("hickory", "domain b.test\nsearch a.test", "P +b.test, P +a.test, P !"),
        ("glibc go", "domain a.test b.test", "P +a.test, P !"),
        ("musl", "domain a.test b.test", "P +a.test, P +b.test, P !"),
        ("nslookup", "domain a.test b.test", "refused"),
        ("glibc", "search a.test\nsearch", "P +a.test, P !"),
        ("musl go", "search a.test\nsearch", "P !"),
        ("musl go", "search .", "P !"),
        ("glibc", "search . foo", "P !, P +foo"),
        ("musl", "search . foo", "P +foo, P !"),
        ("go", "search . foo", "P +foo, P !"),
        ("c-ares@1.18", "search . foo", ""),
        ("glibc", "search .foo bar", "P +foo, P +bar, P !"),
        ("musl go", "search .foo bar", "P +bar, P !"),
        ("musl@1.2.0", "search .foo bar", ""),
        ("glibc musl go c-ares hickory", "search a.test.", "P +a.test, P !"),
        ("c-ares hickory", "search a.test A.test a.test", "P +a.test, P !"),
        ("c-ares", "search a.test,b.test", "P +a.test, P +b.test, P !"),
        ("glibc musl go", "search a.test,b.test", "P +a.test,b.test, P !"),
        ("hickory", "search a.test,b.test", "P !"),
        ("glibc musl go", "search a.test\tb.test", "P +a.test, P +b.test, P !"),
        ("c-ares", "search a.test\tb.test", "P !"),
        ("glibc musl go", "search a.test # b.test", "P +a.test, P +#, P +b.test, P !"),
        ("c-ares c-ares@1.18 hickory", "search a.test # b.test", "P +a.test, P !"),
        ("glibc musl", " search a.test", "P !"),
        ("go", " search a.test", "P +a.test, P !"),
    ];
    for (resolvers, lines, expected) in cases {
        for resolver in resolvers.split(' ') {
            let conf = format!("nameserver 10.96.0.10\n{lines}\n");
            let expected =
                if lines.contains("A.test") && resolver == "hickory" { "P +a.test, P !" } else { expected };
            assert_eq!(lookup(resolver, "web", &conf).asked(), expected, "{resolver} {lines:?}");
        }
    }
}

#[test]
fn root_suffix_asks_twice_on_glibc_when_as_is_came_first() {
    let conf = "search .\nnameserver 10.96.0.10\n";
    asks(&lookup("glibc", X, conf), "2P !");
    all_ask(&["musl", "go"], X, conf, "P !");
}

#[test]
fn broken_root_suffix_of_old_musl_reaches_the_wire_as_a_malformed_message() {
    let conf = "search . foo\nnameserver 10.96.0.10\noptions timeout:1 attempts:1 ndots:5\n";
    let simulation = lookup("musl@1.2.3", "web", conf).run();
    assert_eq!(simulation.sent.len(), 2);
    assert!(simulation.sent.iter().all(|sent| sent.query.wire == dnsprobe_resolv::plan::Wire::Malformed));
    assert_eq!(simulation.verdict.failure.map(|failure| failure.code), Some("EAI_AGAIN"));
}

#[test]
fn carriage_returns_cost_glibc_its_nameserver() {
    let conf = "nameserver 127.0.0.2\r\nsearch a.test\r\n";
    let used = |resolver| lookup(resolver, "web", conf).settings().unwrap().nameservers[0].text.clone();
    assert_eq!(used("glibc"), "127.0.0.1");
    assert_eq!(used("musl"), "127.0.0.2");
    assert_eq!(used("go"), "127.0.0.2");
}

#[test]
fn musl_ignores_a_search_line_of_255_characters() {
    let list: Vec<String> = (0..40).map(|index| format!("s{index:02}.test")).collect();
    let conf = format!("nameserver 10.96.0.10\nsearch {}\n", list.join(" "));
    assert_eq!(lookup("glibc", "web", &conf).run().sent.len(), 82);
    assert_eq!(lookup("go", "web", &conf).run().sent.len(), 82);
    assert_eq!(lookup("glibc@2.25", "web", &conf).run().sent.len(), 14);
    asks(&lookup("musl", "web", &conf), "P !");
}

#[test]
fn environment_changes_glibc_and_c_ares_only() {
    let mut with_options = lookup("glibc", X, K);
    with_options.situation.res_options = Some("ndots:1".to_owned());
    asks(&with_options, "P !, P +S1, P +S2, P +S3");
    with_options.resolver = lookup("musl", X, K).resolver;
    asks(&with_options, WALK);

    let mut emptied = lookup("glibc", "web", K);
    emptied.situation.local_domain = Some(String::new());
    asks(&emptied, "P !");
    let mut replaced = lookup("glibc", "web", K);
    replaced.situation.local_domain = Some("x.test y.test".to_owned());
    asks(&replaced, "P +x.test, P +y.test, P !");
    replaced.resolver = lookup("c-ares", "web", K).resolver;
    asks(&replaced, "P +x.test, P !");
}

#[test]
fn host_aliases_replace_the_name_on_glibc() {
    let mut aliased = lookup("glibc", "web", K);
    aliased.situation.host_aliases = Some(b"web alias.target.test\n".to_vec());
    let first = aliased.run().sent[0].query.qname.to_string();
    assert_eq!(first, "alias.target.test.ns.svc.cluster.local.");
    aliased.resolver = lookup("musl", "web", K).resolver;
    asks(&aliased, WALK);
}

#[test]
fn missing_file_means_loopback() {
    let servers = |resolver| {
        let mut missing = lookup(resolver, "web", "");
        missing.conf = None;
        missing
            .settings()
            .map(|settings| settings.nameservers.iter().map(|server| server.text.clone()).collect())
    };
    assert_eq!(servers("glibc"), Ok(vec!["127.0.0.1".to_owned()]));
    assert_eq!(servers("musl"), Ok(vec!["127.0.0.1".to_owned()]));
    assert_eq!(servers("go"), Ok(vec!["127.0.0.1".to_owned(), "::1".to_owned()]));
    assert!(servers("dnspython").is_err());
}

/// The first suffix does something, the second has addresses.
#[test]
fn answers_that_end_the_walk_on_one_resolver_and_not_on_another() {
    let cases = [
        ("nodata", "glibc", "P +S1, P +S2 -> ok 0 s"),
        ("nodata", "go", "P +S1, P +S2 -> ok 0 s"),
        ("nodata", "c-ares", "P +S1, P +S2 -> ok 0 s"),
        ("nodata", "musl", "P +S1 -> EAI_NODATA 0 s"),
        ("nodata", "musl@1.2.3", "P +S1 -> EAI_NONAME 0 s"),
        ("nodata", "nslookup", "P +S1 -> NODATA 0 s"),
        ("cname", "glibc", "P +S1 -> EAI_NONAME 0 s"),
        ("cname", "musl", "P +S1 -> EAI_NODATA 0 s"),
        ("cname", "go", "P +S1, P +S2 -> ok 0 s"),
        ("cname", "c-ares", "P +S1, P +S2 -> ok 0 s"),
        ("cname", "hickory", "P +S1, P foo., P +S2 -> ok 0 s"),
        ("SERVFAIL", "glibc", "2P +S1, P +S2 -> ok 0 s"),
        ("SERVFAIL", "go", "2P +S1, P +S2 -> ok 0 s"),
        ("SERVFAIL", "musl", "6P +S1 -> EAI_AGAIN 5 s"),
        ("SERVFAIL", "c-ares", "3P +S1 -> SERVFAIL 0 s"),
        ("SERVFAIL", "c-ares@1.18", "4P +S1 -> SERVFAIL 0 s"),
        ("SERVFAIL", "hickory", "3P +S1, P +S2 -> ok 0 s"),
        ("SERVFAIL", "nslookup", "A +S1 -> SERVFAIL 0 s"),
        ("REFUSED", "glibc", "2P +S1, P ! -> EAI_NONAME 0 s"),
        ("REFUSED", "go", "2P +S1, P +S2 -> ok 0 s"),
        ("REFUSED", "musl", "2P +S1 -> EAI_AGAIN 5 s"),
        ("REFUSED", "c-ares", "3P +S1 -> REFUSED 0 s"),
        ("FORMERR", "glibc", "P +S1, P ! -> EAI_NONAME 0 s"),
        ("FORMERR", "go", "2P +S1, P +S2 -> ok 0 s"),
        ("FORMERR", "musl", "2P +S1 -> EAI_AGAIN 5 s"),
        ("FORMERR", "c-ares", "2P +S1 -> FORMERR 0 s"),
        ("FORMERR", "c-ares@1.18", "P +S1 -> FORMERR 0 s"),
        ("NOTIMP", "glibc", "2P +S1, P ! -> EAI_NONAME 0 s"),
        ("lame", "glibc", "2P +S1, P ! -> EAI_NONAME 0 s"),
        ("lame", "go@1.19", "2P +S1, P +S2 -> ok 0 s"),
        ("lame", "musl", "P +S1 -> EAI_NODATA 0 s"),
    ];
    for (value, resolver, expected) in cases {
        let lookup = lookup(resolver, "web", K)
            .answer(
                if value == "lame" { "web.ns.svc.cluster.local." } else { "web.ns.svc.cluster.local./*" },
                value,
            )
            .answer("web.svc.cluster.local./*", "both");
        assert_eq!(lookup.asked_and_got(), expected, "{resolver} {value}");
    }
}

#[test]
fn pairs_that_disagree_are_settled_by_three_different_rules() {
    let s1 = |resolver, a, aaaa| {
        lookup(resolver, "web", K)
            .answer("web.ns.svc.cluster.local./A", a)
            .answer("web.ns.svc.cluster.local./AAAA", aaaa)
    };
    let cases = [
        ("glibc", "a", "NXDOMAIN", "P +S1 -> ok 0 s"),
        ("go", "a", "NXDOMAIN", "P +S1 -> ok 0 s"),
        ("c-ares", "a", "NXDOMAIN", "P +S1 -> ok 0 s"),
        ("musl@1.2.0", "a", "NXDOMAIN", "P +S1 -> ok 0 s"),
        ("musl", "a", "NXDOMAIN", "P +S1, P +S2, P +S3, P ! -> EAI_NONAME 0 s"),
        ("glibc", "NXDOMAIN", "both", "P +S1 -> ok 0 s"),
        ("musl@1.2.0", "NXDOMAIN", "both", "P +S1 -> ok 0 s"),
        ("musl", "NXDOMAIN", "both", "P +S1, P +S2, P +S3, P ! -> EAI_NONAME 0 s"),
        ("musl@1.2.0", "nodata", "NXDOMAIN", "P +S1 -> EAI_NONAME 0 s"),
        ("musl", "nodata", "NXDOMAIN", "P +S1, P +S2, P +S3, P ! -> EAI_NONAME 0 s"),
        ("glibc", "a", "SERVFAIL", "P +S1 -> ok 0 s"),
        ("go", "a", "SERVFAIL", "P +S1, AAAA +S1 -> ok 0 s"),
        ("musl", "a", "SERVFAIL", "P +S1, 9AAAA +S1 -> EAI_AGAIN 5 s"),
        ("glibc", "a", "NOTIMP", "P +S1 -> ok 0 s"),
        ("glibc", "a", "FORMERR", "P +S1 -> ok 0 s"),
        ("glibc", "SERVFAIL", "NXDOMAIN", "P +S1, P +S2, P +S3, P ! -> EAI_NONAME 0 s"),
        ("c-ares", "NXDOMAIN", "SERVFAIL", "P +S1, 2AAAA +S1 -> SERVFAIL 0 s"),
    ];
    for (resolver, a, aaaa, expected) in cases {
        assert_eq!(s1(resolver, a, aaaa).asked_and_got(), expected, "{resolver} {a} {aaaa}");
    }
}

#[test]
fn silence_makes_glibc_skip_the_rest_of_the_list() {
    let fast = "search a.test b.test\nnameserver 10.96.0.10\noptions ndots:2 timeout:1 attempts:1\n";
    let silent = |resolver| lookup(resolver, "www.x", fast).answer("www.x.a.test./*", "drop");
    asks(&silent("glibc"), "P +a.test, P !");
    asks(&silent("go"), "P +a.test, P +b.test, P !");
    asks(&silent("musl"), "P +a.test");
    asks(&silent("c-ares"), "P +a.test");
    let steps = silent("glibc").run().steps;
    let why = steps[0].decision.as_ref().map(dnsprobe_resolv::profile::Decision::why);
    assert_eq!(why.as_deref(), Some("glibc skips the rest of the list after a timeout"));
}

#[test]
fn dead_server_costs_each_resolver_its_own_sum() {
    let dead =
        |resolver| lookup(resolver, "web.x", &format!("{K}options timeout:1\n")).answer("default", "drop");
    assert_eq!(dead("glibc").asked_and_got(), "2P +S1, 2P ! -> EAI_AGAIN 4 s");
    assert_eq!(dead("musl").asked_and_got(), "2P +S1 -> EAI_AGAIN 1 s");
    assert_eq!(dead("go").asked_and_got(), "2P +S1, 2P +S2, 2P +S3, 2P ! -> TIMEOUT 8 s");
    let twenty = lookup("glibc", X, K).answer("default", "drop").run();
    assert_eq!(twenty.took_us, 20_000_000);
}

#[test]
fn icmp_ends_glibc_at_once_and_musl_never_hears_of_it() {
    let two = "search a.test b.test\nnameserver 10.96.0.10\noptions ndots:5\n";
    let dead = |resolver| lookup(resolver, "web", two).answer("default", "icmp");
    assert_eq!(dead("glibc").asked_and_got(), "2P +a.test -> EAI_AGAIN 0 s");
    assert_eq!(dead("musl").asked_and_got(), "2P +a.test -> EAI_AGAIN 5 s");
}

#[test]
fn half_a_pair_makes_glibc_ask_one_by_one() {
    let fast = "nameserver 10.96.0.10\noptions timeout:1\n";
    let half =
        |resolver| lookup(resolver, "x.test.", fast).answer("x.test./A", "a").answer("x.test./AAAA", "drop");
    assert_eq!(half("glibc").asked_and_got(), "3P ! -> ok 3 s");
    let sent = half("glibc").run().sent;
    let sockets: Vec<u32> = sent.iter().map(|sent| sent.query.socket).collect();
    assert_eq!(sockets, [0, 0, 0, 0, 1, 2]);
    assert_eq!(half("musl").asked_and_got(), "P !, AAAA ! -> EAI_AGAIN 1 s");
    let lost = lookup("glibc", "web", &format!("{K}options timeout:1\n"))
        .answer("web.ns.svc.cluster.local./A", "drop");
    assert_eq!(lost.asked(), "P +S1, 2A +S1, P !");
}

#[test]
fn options_change_the_shape() {
    let one = |options: &str| format!("{K}options {options}\n");
    asks(&lookup("glibc", "web", &one("no-aaaa")), "A +S1, A +S2, A +S3, A !");
    asks(&lookup("glibc@2.35", "web", &one("no-aaaa")), WALK);
    asks(&lookup("musl", "web", &one("no-aaaa")), WALK);
    asks(&lookup("glibc", "web", &one("no-tld-query")), "P +S1, P +S2, P +S3");
    asks(&lookup("musl", "web", &one("no-tld-query")), WALK);
    assert_eq!(lookup("glibc", "web", &one("attempts:0")).asked_and_got(), " -> EAI_AGAIN 0 s");
    assert_eq!(lookup("musl", "web", &one("timeout:0")).asked_and_got(), " -> EAI_AGAIN 0 s");
    assert_eq!(lookup("musl", "web", &one("attempts:0")).asked_and_got(), " -> KILLED 0 s");
    let servers = "nameserver 10.96.0.10\nnameserver 10.96.0.11\nnameserver 10.96.0.12\noptions attempts:1\n";
    let silent = lookup("glibc", "x.", servers).answer("default", "drop").run();
    let times: Vec<u64> = silent.sent.iter().step_by(2).map(|sent| sent.sent_us / 1_000_000).collect();
    assert_eq!((times, silent.took_us), (vec![0, 5, 8], 14_000_000));
    assert_eq!(lookup("musl", "x.", servers).run().sent.len(), 6);
}

#[test]
fn addrconfig_narrows_on_glibc_only() {
    let v4 = |resolver| lookup(resolver, "web.", K).addresses(&[HostAddress::Inet]);
    asks(&v4("glibc"), "A !");
    asks(&v4("musl"), "P !");
    let none = lookup("glibc", "web.", K).addresses(&[]);
    asks(&none, "P !");
    asks(&none.clone().family(Family::Inet), "");
}

#[test]
fn names_are_refused_by_rules_of_their_own() {
    all_ask(&["glibc", "go"], "-x", K, "");
    asks(&lookup("musl", "-x", K), WALK);
    all_ask(&["glibc", "musl", "go"], "_x", K, WALK);
    for name in ["a..b", "a.b.."] {
        all_ask(&["glibc", "musl", "go"], name, K, "");
    }
    all_ask(&["glibc", "musl", "go", "c-ares"], "10.0.0.1", K, "");
    assert_eq!(lookup("glibc", "10.1", K).asked_and_got(), " -> ok 0 s");
    assert_eq!(lookup("musl", "10.1", K).asked_and_got(), " -> ok 0 s");
    assert_eq!(lookup("go", "10.1", K).asked_and_got(), " -> REFUSED_NAME 0 s");
    all_ask(&["glibc", "musl", "go"], "localhost", K, WALK);
    all_ask(&["c-ares", "hickory"], "localhost", K, "");
    all_ask(&["go@1.19", "c-ares"], "foo.onion", K, "");
    asks(&lookup("go", "foo.onion", K), "P +S1, P +S2, P +S3");
    all_ask(&["glibc", "musl"], "foo.onion", K, WALK);
}

#[test]
fn overlong_suffix_ends_the_list_on_glibc_and_is_skipped_elsewhere() {
    let label = "l".repeat(60);
    let name = format!("{label}.{label}");
    let conf = format!("nameserver 10.96.0.10\nsearch {label}.{label}.{label}.x b.test\noptions ndots:5\n");
    asks(&lookup("glibc", &name, &conf), "P !");
    all_ask(&["musl", "go"], &name, &conf, "P +b.test, P !");
    asks(&lookup("nslookup", &name, &conf), "A +b.test, A !");
    asks(&lookup("c-ares", &name, &conf), "");
}

#[test]
fn go_reports_the_error_of_the_name_itself_whenever_it_was_tried() {
    let two = "search a.test b.test\nnameserver 10.96.0.10\n";
    for conf in [two.to_owned(), format!("{two}options ndots:5\n")] {
        let failing = lookup("go", X, &conf).answer("www.example.com./*", "SERVFAIL");
        assert_eq!(failing.run().verdict.outcome.as_str(), "SERVFAIL", "{conf}");
        let missing = lookup("go", X, &conf).answer("www.example.com.a.test./*", "SERVFAIL");
        assert_eq!(missing.run().verdict.outcome.as_str(), "NXDOMAIN", "{conf}");
    }
}
