//! What a capture shows of the names that are explained: what the servers answered, and what was really asked.

use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::rc::Rc;

use dnsprobe_lookup::departures::departure_from;
use dnsprobe_lookup::observed::observation;
use dnsprobe_lookup::{InferredConf, Lookup, Timestamp};
use dnsprobe_resolv::answers::Offline;
use dnsprobe_resolv::simulate::Answered;
use dnsprobe_resolv::whatif::{Conf, Knowledge};
use dnsprobe_resolv::{Answers, Query, Resolver};

use super::chosen::AUTO;
use super::read;
use crate::cli::{Format, LookupArgs};
use crate::error::CommandError;
use crate::view::{Closing, Departing, Held, Reporter, SeenAt, Ui};

/// Lookups of the names kept; of those beyond, nothing is said.
const MOST_KEPT: usize = 10_000;

/// What a capture shows of some names.
#[derive(Default)]
pub(super) struct Captured {
    /// Names as typed, in small letters and without a dot at the end.
    names: Vec<String>,
    lookups: Vec<Lookup>,
    knowledge: Knowledge,
    /// The servers asked, the first one asked first.
    servers: Vec<IpAddr>,
    inferred: Vec<(IpAddr, InferredConf)>,
}

impl Captured {
    /// Reads a capture.
    pub(super) fn read(
        file: &Path,
        names: &[String],
        resolv_conf: Option<&Path>,
        ui: &Ui,
    ) -> Result<Self, CommandError> {
        let names = names.iter().map(|name| name.trim_end_matches('.').to_ascii_lowercase()).collect();
        let captured = Rc::new(RefCell::new(Self { names, ..Self::default() }));
        let args = LookupArgs {
            output: Format::Json,
            summary: false,
            resolv_conf: resolv_conf.map(Path::to_owned),
            env: Vec::new(),
            resolver: AUTO.to_owned(),
            ports: vec![53],
            write: None,
            rotate_size: None,
            rotate_count: None,
            count: None,
        };
        read::observe(file, &args, ui, Some(Box::new(Collecting(Rc::clone(&captured)))))?;
        Ok(captured.take())
    }

    /// What the traffic of the first client that asked for the names shows of its `resolv.conf`.
    pub(super) fn resolv_conf(&self) -> Option<String> {
        let client = self.lookups.first()?.client?;
        let (_, conf) = self.inferred.iter().find(|(address, _)| *address == client)?;
        Some(conf.as_resolv_conf())
    }

    /// The lookups of a name held against the plan of this resolver.
    pub(super) fn held(&self, name: &str, resolver: Resolver, conf: &Conf) -> Held {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let mut held = Held::default();
        for lookup in self.lookups.iter().filter(|lookup| is_of(lookup, &name) && !lookup.partial) {
            held.lookups += 1;
            match departure_from(lookup, resolver, conf) {
                None => held.as_planned += 1,
                Some(finding) => held.departing.push(Departing {
                    client: lookup.client,
                    start: lookup.start,
                    message: finding.message,
                }),
            }
        }
        held
    }
}

/// Whether a lookup is one of this name, whichever name it looks like in the end.
fn is_of(lookup: &Lookup, name: &str) -> bool {
    lookup.steps.iter().any(|step| {
        let candidate = step.candidate.to_ascii_lowercase();
        candidate.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
    })
}

impl Answers for Captured {
    fn answer(&self, query: &Query) -> Answered {
        let server = self.servers.get(query.server).or(self.servers.first());
        let known = server
            .and_then(|server| self.knowledge.known(&query.qname, query.qtype, *server, query.transport));
        known.unwrap_or_else(|| Offline.answer(query))
    }
}

struct Collecting(Rc<RefCell<Captured>>);

impl Reporter for Collecting {
    fn lookup(&mut self, lookup: &Lookup, _: &SeenAt) -> io::Result<()> {
        let mut captured = self.0.borrow_mut();
        for asked in observation(lookup, None).iter().flat_map(|seen| &seen.asked) {
            captured.knowledge.note(asked);
            if !captured.servers.contains(&asked.server) && captured.servers.len() < 64 {
                captured.servers.push(asked.server);
            }
        }
        let wanted = captured.names.iter().any(|name| is_of(lookup, name));
        if wanted && captured.lookups.len() < MOST_KEPT {
            captured.lookups.push(lookup.clone());
        }
        Ok(())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    fn tick(&mut self, _: Timestamp) -> io::Result<()> {
        Ok(())
    }

    fn close(&mut self, closing: &Closing<'_>) -> io::Result<()> {
        self.0.borrow_mut().inferred = closing.inferred.to_vec();
        Ok(())
    }
}
