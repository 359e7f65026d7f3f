//! `dnsprobe watch --ns` and `--all`: pods that come and go, each with its own resolv.conf, in one thread beside the one
//! that finds them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{self, Receiver};

use dnsprobe_lookup::SearchList;
use dnsprobe_resolv::Situation;
use dnsprobe_sniffer::owners::Told;
use dnsprobe_sniffer::roster::{Environment, TO_FOLLOW, is_shared};
use dnsprobe_sniffer::{
    Bell, Capture, Change, Content, Entry, Follow, FrameSource, Host, Joined, MemberId, Node, Roster,
    SourceId, Statistics, netns, privileges,
};
use serde_json::json;

use super::{
    Args, give_up_privileges, in_words, interfaces, merging, options, present, say_what_is_watched, stoppable,
};
use crate::commands::conntrack::Counters;
use crate::commands::programs::Programs;
use crate::commands::session::{Known, Session};
use crate::commands::sharing::{Files, Shared, Whose};
use crate::commands::situation;
use crate::error::CommandError;
use crate::view::{CapturedIn, Detail, Reporter, SeenAt, Ui, escape, note};

/// Watches every pod of a Kubernetes namespace, or of all of them.
pub(super) fn watch(
    args: &Args,
    namespace: Option<String>,
    ui: &Ui,
    reporter: Option<Box<dyn Reporter>>,
) -> Result<Statistics, CommandError> {
    let mut typed = Situation::default();
    situation::set_variables(&mut typed, &args.lookups.env)?;
    // Fewer are no reason to fail: where they do not suffice, that is said.
    let _ = privileges::raise_open_files();
    let node = Node::read(&situation::host(&args.target))?;
    let what = namespace.as_ref().map_or_else(|| "all pods".to_owned(), |it| format!("the pods of {it}"));
    let is_there = match &namespace {
        Some(namespace) => !node.pods_of(namespace).is_empty(),
        None => node.entries.iter().any(|entry| entry.pod.is_some()),
    };
    if !is_there {
        note(&format!(
            "dnsprobe: {what}: none runs on this node yet; this rests on {}",
            escape(&node.evidence)
        ));
    }
    let known = namespace.map_or(Follow::All, Follow::Namespace);
    let mut roster = Roster::new(node, known.clone(), options(args));
    let mut source = Capture::new(stoppable()?)?;
    let mut session = Session::for_many(&args.lookups, merging(args, ui), ui)?
        .in_batches()
        .with_conntrack(Counters::open(&args.target.host_root))
        .reporting_to(reporter);
    let given = args.lookups.resolv_conf.as_deref().map(situation::read_file).transpose()?;
    let mut members = Members {
        sources: BTreeMap::new(),
        places: BTreeMap::new(),
        given,
        typed,
        hints: BTreeSet::new(),
        detail: ui.detail,
        host: situation::host(&args.target),
        told: roster.told(),
        follow: known,
        ports: args.lookups.ports.clone(),
        programs: Programs::default(),
    };
    for change in netns::visiting(|| roster.changes())? {
        members.take(change, &mut source, &mut session)?;
    }
    // Dropping its end stops the thread.
    let (_stop, stopped) = mpsc::channel();
    let changes = follow(roster, source.bell(), stopped)?;
    give_up_privileges()?;
    say_what_is_watched(&format!("{what}, {} now", members.sources.len()), ui);
    super::watch(&mut source, &mut session, args, &mut |source, session| {
        for change in changes.try_iter() {
            members.take(change, source, session)?;
        }
        Ok(())
    })?;
    let sources: Vec<SourceId> = members.sources.values().copied().collect();
    for id in sources {
        members.count(&mut source, &mut session, id)?;
    }
    let statistics = source.statistics(None)?;
    session.close(Some(statistics.dropped_by_kernel))?;
    Ok(statistics)
}

/// Starts the thread that goes on looking for pods, with the privileges that this takes and no others.
fn follow(roster: Roster, bell: Bell, stopped: Receiver<()>) -> Result<Receiver<Change>, CommandError> {
    let failed = |error: std::io::Error| CommandError::wrap("start the thread that follows pods", error);
    let (sender, changes) = mpsc::channel();
    let thread = std::thread::Builder::new().name("pods".to_owned());
    thread
        .spawn(move || {
            // Without fewer privileges it must not go on.
            if privileges::keep_only(TO_FOLLOW).is_ok() {
                roster.follow(&sender, &bell, &stopped);
            }
        })
        .map_err(failed)?;
    Ok(changes)
}

/// The pods that are watched now.
struct Members {
    sources: BTreeMap<MemberId, SourceId>,
    places: BTreeMap<SourceId, CapturedIn>,
    /// `--resolv-conf`, for all of them.
    given: Option<Vec<u8>>,
    /// `--env`, for all of them.
    typed: Situation,
    /// Next steps that were suggested already.
    hints: BTreeSet<String>,
    detail: Detail,
    host: Host,
    /// Who asks in namespaces that several share.
    told: Told,
    follow: Follow,
    ports: Vec<u16>,
    programs: Programs,
}

