//! `nameserver` lines.

use super::{ConfError, NAMESERVERS_MAX, Reader};
use crate::conf::settings::Shown;
use crate::conf::syntax::{Word, words_from};
use crate::conf::{Nameserver, address};
use crate::profile::parse::{AddressSyntax, BadNameserver, Duplicates, Mapped, Trailing};

impl Reader<'_> {
    pub(super) fn nameserver_line(
        &mut self,
        line: usize,
        content: &[u8],
        rest: usize,
    ) -> Result<(), ConfError> {
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
        } else if let Some(behind) = words.next().filter(|_| rules.trailing == Trailing::Ignored) {
            self.notes.add(
                line,
                behind.column,
                format_args!("{} ignores what stands behind an address", self.resolver),
            );
        }
        drop(words);
        if rules.trailing != Trailing::Addresses {
            return self.nameserver(line, index, rest, word);
        }
        let words = words_from(content, rest, self.rules.search.separators);
        words.take(NAMESERVERS_MAX).try_for_each(|word| {
            let blank = |byte: &u8| self.rules.blanks.contains(byte);
            let before = word.bytes.iter().take_while(|byte| blank(byte)).count();
            let word = Word { column: word.column + before, bytes: word.bytes.trim_ascii() };
            self.nameserver(line, index, rest, word)
        })
    }

    /// One word that should be an address, on a line whose keyword ends at offset `rest`.
    pub(super) fn nameserver(
        &mut self,
        line: usize,
        index: usize,
        rest: usize,
        word: Word<'_>,
    ) -> Result<(), ConfError> {
        let rules = &self.rules.nameservers;
        // busybox takes one blank for the separator and the rest for the address.
        let padded = rules.syntax == AddressSyntax::AtonWithPort && word.column > rest + 2;
        let read = address::read(word.bytes, rules.syntax);
        let takes = |nameserver: &Nameserver| !padded && address::takes_scope(nameserver, rules.scope);
        let Some(mut nameserver) = read.filter(takes) else {
            return self.no_address(line, word, padded);
        };
        let same = |known: &Nameserver| {
            (known.address, known.port, &known.scope)
                == (nameserver.address, nameserver.port, &nameserver.scope)
        };
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

    pub(super) fn no_address(&mut self, line: usize, word: Word<'_>, padded: bool) -> Result<(), ConfError> {
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
    pub(super) fn refuse_behind(&self, line: usize, content: &[u8], word: Word<'_>) -> Result<(), ConfError> {
        let end = word.column - 1 + word.bytes.len();
        let behind = words_from(content, end, self.rules.blanks).next().map(|word| word.column);
        let delimiter = content.get(end).filter(|byte| !b" \t".contains(byte)).map(|_| end + 1);
        match delimiter.or(behind) {
            Some(column) => Err(self.refuse(line, column, "something behind the only word".to_owned())),
            None => Ok(()),
        }
    }
}
