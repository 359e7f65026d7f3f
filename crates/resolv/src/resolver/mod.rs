//! The resolvers we have models of: ids, versions, calls, and one file of data each.

mod bind;
mod busybox;
mod c_ares;
mod call;
mod dnspython;
mod getent;
mod glibc;
mod go;
mod go_cgo;
mod go_nsswitch;
mod hickory;
mod java;
mod musl;
mod netty;
mod node;
mod table;
mod version;

use std::fmt;

pub use call::Overrides;
pub use go_cgo::go_hands_over;
pub use go_nsswitch::hosts_without_dns;
pub use table::{Api, TableRow, table};
pub use version::Version;

use crate::Profile;

/// A resolver by its id on the command line and in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResolverId {
    /// GNU libc's `getaddrinfo`.
    Glibc,
    /// musl's `getaddrinfo`.
    Musl,
    /// Go's own resolver (`net`, not cgo).
    Go,
    /// c-ares (`ares_getaddrinfo`).
    CAres,
    /// BIND's nslookup.
    BindNslookup,
    /// BIND's host.
    BindHost,
    /// BIND's dig.
    BindDig,
    /// busybox nslookup, the big version.
    BusyboxNslookup,
    /// hickory-resolver.
    Hickory,
    /// dnspython.
    Dnspython,
    /// netty's DNS resolver.
    Netty,
    /// Node.js.
    Node,
    /// Java's `InetAddress`.
    Java,
    /// glibc's getent.
    Getent,
}

impl ResolverId {
    /// All resolvers, in the order they are listed to users.
    pub const ALL: [Self; 14] = [
        Self::Glibc,
        Self::Musl,
        Self::Go,
        Self::CAres,
        Self::BindNslookup,
        Self::BindHost,
        Self::BindDig,
        Self::BusyboxNslookup,
        Self::Hickory,
        Self::Dnspython,
        Self::Netty,
        Self::Node,
        Self::Java,
        Self::Getent,
    ];

    /// The id, as in `--resolver`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Glibc => "glibc",
            Self::Musl => "musl",
            Self::Go => "go",
            Self::CAres => "c-ares",
            Self::BindNslookup => "bind-nslookup",
            Self::BindHost => "bind-host",
            Self::BindDig => "bind-dig",
            Self::BusyboxNslookup => "busybox-nslookup",
            Self::Hickory => "hickory",
            Self::Dnspython => "dnspython",
            Self::Netty => "netty",
            Self::Node => "node",
            Self::Java => "java",
            Self::Getent => "getent",
        }
    }

    /// The resolver of an id or alias (`nslookup`, `host`, `dig`), in any case.
    pub fn from_word(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        match word.as_str() {
            "nslookup" => Some(Self::BindNslookup),
            "host" => Some(Self::BindHost),
            "dig" => Some(Self::BindDig),
            "cares" => Some(Self::CAres),
            _ => Self::ALL.into_iter().find(|id| id.as_str() == word),
        }
    }

    /// The version modelled when none is given.
    pub fn default_version(self) -> Version {
        table::row(self).default_version
    }

    /// The calls that differ on the wire, the usual one first.
    pub fn apis(self) -> &'static [Api] {
        table::row(self).apis
    }
}

impl fmt::Display for ResolverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A resolver, its version and the call that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Resolver {
    /// Which resolver.
    pub id: ResolverId,
    /// Its version; for getent that of glibc. What lies beneath Java and Node.js is taken in its default version.
    pub version: Version,
    /// The call, one of [`ResolverId::apis`].
    pub api: &'static str,
}

/// A resolver, version or call that has no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolverError {
    /// The id is not known.
    #[error("unknown resolver `{word}`{}; known are {}", hint(.word), known_ids())]
    UnknownId {
        /// What was given.
        word: String,
    },
    /// The part after `@` is no version.
    #[error("`{version}` is not a version of {id}; give it as {id}@{}", .id.default_version())]
    BadVersion {
        /// The resolver.
        id: ResolverId,
        /// What was given.
        version: String,
    },
    /// An option of dig that it does not have, or not so.
    #[error("`{word}`: {what}")]
    BadDigOption {
        /// What was given.
        word: String,
        /// What would do.
        what: &'static str,
    },
    /// The resolver has no such call.
    #[error("{id} has no call `{word}`; known are {}", api_words(*.id))]
    UnknownApi {
        /// The resolver.
        id: ResolverId,
        /// What was given.
        word: String,
    },
}

impl Resolver {
    /// The resolver in its default version, with its usual call.
    pub fn new(id: ResolverId) -> Self {
        Self { id, version: id.default_version(), api: id.apis()[0].word }
    }

    /// Reads `ID` or `ID@VERSION`, as in `--resolver`.
    pub fn parse(text: &str) -> Result<Self, ResolverError> {
        let (word, version) = match text.split_once('@') {
            Some((word, version)) => (word, Some(version)),
            None => (text, None),
        };
        let id =
            ResolverId::from_word(word).ok_or_else(|| ResolverError::UnknownId { word: word.to_owned() })?;
        let resolver = Self::new(id);
        match version {
            None => Ok(resolver),
            Some(text) => Version::parse(text)
                .map(|version| resolver.with_version(version))
                .ok_or_else(|| ResolverError::BadVersion { id, version: text.to_owned() }),
        }
    }

    /// The same resolver in another version.
    #[must_use]
    pub fn with_version(self, version: Version) -> Self {
        Self { version, ..self }
    }

    /// The same resolver with another call, as in `--api`.
    pub fn with_api(self, word: &str) -> Result<Self, ResolverError> {
        let api = self.id.apis().iter().find(|api| api.word == word);
        let unknown = || ResolverError::UnknownApi { id: self.id, word: word.to_owned() };
        api.map(|api| Self { api: api.word, ..self }).ok_or_else(unknown)
    }

    /// Says so, if its version is none of those that are modelled; the model is then that of the nearest one.
    pub fn outside(&self) -> Option<String> {
        let row = table::row(self.id);
        let (first, last) = row.modelled;
        let after = (self.version.major, self.version.minor) > (last.major, last.minor);
        (after || self.version < first).then(|| {
            let Self { id, version, .. } = self;
            format!("{version} is not among the versions of {id} that are modelled, {}", row.versions)
        })
    }

    /// The model: everything that is data about this resolver.
    pub fn profile(&self) -> Profile {
        (table::row(self.id).build)(self)
    }
}

impl fmt::Display for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.version)
    }
}

fn known_ids() -> String {
    ResolverId::ALL.map(ResolverId::as_str).join(", ")
}

fn api_words(id: ResolverId) -> String {
    let words: Vec<String> = id.apis().iter().map(|api| format!("`{}`", api.word)).collect();
    words.join(", ")
}

fn hint(word: &str) -> String {
    let words = ResolverId::ALL.map(ResolverId::as_str);
    match crate::nearest::nearest(word, words) {
        Some(near) => format!(" (did you mean `{near}`?)"),
        None => String::new(),
    }
}
