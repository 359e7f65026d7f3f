//! `dnsprobe read`: lookups from a capture file.

use std::path::{Path, PathBuf};

use dnsprobe_lookup::pcap::{self, Ending, ReadError};
use dnsprobe_lookup::{Nanos, SearchList};
use dnsprobe_resolv::Situation;

use super::session::{Session, Showing};
use super::{input, situation};
use crate::cli::LookupArgs;
use crate::error::{CommandError, Status};
use crate::view::{Merging, Reporter, Ui};

/// So much of a capture is looked at before a client's search list is read from it.
const INFERENCE: Nanos = Nanos::from_millis(60_000);

/// Arguments of `dnsprobe read`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The capture, pcap or pcapng, plain, gzip or zstd; `-` is standard input
    file: PathBuf,
    #[command(flatten)]
    lookups: LookupArgs,
}

/// Reads the capture and shows its lookups.
pub(crate) fn run(args: &Args, ui: &Ui) -> Result<Status, CommandError> {
    observe(&args.file, &args.lookups, ui, None)?;
    Ok(Status::Done)
}

/// The same, handing lookups to a reporter where one is given.
pub(super) fn observe(
    file: &Path,
    lookups: &LookupArgs,
    ui: &Ui,
    reporter: Option<Box<dyn Reporter>>,
) -> Result<(), CommandError> {
    let search = match &lookups.resolv_conf {
        Some(path) => SearchList::Known(Some(situation::read_file(path)?)),
        None => SearchList::Inferred(INFERENCE),
    };
    let showing =
        Showing { lookups, merging: Merging::Never, target: serde_json::Value::Null, target_name: None };
    let shown = file.display().to_string();
    let input = input::open(file)?;
    keep_apart(file, lookups.write.as_deref())?;
    let mut situation = Situation::default();
    situation::set_variables(&mut situation, &lookups.env)?;
    let session = Session::new(showing, search, Vec::new(), ui)?;
    let mut session = session.with_situation(&situation).reporting_to(reporter);
    if std::fs::metadata(file).is_ok_and(|data| data.is_file()) {
        session = session.at_leisure();
    }
    let ending = pcap::read(input, &mut |frame| session.frame(&frame));
    let failed = match ending {
        Ok(Ending::Whole | Ending::Stopped) => None,
        Ok(Ending::CutOff { packet }) => {
            crate::view::note(&format!(
                "dnsprobe: {shown} ends inside packet {packet}; everything before it was read"
            ));
            None
        }
        Err(error) => Some(error),
    };
    if let Some(error) = failed {
        let read_something = matches!(&error, ReadError::Io { packet, .. } if *packet > 0);
        if read_something {
            session.close(None)?;
        }
        return Err(unreadable(&shown, error));
    }
    session.close(None)?;
    Ok(())
}

/// Writing over the capture that is being read would destroy it.
fn keep_apart(input: &Path, output: Option<&Path>) -> Result<(), CommandError> {
    use std::os::unix::fs::MetadataExt;
    let identity = |path: &Path| std::fs::metadata(path).ok().map(|data| (data.dev(), data.ino()));
    match output.and_then(identity) {
        Some(other) if identity(input) == Some(other) => Err(CommandError::new(format!(
            "{} is read and cannot be written at the same time",
            input.display()
        ))
        .hint("give -w another file")),
        _ => Ok(()),
    }
}

fn unreadable(shown: &str, error: ReadError) -> CommandError {
    let hint = match &error {
        ReadError::NotACapture { .. } => {
            Some("`tcpdump -w FILE port 53` and `dnsprobe watch -w FILE` write what can be read here")
        }
        ReadError::Empty | ReadError::HeaderCutOff => Some("was the capture stopped before its first write?"),
        _ => None,
    };
    let error = CommandError::wrap(format!("read {shown}"), error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
