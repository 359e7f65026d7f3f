//! Drives one walk: sends what it orders, hands over what comes back, and reports each step as it ends.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dnsprobe_lookup::{Nanos, Timestamp};
use dnsprobe_resolv::conf::Nameserver;
use dnsprobe_resolv::plan::Wire;
use dnsprobe_resolv::{Action, Outcome, QType, Query, Reply, Request, Verdict, Walk};
use hickory_resolver::proto::rr::RecordType;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::sleep_until;

use super::Subject;
use super::account::{self, Ended, Transmission, Walked};
use super::error::MeasureError;
use super::port::Ports;
use super::reply::{Came, came, wire_name};
use super::socket::Watch;
use super::wire::{self, Transmitted, transmit};

/// One lookup under way.
pub(super) struct Drive<'a> {
    subject: &'a Subject<'a>,
    walk: Walk,
    clock: Clock,
    ports: Ports,
    watch: Watch,
    flights: JoinSet<(usize, Transmitted)>,
    sent: Vec<Sent>,
    /// When the last thing happened that the walk waited for.
    last_event: Instant,
    reported: usize,
    steps: Sender<Ended>,
}

/// A transmission that was ordered.
struct Sent {
    transmission: Transmission,
    record_type: RecordType,
    server: SocketAddr,
    port: u32,
    watch: Watch,
    flight: AbortHandle,
}

impl<'a> Drive<'a> {
    /// A lookup that has not asked anything yet. Steps go to `steps` as they end.
    pub(super) fn new(subject: &'a Subject<'a>, request: &Request, steps: Sender<Ended>) -> Self {
        let clock = Clock::start();
        Self {
            subject,
            walk: Walk::new(subject.profile, subject.settings, request),
            last_event: clock.origin,
            clock,
            ports: Ports::default(),
            watch: Watch::default(),
            flights: JoinSet::new(),
            sent: Vec::new(),
            reported: 0,
            steps,
        }
    }

    /// Walks to the end.
    pub(super) async fn run(mut self) -> Result<Walked, MeasureError> {
        loop {
            match self.walk.next(self.clock.micros(Instant::now())) {
                Action::Send(query) => self.send(&query)?,
                Action::Wait { until_us } => {
                    self.close_ended();
                    self.note_departures();
                    self.report_ended();
                    if until_us.is_none() && self.flights.is_empty() {
                        return Ok(self.finish(never_answered()));
                    }
                    self.wait(until_us).await?;
                }
                Action::Done(verdict) => return Ok(self.finish(verdict)),
            }
        }
    }

    fn send(&mut self, query: &Query) -> Result<(), MeasureError> {
        let malformed = || MeasureError::Malformed { name: query.qname.to_string() };
        let name = wire_name(&query.qname).filter(|_| query.wire == Wire::Valid).ok_or_else(malformed)?;
        let server = address(&self.subject.settings.nameservers[query.server])?;
        let record_type = record_type(query.qtype);
        let request = wire::Request {
            name,
            qtype: record_type,
            server,
            transport: query.transport,
            port: query.socket,
            edns: query.edns,
        };
        let (seq, watch) = (query.seq, self.watch.another());
        let transmission = transmit(request, self.ports.clone(), watch.clone());
        let flight = self.flights.spawn(async move { (seq, transmission.await) });
        let transmission = Transmission::of(query, self.subject.settings);
        self.sent.push(Sent { transmission, record_type, server, port: query.socket, watch, flight });
        Ok(())
    }

    /// Until the walk's time has come, an answer has, or a query has left.
    async fn wait(&mut self, until_us: Option<u64>) -> Result<(), MeasureError> {
        let until = until_us.map(|until| self.clock.origin + Duration::from_micros(until));
        tokio::select! {
            Some(landed) = self.flights.join_next() => {
                let mut landed = vec![landed];
                landed.extend(std::iter::from_fn(|| self.flights.try_join_next()));
                self.land(landed)?;
            }
            () = sleep_until(until.unwrap_or_else(Instant::now).into()), if until.is_some() => {
                self.last_event = Instant::now();
            }
            () = self.watch.has_sent() => {}
        }
        Ok(())
    }

    /// Hands over what came, in the order it came in.
    fn land(&mut self, landed: Vec<Result<(usize, Transmitted), JoinError>>) -> Result<(), MeasureError> {
        let mut landed: Vec<(usize, Transmitted)> = landed.into_iter().filter_map(finished).collect();
        landed.sort_by_key(|(_, transmitted)| transmitted.ended);
        self.note_departures();
        for (seq, Transmitted { ended, result }) in landed {
            let sent = &mut self.sent[seq];
            let transmission = &mut sent.transmission;
            let latency = transmission.at.map(|at| Nanos(self.clock.nanos(ended).0 - at.0));
            // It never left: there is no way to the server. The step still began.
            transmission.at.get_or_insert(self.clock.nanos(ended));
            match came(result, sent.record_type) {
                Came::Reply(reply) => {
                    transmission.outcome = outcome(&reply);
                    transmission.latency = latency;
                    self.last_event = self.last_event.max(ended);
                    self.walk.reply(self.clock.micros(ended), seq, &reply);
                }
                Came::Nothing(outcome) => {
                    transmission.outcome = outcome;
                    transmission.latency = latency.filter(|_| outcome == Outcome::Unknown);
                }
                Came::Failure(source) => {
                    let name = transmission.qname.clone();
                    return Err(MeasureError::Ask { server: sent.server, name, source: Box::new(source) });
                }
            }
        }
        Ok(())
    }

