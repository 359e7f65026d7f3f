//! The messages that resolvers exchange nearly always: one question, EDNS in queries, answers of addresses and aliases.
//! Whatever is rarer, odd or damaged is left to `general`, which decides what it means.
//!
//! The format is that of RFC 1035 section 4.1; EDNS that of RFC 6891 section 6.1.2.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dnsprobe_resolv::QType;

use super::{Addresses, Content, Edns, Found, Kind, Message, Names, QName, Response, Verdict};

/// Bytes of a header.
const HEADER: usize = 12;
/// Where the question's name is, right behind the header, as a name of a record (RFC 1035 section 4.1.4).
const POINTER: [u8; 2] = [0xc0, 12];
/// Longer names than this are left to `general`: the limit of 255 has its own rules there.
const LONGEST_NAME: usize = 240;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const OPT: u16 = 41;
const INTERNET: u16 = 1;
/// Option code of a cookie (RFC 7873 section 4), and how long one may be.
const COOKIE: u16 = 10;
const COOKIE_LENGTH: std::ops::RangeInclusive<usize> = 8..=40;

/// Decodes one message, if it is a usual one.
#[inline]
pub(super) fn decode(message: &[u8], names: &mut Names) -> Option<Message> {
    let header: &[u8; HEADER] = message.first_chunk()?;
    let (high, low) = (header[2], header[3]);
    let standard_query = high & 0x78 == 0;
    let count = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    if !standard_query || count(4) != 1 {
        return None;
    }
    let question = &message[HEADER..];
    let known = names.asked_before(question).cloned();
    let length = match &known {
        Some(name) => name.wire_length(),
        None => plain_name(question)?,
    };
    let at = HEADER + length + 1;
    let fixed: &[u8; 4] = message.get(at..)?.first_chunk()?;
    let qtype = QType::from(u16::from_be_bytes([fixed[0], fixed[1]]));
    let at = at + fixed.len();
    let wire = Wire { message, question: HEADER..HEADER + length };
    let mut edns = None;
    let is_response = high & 0x80 != 0;
    let kind = if is_response {
        let verdict = verdict(header);
        let (found, content) = match verdict.answers {
            0 => (Found::Nothing, None),
            answers => wire.content(wire.answers(at, answers, qtype)?, names),
        };
        Kind::Response(Response::new(verdict, found, content))
    } else {
        if count(6) != 0 || count(8) != 0 {
            return None;
        }
        wire.additionals(at, count(10), &mut edns)?;
        Kind::Query
    };
    let name = known.unwrap_or_else(|| names.ask_for(question, length));
    let question = Some((name, qtype));
    Some(Message { id: count(0), question, edns, authentic_data: low & 0x20 != 0, kind })
}

/// What the header of an answer says.
fn verdict(header: &[u8; HEADER]) -> Verdict {
    let count = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let (high, low) = (header[2], header[3]);
    Verdict {
        rcode: low & 0x0f,
        truncated: high & 0x02 != 0,
        authoritative: high & 0x04 != 0,
        recursion_available: low & 0x80 != 0,
        answers: count(6),
        additionals: count(10),
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*pair))
}

/// Bytes of the labels that a question begins with, without the root's, if there are no pointers.
fn plain_name(question: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match *question.get(at)? {
            0 => break,
            length @ 1..=63 => at += 1 + usize::from(length),
            _ => return None,
        }
    }
    (at <= LONGEST_NAME).then_some(at)
}

/// A message whose question was read.
struct Wire<'a> {
    message: &'a [u8],
    /// Where the labels of the question lie.
    question: std::ops::Range<usize>,
}

/// One record, its owner passed over.
struct Record<'a> {
    rtype: u16,
    class: u16,
    /// Where the owner's name is, which is one byte when that is the root.
    owner: std::ops::Range<usize>,
    data: &'a [u8],
    /// Where the data begins and ends in the message.
    start: usize,
    end: usize,
}

/// What the answer section says.
#[derive(Default)]
struct Answers {
    addresses: Addresses,
    /// Where the targets of the first and the last alias are.
    first_alias: Option<usize>,
    last_alias: Option<usize>,
    /// Whether a record has the type that was asked for.
    of_type: bool,
}

impl<'a> Wire<'a> {
    /// Reads so many records of the answer section.
    fn answers(&self, mut at: usize, count: u16, qtype: QType) -> Option<Answers> {
        let mut answers = Answers::default();
        for _ in 0..count {
            let record = self.record(at)?;
            self.answer(&record, &mut answers)?;
            answers.of_type |= QType::from(record.rtype) == qtype;
            at = record.end;
        }
        Some(answers)
    }

    /// Reads so many records of the additional section; the EDNS part is one of them.
    fn additionals(&self, mut at: usize, count: u16, edns: &mut Option<Edns>) -> Option<()> {
        for _ in 0..count {
            let record = self.record(at)?;
            if record.rtype == OPT {
                if edns.replace(self.edns(&record)?).is_some() {
                    return None;
                }
            } else {
                self.is_plain(&record)?;
            }
            at = record.end;
        }
        Some(())
    }

