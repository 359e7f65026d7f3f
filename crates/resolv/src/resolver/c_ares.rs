//! c-ares 1.18 to 1.34, `ares_getaddrinfo`; and `ares_query` as Node.js calls it.

use super::{Resolver, Version};
use crate::conf::Flag;
use crate::name::{Escapes, WIRE_MAX};
use crate::profile::parse::{
    AddressSyntax, BadEnv, BadLabel, BadNameserver, BareSearch, Comments, DeadlyList, Defaults, DomainRule,
    Duplicates, EnvRules, HostAliases, HostnameDomain, Indent, LastWord, LeadingBlanks, LocalDomain,
    LongLines, Mapped, Matching, NameserverRules, NumberSyntax, OptionRule, OptionRules, ParseRules,
    Repeated, ResOptions, RootWord, Scope, SearchRules, Target, Trailing, Unprintable,
};
use crate::profile::planning::{
    BeyondAscii, FirstSuffix, LeadingDot, Literal, NameCase, NameCheck, NameRules, PlanRules, RepeatedName,
    RootSuffix, SearchWhen, Special, SpecialDoes, SpecialName, Unencodable,
};
use crate::profile::schedule::{
    AfterTcp, Cookies, EachRules, EdnsRefused, Late, OnlyServer, Order, Schedule, Sibling, Source,
    TimeoutRule, Tries,
};
use crate::profile::{
    AddrConfigRule, AskRules, Owners, PairRule, Passes, Report, Shape, Socket, StepTable, ThenFailure,
    ThenName, VerdictRules,
};
use crate::{Outcome, Profile, QType};

/// `ares_sysconfig_files.c`.
const PARSE: ParseRules = ParseRules {
    indent: Indent::Allowed,
    comments: Comments::Anywhere,
    blanks: b" \t\r\x0b\x0c",
    long_lines: LongLines::Read,
    unprintable: Unprintable::LineIgnored,
    search: SearchRules {
        separators: b" ,",
        leading_blanks: LeadingBlanks::Skipped,
        bare: BareSearch::Keeps,
        lines: Repeated::LastWins,
        duplicates: Duplicates::Dropped,
        root: RootWord::Kept,
        bad_label: BadLabel::Kept,
        max: None,
        value_limit: Some(511),
        deadly: DeadlyList::None,
    },
    domain: DomainRule::FirstWithoutSearch,
    nameservers: NameserverRules {
        max: None,
        syntax: AddressSyntax::NetPtonWithPort,
        duplicates: Duplicates::Dropped,
        bad: BadNameserver::Ignored,
        trailing: Trailing::Addresses,
        scope: Scope::Any,
        mapped: Mapped::Used,
        when_none: &["127.0.0.1"],
    },
    options: OptionRules {
        matching: Matching::Word,
        repeated: Repeated::LastWins,
        known: &options(NumberSyntax::EmptyOrStrictU32),
    },
    hostname_domain: HostnameDomain::WhenEmpty,
    env: EnvRules {
        local_domain: LocalDomain::FirstWord,
        res_options: ResOptions::Applied,
        bad: BadEnv::FileForgotten,
        host_aliases: HostAliases::AsIs,
    },
    defaults: Defaults { ndots: 1, timeout_ms: 2000, attempts: 3 },
    last_word: LastWord::Read,
};

/// `ares_sysconfig_files.c`, `process_option`, with what is done to ndots.
const fn options(ndots: NumberSyntax) -> [OptionRule; 9] {
    [
        OptionRule::number("ndots:", Target::Ndots, ndots, 0, u32::MAX),
        OptionRule::number("ndots", Target::Ndots, ndots, 0, u32::MAX),
        OptionRule::number("timeout:", Target::Timeout, NumberSyntax::PositiveStrict, 1, u32::MAX),
        OptionRule::number("retrans:", Target::Timeout, NumberSyntax::PositiveStrict, 1, u32::MAX),
        OptionRule::number("attempts:", Target::Attempts, NumberSyntax::PositiveStrict, 1, u32::MAX),
        OptionRule::number("retry:", Target::Attempts, NumberSyntax::PositiveStrict, 1, u32::MAX),
        OptionRule::flag("rotate", Flag::Rotate),
        // Applications that set the channel's flags, as pycares does, override these two.
        OptionRule::nothing("use-vc"),
        OptionRule::nothing("usevc"),
    ]
}

/// Up to 1.34.8 larger numbers are cut to 32 bits.
const OPTIONS_1_23: &[OptionRule] = &options(NumberSyntax::EmptyOrStrict);

