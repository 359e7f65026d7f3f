//! A lookup as one line of JSON, written by hand: a capture file has hundreds of thousands of them. What `lookup_json`
//! says by serde is what this writes; a test holds the two equal.

use std::io::Write as _;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

use dnsprobe_lookup::{
    Evidence, Finding, Lookup, Nanos, Question, ResolverFrom, ResolverSeen, Step, Timestamp,
};
use dnsprobe_resolv::QType;

use super::{SeenAt, json};

/// Up to here a number of nanoseconds is exact as a float, and so is its decimal form in microseconds.
const EXACT: u64 = 1 << 53;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Writes lines into one buffer that is used again. What comes several times in a row is put into letters once.
#[derive(Debug, Default)]
pub(super) struct LineWriter {
    line: Vec<u8>,
    /// Up to the point of a time.
    second: Written<i64>,
    server: Written<IpAddr>,
    /// A candidate, which its questions are for.
    name: Written<Rc<str>>,
    resolver: Written<ResolverSeen>,
}

/// What was written last, and its letters.
#[derive(Debug)]
struct Written<T> {
    what: Option<T>,
    letters: Vec<u8>,
}

impl<T> Default for Written<T> {
    fn default() -> Self {
        Self { what: None, letters: Vec::new() }
    }
}

impl<T> Written<T> {
    /// Notes what was written at the end of a line, from there on.
    fn note(&mut self, what: T, line: &[u8], from: usize) {
        self.what = Some(what);
        self.letters.clear();
        self.letters.extend_from_slice(&line[from..]);
    }
}

