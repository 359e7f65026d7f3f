//! A lookup under construction: what was asked and answered so far, and which walks that still fits.

use std::net::IpAddr;
use std::rc::Rc;

use dnsprobe_resolv::{Outcome, QType, Resolver, ResolverId, Transport};
use smallvec::SmallVec;

use super::fingerprint::looks_like_musl;
use super::patterns::TypedName;
use super::readings::Entrance;
use super::steps::Steps;
use crate::attempt::{Asked, ExchangeId};
use crate::datagram::Endpoint;
use crate::message::{QName, Response};
use crate::place::put;
use crate::time::{Nanos, Timestamp};

/// c-ares takes no `timeout` from the file before 1.22 and waits this long (`ARES_DEFAULT_TIMEOUT` of 1.18).
pub(super) const CHANNEL_TIMEOUT: Nanos = Nanos::from_millis(5_000);
/// No resolver's interval is believed to grow beyond this.
const MOST_BACKED_OFF: Nanos = Nanos::from_millis(30_000);
/// Transmissions kept of one candidate. glibc sends 60 at most (2 types, 3 nameservers, 5 attempts, each from a pair and
/// alone); what is beyond is no lookup but a fault, and begins a new one.
const MOST_OF_A_STEP: usize = 128;
/// Candidates kept of one lookup: Kubernetes allows 32 suffixes, and `getent` walks the list twice.
const MOST_STEPS: usize = 128;

/// Transmissions of a candidate as a rule: for A and AAAA.
const USUAL: usize = 2;
/// Transmissions whose memory goes to another candidate.
const MOST_KEPT: usize = 8;

/// A lookup under construction.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) client: IpAddr,
    /// What it may have been when it began.
    pub(crate) entrance: Rc<Entrance>,
    /// What it may still be; never empty.
    pub(crate) walks: Walks,
    pub(crate) steps: Steps,
    pub(crate) certain: bool,
    /// Whether its socket was seen to serve other names at the same time.
    pub(crate) channel: bool,
    /// Whether the client had an answer right before to a question that was not captured.
    pub(crate) cut: bool,
}

/// The readings of a lookup; as a rule there are few.
pub(crate) type Walks = SmallVec<[Walk; 6]>;

/// One reading of a lookup: which of its entrance's typed names, and how far its walk is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk {
    /// Index of the typed name.
    pub(crate) typed: u16,
    /// Index of the candidate that is being asked.
    pub(crate) position: u16,
}

/// One candidate while it is asked.
#[derive(Debug)]
pub(crate) struct OpenStep {
    pub(crate) name: QName,
    /// In the order of their times; as a rule A and AAAA.
    pub(crate) sent: Vec<Sent>,
    pub(crate) answers: Vec<Answered>,
    /// Where its questions stand, by type.
    standings: Vec<Standing>,
}

/// One transmission.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) at: Timestamp,
    pub(crate) asked: Asked,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) exchange: ExchangeId,
    pub(crate) at: Timestamp,
    pub(crate) response: Response,
}

/// Where one question (name and type) of a step stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) qtype: QType,
    pub(crate) first_sent: Timestamp,
    pub(crate) last_sent: Timestamp,
    /// From when on answers count, and the wait for them: glibc forgets what it has heard when it begins anew with the
    /// first of the pair (2.36 `resolv/res_send.c`, `send_dg`), and then takes an answer to any transmission.
    pub(crate) since: Timestamp,
    /// The first answer from then on.
    pub(crate) answer: Option<Heard>,
}

/// When an answer came, and what it came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) at: Timestamp,
    pub(crate) outcome: Outcome,
}

impl Heard {
    fn of(answered: &Answered) -> Self {
        Self { at: answered.at, outcome: answered.response.outcome }
    }
}

impl Standing {
    fn new(at: Timestamp, qtype: QType) -> Self {
        Self { qtype, first_sent: at, last_sent: at, since: at, answer: None }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        self.answer.map_or(Outcome::Timeout, |answer| answer.outcome)
    }
}

impl OpenStep {
    /// An empty one.
    pub(super) fn of(name: QName) -> Self {
        Self {
            name,
            sent: Vec::with_capacity(USUAL),
            answers: Vec::with_capacity(USUAL),
            standings: Vec::with_capacity(USUAL),
        }
    }