    fn record(&self, at: usize) -> Option<Record<'a>> {
        let owner_end = if self.owner_is_question(at) { at + POINTER.len() } else { self.name(at, None)? };
        let fixed: &[u8; 10] = self.message.get(owner_end..)?.first_chunk()?;
        let start = owner_end + fixed.len();
        let length = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        let data = self.message.get(start..start + length)?;
        Some(Record {
            rtype: u16::from_be_bytes([fixed[0], fixed[1]]),
            class: u16::from_be_bytes([fixed[2], fixed[3]]),
            owner: at..owner_end,
            data,
            start,
            end: start + length,
        })
    }

    /// Whether a record behind the question is one of the name asked for, said as nearly every server says that.
    fn owner_is_question(&self, at: usize) -> bool {
        let begins = self.message.get(at..).is_some_and(|record| record.starts_with(&POINTER));
        begins && !self.question.is_empty() && at > self.question.end
    }

    /// Follows a name, copying its labels if they are wanted; gives where what follows begins. A pointer has to lead
    /// before the labels it ends, and labels must not run into those again.
    fn name(&self, start: usize, mut labels: Option<&mut Labels>) -> Option<usize> {
        let mut at = start;
        let mut part = start;
        let mut limit = usize::MAX;
        let mut end = None;
        let mut length = 0;
        loop {
            if at >= limit {
                return None;
            }
            match *self.message.get(at)? {
                0 => return Some(end.unwrap_or(at + 1)),
                more @ 1..=63 => {
                    let next = at + 1 + usize::from(more);
                    length += next - at;
                    if length > LONGEST_NAME {
                        return None;
                    }
                    if let Some(labels) = &mut labels {
                        labels.extend(self.message.get(at..next)?)?;
                    }
                    at = next;
                }
                0xc0.. => {
                    let target = usize::from(be16(self.message, at)? & 0x3fff);
                    end = end.or(Some(at + 2));
                    // By far the commonest: the question's name or its end, known to be sound and to end before this one.
                    if labels.is_none() && part > self.question.end && self.is_in_question(target) {
                        return end.filter(|_| length + self.question.end - target <= LONGEST_NAME);
                    }
                    if target >= part {
                        return None;
                    }
                    limit = part;
                    part = target;
                    at = target;
                }
                _ => return None,
            }
        }
    }

    /// Whether a label of the question begins there; nearly always it is the first one.
    fn is_in_question(&self, target: usize) -> bool {
        let mut at = self.question.start;
        while at < target.min(self.question.end) {
            at += 1 + usize::from(self.message[at]);
        }
        at == target && at < self.question.end
    }

    /// Takes one record of the answer section.
    fn answer(&self, record: &Record<'_>, answers: &mut Answers) -> Option<()> {
        match record.rtype {
            A if record.class == INTERNET => {
                let octets: [u8; 4] = record.data.try_into().ok()?;
                answers.addresses.push(IpAddr::V4(Ipv4Addr::from(octets)));
            }
            AAAA if record.class == INTERNET => {
                let octets: [u8; 16] = record.data.try_into().ok()?;
                answers.addresses.push(IpAddr::V6(Ipv6Addr::from(octets)));
            }
            CNAME => {
                self.is_plain(record)?;
                answers.first_alias = answers.first_alias.or(Some(record.start));
                answers.last_alias = Some(record.start);
            }
            _ => return None,
        }
        Some(())
    }

    /// Whether this is a record whose data is sound, of a kind that says nothing to us.
    fn is_plain(&self, record: &Record<'_>) -> Option<()> {
        if record.class != INTERNET || record.data.is_empty() {
            return None;
        }
        let sound = match record.rtype {
            A => record.data.len() == 4,
            AAAA => record.data.len() == 16,
            CNAME => self.name(record.start, None)? == record.end,
            _ => false,
        };
        sound.then_some(())
    }

    fn edns(&self, record: &Record<'_>) -> Option<Edns> {
        // The root, and a size that nobody would correct.
        if self.message.get(record.owner.clone())? != [0] || record.class < 512 {
            return None;
        }
        let mut cookie = false;
        let mut rest = record.data;
        while !rest.is_empty() {
            let (code, length) = (be16(rest, 0)?, usize::from(be16(rest, 2)?));
            if code != COOKIE || !COOKIE_LENGTH.contains(&length) {
                return None;
            }
            cookie = true;
            rest = rest.get(4 + length..)?;
        }
        Some(Edns { payload_size: record.class, cookie })
    }

    fn content(&self, answers: Answers, names: &mut Names) -> (Found, Option<Box<Content>>) {
        let mut name = |at: usize| self.alias(at, names);
        let first_alias = answers.first_alias.and_then(&mut name);
        let alias = if answers.last_alias == answers.first_alias {
            first_alias.clone()
        } else {
            answers.last_alias.and_then(&mut name)
        };
        let found = match (answers.of_type, &alias) {
            (true, _) => Found::Records,
            (false, Some(_)) => Found::Alias,
            (false, None) => Found::Nothing,
        };
        let content = Content { addresses: answers.addresses, first_alias, last_alias: alias };
        (found, content.boxed())
    }

    fn alias(&self, at: usize, names: &mut Names) -> Option<QName> {
        let mut labels = Labels::default();
        self.name(at, Some(&mut labels))?;
        Some(names.intern(labels.bytes()))
    }
}

/// The labels of one name, one after another.
struct Labels {
    bytes: [u8; 256],
    length: usize,
}

impl Default for Labels {
    fn default() -> Self {
        Self { bytes: [0; 256], length: 0 }
    }
}

impl Labels {
    fn extend(&mut self, label: &[u8]) -> Option<()> {
        let end = self.length + label.len();
        self.bytes.get_mut(self.length..end)?.copy_from_slice(label);
        self.length = end;
        Some(())
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
