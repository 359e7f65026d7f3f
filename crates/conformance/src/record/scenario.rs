//! What is looked up, in which file, and what the servers do: made up from a seed.
//!
//! Only what comes out the same every time: no `rotate`, whose first server is random in the real resolvers, no ICMP
//! errors, which race with the next question, and silence only with `timeout:1 attempts:1`.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::clients::Client;
use crate::vector::{ScriptValue, Vector};

/// The servers' addresses; `server` in vectors is an index into them.
pub(super) const SERVERS: [&str; 4] = ["10.96.0.10", "10.96.0.11", "10.96.0.12", "10.96.0.13"];

const K8S: &str = "default.svc.cluster.local svc.cluster.local cluster.local";

const NAMES: &[&str] = &[
    "svc",
    "svc.",
    "svc.ns",
    "svc.ns.",
    "redis.data.svc",
    "www.example.com",
    "www.example.com.",
    "a.b.c.d.e",
    "a.b.c.d.e.f",
    "MixedCase.Example",
    "under_score",
    "a.under_score",
    "_http._tcp.svc.ns",
    "xn--bcher-kva.example",
    "dash-",
    "a..b",
    "trailing..",
    "1.2.3",
    "1.2.3.4",
    "10.1",
    "2001:db8::5",
    "localhost",
    "x.localhost",
    "x.onion",
    "x.internal",
    "x.local",
    "host:80",
    "com",
];

const SUFFIXES: &[&str] = &[
    "a.test",
    "b.test",
    "c.test.",
    "test",
    "lab.corp.example",
    "corp.example",
    "d-1.test",
    "_srv.test",
    "X.Example",
    "cluster.local",
    "svc.cluster.local",
    "s1.test",
    "s2.test",
    "s3.test",
];

const SEARCH_LINES: &[&str] = &[
    "search",
    "search .",
    "search . a.test",
    "search a.test .",
    "search .a.test b.test",
    "search a.test a.test",
    "search a.test A.TEST",
    "search a.test a.test.",
    "search a.test,b.test",
    " search a.test",
    "search\ta.test\tb.test",
    "search  a.test  b.test",
    "search a.test # b.test",
    "search a.test b.test#c.test x.test",
    "search a.test ; b.test",
    "#search a.test",
    "domain d.test",
    "domain d.test e.test",
    "domain .",
    "SEARCH a.test",
    "search a.test\r",
    "search a_b.test",
    "search -a.test",
    "search a..test b.test",
    "search a.test..",
];

const OPTIONS: &[&str] = &[
    "ndots:0",
    "ndots:1",
    "ndots:2",
    "ndots:3",
    "ndots:5",
    "ndots:15",
    "ndots:16",
    "ndots:99",
    "ndots:-1",
    "ndots:abc",
    "ndots:5x",
    "ndots:05",
    "ndots: 5",
    "ndots:2 ndots:5",
    "ndots:",
    "ndots",
    "timeout:x",
    "attempts:9",
    "bogus",
    "edns0",
    "single-request",
    "single-request-reopen",
    "use-vc",
    "trust-ad",
    "no-aaaa",
    "no-tld-query",
    "no_tld_query",
    "no-reload",
    "inet6",
    "debug",
    "usevc",
    "tcp",
];

const NAMESERVER_LINES: &[&str] = &[
    "nameserver 10.96.0.10",
    "nameserver 10.96.0.11",
    "nameserver 10.96.0.10#53",
    "nameserver 10.96.0.10:53",
    "nameserver [10.96.0.10]",
    "nameserver 10.6291466",
    "nameserver 10.96.0.10 # c",
    "nameserver 10.96.0.10 10.96.0.11",
    "nameserver 10.96.0.10,10.96.0.11",
    " nameserver 10.96.0.10",
    "nameserver\t10.96.0.10",
    "nameserver  10.96.0.10",
    "nameserver",
    "nameserver ::1",
    "nameserver 0.0.0.0",
    "nameserver 127.0.0.1",
    "nameserver 10.96.0.10\r",
];

