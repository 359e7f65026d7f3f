//! `dnsprobe completions` and `dnsprobe man`: shells and `man` can read what is printed.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;

use common::{fed, program, run};

const COMMANDS: [&str; 8] = ["demo", "explain", "watch", "exec", "read", "lint", "completions", "man"];

/// Whether this machine has the program.
fn exists(name: &str) -> bool {
    program("sh").args(["-c", "command -v \"$0\"", name]).output().unwrap().status.success()
}

#[test]
fn completions_of_every_shell_name_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        run(&["completions", shell]).exits(0).quietly().prints(&COMMANDS);
    }
}

#[test]
fn the_shells_of_this_machine_parse_their_completions() {
    let parsed = ["bash", "zsh", "fish"].into_iter().filter(|shell| exists(shell)).inspect(|shell| {
        let script = run(&["completions", shell]).exits(0).stdout;
        let mut parse = program(shell);
        parse.arg("-n");
        fed(parse, &script).exits(0).quietly().without_result();
    });
    assert!(parsed.count() > 0, "neither bash nor zsh nor fish is installed");
}

#[test]
fn bash_completes_commands_and_their_options() {
    let complete = "source /dev/stdin; COMP_WORDS=(dnsprobe \"$1\" \"$2\"); COMP_CWORD=$(($# ? ($# > 1 ? 2 : 1) : 1));
        _dnsprobe dnsprobe \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let script = run(&["completions", "bash"]).exits(0).stdout;
    for (words, wanted) in [(&["expl"][..], "explain"), (&["watch", "--netn"], "--netns")] {
        let mut bash = program("bash");
        bash.args(["--norc", "-c", complete, "bash"]).args(words);
        fed(bash, &script).exits(0).prints(&[wanted]);
    }
}

#[test]
fn the_manual_page_says_what_every_command_is_for() {
    let page = run(&["man"]).exits(0);
    page.quietly().prints(&[".TH dnsprobe", ".SH NAME", ".SH SYNOPSIS"]).prints(&COMMANDS);
    // Escaped dashes and the like are fine for all of these; a page they cannot read is not.
    let formatters =
        [("mandoc", &["-T", "ascii"][..]), ("man", &["-l", "-"]), ("groff", &["-man", "-Tascii"])];
    for (formatter, words) in formatters.into_iter().filter(|(formatter, _)| exists(formatter)) {
        let mut format = program(formatter);
        format.args(words).env("MANPAGER", "cat").env("MAN_KEEP_FORMATTING", "").env("MANWIDTH", "100");
        fed(format, &page.stdout).exits(0).prints(&["General Commands Manual"]);
    }
}
