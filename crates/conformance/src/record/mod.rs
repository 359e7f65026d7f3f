//! Runs real resolvers against a scripted server, each in namespaces of its own, and writes down what they asked.

mod clients;
mod network;
mod run;
mod scenario;
mod server;
mod wire;

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

pub use clients::{Client, Clients};
pub use scenario::{Scenario, scenarios};

use crate::vector::{Outcome, Vector};

/// How often each lookup is made. What differs between runs is not held against a prediction.
const RUNS: usize = 2;

/// Lookups at the same time; nearly all of their time is waiting.
const WORKERS: usize = 8;

/// A recording that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A client could not be compiled or found.
    #[error("cannot prepare {client}: {why}")]
    Client {
        /// Which.
        client: String,
        /// The compiler's words, or what is missing.
        why: String,
    },
    /// The namespaces.
    #[error("cannot {operation} (this needs root)")]
    Namespace {
        /// What was tried.
        operation: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The server's sockets, the client's process or the output.
    #[error("cannot {operation}")]
    Io {
        /// What was tried.
        operation: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl RecordError {
    fn io(operation: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let operation = operation.into();
        move |source| Self::Io { operation, source }
    }
}

/// One lookup of a scenario by a client, recorded.
#[derive(Debug, Clone, Serialize)]
pub struct Recorded {
    /// The vector.
    #[serde(flatten)]
    pub vector: Vector,
    /// The resolver's version in full.
    pub resolver_version: String,
    /// How often it was run.
    pub reps: usize,
    /// Duration of the run that is kept, in milliseconds.
    pub wall_ms: u128,
}

/// Records every scenario with every client and hands each to `sink`, in no particular order. Stops beginning new ones at
/// `until`.
///
/// # Errors
/// The first [`RecordError`] of any worker.
pub fn record(
    clients: &Clients,
    scenarios: &[Scenario],
    until: Option<Instant>,
    sink: &mut (dyn FnMut(&Recorded) -> io::Result<()> + Send),
) -> Result<usize, RecordError> {
    let jobs = jobs(clients, scenarios);
    let (next, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let sink = Mutex::new(sink);
    let work = || -> Result<usize, RecordError> {
        let mut place = network::Place::enter()?;
        let mut made = 0;
        while let Some((scenario, client)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if over.load(Ordering::Relaxed) || until.is_some_and(|until| Instant::now() >= until) {
                break;
            }
            let recorded = repeat(&mut place, scenario, client)?;
            let mut sink = sink.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            sink(&recorded).map_err(RecordError::io("write a vector"))?;
            made += 1;
        }
        Ok(made)
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| scope.spawn(|| work().inspect_err(|_| over.store(true, Ordering::Relaxed))))
            .collect();
        workers.into_iter().map(join).sum()
    })
}

fn join(worker: std::thread::ScopedJoinHandle<'_, Result<usize, RecordError>>) -> Result<usize, RecordError> {
    worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Slow scenarios first, so that the end is not one worker waiting.
fn jobs<'a>(clients: &'a Clients, scenarios: &'a [Scenario]) -> Vec<(&'a Scenario, &'a Client)> {
    let mut jobs: Vec<_> = scenarios
        .iter()
        .flat_map(|scenario| clients.all().iter().map(move |client| (scenario, client)))
        .filter(|(scenario, client)| client.family == "unspec" || scenario.other_families)
        .filter(|(scenario, client)| client.heeds_timeout || !scenario.is_slow())
        .collect();
    jobs.sort_by_key(|(scenario, _)| std::cmp::Reverse(scenario.is_slow()));
    jobs
}

fn repeat(place: &mut network::Place, scenario: &Scenario, client: &Client) -> Result<Recorded, RecordError> {
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(place.run(scenario, client)?);
    }
    let same = |key: &dyn Fn(&run::Run) -> String| runs.iter().all(|run| key(run) == key(&runs[0]));
    let questions = |run: &run::Run| format!("{:?}", run.observed);
    let set = |run: &run::Run| {
        let mut sorted = run.observed.clone();
        sorted.sort();
        format!("{sorted:?}")
    };
    let result = |run: &run::Run| {
        let Outcome { ok, mut addrs, err, .. } = run.result.clone();
        addrs.sort();
        format!("{ok} {addrs:?} {err:?}")
    };
    let mut vector = scenario.vector(client);
    vector.order_stable = !client.races && same(&questions);
    vector.set_stable = same(&set);
    vector.result_stable = same(&result);
    let reps = runs.len();
    let run = runs.swap_remove(0);
    vector.observed = run.observed;
    vector.result = Some(run.result);
    Ok(Recorded {
        vector,
        resolver_version: client.full_version.clone(),
        reps,
        wall_ms: run.took.as_millis(),
    })
}

/// Records for about this long with ever new scenarios of one seed.
///
/// # Errors
/// As [`record`].
pub fn record_for(
    clients: &Clients,
    seed: u64,
    time: Duration,
    sink: &mut (dyn FnMut(&Recorded) -> io::Result<()> + Send),
) -> Result<usize, RecordError> {
    let until = Instant::now() + time;
    let mut made = 0;
    for batch in 0.. {
        if Instant::now() >= until {
            break;
        }
        let scenarios = scenarios(seed.wrapping_add(batch << 32), 24);
        made += record(clients, &scenarios, Some(until), sink)?;
    }
    Ok(made)
}

/// Writes a vector as a line.
///
/// # Errors
/// Those of the writer.
pub fn write_line(out: &mut dyn Write, recorded: &Recorded) -> io::Result<()> {
    serde_json::to_writer(&mut *out, recorded)?;
    out.write_all(b"\n")
}
