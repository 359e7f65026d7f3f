//! One resolver's reading of `resolv.conf`.

mod nameservers;
mod oddities;
mod search;

use std::collections::BTreeSet;

use super::Nameserver;
use super::options::{self, Place, Values, Zeros};
use super::settings::{Notes, Settings, Shown, Suffix};
use super::situation::Situation;
use super::syntax::{self, Line, Word, words_from};
use crate::name::escape;
use crate::profile::parse::{
    BadEnv, BareSearch, Comments, DeadlyList, Duplicates, HostAliases, HostnameDomain, Indent, LastWord,
    LocalDomain, LongLines, ParseRules, Repeated, ResOptions, Trailing, Unprintable,
};
use crate::profile::planning::PlanRules;
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

/// glibc's `MAXDNSRCH`, the size of `defdname`, and that of `dnsrch` where pointers have 64 bits (`resolv/resolv.h`).
const DEADLY_FIRST: usize = 6;
const DEADLY_BUFFER: usize = 256;
const DEADLY_USED: usize = 56;

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
        for part in reader.parts(line) {
            if !reader.passes_over(part) && !reader.is_worn_out(part.number) {
                reader.line(part)?;
            }
        }
    }
    if !first {
        reader.res_options(situation)?;
    }
    reader.local_domain(situation);
    reader.forget_for_bad_env(situation);
    reader.finish(situation)
}

/// The keywords that every resolver knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keyword {
    Nameserver,
    Search,
    Domain,
    Options,
}

impl Keyword {
    const ALL: [Self; 4] = [Self::Nameserver, Self::Search, Self::Domain, Self::Options];

    fn word(self) -> &'static str {
        match self {
            Self::Nameserver => "nameserver",
            Self::Search => "search",
            Self::Domain => "domain",
            Self::Options => "options",
        }
    }

    fn of(word: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|keyword| keyword.word().as_bytes() == word)
    }
}

struct Reader<'p> {
    rules: &'p ParseRules,
    plan: &'p PlanRules,
    zeros: Zeros,
    resolver: &'static str,
    version: Version,
    nameserver_lines: usize,
    /// A nameserver was read, but is not used.
    passed_over: bool,
    nameservers: Vec<Nameserver>,
    search: Option<Vec<Suffix>>,
    /// A `search` line was read that has something behind its keyword.
    has_search: bool,
    /// The line that the list is of.
    search_at: usize,
    domain: Option<Suffix>,
    /// The file says that the domain is the root.
    domain_is_root: bool,
    /// The line that the domain is of.
    domain_at: usize,
    /// The keyword of the line before, which has no word yet (BIND).
    open: Option<Keyword>,
    values: Values,
    notes: Notes,
    /// Words and lines looked at so far.
    work: usize,
}

impl<'p> Reader<'p> {
    fn new(profile: &'p Profile) -> Self {
        Self {
            rules: &profile.parse,
            plan: &profile.plan,
            zeros: oddities::zeros(profile),
            resolver: profile.resolver.id.as_str(),
            version: profile.resolver.version,
            nameserver_lines: 0,
            passed_over: false,
            nameservers: Vec::new(),
            search: None,
            has_search: false,
            search_at: 0,
            domain: None,
            domain_is_root: false,
            domain_at: 0,
            open: None,
            values: Values::default(),
            notes: Notes::default(),
            work: 0,
        }
    }

