//! Which resolvers do programs have? Each program is looked into once: the containers of one image run the same.

use std::collections::{BTreeMap, BTreeSet};

use dnsprobe_sniffer::detect::{self, Loaded, Started};
use dnsprobe_sniffer::node::{Container, Opened};
use dnsprobe_sniffer::{Detection, Entry, Host};

/// Programs remembered; pods come and go for days.
const MOST_PROGRAMS: usize = 1_024;
/// Processes of a container that are looked at beside its first.
const MOST_PROCESSES: usize = 15;

/// The resolvers of programs that were looked into.
#[derive(Debug, Default)]
pub(crate) struct Programs(BTreeMap<Loaded, Vec<Has>>);

/// A resolver of a program: its id and its version, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Has {
    pub(crate) id: Option<&'static str>,
    pub(crate) version: Option<String>,
}

impl Programs {
    /// The resolvers of a process, or of the files of one that is gone; one that is not known has no id.
    pub(crate) fn resolvers_of(&mut self, opened: &Opened) -> Vec<Has> {
        let Some(loaded) = opened.process.as_ref().and_then(detect::loaded) else { return look_into(opened) };
        self.resolvers(loaded, opened)
    }

    /// Those of everything that runs in a container beside the process that stands for it, which has been looked into if it
    /// is still there.
    pub(crate) fn beside(
        &mut self,
        host: &Host,
        entry: &Entry,
        container: &Container,
        first: Option<&Opened>,
    ) -> Vec<Has> {
        let first = first.and_then(|opened| opened.process.as_ref());
        let mut started: BTreeSet<Started> = first.and_then(detect::started).into_iter().collect();
        let mut seen: BTreeSet<Loaded> = first.and_then(detect::loaded).into_iter().collect();
        let others = container.pids.iter().filter(|pid| Some(**pid) != container.pid).take(MOST_PROCESSES);
        let mut found = Vec::new();
        for opened in others.filter_map(|pid| entry.open_process(host, *pid).ok()) {
            // Workers, which are many, are started alike; of these one is enough.
            let again = opened.process.as_ref().and_then(detect::started);
            if again.is_some_and(|again| !started.insert(again)) {
                continue;
            }
            match opened.process.as_ref().and_then(detect::loaded) {
                Some(loaded) if !seen.insert(loaded.clone()) => {}
                Some(loaded) => found.extend(self.resolvers(loaded, &opened)),
                None => found.extend(look_into(&opened)),
            }
        }
        found
    }

    fn resolvers(&mut self, loaded: Loaded, opened: &Opened) -> Vec<Has> {
        if let Some(known) = self.0.get(&loaded) {
            return known.clone();
        }
        let found = look_into(opened);
        if self.0.len() >= MOST_PROGRAMS {
            self.0.clear();
        }
        self.0.insert(loaded, found.clone());
        found
    }
}

fn look_into(opened: &Opened) -> Vec<Has> {
    match detect::resolver_in(opened.process.as_ref(), &opened.root) {
        Detection::Known(found) => {
            let others = found.others.into_iter().map(|it| Has { id: Some(it.id), version: it.version });
            std::iter::once(Has { id: Some(found.id), version: found.version }).chain(others).collect()
        }
        Detection::Unknown(_) => vec![Has { id: None, version: None }],
    }
}
