//! Which candidates a resolver makes of a name.

use crate::name::Escapes;
use crate::{Candidate, Fqdn};

/// Which candidates a resolver makes of a name.
#[derive(Debug, Clone, Copy)]
pub struct PlanRules {
    /// When the search list is used.
    pub search: SearchWhen,
    /// When the first suffix has to be a name.
    pub first_suffix: FirstSuffix,
    /// What a suffix that stands for the root does.
    pub root_suffix: RootSuffix,
    /// What a dot in front of a suffix does.
    pub leading_dot: LeadingDot,
    /// A name with a suffix of this many characters or more (final dot not counted) is passed over.
    pub join_limit: usize,
    /// How long a name may be in octets, length bytes and root included.
    pub octets_max: usize,
    /// What happens to a candidate with a label that is empty or too long.
    pub bad_label: Unencodable,
    /// What happens to a candidate that is too long as a whole.
    pub unencodable: Unencodable,
    /// Candidates equal to an earlier one.
    pub repeated: RepeatedName,
    /// What is done with the name before any question.
    pub name: NameRules,
}

impl PlanRules {
    /// What happens to this name, which fits no message.
    pub fn when_unencodable(&self, candidate: &Candidate) -> Unencodable {
        let suffix = candidate.suffix.as_deref().map(Fqdn::from_presentation);
        let too_long = suffix.is_some_and(|suffix| suffix.labels_fit() && !suffix.encodes());
        if candidate.fqdn.labels_fit() && !too_long { self.unencodable } else { self.bad_label }
    }
}

/// When the search list is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchWhen {
    /// Always: after the name as-is when it has `ndots` dots, before it otherwise.
    Always,
    /// Only below `ndots` dots; with more the name is asked as-is and nothing else.
    BelowNdots,
    /// Only for names without any dot, and then without the name as-is.
    Dotless,
    /// Always, except that `ndots:0` turns it off.
    AlwaysAboveZero,
    /// Never.
    Never,
}

/// When the first suffix has to be a name, for the lookup not to fail at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstSuffix {
    /// When it is appended.
    WhenAppended,
    /// For every name with fewer than `ndots` dots, absolute ones included (BIND's tools).
    BelowNdots,
}

/// What a suffix that stands for the root (`.`) does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootSuffix {
    /// Asks the name as-is, and suppresses the as-is candidate at the end.
    ReplacesAsIsLast,
    /// Asks the name as-is, beside the as-is candidate.
    AsIs,
    /// Is passed over.
    Skip,
    /// Sends a message with a broken name.
    Malformed,
    /// Makes an empty label, which fits no message.
    EmptyLabel,
    /// The same, but alone in the list it asks the name as-is.
    EmptyLabelUnlessAlone,
}

/// What a dot in front of a suffix (`.foo`) does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadingDot {
    /// It is dropped.
    Dropped,
    /// It makes an empty label, which fits no message.
    Kept,
}

/// What happens to a candidate that does not fit a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unencodable {
    /// It is passed over.
    Skip,
    /// It is passed over once nameservers have been chosen for its questions, which `rotate` counts (Go).
    SkipTakingTurn,
    /// The rest of the list is passed over as well.
    SkipToAsIs,
    /// The lookup ends there.
    Stop,
    /// The lookup ends before anything is sent.
    Abort,
}

/// Candidates equal to an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepeatedName {
    /// They are asked again.
    Kept,
    /// They are asked once, where they stand first.
    Dropped,
    /// They are asked once, where they stand last.
    EarlierDropped,
}

/// What is done with the name before any question.
#[derive(Debug, Clone, Copy)]
pub struct NameRules {
    /// Which names are refused.
    pub check: NameCheck,
    /// What an address given as a name leads to.
    pub literal: Literal,
    /// How the case of letters goes on the wire.
    pub case: NameCase,
    /// What becomes of names and suffixes beyond ASCII.
    pub beyond_ascii: BeyondAscii,
    /// What a backslash means, in suffixes, too.
    pub escapes: Escapes,
    /// Names with a rule of their own.
    pub special: &'static [Special],
}

/// Which names are refused before any question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameCheck {
    /// None but those that no message can hold.
    Encodable,
    /// At most 254 bytes, no two dots at the end (musl).
    Length,
    /// Letters, digits, `-`, `_`; no empty label, no `-` in front (glibc).
    Hostname,
    /// Letters, digits, `-`, `_`; no label empty, too long, or with `-` at an end; not digits alone (Go).
    GoDomain,
    /// As [`Self::Encodable`], and no `-` in front, which makes a word an option (BIND's tools, busybox).
    Word,
    /// As [`Self::Encodable`], and letters, digits, `-`, `_`, `/`, `*` only (c-ares since 1.17, `ares_is_hostnamech`).
    CAres,
    /// No `-` in front, an underscore only in front of a label (hickory, `Name::from_utf8` by IDNA rules).
    Idna,
}

/// What an address given as a name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Literal {
    /// It is returned, in all forms of `inet_aton`.
    Aton,
    /// It is returned, if IPv4 is written as four numbers.
    Strict,
    /// The same, but the numbers may begin with zeros, and IPv6 has no scope (c-ares).
    Decimal,
    /// A PTR question for it, IPv4 as four numbers; other forms of `inet_aton` are names.
    Reverse,
    /// A PTR question for it, IPv4 as four numbers; of other names those of digits and dots alone are read as by
    /// `inet_aton`, and refused if that fails (glibc's `nss/digits_dots.c`).
    ReverseOrDigits,
    /// It is a name like any other.
    Name,
    /// It is returned; IPv4, wanted with IPv6, also asks its first candidate (c-ares 1.18).
    AskedAndReturned,
    /// It is walked like a name, and returned in the end.
    WalkedThenReturned,
}

