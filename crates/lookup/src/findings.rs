//! What in a lookup deserves a look. One function per finding; each judges one lookup by itself.

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;

use dnsprobe_resolv::{Outcome, QType, ResolverId, Transport};

use crate::group::readings::Readings;
use crate::lookup::{Evidence, Finding, FindingCode, Lookup, Question, Step};
use crate::time::Nanos;

/// What is known beside the lookup itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The cluster's domain, such as `cluster.local`.
    pub cluster_domain: Rc<str>,
    /// After this long without an answer the resolver sends a question again.
    pub resend_after: Nanos,
    /// The address that the name has as it stands, where another lookup showed it.
    pub as_is: Option<IpAddr>,
}

impl Context {
    /// From a search list.
    pub fn new(search: &[String], resend_after: Nanos) -> Self {
        Self { cluster_domain: cluster_domain(search), resend_after, as_is: None }
    }
}

/// The cluster's domain is what lies behind `svc.` in a search list (kubelet `dns.go`, `generateSearchesForDNSClusterFirst`).
pub(crate) fn cluster_domain(search: &[String]) -> Rc<str> {
    search.iter().find_map(|suffix| suffix.strip_prefix("svc.")).unwrap_or("cluster.local").into()
}

/// Whether findings are put into words.
#[derive(Debug, Default)]
pub(crate) enum Wording {
    /// Each is.
    #[default]
    All,
    /// Only the first of each kind, as an example: where findings are only counted.
    FirstOfEachKind(Cell<u32>),
}

impl Wording {
    fn is_wanted(&self, code: FindingCode) -> bool {
        match self {
            Self::All => true,
            Self::FirstOfEachKind(told) => {
                let bit = 1 << code as u32;
                told.replace(told.get() | bit) & bit == 0
            }
        }
    }
}

/// Puts in everything that deserves a look in a lookup of this resolver, worst first. `as_is` tells the address that the name
/// has as it stands, where that is known.
pub(crate) fn put_findings(
    lookup: &Lookup,
    id: ResolverId,
    readings: &Readings,
    as_is: impl FnOnce() -> Option<IpAddr>,
    wording: &Wording,
    into: &mut Vec<Finding>,
) {
    let glance = Glance::of(lookup);
    if !RULES.iter().any(|(sign, _)| glance.shows(*sign)) {
        return;
    }
    let cluster_domain = readings.cluster_domain();
    let as_is = if glance.shows(ANSWERED_UNDER_SUFFIX) { as_is() } else { None };
    let context = Context { cluster_domain, resend_after: readings.resend_after(id), as_is };
    into.extend(judge_by(lookup, glance, &Judge { context: &context, wording }));
}

/// Everything that deserves a look, worst first.
pub fn judge(lookup: &Lookup, context: &Context) -> Vec<Finding> {
    judge_by(lookup, Glance::of(lookup), &Judge { context, wording: &Wording::All }).collect()
}

fn judge_by(lookup: &Lookup, glance: Glance, judge: &Judge<'_>) -> impl Iterator<Item = Finding> {
    let rules = RULES.iter().filter(move |(sign, _)| glance.shows(*sign));
    rules.filter_map(|(_, rule)| rule(lookup, judge))
}

