//! To whom a resolver sends, and when it sends again.

use super::Profile;
use crate::{Message, Outcome, Settings};

/// One second in microseconds.
pub(crate) const SECOND_US: u64 = 1_000_000;

/// To whom a resolver sends, and when it sends again.
#[derive(Debug, Clone, Copy)]
pub enum Schedule {
    /// The questions of a candidate travel together, to one nameserver after another (glibc).
    Paired(PairedRules),
    /// All questions at once, again at fixed intervals until a fixed end (musl, busybox).
    Flood(FloodRules),
    /// Every question for itself, to one nameserver after another (everybody else).
    Each(EachRules),
}

/// The schedule of glibc (`resolv/res_send.c`, `__res_context_send` and `send_dg`).
#[derive(Debug, Clone, Copy)]
pub struct PairedRules {
    /// When an empty answer counts for nothing.
    pub lame: LameRule,
    /// What an error to the first of two questions asked one by one leads to.
    pub after_error: AfterError,
    /// The UDP size offered with `options edns0`.
    pub edns0_size: u16,
}

/// What an error to the first of two questions asked one by one leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterError {
    /// The next server is asked.
    NextServer,
    /// The answer to the second question is waited for, although it was never sent (glibc bug 30081).
    WaitsForOther,
}

/// The schedule of musl (`src/network/res_msend.c`) and busybox nslookup (`networking/nslookup.c`).
#[derive(Debug, Clone, Copy)]
pub struct FloodRules {
    /// Which servers get a question.
    pub servers: FloodServers,
    /// Which answers count.
    pub accept: FloodAccept,
    /// What a cut-off answer leads to.
    pub tcp: FloodTcp,
    /// The time in all and the number of sends, where the file does not set them.
    pub fixed: Option<FloodTimes>,
    /// Whether an answer has to come from the address of a server in the list.
    pub source: Source,
}

/// Fixed times of a [`FloodRules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloodTimes {
    /// The time in all per server, in milliseconds.
    pub total_ms: u64,
    /// How often a question is sent in it.
    pub sends: u64,
}

/// Which servers get a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloodServers {
    /// All of them, every time.
    AllAtOnce,
    /// One, and the next only when it stays silent.
    OneAfterAnother,
}

/// Which answers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloodAccept {
    /// NOERROR and NXDOMAIN; everything else is as if it had not come.
    NoErrorAndNxDomain,
    /// All of them, SERVFAIL once its resends are used up.
    Everything,
}

/// What a cut-off answer leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloodTcp {
    /// It is taken for what is left of it.
    Never,
    /// The question is repeated over TCP.
    Repeats,
}

impl FloodRules {
    /// The time in all and the time between two sends, in µs. Both are whole milliseconds in the C code.
    pub(crate) fn times_us(&self, settings: &Settings) -> (u64, u64) {
        let times = self
            .fixed
            .unwrap_or(FloodTimes { total_ms: settings.timeout_ms, sends: u64::from(settings.attempts) });
        if times.sends == 0 {
            // musl divides by it before anything is sent.
            return (0, 0);
        }
        // Every wait ends a little late, so that what is left of the division never makes one send more.
        let interval_ms = times.total_ms.div_ceil(times.sends).max(1);
        (times.total_ms * 1000, interval_ms * 1000)
    }
}

/// When an empty answer counts for nothing. All: NOERROR, no answer, AA and RA clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LameRule {
    /// Never.
    Accepted,
    /// Always.
    Always,
    /// Only without any additional record, an OPT record included.
    WithoutAdditional,
}

impl LameRule {
    /// The outcome of a message in the eyes of a resolver with this rule.
    pub fn judge(self, message: &Message) -> Outcome {
        match (message.outcome(), self) {
            (Outcome::Lame, Self::Accepted) => Outcome::NoData,
            (Outcome::Lame, Self::WithoutAdditional) if message.additional => Outcome::NoData,
            (outcome, _) => outcome,
        }
    }
}

