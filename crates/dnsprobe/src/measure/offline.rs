//! The same lookup without a network: walked in virtual time against scripted answers.

use dnsprobe_lookup::{Lookup, Nanos};
use dnsprobe_resolv::simulate::Sent;
use dnsprobe_resolv::{Answers, Outcome, Request, simulate};

use super::Subject;
use super::account::{Transmission, Walked};

/// Looks a name up as the resolver would if the servers behaved as `answers` says. Nothing is sent.
///
/// Times are those of the script and of the resolver's own timeouts; where the script leaves out the delay of any
/// answer, the lookup and its steps have none.
pub(crate) fn rehearse(subject: &Subject<'_>, request: &Request, answers: &dyn Answers) -> Lookup {
    let simulation = simulate(subject.profile, subject.settings, request, answers);
    let timed = simulation.sent.iter().all(|sent| sent.latency_us.is_some() || is_silence(sent));
    let time = |us| timed.then(|| micros(us));
    let transmissions: Vec<Transmission> = simulation
        .sent
        .iter()
        .map(|sent| {
            let mut transmission = Transmission::of(&sent.query, subject.settings);
            transmission.at = time(sent.sent_us);
            transmission.outcome = sent.outcome;
            transmission.latency = sent.latency_us.map(micros);
            transmission
        })
        .collect();
    let end = time(simulation.took_us);
    let (trail, verdict) = (simulation.steps, simulation.verdict);
    Walked { trail, transmissions, verdict, end, client: None }.lookup(request, &subject.resolver)
}

fn is_silence(sent: &Sent) -> bool {
    sent.outcome == Outcome::Timeout
}

fn micros(us: u64) -> Nanos {
    Nanos::from_micros(i64::try_from(us).unwrap_or(i64::MAX / 1_000))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use dnsprobe_lookup::{ResolverFrom, ResolverSeen};
    use dnsprobe_resolv::conf::interpret;
    use dnsprobe_resolv::simulate::Answered;
    use dnsprobe_resolv::{Message, Query, Rcode, Reply, Resolver, Situation};

    use super::*;

    /// Answers the name as-is; NXDOMAIN for suffixed ones.
    struct AsIs {
        delay_us: Option<u64>,
        silent: &'static str,
    }

    impl Answers for AsIs {
        fn answer(&self, query: &Query) -> Answered {
            let name = query.qname.as_str();
            let address: IpAddr = "192.0.2.1".parse().unwrap();
            let message = match name {
                "www.example.com." => Message::with_addresses(vec![address]),
                _ => Message::with_rcode(Rcode::NXDOMAIN),
            };
            let reply = (name != self.silent).then_some(Reply::Message(message));
            Answered { reply, delay_us: self.delay_us }
        }
    }

    fn rehearsed(answers: &AsIs) -> Lookup {
        let profile = Resolver::parse("glibc").unwrap().profile();
        let conf = b"nameserver 10.96.0.10\nsearch a.test b.test\noptions ndots:5 timeout:1 attempts:1\n";
        let settings = interpret(Some(conf), &Situation::default(), &profile).unwrap();
        let resolver = ResolverSeen {
            id: "glibc",
            version: None,
            api: None,
            from: ResolverFrom::Assumed,
            evidence: None,
        };
        let subject = Subject { profile: &profile, settings: &settings, resolver };
        rehearse(&subject, &Request::new("www.example.com"), answers)
    }

    #[test]
    fn without_delays_there_are_steps_and_questions_but_no_times() {
        let lookup = rehearsed(&AsIs { delay_us: None, silent: "" });
        assert_eq!(lookup.outcome, Outcome::Answer);
        assert_eq!(lookup.steps.iter().map(|step| step.wasted).collect::<Vec<_>>(), [true, true, false]);
        assert_eq!(lookup.totals().wasted_questions, 4);
        assert!(lookup.steps.iter().all(|step| step.added.is_none()));
        assert_eq!((lookup.latency, lookup.start), (None, None));
        assert!(lookup.steps[0].questions.iter().all(|q| q.sent.is_none() && q.latency.is_none()));
    }

    #[test]
    fn with_delays_the_steps_add_up_to_the_latency() {
        let lookup = rehearsed(&AsIs { delay_us: Some(700), silent: "" });
        let added: Vec<_> = lookup.steps.iter().map(|step| step.added.unwrap()).collect();
        assert_eq!(added, [Nanos::from_micros(700); 3]);
        assert_eq!(lookup.latency, Some(Nanos::from_micros(2_100)));
    }

    #[test]
    fn a_silence_costs_the_resolvers_own_timeout() {
        let lookup = rehearsed(&AsIs { delay_us: Some(700), silent: "www.example.com.a.test." });
        assert_eq!(lookup.steps[0].outcome, Outcome::Timeout);
        assert_eq!(lookup.steps[0].added, Some(Nanos::from_millis(1_000)));
    }

    #[test]
    fn one_unknown_delay_leaves_all_times_unknown() {
        struct Mixed;
        impl Answers for Mixed {
            fn answer(&self, query: &Query) -> Answered {
                let known = query.qname.as_str().ends_with(".a.test.");
                AsIs { delay_us: known.then_some(700), silent: "" }.answer(query)
            }
        }
        let profile = Resolver::parse("glibc").unwrap().profile();
        let conf = b"nameserver 10.96.0.10\nsearch a.test\noptions ndots:5\n";
        let settings = interpret(Some(conf), &Situation::default(), &profile).unwrap();
        let resolver = ResolverSeen {
            id: "glibc",
            version: None,
            api: None,
            from: ResolverFrom::Assumed,
            evidence: None,
        };
        let subject = Subject { profile: &profile, settings: &settings, resolver };
        let lookup = rehearse(&subject, &Request::new("www.example.com"), &Mixed);
        assert_eq!(lookup.latency, None);
        assert_eq!(lookup.steps[0].questions[0].latency, Some(Nanos::from_micros(700)));
    }
}
