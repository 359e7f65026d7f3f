//! One resolver's reading of `resolv.conf`.

use super::options::{self, Place, Values};
use super::settings::{Notes, Settings, Shown, Suffix};
use super::situation::Situation;
use super::syntax::{self, Line, Word, words_from};
use super::{Nameserver, address};
use crate::idna;
use crate::name::{self, Escapes, Fqdn, LABEL_MAX, WIRE_MAX, escape};
use crate::profile::parse::{
    AddressSyntax, BadLabel, BadNameserver, BareSearch, Comments, DomainRule, Duplicates, HostAliases,
    HostnameDomain, Indent, LastWord, LocalDomain, Mapped, ParseRules, Repeated, ResOptions, RootWord,
    Trailing,
};
use crate::{Profile, Version};

/// Suffixes kept of one file where the resolver itself has no limit. Kubernetes allows 32.
const SUFFIXES_MAX: usize = 4096;
/// Words of a search list looked at, kept or not.
const WORDS_MAX: usize = 4 * SUFFIXES_MAX;
/// Words of options and lines looked at, blank ones and comments not counted.
const WORK_MAX: usize = 100_000;
/// Bytes kept of a file's suffixes together. Kubernetes allows 2048.
const SUFFIX_BYTES_MAX: usize = 64 << 10;
/// A keyword is no longer.
const KEYWORD_MAX: usize = 16;
/// Lines of a file of aliases.
const ALIASES_MAX: usize = 1000;
/// Nameservers kept of one file where the resolver itself has no limit.
const NAMESERVERS_MAX: usize = 256;

/// The resolver refuses the file and asks nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{resolver} refuses this resolv.conf: line {line}: {what}")]
pub struct ConfError {
    /// The resolver.
    pub resolver: &'static str,
    /// The line, from 1; 0 when it is about the file as a whole.
    pub line: usize,
    /// The column in bytes, from 1; 0 for the whole line.
    pub column: usize,
    /// What it does not accept.
    pub what: String,
    /// A name given in place of a nameserver's address, which the libc is asked for first (busybox). The file is
    /// refused when that finds nothing.
    pub looks_up: Option<Vec<u8>>,
}

/// Reads a `resolv.conf` as this resolver does. `None` is a missing or unreadable file.
pub fn interpret(
    file: Option<&[u8]>,
    situation: &Situation,
    profile: &Profile,
) -> Result<Settings, ConfError> {
    let mut reader = Reader::new(profile);
    let first = profile.parse.options.repeated == Repeated::FirstWins;
    if first {
        reader.res_options(situation)?;
    }
    for line in syntax::lines(file.unwrap_or_default()).filter(|line| !line.bytes.is_empty()) {
        if !reader.passes_over(line) && !reader.is_worn_out(line.number) {
            reader.line(line)?;
        }
    }
    if !first {
        reader.res_options(situation)?;
    }
    reader.local_domain(situation);
    reader.finish(situation)
}

struct Reader<'p> {
    rules: &'p ParseRules,
    resolver: &'static str,
    version: Version,
    nameserver_lines: usize,
    /// A nameserver was read, but is not used.
    passed_over: bool,
    nameservers: Vec<Nameserver>,
    search: Option<Vec<Suffix>>,
    domain: Option<Suffix>,
    takes_next_line: bool,
    values: Values,
    notes: Notes,
    /// Words and lines looked at so far.
    work: usize,
}

impl<'p> Reader<'p> {
    fn new(profile: &'p Profile) -> Self {
        Self {
            rules: &profile.parse,
            resolver: profile.resolver.id.as_str(),
            version: profile.resolver.version,
            nameserver_lines: 0,
            passed_over: false,
            nameservers: Vec::new(),
            search: None,
            domain: None,
            takes_next_line: false,
            values: Values::default(),
            notes: Notes::default(),
            work: 0,
        }
    }

    /// Whether a line holds nothing for anybody, seen cheaply: hostile files have millions of them.
    fn passes_over(&self, line: Line<'_>) -> bool {
        match line.bytes {
            _ if self.takes_next_line => false,
            [] | [b'\n' | b'#' | b';', ..] => true,
            // No keyword begins so, and there is no room to say it.
            [first, ..] => self.notes.is_full() && !b"dnos \t\r\x0b\x0c".contains(first),
        }
    }

    /// Whether more has been looked at than any file needs. What follows is not read, and that is noted.
    fn is_worn_out(&mut self, line: usize) -> bool {
        if self.work >= WORK_MAX {
            return true;
        }
        self.work += 1;
        if self.work == WORK_MAX {
            self.notes.force(line, "the file is too large, it is not read from here on");
        }
        self.work >= WORK_MAX
    }