type Rule = fn(&Lookup, &Judge<'_>) -> Option<Finding>;

/// Each rule, and the sign that a lookup must show at a glance for it to be worth asking.
const RULES: [(u64, Rule); 11] = [
    (ANSWERED_UNDER_SUFFIX, suffix_answered),
    (RESENT, stall),
    (UNANSWERED, unanswered),
    (sign_of(Outcome::ServFail), servfail),
    (sign_of(Outcome::Refused), refused),
    (SEVERAL_SERVERS, server_differs),
    (sign_of(Outcome::NoData), nodata_stops_musl),
    (ON_THE_INTERNET, suffix_leak),
    (sign_of(Outcome::Truncated), truncated),
    (WASTED, search_waste),
    (RESENT, resent),
];

/// That a question came to this.
const fn sign_of(outcome: Outcome) -> u64 {
    1 << outcome as u32
}

/// Signs beside the outcomes.
const ANSWERED_UNDER_SUFFIX: u64 = 1 << 32;
const WASTED: u64 = 1 << 33;
const UNANSWERED: u64 = 1 << 34;
const RESENT: u64 = 1 << 35;
const SEVERAL_SERVERS: u64 = 1 << 36;
const ON_THE_INTERNET: u64 = 1 << 37;

/// What one pass over a lookup shows, a bit for each sign: most lookups show little.
#[derive(Debug, Clone, Copy)]
struct Glance(u64);

impl Glance {
    fn of(lookup: &Lookup) -> Self {
        let sign = |sign, shown| if shown { sign } else { 0 };
        let answering = answering_step(lookup);
        let mut signs = sign(ANSWERED_UNDER_SUFFIX, answering.is_some_and(|step| step.suffix.is_some()));
        // The server before, and whether it is on the internet.
        let mut before: Option<(IpAddr, bool)> = None;
        for step in &lookup.steps {
            // NODATA counts for the step, which may be of several questions.
            signs |= sign(WASTED, step.wasted) | sign_of(step.outcome);
            for (index, question) in step.questions.iter().enumerate() {
                let resent = step.questions[..index].iter().any(|earlier| is_resend(earlier, question));
                let known = before.filter(|(server, _)| *server == question.server);
                let (_, outside) =
                    known.unwrap_or_else(|| (question.server, is_on_the_internet(question.server)));
                signs |= sign_of(question.outcome)
                    | sign(UNANSWERED, question.latency.is_none())
                    | sign(RESENT, resent)
                    | sign(SEVERAL_SERVERS, before.is_some() && known.is_none())
                    | sign(ON_THE_INTERNET, step.suffix.is_some() && outside);
                before = Some((question.server, outside));
            }
        }
        Self(signs)
    }

    fn shows(self, sign: u64) -> bool {
        self.0 & sign != 0
    }
}

/// What the rules go by beside the lookup.
struct Judge<'a> {
    context: &'a Context,
    wording: &'a Wording,
}

impl Judge<'_> {
    /// A finding, in words if they are wanted.
    fn finding<'q>(
        &self,
        code: FindingCode,
        message: impl FnOnce() -> String,
        evidence: impl IntoIterator<Item = &'q Question>,
    ) -> Finding {
        if self.wording.is_wanted(code) {
            finding(code, message(), evidence)
        } else {
            Finding { code, message: String::new(), evidence: Vec::new() }
        }
    }
}

/// Transmissions named as evidence of one finding.
const MOST_EVIDENCE: usize = 8;

/// One finding with the transmissions it rests on.
pub(crate) fn finding<'a>(
    code: FindingCode,
    message: String,
    evidence: impl IntoIterator<Item = &'a Question>,
) -> Finding {
    let evidence = evidence.into_iter().take(MOST_EVIDENCE).map(|question| Evidence {
        qname: question.qname.clone(),
        qtype: question.qtype,
        server: question.server,
        outcome: question.outcome,
        sent: question.sent,
        latency: question.latency,
    });
    Finding { code, message, evidence: evidence.collect() }
}

fn answering_step(lookup: &Lookup) -> Option<&Step> {
    lookup.steps.last().filter(|step| step.outcome == Outcome::Answer && lookup.outcome == Outcome::Answer)
}

/// A dotted name that a suffixed candidate answered, and that has not the form of a service of this cluster.
fn suffix_answered(lookup: &Lookup, judge: &Judge<'_>) -> Option<Finding> {
    let (step, suffix) = wrong_suffix(lookup, judge.context)?;
    let typed = &lookup.name;
    let address = || lookup.addresses.first().map_or_else(String::new, |address| format!(" with {address}"));
    let message = || {
        format!(
            "{typed} was answered{} under the search suffix {suffix}: the application may talk to the wrong \
             host{}. Write the name with a trailing dot, or take the suffix out of the search list.",
            address(),
            should_be(lookup, judge)
        )
    };
    Some(judge.finding(FindingCode::SuffixAnswered, message, &step.questions))
}

