//! The resolvers of this machine: which there are, in which version, and how each is run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::RecordError;

/// One call of one resolver.
#[derive(Debug, Clone)]
pub struct Client {
    /// Id and version as in vectors, `glibc-2.36`.
    pub resolver: String,
    /// The version in full.
    pub full_version: String,
    /// The call.
    pub api: &'static str,
    /// The family it asks for.
    pub family: &'static str,
    /// Whether its questions race each other.
    pub races: bool,
    /// Whether `timeout` and `attempts` in the file shorten its waiting; it meets no silent servers otherwise.
    pub heeds_timeout: bool,
    /// What is run; the name, and where [`Self::takes_family`] is set the family, come behind.
    pub command: Vec<String>,
    /// Whether the family is an argument.
    pub takes_family: bool,
    /// How its output is read.
    pub output: Output,
}

/// How a client's output is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// `OK` and addresses, or `ERR` and a word.
    Words,
    /// `getent`: an address a line, and a status.
    Getent,
    /// `dig`'s answer section.
    Dig,
    /// `host`'s sentences.
    Host,
    /// `nslookup`'s, BIND's and busybox's: addresses behind a name.
    Nslookup,
}

/// The resolvers found.
#[derive(Debug)]
pub struct Clients {
    all: Vec<Client>,
    /// Holds the compiled ones.
    _directory: tempfile::TempDir,
}

/// A program compiled from `clients/`.
struct Built<'a> {
    name: &'static str,
    compiler: &'static [&'static str],
    source: &'static str,
    libraries: &'static [&'static str],
    directory: &'a Path,
}

const GAI: &str = include_str!("../../clients/gai.c");
const CARES: &str = include_str!("../../clients/cares.c");
const LOOKUP: &str = include_str!("../../clients/lookup.go");

impl Clients {
    /// Compiles and finds all of them: glibc and its getent, musl, Go, c-ares, BIND's tools and busybox.
    ///
    /// # Errors
    /// [`RecordError::Client`] for the first that is missing: a recording without one of them would pass for agreement.
    pub fn find() -> Result<Self, RecordError> {
        let temporary = tempfile::tempdir().map_err(RecordError::io("make a directory for the clients"))?;
        let directory = temporary.path();
        let mut all = Vec::new();
        let c = |name, compiler, source, libraries| Built { name, compiler, source, libraries, directory };
        let glibc = c("gai-glibc", &["gcc", "-O1", "-xc", "-"], GAI, &[]).build()?;
        let version = said(&glibc, &["--version"], "glibc")?;
        all.extend(families("glibc", &version, "getaddrinfo", &glibc, &["unspec", "inet", "inet6"]));
        all.extend(
            ["hosts", "ahosts"].map(|api| tool("getent", &version, api, &["getent", api], Output::Getent)),
        );
        let musl = c("gai-musl", &["musl-gcc", "-static", "-O1", "-xc", "-"], GAI, &[]).build()?;
        all.extend(families("musl", &musl_version()?, "getaddrinfo", &musl, &["unspec", "inet", "inet6"]));
        let cares = c("cares", &["gcc", "-O1", "-xc", "-"], CARES, &["-lcares"]).build()?;
        let version = said(&cares, &["--version"], "c-ares")?;
        all.extend(families("c-ares", &version, "ares_getaddrinfo", &cares, &["unspec", "inet"]));
        all.extend(go(directory)?);
        all.extend(tools()?);
        Ok(Self { all, _directory: temporary })
    }

    /// All calls of all resolvers.
    pub fn all(&self) -> &[Client] {
        &self.all
    }

    /// Leaves those out whose resolver does not begin so.
    #[must_use]
    pub fn only(mut self, prefix: &str) -> Self {
        self.all.retain(|client| client.resolver.starts_with(prefix));
        self
    }
}

impl Built<'_> {
    fn build(&self) -> Result<PathBuf, RecordError> {
        let target = self.directory.join(self.name);
        let mut command = Command::new(self.compiler[0]);
        command.args(&self.compiler[1..]).arg("-o").arg(&target).args(self.libraries);
        let source = self.directory.join(format!("{}.source", self.name));
        std::fs::write(&source, self.source).map_err(RecordError::io("write a client's source"))?;
        let input = std::fs::File::open(&source).map_err(RecordError::io("read a client's source"))?;
        run(command.stdin(input), self.name)?;
        Ok(target)
    }
}

