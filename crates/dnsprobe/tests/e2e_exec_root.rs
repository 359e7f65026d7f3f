//! `dnsprobe exec` and containers that are not trusted, what it keeps of its privileges, and what becomes of programs that
//! outlive it.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;
mod pod;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{Left, POD_CONF, Report, dnsprobe, finish, run, words};
use nix::sys::stat::Mode;
use pod::Pod;
use pod::clients::Client;
use pod::cluster::Cluster;
use pod::container::{Container, PROGRAM, children};

/// `dnsprobe exec` in the container.
fn exec(container: &Container, options: &[&str], command: &[&str]) -> Command {
    let pid = container.pid().to_string();
    dnsprobe(&[&["exec", "--pid", &pid], options, &["--"], command].concat())
}

fn shell(container: &Container, script: &str) -> Left {
    finish(exec(container, &[], &["sh", "-c", script])).exits(0)
}

fn read_report(path: &Path) -> Report {
    let text = fs::read_to_string(path).unwrap();
    Report::new(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// A running `dnsprobe exec`; ended when dropped.
struct Executing(Child);

impl Executing {
    /// Starts it and waits until the program says `ready`.
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "{command:?}");
        Self(child)
    }

    /// The program that it runs.
    fn program(&self) -> u32 {
        let [pid] = children(self.0.id())[..] else { panic!("{:?}", children(self.0.id())) };
        pid
    }
}

