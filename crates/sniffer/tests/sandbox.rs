//! The private network of `dnsprobe demo`, entered by a program of its own: it needs a process with one thread.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::require_root;

/// The example of the same name, which `cargo test` builds.
fn example() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().and_then(Path::parent).unwrap().join("examples/sandbox");
    assert!(path.exists(), "{} is built by `cargo test` without --test", path.display());
    path
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn any_user_enters_or_is_told_which_setting_forbids_it() {
    let output = Command::new(example()).output().unwrap();
    let (stdout, stderr) = said(&output);
    if output.status.success() {
        assert!(stdout.ends_with(": 10.244.1.7 asks 10.96.0.10:53\n"), "{stdout}");
    } else {
        assert!(stderr.starts_with("this system does not allow private namespaces: "), "{stderr}");
    }
}

#[test]
#[ignore = "needs root"]
fn root_enters_without_a_user_namespace() {
    require_root();
    let (stdout, stderr) = said(&Command::new(example()).output().unwrap());
    assert_eq!((stdout.as_str(), stderr.as_str()), ("AsRoot: 10.244.1.7 asks 10.96.0.10:53\n", ""));
}

/// The example as nobody, who may not be able to reach where it was built.
fn as_nobody(words: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = dir.path().join("sandbox");
    std::fs::copy(example(), &program).unwrap();
    Command::new(&program).args(words).uid(65534).gid(65534).output().unwrap()
}

#[test]
#[ignore = "needs root"]
fn nobody_enters_through_a_user_namespace() {
    require_root();
    let (stdout, stderr) = said(&as_nobody(&[]));
    assert_eq!((stdout.as_str(), stderr.as_str()), ("AsUser: 10.244.1.7 asks 10.96.0.10:53\n", ""));
}

#[test]
#[ignore = "needs root"]
fn etc_is_replaced_inside_only_and_the_rest_of_it_is_there() {
    require_root();
    let before = std::fs::read("/etc/resolv.conf").ok();
    let script = "cat /etc/resolv.conf; test ! -L /etc/resolv.conf && cat /etc/nsswitch.conf; ls /etc | wc -l; cat /etc/passwd";
    let (stdout, stderr) = said(&as_nobody(&["sh", "-c", script]));
    let names = std::fs::read_dir("/etc").unwrap().filter(|entry| {
        entry.as_ref().is_ok_and(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
    });
    let wanted = format!(
        "nameserver 10.96.0.10\nsearch default.svc.cluster.local\nhosts: dns\n{}\n{}",
        names.count(),
        std::fs::read_to_string("/etc/passwd").unwrap()
    );
    assert_eq!((stdout.as_str(), stderr.as_str()), (wanted.as_str(), ""));
    assert_eq!(std::fs::read("/etc/resolv.conf").ok(), before);
}

#[test]
#[ignore = "needs root"]
fn a_missing_and_a_linked_resolv_conf_are_replaced_too() {
    require_root();
    // In mount namespaces of their own, on a copy of /etc.
    for prepare in ["rm -f /etc/resolv.conf", "ln -sf /run/nowhere/stub-resolv.conf /etc/resolv.conf"] {
        let copy = "mount -t tmpfs t /mnt && cp -a /etc/. /mnt/ && mount --bind /mnt /etc";
        let script = format!("{copy} && {prepare} && '{}' cat /etc/resolv.conf", example().display());
        let output = Command::new("unshare").args(["--mount", "sh", "-c", &script]).output().unwrap();
        let (stdout, stderr) = said(&output);
        assert!(stdout.starts_with("nameserver 10.96.0.10\n"), "{prepare}: {stderr}");
    }
}

#[test]
#[ignore = "needs root"]
fn a_forbidden_sandbox_names_the_setting() {
    require_root();
    // A limit of zero in a user namespace of nobody's, which the example then cannot go below.
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && echo 0 > /proc/sys/user/max_net_namespaces && exec \"$0\"";
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = dir.path().join("sandbox");
    std::fs::copy(example(), &program).unwrap();
    let output = Command::new("unshare")
        .args(["-Ur", "sh", "-c", script])
        .arg(&program)
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    let (stdout, stderr) = said(&output);
    assert!(
        stderr.starts_with("this system does not allow private namespaces: user.max_user_namespaces = 0\n"),
        "{stdout}{stderr}"
    );
}