/// The step that answered a dotted name under a suffix that it has no place under.
fn wrong_suffix<'a>(lookup: &'a Lookup, context: &Context) -> Option<(&'a Step, &'a str)> {
    let step = answering_step(lookup)?;
    let suffix = step.suffix.as_deref()?;
    let typed = &*lookup.name;
    let expected =
        !typed.contains('.') || is_service(typed, suffix, &context.cluster_domain) || lookup.is_autopath();
    (!expected).then_some((step, suffix))
}

/// The suffix under which a dotted name was found that has not the form of a service of this cluster: whoever typed it may
/// have meant another host. `full` is the candidate that answered, `search` the search list.
pub fn doubtful_suffix(typed: &str, full: &str, search: &[String]) -> Option<String> {
    let context = Context::new(search, Nanos(0));
    let suffix = full.trim_end_matches('.').strip_prefix(typed.trim_end_matches('.'))?.strip_prefix('.')?;
    let is_doubtful = typed.contains('.') && !is_service(typed, suffix, &context.cluster_domain);
    is_doubtful.then(|| suffix.to_owned())
}

/// What the name stands for by itself, where that was seen and is something else.
fn should_be(lookup: &Lookup, judge: &Judge<'_>) -> String {
    match judge.context.as_is.filter(|address| !lookup.addresses.contains(address)) {
        Some(address) => format!("; as it stands, the name has the address {address}"),
        None => String::new(),
    }
}

/// Whether a name under one of the cluster's own suffixes has the form of a service: `svc.ns`, `pod.svc.ns`,
/// `svc.ns.svc` … (Kubernetes DNS specification 1.1.0, section 2.3). A longer one has to begin with an underscore, as
/// the names of ports do.
fn is_service(typed: &str, suffix: &str, cluster_domain: &str) -> bool {
    let dots = typed.bytes().filter(|byte| *byte == b'.').count();
    let up_to = |most: usize| dots <= most || (typed.starts_with('_') && dots <= most + 1);
    if suffix == cluster_domain {
        // `svc.ns.svc`, `1-2-3-4.ns.pod`
        return [".svc", ".pod"].iter().any(|kind| typed.ends_with(kind));
    }
    match suffix.strip_suffix(cluster_domain).and_then(|rest| rest.strip_suffix('.')) {
        // `svc.ns`, `pod.svc.ns`, `_port._proto.svc.ns`
        Some("svc") => up_to(2),
        // `pod.svc`, `_port._proto.svc` in the pod's own namespace
        Some(own) => own.strip_suffix(".svc").is_some_and(|namespace| !namespace.contains('.')) && up_to(1),
        None => false,
    }
}

fn search_waste(lookup: &Lookup, judge: &Judge<'_>) -> Option<Finding> {
    let totals = lookup.totals();
    let wasted = lookup.steps.iter().filter(|step| step.wasted).count();
    if wasted == 0 {
        return None;
    }
    let time = || totals.added_by_search.map_or_else(String::new, |time| format!(" and {}", millis(time)));
    let candidates = if wasted == 1 { "candidate" } else { "candidates" };
    let message = || {
        format!(
            "{} of {} questions{} went to {wasted} {candidates} that did not answer; {} asks only for what is meant.",
            totals.wasted_questions,
            totals.questions,
            time(),
            remedy(lookup, judge.context),
        )
    };
    let questions = lookup.steps.iter().filter(|step| step.wasted).flat_map(|step| &step.questions);
    Some(judge.finding(FindingCode::SearchWaste, message, questions))
}

fn remedy(lookup: &Lookup, context: &Context) -> String {
    if wrong_suffix(lookup, context).is_some() {
        // The candidate that answered is not what was meant.
        return format!("`{}.` with its trailing dot", lookup.name);
    }
    lookup
        .absolute_name()
        .map_or_else(|| "another name".to_owned(), |name| format!("`{name}` with its trailing dot"))
}

