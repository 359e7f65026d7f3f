//! `dnsprobe explain`: the plan for a name, then the name asked for real, every step timed.

use std::path::PathBuf;

use dnsprobe_lookup::departures::autopath;
use dnsprobe_lookup::findings::{Context, judge};
use dnsprobe_lookup::{Lookup, Nanos, ResolverSeen, Step};
use dnsprobe_resolv::answers::Offline;
use dnsprobe_resolv::conf::{HostAddress, Nsswitch};
use dnsprobe_resolv::walk::AddrConfig;
use dnsprobe_resolv::whatif::Conf;
use dnsprobe_resolv::{
    Answers, Family, Outcome, Profile, Request, Resolver, ResolverId, Settings, Situation, conf,
};
use dnsprobe_sniffer::{Located, detect};
use serde_json::Value;

use super::captured::Captured;
use super::chosen::{self, Chosen};
use super::situation::{self, ConfFile};
use super::workload::{Planned, WorkloadArgs};
use super::{answers, resolvers};
use crate::cli::{Format, TargetArgs};
use crate::error::{CommandError, Status};
use crate::measure::{self, Subject};
use crate::view::{
    ExplainTable, Explained, Output, PacketsOn, Side, Times, Ui, escape, explained_json, output, side_by_side,
};

/// Arguments of `dnsprobe explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Names as an application would type them
    #[arg(required_unless_present = "list_resolvers")]
    names: Vec<String>,
    #[command(flatten)]
    target: TargetArgs,
    /// The resolver to imitate: `auto`, `all`, or an id with or without a version, such as `musl@1.2.3`
    #[arg(long, default_value = "auto", value_name = "ID[@VERSION]")]
    resolver: String,
    /// The call that is imitated, where a resolver has several
    #[arg(long, value_name = "WORD")]
    api: Option<String>,
    /// Show the resolvers, versions and calls there are models of
    #[arg(long)]
    list_resolvers: bool,
    /// Another resolv.conf than the target's own (`-` is standard input); without a target, only the plan is shown
    #[arg(long, value_name = "FILE|-")]
    resolv_conf: Option<PathBuf>,
    #[command(flatten)]
    manifest: WorkloadArgs,
    /// Ask nothing: assume that suffixed candidates do not exist and the name as-is does
    #[arg(long, conflicts_with = "answers")]
    offline: bool,
    /// Ask nothing: take what the servers do from this JSON file
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Ask nothing: take what the servers do from this capture, and hold its lookups of the names against the plan
    #[arg(short = 'r', long = "read", value_name = "FILE", conflicts_with_all = ["offline", "answers", "manifest"])]
    capture: Option<PathBuf>,
    /// The addresses wanted
    #[arg(long, value_enum, default_value_t = FamilyArg::Unspec, value_name = "FAMILY")]
    family: FamilyArg,
    /// The host name, whose domain some resolvers search
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// A variable of the application's environment: `RES_OPTIONS`, `LOCALDOMAIN`, `GODEBUG`, or `HOSTALIASES` (a file)
    #[arg(long, value_name = "KEY=VALUE")]
    env: Vec<String>,
    /// Another nsswitch.conf than the target's own, by which Go programs built with cgo may turn to the libc
    #[arg(long, value_name = "FILE")]
    nsswitch: Option<PathBuf>,
    /// Leave out families that the host has no address of (`AI_ADDRCONFIG`)
    #[arg(long)]
    addrconfig: bool,
    /// The kinds of address the host has: inet, inet6, inet6-link-local
    #[arg(long, value_delimiter = ',', value_name = "KIND,…")]
    host_addresses: Option<Vec<String>>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
}

const AFTER_HELP: &str = "\
With a target (or none, for this machine itself) every question is asked for real, from inside its network namespace; that needs CAP_SYS_ADMIN and CAP_SYS_PTRACE for a namespace of others. --offline, --answers, -f, and
--resolv-conf without a target need neither root nor a network.

Exit status: 0 every name resolved, 1 one did not, 2 it could not be found out.";

/// `--family`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FamilyArg {
    /// IPv4 and IPv6
    Unspec,
    /// IPv4
    Inet,
    /// IPv6
    Inet6,
}

impl From<FamilyArg> for Family {
    fn from(family: FamilyArg) -> Self {
        match family {
            FamilyArg::Unspec => Self::Unspec,
            FamilyArg::Inet => Self::Inet,
            FamilyArg::Inet6 => Self::Inet6,
        }
    }
}

