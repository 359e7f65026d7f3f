//! One transmission against a real server on the loopback interface.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::{RData, Record, rdata::A, rdata::CNAME};

use super::*;
use crate::demo::server::{Reply, Running, Script, start};

const LOOPBACK: &str = "127.0.0.1:0";

fn serve(script: Script) -> Running {
    start(LOOPBACK.parse().unwrap(), script).unwrap()
}

fn question(server: SocketAddr, transport: Transport) -> Request {
    Request {
        name: Name::from_ascii("www.example.com.").unwrap(),
        qtype: RecordType::A,
        server,
        transport,
        port: 0,
        edns: None,
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn run(request: Request) -> Transmitted {
    block_on(transmit(request, Ports::default(), Watch::default()))
}

fn ask(transport: Transport, reply: fn() -> Reply) -> Transmitted {
    let server = serve(Box::new(move |_| Some(reply())));
    run(question(server.address(), transport))
}

fn address_record() -> Record {
    let name = Name::from_ascii("www.example.com.").unwrap();
    Record::from_rdata(name, 30, RData::A(A::new(192, 0, 2, 80)))
}

#[test]
fn an_answer_comes_back_with_its_records_over_both_transports() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let got = ask(transport, || Reply {
            answers: vec![address_record()],
            ..Reply::empty(ResponseCode::NoError)
        });
        assert_eq!(got.result.unwrap().answers, [address_record()], "{transport:?}");
    }
}

#[test]
fn negative_answers_are_messages_with_their_code_and_flags_not_errors() {
    for code in [
        ResponseCode::NXDomain,
        ResponseCode::NoError,
        ResponseCode::ServFail,
        ResponseCode::Refused,
        ResponseCode::FormErr,
        ResponseCode::NotImp,
        ResponseCode::YXDomain,
    ] {
        let server = serve(Box::new(move |_| Some(Reply { authoritative: true, ..Reply::empty(code) })));
        let message = run(question(server.address(), Transport::Udp)).result.unwrap();
        assert_eq!(message.response_code, code);
        assert!(message.authoritative && message.recursion_available);
    }
}

#[test]
fn a_truncated_answer_is_handed_back_as_it_is_and_not_asked_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let server = serve(Box::new(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        Some(Reply {
            truncated: true,
            answers: vec![address_record()],
            ..Reply::empty(ResponseCode::NoError)
        })
    }));
    let message = run(question(server.address(), Transport::Udp)).result.unwrap();
    assert!(message.truncation);
    assert_eq!(message.answers.len(), 1);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn an_alias_is_handed_back_and_not_followed() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let alias = Record::from_rdata(
        Name::from_ascii("www.example.com.").unwrap(),
        30,
        RData::CNAME(CNAME(Name::from_ascii("edge.example.net.").unwrap())),
    );
    let server = serve(Box::new(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        Some(Reply { answers: vec![alias.clone()], ..Reply::empty(ResponseCode::NoError) })
    }));
    assert_eq!(run(question(server.address(), Transport::Udp)).result.unwrap().answers.len(), 1);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

/// The library's own stream would send again after a third of a second.
#[test]
fn an_unanswered_question_is_one_datagram_however_long_it_waits() {
    let server = UdpSocket::bind(LOOPBACK).unwrap();
    let request = question(server.local_addr().unwrap(), Transport::Udp);
    block_on(async {
        let waiting = transmit(request, Ports::default(), Watch::default());
        assert!(tokio::time::timeout(Duration::from_millis(1500), waiting).await.is_err());
    });
    server.set_nonblocking(true).unwrap();
    let mut buffer = [0; 512];
    let first = server.recv_from(&mut buffer);
    assert!(first.is_ok_and(|(len, _)| len == 33), "www.example.com A without an OPT record is 33 bytes");
    assert_eq!(server.recv_from(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn questions_of_one_port_share_it_and_each_gets_its_own_answer() {
    let server = UdpSocket::bind(LOOPBACK).unwrap();
    let ports = Ports::default();
    let first = question(server.local_addr().unwrap(), Transport::Udp);
    let second = Request { qtype: RecordType::AAAA, ..first.clone() };
    let (_, from) = block_on(async {
        let both = async {
            tokio::join!(
                transmit(first, ports.clone(), Watch::default()),
                transmit(second, ports.clone(), Watch::default())
            )
        };
        tokio::join!(both, tokio::task::spawn_blocking(move || answer_backwards(&server)))
    });
    let [first, second] = from.unwrap();
    assert_eq!(first, second);
}

/// Takes two questions, answers the second first, and returns where they came from.
fn answer_backwards(server: &UdpSocket) -> [SocketAddr; 2] {
    let questions = [0; 2].map(|_| {
        let mut buffer = vec![0; 512];
        let (length, from) = server.recv_from(&mut buffer).unwrap();
        buffer.truncate(length);
        (buffer, from)
    });
    for (message, from) in questions.iter().rev() {
        let mut answer = message.clone();
        // QR, and RCODE 3.
        answer[2] |= 0x80;
        answer[3] |= 3;
        server.send_to(&answer, from).unwrap();
    }
    questions.map(|(_, from)| from)
}

#[test]
fn an_answer_for_another_question_is_not_taken() {
    let server = UdpSocket::bind(LOOPBACK).unwrap();
    let request = question(server.local_addr().unwrap(), Transport::Udp);
    block_on(async {
        let forge = tokio::task::spawn_blocking(move || {
            let mut buffer = [0; 512];
            let (length, from) = server.recv_from(&mut buffer).unwrap();
            buffer[2] |= 0x80;
            // The first letter of the name.
            buffer[13] = b'x';
            server.send_to(&buffer[..length], from).unwrap();
        });
        let waiting = transmit(request, Ports::default(), Watch::default());
        assert!(tokio::time::timeout(Duration::from_millis(300), waiting).await.is_err());
        forge.await.unwrap();
    });
}

#[test]
fn a_closed_port_is_reported_by_the_kernel_over_both_transports() {
    // A port that the kernel gives nobody by itself, on an address of this test's own.
    let closed = "127.66.0.1:9".parse().unwrap();
    for transport in [Transport::Udp, Transport::Tcp] {
        let got = run(question(closed, transport));
        let Err(NetError::Io(error)) = got.result else { panic!("{:?}", got.result) };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}

#[test]
fn the_time_from_query_to_answer_holds_all_of_the_servers_delay() {
    let delay = Duration::from_millis(30);
    let script: Script = Box::new(move |_| Some(Reply { delay, ..Reply::empty(ResponseCode::NXDomain) }));
    let server = serve(script);
    let watch = Watch::default();
    let request = question(server.address(), Transport::Udp);
    let got = block_on(transmit(request, Ports::default(), watch.clone()));
    assert!(got.ended - watch.seen().sent.unwrap() >= delay);
}

#[test]
fn an_opt_record_is_sent_where_the_resolver_sends_one() {
    let server = UdpSocket::bind(LOOPBACK).unwrap();
    let address = server.local_addr().unwrap();
    let request = Request { edns: Some(1232), ..question(address, Transport::Udp) };
    block_on(async {
        let waiting = transmit(request, Ports::default(), Watch::default());
        assert!(tokio::time::timeout(Duration::from_millis(100), waiting).await.is_err());
    });
    let mut buffer = [0; 512];
    let (len, _) = server.recv_from(&mut buffer).unwrap();
    assert_eq!(len, 33 + 11);
    assert_eq!(buffer[33..][..5], [0, 0, 41, 0x04, 0xd0], "root name, type OPT, 1232 bytes");
}