/// A question that never got an answer.
fn unanswered(lookup: &Lookup, judge: &Judge<'_>) -> Option<Finding> {
    if lookup.partial {
        return None;
    }
    let all: Vec<&Question> = questions(lookup).collect();
    let answered = |question: &Question| {
        all.iter().any(|other| {
            other.qname == question.qname && other.qtype == question.qtype && other.latency.is_some()
        })
    };
    let lost = all.iter().find(|question| !answered(question) && question.outcome == Outcome::Timeout)?;
    let sent = all.iter().filter(|other| other.qname == lost.qname && other.qtype == lost.qtype).count();
    Some(judge.finding(
        FindingCode::Unanswered,
        || format!(
            "{} {} was sent {} to {} and never answered. Is the server up, and does a network policy let port 53 through?",
            lost.qtype,
            lost.qname,
            times(sent),
            lost.server
        ),
        all.iter().copied().filter(|other| other.qname == lost.qname && other.qtype == lost.qtype),
    ))
}

/// A question sent again after the resolver's timeout.
fn stall(lookup: &Lookup, judge: &Judge<'_>) -> Option<Finding> {
    let (first, again) = resends(lookup).find(|(first, again)| is_stall(first, again, judge))?;
    let waited = millis(again.sent? - first.sent?);
    let race = if is_conntrack_shape(lookup, first) {
        " Its partner from the same port was answered: the shape of the conntrack race on Linux; compare \
         `insert_failed` in `conntrack -S` on the node. A DNS cache on the node avoids it, and so does `options \
         use-vc` or `single-request-reopen` for glibc."
    } else {
        " Does the server answer slowly, or are packets lost on the way? `options timeout:1` shortens the wait."
    };
    let pattern = stall_pattern(lookup);
    Some(judge.finding(
        FindingCode::Stall,
        || format!(
            "the application waited {waited} because {} {} got no answer and was sent again after the resolver's timeout{pattern}.{race}",
            first.qtype, first.qname
        ),
        questions(lookup).filter(|other| other.qname == first.qname),
    ))
}

/// How this resolver sends again.
fn stall_pattern(lookup: &Lookup) -> &'static str {
    match lookup.resolver.id {
        "glibc" => ", from the same port and then one type at a time, as glibc does",
        "musl" => ", the half that was not answered, as musl does after timeout / attempts",
        "go" => ", from a new port, as Go does",
        _ => "",
    }
}

fn is_stall(first: &Question, again: &Question, judge: &Judge<'_>) -> bool {
    let Some((sent, resent)) = first.sent.zip(again.sent) else { return false };
    let answered_before = first.latency.is_some_and(|latency| sent + latency <= resent);
    !answered_before && (resent - sent).0 >= judge.context.resend_after.0 / 10 * 9
}

/// A and AAAA left from one port at once, one was answered, the other was not.
fn is_conntrack_shape(lookup: &Lookup, lost: &Question) -> bool {
    // Go asks for A and AAAA from two ports, which do not race.
    let Some(at) = lost.sent.filter(|_| lookup.resolver.id != "go") else { return false };
    questions(lookup).any(|other| {
        let together = other.sent.is_some_and(|sent| (sent - at).0.unsigned_abs() < 1_000_000);
        let pair = matches!((lost.qtype, other.qtype), (QType::A, QType::Aaaa) | (QType::Aaaa, QType::A));
        let quick = other.latency.is_some_and(|latency| latency < Nanos::from_millis(500));
        pair && together && quick && other.qname == lost.qname && lost.latency.is_none()
    })
}

