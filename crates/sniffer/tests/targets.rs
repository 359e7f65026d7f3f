//! Finding real namespaces and processes, and what is said when it is not allowed.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;

use std::process::Command;

use common::{Ended, Namespace, Watch, require_root};
use dnsprobe_sniffer::netns::{run_in, visiting};
use dnsprobe_sniffer::target::locate;
use dnsprobe_sniffer::{CaptureOptions, Content, Error, Host, Hostname, Netns, Process, Target, privileges};

fn interfaces() -> Vec<String> {
    pnet_datalink::interfaces().into_iter().map(|interface| interface.name).collect()
}

#[test]
#[ignore = "needs root"]
fn a_named_namespace_is_entered_by_name_and_by_path() {
    require_root();
    let named = Namespace::new("named");
    for target in [named.name.clone(), format!("/run/netns/{}", named.name)] {
        let located = locate(&Target::Netns(target), &Host::default()).unwrap();
        assert!(located.netns.is(&named.netns));
        assert!(!located.netns.is(&Netns::current().unwrap()));
        assert_eq!(run_in(&located.netns, interfaces).unwrap(), ["lo"]);
    }
    let error = locate(&Target::Netns("dnsprobe-test-no-such".into()), &Host::default()).unwrap_err();
    assert!(error.to_string().contains(&named.name), "{error}");
}

#[test]
#[ignore = "needs root"]
fn the_callers_own_thread_stays_where_it_is() {
    require_root();
    let before = Netns::current().unwrap();
    let named = Namespace::new("away");
    let inside = run_in(&named.netns, || Netns::current().unwrap().inode()).unwrap();
    assert_eq!(inside, named.netns.inode());
    assert!(Netns::current().unwrap().is(&before));
}

#[test]
#[ignore = "needs root"]
fn who_visits_one_namespace_after_the_other_is_where_it_was_sent() {
    require_root();
    let (before, one, other) = (Netns::current().unwrap(), Namespace::new("one"), Namespace::new("other"));
    let way = [&before, &one.netns, &one.netns, &other.netns, &before, &other.netns, &one.netns];
    let visit = |netns: &&Netns| run_in(netns, || Netns::current().unwrap().inode()).unwrap();
    let seen = visiting(|| way.iter().map(visit).collect::<Vec<_>>()).unwrap();
    assert_eq!(seen, way.map(Netns::inode));
    assert!(Netns::current().unwrap().is(&before));
}

#[test]
#[ignore = "needs root"]
fn a_process_brings_its_network_its_files_and_its_host_name() {
    require_root();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "nameserver 192.0.2.53\n").unwrap();
    let script = format!("mount --bind '{}' /etc/hosts; hostname pod-x", file.path().display());
    let container = Ended::shell(&["unshare", "--net", "--mount", "--uts"], &script);
    let located = locate(&Target::Pid(container.0.id()), &Host::default()).unwrap();
    assert!(!located.netns.is(&Netns::current().unwrap()));
    let link = std::fs::read_link(format!("/proc/{}/ns/net", container.0.id())).unwrap();
    assert_eq!(link.to_str().unwrap(), format!("net:[{}]", located.netns.inode()));
    let read = located.root.read("etc/hosts");
    assert!(matches!(read.content, Content::Found(bytes) if bytes == b"nameserver 192.0.2.53\n"));
    assert_eq!(read.path.to_str().unwrap(), format!("/proc/{}/root/etc/hosts", container.0.id()));
    assert_eq!(located.process.unwrap().hostname(), Hostname::Kernel("pod-x".into()));
}

#[test]
#[ignore = "needs root"]
fn a_number_given_to_another_process_is_noticed() {
    require_root();
    let mut first = Command::new("true").spawn().unwrap();
    let pid = first.id();
    let process = Process::open(&Host::default(), pid).unwrap();
    first.wait().unwrap();
    let same_number = || {
        // The kernel gives out the next number after this one; others on the machine may be quicker.
        std::fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).unwrap();
        let child = Ended(Command::new("sleep").arg("600").spawn().unwrap());
        (child.0.id() == pid).then_some(child)
    };
    let _second = (0..1000).find_map(|_| same_number()).expect("the number is free again");
    assert!(Process::open(&Host::default(), pid).unwrap().is_alive());
    assert!(!process.is_alive());
    assert!(matches!(process.netns(), Err(Error::ProcessGone { .. })));
    assert!(matches!(process.root(), Err(Error::ProcessGone { .. })));
}

/// Runs `work` on a thread that has no capabilities.
fn without_privileges<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            privileges::drop_all().unwrap();
            work()
        });
        thread.join().unwrap()
    })
}

fn command_line() -> Vec<String> {
    ["dnsprobe", "watch", "--pid", "1"].map(str::to_owned).to_vec()
}

#[test]
fn capturing_without_privileges_names_the_capability_and_the_sudo_line() {
    let error = without_privileges(|| {
        Watch::new().capture.attach(&Netns::current().unwrap(), &CaptureOptions::default()).unwrap_err()
    });
    let inode = Netns::current().unwrap().inode();
    let said = format!("not allowed to capture in network namespace {inode} (it needs CAP_NET_RAW)");
    assert_eq!(error.to_string(), said);
    let hint = "run it with privileges: sudo dnsprobe watch --pid 1";
    assert_eq!(error.hint(&command_line()).as_deref(), Some(hint));
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
#[ignore = "needs root"]
fn entering_without_privileges_names_the_capability_and_the_sudo_line() {
    require_root();
    let named = Namespace::new("denied");
    let error = without_privileges(|| run_in(&named.netns, || ()).unwrap_err());
    let inode = named.netns.inode();
    let said = format!("not allowed to enter network namespace {inode} (it needs CAP_SYS_ADMIN)");
    assert_eq!(error.to_string(), said);
    assert!(error.hint(&command_line()).unwrap().ends_with("sudo dnsprobe watch --pid 1"));
}

#[test]
#[ignore = "needs root"]
fn another_users_process_needs_the_right_to_inspect() {
    require_root();
    let nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    let other = Ended::shell(&nobody, "");
    let error = without_privileges(|| locate(&Target::Pid(other.0.id()), &Host::default()).unwrap_err());
    let said = format!("not allowed to open /proc/{}/ns/net (it needs CAP_SYS_PTRACE)", other.0.id());
    assert_eq!(error.to_string(), said);
}