fn go(directory: &Path) -> Result<Vec<Client>, RecordError> {
    let (source, target) = (directory.join("lookup.go"), directory.join("lookup"));
    std::fs::write(&source, LOOKUP).map_err(RecordError::io("write a client's source"))?;
    let mut command = Command::new("go");
    command.arg("build").arg("-o").arg(&target).arg(&source).current_dir(directory);
    let cache = directory.join("cache");
    command.env("GOCACHE", &cache).env("GOPATH", directory.join("path"));
    run(command.env("CGO_ENABLED", "0").env("GO111MODULE", "off").env("GOTOOLCHAIN", "local"), "go")?;
    let version = said(&target, &["--version"], "go")?;
    let mut clients = families("go", &version, "LookupHost", &target, &["unspec"]);
    clients.extend(families("go", &version, "LookupNetIP ip4", &target, &["inet"]));
    for client in &mut clients {
        client.races = true;
    }
    Ok(clients)
}

fn tools() -> Result<Vec<Client>, RecordError> {
    // `DiG 9.18.49-1~deb12u3-Debian` on standard error
    let bind = said(Path::new("dig"), &["-v"], "dig")?;
    let bind = bind.trim_start_matches("DiG ").to_owned();
    let busybox = said(Path::new("busybox"), &[], "busybox")?;
    let busybox = busybox.split_whitespace().nth(1).unwrap_or_default().trim_start_matches('v').to_owned();
    Ok(vec![
        tool("bind-nslookup", &bind, "nslookup", &["nslookup"], Output::Nslookup),
        tool("bind-host", &bind, "host", &["host"], Output::Host),
        Client { family: "inet", ..tool("bind-dig", &bind, "dig +search", &["dig", "+search"], Output::Dig) },
        Client { family: "inet", ..tool("bind-dig", &bind, "dig", &["dig"], Output::Dig) },
        tool("busybox-nslookup", &busybox, "nslookup", &["busybox", "nslookup"], Output::Nslookup),
    ])
}

fn families(
    id: &str,
    version: &str,
    api: &'static str,
    program: &Path,
    families: &[&'static str],
) -> Vec<Client> {
    let one = |&family: &&'static str| Client {
        family,
        takes_family: true,
        command: vec![program.display().to_string()],
        ..tool(id, version, api, &[], Output::Words)
    };
    families.iter().map(one).collect()
}

fn tool(id: &str, version: &str, api: &'static str, command: &[&str], output: Output) -> Client {
    // getent is known by its libc's version, which vectors leave out.
    let short = short_version(version, if id == "musl" { 3 } else { 2 });
    Client {
        resolver: if id == "getent" { id.to_owned() } else { format!("{id}-{short}") },
        full_version: version.to_owned(),
        api,
        family: "unspec",
        races: false,
        // c-ares knows these options since 1.20 (`ares_sysconfig_files.c`).
        heeds_timeout: id != "c-ares" || !version.starts_with("1.1"),
        command: command.iter().map(ToString::to_string).collect(),
        takes_family: false,
        output,
    }
}

/// The first numbers of a version.
fn short_version(version: &str, parts: usize) -> String {
    let number = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>();
    version.split('.').take(parts).map(number).collect::<Vec<_>>().join(".")
}

/// musl's own loader says its version; it belongs to the package that `musl-gcc` is of.
fn musl_version() -> Result<String, RecordError> {
    let missing =
        || RecordError::Client { client: "musl".into(), why: "no loader in /lib says its version".into() };
    let entries = std::fs::read_dir("/lib").map_err(RecordError::io("list /lib"))?;
    let is_loader =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-musl-"));
    let loader =
        entries.filter_map(Result::ok).map(|entry| entry.path()).find(is_loader).ok_or_else(missing)?;
    let output = Command::new(loader).stdin(Stdio::null()).output().map_err(RecordError::io("ask musl"))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let version = text.lines().find_map(|line| line.strip_prefix("Version "));
    version.map(str::to_owned).ok_or_else(missing)
}

/// The first line that a program prints, to either stream.
fn said(program: &Path, arguments: &[&str], client: &str) -> Result<String, RecordError> {
    let fail = |why: String| RecordError::Client { client: client.to_owned(), why };
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| fail(format!("{}: {error}", program.display())))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().next().map(str::to_owned).ok_or_else(|| fail("it does not say its version".to_owned()))
}

fn run(command: &mut Command, client: &str) -> Result<(), RecordError> {
    let fail = |why: String| RecordError::Client { client: client.to_owned(), why };
    let output = command
        .output()
        .map_err(|error| fail(format!("{}: {error}", command.get_program().to_string_lossy())))?;
    if output.status.success() {
        return Ok(());
    }
    Err(fail(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// Kills a client that does not end.
pub(super) fn kill(process: u32) {
    let Ok(process) = i32::try_from(process) else { return };
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), nix::sys::signal::Signal::SIGKILL);
}
