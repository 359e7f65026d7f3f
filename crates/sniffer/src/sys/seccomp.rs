//! Being told of another program's system calls (`seccomp_unotify(2)`), and copies of its descriptors (`pidfd_getfd(2)`).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Gid, Uid, read, setgid, setgroups, setuid, write};

use super::{checked, zeroed};

/// How the kernel names this processor's calling convention (`linux/audit.h`), where it is known here.
const ARCHITECTURE: Option<u32> = if cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) {
    Some(0xc000_003e)
} else if cfg!(target_arch = "aarch64") {
    Some(0xc000_00b7)
} else if cfg!(target_arch = "riscv64") {
    Some(0xc000_00f3)
} else {
    None
};

/// Every call that gives a socket its port, or sends to an address.
const CALLS: [libc::c_long; 4] = [libc::SYS_connect, libc::SYS_sendto, libc::SYS_sendmsg, libc::SYS_sendmmsg];

/// Where `seccomp_data` has the number of the call, and the calling convention.
const NUMBER_AT: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;

/// What the kernel runs for each system call: [`CALLS`] are told, all others pass. So do those of another calling
/// convention (32-bit programs; x32, whose numbers are all beyond those of [`CALLS`]). `None` where this processor's
/// numbers are not known.
pub(crate) fn filter() -> Option<Vec<libc::sock_filter>> {
    const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
    let line = |code: u32, k: u32, jt: usize, jf: usize| {
        let byte = |jump| u8::try_from(jump).unwrap_or(u8::MAX);
        libc::sock_filter { code: u16::try_from(code).unwrap_or_default(), jt: byte(jt), jf: byte(jf), k }
    };
    let calls = CALLS.len();
    let mut lines = vec![
        line(LOAD, ARCHITECTURE_AT, 0, 0),
        line(EQUAL, ARCHITECTURE?, 0, calls + 1),
        line(LOAD, NUMBER_AT, 0, 0),
    ];
    for (index, call) in CALLS.iter().enumerate() {
        lines.push(line(EQUAL, u32::try_from(*call).ok()?, calls - index, 0));
    }
    lines.push(line(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0));
    lines.push(line(RETURN, libc::SECCOMP_RET_USER_NOTIF, 0, 0));
    Some(lines)
}

/// What a new process does between fork and exec.
#[derive(Debug)]
pub(crate) struct BeforeExec {
    /// The user namespace that it becomes root of.
    pub(crate) user: Option<OwnedFd>,
    /// The signals that it holds back.
    pub(crate) mask: SigSet,
    /// The filter that tells of its calls, and where to say on which descriptor.
    pub(crate) tell: Option<(Vec<libc::sock_filter>, UnixStream)>,
}

impl BeforeExec {
    /// Has it done by the process that `command` starts.
    pub(crate) fn add_to(self, command: &mut Command) {
        // SAFETY: between fork and exec only system calls are made, on memory that was there before: nothing is
        // allocated and no lock is taken.
        unsafe { command.pre_exec(move || self.act()) };
    }

    fn act(&self) -> io::Result<()> {
        self.mask.thread_set_mask()?;
        if let Some(user) = &self.user {
            setns(user, CloneFlags::CLONE_NEWUSER)?;
            // Where groups may not be changed they are those of a user nobody knows there.
            let _ = setgroups(&[]);
            setgid(Gid::from_raw(0))?;
            setuid(Uid::from_raw(0))?;
        }
        // Without its supervisor its sockets would fail. Changing users would have undone it.
        set_pdeathsig(Signal::SIGKILL)?;
        match &self.tell {
            Some((filter, to)) => hand_over(filter, to),
            None => Ok(()),
        }
    }
}

/// Installs the filter, says the listener's number (or the negated errno), and waits until it was taken: exec closes it.
fn hand_over(filter: &[libc::sock_filter], to: &UnixStream) -> io::Result<()> {
    let said = match install(filter) {
        Ok(listener) => listener,
        Err(errno) => -(errno as i32),
    };
    // Neither write(2) nor read(2) is told.
    write(to, &said.to_ne_bytes())?;
    if said < 0 {
        return Ok(());
    }
    let mut taken = [0];
    loop {
        match read(to, &mut taken) {
            Ok(1) => return Ok(()),
            Err(Errno::EINTR) => {}
            // The supervisor has given up: to go on would be to go on with a filter that nobody serves.
            _ => return Err(Errno::EREMOTEIO.into()),
        }
    }
}

fn install(filter: &[libc::sock_filter]) -> Result<RawFd, Errno> {
    let len = libc::c_ushort::try_from(filter.len()).map_err(|_| Errno::E2BIG)?;
    let program = libc::sock_fprog { len, filter: filter.as_ptr().cast_mut() };
    // Without the second flag (Linux 5.19) a signal may interrupt a call that is being told, and it is told again.
    let listener = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    for flags in [listener | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, listener] {
        // SAFETY: the kernel only reads one live sock_fprog and the filter it points to.
        let fd = unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::c_ulong::from(libc::SECCOMP_SET_MODE_FILTER),
                flags,
                &raw const program,
            )
        };
        match (Errno::result(fd), flags == listener) {
            (Ok(fd), _) => return RawFd::try_from(fd).map_err(|_| Errno::EBADF),
            (Err(Errno::EINVAL), false) => {}
            (Err(errno), _) => return Err(errno),
        }
    }
    Err(Errno::EINVAL)
}

