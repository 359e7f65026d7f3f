//! Asks for real: drives a walk from inside a network namespace and times every transmission.
//!
//! What to ask, whom, when to ask again and when to stop is the walk's (`dnsprobe_resolv::walk`).

mod account;
mod drive;
mod error;
mod offline;
mod port;
mod reply;
mod socket;
mod wire;

use std::sync::mpsc;
use std::thread;

use dnsprobe_lookup::{Lookup, ResolverSeen, Step};
use dnsprobe_resolv::{Profile, Request, Settings};
use dnsprobe_sniffer::{Netns, netns};

use account::{Ended, Walked};
pub(crate) use error::MeasureError;
pub(crate) use offline::rehearse;

/// The resolver to imitate.
pub(crate) struct Subject<'a> {
    /// How it behaves.
    pub(crate) profile: &'a Profile,
    /// What it takes from its `resolv.conf`.
    pub(crate) settings: &'a Settings,
    /// How it is named in the result.
    pub(crate) resolver: ResolverSeen,
}

/// Looks one name up from inside `netns` as the resolver would, and returns the lookup when it is over.
///
/// `on_step` is called with every step in order, as soon as it has ended and what it added is known; [`Step::wasted`]
/// is not known before the lookup is over and false until then, except in the last step. Whatever `on_step` does
/// delays no measurement: the questions are asked by another thread.
pub(crate) fn measure(
    netns: &Netns,
    subject: &Subject<'_>,
    request: &Request,
    on_step: &mut dyn FnMut(&Step),
) -> Result<Lookup, MeasureError> {
    let (steps, ended) = mpsc::channel();
    let mut reported = 0;
    let walked = thread::scope(|scope| {
        let asking = scope.spawn(move || netns::run_in(netns, || ask(subject, request, steps)));
        for ended in ended {
            on_step(&ended.step());
            reported += 1;
        }
        asking
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            .map_err(|error| MeasureError::Netns(Box::new(error)))?
    })?;
    let lookup = walked.lookup(request, &subject.resolver);
    lookup.steps.iter().skip(reported).for_each(on_step);
    Ok(lookup)
}

fn ask(subject: &Subject<'_>, request: &Request, steps: mpsc::Sender<Ended>) -> Result<Walked, MeasureError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(MeasureError::Start)?;
    runtime.block_on(drive::Drive::new(subject, request, steps).run())
}

#[cfg(test)]
mod tests;
