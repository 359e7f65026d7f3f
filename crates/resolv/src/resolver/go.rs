//! Go's own resolver (package `net` without cgo), 1.10 to 1.27.

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
use crate::profile::schedule::{AfterTcp, EachRules, LameRule, Schedule};
use crate::profile::{
    AddrConfigRule, AskRules, Owners, PairRule, Passes, Report, Shape, Socket, StepTable, ThenFailure,
    ThenName, VerdictRules,
};
use crate::{Outcome, Profile, QType};

const BLANKS: &[u8] = b" \t\r";

/// `src/net/dnsconfig_unix.go`, `dnsReadConfig`.
const PARSE: ParseRules = ParseRules {
    indent: Indent::Allowed,
    comments: Comments::FirstColumn,
    blanks: BLANKS,
    long_lines: LongLines::Read,
    unprintable: Unprintable::Read,
    search: SearchRules {
        separators: BLANKS,
        leading_blanks: LeadingBlanks::Skipped,
        bare: BareSearch::Clears,
        lines: Repeated::LastWins,
        duplicates: Duplicates::Kept,
        root: RootWord::Kept,
        bad_label: BadLabel::Kept,
        max: None,
        value_limit: None,
        deadly: DeadlyList::None,
    },
    domain: DomainRule::FirstWord,
    nameservers: NameserverRules {
        max: Some(3),
        syntax: AddressSyntax::Strict,
        duplicates: Duplicates::Kept,
        bad: BadNameserver::Ignored,
        trailing: Trailing::Ignored,
        scope: Scope::Any,
        mapped: Mapped::Used,
        when_none: &["127.0.0.1", "::1"],
    },
    options: OptionRules {
        matching: Matching::Word,
        repeated: Repeated::LastWins,
        known: &[
            OptionRule::number("ndots:", Target::Ndots, NumberSyntax::Digits, 0, 15),
            OptionRule::number("timeout:", Target::Timeout, NumberSyntax::Digits, 1, u32::MAX),
            OptionRule::number("attempts:", Target::Attempts, NumberSyntax::Digits, 1, u32::MAX),
            OptionRule::flag("rotate", Flag::Rotate),
            OptionRule::flag("single-request", Flag::SingleRequest).since(Version::new(1, 13, 0)),
            OptionRule::flag("single-request-reopen", Flag::SingleRequestReopen)
                .since(Version::new(1, 13, 0)),
            OptionRule::flag("use-vc", Flag::UseVc).since(Version::new(1, 13, 0)),
            OptionRule::flag("usevc", Flag::UseVc).since(Version::new(1, 13, 0)),
            OptionRule::flag("tcp", Flag::UseVc).since(Version::new(1, 13, 0)),
            OptionRule::flag("trust-ad", Flag::TrustAd).since(Version::new(1, 20, 0)),
            OptionRule::nothing("edns0").since(Version::new(1, 20, 0)),
            OptionRule::unseen("no-reload").since(Version::new(1, 20, 0)),
        ],
    },
    hostname_domain: HostnameDomain::WhenEmptyNotRoot,
    env: EnvRules {
        local_domain: LocalDomain::Ignored,
        res_options: ResOptions::Ignored,
        bad: BadEnv::Ignored,
        host_aliases: HostAliases::Ignored,
    },
    defaults: Defaults { ndots: 1, timeout_ms: 5000, attempts: 2 },
    last_word: LastWord::Read,
};

/// `src/net/dnsclient_unix.go`, `goLookupIPCNAMEOrder`: every failure goes on.
const STEPS: StepTable = StepTable {
    next: &[
        Outcome::NoData,
        Outcome::Cname,
        Outcome::NxDomain,
        Outcome::ServFail,
        Outcome::Refused,
        Outcome::FormErr,
        Outcome::NotImp,
        Outcome::Lame,
        Outcome::Truncated,
        Outcome::Timeout,
        Outcome::Unreachable,
        Outcome::Unknown,
    ],
    skip_to_as_is: &[],
};

const ONION_REFUSED: &[Special] =
    &[Special { name: SpecialName::Below("onion"), does: SpecialDoes::Refused }];
const ONION_EMPTY: &[Special] = &[Special { name: SpecialName::Below("onion"), does: SpecialDoes::Empty }];
const ONION_LEFT_OUT: &[Special] =
    &[Special { name: SpecialName::Below("onion"), does: SpecialDoes::LeftOut }];

pub(super) fn profile(resolver: &Resolver) -> Profile {
    let since = |minor| resolver.version >= Version::new(1, minor, 0);
    let mut parse = PARSE;
    parse.search.root = if since(20) { RootWord::Dropped } else { RootWord::Kept };
    Profile {
        resolver: *resolver,
        parse,
        plan: PlanRules {
            search: SearchWhen::Always,
            first_suffix: FirstSuffix::WhenAppended,
            // Before 1.20 a name with two dots at the end went as far as the message it does not fit.
            root_suffix: if since(20) { RootSuffix::Skip } else { RootSuffix::EmptyLabel },
            leading_dot: LeadingDot::Kept,
            join_limit: usize::MAX,
            octets_max: WIRE_MAX,
            // tryOneName chooses a nameserver before it makes the message.
            bad_label: Unencodable::SkipTakingTurn,
            unencodable: Unencodable::SkipTakingTurn,
            repeated: RepeatedName::Kept,
            name: NameRules {
                check: NameCheck::GoDomain,
                literal: Literal::Strict,
                case: NameCase::Kept,
                beyond_ascii: BeyondAscii::Kept,
                escapes: Escapes::None,
                // avoidDNS is asked per candidate since 1.22; before, the list of candidates came out empty, and
                // LookupHost reported that as success.
                special: match resolver.api {
                    _ if since(22) => ONION_LEFT_OUT,
                    "LookupHost" => ONION_EMPTY,
                    _ => ONION_REFUSED,
                },
            },
        },
        ask: AskRules {
            // Two goroutines race; the one started last nearly always runs first.
            unspec: &[QType::Aaaa, QType::A],
            unspec_one_by_one: &[QType::A, QType::Aaaa],
            shape: Shape::Together,
            passes: Passes::One,
            then: &[],
            then_name: ThenName::Candidate,
            then_failure: ThenFailure::Ignored,
            socket: Socket::Each,
            edns: since(19).then_some(1232),
            addrconfig: AddrConfigRule::NoEffect,
        },
        verdict: VerdictRules {
            pair: PairRule::AddressesElseWorst,
            suffix: STEPS,
            as_is_first: STEPS,
            report: if resolver.api == "LookupHost" { Report::FirstOrEmpty } else { Report::First },
            owners: Owners::Any,
        },
        // tryOneName and exchange.
        schedule: Schedule::Each(EachRules {
            lame: if since(23) { LameRule::WithoutAdditional } else { LameRule::Always },
            after_tcp: AfterTcp::Udp,
            ..EachRules::PLAIN
        }),
    }
}
