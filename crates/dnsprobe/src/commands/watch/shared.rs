//! One pod or container that shares its network namespace: who asks there, as far as that is told without privileges.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use dnsprobe_lookup::SearchList;
use dnsprobe_sniffer::node::Network;
use dnsprobe_sniffer::owners::Teller;
use dnsprobe_sniffer::roster::addresses_in;
use dnsprobe_sniffer::{Error, Located, MemberId, Node};
use serde_json::{Value, json};

use super::Args;
use crate::commands::sharing::{Files, Shared, Whose};
use crate::commands::situation;
use crate::error::CommandError;

/// How long the thread that looks at sockets goes on before it notices that it is to stop.
const TURN: Duration = Duration::from_millis(300);

/// Looks at sockets of one namespace.
pub(super) struct Looking {
    teller: Teller,
    node: Node,
}

/// What is needed to tell who asks, where the target's namespace is shared; none where that cannot be told.
pub(super) fn telling(
    args: &Args,
    located: &Located,
    search: &SearchList,
) -> Result<Option<(Shared, Looking)>, CommandError> {
    let Some(found) = &located.found else { return Ok(None) };
    let running = found.entry.containers.iter().filter(|it| it.pid.is_some()).count();
    let is_shared = found.entry.network == Network::Host || running > 1;
    if !is_shared {
        return Ok(None);
    }
    let host = situation::host(&args.target);
    let (node, member) = (Node::read(&host)?, MemberId(located.netns.inode()));
    let mut teller = Teller::new(&host, args.lookups.ports.clone());
    // Where sockets cannot be asked about, everything is marked as shared.
    let _ = teller.look_at(member, &node, || {
        let object = "the network namespace".to_owned();
        located.netns.try_clone().map_err(|source| Error::Io { operation: "copy", object, source })
    });
    let own_files = found.entry.network == Network::Host && args.lookups.resolv_conf.is_none();
    let typed = args.target.container.is_some() && found.entry.pod.is_some();
    let shared = Shared {
        told: teller.told(),
        member,
        wanted: Whose::One(Box::new(found.entry.clone()), found.container.clone().filter(|_| typed)),
        files: if own_files { Files::Own } else { Files::Same },
        addresses: addresses_in(&located.netns)?,
        ports: args.lookups.ports.clone(),
        file: match search {
            SearchList::Known(file) => file.clone(),
            SearchList::Inferred(_) => None,
        },
    };
    Ok(Some((shared, Looking { teller: teller.without_privileges(&node), node })))
}

impl Looking {
    /// Looks in a thread of its own, which has the privileges of the caller, until what is returned is dropped.
    pub(super) fn start(self) -> Result<Sender<()>, CommandError> {
        let (stop, stopped) = mpsc::channel();
        let failed =
            |error: std::io::Error| CommandError::wrap("start the thread that looks at sockets", error);
        let thread = std::thread::Builder::new().name("sockets".to_owned());
        thread.spawn(move || self.look(&stopped)).map_err(failed)?;
        Ok(stop)
    }

    fn look(mut self, stopped: &Receiver<()>) {
        while stopped.recv_timeout(Duration::ZERO) == Err(RecvTimeoutError::Timeout) {
            self.teller.serve(&self.node, Instant::now() + TURN);
        }
    }
}

/// Where lookups are seen that nobody is told for: on the node's network they may be anybody's.
pub(super) fn untold(located: &Located) -> Option<(Value, String)> {
    let entry = &located.found.as_ref()?.entry;
    let title = situation::short_title(entry);
    (entry.network == Network::Host).then(|| {
        let target = json!({
            "kind": "host", "netns": located.netns.inode(), "host_network": true, "shared_by": [title],
        });
        (target, format!("host network ({title} or the node)"))
    })
}