/// The schedule of resolvers that handle each question by itself.
#[derive(Debug, Clone, Copy)]
pub struct EachRules {
    /// When an empty answer counts for nothing.
    pub lame: LameRule,
    /// Which server is asked next.
    pub order: Order,
    /// How often a question is sent.
    pub tries: Tries,
    /// How long one transmission is waited for.
    pub timeout: TimeoutRule,
    /// Outcomes that end a question.
    pub accept: &'static [Outcome],
    /// Outcomes after which the server is not asked this question again.
    pub strikes_off: &'static [Outcome],
    /// Whether that holds for the only server there is.
    pub only_server: OnlyServer,
    /// What an ICMP error does.
    pub icmp: Icmp,
    /// What follows when TCP failed.
    pub after_tcp: AfterTcp,
    /// Resends within one wait.
    pub retransmit: Option<Retransmit>,
    /// What a lone CNAME leads to.
    pub lone_cname: LoneCname,
    /// Time for more than one transmission.
    pub lifetime: Lifetime,
    /// Pause before the second pass over the servers, in µs; doubled for each further pass.
    pub backoff_us: u64,
    /// What the answer to one of a pair means for the other.
    pub sibling: Sibling,
    /// What a FORMERR answer to a query with EDNS leads to.
    pub edns_refused: EdnsRefused,
    /// When a query with EDNS has a COOKIE option.
    pub cookies: Cookies,
    /// Outcomes that end a pass over the servers, whatever the others asked at the same time would have said.
    pub ends_pass: &'static [Outcome],
    /// Whether answers are kept for the rest of the lookup.
    pub cache: Cache,
    /// Whether an answer has to come from the address that was asked.
    pub source: Source,
    /// Which of several questions whose time is up at once is sent again first.
    pub late: Late,
}

/// Which of several questions whose time is up at once is sent again first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// The one that was asked first.
    InTurn,
    /// The one that was sent last, first transmissions apart, which are some microseconds from each other (c-ares keeps
    /// the ends of waits in a sorted list, `src/lib/dsa/ares_slist.c`, and puts equal ones before each other).
    LastSentFirst,
}

/// Whether an answer has to come from the address that was asked. The unspecified address, which Linux takes for
/// loopback, never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It may come from anywhere that the socket hears of.
    Unchecked,
    /// Others are not looked at.
    Checked,
}

/// When a query with EDNS has a COOKIE option (RFC 7873).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookies {
    /// Never.
    None,
    /// Until the server has answered without one.
    UntilAnswered,
}

/// Whether answers are kept for the rest of the lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// A question that comes up again is asked again.
    None,
    /// It is answered as before, if the answer said how long it holds.
    Kept,
}

/// Which server is asked next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The next in the list, from its start for every question.
    InTurn,
    /// The one with the fewest failures in a row, in list order (c-ares since 1.29).
    FewestFailures,
    /// The same again while there are tries left over for the lookup, then the next, each once (BIND tools).
    SameThenNext,
    /// The two with the fewest failures at once, then the next two; the order is made anew for every pass, and an
    /// answer without records is a failure, too (hickory).
    TwoAtOnce,
}

/// Whether the only server there is can be struck off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnlyServer {
    /// It is, and the question ends.
    StruckOff,
    /// It is asked again.
    Kept,
}

/// What an ICMP error does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icmp {
    /// It ends the wait at once.
    Noticed,
    /// Nothing.
    Unnoticed,
}

/// What follows when TCP failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterTcp {
    /// TCP again.
    Tcp,
    /// UDP again.
    Udp,
    /// TCP, but to each server once.
    TcpOnce,
    /// TCP again, and for every later question of the lookup.
    Sticks,
}

/// Resends within one wait (hickory `udp_client_stream.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retransmit {
    /// The shortest time before a resend, in µs.
    pub min_us: u64,
    /// What each failure of the server in a row adds up to, in µs.
    pub per_failure_us: u64,
    /// Transmissions in one wait.
    pub sends: u32,
}

/// Time for more than one transmission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Without a limit.
    Unlimited,
    /// For the whole lookup, in µs.
    Lookup(u64),
    /// For each step, as `timeout` says.
    StepTimeout,
}

/// What a lone CNAME leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoneCname {
    /// It is an outcome like others.
    Kept,
    /// Its target is asked for, NXDOMAIN beside it or not.
    Followed,
}

/// How often a question is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tries {
    /// To each server as often as `attempts` says, once at least.
    Attempts,
    /// Once more than that.
    AttemptsAndOne,
    /// To each server this often, whatever the file says.
    Fixed(u32),
    /// As often as the lifetime of the lookup allows.
    Lifetime,
}

/// How long one transmission is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeoutRule {
    /// As `timeout` says.
    Same,
    /// Doubled with every pass over the servers.
    DoubledEachRound,
    /// The same, where `timeout` is no more than 5 s; and five times what the server's answers took on average once there
    /// are three, 250 ms at least (c-ares since 1.32, `ares_metrics.c`).
    MeasuredDoubled,
    /// This many µs, whatever the file says; doubled with every pass over the servers.
    FixedDoubled(u64),
}

