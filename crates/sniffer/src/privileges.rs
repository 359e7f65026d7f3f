//! What is missing to do a thing, and giving up what is no longer needed.

use std::io;

use caps::CapSet;
pub use caps::Capability;

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

/// Gives up every capability of the calling thread, for good, its bounding set included where the kernel lets it.
///
/// Threads have their own: call it before starting others, once sockets and files are open.
pub fn drop_all() -> io::Result<()> {
    todo!()
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
