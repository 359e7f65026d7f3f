//! musl's `getaddrinfo`, 1.1.13 to 1.2.5.

use super::{Resolver, Version};
use crate::name::{Escapes, WIRE_MAX};
use crate::profile::parse::{
    AddressSyntax, BadEnv, BadLabel, BadNameserver, BareSearch, Comments, DeadlyList, Defaults, DomainRule,
    Duplicates, EnvRules, HostAliases, HostnameDomain, Indent, LastWord, LeadingBlanks, LocalDomain,
    LongLines, Mapped, Matching, NameserverRules, NumberSyntax, OptionRule, OptionRules, ParseRules,
    Repeated, ResOptions, RootWord, Scope, SearchRules, Target, Trailing, Unprintable,
};
use crate::profile::planning::{
    BeyondAscii, FirstSuffix, LeadingDot, Literal, NameCase, NameCheck, NameRules, PlanRules, RepeatedName,
    RootSuffix, SearchWhen, Unencodable,
};
use crate::profile::schedule::{FloodAccept, FloodRules, FloodServers, FloodTcp, Schedule, Source};
use crate::profile::{
    AddrConfigRule, AskRules, Owners, PairRule, Passes, Report, Shape, Socket, StepTable, ThenFailure,
    ThenName, VerdictRules,
};
use crate::{Outcome, Profile, QType};

/// C's `isspace`.
const SPACE: &[u8] = b" \t\r\x0b\x0c";

/// `src/network/resolvconf.c`, `__get_resolv_conf`.
const PARSE: ParseRules = ParseRules {
    indent: Indent::Ignored,
    comments: Comments::None,
    blanks: SPACE,
    // A line buffer of 256 bytes holds 254 with the newline and the end.
    long_lines: LongLines::Ignored(255),
    unprintable: Unprintable::Read,
    search: SearchRules {
        separators: SPACE,
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
    domain: DomainRule::AllWords,
    nameservers: NameserverRules {
        max: Some(3),
        syntax: AddressSyntax::Aton,
        duplicates: Duplicates::Kept,
        bad: BadNameserver::Ignored,
        trailing: Trailing::Ignored,
        scope: Scope::NumberUnlessLinkLocal,
        mapped: Mapped::Used,
        when_none: &["127.0.0.1"],
    },
    options: OptionRules {
        matching: Matching::Anywhere,
        repeated: Repeated::LastWins,
        known: &[
            OptionRule::number("ndots:", Target::Ndots, NumberSyntax::DigitFirst, 0, 15),
            OptionRule::number("attempts:", Target::Attempts, NumberSyntax::DigitFirst, 0, 10),
            OptionRule::number("timeout:", Target::Timeout, NumberSyntax::DigitFirst, 0, 60),
        ],
    },
    hostname_domain: HostnameDomain::Never,
    env: EnvRules {
        local_domain: LocalDomain::Ignored,
        res_options: ResOptions::Ignored,
        bad: BadEnv::Ignored,
        host_aliases: HostAliases::Ignored,
    },
    defaults: Defaults { ndots: 1, timeout_ms: 5000, attempts: 2 },
    last_word: LastWord::Read,
};

/// `src/network/lookup_name.c`, `name_from_dns_search`: only NXDOMAIN goes on.
const STEPS: StepTable = StepTable { next: &[Outcome::NxDomain], skip_to_as_is: &[] };

pub(super) fn profile(resolver: &Resolver) -> Profile {
    let since = |minor, patch| resolver.version >= Version::new(1, minor, patch);
    Profile {
        resolver: *resolver,
        parse: PARSE,
        plan: PlanRules {
            // The search list came with 1.1.13.
            search: if since(1, 13) { SearchWhen::BelowNdots } else { SearchWhen::Never },
            first_suffix: FirstSuffix::WhenAppended,
            // res_mkquery refuses an empty label since 1.2.4; before, it wrote the dot into the message.
            root_suffix: if since(2, 4) { RootSuffix::Skip } else { RootSuffix::Malformed },
            leading_dot: LeadingDot::Kept,
            // The buffer for a candidate has 256 bytes.
            join_limit: 256,
            octets_max: WIRE_MAX,
            bad_label: if since(2, 4) { Unencodable::Skip } else { Unencodable::Stop },
            unencodable: if since(2, 4) { Unencodable::Skip } else { Unencodable::Stop },
            repeated: RepeatedName::Kept,
            name: NameRules {
                check: NameCheck::Length,
                literal: Literal::Aton,
                case: NameCase::Kept,
                beyond_ascii: BeyondAscii::Kept,
                escapes: Escapes::None,
                special: &[],
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
            socket: Socket::Candidate,
            edns: None,
            // getaddrinfo.c asks for a route to the loopback of each family.
            addrconfig: AddrConfigRule::NoEffect,
        },
        verdict: VerdictRules {
            pair: if since(2, 1) { PairRule::FirstBad } else { PairRule::AddressesElseFirst },
            suffix: STEPS,
            as_is_first: STEPS,
            report: if since(2, 4) { Report::MuslNoData } else { Report::MuslNoName },
            owners: Owners::Ascii,
        },
        // src/network/res_msend.c, __res_msend_rc.
        schedule: Schedule::Flood(FloodRules {
            servers: FloodServers::AllAtOnce,
            accept: FloodAccept::NoErrorAndNxDomain,
            tcp: if since(2, 4) { FloodTcp::Repeats } else { FloodTcp::Never },
            fixed: None,
            source: Source::Checked,
        }),
    }
}
