//! What the model says a vector's resolver does. Only the vector's input fields are looked at.

use std::net::IpAddr;

use dnsprobe_resolv::conf::{self, HostAddress, Nsswitch, Presence};
use dnsprobe_resolv::plan::Wire;
use dnsprobe_resolv::resolver::{Overrides, ResolverError};
use dnsprobe_resolv::simulate::{Answered, Answers, Sent, Simulation};
use dnsprobe_resolv::walk::{AddrConfig, Request};
use dnsprobe_resolv::{
    AnswerScript, Family, Query, Rcode, Reply, Resolver, ResolverId, ScriptAnswer, ScriptKey, Settings,
    Situation, Transport, Verdict, simulate,
};
use serde::Serialize;

use crate::vector::{Outcome, Question, ScriptValue, Server, Vector};

/// What a resolver asks and gets, in the form of a vector's recorded part.
#[derive(Debug, Clone, Serialize)]
pub struct Prediction {
    /// The vector's id.
    pub id: String,
    /// The questions in wire order.
    pub observed: Vec<Question>,
    /// What the client gets.
    pub result: Outcome,
}

/// A vector the models cannot take.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// Its resolver or call.
    #[error("vector {id}")]
    Resolver {
        /// The vector.
        id: String,
        /// Why.
        source: ResolverError,
    },
}

/// Predicts one vector.
pub fn predict(vector: &Vector) -> Result<Prediction, PredictError> {
    let (resolver, overrides) =
        resolver(vector).map_err(|source| PredictError::Resolver { id: vector.id.clone(), source })?;
    let profile = resolver.profile();
    let id = vector.id.clone();
    let settings = match conf::interpret(Some(vector.resolv_conf.as_bytes()), &situation(vector), &profile) {
        Ok(mut settings) => {
            overrides.apply(&mut settings);
            settings
        }
        Err(refused) => {
            let observed = match refused.looks_up {
                Some(name) => looked_up(vector, name),
                None => Vec::new(),
            };
            return Ok(Prediction { id, observed, result: failed(&refused.what) });
        }
    };
    let script = script(vector, &settings);
    let request = Request {
        name: vector.name.clone().into_bytes(),
        family: match vector.family.as_str() {
            "inet" => Family::Inet,
            "inet6" => Family::Inet6,
            _ => Family::Unspec,
        },
        addrconfig: match vector.flags.iter().find(|flag| *flag == "AI_ADDRCONFIG") {
            Some(_) => AddrConfig::Honoured,
            None => AddrConfig::Ignored,
        },
    };
    let simulation = simulate(&profile, &settings, &request, &Network { script, settings: &settings });
    let observed = questions(&simulation, &settings, vector);
    Ok(Prediction { id, observed, result: result(&simulation.verdict) })
}

/// The addresses that the recording's servers listen on, loopback apart. What goes elsewhere is not seen, and comes back
/// as an error.
const LISTENING: [&str; 7] =
    ["10.96.0.10", "10.96.0.11", "10.96.0.12", "10.96.0.13", "169.254.20.10", "fd00:96::10", "fd00:96::11"];

fn listens(settings: &Settings, server: usize) -> bool {
    let Some(nameserver) = settings.nameservers.get(server) else { return false };
    let address = nameserver.address.to_canonical();
    address.is_loopback() || address.is_unspecified() || LISTENING.contains(&address.to_string().as_str())
}

/// The recording's network: the script where a server listens, unreachable elsewhere.
struct Network<'a> {
    script: AnswerScript,
    settings: &'a Settings,
}

impl Answers for Network<'_> {
    fn answer(&self, query: &Query) -> Answered {
        if listens(self.settings, query.server) {
            return self.script.answer(query);
        }
        Answered { reply: Some(Reply::Unreachable), delay_us: None }
    }
}

fn questions(simulation: &Simulation, settings: &Settings, vector: &Vector) -> Vec<Question> {
    let seen = simulation.sent.iter().filter(|sent| listens(settings, sent.query.server));
    seen.map(|sent| question(sent, settings, vector)).collect()
}