    fn line(&mut self, line: Line<'_>) -> Result<(), ConfError> {
        if self.rules.line_limit.is_some_and(|limit| line.content().len() >= limit) {
            self.notes.add(line.number, 0, format_args!("{} ignores lines of this length", self.resolver));
            return Ok(());
        }
        let content = self.without_comment(line.content());
        let cut_off = line.bytes.len() == line.content().len();
        if std::mem::take(&mut self.takes_next_line) {
            return self.search_line(line.number, content, 0);
        }
        let Some(keyword) = self.keyword(content) else { return Ok(()) };
        if keyword.column > 1 && self.rules.indent == Indent::Ignored {
            self.notes.add(
                line.number,
                keyword.column,
                format_args!("{} ignores indented lines", self.resolver),
            );
            return Ok(());
        }
        let rest = keyword.column - 1 + keyword.bytes.len();
        if cut_off && rest == content.len() && self.rules.last_word == LastWord::Ignored {
            self.notes.add(
                line.number,
                keyword.column,
                format_args!("{} ignores the last word of a file", self.resolver),
            );
            return Ok(());
        }
        match keyword.bytes {
            b"nameserver" => self.nameserver_line(line.number, content, rest),
            b"search" => self.search_line(line.number, content, rest),
            b"domain" => self.domain_line(line.number, content, rest),
            b"options" => self.options_line(line.number, content, rest),
            b"sortlist" => self.sortlist_line(line.number, content, rest),
            _ if keyword.bytes.starts_with(b"#") || keyword.bytes.starts_with(b";") => Ok(()),
            word => {
                self.notes.add(
                    line.number,
                    keyword.column,
                    format_args!("{} does not know the keyword `{}`", self.resolver, Shown(word)),
                );
                Ok(())
            }
        }
    }

