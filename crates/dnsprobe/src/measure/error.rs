//! Why a lookup could not be measured, as opposed to a lookup that fails.

use std::io;
use std::net::SocketAddr;

use hickory_resolver::net::NetError;

/// Why a lookup could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum MeasureError {
    /// The network namespace could not be entered.
    #[error("cannot ask from inside the network namespace")]
    Netns(#[source] Box<dnsprobe_sniffer::Error>),
    /// The runtime for the sockets could not be made.
    #[error("cannot start asking")]
    Start(#[source] io::Error),
    /// This side of the question failed: no socket, no memory. A server's failures are outcomes.
    #[error("cannot ask {server} for {name}")]
    Ask {
        /// The nameserver.
        server: SocketAddr,
        /// The candidate.
        name: String,
        /// What the resolver library said.
        source: Box<NetError>,
    },
    /// The resolver imitated puts bytes on the wire that are no valid question.
    #[error("the resolver would send a malformed question for {name}, which dnsprobe does not")]
    Malformed {
        /// The candidate.
        name: String,
    },
    /// The link-local address of a nameserver names an interface that is not there.
    #[error(
        "nameserver {server} is reached through interface {interface:?}, which this network namespace does not have"
    )]
    NoInterface {
        /// The nameserver as written.
        server: String,
        /// The interface as written.
        interface: String,
    },
}

impl MeasureError {
    /// The next step to suggest, if the message does not say it.
    pub(crate) fn hint(&self, command_line: &[String]) -> Option<String> {
        match self {
            Self::Netns(source) => source.hint(command_line),
            Self::Malformed { .. } => Some("`--offline` shows the plan without sending anything".into()),
            _ => None,
        }
    }
}
