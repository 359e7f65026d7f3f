//! Real programs of every kind, compiled here and told apart while they run.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;

use std::path::Path;
use std::process::Command;

use common::Ended;
use dnsprobe_sniffer::detect::{resolver_of, resolvers_of_container};
use dnsprobe_sniffer::target::locate;
use dnsprobe_sniffer::{Detected, Detection, Host, Target};

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

/// A program without any libc.
const BARE: &str = "void _start(void) {\n\
        __asm__ volatile (\"syscall\" :: \"a\"(1), \"D\"(1), \"S\"(\"ready\\n\"), \"d\"(6) : \"rcx\", \"r11\", \"memory\");\n\
        __asm__ volatile (\"syscall\" :: \"a\"(34) : \"rcx\", \"r11\");\n\
    }\n";
const CARES: &str = "#include <ares.h>\n#include <stdio.h>\n#include <unistd.h>\n\
    int main(void) { puts(ares_version(NULL) ? \"ready\" : \"\"); fflush(stdout); sleep(600); }\n";

/// What the program's resolver is while it runs.
fn detection(command: &mut Command) -> Detection {
    let app = Ended::when_ready(command);
    resolver_of(&locate(&Target::Pid(app.0.id()), &Host::default()).unwrap())
}

fn known(command: &mut Command) -> Detected {
    match detection(command) {
        Detection::Known(found) => found,
        Detection::Unknown(why) => panic!("{command:?}: {why}"),
    }
}

/// Compiles with these words and says what the running program's resolver is.
fn resolver(compiler: &[&str]) -> (&'static str, Option<String>) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.c"), C).unwrap();
    std::fs::write(dir.path().join("app.go"), GO).unwrap();
    compile(compiler, dir.path());
    let found = known(&mut Command::new(dir.path().join("app")));
    (found.id, found.version)
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

#[test]
#[ignore = "needs go"]
fn a_go_program_with_cgo_has_its_libc_beside() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.go"), GO).unwrap();
    for (flag, cgo, libcs) in [
        ("-linkshared=false", "0", &[][..]),
        ("-tags=netgo", "1", &[][..]),
        ("-linkshared=false", "1", &["glibc"][..]),
    ] {
        let mut go = Command::new("go");
        go.args(["build", flag, "-o", "app", "app.go"]).current_dir(dir.path());
        go.env("GOCACHE", dir.path().join("cache")).env("GO111MODULE", "off").env("CGO_ENABLED", cgo);
        let output = go.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let found = known(&mut Command::new(dir.path().join("app")));
        let others: Vec<&str> = found.others.iter().map(|other| other.id).collect();
        assert_eq!((found.id, &others[..]), ("go", libcs), "{}", found.evidence);
    }
}

#[test]
#[ignore = "needs gcc"]
fn a_static_program_without_a_libc_is_unknown_and_what_fits_is_said() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.c"), BARE).unwrap();
    compile(&["gcc", "-static", "-nostdlib", "-O1", "app.c", "-o", "app"], dir.path());
    let found = detection(&mut Command::new(dir.path().join("app")));
    let Detection::Unknown(why) = found else { panic!("{found:?}") };
    assert!(why.contains("is static and carries no mark of a known libc"), "{why}");
    assert!(why.contains("the plans of musl, glibc and hickory fit it"), "{why}");
}

#[test]
#[ignore = "needs gcc, musl-gcc and their static libraries"]
fn of_a_static_program_only_the_libc_is_said_to_be_known() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.c"), C).unwrap();
    compile(&["musl-gcc", "-static", "app.c", "-o", "app"], dir.path());
    let found = known(&mut Command::new(dir.path().join("app")));
    assert_eq!((found.id, found.version), ("musl", None));
    assert!(found.evidence.ends_with("which tells the libc but not its version"), "{}", found.evidence);
}

#[test]
#[ignore = "needs gcc and libc-ares-dev"]
fn a_program_with_c_ares_has_it_beside_its_libc() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.c"), CARES).unwrap();
    compile(&["gcc", "app.c", "-o", "app", "-lcares"], dir.path());
    let found = known(&mut Command::new(dir.path().join("app")));
    assert_eq!(found.id, "glibc");
    let [other] = &found.others[..] else { panic!("{found:?}") };
    assert_eq!(other.id, "c-ares");
    let version = other.version.as_deref().unwrap_or_default();
    assert!(version.starts_with("1."), "{other:?}");
}

