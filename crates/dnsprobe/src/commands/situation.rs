//! What a target's files and environment say about its resolver, for `explain` and `watch`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use dnsprobe_resolv::Situation;
use dnsprobe_sniffer::{Content, FileRead, Host, Hostname, Located, Target, target};

use crate::cli::TargetArgs;
use crate::error::CommandError;

/// The largest file taken from the command line, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// The target as the user named it.
pub(crate) fn target_of(args: &TargetArgs) -> Target {
    match (args.pid, &args.netns) {
        (Some(pid), _) => Target::Pid(pid),
        (None, Some(netns)) => Target::Netns(netns.clone()),
        (None, None) => Target::Here,
    }
}

/// Finds the target on this node.
pub(crate) fn locate(args: &TargetArgs) -> Result<Located, CommandError> {
    Ok(target::locate(&target_of(args), &Host::default())?)
}

/// `target` of the JSON output.
pub(crate) fn target_json(args: &TargetArgs, located: &Located) -> serde_json::Value {
    let kind = match (args.pid, &args.netns) {
        (Some(_), _) => "process",
        (None, Some(_)) => "named",
        (None, None) => "host",
    };
    serde_json::json!({
        "kind": kind,
        "pid": located.pid(),
        "name": args.netns,
        "netns": located.netns.inode(),
    })
}

/// The target in a word.
pub(crate) fn target_name(args: &TargetArgs) -> Option<String> {
    args.pid.map(|pid| format!("pid {pid}")).or_else(|| args.netns.clone())
}

/// A file that the user named; `-` is standard input.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, CommandError> {
    let shown = path.display();
    let failed = |error: io::Error| CommandError::wrap(format!("read {shown}"), error);
    let mut bytes = Vec::new();
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(failed)?)
    };
    input.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(CommandError::new(format!("{shown} is larger than {MOST_BYTES} bytes")));
    }
    Ok(bytes)
}

/// A `resolv.conf` and where it is from.
pub(crate) struct ConfFile {
    /// Its bytes; `None` when there is none to read.
    pub(crate) bytes: Option<Vec<u8>>,
    /// Where it was looked for.
    pub(crate) place: String,
    /// What to say when it could not be read.
    pub(crate) problem: Option<String>,
}

impl ConfFile {
    /// Where it is from, or what is wrong with it.
    pub(crate) fn describe(&self) -> String {
        match &self.problem {
            Some(problem) => format!("{} {problem}; the resolver uses its defaults", self.place),
            None => self.place.clone(),
        }
    }
}

/// The target's own `resolv.conf`.
pub(crate) fn conf_of(located: &Located) -> ConfFile {
    let FileRead { path, content } = located.root.read("etc/resolv.conf");
    let place = path.display().to_string();
    let (bytes, problem) = match content {
        Content::Found(bytes) => (Some(bytes), None),
        Content::Missing => (None, Some("does not exist".to_owned())),
        Content::Unreadable(why) => (None, Some(format!("cannot be read: {why}"))),
    };
    ConfFile { bytes, place, problem }
}

/// What beside the file decides how the target's resolver behaves.
pub(crate) fn situation_of(located: &Located) -> Situation {
    let environment: BTreeMap<&'static str, OsString> = match &located.process {
        Some(process) => process.environment().unwrap_or_default(),
        None => BTreeMap::new(),
    };
    let text = |name: &str| environment.get(name).map(|value| value.to_string_lossy().into_owned());
    let aliases =
        text("HOSTALIASES").and_then(|path| match located.root.read(path.trim_start_matches('/')).content {
            Content::Found(bytes) => Some(bytes),
            _ => None,
        });
    Situation {
        hostname: hostname_of(located),
        res_options: text("RES_OPTIONS"),
        local_domain: text("LOCALDOMAIN"),
        host_aliases: aliases,
        go_debug: text("GODEBUG"),
        addresses: None,
    }
}

fn hostname_of(located: &Located) -> String {
    match &located.process {
        Some(process) => match process.hostname() {
            Hostname::Kernel(name) | Hostname::File(name) => name,
            Hostname::Unknown => String::new(),
        },
        None => std::fs::read_to_string("/proc/sys/kernel/hostname")
            .map(|it| it.trim().to_owned())
            .unwrap_or_default(),
    }
}
