//! `search` and `domain` lines.

use super::{ConfError, Reader, SUFFIX_BYTES_MAX, SUFFIXES_MAX, WORDS_MAX};
use crate::conf::settings::{Shown, Suffix};
use crate::conf::syntax::{Word, words_from};
use crate::idna;
use crate::name::{self, Escapes, Fqdn, LABEL_MAX, WIRE_MAX};
use crate::profile::parse::{
    BadLabel, BareSearch, DomainRule, Duplicates, LeadingBlanks, Repeated, RootWord,
};

impl Reader<'_> {
    pub(super) fn search_line(&mut self, line: usize, content: &[u8], rest: usize) -> Result<(), ConfError> {
        let rules = &self.rules.search;
        let blanks = content[rest..].iter().take_while(|byte| self.rules.blanks.contains(byte)).count();
        let (content, rest) = trimmed(content, rest, self.rules.blanks);
        if rules.value_limit.is_some_and(|limit| content.len().saturating_sub(rest) > limit) {
            self.notes.add(line, 0, format_args!("{} ignores a search list of this length", self.resolver));
            return Ok(());
        }
        let mut suffixes: Vec<Suffix> = Vec::new();
        if rules.leading_blanks == LeadingBlanks::EmptySuffix && blanks > 1 {
            let what = format_args!("{} takes the blanks for an empty suffix", self.resolver);
            self.notes.add(line, rest, what);
            suffixes.push(Suffix::new(""));
        }
        let mut kept = 0;
        let limit = rules.max.unwrap_or(SUFFIXES_MAX);
        for word in words_from(content, rest, rules.separators).take(WORDS_MAX) {
            if content[..word.column - 1].ends_with(b",") {
                self.notes.add(
                    line,
                    word.column - 1,
                    format_args!("{} takes the comma for a separator", self.resolver),
                );
            }
            if !self.keeps_suffix(line, word)? {
                continue;
            }
            if word.bytes == b"." && rules.root == RootWord::Dropped {
                self.notes.add(line, word.column, format_args!("{} drops the suffix `.`", self.resolver));
                continue;
            }
            if suffixes.len() == limit {
                self.notes.add(
                    line,
                    word.column,
                    format_args!("only the first {limit} suffixes are used by {}", self.resolver),
                );
                break;
            }
            let same = |known: &Suffix| known.as_bytes().eq_ignore_ascii_case(word.bytes);
            if rules.duplicates == Duplicates::Dropped && suffixes.iter().any(same) {
                self.notes.add(
                    line,
                    word.column,
                    format_args!("{} drops the repeated suffix", self.resolver),
                );
                continue;
            }
            kept += word.bytes.len();
            if kept > SUFFIX_BYTES_MAX {
                self.notes.add(
                    line,
                    word.column,
                    format_args!("the list is too long, it is not read from here on"),
                );
                break;
            }
            self.note_odd_suffix(line, word);
            suffixes.push(Suffix::new(word.bytes));
        }
        if suffixes.is_empty() && words_from(content, rest, rules.separators).next().is_none() {
            self.bare_search(line);
            return Ok(());
        }
        self.replaces_search(line, rules.lines);
        match (&mut self.search, rules.lines) {
            (Some(list), Repeated::AddUp) => {
                list.append(&mut suffixes);
                list.truncate(SUFFIXES_MAX);
            }
            _ => self.search = Some(suffixes),
        }
        if self.rules.domain != DomainRule::BeforeSearch && self.domain.take().is_some() {
            let what = format_args!("{} takes a `domain` only where there is no `search`", self.resolver);
            self.notes.add(self.domain_at, 0, what);
        }
        Ok(())
    }

    /// Whether a word of a search list stays in it.
    pub(super) fn keeps_suffix(&mut self, line: usize, word: Word<'_>) -> Result<bool, ConfError> {
        let dropped = match self.rules.search.bad_label {
            BadLabel::Kept => false,
            BadLabel::CommaDropped => word.bytes.contains(&b','),
            BadLabel::Refused => {
                self.refuse_bad_label(line, word)?;
                false
            }
        };
        if dropped {
            self.notes.add(
                line,
                word.column,
                format_args!("{} drops the suffix `{}`", self.resolver, Shown(word.bytes)),
            );
        }
        Ok(!dropped)
    }

    pub(super) fn refuse_bad_label(&self, line: usize, word: Word<'_>) -> Result<(), ConfError> {
        let longest = 4 * WIRE_MAX;
        let fits =
            word.bytes.len() <= longest && Fqdn::join(word.bytes, None).labels_fit() || word.bytes == b".";
        if self.rules.search.bad_label != BadLabel::Refused || fits {
            return Ok(());
        }
        Err(self.refuse(line, word.column, format!("`{}` cannot be a domain", Shown(word.bytes))))
    }

    pub(super) fn bare_search(&mut self, line: usize) {
        let what = match self.rules.search.bare {
            BareSearch::Keeps => "ignores a `search` line without a suffix",
            BareSearch::Clears => {
                self.replaces_search(line, Repeated::LastWins);
                self.search = Some(Vec::new());
                "clears the search list here"
            }
            // The reader has looked at the next line.
            BareSearch::TakesNextLine => return,
        };
        self.notes.add(line, 0, format_args!("{} {what}", self.resolver));
    }

    pub(super) fn domain_line(&mut self, line: usize, content: &[u8], rest: usize) -> Result<(), ConfError> {
        if self.rules.domain == DomainRule::AllWords {
            return self.domain_list(line, content, rest);
        }
        if self.rules.domain == DomainRule::AllWordsWithoutSearch {
            if self.has_search {
                let what = format_args!("{} takes a `domain` only before any `search`", self.resolver);
                self.notes.add(line, 0, what);
                return Ok(());
            }
            return self.domain_list(line, content, rest);
        }
        let mut words = words_from(content, rest, self.rules.blanks);
        let Some(word) = words.next() else {
            self.notes.add(line, 0, format_args!("{} ignores a `domain` line without a word", self.resolver));
            return Ok(());
        };
        let second = words.next();
        drop(words);
        if self.rules.domain == DomainRule::OneWordOrRefuse {
            self.refuse_behind(line, content, word)?;
        } else if let Some(second) = second {
            self.notes.add(
                line,
                second.column,
                format_args!("{} takes one word after `domain`", self.resolver),
            );
        }
        self.refuse_bad_label(line, word)?;
        self.note_odd_suffix(line, word);
        let suffix = Suffix::new(&word.bytes[..word.bytes.len().min(SUFFIX_BYTES_MAX)]);
        match self.rules.domain {
            DomainRule::FirstWithoutSearch if self.domain.is_some() => {
                let what = format_args!("{} takes the first `domain` line", self.resolver);
                self.notes.add(line, 0, what);
                return Ok(());
            }
            DomainRule::WithoutSearch | DomainRule::FirstWithoutSearch => {
                self.replaces_domain(line);
                self.domain = Some(suffix);
            }
            DomainRule::BeforeSearch => {
                self.replaces_domain(line);
                self.replaces_search(line, Repeated::LastWins);
                (self.domain, self.search) = (Some(suffix), None);
            }
            rule => {
                self.replaces_search(line, Repeated::LastWins);
                self.domain_is_root = suffix.is_root() && rule == DomainRule::FirstWordNotRoot;
                self.search = Some(if self.domain_is_root { Vec::new() } else { vec![suffix] });
            }
        }
        Ok(())
    }

    /// A `domain` line that is a list like any.
    fn domain_list(&mut self, line: usize, content: &[u8], rest: usize) -> Result<(), ConfError> {
        if let Some(second) = words_from(content, rest, self.rules.blanks).nth(1) {
            let what = format_args!("{} takes every word after `domain`", self.resolver);
            self.notes.add(line, second.column, what);
        }
        self.search_line(line, content, rest)
    }

    /// hickory makes names of the list in force and gives up where that fails; a `domain` beside a list is left out
    /// then (`system_conf/unix.rs`).
    pub(super) fn refuse_bad_names(&mut self) -> Result<(), ConfError> {
        if self.rules.search.bad_label != BadLabel::CommaDropped {
            return Ok(());
        }
        let bad = |suffix: &&Suffix| !is_relaxed_name(suffix.as_bytes());
        let in_force: &[Suffix] = match (&self.search, &self.domain) {
            (Some(search), _) => search,
            (None, domain) => domain.as_slice(),
        };
        if let Some(suffix) = in_force.iter().find(bad) {
            return Err(self.refuse(0, 0, format!("`{suffix}` cannot be a domain")));
        }
        self.domain = self.domain.take().filter(|domain| is_relaxed_name(domain.as_bytes()));
        Ok(())
    }
}

