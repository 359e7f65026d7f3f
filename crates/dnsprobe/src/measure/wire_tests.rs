//! One transmission against a real server on the loopback interface.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::{RData, Record, rdata::A, rdata::CNAME};

use super::*;
use crate::demo::server::{Reaction, Reply, Running, Script, start};

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
        edns: None,
        patience: Duration::from_secs(5),
    }
}

fn run(request: Request) -> Transmitted {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(transmit(request))
}

fn ask(transport: Transport, reply: fn() -> Reply) -> Transmitted {
    let server = serve(Box::new(move |_| Reaction::Reply(reply())));
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
        let message = got.result.unwrap();
        assert_eq!(message.answers, [address_record()], "{transport:?}");
        assert!(got.ended >= got.sent);
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
        let server =
            serve(Box::new(move |_| Reaction::Reply(Reply { authoritative: true, ..Reply::empty(code) })));
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
        Reaction::Reply(Reply {
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
        Reaction::Reply(Reply { answers: vec![alias.clone()], ..Reply::empty(ResponseCode::NoError) })
    }));
    assert_eq!(run(question(server.address(), Transport::Udp)).result.unwrap().answers.len(), 1);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

/// The library's own stream would send again after a third of a second.
#[test]
fn an_unanswered_question_is_one_datagram_and_a_timeout() {
    let server = UdpSocket::bind(LOOPBACK).unwrap();
    let patience = Duration::from_millis(1500);
    let got = run(Request { patience, ..question(server.local_addr().unwrap(), Transport::Udp) });
    assert!(matches!(got.result, Err(NetError::Timeout)), "{:?}", got.result);
    assert!(got.ended - got.sent >= patience);
    server.set_nonblocking(true).unwrap();
    let mut buffer = [0; 512];
    let first = server.recv_from(&mut buffer);
    assert!(first.is_ok_and(|(len, _)| len == 33), "www.example.com A without an OPT record is 33 bytes");
    assert_eq!(server.recv_from(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
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
    let server =
        serve(Box::new(move |_| Reaction::Reply(Reply { delay, ..Reply::empty(ResponseCode::NXDomain) })));
    let got = run(question(server.address(), Transport::Udp));
    assert!(got.ended - got.sent >= delay);
}

#[test]
fn an_opt_record_is_sent_where_the_resolver_sends_one() {
    let server = UdpSocket::bind(LOOPBACK).unwrap();
    let address = server.local_addr().unwrap();
    run(Request {
        edns: Some(1232),
        patience: Duration::from_millis(50),
        ..question(address, Transport::Udp)
    });
    let mut buffer = [0; 512];
    let (len, _) = server.recv_from(&mut buffer).unwrap();
    assert_eq!(len, 33 + 11);
    assert_eq!(buffer[33..][..5], [0, 0, 41, 0x04, 0xd0], "root name, type OPT, 1232 bytes");
}