impl LineWriter {
    /// One lookup with its line end.
    pub(super) fn lookup(&mut self, lookup: &Lookup, seen_at: &SeenAt) -> &[u8] {
        self.line.clear();
        self.raw(br#"{"type":"lookup","schema":"dnsprobe.lookup/1","start":"#);
        self.time(lookup.start);
        self.raw(br#","client":"#);
        match lookup.client {
            Some(client) => self.address(client),
            None => self.raw(b"null"),
        }
        self.raw(br#","name":"#);
        self.text(&lookup.name);
        self.raw(br#","resolver":"#);
        self.resolver(&lookup.resolver);
        self.raw(br#","certain":"#);
        self.truth(lookup.certain);
        self.raw(br#","partial":"#);
        self.truth(lookup.partial);
        self.raw(br#","steps":"#);
        self.list(&lookup.steps, Self::step);
        self.raw(br#","outcome":""#);
        self.raw(lookup.outcome.as_str().as_bytes());
        self.raw(br#"","addresses":"#);
        self.list(&lookup.addresses, |writer, address| writer.address(*address));
        self.totals(lookup);
        self.raw(br#","findings":"#);
        self.list(&lookup.findings, Self::finding);
        self.raw(br#","target":"#);
        match seen_at.asked_by {
            None => self.value(&seen_at.target),
            Some(_) => self.value(&json::target(seen_at)),
        }
        self.raw(br#","asked_by":"#);
        self.value(&json::asked_by(seen_at));
        self.raw(b"}\n");
        &self.line
    }

    fn resolver(&mut self, seen: &ResolverSeen) {
        if self.resolver.what.as_ref() == Some(seen) {
            self.line.extend_from_slice(&self.resolver.letters);
            return;
        }
        let from = self.line.len();
        self.raw(br#"{"id":"#);
        self.optional_text(seen.known_id());
        self.raw(br#","version":"#);
        self.optional_text(seen.version.as_deref());
        self.raw(br#","api":"#);
        self.optional_text(seen.api.as_deref());
        self.raw(br#","from":""#);
        self.raw(seen.from.as_str().as_bytes());
        self.raw(b"\"");
        if seen.from == ResolverFrom::Inferred {
            self.raw(br#","evidence":"#);
            self.optional_text(seen.evidence);
        }
        self.raw(b"}");
        self.resolver.note(seen.clone(), &self.line, from);
    }

    fn step(&mut self, step: &Step) {
        self.raw(br#"{"candidate":"#);
        self.name(&step.candidate);
        self.raw(br#","suffix":"#);
        self.optional_text(step.suffix.as_deref());
        self.raw(br#","outcome":""#);
        self.raw(step.outcome.as_str().as_bytes());
        self.raw(br#"","added_us":"#);
        self.micros(step.added);
        self.raw(br#","wasted":"#);
        self.truth(step.wasted);
        self.raw(br#","questions":"#);
        self.list(&step.questions, Self::question);
        if let Some(why) = &step.why {
            self.raw(br#","why":"#);
            self.text(why);
        }
        self.raw(b"}");
    }

    fn question(&mut self, question: &Question) {
        self.raw(br#"{"qname":"#);
        self.name(&question.qname);
        self.raw(br#","qtype":""#);
        self.qtype(question.qtype);
        self.raw(br#"","server":"#);
        self.server(question.server);
        self.raw(br#","transport":""#);
        self.raw(question.transport.as_str().as_bytes());
        self.raw(br#"","round":"#);
        self.number(question.round.into());
        self.raw(br#","outcome":""#);
        self.raw(question.outcome.as_str().as_bytes());
        self.raw(b"\"");
        if question.sent.is_some() {
            self.raw(br#","sent":"#);
            self.time(question.sent);
        }
        self.raw(br#","latency_us":"#);
        self.micros(question.latency);
        if let Some(alias) = &question.alias {
            self.raw(br#","alias":"#);
            self.text(alias);
        }
        if question.upstream.is_some() {
            self.raw(br#","upstream_us":"#);
            self.micros(question.upstream);
        }
        self.raw(b"}");
    }

    fn totals(&mut self, lookup: &Lookup) {
        let totals = lookup.totals();
        self.raw(br#","totals":{"questions":"#);
        self.number(totals.questions);
        self.raw(br#","wasted_questions":"#);
        self.number(totals.wasted_questions);
        self.raw(br#","latency_us":"#);
        self.micros(totals.latency);
        self.raw(br#","added_by_search_us":"#);
        self.micros(totals.added_by_search);
        self.raw(b"}");
    }

    fn finding(&mut self, finding: &Finding) {
        self.raw(br#"{"code":""#);
        self.raw(finding.code.as_str().as_bytes());
        self.raw(br#"","message":"#);
        self.text(&finding.message);
        self.raw(br#","evidence":"#);
        self.list(&finding.evidence, Self::evidence);
        self.raw(b"}");
    }

    fn evidence(&mut self, evidence: &Evidence) {
        self.raw(br#"{"qname":"#);
        self.name(&evidence.qname);
        self.raw(br#","qtype":""#);
        self.qtype(evidence.qtype);
        self.raw(br#"","server":"#);
        self.server(evidence.server);
        self.raw(br#","outcome":""#);
        self.raw(evidence.outcome.as_str().as_bytes());
        self.raw(br#"","sent":"#);
        self.time(evidence.sent);
        self.raw(br#","latency_us":"#);
        self.micros(evidence.latency);
        self.raw(b"}");
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.raw(b"[");
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.raw(b",");
            }
            write(self, item);
        }
        self.raw(b"]");
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.line.extend_from_slice(bytes);
    }

    fn truth(&mut self, truth: bool) {
        self.raw(if truth { b"true" } else { b"false" });
    }

    fn optional_text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.raw(b"null"),
        }
    }

    fn name(&mut self, name: &Rc<str>) {
        if self.name.what.as_ref().is_some_and(|known| Rc::ptr_eq(known, name)) {
            self.line.extend_from_slice(&self.name.letters);
            return;
        }
        let from = self.line.len();
        self.text(name);
        self.name.note(Rc::clone(name), &self.line, from);
    }

    fn text(&mut self, text: &str) {
        let plain = |byte: u8| matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        // Neither quote nor backslash. All are looked at, as that is done many at a time.
        if text.bytes().fold(true, |all, byte| all & plain(byte)) {
            self.raw(b"\"");
            self.raw(text.as_bytes());
            self.raw(b"\"");
        } else {
            self.value(&text);
        }
    }

    /// Anything, by serde.
    fn value(&mut self, value: &impl serde::Serialize) {
        // Writing to memory cannot fail, and these values have no keys but text.
        let _ = serde_json::to_writer(&mut self.line, value);
    }

    /// What shows itself without a letter that needs an escape.
    fn shown(&mut self, value: impl std::fmt::Display) {
        // Writing to memory cannot fail.
        let _ = write!(self.line, "{value}");
    }

    fn qtype(&mut self, qtype: QType) {
        match qtype {
            QType::A => self.raw(b"A"),
            QType::Aaaa => self.raw(b"AAAA"),
            QType::Other(_) => self.shown(qtype),
        }
    }

    fn server(&mut self, server: IpAddr) {
        if self.server.what == Some(server) {
            self.line.extend_from_slice(&self.server.letters);
            return;
        }
        let from = self.line.len();
        self.address(server);
        self.server.note(server, &self.line, from);
    }

    fn address(&mut self, address: IpAddr) {
        self.raw(b"\"");
        match address {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                self.number(a.into());
                for octet in [b, c, d] {
                    self.raw(b".");
                    self.number(octet.into());
                }
            }
            IpAddr::V6(address) => self.ipv6(address),
        }
        self.raw(b"\"");
    }

    /// As RFC 5952 has it: the longest run of zeros, the first of several, is left out.
    fn ipv6(&mut self, address: Ipv6Addr) {
        if address.to_ipv4_mapped().is_some() {
            return self.shown(address);
        }
        let segments = address.segments();
        let zeros_from = |at: &usize| segments[*at..].iter().take_while(|segment| **segment == 0).count();
        let longest = (0..segments.len()).rev().max_by_key(zeros_from).unwrap_or_default();
        let left_out = longest..longest + zeros_from(&longest);
        let several = left_out.len() > 1;
        for (at, segment) in segments.into_iter().enumerate() {
            if several && left_out.contains(&at) {
                if at == left_out.start {
                    self.raw(b"::");
                }
                continue;
            }
            if at > 0 && !(several && at == left_out.end) {
                self.raw(b":");
            }
            self.hex(segment);
        }
    }

    /// In hexadecimal without zeros in front.
    fn hex(&mut self, segment: u16) {
        let digits = [12, 8, 4, 0].map(|shift| b"0123456789abcdef"[usize::from(segment >> shift & 0xf)]);
        let zeros = (segment.leading_zeros() / 4).min(3) as usize;
        self.line.extend_from_slice(&digits[zeros..]);
    }

    fn number(&mut self, number: u64) {
        self.line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    /// A time in microseconds, as a float is written: with one digit behind the point at least, three at most.
    fn micros(&mut self, time: Option<Nanos>) {
        let Some(time) = time else { return self.raw(b"null") };
        let nanos = time.0.unsigned_abs();
        if nanos >= EXACT {
            return self.value(&time.as_micros());
        }
        if time.0 < 0 {
            self.raw(b"-");
        }
        self.number(nanos / 1_000);
        match three_digits(u32::try_from(nanos % 1_000).unwrap_or_default()) {
            [hundreds, b'0', b'0'] => self.raw(&[b'.', hundreds]),
            [hundreds, tens, b'0'] => self.raw(&[b'.', hundreds, tens]),
            [hundreds, tens, ones] => self.raw(&[b'.', hundreds, tens, ones]),
        }
    }

    fn time(&mut self, at: Option<Timestamp>) {
        let Some(at) = at else { return self.raw(b"null") };
        let second = at.0.div_euclid(NANOS_PER_SECOND);
        if self.second.what != Some(second) {
            let written = json::time(Timestamp(second.saturating_mul(NANOS_PER_SECOND)));
            let whole = written.split('.').next().unwrap_or_default();
            self.second.note(second, whole.as_bytes(), 0);
        }
        // Less than 2³².
        let nanos = u32::try_from(at.0.rem_euclid(NANOS_PER_SECOND)).unwrap_or_default();
        self.raw(b"\"");
        self.line.extend_from_slice(&self.second.letters);
        let mut behind = *b".000000000Z\"";
        for (at, thousands) in [(1, nanos / 1_000_000), (4, nanos / 1_000 % 1_000), (7, nanos % 1_000)] {
            behind[at..at + 3].copy_from_slice(&three_digits(thousands));
        }
        self.raw(&behind);
    }
}

/// The digits of a number below a thousand.
fn three_digits(number: u32) -> [u8; 3] {
    [number / 100, number / 10 % 10, number % 10].map(|digit| b'0' + u8::try_from(digit).unwrap_or(0))
}

#[cfg(test)]
#[path = "json_line_tests.rs"]
mod tests;