    /// What left since the last time.
    fn note_departures(&mut self) {
        for sent in self.sent.iter_mut().filter(|sent| sent.transmission.at.is_none()) {
            if let Some(left) = sent.watch.seen().sent {
                sent.transmission.at = Some(self.clock.nanos(left));
                sent.transmission.sent = Some(self.clock.date(left));
            }
        }
    }

    /// A resolver closes the sockets of a candidate it is done with, unless it has them for good.
    fn close_ended(&mut self) {
        let trail = self.walk.trail();
        let mut in_use = HashSet::new();
        for sent in &self.sent {
            if trail[sent.transmission.step].ended_us.is_some() {
                sent.flight.abort();
            } else {
                in_use.insert(sent.port);
            }
        }
        self.ports.close_all_but(&in_use);
    }

    /// Reports the steps that have ended and of which the next has begun.
    fn report_ended(&mut self) {
        let transmissions = self.transmissions();
        let trail = self.walk.trail();
        while self.reported + 1 < trail.len() && trail[self.reported].ended_us.is_some() {
            let Some(end) = account::begin_of(self.reported + 1, &transmissions) else { return };
            let (index, record) = (self.reported, trail[self.reported].clone());
            // Nobody may be interested any more.
            let _ = self.steps.send(Ended { index, record, transmissions: transmissions.clone(), end });
            self.reported += 1;
        }
    }

    fn transmissions(&self) -> Vec<Transmission> {
        self.sent.iter().map(|sent| sent.transmission.clone()).collect()
    }

    fn finish(mut self, verdict: Verdict) -> Walked {
        self.note_departures();
        Walked {
            trail: self.walk.trail().to_vec(),
            transmissions: self.transmissions(),
            verdict,
            end: Some(self.clock.nanos(self.last_event)),
            client: self.client(),
        }
    }

    fn client(&self) -> Option<IpAddr> {
        self.sent.iter().find_map(|sent| sent.watch.seen().from)
    }
}

/// One clock for durations and dates, so that they never disagree.
#[derive(Clone, Copy)]
struct Clock {
    origin: Instant,
    date: Timestamp,
}

impl Clock {
    fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { origin: Instant::now(), date: Timestamp(0) + nanos(since_epoch) }
    }

    fn nanos(&self, at: Instant) -> Nanos {
        nanos(at.saturating_duration_since(self.origin))
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.origin).as_micros()).unwrap_or(u64::MAX)
    }

    fn date(&self, at: Instant) -> Timestamp {
        self.date + self.nanos(at)
    }
}

fn nanos(span: Duration) -> Nanos {
    Nanos(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX))
}

fn outcome(reply: &Reply) -> Outcome {
    match reply {
        Reply::Message(message) => message.outcome(),
        Reply::Unreachable => Outcome::Unreachable,
    }
}

/// A flight that was not called back. A panic goes on in the caller.
fn finished<T>(joined: Result<T, JoinError>) -> Option<T> {
    match joined {
        Ok(done) => Some(done),
        Err(error) if error.is_cancelled() => None,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// The resolver would wait without a limit for an answer that cannot come any more.
fn never_answered() -> Verdict {
    Verdict { outcome: Outcome::Timeout, addresses: Vec::new(), failure: None, answered_by: None }
}

fn record_type(qtype: QType) -> RecordType {
    match qtype {
        QType::A => RecordType::A,
        QType::Aaaa => RecordType::AAAA,
        QType::Other(number) => number.into(),
    }
}

fn address(server: &Nameserver) -> Result<SocketAddr, MeasureError> {
    match (server.address, &server.scope) {
        (IpAddr::V6(address), Some(scope)) => {
            let index = scope_index(scope).ok_or_else(|| MeasureError::NoInterface {
                server: server.text.clone(),
                interface: scope.clone(),
            })?;
            Ok(SocketAddrV6::new(address, server.port, 0, index).into())
        }
        (address, _) => Ok(SocketAddr::new(address, server.port)),
    }
}

/// The index of an interface of the thread's network namespace: by number, or by name.
fn scope_index(scope: &str) -> Option<u32> {
    scope.parse().ok().or_else(|| nix::net::if_::if_nametoindex(scope).ok())
}