/// One call that waits to be continued.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    id: u64,
    /// The thread that made it, as this process sees it.
    pub(crate) thread: libc::pid_t,
    /// The descriptor it is about.
    pub(crate) descriptor: RawFd,
    pub(crate) call: Call,
    /// Where the caller's memory has the address that connect(2) and sendto(2) are given, and its length; 0 where there
    /// is none.
    pub(crate) address: (u64, u64),
}

/// Which call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Connect,
    /// Any that sends.
    Send,
}

/// The next call. Waits when there is none: look with poll(2) first.
///
/// `ENOENT` when the caller has been killed in the meantime, `EINTR` after a signal.
pub(crate) fn next_call(listener: BorrowedFd<'_>) -> io::Result<Told> {
    // SAFETY: seccomp_notif holds only integers, for which zero is a value (and the one the kernel asks for).
    let mut told: libc::seccomp_notif = unsafe { zeroed() };
    let fd = listener.as_raw_fd();
    // SAFETY: this request writes one seccomp_notif.
    checked(unsafe { libc::ioctl(fd, libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut told) })?;
    let [descriptor, second, third, _, fifth, sixth] = told.data.args;
    let (call, address) = match libc::c_long::from(told.data.nr) {
        libc::SYS_connect => (Call::Connect, (second, third)),
        libc::SYS_sendto => (Call::Send, (fifth, sixth)),
        _ => (Call::Send, (0, 0)),
    };
    // The kernel, too, takes the lower half of the register.
    let descriptor = i32::try_from(descriptor & u64::from(u32::MAX)).unwrap_or(-1);
    Ok(Told { id: told.id, thread: told.pid.cast_signed(), descriptor, call, address })
}

/// Whether the call still waits: then the thread's number has not been given to another.
pub(crate) fn still_waits(listener: BorrowedFd<'_>, call: Told) -> bool {
    // SAFETY: this request reads one u64.
    let asked =
        unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw const call.id) };
    asked == 0
}

/// Lets the call take its course. That it waits no longer is no error.
pub(crate) fn let_go(listener: BorrowedFd<'_>, call: Told) -> io::Result<()> {
    let flags = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).map_err(io::Error::other)?;
    let mut answer = libc::seccomp_notif_resp { id: call.id, val: 0, error: 0, flags };
    let fd = listener.as_raw_fd();
    // SAFETY: this request reads one seccomp_notif_resp.
    match checked(unsafe { libc::ioctl(fd, libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer) }) {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        sent => sent.map(drop),
    }
}

/// A process by its number, or by that of its first thread (`pidfd_open(2)`).
pub(crate) fn process(pid: libc::pid_t) -> io::Result<OwnedFd> {
    // SAFETY: takes two integers.
    descriptor(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })
}

/// A copy of another process's descriptor (`pidfd_getfd(2)`).
pub(crate) fn copy(process: BorrowedFd<'_>, number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: takes three integers.
    descriptor(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), number, 0) })
}

fn descriptor(returned: libc::c_long) -> io::Result<OwnedFd> {
    let fd = checked(RawFd::try_from(returned).map_err(io::Error::other)?)?;
    // SAFETY: the kernel has just made it for this process, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    /// What the filter makes of a call, by its own instructions.
    fn verdict(filter: &[libc::sock_filter], architecture: u32, number: u32) -> u32 {
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let line = filter[at];
            at += 1;
            match u32::from(line.code) & 0x07 {
                libc::BPF_LD if line.k == NUMBER_AT => accumulator = number,
                libc::BPF_LD if line.k == ARCHITECTURE_AT => accumulator = architecture,
                libc::BPF_JMP => at += usize::from(if accumulator == line.k { line.jt } else { line.jf }),
                libc::BPF_RET => return line.k,
                other => panic!("{other}"),
            }
        }
    }

    #[test]
    fn only_calls_that_begin_to_send_are_told() {
        let (filter, native) = (filter().unwrap(), ARCHITECTURE.unwrap());
        let told: Vec<u32> = (0..1_000)
            .filter(|number| verdict(&filter, native, *number) == libc::SECCOMP_RET_USER_NOTIF)
            .collect();
        let mut wanted = CALLS.map(|call| u32::try_from(call).unwrap());
        wanted.sort_unstable();
        assert_eq!(told, wanted);
    }

    #[test]
    fn other_calling_conventions_pass() {
        let (filter, native) = (filter().unwrap(), ARCHITECTURE.unwrap());
        // i386, and x32: the same architecture with bit 30 in the number.
        for number in 0..1_000 {
            assert_eq!(verdict(&filter, 0x4000_0003, number), libc::SECCOMP_RET_ALLOW);
            assert_eq!(verdict(&filter, native, 0x4000_0000 | number), libc::SECCOMP_RET_ALLOW);
        }
    }

    #[test]
    fn a_descriptor_of_this_process_can_be_copied_by_its_number() {
        use std::io::{Read, Write};
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let own = process(std::process::id().cast_signed()).unwrap();
        let mut copied = UnixStream::from(copy(own.as_fd(), one.as_raw_fd()).unwrap());
        copied.write_all(b"x").unwrap();
        let mut byte = [0];
        other.read_exact(&mut byte).unwrap();
        one.write_all(&byte).unwrap();
        assert_eq!(copy(own.as_fd(), -1).unwrap_err().raw_os_error(), Some(libc::EBADF));
    }
}