/// Explains every name for every resolver wanted.
pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Status, CommandError> {
    if args.list_resolvers {
        return resolvers::list(args.output, ui);
    }
    let planned = args.manifest.planned(ui)?;
    let asking = Asking::new(args, ui)?;
    let resolvers = asking.resolvers(args, planned.as_ref())?;
    let file = match &planned {
        Some(planned) => planned.conf_file(),
        None => asking.conf_file(args)?,
    };
    let target = planned.as_ref().map_or(Value::Null, Planned::target);
    let situation = asking.situation(args)?;
    let times = match &asking {
        Asking::Script(_) if args.answers.is_none() => Times::Unknown,
        _ => Times::Known,
    };
    let mut printer = Printer::new(args, times, ui);
    let mut status = Status::Done;
    for name in &args.names {
        printer.name(name);
        for chosen in &resolvers {
            let (file, situation, target) = (&file, &situation, &target);
            let chosen = &chosen.for_name(name, file.bytes.as_deref(), situation);
            let one = One { chosen, file, situation, target, args };
            if one.explain(name, &asking, &mut printer)? != Outcome::Answer {
                status = Status::Found;
            }
        }
        printer.all_resolvers_done()?;
    }
    Ok(status)
}

/// Where answers come from.
enum Asking {
    /// From the target's own nameservers.
    Live(Box<Located>, Value),
    /// From a script.
    Script(Box<dyn Answers>),
    /// From a capture, which shows as well what was really asked.
    Captured(Captured),
}

impl Asking {
    fn new(args: &Args, ui: &Ui) -> Result<Self, CommandError> {
        if let Some(path) = &args.capture {
            let captured = Captured::read(path, &args.names, args.resolv_conf.as_deref(), ui)?;
            return Ok(Self::Captured(captured));
        }
        if let Some(path) = &args.answers {
            return Ok(Self::Script(Box::new(answers::read(path)?)));
        }
        let no_pod = args.resolv_conf.is_some() && !situation::is_named(&args.target);
        if args.offline || args.manifest.manifest.is_some() || no_pod {
            return Ok(Self::Script(Box::new(Offline)));
        }
        let located = situation::locate(&args.target)?;
        situation::say_notes(&located);
        let target = situation::target_json(&args.target, &located);
        Ok(Self::Live(Box::new(located), target))
    }

    fn conf_file(&self, args: &Args) -> Result<ConfFile, CommandError> {
        if let Some(path) = &args.resolv_conf {
            let bytes = Some(situation::read_file(path)?);
            return Ok(ConfFile { bytes, place: path.display().to_string(), problem: None });
        }
        match self {
            Self::Live(located, _) => Ok(situation::conf_of(located)),
            Self::Captured(captured) if !situation::is_named(&args.target) => {
                let place = "what the capture shows".to_owned();
                let bytes = captured.resolv_conf().map(String::into_bytes);
                Ok(ConfFile { bytes, place, problem: None })
            }
            Self::Script(_) | Self::Captured(_) => Ok(situation::conf_of(&situation::locate(&args.target)?)),
        }
    }

    /// The resolvers wanted.
    fn resolvers(&self, args: &Args, planned: Option<&Planned>) -> Result<Vec<Chosen>, CommandError> {
        let with_api = |chosen: Chosen| match &args.api {
            Some(word) => chosen.with_api(word).map_err(CommandError::new),
            None => Ok(chosen),
        };
        match args.resolver.as_str() {
            "all" => Ok(ResolverId::ALL.map(|id| Chosen::given(Resolver::new(id))).to_vec()),
            "auto" => {
                let known = planned.and_then(Planned::resolver);
                let known = known.map(|(resolver, from, evidence)| Chosen::new(resolver, from, evidence));
                Ok(vec![with_api(known.map_or_else(|| self.detected(args), Ok)?)?])
            }
            given => {
                let resolver = Resolver::parse(given).map_err(chosen::unknown)?;
                Ok(vec![with_api(Chosen::given(resolver))?])
            }
        }
    }