    /// Begins an empty one with its first question.
    pub(super) fn begin(&mut self, at: Timestamp, asked: Asked) {
        self.name.clone_from(&asked.name);
        self.standings.push(Standing::new(at, asked.qtype));
        put(&mut self.sent, || Sent { at, asked });
    }

    /// Empties it; what was large gives its memory back.
    pub(super) fn clear(&mut self) {
        self.sent.clear();
        self.answers.clear();
        self.standings.clear();
        if self.sent.capacity().max(self.answers.capacity()) > MOST_KEPT {
            *self = Self::of(self.name.clone());
        }
    }

    /// Adds a transmission where its time puts it: two packets that left on two processors at once may be captured in
    /// either order, and each capture of them in its own.
    fn add(&mut self, at: Timestamp, asked: Asked) {
        let place = self.sent.partition_point(|earlier| earlier.at <= at);
        let is_last = place == self.sent.len();
        let other_type = self.standings.iter().all(|standing| standing.qtype != asked.qtype);
        if is_last && other_type && self.is_asked_once() {
            self.standings
                .push(Standing { since: self.sent[0].at.min(at), ..Standing::new(at, asked.qtype) });
            put(&mut self.sent, || Sent { at, asked });
        } else {
            self.sent.insert(place, Sent { at, asked });
            self.stand();
        }
    }

    /// Takes out a transmission, with the answers to it.
    pub(super) fn take_out(&mut self, place: usize) -> (Sent, Vec<Answered>) {
        let sent = self.sent.remove(place);
        let (its, rest) = std::mem::take(&mut self.answers)
            .into_iter()
            .partition(|answer| answer.exchange == sent.asked.exchange);
        self.answers = rest;
        self.stand();
        (sent, its)
    }

    /// Puts a transmission in, with the answers to it.
    pub(super) fn put_in(&mut self, sent: Sent, answers: Vec<Answered>) {
        self.add(sent.at, sent.asked);
        for answer in answers {
            self.hear(answer.exchange, answer.at, answer.response);
        }
    }

    fn hear(&mut self, exchange: ExchangeId, at: Timestamp, response: Response) {
        if self.is_asked_once() {
            // With one transmission there is nothing to mix up, even when the clocks of two CPUs differ by a little.
            let asked = self.sent.iter().position(|sent| sent.asked.exchange == exchange);
            if let Some(standing) = asked.and_then(|asked| self.standings.get_mut(asked)) {
                standing.answer.get_or_insert(Heard { at, outcome: response.outcome });
            }
            put(&mut self.answers, || Answered { exchange, at, response });
        } else {
            self.answers.push(Answered { exchange, at, response });
            self.stand();
        }
    }

    /// Whether every transmission is of a type of its own, so that each has its standing.
    pub(crate) fn is_asked_once(&self) -> bool {
        self.sent.len() == self.standings.len()
    }

    /// Every type asked in this step, in the order they were first asked. A question for another name (the end of an
    /// alias) counts by its type too.
    pub(crate) fn standings(&self) -> &[Standing] {
        &self.standings
    }

    /// Finds out anew where the questions stand.
    fn stand(&mut self) {
        let mut standings = std::mem::take(&mut self.standings);
        standings.clear();
        for sent in &self.sent {
            match standings.iter_mut().find(|standing| standing.qtype == sent.asked.qtype) {
                Some(standing) => standing.last_sent = sent.at,
                None => standings.push(Standing::new(sent.at, sent.asked.qtype)),
            }
        }
        let begun_anew = standings.first().map(|first| first.last_sent).unwrap_or_default();
        for standing in &mut standings {
            standing.since = standing.last_sent.min(begun_anew);
            // An answer must come to the socket of the last transmission: those before it are closed.
            let last = self.sent.iter().rfind(|sent| sent.asked.qtype == standing.qtype).map(socket);
            let asked = last.map(|socket| (standing.qtype, socket));
            let once = standing.first_sent == standing.last_sent;
            // An error after which the question was sent once more was none that the resolver settled for.
            let dropped = |it: &Answered| is_no_answer(it.response.outcome) && it.at <= standing.last_sent;
            let in_time = |it: &&Answered| once || (it.at >= standing.since && !dropped(it));
            let answer = self.answers.iter().filter(in_time).find(|answer| self.asked_by(answer) == asked);
            standing.answer = answer.map(Heard::of);
        }
        self.standings = standings;
    }

