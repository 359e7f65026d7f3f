//! Runs a command in the private network of `dnsprobe demo`: `cargo run --example sandbox -- cat /etc/resolv.conf`.
//!
//! Without a command it says where the process is and which address its packets have.

use std::net::UdpSocket;
use std::process::{Command, ExitCode};

use dnsprobe_sniffer::sandbox::{self, Sandbox};

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            let causes = std::iter::successors(error.source(), |cause| cause.source());
            causes.for_each(|cause| eprintln!("  because: {cause}"));
            let hint = error.downcast_ref::<dnsprobe_sniffer::Error>().and_then(|error| error.hint(&[]));
            if let Some(hint) = hint {
                eprintln!("hint: {hint}");
            }
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let etc = vec![
        ("resolv.conf".to_owned(), b"nameserver 10.96.0.10\nsearch default.svc.cluster.local\n".to_vec()),
        ("nsswitch.conf".to_owned(), b"hosts: dns\n".to_vec()),
    ];
    let sandbox = Sandbox { etc, ..Sandbox::default() };
    let entered = sandbox::enter(&sandbox)?;
    let mut words = std::env::args_os().skip(1);
    if let Some(program) = words.next() {
        let status = Command::new(program).args(words).status()?;
        return Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1))?));
    }
    let server = UdpSocket::bind((sandbox.server, 53))?;
    let client = UdpSocket::bind("0.0.0.0:0")?;
    client.connect(server.local_addr()?)?;
    client.send(b"?")?;
    let (_, from) = server.recv_from(&mut [0; 1])?;
    println!("{entered:?}: {} asks {}", from.ip(), server.local_addr()?);
    Ok(ExitCode::SUCCESS)
}