    /// Whether a line holds nothing for anybody, seen cheaply: hostile files have millions of them.
    fn passes_over(&self, line: Line<'_>) -> bool {
        match line.bytes {
            _ if self.open.is_some() => false,
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
        if matches!(self.rules.long_lines, LongLines::Ignored(limit) if line.content().len() >= limit) {
            self.notes.add(line.number, 0, format_args!("{} ignores lines of this length", self.resolver));
            return Ok(());
        }
        let content = self.without_comment(line.content());
        self.note_glued_comment(line, content);
        let cut_off = line.bytes.len() == line.content().len();
        if let Some(open) = self.open.take() {
            return self.keyword_line(open, line.number, content, 0);
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
        if self.is_unprintable(line.number, content, rest) {
            return Ok(());
        }
        if let Some(known) = Keyword::of(keyword.bytes) {
            let bare = rest == content.len() && !cut_off;
            return if bare && self.rules.search.bare == BareSearch::TakesNextLine {
                self.leave_open(line.number, known);
                Ok(())
            } else {
                self.keyword_line(known, line.number, content, rest)
            };
        }
        match keyword.bytes {
            b"sortlist" => self.sortlist_line(line.number, content, keyword.column, rest),
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

    fn keyword_line(
        &mut self,
        keyword: Keyword,
        line: usize,
        content: &[u8],
        rest: usize,
    ) -> Result<(), ConfError> {
        let strict = self.rules.search.bare == BareSearch::TakesNextLine;
        if strict && words_from(content, rest, self.rules.blanks).next().is_none() {
            return Err(self.refuse(line, 0, format!("no word after `{}`", keyword.word())));
        }
        match keyword {
            Keyword::Nameserver => self.nameserver_line(line, content, rest),
            Keyword::Search => {
                self.has_search |= content.len() > rest + 1;
                self.search_line(line, content, rest)
            }
            Keyword::Domain => self.domain_line(line, content, rest),
            Keyword::Options => self.options_line(line, content, rest),
        }
    }

    /// BIND reads words, and goes to the next line for the one after a keyword if nothing stands behind that, not even
    /// a blank (`resconf.c`, `getword`).
    fn leave_open(&mut self, line: usize, keyword: Keyword) {
        self.open = Some(keyword);
        let takes = match keyword {
            Keyword::Nameserver => "the next line for an address",
            Keyword::Search => "the words of the next line for suffixes",
            Keyword::Domain => "the next line for a domain",
            Keyword::Options => "the words of the next line for options",
        };
        self.notes.add(line, 0, format_args!("{} takes {takes}", self.resolver));
    }

    /// A line as the resolver reads it: too long a one may be several.
    fn parts<'a>(&self, line: Line<'a>) -> impl Iterator<Item = Line<'a>> + use<'a> {
        let length = match self.rules.long_lines {
            LongLines::Parted(length) => length.max(1),
            LongLines::Read | LongLines::Ignored(_) => usize::MAX,
        };
        line.bytes.chunks(length).map(move |bytes| Line { bytes, ..line })
    }

    /// Whether the value has a character for which the line is ignored.
    fn is_unprintable(&mut self, line: usize, content: &[u8], rest: usize) -> bool {
        let (content, rest) = search::trimmed(content, rest, self.rules.blanks);
        let plain = |byte: &u8| (b' '..=b'~').contains(byte);
        let Some(at) = content[rest..].iter().position(|byte| !plain(byte)) else { return false };
        if self.rules.unprintable == Unprintable::Read {
            return false;
        }
        let what = format_args!("{} ignores a line with a character like this", self.resolver);
        self.notes.add(line, rest + at + 1, what);
        true
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

    /// BIND wants a netmask, if any, as an address, and refuses the file for a prefix length.
    fn sortlist_line(
        &mut self,
        line: usize,
        content: &[u8],
        column: usize,
        rest: usize,
    ) -> Result<(), ConfError> {
        self.notes.add(line, column, format_args!("{} asks nothing else for `sortlist`", self.resolver));
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
            self.notes.add(
                line,
                0,
                format_args!("{} ignores an `options` line without a word", self.resolver),
            );
        }
        let place = Place {
            line,
            blanks: self.rules.blanks,
            resolver: self.resolver,
            version: self.version,
            zeros: self.zeros,
        };
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
        let mut words: Vec<Suffix> = led.then(|| Suffix::new("")).into_iter().chain(words).collect();
        if self.rules.search.duplicates == Duplicates::Dropped {
            let mut seen = BTreeSet::new();
            words.retain(|word| seen.insert(word.as_bytes().to_ascii_lowercase()));
        }
        let replaces = match rules {
            LocalDomain::Ignored => false,
            LocalDomain::AllWordsIfAny => !words.is_empty(),
            LocalDomain::AllWords | LocalDomain::FirstWord => true,
        };
        if replaces && self.search_at > 0 && self.search.is_some() {
            let what = format_args!("{} puts LOCALDOMAIN in the place of this list", self.resolver);
            self.notes.add(std::mem::take(&mut self.search_at), 0, what);
        }
        if rules == LocalDomain::FirstWord && words.len() > 1 {
            self.notes.add(0, 0, format_args!("{} takes the first word of LOCALDOMAIN", self.resolver));
        }
        match rules {
            LocalDomain::Ignored => {}
            // An empty value is one empty suffix (glibc resolv/res_init.c, res_vinit_1).
            LocalDomain::AllWords if words.is_empty() => self.search = Some(vec![Suffix::new(Vec::new())]),
            LocalDomain::AllWordsIfAny if words.is_empty() => {}
            LocalDomain::AllWords | LocalDomain::AllWordsIfAny => self.search = Some(words),
            LocalDomain::FirstWord => self.search = Some(words.into_iter().take(1).collect()),
        }
    }

    /// c-ares takes a value that it cannot read for a failure of all its configuration (`ares_sysconfig.c`,
    /// `ares_init_by_sysconfig`), and goes on with its defaults.
    fn forget_for_bad_env(&mut self, situation: &Situation) {
        if self.rules.env.bad == BadEnv::Ignored {
            return;
        }
        let is_bad_list = |text: &String| {
            let mut words = words_from(text.as_bytes(), 0, self.rules.search.separators);
            words.next().is_none() || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        };
        let variable = match (&situation.local_domain, &situation.res_options) {
            (Some(local), _) if is_bad_list(local) => "LOCALDOMAIN",
            (_, Some(options)) if options.is_empty() => "RES_OPTIONS",
            _ => return,
        };
        (self.search, self.domain, self.values) = (None, None, Values::default());
        self.nameservers.clear();
        let what = format_args!("{} cannot read {variable} and forgets the file", self.resolver);
        self.notes.add(0, 0, what);
    }

    fn finish(mut self, situation: &Situation) -> Result<Settings, ConfError> {
        if let Some(open) = self.open {
            let what = format!("the file ends where `{}` wants a word", open.word());
            return Err(self.refuse(0, 0, what));
        }
        self.refuse_bad_names()?;
        self.refuse_deadly_list()?;
        self.note_what_lost(situation);
        let rules = self.rules;
        let mut nameservers = self.nameservers;
        if nameservers.is_empty() && !self.passed_over {
            let when_none = rules.nameservers.when_none;
            nameservers.extend(when_none.iter().filter_map(|text| text.parse().ok()).map(Nameserver::at));
            let what =
                format_args!("{} finds no nameserver and asks {}", self.resolver, when_none.join(", "));
            self.notes.add(0, 0, what);
        }
        if nameservers.is_empty() {
            let what = "it names no nameserver that is used".to_owned();
            return Err(ConfError { resolver: self.resolver, line: 0, column: 0, what, looks_up: None });
        }
        let mut search = self.search.unwrap_or_default();
        let own_domain = situation.hostname.split_once('.').map(|(_, domain)| Suffix::new(domain));
        let own_domain = own_domain.filter(|_| !self.domain_is_root);
        match rules.hostname_domain {
            HostnameDomain::Always => search.splice(0..0, self.domain.or(own_domain)).for_each(drop),
            HostnameDomain::WhenEmpty if search.is_empty() => search.extend(self.domain.or(own_domain)),
            HostnameDomain::WhenEmptyNotRoot if search.is_empty() => {
                search.extend(self.domain.or(own_domain.filter(|domain| !domain.is_root())));
            }
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

    /// The list for which the process dies before it asks anything.
    fn refuse_deadly_list(&self) -> Result<(), ConfError> {
        if self.rules.search.deadly == DeadlyList::None {
            return Ok(());
        }
        let mut used = 0;
        for suffix in self.search.iter().flatten().take(DEADLY_FIRST) {
            let wanted = suffix.as_bytes().len() + 1;
            if used + wanted > DEADLY_BUFFER && used <= DEADLY_USED {
                let what = "the process dies, as a suffix is too long for its place in the list".to_owned();
                return Err(self.refuse(self.search_at, 0, what));
            }
            if used + wanted > DEADLY_BUFFER {
                break;
            }
            used += wanted;
        }
        Ok(())
    }

    fn refuse(&self, line: usize, column: usize, what: String) -> ConfError {
        ConfError { resolver: self.resolver, line, column, what, looks_up: None }
    }
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
