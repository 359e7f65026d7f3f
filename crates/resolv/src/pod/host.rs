//! The node's `resolv.conf` as the kubelet reads it (`dns.go` `parseResolvConf`), which is not as any libc reads it.

use super::NodeFamily;

/// The kubelet reads no more of the file than this (`maxResolvConfLength`), in bytes.
const MAX_BYTES: usize = 10 * 1024 * 1024;

/// What the kubelet takes from the node's file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostSettings {
    /// Every `nameserver` value, unchecked.
    pub nameservers: Vec<String>,
    /// The last `search` line, one trailing dot cut from each entry, lone dots dropped.
    pub searches: Vec<String>,
    /// All `options` lines merged: one entry per name, the last one wins.
    pub options: Vec<String>,
}

/// Why the kubelet refuses the node's file. It then starts no pod.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostFileError {
    /// A `nameserver` line without a value.
    #[error(
        "line {line} of the node's resolv.conf: nameserver without an address; the kubelet refuses the whole file"
    )]
    NoAddress {
        /// The line, from 1.
        line: usize,
    },
    /// The file is longer than the kubelet reads.
    #[error("the node's resolv.conf has {bytes} bytes, the kubelet reads at most {MAX_BYTES}")]
    TooLong {
        /// Size of the file.
        bytes: usize,
    },
}

/// Reads the node's file as the kubelet does: `domain`, `sortlist` and unknown keywords mean nothing, `;` starts no
/// comment.
pub fn parse_host_file(text: &str) -> Result<HostSettings, HostFileError> {
    if text.len() > MAX_BYTES {
        return Err(HostFileError::TooLong { bytes: text.len() });
    }
    let mut settings = HostSettings::default();
    for (index, line) in text.split('\n').enumerate() {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => {
                let address = words.next().ok_or(HostFileError::NoAddress { line: index + 1 })?;
                settings.nameservers.push(address.to_owned());
            }
            Some("search") => {
                settings.searches = words.filter(|word| *word != ".").map(without_dot).collect();
            }
            Some("options") => words.for_each(|word| merge_option(&mut settings.options, word)),
            _ => {}
        }
    }
    Ok(settings)
}

/// What the kubelet uses when its `resolvConf` is empty: loopback, and a search list that stops libc from inventing
/// one from the host name.
pub(super) fn without_file(family: NodeFamily) -> HostSettings {
    let servers: &[&str] = match family {
        NodeFamily::V4 => &["127.0.0.1"],
        NodeFamily::V6 => &["::1"],
        NodeFamily::Dual => &["127.0.0.1", "::1"],
    };
    HostSettings {
        nameservers: servers.iter().map(|&server| server.to_owned()).collect(),
        searches: vec![".".to_owned()],
        options: Vec::new(),
    }
}

/// The part of an option before its value.
pub(super) fn option_name(option: &str) -> &str {
    option.split(':').next().unwrap_or(option)
}

fn without_dot(entry: &str) -> String {
    entry.strip_suffix('.').unwrap_or(entry).to_owned()
}

fn merge_option(options: &mut Vec<String>, word: &str) {
    match options.iter_mut().find(|known| option_name(known) == option_name(word)) {
        Some(known) => word.clone_into(known),
        None => options.push(word.to_owned()),
    }
}