impl Members {
    fn take(
        &mut self,
        change: Change,
        source: &mut Capture,
        session: &mut Session,
    ) -> Result<(), CommandError> {
        match change {
            Change::Joined(joined) => self.join(*joined, source, session),
            Change::Changed(member, pods, environment) => {
                if let Some(source) = self.sources.get(&member) {
                    let seen_at = seen_at(member, &pods);
                    if let Some(place) = self.places.get_mut(source) {
                        (place.target, place.name) = (seen_at.target.clone(), seen_at.name.clone());
                    }
                    session.rename(*source, &seen_at, &self.situation(&environment));
                }
                Ok(())
            }
            Change::Left(member) => self.leave(member, source, session),
            Change::Failed(pod, error) => {
                note(&format!("dnsprobe: {} is not watched: {}", escape(&pod), escape(&error.to_string())));
                // The same for all of them, such as a limit of open files.
                if let Some(hint) = error.hint(&[]).filter(|hint| self.hints.insert(hint.clone())) {
                    note(&format!("hint: {hint}"));
                }
                Ok(())
            }
        }
    }

    fn join(
        &mut self,
        joined: Joined,
        source: &mut Capture,
        session: &mut Session,
    ) -> Result<(), CommandError> {
        let file = match (&self.given, &joined.resolv_conf.content) {
            (Some(given), _) => Some(given.clone()),
            (None, Content::Found(bytes)) => Some(bytes.clone()),
            (None, Content::Missing | Content::Unreadable(_)) => None,
        };
        let seen_at = seen_at(joined.id, &joined.pods);
        let (target, name) = (seen_at.target.clone(), seen_at.name.clone());
        let place = CapturedIn { target, name, statistics: Statistics::default() };
        if self.detail == Detail::More {
            note(&format!("dnsprobe: + {}", escape(place.name.as_deref().unwrap_or_default())));
        }
        // On the node's own network others' programs ask, too. What is found of pods that start later takes privileges that
        // are given up by then; nothing is decided by it.
        let resolvers = if joined.is_shared() {
            Vec::new()
        } else {
            present::resolvers(&self.host, &joined.pods, &mut self.programs)
        };
        let sharing = Shared {
            told: self.told.clone(),
            member: joined.id,
            wanted: Whose::Pods(self.follow.clone()),
            files: if joined.is_shared() && self.given.is_none() { Files::Own } else { Files::Same },
            addresses: joined.addresses.clone(),
            ports: self.ports.clone(),
            file: file.clone(),
        };
        let clients = joined.is_shared().then_some(joined.addresses);
        let known = Known {
            embedded: joined.embedded,
            clients,
            resolvers,
            situation: self.situation(&joined.environment),
            sharing: Some(sharing),
        };
        let member = joined.id;
        let id = source.add(joined.tap)?;
        session.join(id, seen_at, SearchList::Known(file), &interfaces(source, id), known);
        self.sources.insert(member, id);
        self.places.insert(id, place);
        Ok(())
    }

    /// What beside the file decides how a pod's resolvers behave, what was typed before its own.
    fn situation(&self, environment: &Environment) -> Situation {
        let own = |name| environment.get(name).map(|value| value.to_string_lossy().into_owned());
        let mut situation = self.typed.clone();
        situation.res_options = situation.res_options.or_else(|| own("RES_OPTIONS"));
        situation.local_domain = situation.local_domain.or_else(|| own("LOCALDOMAIN"));
        situation
    }

    /// Hands over what was captured in one namespace, and says what was lost there; silent when nothing was, unless more is
    /// to be said.
    fn count(
        &mut self,
        source: &mut Capture,
        session: &mut Session,
        id: SourceId,
    ) -> Result<(), CommandError> {
        let mut place = self.places.remove(&id).unwrap_or_default();
        place.statistics = source.statistics(Some(id))?;
        let Statistics { dropped_by_kernel, truncated, unknown_link, .. } = place.statistics;
        if dropped_by_kernel + truncated + unknown_link > 0 || self.detail == Detail::More {
            let title = escape(place.name.as_deref().unwrap_or_default());
            let alone =
                if dropped_by_kernel > 0 { "; watched alone, its packets have more room" } else { "" };
            note(&format!("dnsprobe: {title}: {}{alone}", in_words(&place.statistics)));
        }
        session.captured(place);
        Ok(())
    }

    fn leave(
        &mut self,
        member: MemberId,
        source: &mut Capture,
        session: &mut Session,
    ) -> Result<(), CommandError> {
        if let Some(id) = self.sources.remove(&member) {
            self.count(source, session, id)?;
            // What went wrong with writing, the session says at its end.
            let _ = session.leave(id);
            source.detach(id)?;
        }
        Ok(())
    }
}

/// Whose lookups these are, where nobody is told.
fn seen_at(id: MemberId, pods: &[Entry]) -> SeenAt {
    let titles: Vec<String> = pods.iter().map(situation::short_title).collect();
    let name = if is_shared(pods) {
        format!("host network ({} or the node)", titles.join(", "))
    } else {
        titles.join(", ")
    };
    let target = match pods {
        [one] if !is_shared(pods) => situation::entry_json(one, id.0),
        _ => json!({"kind": "host", "netns": id.0, "host_network": true, "shared_by": titles}),
    };
    SeenAt { target, name: Some(name.clone()), among_others: Some(name), ..SeenAt::default() }
}
