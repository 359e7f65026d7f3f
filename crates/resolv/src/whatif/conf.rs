//! The settings in force, as each resolver reads them.

use std::net::IpAddr;

use crate::conf::{Nameserver, interpret, syntax};
use crate::{Profile, Settings, Situation};

/// A `resolv.conf`, from a file or from traffic, and the servers that its readers were seen to ask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conf {
    /// The text; `None` is a missing file.
    pub file: Option<Vec<u8>>,
    /// What beside it decides.
    pub situation: Situation,
    /// The servers asked, the first one asked first.
    pub servers: Vec<IpAddr>,
    /// Where the text is from.
    pub origin: Origin,
}

/// Where the text of a `resolv.conf` is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    /// The file that the resolver reads.
    #[default]
    File,
    /// What traffic shows of it: search list and `ndots`, but not for how long an answer is waited for.
    Traffic,
}

impl Conf {
    /// What this resolver takes from it; `None` when it refuses the file. A file that names none of the servers asked
    /// says nothing about servers: those asked are taken then.
    pub fn settings(&self, profile: &Profile) -> Option<Settings> {
        let mut settings = interpret(self.file.as_deref(), &self.situation, profile).ok()?;
        let listed = |server: &IpAddr| settings.nameservers.iter().any(|it| it.address == *server);
        if !self.servers.is_empty() && !self.servers.iter().any(listed) {
            settings.nameservers = self.servers.iter().copied().map(Nameserver::at).collect();
        }
        Some(settings)
    }

    /// The words of `options` lines other than `ndots:`, in order, as a patch of a pod has to repeat them.
    pub fn other_options(&self) -> Vec<(String, Option<String>)> {
        let mut options: Vec<(String, Option<String>)> = Vec::new();
        for line in self.file.iter().flat_map(|file| syntax::lines(file)) {
            let mut words = line.words(b" \t\r");
            if words.next().is_none_or(|word| word.bytes != b"options") {
                continue;
            }
            for word in words.filter_map(|word| std::str::from_utf8(word.bytes).ok()) {
                let (name, value) = match word.split_once(':') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (word, None),
                };
                if name != "ndots" {
                    options.retain(|(known, _)| known != name);
                    options.push((name.to_owned(), value));
                }
            }
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Resolver, ResolverId};

    fn conf(file: &str, servers: &[&str]) -> Conf {
        let servers = servers.iter().map(|text| text.parse().unwrap()).collect();
        Conf { file: Some(file.as_bytes().to_vec()), servers, ..Conf::default() }
    }

    #[test]
    fn a_file_without_the_servers_asked_says_nothing_about_servers() {
        let profile = Resolver::new(ResolverId::Glibc).profile();
        let addresses = |conf: &Conf| {
            let settings = conf.settings(&profile).unwrap();
            settings.nameservers.iter().map(|it| it.address.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(addresses(&conf("search a.b\n", &["10.0.0.9", "10.0.0.8"])), ["10.0.0.9", "10.0.0.8"]);
        let listed = conf("nameserver 10.0.0.1\nnameserver 10.0.0.9\n", &["10.0.0.9"]);
        assert_eq!(addresses(&listed), ["10.0.0.1", "10.0.0.9"]);
    }

    #[test]
    fn the_last_of_equal_options_counts() {
        let conf = conf("options ndots:5 timeout:1 edns0\noptions timeout:3\n", &[]);
        let timeout = ("timeout".to_owned(), Some("3".to_owned()));
        assert_eq!(conf.other_options(), [("edns0".to_owned(), None), timeout]);
    }
}