/// A question sent again for another reason than the timeout.
fn resent(lookup: &Lookup, judge: &Judge<'_>) -> Option<Finding> {
    let count = resends(lookup).filter(|(first, again)| !is_stall(first, again, judge)).count();
    if count == 0 {
        return None;
    }
    let (first, _) = resends(lookup).find(|(first, again)| !is_stall(first, again, judge))?;
    let why = match first.outcome {
        Outcome::Timeout => "before its timeout".to_owned(),
        outcome => format!("after {outcome}"),
    };
    Some(judge.finding(
        FindingCode::Resent,
        || format!("{} {} was sent again {why} ({} in this lookup).", first.qtype, first.qname, times(count)),
        questions(lookup).filter(|other| other.qname == first.qname && other.qtype == first.qtype),
    ))
}

/// Transmissions of one question over UDP to one server, each with the next.
fn resends(lookup: &Lookup) -> impl Iterator<Item = (&Question, &Question)> {
    lookup.steps.iter().flat_map(|step| {
        step.questions.iter().enumerate().filter_map(|(index, first)| {
            let again = step.questions[index + 1..].iter().find(|again| is_resend(first, again));
            again.map(|again| (first, again))
        })
    })
}

/// Whether two transmissions are of one question over UDP to one server.
fn is_resend(first: &Question, again: &Question) -> bool {
    again.qtype == first.qtype
        && again.server == first.server
        && again.transport == Transport::Udp
        && first.transport == Transport::Udp
        && again.qname == first.qname
}

fn servfail(lookup: &Lookup, judge: &Judge<'_>) -> Option<Finding> {
    let consequence = "Go and glibc try again and go on, musl and c-ares give up";
    by_outcome(lookup, judge, Outcome::ServFail, FindingCode::ServFail, consequence)
}

fn refused(lookup: &Lookup, judge: &Judge<'_>) -> Option<Finding> {
    let consequence =
        "glibc then passes over the rest of the search list, musl and c-ares give up, Go goes on";
    by_outcome(lookup, judge, Outcome::Refused, FindingCode::Refused, consequence)
}

fn by_outcome(
    lookup: &Lookup,
    judge: &Judge<'_>,
    outcome: Outcome,
    code: FindingCode,
    consequence: &str,
) -> Option<Finding> {
    let question = questions(lookup).find(|question| question.outcome == outcome)?;
    let Question { qtype, qname, server, .. } = question;
    let step = lookup.steps.iter().position(|step| step.questions.contains(question))?;
    let last = step + 1 == lookup.steps.len();
    let then = match (lookup.outcome, last) {
        (Outcome::Answer, true) => "here it was asked again and answered",
        (_, true) => "here the lookup ended with it",
        (_, false) => "here the walk went on",
    };
    let on_suffix = if lookup.steps[step].suffix.is_some() {
        " The name was made up by the search list: a trailing dot, or fewer suffixes, would not have asked for it."
    } else {
        ""
    };
    Some(judge.finding(
        code,
        || format!("{server} answered {outcome} to {qtype} {qname}; {consequence}; {then}.{on_suffix}"),
        questions(lookup).filter(|question| question.outcome == outcome),
    ))
}

fn truncated(lookup: &Lookup, judge: &Judge<'_>) -> Option<Finding> {
    let cut = questions(lookup).find(|question| question.outcome == Outcome::Truncated)?;
    let over_tcp = questions(lookup).find(|question| question.transport == Transport::Tcp)?;
    let time = over_tcp
        .latency
        .map_or_else(|| "without an answer".to_owned(), |latency| format!("in {}", millis(latency)));
    Some(judge.finding(
        FindingCode::TruncatedToTcp,
        || {
            format!(
                "the answer to {} {} did not fit into UDP and was asked for again over TCP, {time}.",
                cut.qtype, cut.qname
            )
        },
        [cut, over_tcp],
    ))
}

/// NODATA on a suffixed candidate: musl and BIND's tools take it for the last word.
fn nodata_stops_musl(lookup: &Lookup, judge: &Judge<'_>) -> Option<Finding> {
    let step = lookup.steps.iter().find(|step| step.outcome == Outcome::NoData && step.suffix.is_some())?;
    let stopped = lookup.steps.last() == Some(step);
    let message = if stopped {
        format!("{} exists without an address (NODATA), and that ended the search.", step.candidate)
    } else {
        format!(
            "{} exists without an address (NODATA): this resolver went on, musl and BIND's tools would have stopped \
             there and failed.",
            step.candidate
        )
    };
    Some(judge.finding(FindingCode::NodataStopsMusl, || message, &step.questions))
}

