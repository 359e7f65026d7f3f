//! What `dnsprobe lint` costs beside the bare events of the YAML parser, over the same files in one run.
//!
//! `cargo bench -p dnsprobe --bench lint` makes 10,000 manifests of about 10 kB, 100 MB in all;
//! `cargo bench -p dnsprobe --bench lint -- FOLDER` takes those of a folder instead. Every run is a process of its own, and
//! the kernel's account of it is what is printed: processor time of all threads, time on the clock, largest memory.

use std::fmt::Write as _;
use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use granit_parser::Parser;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// Manifests made, unless a folder is given.
const MANIFESTS: usize = 10_000;

/// The same with the tenth part of the files: memory that grows with their number would show.
const PART: usize = MANIFESTS / 10;

/// The most that linting may cost, in times the bare events.
const MOST: f64 = 2.0;

/// How this program is told to do one thing and end.
const EVENTS: &str = "--only-events";
const MEASURE: &str = "--only-measure";

fn main() -> Result<()> {
    // `cargo bench` adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match &arguments[..] {
        [only, folder] if only == EVENTS => {
            println!("{} events", events_in(Path::new(folder))?);
            Ok(())
        }
        [only, program, rest @ ..] if only == MEASURE => measure(program, rest),
        [folder] => compare(Path::new(folder)),
        _ => {
            let (all, part) = (tempfile::tempdir()?, tempfile::tempdir()?);
            println!("{MANIFESTS} manifests, {} bytes", write_manifests(all.path(), MANIFESTS)?);
            write_manifests(part.path(), PART)?;
            print!("the tenth part: {}", run(&lint(part.path()))?);
            compare(all.path())
        }
    }
}

/// Both over one folder, and what the one costs beside the other.
fn compare(folder: &Path) -> Result<()> {
    let this = std::env::current_exe()?;
    let events = run(&[this, EVENTS.into(), folder.to_owned()])?;
    print!("bare events:    {events}");
    let linted = run(&lint(folder))?;
    print!("dnsprobe lint:  {linted}");
    let cpu =
        |line: &str| line.split(' ').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(f64::NAN);
    let ratio = cpu(&linted) / cpu(&events);
    println!("linting costs {ratio:.2} times the bare events, of at most {MOST:.2}");
    if ratio > MOST {
        return Err(Error::other("too much"));
    }
    Ok(())
}

fn lint(folder: &Path) -> Vec<PathBuf> {
    let words = [env!("CARGO_BIN_EXE_dnsprobe"), "lint", "--no-config", "--fail-on", "never", "-o", "json"];
    words.iter().map(PathBuf::from).chain([folder.to_owned()]).collect()
}

/// Runs a command below a fresh copy of this program, so that the account is of that command alone.
fn run(command: &[PathBuf]) -> Result<String> {
    let output = Command::new(std::env::current_exe()?)
        .arg(MEASURE)
        .args(command)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(Error::other(format!("{} failed", command[0].display())));
    }
    String::from_utf8(output.stdout).map_err(Error::other)
}

fn measure(program: &str, arguments: &[String]) -> Result<()> {
    let start = Instant::now();
    let status =
        Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    let elapsed = start.elapsed();
    if !status.success() {
        return Err(Error::other(format!("{program} ended with {status}")));
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = seconds(usage.user_time()) + seconds(usage.system_time());
    let (clock, memory) = (elapsed.as_secs_f64(), usage.max_rss() / 1024);
    println!("{cpu:.2} s of processor time in {clock:.2} s ({:.1} cores), {memory} MiB at most", cpu / clock);
    Ok(())
}

fn seconds(time: TimeVal) -> f64 {
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    (Duration::from_secs(part(time.tv_sec())) + Duration::from_micros(part(time.tv_usec()))).as_secs_f64()
}

/// Reads every manifest below a folder and steps through its events.
fn events_in(folder: &Path) -> Result<usize> {
    let mut events = 0;
    for entry in ignore::WalkBuilder::new(folder).require_git(false).build() {
        let path = entry.map_err(Error::other)?.into_path();
        let manifest =
            path.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|it| end == *it));
        if manifest && path.is_file() {
            let bytes = fs::read(path)?;
            let text = String::from_utf8_lossy(&bytes);
            events += Parser::new_from_str(&text).map_while(std::result::Result::ok).count();
        }
    }
    Ok(events)
}

fn write_manifests(folder: &Path, count: usize) -> Result<usize> {
    let mut bytes = 0;
    for number in 0..count {
        let text = manifest(number);
        bytes += text.len();
        fs::write(folder.join(format!("{number}.yaml")), text)?;
    }
    Ok(bytes)
}

/// About 10 kB: what a chart renders for one service.
fn manifest(number: usize) -> String {
    let mut text = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web-{number}\n  namespace: team-{}\nspec:\n  template:\n    \
         metadata:\n      labels: {{app: web-{number}}}\n    spec:\n      dnsConfig:\n        options:\n        - name: ndots\n          \
         value: \"{}\"\n      containers:\n",
        number % 50,
        2 + number % 4
    );
    for container in 0..4 {
        let _ = write!(
            text,
            "      - name: c{container}\n        image: registry.example/app:{number}\n        env:\n"
        );
        for variable in 0..20 {
            let value = match variable % 5 {
                0 => format!("https://api-{variable}.example.com/v1"),
                1 => format!("db-{variable}.team-{}:5432", number % 50),
                _ => format!("some plain value number {variable}"),
            };
            let _ = writeln!(text, "        - name: VARIABLE_{variable}\n          value: {value}");
        }
    }
    let _ = write!(
        text,
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: web-{number}, namespace: team-{}}}\nspec:\n  ports:\n  - port: 80\n\
         ---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web-{number}, namespace: team-{}}}\ndata:\n",
        number % 50,
        number % 50
    );
    for key in 0..70 {
        let _ = writeln!(text, "  key-{key}: \"a value that is read by nobody, number {key}\"");
    }
    text
}
