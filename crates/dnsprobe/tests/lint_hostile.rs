//! `dnsprobe lint` on what is no manifest, or was made to do harm: said where, the rest linted, memory bounded.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use common::folder::{Folder, WRONG, places};
use common::{Left, PROGRAM, finish, powerless, program};

/// All the address space that a run gets, in KiB: a bomb that goes off needs far more.
const MOST_MEMORY: &str = "1048576";

/// What stands beside the hostile file in every folder.
const BESIDE: &str = "zzz.yaml:7:14 DP101";

/// `dnsprobe lint -o json .` with bounded memory.
fn lint(folder: &Folder) -> Command {
    let mut command = program("sh");
    let script = format!("ulimit -v {MOST_MEMORY}; exec \"$0\" lint -o json .");
    command.args(["-c", &script, PROGRAM]).env("RAYON_NUM_THREADS", "2").current_dir(folder.path());
    command
}

/// What is said of a hostile file that lies beside a wrong one.
fn beside(name: &str, content: &[u8]) -> Left {
    let folder = Folder::of(&[("zzz.yaml", WRONG)]);
    fs::write(folder.path().join(name), content).unwrap();
    finish(lint(&folder)).exits(1)
}

/// The hostile file is unreadable at this place, and the other one is linted.
fn is_refused(name: &str, content: &[u8], place: &str) {
    let found = places(&beside(name, content));
    assert_eq!(found, [format!("{name}:{place} DP001"), BESIDE.to_owned()]);
}

#[test]
fn ten_thousand_levels_are_refused_where_they_become_too_many() {
    let head = "apiVersion: v1\nkind: Pod\n";
    is_refused(
        "flow.yaml",
        format!("{head}spec: {}{}", "[".repeat(10_000), "]".repeat(10_000)).as_bytes(),
        "3:207",
    );
    is_refused("items.yaml", format!("{head}spec:\n  {}x\n", "- ".repeat(10_000)).as_bytes(), "4:401");
    let json = format!("{}1{}", "{\"apiVersion\":".repeat(10_000), "}".repeat(10_000));
    is_refused("deep.json", json.as_bytes(), "1:2801");
    let mut block = head.to_owned();
    for level in 0..10_000 {
        let _ = writeln!(block, "{:level$}a:", "");
    }
    is_refused("block.yaml", block.as_bytes(), "203:201");
}

#[test]
fn bombs_of_aliases_and_merge_keys_do_not_go_off() {
    let mut aliases = "apiVersion: v1\nkind: Pod\na0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    let mut merges = "apiVersion: v1\nkind: Pod\nm0: &m0 {k: 1}\n".to_owned();
    for level in 1..40 {
        let list = vec![format!("*a{}", level - 1); 9].join(",");
        let _ = writeln!(aliases, "a{level}: &a{level} [{list}]");
        let below = level - 1;
        let _ = writeln!(merges, "m{level}: &m{level}\n  <<: [*m{below}, *m{below}]\n  k{level}: 1");
    }
    let pod = "  containers: [{name: a, image: b}]\n";
    aliases.push_str("spec:\n  dnsConfig: *a39\n");
    let _ = write!(merges, "spec:\n  dnsConfig: {{<<: *m39}}\n{pod}");
    for (name, text) in [("aliases.yaml", aliases), ("merges.yaml", merges)] {
        let found = places(&beside(name, text.as_bytes()));
        assert!(found.len() > 1 && found.len() < 100, "{name}: {found:?}");
        assert_eq!(found.last().unwrap(), BESIDE);
    }
    let itself = "apiVersion: v1\nkind: Pod\nspec: &s {containers: [*s], dnsConfig: *s}\n";
    assert_eq!(places(&beside("itself.yaml", itself.as_bytes())).last().unwrap(), BESIDE);
}