/// `ares_init.c` of 1.18: `timeout` and `attempts` are not known, the first of several values counts.
const OPTIONS_1_18: OptionRules = OptionRules {
    matching: Matching::Prefix,
    repeated: Repeated::FirstWins,
    known: &[
        OptionRule::number("ndots:", Target::Ndots, NumberSyntax::Strtol, 0, u32::MAX),
        OptionRule::number("retrans:", Target::TimeoutMs, NumberSyntax::Strtol, 0, u32::MAX),
        OptionRule::number("retry:", Target::Attempts, NumberSyntax::Strtol, 0, u32::MAX),
        OptionRule::flag("rotate", Flag::Rotate),
    ],
};

/// `ares_getaddrinfo.c`, `host_callback`: NXDOMAIN and NODATA go on.
const STEPS: StepTable =
    StepTable { next: &[Outcome::NxDomain, Outcome::NoData, Outcome::Cname], skip_to_as_is: &[] };

/// Since 1.19 localhost is a matter of the hosts file alone, in any case and with any name below it
/// (`ares_addrinfo_localhost.c`, `ares_is_localhost`), but not with a dot at the end.
const SPECIAL: &[Special] = &[
    Special { name: SpecialName::Undotted("localhost"), does: SpecialDoes::Refused },
    Special { name: SpecialName::UndottedBelow("localhost"), does: SpecialDoes::Refused },
    Special { name: SpecialName::Below("onion"), does: SpecialDoes::Refused },
    LEFT_OUT,
];
const ONION: &[Special] = &[Special { name: SpecialName::Below("onion"), does: SpecialDoes::Refused }];
/// `ares_send.c`: what a suffix puts there is as good as NXDOMAIN.
const LEFT_OUT: Special = Special { name: SpecialName::Below("onion"), does: SpecialDoes::LeftOut };

const SPECIAL_1_18: &[Special] = &[
    Special { name: SpecialName::Exactly("localhost"), does: SpecialDoes::Refused },
    Special { name: SpecialName::Below("onion"), does: SpecialDoes::Refused },
    LEFT_OUT,
];

/// `ares_process.c` of 1.18, `skip_server`.
const SERVER_ERRORS: &[Outcome] =
    &[Outcome::ServFail, Outcome::Refused, Outcome::NotImp, Outcome::Unreachable];

pub(super) fn profile(resolver: &Resolver) -> Profile {
    let since = |minor| resolver.version >= Version::new(1, minor, 0);
    Profile {
        resolver: *resolver,
        parse: parse(resolver.version),
        plan: PlanRules {
            search: SearchWhen::Always,
            first_suffix: FirstSuffix::WhenAppended,
            // Before 1.20 a root suffix makes an empty label.
            root_suffix: if since(20) { RootSuffix::AsIs } else { RootSuffix::EmptyLabel },
            leading_dot: LeadingDot::Kept,
            join_limit: usize::MAX,
            // `ares_dns_name.c`, `ares_split_dns_name`: 255 characters, dots between labels included.
            octets_max: if since(20) { WIRE_MAX + 2 } else { WIRE_MAX },
            bad_label: Unencodable::Stop,
            unencodable: Unencodable::Stop,
            repeated: if since(34) { RepeatedName::Dropped } else { RepeatedName::Kept },
            name: NameRules {
                check: if since(20) { NameCheck::CAres } else { NameCheck::Encodable },
                literal: if since(20) { Literal::Decimal } else { Literal::AskedAndReturned },
                case: NameCase::Kept,
                // pycares, through which 1.34 is known, hands over names in ASCII form.
                beyond_ascii: if since(34) { BeyondAscii::NameTranslated } else { BeyondAscii::Kept },
                escapes: if since(20) { Escapes::Decimal } else { Escapes::NextByte },
                special: if since(19) { SPECIAL } else { SPECIAL_1_18 },
            },
        },
        ask: AskRules {
            unspec: &[QType::A, QType::Aaaa],
            unspec_one_by_one: &[QType::A, QType::Aaaa],
            shape: Shape::Together,
            passes: Passes::One,
            then: &[],
            then_name: ThenName::Candidate,
            then_failure: ThenFailure::Ignored,
            socket: Socket::Channel,
            edns: match resolver.version.minor {
                27.. => Some(1232),
                22..=26 => Some(1280),
                _ => None,
            },
            addrconfig: AddrConfigRule::NoEffect,
        },
        verdict: VerdictRules {
            pair: PairRule::AddressesElseLastEnded,
            suffix: STEPS,
            as_is_first: STEPS,
            report: Report::Last,
            owners: Owners::Any,
        },
        schedule: Schedule::Each(EachRules {
            order: if since(29) { Order::FewestFailures } else { Order::InTurn },
            tries: Tries::Attempts,
            timeout: if since(32) { TimeoutRule::MeasuredDoubled } else { TimeoutRule::DoubledEachRound },
            accept: &[Outcome::Answer, Outcome::NoData, Outcome::Cname, Outcome::NxDomain, Outcome::FormErr],
            sibling: sibling(resolver.version),
            strikes_off: if since(20) { &[] } else { SERVER_ERRORS },
            only_server: OnlyServer::Kept,
            // Until 1.22 a question is not sent twice over one connection (`tcp_connection_generation`).
            after_tcp: if since(22) { AfterTcp::Tcp } else { AfterTcp::TcpOnce },
            // Since 1.34 (issue 911) a server that knows EDNS is believed, unless cookies may be what it dislikes.
            edns_refused: if since(34) {
                EdnsRefused::RepeatedWithoutIfBlamed
            } else {
                EdnsRefused::RepeatedWithout
            },
            cookies: if since(33) { Cookies::UntilAnswered } else { Cookies::None },
            source: Source::Checked,
            late: if since(34) { Late::LastSentFirst } else { Late::InTurn },
            ..EachRules::PLAIN
        }),
    }
}