/// What the libc asks for a host's name in place of a nameserver's address; busybox-static of Debian has glibc's.
fn looked_up(vector: &Vector, name: Vec<u8>) -> Vec<Question> {
    let profile = Resolver::new(ResolverId::Glibc).profile();
    let Ok(settings) = conf::interpret(Some(vector.resolv_conf.as_bytes()), &situation(vector), &profile)
    else {
        return Vec::new();
    };
    let script = script(vector, &settings);
    let network = Network { script, settings: &settings };
    let simulation = simulate(&profile, &settings, &Request::new(name), &network);
    questions(&simulation, &settings, vector)
}

fn resolver(vector: &Vector) -> Result<(Resolver, Overrides), ResolverError> {
    let text = match vector.resolver.rsplit_once('-') {
        Some((id, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => format!("{id}@{version}"),
        _ => vector.resolver.clone(),
    };
    Resolver::parse(&text)?.with_call(&vector.api)
}

fn situation(vector: &Vector) -> Situation {
    let inet6: &[HostAddress] = match vector.v6.as_deref() {
        Some("none") => &[],
        Some("global") => &[HostAddress::Inet6LinkLocal, HostAddress::Inet6],
        _ => &[HostAddress::Inet6LinkLocal],
    };
    Situation {
        hostname: vector.hostname.clone().unwrap_or_else(|| "pod-0".to_owned()),
        res_options: vector.env.get("RES_OPTIONS").cloned(),
        local_domain: vector.env.get("LOCALDOMAIN").cloned(),
        host_aliases: None,
        go_debug: None,
        nsswitch: Nsswitch::Unknown,
        mdns_allow: Presence::Absent,
        addresses: Some([&[HostAddress::Inet], inet6].concat()),
    }
}

/// The server's script. A key that is none is never asked for, as the recording server compares text.
fn script(vector: &Vector, settings: &Settings) -> AnswerScript {
    let mut script = AnswerScript::new();
    for (key, value) in &vector.answers {
        if let Ok(key) = ScriptKey::parse(key) {
            script.insert(key, answer(value));
        }
    }
    let index = |address: String| vector.servers.iter().position(|server| *server == address);
    let servers =
        settings.nameservers.iter().map(|nameserver| index(on_the_wire(nameserver.address))).collect();
    script.with_servers(servers)
}

fn answer(value: &ScriptValue) -> ScriptAnswer {
    ScriptAnswer {
        rcode: value.rcode.as_deref().and_then(Rcode::from_word).unwrap_or_default(),
        a: value.a.clone(),
        aaaa: value.aaaa.clone(),
        cname: value.cname.clone(),
        truncated: value.tc,
        delay_ms: value.delay_ms,
        drop: value.drop,
        drop_tcp: value.drop_tcp,
        unreachable: value.icmp,
        no_edns: value.noedns,
    }
}

fn question(sent: &Sent, settings: &Settings, vector: &Vector) -> Question {
    let query = &sent.query;
    let address = on_the_wire(settings.nameservers[query.server].address);
    let server = match vector.servers.iter().position(|server| *server == address) {
        Some(index) => Server::Index(index),
        None => Server::Address(address),
    };
    let valid = query.wire == Wire::Valid;
    Question {
        qname: valid.then(|| query.qname.to_string()),
        qtype: valid.then(|| query.qtype.to_string()),
        malformed: (!valid).then(String::new),
        server,
        proto: (query.transport == Transport::Tcp).then(|| "tcp".to_owned()),
    }
}

/// The address packets really go to: a mapped one is IPv4, and Linux takes 0.0.0.0 for loopback.
fn on_the_wire(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(any) if any.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(any) if any.is_unspecified() => "::1".to_owned(),
        other => other.to_string(),
    }
}

fn result(verdict: &Verdict) -> Outcome {
    match &verdict.failure {
        // The recording client has words for the commonest codes only.
        Some(failure) if failure.code == "EAI_ADDRFAMILY" => failed("EAI_OTHER"),
        Some(failure) => failed(failure.code),
        None => Outcome {
            ok: true,
            addrs: verdict.addresses.iter().map(ToString::to_string).collect(),
            err: None,
            killed: false,
        },
    }
}

fn failed(err: &str) -> Outcome {
    Outcome { ok: false, addrs: Vec::new(), err: Some(err.to_owned()), killed: false }
}
