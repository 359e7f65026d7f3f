//! From a measured lookup to what could be done about it.

use dnsprobe_lookup::{Lookup, Question};
use dnsprobe_resolv::advice::{self, Advice, AdviceKind, Seen};
use dnsprobe_resolv::simulate::Answered;
use dnsprobe_resolv::{Fqdn, Message, Outcome, Profile, QType, Rcode, Reply, Request, Settings};

/// What would save questions for this lookup, judged by the answers it got; most first, the safe ones before others.
pub(super) fn advise(
    profile: &Profile,
    settings: &Settings,
    request: &Request,
    lookup: &Lookup,
) -> Vec<Advice> {
    let mut seen = Seen::default();
    for question in lookup.steps.iter().flat_map(|step| &step.questions) {
        let Some(reply) = reply(question, lookup) else { continue };
        let delay_us = question.latency.and_then(|latency| u64::try_from(latency.0 / 1_000).ok());
        let answered = Answered { reply: Some(reply), delay_us };
        seen.insert(Fqdn::from_presentation(&question.qname), question.qtype, answered);
    }
    let mut advice = advice::advise(profile, settings, request, &seen);
    advice.retain(|advice| advice.saves_questions > 0);
    let totals = lookup.totals();
    let wasted = i64::try_from(totals.wasted_questions).unwrap_or(i64::MAX);
    for advice in advice.iter_mut().filter(|advice| advice.saves_questions == wasted) {
        // What saves all the waste saves the time that was measured for it, pauses between the answers included.
        advice.saves_us = totals.added_by_search.map(|time| time.0 / 1_000).or(advice.saves_us);
    }
    if lookup.is_hijacked() {
        // The wrong answer is nothing to keep: only what leads back to the name that was meant is advice.
        advice.retain(|advice| matches!(advice.kind, AdviceKind::TrailingDot | AdviceKind::DropSuffix(_)));
    }
    advice.sort_by_key(|advice| (!advice.is_safe(), -advice.saves_questions));
    advice
}

/// The answer to one question as far as it was kept; `None` when there was none.
fn reply(question: &Question, lookup: &Lookup) -> Option<Reply> {
    let message = match question.outcome {
        Outcome::Answer => {
            let of_type = |address: &&std::net::IpAddr| address.is_ipv4() == (question.qtype == QType::A);
            Message::with_addresses(lookup.addresses.iter().filter(of_type).copied().collect())
        }
        Outcome::NoData => Message::default(),
        Outcome::Cname => {
            Message { cname: Some(Fqdn::from_presentation("alias.invalid.")), ..Message::default() }
        }
        Outcome::NxDomain => Message::with_rcode(Rcode::NXDOMAIN),
        Outcome::ServFail => Message::with_rcode(Rcode::SERVFAIL),
        Outcome::Refused => Message::with_rcode(Rcode::REFUSED),
        Outcome::FormErr => Message::with_rcode(Rcode::FORMERR),
        Outcome::NotImp => Message::with_rcode(Rcode::NOTIMP),
        Outcome::Lame | Outcome::Truncated | Outcome::Timeout | Outcome::Unreachable | Outcome::Unknown => {
            return None;
        }
    };
    Some(Reply::Message(message))
}