/// What the answer to one of a pair means for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sibling {
    /// Nothing.
    Independent,
    /// Once one has addresses, the other is not sent again.
    NotRetried,
    /// The same, if IPv4 addresses are among them: for IPv4 it goes on.
    NotRetriedWithIpv4,
}

/// What a FORMERR answer to a query with EDNS leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdnsRefused {
    /// Nothing special.
    Ignored,
    /// The question is repeated without EDNS.
    RepeatedWithout,
    /// The same, if the query had a cookie, or the answer no OPT record (c-ares since 1.34).
    RepeatedWithoutIfBlamed,
}

impl EachRules {
    /// Every answer but an error of the server ends a question, after an error the next server is asked.
    pub const PLAIN: Self = Self {
        lame: LameRule::Accepted,
        order: Order::InTurn,
        tries: Tries::Attempts,
        timeout: TimeoutRule::Same,
        accept: &[Outcome::Answer, Outcome::NoData, Outcome::Cname, Outcome::NxDomain],
        strikes_off: &[],
        only_server: OnlyServer::StruckOff,
        icmp: Icmp::Noticed,
        after_tcp: AfterTcp::Tcp,
        retransmit: None,
        lone_cname: LoneCname::Kept,
        lifetime: Lifetime::Unlimited,
        backoff_us: 0,
        sibling: Sibling::Independent,
        edns_refused: EdnsRefused::Ignored,
        cookies: Cookies::None,
        ends_pass: &[],
        cache: Cache::None,
        source: Source::Unchecked,
        late: Late::InTurn,
    };

    /// How often a question is sent to each server, or, for [`Order::SameThenNext`], to the first.
    pub(crate) fn tries(&self, settings: &Settings) -> u32 {
        match self.tries {
            Tries::Attempts => settings.attempts.max(1),
            Tries::AttemptsAndOne => settings.attempts.saturating_add(1),
            Tries::Fixed(tries) => tries,
            Tries::Lifetime => u32::MAX,
        }
    }

    /// How long a transmission of this round is waited for; `measured_us` is what the server's answers took on average.
    pub(crate) fn timeout_us(&self, settings: &Settings, round: u32, measured_us: Option<u64>) -> u64 {
        let base = (settings.timeout_ms * 1000).max(1);
        let doubled = |first: u64| first << round.saturating_sub(1).min(20);
        match self.timeout {
            TimeoutRule::Same => base,
            TimeoutRule::DoubledEachRound => doubled(base),
            TimeoutRule::MeasuredDoubled => {
                doubled(measured_us.map_or(base, |us| 5 * us).clamp(250_000, 5_000_000))
            }
            TimeoutRule::FixedDoubled(first) => doubled(first),
        }
    }
}

impl Profile {
    /// After how many µs without an answer an unanswered question is sent again, counted from its transmission to the
    /// nameserver of this index.
    pub fn resend_after_us(&self, settings: &Settings, server: usize) -> u64 {
        match self.schedule {
            Schedule::Paired(_) => paired_timeout_us(settings, server),
            Schedule::Flood(rules) => rules.times_us(settings).1,
            Schedule::Each(rules) => rules.timeout_us(settings, 1, None),
        }
    }

    /// How often one question is sent to one nameserver at most while nobody answers.
    pub fn attempts(&self, settings: &Settings) -> u32 {
        match self.schedule {
            Schedule::Paired(_) => settings.attempts,
            Schedule::Flood(rules) => {
                rules.fixed.map_or(settings.attempts, |times| u32::try_from(times.sends).unwrap_or(u32::MAX))
            }
            Schedule::Each(rules) => rules.tries(settings),
        }
    }

    /// Whether every question goes to all nameservers at once.
    pub fn asks_all_servers(&self) -> bool {
        matches!(self.schedule, Schedule::Flood(FloodRules { servers: FloodServers::AllAtOnce, .. }))
    }
}

/// `timeout` doubled for each server in the list, parted among them; never under a second (glibc `send_dg`).
pub(crate) fn paired_timeout_us(settings: &Settings, server: usize) -> u64 {
    let base = settings.timeout_ms.checked_shl(u32::try_from(server).unwrap_or(63)).unwrap_or(u64::MAX);
    let share = if server > 0 { base / settings.nameservers.len().max(1) as u64 } else { base };
    // The C code computes in whole seconds.
    (share / 1000).max(1) * SECOND_US
}