impl Drop for Executing {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A field of `/proc/PID/status`.
fn field(status: &str, name: &str) -> String {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {status}")).trim().to_owned()
}

fn status(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/status")).unwrap()
}

fn namespace(pid: u32, kind: &str) -> std::path::PathBuf {
    fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_container_without_a_shell_lends_its_files_to_the_nodes_programs() {
    let pod = Pod::new("");
    let cluster = Cluster::start(&pod);
    let container = Container::start(&pod, &[]);
    fs::write(container.path("etc/resolv.conf"), POD_CONF).unwrap();
    fs::write(container.path("etc/hosts"), "192.0.2.123 only-here\n").unwrap();
    assert_eq!(shell(&container, "cat /etc/resolv.conf").text(), POD_CONF);
    // Without an nsswitch.conf the container's resolver, too, reads hosts first and then asks.
    shell(&container, "test ! -e /etc/nsswitch.conf");
    shell(&container, "getent ahostsv4 only-here").prints(&["192.0.2.123"]);
    shell(&container, "getent ahosts web").prints(&["10.96.31.14"]).complains(&["web ", "1 lookup"]);
    assert!(cluster.take().iter().all(|question| question.starts_with("web.")), "hosts was not read");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn with_root_the_program_is_the_containers_own() {
    let pod = Pod::new("");
    let _cluster = Cluster::start(&pod);
    let container = Container::start(&pod, &[]);
    fs::write(container.path("etc/resolv.conf"), POD_CONF).unwrap();
    let report = tempfile::NamedTempFile::new().unwrap();
    let options = ["--root", "-o", "json", "--report", words(&report)];
    finish(exec(&container, &options, &[PROGRAM, "web"]))
        .exits(0)
        .quietly()
        .prints(&["web\t", "\t10.96.31.14\n"]);
    let report = read_report(report.path());
    assert_eq!((report.names(), &report.summary["told_by"]), (vec!["web"], &"socket".into()));
    // It is there on the node, but not in the container.
    let missing = finish(exec(&container, &["--root"], &["getent", "ahosts", "web"])).exits(127);
    missing.without_result().complains(&["\"getent\" in the container", "without --root"]);
    run(&["exec", "--netns", pod.name(), "--root", "--", "true"]).exits(125).complains(&["no file system"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn with_root_the_program_can_do_no_more_than_the_container() {
    let pod = Pod::new("");
    let container = Container::start(&pod, &[]);
    // What a runtime takes away is taken away before the container's own program runs.
    let first = status(container.pid());
    let running = Executing::start(exec(&container, &["--root"], &[PROGRAM]));
    let own = status(running.program());
    assert_eq!((field(&own, "CapBnd"), field(&own, "NoNewPrivs")), (field(&first, "CapBnd"), "1".to_owned()));
    for kind in ["net", "mnt", "pid", "uts", "user"] {
        assert_eq!(namespace(running.program(), kind), namespace(container.pid(), kind), "{kind}");
    }
    drop(running);
    let dropping = ["setpriv", "--bounding-set=-all,+chown,+kill"];
    let mut limited = pod.program(&[&dropping[..], &["sleep", "600"]].concat()).spawn().unwrap();
    while fs::read(format!("/proc/{}/cmdline", limited.id())).unwrap() != b"sleep\x00600\x00" {
        std::thread::yield_now();
    }
    let line =
        ["exec", "--pid", &limited.id().to_string(), "--root", "--", "grep", "Cap", "/proc/self/status"];
    let ran = run(&line);
    limited.kill().unwrap();
    limited.wait().unwrap();
    let own = ran.exits(0).text();
    // CAP_CHOWN is 0, CAP_KILL 5.
    for set in ["CapPrm", "CapEff", "CapBnd"] {
        assert_eq!(field(&own, set), "0000000000000021", "{set}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn in_a_rootless_container_the_program_is_root_of_its_user_namespace() {
    let pod = Pod::new("");
    let _cluster = Cluster::start(&pod);
    let container = Container::start(&pod, &["--user", "--map-root-user"]);
    fs::write(container.path("etc/resolv.conf"), POD_CONF).unwrap();
    assert_ne!(namespace(container.pid(), "user"), namespace(std::process::id(), "user"));
    let left = finish(exec(&container, &["--root"], &[PROGRAM, "web"])).exits(0);
    left.prints(&["\t10.96.31.14\n"]).complains(&["1 lookup"]);
    let running = Executing::start(exec(&container, &["--root"], &[PROGRAM]));
    assert_eq!(namespace(running.program(), "user"), namespace(container.pid(), "user"));
    shell(&container, "getent ahosts web").prints(&["10.96.31.14"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_hostile_container_leaks_no_file_of_the_node_and_blocks_nothing() {
    let pod = Pod::new("");
    let container = Container::start(&pod, &[]);
    let secret = common::file("nameserver 203.0.113.66 # secret\n");
    let conf = container.path("etc/resolv.conf");
    let up = format!("../../../../../../../../..{}", words(&secret));
    let linked = |to: &str| symlink(to, &conf).unwrap();
    let hostile: [(&str, &dyn Fn()); 7] = [
        ("", &|| linked(words(&secret))),
        ("", &|| linked(&up)),
        ("", &|| linked("nowhere")),
        ("lead out of the container", &|| linked("/proc/1/root/etc/resolv.conf")),
        ("it is a FIFO", &|| nix::unistd::mkfifo(&conf, Mode::S_IRWXU).unwrap()),
        ("it is a directory", &|| fs::create_dir(&conf).unwrap()),
        ("it has more than", &|| fs::File::create(&conf).unwrap().set_len(1 << 40).unwrap()),
    ];
    for (said, make) in hostile {
        make();
        let left = shell(&container, "if test -e /etc/resolv.conf; then cat /etc/resolv.conf; fi");
        left.without_result();
        match said {
            "" => assert!(!left.stderr.contains("cannot be read"), "{}", left.stderr),
            said => drop(left.complains(&["etc/resolv.conf cannot be read", said]).stderr.len()),
        }
        fs::remove_file(&conf).or_else(|_| fs::remove_dir(&conf)).unwrap();
    }
    assert!(fs::read_to_string(secret.path()).unwrap().contains("secret"));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn nothing_that_decodes_or_prints_has_a_privilege() {
    let pod = Pod::new("");
    let running =
        Executing::start(dnsprobe(&["exec", "--netns", pod.name(), "--", words(&Client::Glibc.path())]));
    // The program may be ahead of the thread that started it.
    let wanted = BTreeMap::from([
        ("dnsprobe".to_owned(), "0000000000000000"),
        ("program".to_owned(), "0000000000000020"),
        ("sockets".to_owned(), "0000000000080000"),
    ]);
    let threads = || -> Vec<String> {
        let tasks = fs::read_dir(format!("/proc/{}/task", running.0.id())).unwrap();
        tasks.map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap()).collect()
    };
    for set in ["CapEff", "CapPrm", "CapBnd"] {
        let held = || -> BTreeMap<String, String> {
            threads().iter().map(|status| (field(status, "Name"), field(status, set))).collect()
        };
        eventually(&format!("{set}: {wanted:?}"), || {
            held().iter().map(|(name, held)| (name.clone(), held.as_str())).collect::<BTreeMap<_, _>>()
                == wanted
        });
    }
    assert!(threads().iter().all(|status| field(status, "NoNewPrivs") == "1"));
    let own = status(running.program());
    assert_eq!(
        (field(&own, "CapEff"), field(&own, "NoNewPrivs")),
        (field(&status(std::process::id()), "CapEff"), "1".into())
    );
}

/// Waits until something is so.
fn eventually(what: &str, so: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("never: {what}");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn programs_that_are_left_behind_still_reach_the_network() {
    let pod = Pod::new("");
    let _cluster = Cluster::start(&pod);
    let directory = tempfile::tempdir().unwrap();
    let [go, result] = [directory.path().join("go"), directory.path().join("result")];
    let client = words(&Client::Glibc.path()).to_owned();
    // It looks a name up when the file is there, long after dnsprobe has ended.
    let script = format!(
        "(while ! test -e {}; do sleep 0.05; done; {client} web > {result}.part; mv {result}.part {result}) \
            </dev/null >/dev/null 2>&1 & echo left",
        words(&go),
        result = words(&result)
    );
    let left = finish(dnsprobe(&["exec", "--netns", pod.name(), "--", "sh", "-c", &script])).exits(0);
    left.prints(&["left\n"]).complains(&["No DNS lookups"]);
    fs::write(&go, "").unwrap();
    eventually("the program that was left behind has its answer", || result.exists());
    assert!(fs::read_to_string(&result).unwrap().contains("\t10.96.31.14\n"));
    eventually("the process that served it has ended", || {
        !processes().iter().any(|line| line.contains("exec-keep"))
    });
}

/// The command lines of all processes.
fn processes() -> Vec<String> {
    let numbers = fs::read_dir("/proc").unwrap().flatten();
    let lines = numbers.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).collect()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_program_ends_with_a_dnsprobe_that_is_killed() {
    let pod = Pod::new("");
    let mut running =
        Executing::start(dnsprobe(&["exec", "--netns", pod.name(), "--", words(&Client::Glibc.path())]));
    let program = running.program();
    // Its standard input stays open, so that it does not end by itself.
    let _input = running.0.stdin.take();
    drop(running);
    eventually("the program has ended", || !Path::new(&format!("/proc/{program}/exe")).exists());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn where_the_kernel_refuses_to_tell_all_lookups_are_reported_and_it_is_said() {
    let pod = Pod::new("");
    let _cluster = Cluster::start(&pod);
    let [outer, inner] = [(); 2].map(|()| tempfile::NamedTempFile::new().unwrap());
    let options = |file: &tempfile::NamedTempFile| {
        ["-o", "json", "--report", words(&file.path())].map(ToOwned::to_owned)
    };
    // A second listener in one process is one too many.
    let second = [&["exec"].map(ToOwned::to_owned)[..], &options(&inner), &["--".to_owned()]].concat();
    let first = [&["exec", "--netns", pod.name()].map(ToOwned::to_owned)[..], &options(&outer)].concat();
    let line = [&first, &["--", common::PROGRAM].map(ToOwned::to_owned)[..], &second].concat();
    let mut line: Vec<&str> = line.iter().map(String::as_str).collect();
    line.extend(["getent", "ahosts", "web"]);
    let left = finish(dnsprobe(&line)).exits(0);
    left.prints(&["10.96.31.14"]).complains(&["lookups of other programs", "seccomp listener", "busy"]);
    let [outer, inner] = [outer, inner].map(|file| read_report(file.path()));
    assert_eq!((outer.names(), inner.names()), (vec!["web"], vec!["web"]));
    assert_eq!(
        (&outer.summary["told_by"], &inner.summary["told_by"]),
        (&"socket".into(), &serde_json::Value::Null)
    );
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_dnsprobe_cannot_do_is_125_and_the_program_does_not_run() {
    let pod = Pod::new("");
    let directory = tempfile::tempdir().unwrap();
    let [mark, report] = [directory.path().join("mark"), directory.path().join("no/such/report")];
    let (mark, report) = (words(&mark), words(&report));
    let cases: [(&[&str], &str); 4] = [
        (&["--netns", "no-such-namespace"], "no-such-namespace"),
        (&["--netns", pod.name(), "--report", report], report),
        (&["--netns", pod.name(), "-w", "-"], "standard output is CMD's alone"),
        (&["--netns", pod.name(), "--bogus"], "--bogus"),
    ];
    for (options, said) in cases {
        let line = [&["exec"], options, &["--", "touch", mark]].concat();
        run(&line).exits(125).without_result().complains(&[said]);
        assert!(!Path::new(mark).exists(), "{options:?}");
    }
    run(&["exec", "--netns", pod.name()]).exits(125).complains(&["CMD"]);
    run(&["--color", "never", "exec", "--bogus"]).exits(125).complains(&["--bogus"]);
    // Another command has its own status.
    run(&["explain", "exec", "--bogus"]).exits(2).complains(&["--bogus"]);
    run(&["exec", "--help"]).exits(0).prints(&["CAP_SYS_ADMIN", "CAP_NET_RAW", "CAP_SYS_PTRACE", "125"]);
}
