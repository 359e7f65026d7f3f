//! How a resolver reads `resolv.conf`, as data. The reader itself is [`crate::conf`].

use crate::Version;
use crate::conf::Flag;

/// How a resolver reads `resolv.conf`, its environment and the host's name.
#[derive(Debug, Clone, Copy)]
pub struct ParseRules {
    /// Whether a keyword may stand behind blanks.
    pub indent: Indent,
    /// Where a comment begins.
    pub comments: Comments,
    /// Bytes that part words.
    pub blanks: &'static [u8],
    /// Lines that are too long.
    pub long_lines: LongLines,
    /// Values with characters that are not printable.
    pub unprintable: Unprintable,
    /// `search` lines.
    pub search: SearchRules,
    /// `domain` lines.
    pub domain: DomainRule,
    /// `nameserver` lines.
    pub nameservers: NameserverRules,
    /// `options` lines.
    pub options: OptionRules,
    /// When the domain of the host's name counts as a suffix.
    pub hostname_domain: HostnameDomain,
    /// What the environment changes.
    pub env: EnvRules,
    /// Values without an option.
    pub defaults: Defaults,
    /// A keyword that the file ends with, without a newline behind it.
    pub last_word: LastWord,
}

/// Lines that are too long, the newline not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LongLines {
    /// There are none.
    Read,
    /// A line of this many bytes or more is ignored whole.
    Ignored(usize),
    /// After this many bytes another line begins.
    Parted(usize),
}

/// Values with characters that are not printable ASCII, blanks around them not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unprintable {
    /// They are read.
    Read,
    /// The line is ignored.
    LineIgnored,
}

/// A keyword that the file ends with, without a newline behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastWord {
    /// Counts like any other.
    Read,
    /// Is not looked at.
    Ignored,
}

/// Whether a keyword may stand behind blanks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indent {
    /// An indented line is ignored.
    Ignored,
    /// Leading blanks do not matter.
    Allowed,
}

/// Where a comment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comments {
    /// Nowhere: a `#` line merely matches no keyword.
    None,
    /// In the first column.
    FirstColumn,
    /// At the first word of a line.
    LineStart,
    /// At any `#` or `;`.
    Anywhere,
    /// Where a word may start.
    WordStart,
}

/// `search` lines.
#[derive(Debug, Clone, Copy)]
pub struct SearchRules {
    /// Bytes that part suffixes.
    pub separators: &'static [u8],
    /// Blanks in front of the first suffix.
    pub leading_blanks: LeadingBlanks,
    /// A `search` line without a suffix.
    pub bare: BareSearch,
    /// Several `search` lines.
    pub lines: Repeated,
    /// Equal suffixes.
    pub duplicates: Duplicates,
    /// A suffix that is a dot alone.
    pub root: RootWord,
    /// A suffix that cannot be a name.
    pub bad_label: BadLabel,
    /// Suffixes kept at most.
    pub max: Option<usize>,
    /// A value longer than this many bytes is ignored.
    pub value_limit: Option<usize>,
    /// Lists that end the process.
    pub deadly: DeadlyList,
}

/// Lists that end the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadlyList {
    /// There are none.
    None,
    /// One of which a suffix among the first six does not fit what is left of 256 bytes, while those before it take no
    /// more than 56 (glibc `resolv/resolv_conf.c`, `resolv_conf_matches`: it takes the size of the array of pointers
    /// for that of the buffer, and `update_from_conf` asserts what it says).
    CutOffEarly,
}

/// Blanks in front of the first suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadingBlanks {
    /// Do not matter.
    Skipped,
    /// Make an empty suffix of themselves, if there is more than one (busybox).
    EmptySuffix,
}

/// A `search` line without a suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BareSearch {
    /// Is ignored: an earlier list stays.
    Keeps,
    /// Clears the list.
    Clears,
    /// Takes the words of the next line.
    TakesNextLine,
}

/// Which of several lines or values counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeated {
    /// The last.
    LastWins,
    /// The first.
    FirstWins,
    /// All of them together.
    AddUp,
}

/// What happens to a suffix that cannot be a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadLabel {
    /// It stays, and shows when it is used.
    Kept,
    /// It goes if it has a comma; the file is refused when a suffix in force cannot be a name (hickory).
    CommaDropped,
    /// The file is refused for a label that is too long or empty, in force or not.
    Refused,
}

/// What happens to a suffix that is a dot alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootWord {
    /// It stays in the list.
    Kept,
    /// It goes; a list of nothing else is no list.
    Dropped,
}

/// What happens to equal words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// All are kept.
    Kept,
    /// The later ones go; case does not matter.
    Dropped,
}