    fn detected(&self, args: &Args) -> Result<Chosen, CommandError> {
        let of = |located: &Located| match situation::stand_in(located) {
            Some(why) => Chosen::assumed(why),
            None => Chosen::detected(detect::resolver_of(located)),
        };
        Ok(match self {
            Self::Live(located, _) => of(located),
            Self::Script(_) | Self::Captured(_) if situation::is_named(&args.target) => {
                of(&situation::locate(&args.target)?)
            }
            Self::Script(_) | Self::Captured(_) => {
                Chosen::assumed("no target to look at; --resolver picks another".to_owned())
            }
        })
    }

    fn situation(&self, args: &Args) -> Result<Situation, CommandError> {
        let mut situation = match self {
            Self::Live(located, _) => situation::situation_of(located),
            Self::Script(_) | Self::Captured(_) if situation::is_named(&args.target) => {
                situation::situation_of(&situation::locate(&args.target)?)
            }
            Self::Script(_) | Self::Captured(_) => Situation::default(),
        };
        if let Some(hostname) = &args.hostname {
            situation.hostname.clone_from(hostname);
        }
        if let Some(path) = &args.nsswitch {
            situation.nsswitch = Nsswitch::Found(situation::read_file(path)?);
        }
        situation::set_variables(&mut situation, &args.env)?;
        if let Some(words) = &args.host_addresses {
            let kind = |word: &String| {
                HostAddress::from_word(word).ok_or_else(|| {
                    CommandError::new(format!("`{word}` is no kind of address"))
                        .hint("there are inet, inet6 and inet6-link-local")
                })
            };
            situation.addresses =
                Some(words.iter().filter(|it| !it.is_empty()).map(kind).collect::<Result<_, _>>()?);
        }
        Ok(situation)
    }
}

/// One resolver and what it reads.
struct One<'a> {
    chosen: &'a Chosen,
    file: &'a ConfFile,
    situation: &'a Situation,
    /// Whose plan it is, when nothing is asked.
    target: &'a Value,
    args: &'a Args,
}

impl One<'_> {
    fn explain(&self, name: &str, asking: &Asking, printer: &mut Printer) -> Result<Outcome, CommandError> {
        let profile = self.chosen.resolver.profile();
        let request = Request {
            name: name.as_bytes().to_vec(),
            family: self.args.family.into(),
            addrconfig: if self.args.addrconfig { AddrConfig::Honoured } else { AddrConfig::Ignored },
        };
        match conf::interpret(self.file.bytes.as_deref(), self.situation, &profile) {
            Ok(mut settings) => {
                self.chosen.apply_call(&mut settings);
                settings.notes.extend(self.chosen.notes(self.situation));
                self.walk(&request, &profile, &settings, asking, printer)
            }
            Err(refused) => {
                let lookup = self.not_asked(name);
                let error = refused.to_string();
                printer
                    .finished(&Explained { error: Some(&error), ..self.explained(&lookup, self.target) })?;
                Ok(lookup.outcome)
            }
        }
    }

    fn walk(
        &self,
        request: &Request,
        profile: &Profile,
        settings: &Settings,
        asking: &Asking,
        printer: &mut Printer,
    ) -> Result<Outcome, CommandError> {
        let subject = Subject { profile, settings, resolver: self.seen() };
        printer.begin(request, profile, settings, self)?;
        let (mut lookup, target) = match asking {
            Asking::Live(located, target) => {
                let mut rows = Ok(());
                let lookup = measure::measure(&located.netns, &subject, request, &mut |step| {
                    if rows.is_ok() {
                        rows = printer.step(step);
                    }
                });
                rows?;
                (lookup.map_err(unmeasured)?, target)
            }
            Asking::Script(answers) => (rehearse(&subject, request, answers.as_ref(), printer)?, self.target),
            Asking::Captured(captured) => (rehearse(&subject, request, captured, printer)?, self.target),
        };
        lookup.findings = judge(&lookup, &context(profile, settings));
        lookup.findings.extend(autopath(&lookup));
        let held = match asking {
            Asking::Captured(captured) => {
                let (file, situation) = (self.file.bytes.clone(), self.situation.clone());
                let conf = Conf { file, situation, ..Conf::default() };
                Some(captured.held(&String::from_utf8_lossy(&request.name), self.chosen.resolver, &conf))
            }
            Asking::Live(..) | Asking::Script(_) => None,
        };
        let advice = crate::commands::advice::advise(profile, settings, request, &lookup);
        printer.finished(&Explained {
            settings: Some(settings),
            advice: &advice,
            profile: Some(profile),
            held: held.as_ref(),
            ..self.explained(&lookup, target)
        })?;
        Ok(lookup.outcome)
    }

    fn explained<'b>(&self, lookup: &'b Lookup, target: &'b Value) -> Explained<'b> {
        Explained {
            lookup,
            family: self.args.family.into(),
            target,
            settings: None,
            error: lookup.error.as_deref(),
            advice: &[],
            profile: None,
            held: None,
        }
    }

    fn seen(&self) -> ResolverSeen {
        self.chosen.seen()
    }

    /// A resolver that refuses its file asks nothing.
    fn not_asked(&self, name: &str) -> Lookup {
        Lookup {
            name: escape(name).into(),
            start: None,
            client: None,
            resolver: self.seen(),
            steps: Vec::new(),
            outcome: Outcome::Unknown,
            addresses: Vec::new(),
            error: None,
            latency: None,
            certain: true,
            partial: false,
            doubtful_dot: false,
            findings: Vec::new(),
        }
    }
}