#[test]
fn bytes_that_are_no_text_are_refused_where_they_stand() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: ";
    is_refused("latin-1.yaml", &[pod.as_bytes(), b"\xe4\xf6 ", b"}\n"].concat(), "3:18");
    is_refused("nul.yaml", &[pod.as_bytes(), b"\0", b"}\n"].concat(), "3:18");
    let utf_16: Vec<u8> = "\u{feff}apiVersion: v1".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let folder = Folder::of(&[("zzz.yaml", WRONG)]);
    fs::write(folder.path().join("utf-16.yaml"), utf_16).unwrap();
    // Nothing in it says that it is one of ours, unless it is named.
    assert_eq!(places(&finish(lint(&folder)).exits(1)), [BESIDE]);
    assert_eq!(folder.found(&["utf-16.yaml", "zzz.yaml"], 1), ["utf-16.yaml:1:1 DP001", BESIDE]);
    let before = format!("{WRONG}---\n{WRONG}---\nname: \u{e4}").into_bytes();
    let cut = &before[..before.len() - 1];
    let found = places(&beside("cut.yaml", cut));
    assert_eq!(found, ["cut.yaml:7:14 DP101", "cut.yaml:18:14 DP101", "cut.yaml:23:7 DP001", BESIDE]);
}

#[test]
fn any_bytes_are_survived() {
    let mut state = 0x2545_F491_u32;
    let mut random = |count: usize| -> Vec<u8> {
        let byte = |_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[0]
        };
        (0..count).map(byte).collect()
    };
    for round in 0..20 {
        let mut bytes = random(1 << (round % 14));
        bytes.splice(0..0, *b"apiVersion: v1\n");
        let found = places(&beside("random.yaml", &bytes));
        assert_eq!(found.last().unwrap(), BESIDE, "{bytes:?}");
    }
}

#[test]
fn a_text_that_is_broken_all_over_is_given_up() {
    let broken = format!("apiVersion: v1\n{}", "---\n@\n".repeat(100_000));
    let found = places(&beside("broken.yaml", broken.as_bytes()));
    assert!(found.len() > 10 && found.len() < 200, "{}", found.len());
    let objects = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\n".repeat(100_002);
    let left = beside("many.yaml", objects.as_bytes());
    assert_eq!(places(&left), ["many.yaml:400001:1 DP001", BESIDE]);
    left.prints(&["more than 100000 objects in one text"]);
}

#[test]
fn long_texts_are_not_repeated_whole() {
    let long = "x".repeat(1_000_000);
    let pod = WRONG.replace("clusterfirst", &long);
    let left = beside("long.yaml", pod.as_bytes());
    assert_eq!(places(&left), ["long.yaml:7:14 DP101", BESIDE]);
    assert!(left.text().len() < 20_000, "{}", left.text().len());
}

#[test]
fn unreadable_files_are_named_and_the_rest_is_linted() {
    let folder = Folder::of(&[("zzz.yaml", WRONG), ("secret.yaml", WRONG), ("shut/inside.yaml", WRONG)]);
    let shut = |name: &str| fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o000));
    shut("secret.yaml").unwrap();
    shut("shut").unwrap();
    let mut command = powerless(&["lint", "-o", "json", "."]);
    command.current_dir(folder.path());
    let left = finish(command).exits(2);
    left.complains(&["secret.yaml", "shut", "Permission denied"]);
    assert_eq!(places(&left), [BESIDE]);
    fs::set_permissions(folder.path().join("shut"), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_file_that_fails_while_it_is_read_is_named_and_the_rest_is_linted() {
    let folder = Folder::of(&[("zzz.yaml", WRONG)]);
    // A regular file that can be opened and not be read from.
    std::os::unix::fs::symlink("/proc/self/mem", folder.path().join("memory.yaml")).unwrap();
    let left = finish(lint(&folder)).exits(2);
    left.complains(&["memory.yaml", "Input/output error"]);
    assert_eq!(places(&left), [BESIDE]);
}