/// What a `domain` line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainRule {
    /// Its first word replaces the search list, and is replaced by a later `search`.
    FirstWord,
    /// The same, but the root is no suffix and stands for no domain at all (dnspython).
    FirstWordNotRoot,
    /// The same, with all its words.
    AllWords,
    /// Exactly one word, otherwise the file is refused.
    OneWordOrRefuse,
    /// Its first word counts only where there is no `search` line at all.
    WithoutSearch,
    /// The same, with all its words (busybox).
    AllWordsWithoutSearch,
    /// The same, and of several such lines the first counts.
    FirstWithoutSearch,
    /// Its first word comes before the search list, and clears the one before it in the file.
    BeforeSearch,
}

/// `nameserver` lines.
#[derive(Debug, Clone, Copy)]
pub struct NameserverRules {
    /// How many are used.
    pub max: Option<usize>,
    /// What an address looks like.
    pub syntax: AddressSyntax,
    /// Equal addresses.
    pub duplicates: Duplicates,
    /// What happens to a line that has none.
    pub bad: BadNameserver,
    /// What happens to words behind the address.
    pub trailing: Trailing,
    /// Which interfaces behind `%` it takes, with [`AddressSyntax`]es that know them.
    pub scope: Scope,
    /// IPv4 addresses in IPv6 form (`::ffff:192.0.2.1`).
    pub mapped: Mapped,
    /// The addresses used when there is none; empty: the file is refused.
    pub when_none: &'static [&'static str],
}

/// What a nameserver's address looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressSyntax {
    /// `inet_aton` forms (`10.1`, `0x0a000001`) and IPv6 with `%scope`.
    Aton,
    /// Four decimal numbers, or IPv6 with `%scope`.
    Strict,
    /// Up to four decimal numbers, filled up with zeros at the end, or hexadecimal ones behind `0x`; IPv6 without a
    /// scope (c-ares before 1.20, `inet_net_pton.c`). Several addresses may stand between commas.
    NetPton,
    /// The same, and IPv6 with `%scope`, `address:port`, `[address]:port`; no short forms (c-ares since 1.20).
    NetPtonWithPort,
    /// As [`Self::Aton`], with a port in the same forms; exactly one blank in front (busybox).
    AtonWithPort,
}

/// Which interfaces behind the `%` of an IPv6 address are taken; whether there is such an interface is not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Any.
    Any,
    /// Any with link-local addresses, with others a number (`getaddrinfo` of glibc and musl).
    NumberUnlessLinkLocal,
}

/// What happens to IPv4 addresses in IPv6 form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mapped {
    /// They are used.
    Used,
    /// They are not, but count as nameservers of the file.
    PassedOver,
}

/// What happens to words behind an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trailing {
    /// They are ignored.
    Ignored,
    /// They are more addresses; those that are none are passed over.
    Addresses,
    /// The file is refused.
    Refused,
}

/// What happens to a `nameserver` line without an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadNameserver {
    /// The line is ignored.
    Ignored,
    /// The file is refused.
    Refused,
    /// If it can be a host's name, the libc looks that up; without an address the file is refused (busybox).
    LookedUp,
}

/// `options` lines.
#[derive(Debug, Clone, Copy)]
pub struct OptionRules {
    /// How an option is found in the line.
    pub matching: Matching,
    /// Which of several values counts.
    pub repeated: Repeated,
    /// The options known.
    pub known: &'static [OptionRule],
}

/// How an option is found in an `options` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    /// A word that begins with it.
    Prefix,
    /// A word that is it.
    Word,
    /// A flag is a word that is it; a number is a word that it occurs in, and stands behind the word's first colon
    /// (dnspython).
    Within,
    /// Its first occurrence anywhere in the line.
    Anywhere,
}

/// One option.
#[derive(Debug, Clone, Copy)]
pub struct OptionRule {
    /// The word, with its colon if it has a value.
    pub word: &'static str,
    /// What it sets.
    pub sets: Sets,
    /// The first version that knows it.
    pub since: Version,
}

impl OptionRule {
    /// A flag.
    pub const fn flag(word: &'static str, flag: Flag) -> Self {
        Self { word, sets: Sets::Flag(flag), since: Version::new(0, 0, 0) }
    }

    /// A word that clears a flag.
    pub const fn clears(word: &'static str, flag: Flag) -> Self {
        Self { word, sets: Sets::Cleared(flag), since: Version::new(0, 0, 0) }
    }

    /// An option that is heeded, and changes nothing on the wire.
    pub const fn unseen(word: &'static str) -> Self {
        Self { word, sets: Sets::Unseen, since: Version::new(0, 0, 0) }
    }

