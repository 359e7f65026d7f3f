//! Commands a pod runs, as far as they concern name resolution.

use crate::yaml::{Node, Span};

/// A command line that speaks of `resolv.conf` or of a look-up tool.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) role: Role,
    /// Its words with their places; a script is one word.
    pub(crate) words: Vec<(String, Span)>,
}

/// When a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Main,
    Init,
    Probe,
    Hook,
}

/// Words that make a command worth keeping.
const OF_INTEREST: [&str; 4] = ["resolv.conf", "nslookup", "dig", "host"];

/// Longer words are not kept, in bytes.
const MAX_WORD: usize = 64 * 1024;

/// The command from lists of words, when it is of interest.
pub(super) fn command<'a>(role: Role, lists: impl IntoIterator<Item = Node<'a, 'a>>) -> Option<Command> {
    let mut words = Vec::new();
    for list in lists {
        for word in list.items() {
            if let Some(text) = word.text().filter(|text| text.len() <= MAX_WORD) {
                words.push((text.to_owned(), word.span()));
            }
        }
    }
    let interesting = words.iter().any(|(word, _)| OF_INTEREST.iter().any(|tool| word.contains(tool)));
    interesting.then_some(Command { role, words })
}
