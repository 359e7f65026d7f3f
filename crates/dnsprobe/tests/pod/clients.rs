//! Programs that look names up with the resolvers of glibc, musl and Go, compiled by this machine's compilers.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Pod;
use crate::common::{program, testdata, words};

/// A resolver with a program that uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Glibc,
    Musl,
    Go,
}

impl Client {
    pub(crate) const ALL: [Self; 3] = [Self::Glibc, Self::Musl, Self::Go];

    /// Its id in `--resolver`.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Glibc => "glibc",
            Self::Musl => "musl",
            Self::Go => "go",
        }
    }

    /// The compiled program.
    pub(crate) fn path(self) -> &'static Path {
        static PATHS: OnceLock<[PathBuf; 3]> = OnceLock::new();
        let paths = PATHS.get_or_init(|| Self::ALL.map(Self::compile));
        &paths[self as usize]
    }

    fn compile(self) -> PathBuf {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients");
        fs::create_dir_all(&directory).unwrap();
        // Named by process: another run may use, or make, the same at this moment.
        let output = directory.join(format!("{}-{}", self.id(), std::process::id()));
        let source = |end: &str| testdata(&format!("clients/client.{end}"));
        let mut compiler = match self {
            Self::Glibc => c_compiler("cc", &["-O1"], &source("c"), &output),
            Self::Musl => c_compiler("musl-gcc", &["-O1", "-static"], &source("c"), &output),
            Self::Go => go_compiler(&directory, &source("go"), &output),
        };
        let done = compiler.output().unwrap_or_else(|error| panic!("{compiler:?}: {error}"));
        assert!(done.status.success(), "{compiler:?}: {}", String::from_utf8_lossy(&done.stderr));
        output
    }

    /// Looks names up in the pod, one after another.
    pub(crate) fn ask(self, pod: &Pod, names: &[&str]) -> Vec<Done> {
        self.begin(pod, names).finish()
    }

    /// The same, not waiting for the end.
    pub(crate) fn begin(self, pod: &Pod, names: &[&str]) -> Asking {
        let mut command = pod.program(&[&[words(&self.path())], names].concat());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Asking { client: self, child }
    }

    /// A process that does nothing until it is dropped.
    pub(crate) fn idle(self, pod: &Pod) -> Idle {
        let mut command = pod.program(&[words(&self.path())]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut output, &mut line).unwrap();
        let idle = Idle(child);
        assert_eq!(line, "ready\n");
        idle
    }
}

fn c_compiler(compiler: &str, flags: &[&str], source: &Path, output: &Path) -> Command {
    let mut command = program(compiler);
    command.args(flags).arg("-o").arg(output).arg(source);
    command
}

fn go_compiler(directory: &Path, source: &Path, output: &Path) -> Command {
    let mut command = program("go");
    command.args(["build", "-o"]).arg(output).arg(source).current_dir(directory);
    // Its own resolver and no cgo; nothing is fetched, and what it keeps is kept beside the result.
    for (key, value) in
        [("CGO_ENABLED", "0"), ("GOFLAGS", "-mod=mod"), ("GOPROXY", "off"), ("GOTOOLCHAIN", "local")]
    {
        command.env(key, value);
    }
    command.env("GOCACHE", directory.join("go-cache")).env("GOPATH", directory.join("go"));
    command
}

/// One lookup as the application saw it.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) resolver: &'static str,
    pub(crate) name: String,
    /// In nanoseconds since 1970-01-01 UTC.
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// Empty when it failed.
    pub(crate) addresses: BTreeSet<IpAddr>,
}

impl Done {
    /// From a line of the program's output.
    pub(crate) fn parse(resolver: &'static str, line: &str) -> Self {
        let [name, start, end, result, addresses] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line:?}");
        };
        let addresses: BTreeSet<IpAddr> = split(addresses);
        assert_eq!(result == "0", !addresses.is_empty(), "{line}");
        Self {
            resolver,
            name: name.to_owned(),
            start: start.parse().unwrap(),
            end: end.parse().unwrap(),
            addresses,
        }
    }
}

fn split(addresses: &str) -> BTreeSet<IpAddr> {
    addresses.split(',').filter(|it| !it.is_empty()).map(|it| it.parse().unwrap()).collect()
}

/// A program at work; ended when dropped.
pub(crate) struct Asking {
    client: Client,
    child: Child,
}

impl Asking {
    pub(crate) fn finish(mut self) -> Vec<Done> {
        let mut lines = String::new();
        let mut output = self.child.stdout.take().unwrap();
        std::io::Read::read_to_string(&mut output, &mut lines).unwrap();
        assert!(self.child.wait().unwrap().success(), "{lines}");
        lines.lines().map(|line| Done::parse(self.client.id(), line)).collect()
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that waits; ended when dropped.
pub(crate) struct Idle(Child);

impl Idle {
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `getent ahosts` makes of a name, which is glibc's `getaddrinfo` as every image has it.
pub(crate) fn getent(pod: &Pod, name: &str) -> Done {
    let now = || i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();
    let start = now();
    let output = pod.program(&["getent", "ahosts", name]).output().unwrap();
    let end = now();
    let lines = String::from_utf8(output.stdout).unwrap();
    let addresses = lines.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect();
    Done { resolver: "glibc", name: name.to_owned(), start, end, addresses }
}

/// The version of the musl that `musl-gcc` links, as its dynamic loader says it.
pub(crate) fn musl_version() -> String {
    let mut entries = fs::read_dir("/lib").unwrap().map(|entry| entry.unwrap().path());
    let loader =
        entries.find(|path| words(path).starts_with("/lib/ld-musl-")).expect("musl's loader is in /lib");
    let said = program(loader).output().unwrap().stderr;
    let said = String::from_utf8(said).unwrap();
    let version = said.lines().find_map(|line| line.strip_prefix("Version "));
    version.unwrap_or_else(|| panic!("no version in {said:?}")).to_owned()
}