    /// An option that is known and ignored.
    pub const fn nothing(word: &'static str) -> Self {
        Self { word, sets: Sets::Nothing, since: Version::new(0, 0, 0) }
    }

    /// A number kept within bounds.
    pub const fn number(
        word: &'static str,
        target: Target,
        syntax: NumberSyntax,
        min: u32,
        max: u32,
    ) -> Self {
        Self { word, sets: Sets::Number { target, syntax, min, max }, since: Version::new(0, 0, 0) }
    }

    /// The same option, unknown before this version.
    #[must_use]
    pub const fn since(self, since: Version) -> Self {
        Self { since, ..self }
    }
}

/// What an option sets.
#[derive(Debug, Clone, Copy)]
pub enum Sets {
    /// A number.
    Number {
        /// Which.
        target: Target,
        /// How the text is read.
        syntax: NumberSyntax,
        /// Smaller values become this.
        min: u32,
        /// Larger values become this.
        max: u32,
    },
    /// A flag.
    Flag(Flag),
    /// A flag back to where it was without any option.
    Cleared(Flag),
    /// Something that is not seen on the wire.
    Unseen,
    /// Nothing.
    Nothing,
}

/// The numbers that options set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// `ndots`.
    Ndots,
    /// `timeout`, in seconds.
    Timeout,
    /// `timeout`, in milliseconds.
    TimeoutMs,
    /// `attempts`.
    Attempts,
}

/// How the text of a number is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberSyntax {
    /// C's `strtol`: blanks, a sign and digits; 0 without digits. The value wraps to 32 bits as `atoi` does.
    Strtol,
    /// Leading digits; 0 without any.
    Digits,
    /// Leading digits; without any the option is ignored.
    DigitFirst,
    /// Digits and nothing else, a `+` in front apart; otherwise the option is ignored.
    Strict,
    /// The same, and not above 32 bits.
    StrictU32,
    /// Python's `int`: a sign, digits, `_` between them; below 0 is 0. Otherwise the option is ignored.
    Python,
    /// Nothing, which is 0, or digits and nothing else, kept in 32 bits; otherwise the option is ignored.
    EmptyOrStrict,
    /// The same, but ignored above 32 bits.
    EmptyOrStrictU32,
    /// Digits and nothing else, above 0; otherwise the option is ignored.
    PositiveStrict,
    /// Nothing, which is 0, or digits and nothing else, a `+` in front apart; otherwise the file is refused.
    StrictOrRefuse,
    /// The same, and 0 is as good as no option.
    NonZeroOrRefuse,
}

/// When the domain of the host's name counts as a suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostnameDomain {
    /// Never.
    Never,
    /// When neither `search` nor `domain` left a suffix.
    WhenEmpty,
    /// The same, but the root is no domain.
    WhenEmptyNotRoot,
    /// Always, before the search list.
    Always,
}

/// What the environment changes.
#[derive(Debug, Clone, Copy)]
pub struct EnvRules {
    /// `LOCALDOMAIN`.
    pub local_domain: LocalDomain,
    /// Whether `RES_OPTIONS` is applied after the file.
    pub res_options: ResOptions,
    /// What a value does that is no value.
    pub bad: BadEnv,
    /// What a match in the file of `HOSTALIASES` does.
    pub host_aliases: HostAliases,
}

/// What `LOCALDOMAIN` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalDomain {
    /// Nothing.
    Ignored,
    /// Its words replace the search list; without any the list is one empty suffix.
    AllWords,
    /// Its words replace the search list; without any nothing changes.
    AllWordsIfAny,
    /// Its first word replaces the search list; without any it is no value.
    FirstWord,
}

/// What a value of `LOCALDOMAIN` or `RES_OPTIONS` does that is no value to the resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadEnv {
    /// Nothing.
    Ignored,
    /// Everything that the file says is forgotten.
    FileForgotten,
}

/// What `RES_OPTIONS` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResOptions {
    /// Nothing.
    Ignored,
    /// It is read as one more `options` line.
    Applied,
}

/// What a match in the file of `HOSTALIASES` does to a name without a dot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostAliases {
    /// Nothing.
    Ignored,
    /// The alias is searched for in place of the name.
    Searched,
    /// The alias is asked as-is.
    AsIs,
}

/// Values without an option.
#[derive(Debug, Clone, Copy)]
pub struct Defaults {
    /// `ndots`.
    pub ndots: u32,
    /// The timeout in milliseconds.
    pub timeout_ms: u64,
    /// Rounds over the nameservers.
    pub attempts: u32,
}
