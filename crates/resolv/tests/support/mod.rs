//! Short forms for tables of cases.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use dnsprobe_resolv::conf::{self, HostAddress};
use dnsprobe_resolv::simulate::{Answered, Answers};
use dnsprobe_resolv::walk::{AddrConfig, Request};
use dnsprobe_resolv::{
    AnswerScript, Family, Message, Query, Rcode, Reply, Resolver, ScriptAnswer, ScriptKey, Settings,
    Simulation, Situation, simulate,
};

/// The standard pod file.
pub(crate) const K: &str =
    "search ns.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n";

/// One lookup to be asked about.
#[derive(Clone)]
pub(crate) struct Lookup {
    pub(crate) resolver: Resolver,
    pub(crate) conf: Option<String>,
    pub(crate) situation: Situation,
    pub(crate) request: Request,
    pub(crate) answers: Vec<(String, String)>,
}

pub(crate) fn lookup(resolver: &str, name: &str, conf: &str) -> Lookup {
    let (resolver, api) = resolver.split_once('/').map_or((resolver, None), |(id, api)| (id, Some(api)));
    let mut parsed = Resolver::parse(resolver).unwrap();
    if let Some(api) = api {
        parsed = parsed.with_api(api).unwrap();
    }
    Lookup {
        resolver: parsed,
        conf: Some(conf.replace("K ", K)),
        situation: Situation { hostname: "pod".to_owned(), ..Situation::default() },
        request: Request::new(name),
        answers: Vec::new(),
    }
}

impl Lookup {
    pub(crate) fn answer(mut self, key: &str, value: &str) -> Self {
        self.answers.push((key.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn family(mut self, family: Family) -> Self {
        self.request.family = family;
        self
    }

    pub(crate) fn hostname(mut self, hostname: &str) -> Self {
        hostname.clone_into(&mut self.situation.hostname);
        self
    }

    pub(crate) fn addresses(mut self, addresses: &[HostAddress]) -> Self {
        self.situation.addresses = Some(addresses.to_vec());
        self.request.addrconfig = AddrConfig::Honoured;
        self
    }

    pub(crate) fn settings(&self) -> Result<Settings, conf::ConfError> {
        let file = self.conf.as_ref().map(String::as_bytes);
        conf::interpret(file, &self.situation, &self.resolver.profile())
    }

    pub(crate) fn run(&self) -> Simulation {
        let settings = self.settings().unwrap();
        simulate(&self.resolver.profile(), &settings, &self.request, &Script::new(&self.answers))
    }

    /// What is asked: `P name` for a pair, `A name` for one question, `2P` when it is repeated; suffixes of the
    /// standard file as `+S1` to `+S3`, the name as-is as `!`.
    pub(crate) fn asked(&self) -> String {
        match self.settings() {
            Ok(_) => brief(&self.run(), &String::from_utf8_lossy(&self.request.name)),
            Err(_) => "refused".to_owned(),
        }
    }

    /// What is asked, and what the application gets.
    pub(crate) fn asked_and_got(&self) -> String {
        let simulation = self.run();
        let got = match &simulation.verdict.failure {
            None => "ok".to_owned(),
            Some(failure) => failure.code.to_owned(),
        };
        let seconds = simulation.took_us as f64 / 1e6;
        format!("{} -> {got} {seconds} s", brief(&simulation, &String::from_utf8_lossy(&self.request.name)))
    }
}

/// A script with one more word than the file format has: `lame`.
struct Script {
    script: AnswerScript,
    lame: Vec<String>,
}

impl Script {
    fn new(answers: &[(String, String)]) -> Self {
        let mut script = AnswerScript::new();
        let mut lame = Vec::new();
        for (key, value) in answers {
            match value.as_str() {
                "lame" => lame.push(key.trim_end_matches("/*").to_owned()),
                value => script.insert(ScriptKey::parse(key).unwrap(), answer(value)),
            }
        }
        Self { script, lame }
    }
}

impl Answers for Script {
    fn answer(&self, query: &Query) -> Answered {
        if self.lame.contains(&query.qname.to_string()) {
            let message = Message { recursion_available: false, ..Message::default() };
            return Answered { reply: Some(Reply::Message(message)), delay_us: None };
        }
        self.script.answer(query)
    }
}

fn answer(value: &str) -> ScriptAnswer {
    let a = vec!["192.0.2.1".parse().unwrap()];
    let aaaa = vec!["2001:db8::1".parse().unwrap()];
    let empty = ScriptAnswer::default();
    match value {
        "both" => ScriptAnswer { a, aaaa, ..empty },
        "a" => ScriptAnswer { a, ..empty },
        "nodata" => empty,
        "drop" => ScriptAnswer { drop: true, ..empty },
        "icmp" => ScriptAnswer { unreachable: true, ..empty },
        "cname" => ScriptAnswer { cname: Some("foo.".to_owned()), ..empty },
        "late" => ScriptAnswer { a, aaaa, delay_ms: Some(1300.0), ..empty },
        "tc" => ScriptAnswer { a, aaaa, truncated: true, ..empty },
        rcode => ScriptAnswer { rcode: Rcode::from_word(rcode).unwrap(), ..empty },
    }
}

fn brief(simulation: &Simulation, name: &str) -> String {
    let mut words: Vec<(u32, String)> = Vec::new();
    let mut questions: Vec<(String, String)> = simulation
        .sent
        .iter()
        .map(|sent| (sent.query.qtype.to_string(), short(&sent.query.qname.to_string(), name)))
        .collect();
    questions.reverse();
    while let Some((qtype, name)) = questions.pop() {
        let other = if qtype == "A" { "AAAA" } else { "A" };
        let pair = questions.last() == Some(&(other.to_owned(), name.clone()));
        if pair {
            questions.pop();
        }
        let word = format!("{} {name}", if pair { "P" } else { &qtype });
        match words.last_mut() {
            Some((count, last)) if *last == word => *count += 1,
            _ => words.push((1, word)),
        }
    }
    let counted = |(count, word): (u32, String)| if count > 1 { format!("{count}{word}") } else { word };
    words.into_iter().map(counted).collect::<Vec<_>>().join(", ")
}

fn short(qname: &str, typed: &str) -> String {
    let typed = typed.trim_end_matches('.');
    let Some(suffix) = qname.strip_prefix(typed).filter(|_| !typed.is_empty()) else {
        return qname.to_owned();
    };
    let suffix = match suffix {
        "." => return "!".to_owned(),
        ".ns.svc.cluster.local." => "S1",
        ".svc.cluster.local." => "S2",
        ".cluster.local." => "S3",
        other => other.trim_start_matches('.').trim_end_matches('.'),
    };
    format!("+{suffix}")
}