    /// The first word; of one that is no keyword for its length, the beginning.
    fn keyword<'a>(&self, content: &'a [u8]) -> Option<Word<'a>> {
        let blanks = self.rules.blanks;
        let start = content.iter().position(|byte| !blanks.contains(byte))?;
        let end = content.len().min(start + KEYWORD_MAX);
        words_from(&content[..end], start, blanks).next()
    }

    fn without_comment<'a>(&self, content: &'a [u8]) -> &'a [u8] {
        let mark = |byte: &u8| matches!(byte, b'#' | b';');
        let end = match self.rules.comments {
            Comments::None => None,
            Comments::FirstColumn => content.first().filter(|byte| mark(byte)).map(|_| 0),
            Comments::LineStart => {
                let start = content.iter().position(|byte| !self.rules.blanks.contains(byte));
                start.filter(|at| mark(&content[*at]))
            }
            Comments::Anywhere => content.iter().position(mark),
            Comments::WordStart => {
                let starts = |at: &usize| *at == 0 || self.rules.blanks.contains(&content[at - 1]);
                (0..content.len()).find(|at| mark(&content[*at]) && starts(at))
            }
        };
        &content[..end.unwrap_or(content.len())]
    }

    fn nameserver_line(&mut self, line: usize, content: &[u8], rest: usize) -> Result<(), ConfError> {
        let index = self.nameserver_lines;
        self.nameserver_lines += 1;
        let rules = &self.rules.nameservers;
        let mut words = words_from(content, rest, self.rules.blanks);
        let word = words.next().unwrap_or(Word { column: rest + 1, bytes: b"" });
        if self.nameservers.len() >= rules.max.unwrap_or(NAMESERVERS_MAX) {
            self.notes.add(
                line,
                word.column,
                format_args!("{} uses the first {} nameservers only", self.resolver, self.nameservers.len()),
            );
            return Ok(());
        }
        if rules.trailing == Trailing::Refused {
            self.refuse_behind(line, content, word)?;
        } else if let Some(behind) = words.next() {
            self.notes.add(
                line,
                behind.column,
                format_args!("{} ignores what stands behind an address", self.resolver),
            );
        }
        drop(words);
        let several = matches!(rules.syntax, AddressSyntax::NetPton | AddressSyntax::NetPtonWithPort);
        let comma = |byte: &u8| several && *byte == b',';
        let mut column = word.column;
        for bytes in word.bytes.split(comma).take(NAMESERVERS_MAX) {
            self.nameserver(line, index, rest, Word { column, bytes })?;
            column += bytes.len() + 1;
        }
        Ok(())
    }

    /// One word that should be an address, on a line whose keyword ends at offset `rest`.
    fn nameserver(
        &mut self,
        line: usize,
        index: usize,
        rest: usize,
        word: Word<'_>,
    ) -> Result<(), ConfError> {
        let rules = &self.rules.nameservers;
        // busybox takes one blank for the separator and the rest for the address.
        let padded = rules.syntax == AddressSyntax::AtonWithPort && word.column > rest + 2;
        let Some(mut nameserver) = address::read(word.bytes, rules.syntax).filter(|_| !padded) else {
            return self.no_address(line, word, padded);
        };
        let same = |known: &Nameserver| (known.address, known.port) == (nameserver.address, nameserver.port);
        if rules.duplicates == Duplicates::Dropped && self.nameservers.iter().any(same) {
            self.notes.add(
                line,
                word.column,
                format_args!("{} drops the repeated nameserver", self.resolver),
            );
            return Ok(());
        }
        let mapped = nameserver.address.to_canonical() != nameserver.address;
        if mapped && rules.mapped == Mapped::PassedOver {
            self.notes.add(
                line,
                word.column,
                format_args!("{} does not use IPv4 addresses in IPv6 form", self.resolver),
            );
            self.passed_over = true;
            return Ok(());
        }
        if nameserver.address.to_string() != nameserver.text && nameserver.scope.is_none() {
            self.notes.add(
                line,
                word.column,
                format_args!("{} reads `{}` as {}", self.resolver, nameserver.text, nameserver.address),
            );
        }
        nameserver.line_index = Some(index);
        self.nameservers.push(nameserver);
        Ok(())
    }

    fn no_address(&mut self, line: usize, word: Word<'_>, padded: bool) -> Result<(), ConfError> {
        let rules = &self.rules.nameservers;
        if rules.bad == BadNameserver::Ignored && self.notes.is_full() {
            return Ok(());
        }
        let what = format!("`{}` is no address to {}", Shown(word.bytes), self.resolver);
        let host = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        match rules.bad {
            _ if word.bytes.is_empty() && rules.trailing == Trailing::Ignored => {}
            BadNameserver::Ignored => {}
            BadNameserver::LookedUp if word.bytes.iter().all(host) && !padded => {
                let looks_up = Some(word.bytes.to_vec());
                return Err(ConfError { looks_up, ..self.refuse(line, word.column, what) });
            }
            BadNameserver::Refused | BadNameserver::LookedUp => {
                return Err(self.refuse(line, word.column, what));
            }
        }
        self.notes.add(line, word.column, format_args!("{what}, the line is ignored"));
        Ok(())
    }

    /// BIND wants the line to end behind its one word; of blanks it knows two (`resconf.c`, `eatwhite` after `getword`).
    fn refuse_behind(&self, line: usize, content: &[u8], word: Word<'_>) -> Result<(), ConfError> {
        let end = word.column - 1 + word.bytes.len();
        let behind = words_from(content, end, self.rules.blanks).next().map(|word| word.column);
        let delimiter = content.get(end).filter(|byte| !b" \t".contains(byte)).map(|_| end + 1);
        match delimiter.or(behind) {
            Some(column) => Err(self.refuse(line, column, "something behind the only word".to_owned())),
            None => Ok(()),
        }
    }

    fn search_line(&mut self, line: usize, content: &[u8], rest: usize) -> Result<(), ConfError> {
        let rules = &self.rules.search;
        let (content, rest) = trimmed(content, rest, self.rules.blanks);
        if rules.value_limit.is_some_and(|limit| content.len().saturating_sub(rest) > limit) {
            self.notes.add(line, 0, format_args!("{} ignores a search list of this length", self.resolver));
            return Ok(());
        }
        let mut suffixes: Vec<Suffix> = Vec::new();
        let mut kept = 0;
        let limit = rules.max.unwrap_or(SUFFIXES_MAX);
        for word in words_from(content, rest, rules.separators).take(WORDS_MAX) {
            if word.bytes.starts_with(b"#") || word.bytes.starts_with(b";") {
                self.notes.add(
                    line,
                    word.column,
                    format_args!("{} takes `{}` for a suffix", self.resolver, Shown(word.bytes)),
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
            suffixes.push(Suffix::new(word.bytes));
        }
        if suffixes.is_empty() && words_from(content, rest, rules.separators).next().is_none() {
            self.bare_search(line);
            return Ok(());
        }
        if suffixes.is_empty() && rules.bad_label == BadLabel::UnprintableDropped {
            return Ok(());
        }
        match (&mut self.search, rules.lines) {
            (Some(list), Repeated::AddUp) => {
                list.append(&mut suffixes);
                list.truncate(SUFFIXES_MAX);
            }
            _ => self.search = Some(suffixes),
        }
        if self.rules.domain != DomainRule::BeforeSearch {
            self.domain = None;
        }
        Ok(())
    }

    /// Whether a word of a search list stays in it.
    fn keeps_suffix(&mut self, line: usize, word: Word<'_>) -> Result<bool, ConfError> {
        let dropped = match self.rules.search.bad_label {
            BadLabel::Kept => false,
            BadLabel::UnprintableDropped => !word.bytes.iter().all(u8::is_ascii_graphic),
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

    fn refuse_bad_label(&self, line: usize, word: Word<'_>) -> Result<(), ConfError> {
        let longest = 4 * WIRE_MAX;
        let fits =
            word.bytes.len() <= longest && Fqdn::join(word.bytes, None).labels_fit() || word.bytes == b".";
        if self.rules.search.bad_label != BadLabel::Refused || fits {
            return Ok(());
        }
        Err(self.refuse(line, word.column, format!("`{}` cannot be a domain", Shown(word.bytes))))
    }

    fn bare_search(&mut self, line: usize) {
        let what = match self.rules.search.bare {
            BareSearch::Keeps => "ignores a `search` line without a suffix",
            BareSearch::Clears => {
                self.search = Some(Vec::new());
                "clears the search list here"
            }
            BareSearch::TakesNextLine => {
                self.takes_next_line = true;
                "takes the words of the next line for suffixes"
            }
        };
        self.notes.add(line, 0, format_args!("{} {what}", self.resolver));
    }

    fn domain_line(&mut self, line: usize, content: &[u8], rest: usize) -> Result<(), ConfError> {
        if self.rules.domain == DomainRule::AllWords {
            return self.search_line(line, content, rest);
        }
        let mut words = words_from(content, rest, self.rules.blanks);
        let Some(word) = words.next() else {
            if self.rules.domain == DomainRule::OneWordOrRefuse {
                return Err(self.refuse(line, 0, "no word after `domain`".to_owned()));
            }
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
        let suffix = Suffix::new(&word.bytes[..word.bytes.len().min(SUFFIX_BYTES_MAX)]);
        match self.rules.domain {
            DomainRule::FirstWithoutSearch if self.domain.is_some() => {}
            DomainRule::WithoutSearch | DomainRule::FirstWithoutSearch => self.domain = Some(suffix),
            DomainRule::BeforeSearch => (self.domain, self.search) = (Some(suffix), None),
            _ => self.search = Some(vec![suffix]),
        }
        Ok(())
    }

    /// BIND wants a netmask, if any, as an address, and refuses the file for a prefix length.
    fn sortlist_line(&mut self, line: usize, content: &[u8], rest: usize) -> Result<(), ConfError> {
        if self.rules.nameservers.trailing != Trailing::Refused {
            return Ok(());
        }
        let bad = |word: &Word<'_>| {
            let mask = word.bytes.splitn(2, |&byte| byte == b'/').nth(1);
            mask.is_some_and(|mask| !mask.contains(&b'.'))
        };
        match words_from(content, rest, self.rules.blanks).find(bad) {
            Some(word) => Err(self.refuse(line, word.column, format!("`{}`", Shown(word.bytes)))),
            None => Ok(()),
        }
    }

    fn options_line(&mut self, line: usize, content: &[u8], rest: usize) -> Result<(), ConfError> {
        if words_from(content, rest, self.rules.blanks).next().is_none() && line > 0 {
            if self.rules.nameservers.trailing == Trailing::Refused {
                return Err(self.refuse(line, 0, "no word after `options`".to_owned()));
            }
            self.notes.add(
                line,
                0,
                format_args!("{} ignores an `options` line without a word", self.resolver),
            );
        }
        let place = Place { line, blanks: self.rules.blanks, resolver: self.resolver, version: self.version };
        let rules = &self.rules.options;
        let left = WORK_MAX.saturating_sub(self.work);
        let words = words_from(content, rest, self.rules.blanks).take(left + 1).count();
        // The next line is the one that is too many.
        self.work = (self.work + words).min(WORK_MAX - 1);
        let content = match words_from(content, rest, self.rules.blanks).nth(left) {
            Some(word) => &content[..word.column - 1],
            None => content,
        };
        let applied = options::apply(content, rest, &place, rules, &mut self.values, &mut self.notes);
        applied.map_err(|fatal| self.refuse(line, fatal.column, format!("`{}` is no number", fatal.word)))
    }

    fn res_options(&mut self, situation: &Situation) -> Result<(), ConfError> {
        match (&situation.res_options, self.rules.env.res_options) {
            (Some(text), ResOptions::Applied) => self.options_line(0, text.as_bytes(), 0),
            _ => Ok(()),
        }
    }

    fn local_domain(&mut self, situation: &Situation) {
        let Some(local) = &situation.local_domain else { return };
        let rules = self.rules.env.local_domain;
        let separators = self.rules.search.separators;
        let words = words_from(local.as_bytes(), 0, separators).map(|word| Suffix::new(word.bytes));
        // glibc begins its first word where the value begins, blank or not.
        let led = local.starts_with([' ', '\t']) && rules == LocalDomain::AllWords;
        let words: Vec<Suffix> = led.then(|| Suffix::new("")).into_iter().chain(words).collect();
        let unprintable = |word: &Suffix| !word.as_bytes().iter().all(u8::is_ascii_graphic);
        match rules {
            LocalDomain::Ignored => {}
            // An empty value is one empty suffix (glibc resolv/res_init.c, res_vinit_1).
            LocalDomain::AllWords if words.is_empty() => self.search = Some(vec![Suffix::new(Vec::new())]),
            LocalDomain::AllWordsIfAny if words.is_empty() => {}
            LocalDomain::AllWords | LocalDomain::AllWordsIfAny => self.search = Some(words),
            LocalDomain::FirstWord if words.first().is_none_or(unprintable) => {
                self.search = Some(Vec::new());
                self.nameservers.clear();
            }
            LocalDomain::FirstWord => self.search = Some(words.into_iter().take(1).collect()),
        }
    }

    fn finish(mut self, situation: &Situation) -> Result<Settings, ConfError> {
        if self.takes_next_line {
            return Err(self.refuse(0, 0, "the file ends where `search` wants a suffix".to_owned()));
        }
        self.refuse_bad_names()?;
        let rules = self.rules;
        let mut nameservers = self.nameservers;
        if nameservers.is_empty() && !self.passed_over {
            nameservers.extend(
                rules.nameservers.when_none.iter().filter_map(|text| text.parse().ok()).map(Nameserver::at),
            );
        }
        if nameservers.is_empty() {
            let what = "it names no nameserver that is used".to_owned();
            return Err(ConfError { resolver: self.resolver, line: 0, column: 0, what, looks_up: None });
        }
        let mut search = self.search.unwrap_or_default();
        let own_domain = situation.hostname.split_once('.').map(|(_, domain)| Suffix::new(domain));
        match rules.hostname_domain {
            HostnameDomain::Always => search.splice(0..0, self.domain.or(own_domain)).for_each(drop),
            HostnameDomain::WhenEmpty if search.is_empty() => search.extend(self.domain.or(own_domain)),
            _ if search.is_empty() => search.extend(self.domain),
            _ => {}
        }
        let aliases = match rules.env.host_aliases {
            HostAliases::Ignored => Vec::new(),
            _ => read_aliases(situation.host_aliases.as_deref().unwrap_or_default()),
        };
        Ok(Settings {
            nameservers,
            search,
            ndots: self.values.ndots.unwrap_or(rules.defaults.ndots),
            timeout_ms: self.values.timeout_ms.unwrap_or(rules.defaults.timeout_ms),
            attempts: self.values.attempts.unwrap_or(rules.defaults.attempts),
            flags: self.values.flags,
            aliases,
            addresses: situation.addresses.clone(),
            notes: self.notes.into_list(),
        })
    }

    fn refuse(&self, line: usize, column: usize, what: String) -> ConfError {
        ConfError { resolver: self.resolver, line, column, what, looks_up: None }
    }

    /// hickory makes names of the list in force and gives up where that fails; a `domain` beside a list is left out
    /// then (`system_conf/unix.rs`).
    fn refuse_bad_names(&mut self) -> Result<(), ConfError> {
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
fn trimmed<'a>(content: &'a [u8], rest: usize, blanks: &[u8]) -> (&'a [u8], usize) {
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
    bytes == b"." || inner == b"--" || inner.split(|&byte| byte == b'.').all(label)
}

/// Lines of `alias name`; comments in the first column.
fn read_aliases(bytes: &[u8]) -> Vec<(String, String)> {
    let pair = |line: Line<'_>| {
        let mut words = line.words(b" \t\r");
        Some((escape(words.next()?.bytes), escape(words.next()?.bytes)))
    };
    syntax::lines(bytes)
        .filter(|line| !line.bytes.starts_with(b"#"))
        .filter_map(pair)
        .take(ALIASES_MAX)
        .collect()
}