/// The line cut to the value from `rest` on, without the blanks around it.
pub(super) fn trimmed<'a>(content: &'a [u8], rest: usize, blanks: &[u8]) -> (&'a [u8], usize) {
    let blank = |byte: &&u8| blanks.contains(byte);
    let before = content[rest..].iter().take_while(blank).count();
    let after = content[rest + before..].iter().rev().take_while(blank).count();
    (&content[..content.len() - after], rest + before)
}

/// hickory-proto's `Name::from_str_relaxed`: letters, digits and `_`, `-` but not in front, `*` in front; one dot at the
/// end does not matter.
fn is_relaxed_name(bytes: &[u8]) -> bool {
    let translated = idna::to_ascii(bytes);
    let (bytes, _) = name::read_escapes(translated.as_deref().unwrap_or(bytes), Escapes::Octal);
    let bytes = &*bytes;
    let inner = bytes.strip_suffix(b".").unwrap_or(bytes);
    let label = |label: &[u8]| {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let first = label.first().is_some_and(|byte| plain(byte) || *byte == b'*');
        first && label.len() <= LABEL_MAX && label[1..].iter().all(|byte| plain(byte) || *byte == b'-')
    };
    // RFC 1035 section 2.3.4: 255 octets, with the first length and the root.
    let fits = inner.len() + 2 <= WIRE_MAX;
    bytes == b"." || inner == b"--" || fits && inner.split(|&byte| byte == b'.').all(label)
}