/// One situation, for every client.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Unique for its seed.
    pub id: String,
    /// The name looked up.
    pub name: String,
    /// The client's file.
    pub resolv_conf: String,
    /// The script.
    pub answers: BTreeMap<String, ScriptValue>,
    /// The client's environment.
    pub env: BTreeMap<String, String>,
    /// Its host's name.
    pub hostname: Option<String>,
    /// Whether calls for one family are made, too.
    pub other_families: bool,
}

impl Scenario {
    /// The vector of this scenario and a client, not recorded yet.
    pub(super) fn vector(&self, client: &Client) -> Vector {
        let call = client.api.replace(' ', "_");
        Vector {
            id: format!("{}/{}/{call}/{}", self.id, client.resolver, client.family),
            resolver: client.resolver.clone(),
            api: client.api.to_owned(),
            family: client.family.to_owned(),
            flags: Vec::new(),
            resolv_conf: self.resolv_conf.clone(),
            name: self.name.clone(),
            servers: SERVERS.map(str::to_owned).to_vec(),
            hostname: self.hostname.clone(),
            env: self.env.clone(),
            v6: None,
            answers: self.answers.clone(),
            observed: Vec::new(),
            result: None,
            order_stable: false,
            set_stable: false,
            result_stable: false,
        }
    }

    /// Whether something is waited for in it: an answer, or, by those that compare addresses, one from 0.0.0.0.
    pub(super) fn is_slow(&self) -> bool {
        self.answers.values().any(|value| value.drop) || self.resolv_conf.contains(" 0.0.0.0")
    }
}

/// So many scenarios, the same for the same seed.
pub fn scenarios(seed: u64, count: usize) -> Vec<Scenario> {
    let mut rng = Rng::with_seed(seed);
    (0..count).map(|index| scenario(&mut rng, seed, index)).collect()
}

fn scenario(rng: &mut Rng, seed: u64, index: usize) -> Scenario {
    let mut scenario = match index % 4 {
        0 => name(rng),
        1 => parsing(rng),
        2 => search(rng),
        _ => answers(rng),
    };
    scenario.id = format!("{seed:x}-{index}");
    scenario.other_families = index.is_multiple_of(3);
    scenario
}

fn pick<'a>(rng: &mut Rng, words: &[&'a str]) -> &'a str {
    words[rng.usize(..words.len())]
}

fn base(name: &str, resolv_conf: String) -> Scenario {
    Scenario {
        id: String::new(),
        name: name.to_owned(),
        resolv_conf,
        answers: BTreeMap::new(),
        env: BTreeMap::new(),
        hostname: None,
        other_families: false,
    }
}

