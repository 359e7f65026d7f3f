//! What is missing to do a thing, and giving up what is no longer needed.

use std::io;

pub use caps::Capability;
use caps::{CapSet, CapsHashSet};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// To enter another network namespace (setns(2)).
pub const TO_ENTER: &[Capability] = &[Capability::CAP_SYS_ADMIN];
/// To open a packet socket (packet(7)).
pub const TO_CAPTURE: &[Capability] = &[Capability::CAP_NET_RAW];
/// To look through `/proc/PID` at another user's process (ptrace(2), "Ptrace access mode checking").
pub const TO_INSPECT: &[Capability] = &[Capability::CAP_SYS_PTRACE];

/// Those of `needed` that the calling thread cannot use. All of them when the kernel does not say.
pub fn missing(needed: &[Capability]) -> Vec<Capability> {
    let held = caps::read(None, CapSet::Effective).unwrap_or_default();
    needed.iter().copied().filter(|capability| !held.contains(capability)).collect()
}

/// The same command under sudo, quoted for a shell, to suggest to the user.
pub fn sudo_line(command_line: &[String]) -> String {
    let words = command_line.iter().map(|word| quoted(word));
    std::iter::once("sudo".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// No program started from here on gains privileges by being set-user-ID or having file capabilities. Cannot be undone.
pub fn no_new_privs() -> io::Result<()> {
    nix::sys::prctl::set_no_new_privs().map_err(Into::into)
}

/// So many open files are enough for the pods of a node.
const ENOUGH_FILES: u64 = 4_096;

/// Raises the number of files that this process may have open to what it is allowed, or to what the pods of a node take
/// where it may go beyond that (`CAP_SYS_RESOURCE`), and says how many that are. Each namespace that is watched takes one.
pub fn raise_open_files() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let enough = hard.max(ENOUGH_FILES);
    if hard < enough && setrlimit(Resource::RLIMIT_NOFILE, enough, enough).is_ok() {
        return Ok(enough);
    }
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(hard)
}

/// Gives up every capability of the calling thread, for good.
///
/// Threads have their own: call it before starting others, once sockets and files are open.
pub fn drop_all() -> io::Result<()> {
    keep_only(&[])
}

/// Gives up every capability of the calling thread but `kept`, for good.
///
/// The bounding set shrinks too where the kernel lets it (`CAP_SETPCAP`), so that a program started by root does not
/// get back what was given up.
pub fn keep_only(kept: &[Capability]) -> io::Result<()> {
    let kept: CapsHashSet = kept.iter().copied().collect();
    let held = caps::read(None, CapSet::Permitted).map_err(io::Error::other)?;
    let remaining = held.intersection(&kept).copied().collect();
    for capability in caps::all().difference(&kept) {
        // Without CAP_SETPCAP, or for a capability newer than the kernel.
        let _ = caps::drop(None, CapSet::Bounding, *capability);
    }
    let none = CapsHashSet::new();
    // Kernels before 4.3 have no ambient set.
    let _ = caps::set(None, CapSet::Ambient, &none);
    caps::set(None, CapSet::Inheritable, &none).map_err(io::Error::other)?;
    // In this order: what is in use must be permitted.
    caps::set(None, CapSet::Effective, &remaining).map_err(io::Error::other)?;
    caps::set(None, CapSet::Permitted, &remaining).map_err(io::Error::other)
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &[&str]) -> Vec<String> {
        line.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_sudo_line_can_be_pasted_into_a_shell() {
        let line =
            sudo_line(&words(&["dnsprobe", "watch", "--netns", "it's a; name", "", "-w", "/tmp/x.pcap"]));
        assert_eq!(line, r"sudo dnsprobe watch --netns 'it'\''s a; name' '' -w /tmp/x.pcap");
    }

    #[test]
    fn a_thread_without_capabilities_misses_what_it_needs() {
        let without = std::thread::spawn(|| {
            drop_all().unwrap();
            (missing(TO_ENTER), missing(TO_CAPTURE))
        });
        let missed = without.join().unwrap();
        assert_eq!(missed, (TO_ENTER.to_vec(), TO_CAPTURE.to_vec()));
    }

    #[test]
    fn a_thread_keeps_only_what_it_held() {
        let held = caps::read(None, CapSet::Permitted).unwrap();
        let after = std::thread::spawn(|| {
            keep_only(TO_CAPTURE).unwrap();
            caps::read(None, CapSet::Effective).unwrap()
        });
        let wanted: CapsHashSet = held.into_iter().filter(|held| TO_CAPTURE.contains(held)).collect();
        assert_eq!(after.join().unwrap(), wanted);
    }

    #[test]
    fn as_many_files_may_be_open_as_are_allowed() {
        let most = raise_open_files().unwrap();
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (most, most));
        let may = caps::has_cap(None, CapSet::Effective, Capability::CAP_SYS_RESOURCE).unwrap();
        assert!(!may || most >= ENOUGH_FILES, "{most}");
    }

    #[test]
    fn a_low_limit_is_raised_as_far_as_that_is_allowed() {
        // The test above, in a process of its own with few files.
        let script =
            "ulimit -n 64 && exec \"$0\" --exact privileges::tests::as_many_files_may_be_open_as_are_allowed";
        let this = std::env::current_exe().unwrap();
        let output = std::process::Command::new("sh").args(["-c", script]).arg(this).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }

    #[test]
    fn giving_up_the_right_to_gain_privileges_lasts() {
        let flag =
            std::thread::spawn(|| no_new_privs().and_then(|()| Ok(nix::sys::prctl::get_no_new_privs()?)));
        assert!(flag.join().unwrap().unwrap());
    }
}