/// What becomes of names and suffixes beyond ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeyondAscii {
    /// The bytes are taken as they are.
    Kept,
    /// Names, but not suffixes, are translated by the caller (RFC 3490): Node.js, and pycares for c-ares.
    NameTranslated,
    /// Both are translated.
    Translated,
}

/// How the case of letters goes on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameCase {
    /// As typed.
    Kept,
    /// In lower case, the suffix included.
    Lowered,
    /// In lower case, but suffixes as they stand in the file.
    NameLowered,
}

/// A name with a rule of its own.
#[derive(Debug, Clone, Copy)]
pub struct Special {
    /// The name itself, or what stands before it, in lower case.
    pub name: SpecialName,
    /// What happens.
    pub does: SpecialDoes,
}

/// Which names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialName {
    /// This name alone, in any case.
    Is(&'static str),
    /// This name alone, in lower case and without a dot at the end.
    Exactly(&'static str),
    /// This name alone, in any case, without a dot at the end.
    Undotted(&'static str),
    /// Every name below it.
    Below(&'static str),
    /// Every name below it, without a dot at the end.
    UndottedBelow(&'static str),
    /// The word of a record type or class, `TYPE1` and `CLASS1` included (BIND, `lib/dns/rdata.c`, `rdataclass.c`).
    TypeOrClass,
}

/// The words that `dns_rdatatype_fromtext` and `dns_rdataclass_fromtext` of BIND 9.18 know, in lower case.
const TYPES_AND_CLASSES: &[&str] = &[
    "a",
    "a6",
    "aaaa",
    "afsdb",
    "amtrelay",
    "any",
    "apl",
    "atma",
    "avc",
    "axfr",
    "caa",
    "cdnskey",
    "cds",
    "cert",
    "ch",
    "chaos",
    "cname",
    "csync",
    "dhcid",
    "dlv",
    "dname",
    "dnskey",
    "doa",
    "ds",
    "eid",
    "eui48",
    "eui64",
    "gid",
    "gpos",
    "hesiod",
    "hinfo",
    "hip",
    "hs",
    "https",
    "in",
    "ipseckey",
    "isdn",
    "ixfr",
    "key",
    "keydata",
    "kx",
    "l32",
    "l64",
    "loc",
    "lp",
    "maila",
    "mailb",
    "mb",
    "md",
    "mf",
    "mg",
    "minfo",
    "mr",
    "mx",
    "naptr",
    "nid",
    "nimloc",
    "ninfo",
    "none",
    "ns",
    "nsap",
    "nsap-ptr",
    "nsec",
    "nsec3",
    "nsec3param",
    "null",
    "nxt",
    "openpgpkey",
    "opt",
    "ptr",
    "px",
    "reserved0",
    "resinfo",
    "rkey",
    "rp",
    "rrsig",
    "rt",
    "sig",
    "sink",
    "smimea",
    "soa",
    "spf",
    "srv",
    "sshfp",
    "svcb",
    "ta",
    "talink",
    "tkey",
    "tlsa",
    "tsig",
    "txt",
    "uid",
    "uinfo",
    "unspec",
    "uri",
    "wks",
    "x25",
    "zonemd",
];

/// What happens to a special name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialDoes {
    /// The loopback addresses are returned.
    Loopback,
    /// Nothing is asked, the lookup fails.
    Refused,
    /// Nothing is asked, the lookup succeeds without an address.
    Empty,
    /// Candidates of this name are left out, others are asked.
    LeftOut,
    /// It is taken for a record type, and the root's nameservers are asked for (dig).
    RootServers,
}

impl SpecialName {
    /// Whether it covers this name, given with or without its final dot.
    pub fn covers(self, name: &[u8]) -> bool {
        let typed = name;
        let name = name.strip_suffix(b".").unwrap_or(name);
        match self {
            Self::Undotted(known) => typed.eq_ignore_ascii_case(known.as_bytes()),
            Self::Is(known) => name.eq_ignore_ascii_case(known.as_bytes()),
            Self::Exactly(known) => typed == known.as_bytes(),
            Self::TypeOrClass => is_type_or_class(typed),
            Self::Below(parent) => is_below(name, parent),
            Self::UndottedBelow(parent) => is_below(typed, parent),
        }
    }
}

fn is_below(name: &[u8], parent: &str) -> bool {
    let Some(dot) = name.len().checked_sub(parent.len() + 1) else { return false };
    name[dot] == b'.' && name[dot + 1..].eq_ignore_ascii_case(parent.as_bytes())
}

fn is_type_or_class(typed: &[u8]) -> bool {
    let word = String::from_utf8_lossy(typed).to_ascii_lowercase();
    let numbered = ["type", "class"].into_iter().find_map(|prefix| word.strip_prefix(prefix));
    let number = |text: &str| text.parse::<u16>().is_ok() && text.bytes().all(|byte| byte.is_ascii_digit());
    TYPES_AND_CLASSES.contains(&word.as_str()) || numbered.is_some_and(number)
}