    /// The last answer to an exchange.
    pub(crate) fn answer_to(&self, exchange: ExchangeId) -> Option<&Answered> {
        self.answers.iter().rfind(|answer| answer.exchange == exchange)
    }

    /// Whether it was asked for both types from one port, as the libcs do, and c-ares.
    pub(crate) fn is_pair_of_one_port(&self) -> bool {
        let port = |sent: &Sent| sent.asked.client;
        self.standings.len() > 1 && self.sent.iter().all(|sent| port(sent) == port(&self.sent[0]))
    }

    /// Whether more than one type was asked for, all before the first answer came, as resolvers do that want both.
    fn is_asked_at_once(&self) -> bool {
        let answers = self.standings.iter().filter_map(|standing| standing.answer);
        let first = answers.map(|answer| answer.at).min();
        let before = |at| first.is_none_or(|first| at <= first);
        self.standings.len() > 1 && self.standings.iter().all(|standing| before(standing.first_sent))
    }

    /// Whether a question was sent more than once.
    fn is_resent(&self) -> bool {
        self.standings.iter().any(|standing| standing.last_sent > standing.first_sent)
    }

    /// Whether every question has its answer.
    pub(crate) fn is_answered(&self) -> bool {
        self.standings().iter().all(|standing| standing.answer.is_some())
    }

    /// When the last answer came that the resolver waited for.
    pub(crate) fn last_answer(&self) -> Option<Timestamp> {
        self.standings().iter().filter_map(|standing| standing.answer.map(|answer| answer.at)).max()
    }

    pub(crate) fn begun(&self) -> Timestamp {
        self.sent.first().map_or(Timestamp::default(), |sent| sent.at)
    }

    pub(crate) fn last_sent(&self) -> Timestamp {
        self.sent.last().map_or(Timestamp::default(), |sent| sent.at)
    }

    /// How long the resolver waited before it sent its latest transmission of the same question.
    fn last_interval(&self) -> Nanos {
        let Some((last, earlier)) = self.sent.split_last() else { return Nanos(0) };
        let before = earlier.iter().rev().find(|sent| sent.asked.qtype == last.asked.qtype);
        before.map_or(Nanos(0), |before| (last.at - before.at).min(MOST_BACKED_OFF))
    }

    fn asked_by(&self, answer: &Answered) -> Option<(QType, (Endpoint, Transport))> {
        let sent = self.sent.iter().find(|sent| sent.asked.exchange == answer.exchange)?;
        Some((sent.asked.qtype, socket(sent)))
    }
}

fn socket(sent: &Sent) -> (Endpoint, Transport) {
    (sent.asked.client, sent.asked.transport)
}

/// How ready a lookup is for its next candidate, the readier the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Readiness {
    /// An answer is missing.
    Waiting,
    /// One type was asked and answered; the other may follow.
    HalfAsked,
    /// Both types were.
    Ready,
}

/// What the socket of a question says about whether a lookup asked it, the likelier the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SocketSays {
    /// Its candidates came from another one.
    Another,
    /// Its candidates came from one each.
    Nothing,
    /// Its candidates came from this one.
    This,
}

impl Open {
    /// Begins a lookup with its first question; `steps` is room for its candidates, empty.
    pub(crate) fn new(asked: Asked, at: Timestamp, entrance: Rc<Entrance>, mut steps: Steps) -> Self {
        let client = asked.client.ip();
        steps.begin(at, asked);
        let walks = entrance.walks();
        Self { client, entrance, walks, steps, certain: true, channel: false, cut: false }
    }

    /// The typed name of one reading.
    pub(crate) fn typed(&self, walk: Walk) -> &TypedName {
        &self.entrance.typed[usize::from(walk.typed)]
    }

    /// The candidate being asked.
    pub(crate) fn step(&self) -> &OpenStep {
        // Every lookup is begun with a step, and none is ever taken away.
        &self.steps[self.steps.len() - 1]
    }

    /// Whether this one went on while another did that is over, as far as was seen of both. Who waits for an answer goes on
    /// until its timeout.
    #[inline(never)]
    pub(crate) fn runs_beside(&self, over: &Self, timeout: Nanos) -> bool {
        let begun = |open: &Self| open.steps[0].begun();
        let heard = |open: &Self| open.step().last_sent().max(open.step().last_answer().unwrap_or_default());
        let until = match self.readiness() {
            Readiness::Waiting => self.step().last_sent() + timeout,
            Readiness::HalfAsked | Readiness::Ready => heard(self),
        };
        begun(self) <= heard(over) && begun(over) <= until
    }

