//! Real programs of every kind, compiled here and told apart while they run.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;

use std::path::Path;
use std::process::Command;

use common::Ended;
use dnsprobe_sniffer::detect::resolver_of;
use dnsprobe_sniffer::target::locate;
use dnsprobe_sniffer::{Detection, Host, Target};

const C: &str = "#include <netdb.h>\n#include <stdio.h>\n#include <unistd.h>\n\
    int main(int c, char **v) {\n\
        struct addrinfo *r;\n\
        if (c > 1) printf(\"%d\", getaddrinfo(v[1], 0, 0, &r));\n\
        puts(\"ready\"); fflush(stdout); sleep(600);\n\
    }\n";
const GO: &str = "package main\nimport (\"fmt\"; \"net\"; \"os\"; \"time\")\n\
    func main() {\n\
        if len(os.Args) > 1 { net.LookupHost(os.Args[1]) }\n\
        fmt.Println(\"ready\"); time.Sleep(time.Hour)\n\
    }\n";

/// Compiles with these words and says what the running program's resolver is.
fn resolver(compiler: &[&str]) -> (&'static str, Option<String>) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.c"), C).unwrap();
    std::fs::write(dir.path().join("app.go"), GO).unwrap();
    compile(compiler, dir.path());
    let app = Ended::when_ready(&mut Command::new(dir.path().join("app")));
    match resolver_of(&locate(&Target::Pid(app.0.id()), &Host::default()).unwrap()) {
        Detection::Known(found) => (found.id, found.version),
        Detection::Unknown(why) => panic!("{compiler:?}: {why}"),
    }
}

fn compile(compiler: &[&str], dir: &Path) {
    let mut command = Command::new(compiler[0]);
    command.args(&compiler[1..]).current_dir(dir).env("GOCACHE", dir).env("GO111MODULE", "off");
    let output = command.output().unwrap_or_else(|error| panic!("{}: {error}", compiler[0]));
    assert!(output.status.success(), "{compiler:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "needs gcc, musl-gcc and their static libraries"]
fn c_programs_are_told_by_their_libc() {
    let cases: [(&[&str], &str, bool); 4] = [
        (&["gcc", "app.c", "-o", "app"], "glibc", true),
        (&["gcc", "-static", "-s", "app.c", "-o", "app"], "glibc", false),
        (&["musl-gcc", "app.c", "-o", "app"], "musl", true),
        (&["musl-gcc", "-static", "-s", "app.c", "-o", "app"], "musl", false),
    ];
    for (compiler, id, has_version) in cases {
        let (found, version) = resolver(compiler);
        assert_eq!((found, version.is_some()), (id, has_version), "{compiler:?} {version:?}");
    }
}

#[test]
#[ignore = "needs go"]
fn go_programs_are_told_with_and_without_cgo() {
    let said = Command::new("go").args(["env", "GOVERSION"]).output().expect("go is installed").stdout;
    let wanted = String::from_utf8(said).unwrap().trim().trim_start_matches("go").to_owned();
    for flags in ["-ldflags=-s -w", "-ldflags=-linkmode=external", "-tags=netgo"] {
        let found = resolver(&["go", "build", flags, "-o", "app", "app.go"]);
        assert_eq!(found, ("go", Some(wanted.clone())), "{flags}");
    }
}