/// Walks without asking, and shows every step.
fn rehearse(
    subject: &Subject<'_>,
    request: &Request,
    answers: &dyn Answers,
    printer: &mut Printer,
) -> Result<Lookup, CommandError> {
    let lookup = measure::rehearse(subject, request, answers);
    for step in &lookup.steps {
        printer.step(step)?;
    }
    Ok(lookup)
}

fn unmeasured(error: measure::MeasureError) -> CommandError {
    let command_line: Vec<String> =
        std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    match error.hint(&command_line) {
        Some(hint) => CommandError::new(error).hint(hint),
        None => CommandError::new(error),
    }
}

fn context(profile: &Profile, settings: &Settings) -> Context {
    let search: Vec<String> =
        settings.search.iter().map(|suffix| suffix.to_string().trim_matches('.').to_owned()).collect();
    let us = profile.resend_after_us(settings, 0);
    Context::new(&search, Nanos::from_micros(i64::try_from(us).unwrap_or(i64::MAX / 1_000)))
}

/// Writes what is found, as it is found; what all resolvers make of a name, when the last of them is done.
struct Printer {
    output: Output,
    format: Format,
    table: ExplainTable,
    ui: Ui,
    name: String,
    /// Gathered for `--resolver all`.
    sides: Option<Vec<Side>>,
}

impl Printer {
    fn new(args: &Args, times: Times, ui: &Ui) -> Self {
        let side_by_side = args.resolver == "all" && args.output == Format::Table;
        Self {
            output: output(PacketsOn::Elsewhere),
            format: args.output,
            table: ExplainTable::new(*ui, times),
            ui: *ui,
            name: String::new(),
            sides: side_by_side.then(Vec::new),
        }
    }

    fn name(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    fn begin(
        &mut self,
        request: &Request,
        profile: &Profile,
        settings: &Settings,
        one: &One<'_>,
    ) -> Result<(), CommandError> {
        if self.writes_rows() {
            let text = self.table.begin(
                request,
                profile,
                settings,
                &one.seen(),
                one.chosen.evidence(self.ui.detail),
                &one.file.describe(),
            );
            self.put(&text)?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), CommandError> {
        if self.writes_rows() {
            let text = self.table.step(step);
            self.put(&text)?;
        }
        Ok(())
    }

    fn finished(&mut self, explained: &Explained<'_>) -> Result<(), CommandError> {
        if let Some(sides) = &mut self.sides {
            let error = explained.error.map(str::to_owned);
            sides.push(Side { lookup: explained.lookup.clone(), error });
            return Ok(());
        }
        let text = match self.format {
            Format::Table => self.table.finished(explained),
            Format::Json => format!("{}\n", explained_json(explained)),
        };
        self.put(&text)
    }

    fn all_resolvers_done(&mut self) -> Result<(), CommandError> {
        let Some(sides) = self.sides.as_mut().map(std::mem::take) else { return Ok(()) };
        let text = side_by_side(&self.name, &sides, &self.ui);
        self.put(&text)
    }

    fn writes_rows(&self) -> bool {
        self.format == Format::Table && self.sides.is_none()
    }

    fn put(&mut self, text: &str) -> Result<(), CommandError> {
        self.output.write_all(text.as_bytes())?;
        self.output.flush()?;
        Ok(())
    }
}
