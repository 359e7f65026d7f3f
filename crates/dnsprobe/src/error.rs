//! How a command ends: its exit status, and what is said when it could not do its job.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::view::{Paint, Ui};

/// The exit status of a command that did its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// 0: done.
    Done,
    /// 1: something was found, or the name did not resolve.
    Found,
    /// That of the program that `exec` ran.
    OfProgram(u8),
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        match status {
            Status::Done => Self::SUCCESS,
            Status::Found => Self::from(1),
            Status::OfProgram(code) => Self::from(code),
        }
    }
}

/// Could not do the job.
const FAILED: u8 = 2;

/// Why a command could not do its job (exit status 2, unless it has its own), and what to do about it.
#[derive(Debug)]
pub(crate) struct CommandError {
    error: Box<dyn Error + Send + Sync>,
    hints: Vec<String>,
    code: u8,
}

impl CommandError {
    /// From an error of a library or of the system.
    pub(crate) fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { error: error.into(), hints: Vec::new(), code: FAILED }
    }

    /// From an operation on an object, such as `open capture.pcap`, that failed for another error's reason.
    pub(crate) fn wrap(what: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Wrapped { what: what.into(), source: source.into() })
    }

    /// The same about a file that the user named: where it is not there, or is no file to read, with what is there instead.
    pub(crate) fn on_file(what: &str, path: &Path, error: io::Error) -> Self {
        let hint = hint_about(path, error.kind());
        let error = Self::wrap(format!("{what} {}", path.display()), error);
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    /// Adds the next step to try.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Ends with another exit status.
    pub(crate) fn exits(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// Adds the next step to try before all others.
    pub(crate) fn first_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.insert(0, hint.into());
        self
    }

    /// Says it on standard error and gives the exit status. A reader that has gone away (`| head`) is no error.
    pub(crate) fn report(&self, ui: &Ui) -> ExitCode {
        if self.is_closed_output() {
            return ExitCode::SUCCESS;
        }
        let mut text = format!(
            "{} {}",
            ui.err.paint(Paint::Bad, "error:"),
            crate::view::escape(&self.error.to_string())
        );
        let mut source = self.error.source();
        while let Some(cause) = source {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n  caused by: {}", crate::view::escape(&cause.to_string()));
            source = cause.source();
        }
        for hint in &self.hints {
            let _ = write!(text, "\n  {} {}", ui.err.paint(Paint::Good, "hint:"), crate::view::escape(hint));
        }
        crate::view::note(&text);
        ExitCode::from(self.code)
    }

    /// Whether it is only that nobody reads the output any more.
    pub(crate) fn is_closed_output(&self) -> bool {
        let mut error: Option<&(dyn Error + 'static)> = Some(self.error.as_ref());
        while let Some(cause) = error {
            if cause.downcast_ref::<OutputClosed>().is_some() {
                return true;
            }
            error = cause.source();
        }
        false
    }
}

/// What to do about a file that cannot be opened.
fn hint_about(path: &Path, kind: io::ErrorKind) -> Option<String> {
    match kind {
        io::ErrorKind::NotFound => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let here = || std::env::current_dir().ok().filter(|_| path.is_relative());
            let missing = folder
                .into_iter()
                .flat_map(Path::ancestors)
                .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
                .last();
            match (missing, here()) {
                (Some(missing), Some(here)) => {
                    Some(format!("there is no folder {} in {}", missing.display(), here.display()))
                }
                (Some(missing), None) => Some(format!("there is no folder {}", missing.display())),
                (None, Some(here)) => Some(format!("it was looked for from {} on", here.display())),
                (None, None) => {
                    Some(format!("see what is there with `ls {}`", folder.unwrap_or(path).display()))
                }
            }
        }
        io::ErrorKind::PermissionDenied => {
            Some("run it as a user who may do that, such as with sudo".to_owned())
        }
        io::ErrorKind::IsADirectory => Some("name a file in that folder".to_owned()),
        _ => None,
    }
}

/// Nobody reads the output any more.
#[derive(Debug)]
struct OutputClosed;

impl fmt::Display for OutputClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the output was closed")
    }
}

impl Error for OutputClosed {}

/// An operation with the error that ended it.
#[derive(Debug)]
struct Wrapped {
    what: String,
    source: Box<dyn Error + Send + Sync>,
}

impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Wrapped {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

/// Writing results failed.
impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::new(OutputClosed)
        } else {
            Self::wrap("write the results", error)
        }
    }
}

impl From<dnsprobe_sniffer::Error> for CommandError {
    fn from(error: dnsprobe_sniffer::Error) -> Self {
        let command_line: Vec<String> =
            std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
        let hint = error.hint(&command_line);
        let error = Self::new(error);
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}
