//! Vectors: one JSON object a line, the input of one lookup and what a real resolver made of it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// One recorded lookup. The recorded part is missing from vectors that are only to be predicted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Vector {
    /// Unique in its file.
    pub id: String,
    /// Resolver and version, as `glibc-2.36`; `getent` has none.
    pub resolver: String,
    /// The call made.
    pub api: String,
    /// `unspec`, `inet` or `inet6`.
    pub family: String,
    /// Flags of `getaddrinfo`.
    #[serde(default)]
    pub flags: Vec<String>,
    /// The client's `resolv.conf`.
    pub resolv_conf: String,
    /// The name looked up.
    pub name: String,
    /// The server addresses that answers and questions refer to by index.
    pub servers: Vec<String>,
    /// The client's host name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The client's environment, as far as it matters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The client's IPv6 addresses: `none`, `linklocal` (the default) or `global`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v6: Option<String>,
    /// What the servers do.
    #[serde(default)]
    pub answers: BTreeMap<String, ScriptValue>,
    /// The questions, in order of arrival.
    #[serde(default)]
    pub observed: Vec<Question>,
    /// What the client got.
    pub result: Option<Outcome>,
    /// All runs gave the same sequence.
    #[serde(default)]
    pub order_stable: bool,
    /// All runs asked the same questions of the same servers, in whatever order.
    #[serde(default)]
    pub set_stable: bool,
    /// All runs gave the same result.
    #[serde(default)]
    pub result_stable: bool,
}

/// A value of the servers' script.
#[expect(clippy::struct_excessive_bools, reason = "these are the independent switches of the file format")]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptValue {
    /// The response code's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rcode: Option<String>,
    /// Addresses for A questions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub a: Vec<std::net::Ipv4Addr>,
    /// Addresses for AAAA questions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aaaa: Vec<std::net::Ipv6Addr>,
    /// Target of a CNAME.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cname: Option<String>,
    /// Truncated over UDP.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tc: bool,
    /// Time before the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<f64>,
    /// No answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drop: bool,
    /// No answer over TCP.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drop_tcp: bool,
    /// ICMP port unreachable.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub icmp: bool,
    /// No OPT record in answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub noedns: bool,
}

/// One question on the wire: either a name and type, or what no server can read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Question {
    /// The name, with its dot; case as on the wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qname: Option<String>,
    /// The type's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qtype: Option<String>,
    /// Set for a message no server can read; the content is not compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<String>,
    /// Whom it went to.
    #[serde(default)]
    pub server: Server,
    /// `tcp`; otherwise UDP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proto: Option<String>,
}

/// A server: its index, or its address if the vector does not list it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Server {
    /// Index into [`Vector::servers`].
    Index(usize),
    /// Address.
    Address(String),
}

impl Default for Server {
    fn default() -> Self {
        Self::Index(0)
    }
}

/// What the client got.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether there were addresses.
    #[serde(default)]
    pub ok: bool,
    /// The addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addrs: Vec<String>,
    /// The error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub err: Option<String>,
    /// The client was killed after 32 s.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub killed: bool,
}

/// A file of vectors that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum VectorError {
    /// The file itself.
    #[error("cannot read the vectors in {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// One line.
    #[error("{}, line {line}: not a vector", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
}

/// Reads a file of vectors; `.gz` is unpacked, `-` is standard input.
pub fn read_vectors(path: &Path) -> Result<Vec<Vector>, VectorError> {
    read_lines(path)
}

/// Reads values of one kind of vector, one a line; as [`read_vectors`].
pub fn read_lines<V: DeserializeOwned>(path: &Path) -> Result<Vec<V>, VectorError> {
    let failed = |source| VectorError::Io { path: path.to_owned(), source };
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    let reader: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(std::io::stdin()),
        _ if packed => {
            Box::new(flate2::read::MultiGzDecoder::new(std::fs::File::open(path).map_err(failed)?))
        }
        _ => Box::new(std::fs::File::open(path).map_err(failed)?),
    };
    let mut vectors = Vec::new();
    for (index, line) in BufReader::new(reader).lines().enumerate() {
        let line = line.map_err(failed)?;
        if line.trim().is_empty() {
            continue;
        }
        let parsed = serde_json::from_str(&line);
        vectors.push(parsed.map_err(|source| VectorError::Line {
            path: path.to_owned(),
            line: index + 1,
            source,
        })?);
    }
    Ok(vectors)
}
