//! The part of the demo that runs in a process of its own, in private namespaces: serves, captures and asks.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Output, Stdio};
use std::thread;

use dnsprobe_sniffer::capture::now;
use dnsprobe_sniffer::sandbox;
use dnsprobe_sniffer::{
    Capture, CaptureOptions, End, Entered, FrameSource, Netns, Sandbox, Wake, Waker, wake,
};

use super::recording::{self, Asked, Kept, Sandboxed, Transcript};
use super::zones::{NAMES, RESOLV_CONF};
use super::{ASK, cluster, server};

/// Nothing but the network answers, whatever this machine's own configuration says.
const NSSWITCH: &str = "passwd: files\ngroup: files\nhosts: dns\n";
const HOSTS: &str = "127.0.0.1 localhost\n";

/// Why the sandboxed part failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum InsideError {
    /// No namespaces, or no packets.
    #[error(transparent)]
    Sniffer(#[from] dnsprobe_sniffer::Error),
    /// The DNS server.
    #[error("cannot serve DNS on {listen}")]
    Serve { listen: SocketAddr, source: io::Error },
    /// The program that looks names up.
    #[error("cannot run {program}")]
    Ask { program: String, source: io::Error },
    /// Anything else.
    #[error("cannot {what}")]
    Io { what: &'static str, source: io::Error },
}

/// Plays the demo in new namespaces and writes the recording to `output`. The process must have one thread only, and
/// is of no other use afterwards.
pub(super) fn play(output: &mut dyn Write) -> Result<(), InsideError> {
    let sandbox = Sandbox {
        etc: [("resolv.conf", RESOLV_CONF), ("nsswitch.conf", NSSWITCH), ("hosts", HOSTS)]
            .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))
            .into(),
        ..Sandbox::default()
    };
    let entered = match sandbox::enter(&sandbox)? {
        Entered::AsUser => Sandboxed::AsUser,
        Entered::AsRoot => Sandboxed::AsRoot,
    };
    let listen = SocketAddr::from((sandbox.server, 53));
    let _server =
        server::start(listen, cluster::script()).map_err(|source| InsideError::Serve { listen, source })?;
    let ask_all = || NAMES.iter().map(|name| ask(name)).collect::<Result<_, _>>();
    let (asked, frames) = capture_while(ask_all)?;
    let transcript = Transcript { entered, resolv_conf: RESOLV_CONF.to_owned(), asked: asked? };
    recording::write(&transcript, &frames, output)
        .map_err(|source| InsideError::Io { what: "hand over the recording", source })
}

/// Does `work` and returns what passed through the network namespace meanwhile.
fn capture_while<T>(work: impl FnOnce() -> T) -> Result<(T, Vec<Kept>), InsideError> {
    let (waker, wake) =
        wake::pair().map_err(|source| InsideError::Io { what: "make a socket pair", source })?;
    let capture = attach(wake)?;
    thread::scope(|scope| {
        let frames = scope.spawn(move || drain(capture));
        let stop = StopAtEnd(waker);
        let done = work();
        drop(stop);
        let frames = frames.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((done, frames))
    })
}

/// Stops the capture however the work ends, or the scope would wait for it for ever.
struct StopAtEnd(Waker);

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        self.0.stop();
    }
}

fn attach(wake: Wake) -> Result<Capture, InsideError> {
    let mut capture = Capture::new(wake)?;
    capture.attach(&Netns::current()?, &CaptureOptions::default())?;
    Ok(capture)
}

fn drain(mut capture: Capture) -> Result<Vec<Kept>, InsideError> {
    let mut frames = Vec::new();
    loop {
        let batch = capture.next_batch(None, &mut |captured| frames.push(Kept::from(captured.frame)))?;
        if batch.end == End::Stopped {
            return Ok(frames);
        }
    }
}

/// Looks a name up with this machine's `getaddrinfo`.
fn ask(name: &str) -> Result<Asked, InsideError> {
    let started = now().0;
    let (through, output) = run(name)?;
    let ended = now().0;
    let addresses = addresses(&output.stdout);
    let error = (!output.status.success()).then(|| {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if said.is_empty() { "no address found".to_owned() } else { said }
    });
    Ok(Asked { name: name.to_owned(), through: through.to_owned(), addresses, error, started, ended })
}

/// Through `getent`, which every system with glibc has; else through this program, run once more.
fn run(name: &str) -> Result<(&'static str, Output), InsideError> {
    match program("getent").args(["ahosts", name]).output() {
        Ok(output) => Ok(("getent ahosts", output)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let output = program(super::MYSELF).args([ASK, name]).output();
            output
                .map(|output| ("getaddrinfo", output))
                .map_err(|source| InsideError::Ask { program: "this program again".to_owned(), source })
        }
        Err(source) => Err(InsideError::Ask { program: "getent".to_owned(), source }),
    }
}

/// A program without the variables that change how names are looked up.
fn program(path: &str) -> Command {
    let mut command = Command::new(path);
    command.stdin(Stdio::null()).env("LC_ALL", "C");
    for variable in ["LOCALDOMAIN", "RES_OPTIONS", "HOSTALIASES"] {
        command.env_remove(variable);
    }
    command
}

/// The first word of every line, each address once.
fn addresses(output: &[u8]) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for line in String::from_utf8_lossy(output).lines() {
        let address = line.split_whitespace().next().and_then(|word| word.parse().ok());
        addresses.extend(address.filter(|address| !addresses.contains(address)));
    }
    addresses
}

/// Looks a name up in this process and prints its addresses, one a line.
pub(super) fn look_up(name: &str, output: &mut dyn Write) -> io::Result<()> {
    use std::net::ToSocketAddrs;
    for address in (name, 0).to_socket_addrs()? {
        writeln!(output, "{}", address.ip())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_listed_once_per_socket_type_counts_once() {
        let output =
            b"192.0.2.80      STREAM www.example.com\n192.0.2.80      DGRAM  \n2001:db8::80 STREAM \n";
        let wanted: [IpAddr; 2] = ["192.0.2.80".parse().unwrap(), "2001:db8::80".parse().unwrap()];
        assert_eq!(addresses(output), wanted);
    }

    #[test]
    fn this_program_can_look_a_name_up_itself() {
        let mut output = Vec::new();
        look_up("127.0.0.1", &mut output).unwrap();
        assert_eq!(output, b"127.0.0.1\n");
    }
}