#[test]
#[ignore = "needs python3 and perl"]
fn scripts_resolve_with_the_libc_of_their_interpreter() {
    let python = "import time; print('ready', flush=True); time.sleep(600)";
    let perl = "$| = 1; print \"ready\\n\"; sleep 600";
    for (command, words) in
        [(["python3", "-c", python], "python: `socket` uses"), (["perl", "-e", perl], "perl: sockets use")]
    {
        let found = known(Command::new(command[0]).args(&command[1..]));
        assert_eq!(found.id, "glibc");
        assert!(found.evidence.contains(words), "{}", found.evidence);
        assert!(found.version.is_some());
    }
}

/// Holds an interpreter to the libc of this machine, its version included.
fn resolves_with_the_libc(found: &Detected, words: &str) {
    let libc = known(Command::new("sh").args(["-c", "echo ready; exec sleep 600"]));
    assert_eq!((found.id, &found.version), ("glibc", &libc.version), "{}", found.evidence);
    assert!(found.version.is_some() && found.evidence.contains(words), "{}", found.evidence);
}

#[test]
#[ignore = "needs ruby"]
fn ruby_resolves_with_the_libc() {
    let found = known(Command::new("ruby").args(["-e", "$stdout.sync = true; puts 'ready'; sleep"]));
    resolves_with_the_libc(&found, "ruby: sockets use the libc");
}

#[test]
#[ignore = "needs php"]
fn php_resolves_with_the_libc() {
    let found = known(Command::new("php").args(["-r", "echo \"ready\\n\"; sleep(600);"]));
    resolves_with_the_libc(&found, "php: `gethostbyname` uses the libc");
}

/// Debian links node with c-ares, others have it inside.
#[test]
#[ignore = "needs node"]
fn node_resolves_with_the_libc_and_has_c_ares_beside() {
    let found =
        known(Command::new("node").args(["-e", "console.log('ready'); setTimeout(() => {}, 600000)"]));
    resolves_with_the_libc(&found, "node: `dns.lookup`");
    let others: Vec<&str> = found.others.iter().map(|other| other.id).collect();
    assert_eq!(others, ["c-ares"], "{found:?}");
}

/// Stopped before it runs anything, as a program in Java wants a compiler; its libraries are loaded then.
#[test]
#[ignore = "needs java"]
fn java_resolves_with_the_libc() {
    let dir = tempfile::tempdir().unwrap();
    let paused = "until ls vm.paused.* >/dev/null 2>&1; do sleep 0.05; done; echo ready; wait";
    let script = format!("java -XX:+UnlockDiagnosticVMOptions -XX:+PauseAtStartup -version & {paused}");
    let shell = Ended::when_ready(Command::new("sh").args(["-c", &script]).current_dir(dir.path()));
    let file = std::fs::read_dir(dir.path()).unwrap().flatten().next().unwrap().file_name();
    let pid: u32 = file.to_str().unwrap().trim_start_matches("vm.paused.").parse().unwrap();
    let found = resolver_of(&locate(&Target::Pid(pid), &Host::default()).unwrap());
    // Without its file it goes on, and ends.
    std::fs::remove_file(dir.path().join(&file)).unwrap();
    drop(shell);
    let Detection::Known(found) = found else { panic!("{found:?}") };
    resolves_with_the_libc(&found, "java: `InetAddress` uses the libc");
}

#[test]
#[ignore = "needs perl and musl-gcc"]
fn every_process_of_a_container_is_listed_with_its_own_resolver() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.c"), C).unwrap();
    compile(&["musl-gcc", "-static", "app.c", "-o", "app"], dir.path());
    let perl = Ended::when_ready(Command::new("perl").args(["-e", "$| = 1; print \"ready\\n\"; sleep 600"]));
    let app = Ended::when_ready(&mut Command::new(dir.path().join("app")));
    let located = locate(&Target::Pid(perl.0.id()), &Host::default()).unwrap();
    let all = resolvers_of_container(&located, &Host::default());
    let id_of = |pid: u32| {
        let of = all.iter().find(|of| of.pid == pid).unwrap_or_else(|| panic!("{pid} is not in {all:?}"));
        match &of.detection {
            Detection::Known(found) => (of.command.clone(), found.id),
            Detection::Unknown(why) => panic!("{why}"),
        }
    };
    assert_eq!(id_of(perl.0.id()), ("perl".to_owned(), "glibc"));
    assert_eq!(id_of(app.0.id()), ("app".to_owned(), "musl"));
    assert!(all.is_sorted_by_key(|of| of.pid));
}
