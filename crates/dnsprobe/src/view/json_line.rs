//! A lookup as one line of JSON, written by hand: a capture file has hundreds of thousands of them. What `lookup_json`
//! says by serde is what this writes; a test holds the two equal.

use std::io::Write as _;
use std::net::IpAddr;

use super::{SeenAt, json};
use dnsprobe_lookup::{Evidence, Finding, Lookup, Nanos, Question, ResolverFrom, Step, Timestamp};

/// Up to here a number of nanoseconds is exact as a float, and so is its decimal form in microseconds.
const EXACT: u64 = 1 << 53;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Writes lines into one buffer that is used again.
#[derive(Debug, Default)]
pub(super) struct LineWriter {
    line: Vec<u8>,
    /// The second written last, and how it is written: most times of a lookup lie in one.
    second: Option<i64>,
    written: Vec<u8>,
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
        self.resolver(lookup);
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

    fn resolver(&mut self, lookup: &Lookup) {
        let seen = &lookup.resolver;
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
    }

    fn step(&mut self, step: &Step) {
        self.raw(br#"{"candidate":"#);
        self.text(&step.candidate);
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
        self.text(&question.qname);
        self.raw(br#","qtype":""#);
        self.shown(question.qtype);
        self.raw(br#"","server":"#);
        self.address(question.server);
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
        self.text(&evidence.qname);
        self.raw(br#","qtype":""#);
        self.shown(evidence.qtype);
        self.raw(br#"","server":"#);
        self.address(evidence.server);
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

    fn text(&mut self, text: &str) {
        if text.bytes().all(|byte| matches!(byte, 0x20..=0x7e) && byte != b'"' && byte != b'\\') {
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

    fn address(&mut self, address: IpAddr) {
        self.raw(b"\"");
        match address {
            IpAddr::V4(address) => {
                for (index, octet) in address.octets().into_iter().enumerate() {
                    if index > 0 {
                        self.raw(b".");
                    }
                    self.number(octet.into());
                }
            }
            IpAddr::V6(address) => self.shown(address),
        }
        self.raw(b"\"");
    }

    fn number(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = digit(number);
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.line.extend_from_slice(&digits[at..]);
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
        let [hundreds, tens, ones] = [nanos / 100, nanos / 10, nanos].map(digit);
        match (hundreds, tens, ones) {
            (hundreds, b'0', b'0') => self.raw(&[b'.', hundreds]),
            (hundreds, tens, b'0') => self.raw(&[b'.', hundreds, tens]),
            (hundreds, tens, ones) => self.raw(&[b'.', hundreds, tens, ones]),
        }
    }

    fn time(&mut self, at: Option<Timestamp>) {
        let Some(at) = at else { return self.raw(b"null") };
        let second = at.0.div_euclid(NANOS_PER_SECOND);
        if self.second != Some(second) {
            self.second = Some(second);
            let written = json::time(Timestamp(second.saturating_mul(NANOS_PER_SECOND)));
            self.written = written.split('.').next().unwrap_or_default().as_bytes().to_vec();
        }
        self.line.push(b'"');
        self.line.extend_from_slice(&self.written);
        self.line.push(b'.');
        let mut left = at.0.rem_euclid(NANOS_PER_SECOND).unsigned_abs();
        let mut digits = [b'0'; 9];
        for place in digits.iter_mut().rev() {
            *place = digit(left);
            left /= 10;
        }
        self.line.extend_from_slice(&digits);
        self.raw(b"Z\"");
    }
}

/// The last decimal digit.
fn digit(number: u64) -> u8 {
    // Less than ten.
    b'0' + u8::try_from(number % 10).unwrap_or(0)
}

#[cfg(test)]
#[path = "json_line_tests.rs"]
mod tests;