    /// Whether it may have begun before the capture.
    pub(crate) fn may_be_cut(&self) -> bool {
        self.cut && self.walks.iter().any(|walk| self.typed(*walk).entry > 0)
    }

    /// Whether no more is taken.
    pub(crate) fn is_full(&self) -> bool {
        let step = self.step();
        self.steps.len() >= MOST_STEPS || step.sent.len().max(step.answers.len()) >= MOST_OF_A_STEP
    }

    /// All transmissions, in wire order.
    pub(crate) fn sent(&self) -> impl Iterator<Item = &Sent> {
        self.steps.iter().flat_map(|step| &step.sent)
    }

    /// Adds a transmission to the candidate being asked.
    pub(crate) fn ask(&mut self, asked: Asked, at: Timestamp) {
        if let Some(step) = self.steps.last_mut() {
            step.add(at, asked);
        }
    }

    /// Adds a transmission to an earlier candidate.
    pub(crate) fn ask_earlier(&mut self, place: usize, asked: Asked, at: Timestamp) {
        if let Some(step) = self.steps.get_mut(place) {
            step.add(at, asked);
        }
    }

    /// The latest candidate that holds this exchange.
    pub(crate) fn holding(&self, exchange: ExchangeId) -> Option<usize> {
        self.steps.iter().rposition(|step| step.sent.iter().any(|sent| sent.asked.exchange == exchange))
    }

    /// The latest candidate before the current one that has this name and was asked for another type only, where others
    /// were asked for both.
    pub(crate) fn missing_from(&self, asked: &Asked) -> Option<usize> {
        let (_, earlier) = self.steps.split_last()?;
        let place = earlier.iter().rposition(|step| step.name == asked.name)?;
        let same = |sent: &&Sent| sent.asked.name == asked.name && sent.asked.qtype == asked.qtype;
        let both = |step: &OpenStep| {
            step.sent
                .first()
                .is_some_and(|first| step.sent.iter().any(|it| it.asked.qtype != first.asked.qtype))
        };
        (!self.sent().any(|sent| same(&sent)) && self.steps.iter().any(both)).then_some(place)
    }

    /// When the question was last sent that has no answer and may be given up now: that of this type first.
    pub(crate) fn last_unanswered(&self, asked: &Asked) -> Option<Timestamp> {
        let unanswered = self.step().standings().iter().filter(|standing| standing.answer.is_none());
        let last = unanswered.max_by_key(|standing| (standing.qtype == asked.qtype, standing.last_sent));
        last.map(|standing| standing.last_sent)
    }

    /// How ready a lookup is for its next candidate.
    pub(crate) fn readiness(&self) -> Readiness {
        let standings = self.step().standings();
        if standings.iter().any(|standing| standing.answer.is_none()) {
            Readiness::Waiting
        } else if standings.len() < 2 {
            Readiness::HalfAsked
        } else {
            Readiness::Ready
        }
    }

    /// What the socket of a next candidate's question says.
    pub(crate) fn socket_for(&self, asked: &Asked) -> SocketSays {
        let mut sockets = self.steps.iter().filter_map(|step| step.sent.last()).map(socket);
        let Some(first) = sockets.next() else { return SocketSays::Nothing };
        let kept = sockets.all(|socket| socket == first);
        match first == (asked.client, asked.transport) {
            true if kept => SocketSays::This,
            false if kept && self.steps.len() > 1 => SocketSays::Another,
            _ => SocketSays::Nothing,
        }
    }

    /// Adds a transmission that begins another candidate.
    pub(crate) fn ask_next(&mut self, asked: Asked, at: Timestamp) {
        self.steps.begin(at, asked);
    }

    /// Adds an answer to the step that asked.
    pub(crate) fn answer(&mut self, exchange: ExchangeId, at: Timestamp, response: Response) {
        let asked_in = |step: &&mut OpenStep| step.sent.iter().any(|sent| sent.asked.exchange == exchange);
        if let Some(step) = self.steps.iter_mut().rev().find(asked_in) {
            step.hear(exchange, at, response);
        }
    }