/// `ares_getaddrinfo.c`, `terminate_retries`, since 1.20; since 1.34.3 `host_callback` wants an IPv4 address first.
fn sibling(version: Version) -> Sibling {
    if version < Version::new(1, 20, 0) {
        Sibling::Independent
    } else if version < Version::new(1, 34, 3) && !is_last(version) {
        Sibling::NotRetried
    } else {
        Sibling::NotRetriedWithIpv4
    }
}

/// 1.34 without a patch number is its last.
fn is_last(version: Version) -> bool {
    version == Version::new(1, 34, 0)
}

fn parse(version: Version) -> ParseRules {
    let since = |minor, patch| version >= Version::new(1, minor, patch);
    let mut parse = PARSE;
    if !since(23, 0) {
        parse.options = OPTIONS_1_18;
    } else if !since(34, 9) && !is_last(version) {
        parse.options.known = OPTIONS_1_23;
    }
    if !since(28, 0) {
        parse.domain = DomainRule::FirstWord;
        parse.env.local_domain = LocalDomain::AllWordsIfAny;
        parse.search.value_limit = None;
        parse.unprintable = Unprintable::Read;
        parse.env.bad = BadEnv::Ignored;
    }
    if since(28, 0) && !since(34, 9) && !is_last(version) {
        parse.comments = Comments::LineStart;
    }
    if !since(20, 0) {
        parse.nameservers.syntax = AddressSyntax::NetPton;
        parse.defaults = Defaults { ndots: 1, timeout_ms: 5000, attempts: 4 };
    }
    parse
}

/// Node.js 20 leaves the channel's flags to the file; what it sets itself are timeout and tries.
const OPTIONS_OF_QUERY: &[OptionRule] = &[
    OptionRule::number("ndots:", Target::Ndots, NumberSyntax::EmptyOrStrict, 0, u32::MAX),
    OptionRule::flag("rotate", Flag::Rotate),
    OptionRule::flag("use-vc", Flag::UseVc),
    OptionRule::flag("usevc", Flag::UseVc),
];

const ANY_ANSWER: &[Outcome] = &[
    Outcome::Answer,
    Outcome::NoData,
    Outcome::Cname,
    Outcome::NxDomain,
    Outcome::ServFail,
    Outcome::Refused,
    Outcome::FormErr,
    Outcome::NotImp,
];

/// `ares_query` as Node.js 20 calls it (`src/cares_wrap.cc`): no search, and with `ARES_FLAG_NOCHECKRESP` any answer
/// ends the question.
pub(super) fn query(resolver: &Resolver) -> Profile {
    let mut profile = profile(&Resolver { version: Version::new(1, 34, 6), ..*resolver });
    profile.resolver = *resolver;
    profile.plan.name.literal = Literal::Name;
    // ares_send.c refuses names below onion; localhost is a matter of ares_getaddrinfo.
    profile.plan.name.special = ONION;
    profile.parse.options.known = OPTIONS_OF_QUERY;
    if let Schedule::Each(rules) = &mut profile.schedule {
        rules.tries = Tries::Fixed(4);
        rules.timeout = TimeoutRule::FixedDoubled(2_000_000);
        rules.accept = ANY_ANSWER;
        rules.edns_refused = EdnsRefused::Ignored;
    }
    profile
}