/// Two servers that say different things about one question.
fn server_differs(lookup: &Lookup, judge: &Judge<'_>) -> Option<Finding> {
    let said = |question: &&Question| {
        question.latency.is_some()
            && matches!(
                question.outcome,
                Outcome::Answer | Outcome::NoData | Outcome::NxDomain | Outcome::Cname
            )
    };
    let all: Vec<&Question> = questions(lookup).filter(said).collect();
    let (one, other) = all.iter().find_map(|one| {
        let differs = |other: &&&Question| {
            other.qname == one.qname
                && other.qtype == one.qtype
                && other.server != one.server
                && other.outcome != one.outcome
        };
        all.iter().find(differs).map(|other| (one, other))
    })?;
    Some(judge.finding(
        FindingCode::ServerDiffers,
        || {
            format!(
                "{} says {} to {} {}, {} says {}: which one the application hears is chance.",
                one.server, one.outcome, one.qtype, one.qname, other.server, other.outcome
            )
        },
        [*one, *other],
    ))
}

/// A name under one of the cluster's suffixes, or one that is reserved for private use, sent to a server on the internet:
/// it tells strangers what runs here, and nobody there can know it.
fn suffix_leak(lookup: &Lookup, judge: &Judge<'_>) -> Option<Finding> {
    let internal = |suffix: &str| {
        let ends =
            |end: &str| suffix == end || suffix.strip_suffix(end).is_some_and(|rest| rest.ends_with('.'));
        ends(&judge.context.cluster_domain) || PRIVATE.iter().any(|end| ends(end))
    };
    let steps = lookup.steps.iter().filter(|step| step.suffix.as_deref().is_some_and(internal));
    let leaked: Vec<&Question> = steps
        .flat_map(|step| &step.questions)
        .filter(|question| is_on_the_internet(question.server))
        .collect();
    let first = leaked.first()?;
    Some(judge.finding(
        FindingCode::SuffixLeak,
        || format!(
            "{} was asked of {}, a server on the internet that cannot know it: list the cluster's DNS server alone, or \
             take the suffix out of the search list.",
            first.qname, first.server
        ),
        leaked.iter().copied(),
    ))
}

/// Suffixes that are nobody's on the internet: RFC 6762 section 3, RFC 8375, and what ICANN has set aside for private use.
const PRIVATE: [&str; 3] = ["local", "home.arpa", "internal"];

/// Whether an address is neither private, shared, link-local, loopback nor for documentation (RFC 6890).
fn is_on_the_internet(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => {
            let [one, two, ..] = it.octets();
            let shared = one == 100 && (64..128).contains(&two);
            let benchmark = one == 198 && (18..20).contains(&two);
            !(it.is_private()
                || it.is_loopback()
                || it.is_link_local()
                || it.is_documentation()
                || it.is_unspecified()
                || it.is_multicast()
                || it.is_broadcast()
                || shared
                || benchmark
                || one == 0
                || one >= 240)
        }
        // Global unicast is 2000::/3, of which 2001:db8::/32 is for documentation.
        IpAddr::V6(it) => it.segments()[0] & 0xe000 == 0x2000 && it.segments()[..2] != [0x2001, 0x0db8],
    }
}

fn questions(lookup: &Lookup) -> impl Iterator<Item = &Question> {
    lookup.steps.iter().flat_map(|step| &step.questions)
}

fn millis(time: Nanos) -> String {
    let ms = time.as_micros() / 1_000.0;
    if ms >= 1_000.0 { format!("{:.2} s", ms / 1_000.0) } else { format!("{ms:.1} ms") }
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{more} times"),
    }
}

#[cfg(test)]
#[path = "findings_tests.rs"]
mod tests;