fn both() -> ScriptValue {
    ScriptValue {
        a: vec![[192, 0, 2, 1].into()],
        aaaa: vec![[0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()],
        ..ScriptValue::default()
    }
}

/// Odd names in plain files.
fn name(rng: &mut Rng) -> Scenario {
    let rest = match rng.u8(..4) {
        0 => "search a.test b.test\n".to_owned(),
        1 => String::new(),
        _ => format!("search {K8S}\noptions ndots:5\n"),
    };
    let mut scenario = base(pick(rng, NAMES), format!("nameserver 10.96.0.10\n{rest}"));
    if rng.u8(..3) == 0 {
        scenario.answers.insert("default".to_owned(), both());
    }
    scenario
}

/// Plain names in odd files.
fn parsing(rng: &mut Rng) -> Scenario {
    let mut lines = match rng.u8(..4) {
        0 => (0..rng.usize(1..4)).map(|_| pick(rng, NAMESERVER_LINES).to_owned()).collect(),
        _ => vec!["nameserver 10.96.0.10".to_owned()],
    };
    for _ in 0..rng.usize(0..3) {
        lines.push(pick(rng, SEARCH_LINES).to_owned());
    }
    if rng.bool() {
        lines.push("search a.test b.test".to_owned());
    }
    let options: Vec<&str> = (0..rng.usize(1..4)).map(|_| pick(rng, OPTIONS)).collect();
    lines.push(format!("options {}", options.join(" ")));
    if rng.u8(..4) == 0 {
        rng.shuffle(&mut lines);
    }
    let mut scenario = base(pick(rng, &["svc", "svc.ns", "a.b.c.example", "svc."]), lines.join("\n") + "\n");
    match rng.u8(..12) {
        0 => scenario.hostname = Some("web-0.corp.test".to_owned()),
        1 => _ = scenario.env.insert("RES_OPTIONS".to_owned(), pick(rng, OPTIONS).to_owned()),
        2 => {
            let domain = pick(rng, &["", "x.test", "x.test y.test", "."]);
            scenario.env.insert("LOCALDOMAIN".to_owned(), domain.to_owned());
        }
        _ => {}
    }
    scenario
}

/// Long lists, and answers somewhere in them.
fn search(rng: &mut Rng) -> Scenario {
    let labels = ["a", "www", "api", "svc", "db-0", "_sip", "MixedCase", "under_score"];
    let name: Vec<&str> = (0..rng.usize(1..7)).map(|_| pick(rng, &labels)).collect();
    let name = name.join(".");
    let suffixes: Vec<&str> = (0..rng.usize(0..8)).map(|_| pick(rng, SUFFIXES)).collect();
    let servers: Vec<String> =
        SERVERS[..rng.usize(1..4)].iter().map(|one| format!("nameserver {one}\n")).collect();
    let servers = servers.concat();
    let list = if suffixes.is_empty() { String::new() } else { format!("search {}\n", suffixes.join(" ")) };
    let conf = format!("{servers}{list}options timeout:1 attempts:1 {}\n", pick(rng, &OPTIONS[..8]));
    let mut scenario = base(&name, conf);
    for suffix in suffixes.iter().copied().chain([""]) {
        if rng.u8(..4) == 0 {
            let value = answer(rng);
            scenario.answers.insert(format!("{}/*", candidate(&name, suffix)), value);
        }
    }
    scenario
}

/// All kinds of answers, the two of a pair apart.
fn answers(rng: &mut Rng) -> Scenario {
    let name = pick(rng, &["svc", "svc.ns", "www.example.com"]);
    let ndots = pick(rng, &["1", "2", "5"]);
    let second = rng.u8(..3) == 0;
    let server = if second { "nameserver 10.96.0.11\n" } else { "" };
    let conf = format!(
        "nameserver 10.96.0.10\n{server}search a.test b.test\noptions ndots:{ndots} timeout:1 attempts:1\n"
    );
    let mut scenario = base(name, conf);
    for suffix in ["a.test", "b.test", ""] {
        let candidate = candidate(name, suffix);
        match rng.u8(..4) {
            0 => _ = scenario.answers.insert(format!("{candidate}/*"), answer(rng)),
            1 => {
                scenario.answers.insert(format!("{candidate}/A"), answer(rng));
                scenario.answers.insert(format!("{candidate}/AAAA"), answer(rng));
            }
            _ => {}
        }
    }
    if !second && rng.u8(..6) == 0 {
        let silent = ScriptValue { drop: true, ..ScriptValue::default() };
        scenario.answers.insert(format!("{}/*", candidate(name, "a.test")), silent);
    }
    scenario
}

fn candidate(name: &str, suffix: &str) -> String {
    let suffix = suffix.trim_end_matches('.');
    let dot = if suffix.is_empty() { "" } else { "." };
    format!("{}{dot}{suffix}.", name.trim_end_matches('.')).to_ascii_lowercase()
}

fn answer(rng: &mut Rng) -> ScriptValue {
    let rcode = |word: &str| ScriptValue { rcode: Some(word.to_owned()), ..ScriptValue::default() };
    let cname =
        |value: ScriptValue| ScriptValue { cname: Some("real.elsewhere.example".to_owned()), ..value };
    match rng.u8(..12) {
        0 => rcode("SERVFAIL"),
        1 => rcode("REFUSED"),
        2 => rcode("NOTIMP"),
        3 => rcode("FORMERR"),
        4 => ScriptValue::default(),
        5 => ScriptValue { aaaa: Vec::new(), ..both() },
        6 => ScriptValue { a: Vec::new(), ..both() },
        7 => cname(both()),
        8 => cname(ScriptValue::default()),
        9 => ScriptValue { tc: true, ..both() },
        _ => both(),
    }
}