    /// When this lookup is over, as far as is known by now.
    pub(crate) fn deadline(
        &self,
        timeout: impl Fn() -> Nanos,
        told: Option<Resolver>,
        shown: &[ResolverId],
    ) -> Timestamp {
        let step = self.step();
        let Some(found) = Replies::of(step.standings()) else {
            // One resend interval and the one after, which some resolvers double.
            let longest = timeout().max(step.last_interval());
            let twice = longest + longest;
            // Who has sent nothing again may be one who does not read `timeout`.
            let once = step.is_asked_once() && step.sent.iter().all(|sent| sent.asked.edns.is_none());
            let patient = if once { twice.max(CHANNEL_TIMEOUT) } else { twice };
            return step.last_sent() + patient + LEAST_PATIENCE;
        };
        let musl = || {
            told.map_or_else(|| looks_like_musl(self, shown, timeout()), |told| told.id == ResolverId::Musl)
        };
        if found.any(NO_ANSWER) && musl() {
            // musl asks on after half of its timeout and gives up after the whole (1.2.5 src/network/res_msend.c).
            return step.begun() + timeout() + LINGER;
        }
        found.last + self.patience(&found)
    }

    /// Whether what was seen is all of it, should nothing more come.
    pub(crate) fn is_decided(&self) -> bool {
        Replies::of(self.step().standings()).is_some_and(|found| self.patience(&found) < NEXT_CANDIDATE)
    }

    /// Whether the candidate was asked for one type where those before were for two: the other is still to come.
    fn lacks_a_half(&self) -> bool {
        let (step, earlier) = (self.step(), &self.steps[..self.steps.len() - 1]);
        step.standings().len() == 1 && earlier.iter().any(|step| step.standings().len() > 1)
    }

    /// How long after a candidate's last answer something may still follow.
    fn patience(&self, found: &Replies) -> Nanos {
        // After a resend glibc may ask for the other half once more.
        let both = || self.step().is_asked_at_once() && !self.step().is_resent();
        if found.any(ANSWERED) {
            // What is denied beside an answer contradicts it.
            return match !found.any(FAILED | DENIED) && both() {
                true => Nanos(0),
                false if self.lacks_a_half() => NEXT_CANDIDATE,
                false => LINGER,
            };
        }
        if self.walks.iter().any(|walk| !self.typed(*walk).is_exhausted(walk.position)) {
            return NEXT_CANDIDATE;
        }
        if !found.any(FAILED) && both() { Nanos(0) } else { LINGER }
    }
}

/// What the answers to a candidate say together.
struct Replies {
    /// When the last of them came.
    last: Timestamp,
    /// Signs of what they came to.
    outcomes: u8,
}

/// One has what was asked for.
const ANSWERED: u8 = 1 << 0;
/// One says that the name does not exist.
const DENIED: u8 = 1 << 1;
/// One is neither of these, nor that there are no records of the type.
const FAILED: u8 = 1 << 2;
/// One is none at all for musl.
const NO_ANSWER: u8 = 1 << 3;

impl Replies {
    /// `None` while one is missing.
    fn of(standings: &[Standing]) -> Option<Self> {
        let mut found = Self { last: Timestamp(i64::MIN), outcomes: 0 };
        for standing in standings {
            let answer = standing.answer?;
            found.last = found.last.max(answer.at);
            found.outcomes |= match answer.outcome {
                Outcome::Answer => ANSWERED,
                Outcome::NxDomain => DENIED,
                Outcome::NoData => 0,
                other if is_no_answer(other) => FAILED | NO_ANSWER,
                _ => FAILED,
            };
        }
        Some(found)
    }

    /// Whether one of them shows one of these signs.
    fn any(&self, signs: u8) -> bool {
        self.outcomes & signs != 0
    }
}

/// What musl takes for no answer at all (1.2.5 `src/network/res_msend.c`): any rcode but NOERROR and NXDOMAIN.
pub(crate) fn is_no_answer(outcome: Outcome) -> bool {
    use Outcome::{FormErr, NotImp, Refused, ServFail, Unknown};
    matches!(outcome, FormErr | NotImp | Refused | ServFail | Unknown)
}

/// A question without an answer is waited for this long at least.
pub(super) const LEAST_PATIENCE: Nanos = Nanos::from_millis(1_000);
/// After an answer a resolver asks on at once or not at all; this leaves room for a busy machine, and a row that only
/// waits for it is there within a tenth of a second.
const LINGER: Nanos = Nanos::from_millis(75);
/// The same where the walk should go on: the process may have been stopped in between.
const NEXT_CANDIDATE: Nanos = Nanos::from_millis(1_000);
