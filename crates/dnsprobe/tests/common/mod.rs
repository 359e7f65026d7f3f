//! Runs the real program. Nothing of the caller's environment reaches it.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod folder;

use std::ffi::OsStr;
use std::fmt::Debug;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_dnsprobe");

/// A file below the repository's `testdata`.
pub(crate) fn testdata(path: &str) -> PathBuf {
    repository().join("testdata").join(path)
}

/// Where the workspace is.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Columns that every run is told to have.
pub(crate) const WIDTH: usize = 100;

/// A pod's resolv.conf with three suffixes and ndots:5.
pub(crate) const POD_CONF: &str = "\
nameserver 10.96.0.10
search shop.svc.cluster.local svc.cluster.local cluster.local
options ndots:5
";

/// A program with an environment of its own: where programs are, and how wide the output is.
pub(crate) fn program(path: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(path);
    command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("COLUMNS", WIDTH.to_string()).env("TZ", "UTC").env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// `dnsprobe` with these words.
pub(crate) fn dnsprobe(words: &[&str]) -> Command {
    let mut command = program(PROGRAM);
    command.args(words);
    command
}

/// The same without any capability, whoever runs the test.
pub(crate) fn powerless(words: &[&str]) -> Command {
    if !nix::unistd::geteuid().is_root() {
        return dnsprobe(words);
    }
    // Root without capabilities is no more than another user; the bounding set keeps `execve` from giving them back.
    let mut command = program("setpriv");
    command.args(["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", PROGRAM]).args(words);
    command
}

/// Runs `dnsprobe` to its end.
pub(crate) fn run(words: &[&str]) -> Ran {
    finish(dnsprobe(words))
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command) -> Ran {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Ran::new(&command, &output)
}

/// Runs a command to its end with `input` on standard input.
pub(crate) fn fed(mut command: Command, input: &[u8]) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || {
        // A program that has seen enough closes its end.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    Ran::new(&command, &output)
}

/// Fails when the test was asked for without the privileges that it needs.
pub(crate) fn require_root() {
    let root = nix::unistd::geteuid().is_root();
    assert!(root, "this test makes network namespaces: run it as root, or without --ignored");
}

/// A finished program.
#[must_use = "a run proves nothing until its exit status is looked at"]
#[derive(Debug)]
pub(crate) struct Ran {
    code: Option<i32>,
    left: Left,
}

/// What a finished program left behind.
#[derive(Debug)]
pub(crate) struct Left {
    command: String,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn new(command: &Command, output: &Output) -> Self {
        let left = Left {
            command: format!("{command:?}"),
            stdout: output.stdout.clone(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        };
        Self { code: output.status.code(), left }
    }

    /// Checks the exit status; then there is the rest to look at.
    pub(crate) fn exits(self, code: i32) -> Left {
        let Left { command, stderr, .. } = &self.left;
        assert_eq!(self.code, Some(code), "{command}\n{stderr}\n{}", self.left.shown());
        self.left
    }

    /// Checks that a signal ended it, before it could say so.
    pub(crate) fn was_killed(self) -> Left {
        assert_eq!(self.code, None, "{}", self.left.command);
        self.left
    }
}

impl Left {
    /// Standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// Checks that standard error holds all of these.
    pub(crate) fn complains(&self, wanted: &[&str]) -> &Self {
        for wanted in wanted {
            let said = &self.stderr;
            assert!(said.contains(wanted), "{}\nno {wanted:?} on standard error:\n{said}", self.command);
        }
        self
    }

    /// Checks that standard output holds all of these.
    pub(crate) fn prints(&self, wanted: &[&str]) -> &Self {
        for wanted in wanted {
            let shown = self.shown();
            assert!(shown.contains(wanted), "{}\nno {wanted:?} on standard output:\n{shown}", self.command);
        }
        self
    }

    /// Checks that standard error is empty.
    pub(crate) fn quietly(&self) -> &Self {
        assert_eq!(self.stderr, "", "{}", self.command);
        self
    }

    /// Checks that there is no result.
    pub(crate) fn without_result(&self) -> &Self {
        assert_eq!(self.shown(), "", "{}", self.command);
        self
    }

    /// Checks that no line is wider than the terminal was said to be, and that there are no colours.
    pub(crate) fn fits(&self) -> &Self {
        for line in self.shown().lines() {
            assert!(line.chars().count() <= WIDTH, "wider than {WIDTH}: {line}");
            assert!(!line.contains('\u{1b}'), "colours without a terminal: {line:?}");
        }
        self
    }

    /// The JSON objects on standard output, one a line.
    pub(crate) fn objects(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.text().lines().map(parse).collect()
    }

    /// The only JSON object on standard output.
    pub(crate) fn object(&self) -> Value {
        let [one]: [Value; 1] = self.objects().try_into().unwrap();
        one
    }

    /// The objects of a command that shows lookups: those, and the summary at the end.
    pub(crate) fn report(&self) -> Report {
        Report::new(self.objects())
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// What `watch`, `read` and `demo` print as JSON.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) lookups: Vec<Value>,
    pub(crate) summary: Value,
}

impl Report {
    /// From the lines, the last of which must be the one summary; its sums must be those of the lookups.
    pub(crate) fn new(mut lines: Vec<Value>) -> Self {
        let summary = lines.pop().expect("a summary at the end");
        assert_eq!((text(&summary, "type"), text(&summary, "schema")), ("summary", "dnsprobe.summary/1"));
        for lookup in &lines {
            assert_eq!((text(lookup, "type"), text(lookup, "schema")), ("lookup", "dnsprobe.lookup/1"));
            adds_up(lookup);
        }
        let report = Self { lookups: lines, summary };
        report.sums_are_those_of_the_lookups();
        report
    }

    /// The names, in the order printed.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.lookups.iter().map(|lookup| text(lookup, "name")).collect()
    }

    /// The one lookup of this name.
    pub(crate) fn lookup(&self, name: &str) -> &Value {
        let mut found = self.lookups.iter().filter(|lookup| lookup["name"] == name);
        let lookup = found.next().unwrap_or_else(|| panic!("no lookup of {name} among {:?}", self.names()));
        assert!(found.next().is_none(), "several lookups of {name}");
        lookup
    }

    fn sums_are_those_of_the_lookups(&self) {
        let Self { lookups, summary } = self;
        assert_eq!(summary["lookups"], lookups.len() as u64);
        for field in ["questions", "wasted_questions", "latency_us", "added_by_search_us"] {
            let sum = lookups.iter().map(|lookup| nanos(&lookup["totals"][field]).unwrap_or(0)).sum::<i64>();
            assert_eq!(nanos(&summary[field]), Some(sum), "{field} of {summary}");
        }
        let no_answer = |question: &&Value| question["outcome"] == "TIMEOUT";
        let unanswered = lookups.iter().flat_map(questions).filter(no_answer).count() as u64;
        assert_eq!(summary["unanswered"], unanswered, "{summary}");
        for field in ["questions", "wasted_questions", "latency_us"] {
            assert_eq!(total(&summary["by_name"], field), nanos(&summary[field]).unwrap(), "{field} by name");
        }
        let suffixed = |step: &&Value| !step["suffix"].is_null();
        let asked = lookups.iter().flat_map(steps).filter(suffixed).flat_map(|step| list(&step["questions"]));
        let by_suffix = list(&summary["by_suffix"]).iter().map(|entry| entry["questions"].as_u64().unwrap());
        assert_eq!(by_suffix.sum::<u64>(), asked.count() as u64, "by suffix");
    }
}

/// The sum over a list of objects, in the unit of [`nanos`]; what is not known (null) adds nothing.
fn total(entries: &Value, field: &str) -> i64 {
    list(entries).iter().filter_map(|entry| nanos(&entry[field])).sum()
}

/// Steps add up to the latency exactly, and the totals are those of the steps.
pub(crate) fn adds_up(lookup: &Value) {
    let (steps, totals) = (list(&lookup["steps"]), &lookup["totals"]);
    let added: Option<i64> = steps.iter().map(|step| nanos(&step["added_us"])).sum();
    if !steps.is_empty() {
        assert_eq!(added, nanos(&totals["latency_us"]), "the steps of {lookup}");
    }
    let wasted = || steps.iter().filter(|step| step["wasted"] == true);
    let count = |step: &Value| list(&step["questions"]).len() as u64;
    assert_eq!(totals["questions"], steps.iter().map(count).sum::<u64>(), "{lookup}");
    assert_eq!(totals["wasted_questions"], wasted().map(count).sum::<u64>(), "{lookup}");
    let search: Option<i64> = wasted().map(|step| nanos(&step["added_us"])).sum();
    if search.is_some() {
        assert_eq!(nanos(&totals["added_by_search_us"]), search, "{lookup}");
    }
    if lookup["outcome"] != "ANSWER" {
        assert_eq!(totals["wasted_questions"], 0, "nothing is wasted where nothing answered: {lookup}");
    }
}

/// A number of microseconds as whole nanoseconds, which add up without rounding.
pub(crate) fn nanos(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "rounded, and a century fits")]
    value.as_f64().map(|micros| (micros * 1_000.0).round() as i64)
}

/// A field that is text.
pub(crate) fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("no text in {field} of {value}"))
}

/// A value that is a list.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

/// The steps of a lookup or an explanation.
pub(crate) fn steps(lookup: &Value) -> &[Value] {
    list(&lookup["steps"])
}

/// Every transmission of a lookup or an explanation, in wire order within each step.
pub(crate) fn questions(lookup: &Value) -> impl Iterator<Item = &Value> {
    steps(lookup).iter().flat_map(|step| list(&step["questions"]))
}

/// The codes of the findings.
pub(crate) fn findings(lookup: &Value) -> Vec<&str> {
    list(&lookup["findings"]).iter().map(|finding| text(finding, "code")).collect()
}

/// A file with this content, gone when dropped.
pub(crate) fn file(content: impl AsRef<[u8]>) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content.as_ref()).unwrap();
    file
}

/// A path as text.
pub(crate) fn words(path: &(impl AsRef<Path> + Debug)) -> &str {
    path.as_ref().to_str().unwrap()
}
