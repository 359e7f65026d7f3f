//! Capture in real namespaces, with real packets.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use common::{Ended, LEFT, LEFT_V6, Namespace, Pair, QUEUES, RIGHT, RIGHT_V6, Watch, carries, require_root};
use dnsprobe_lookup::{LinkType, Timestamp};
use dnsprobe_sniffer::capture::now;
use dnsprobe_sniffer::netns::{run_in, visiting};
use dnsprobe_sniffer::{CaptureOptions, End, FrameSource, Netns, Queue, privileges};
use pnet_datalink::{Channel, Config};

/// Asks from `left` and answers from `right`: what each side sent.
fn ask_and_answer(pair: &Pair, [client, server]: [&str; 2]) {
    let (client, server) = (pair.left.udp(client, 0), pair.right.udp(server, 53));
    client.send_to(b"the question", server.local_addr().unwrap()).unwrap();
    let mut buffer = [0; 64];
    let (_, from) = server.recv_from(&mut buffer).unwrap();
    server.send_to(b"the answer", from).unwrap();
    client.recv_from(&mut buffer).unwrap();
}

#[test]
#[ignore = "needs root"]
fn a_question_and_its_answer_are_seen_once_each_on_both_sides() {
    require_root();
    let pair = Pair::new();
    for (ends, queue) in [([LEFT, RIGHT], QUEUES[0]), ([LEFT_V6, RIGHT_V6], QUEUES[1])] {
        for (side, device) in [(&pair.left, "left"), (&pair.right, "right")] {
            let mut watch = Watch::through(&side.netns, queue);
            let before = now();
            ask_and_answer(&pair, ends);
            let frames = watch.until(carries(b"the answer"));
            let after = now();
            assert_eq!(frames.len(), 2, "{frames:?}");
            assert!(carries(b"the question")(&frames[0]));
            assert!(before <= frames[0].at && frames[0].at <= frames[1].at && frames[1].at <= after);
            assert!(frames.iter().all(|frame| frame.original_len as usize == frame.bytes.len()));
            let interfaces = watch.capture.interfaces(frames[0].source);
            assert_eq!(interfaces.len(), 1);
            assert_eq!((interfaces[0].name.as_str(), interfaces[0].link), (device, LinkType::ETHERNET));
            assert_eq!(interfaces[0].index, frames[0].interface);
        }
    }
}

#[test]
#[ignore = "needs root"]
fn a_loopback_shows_each_packet_once() {
    require_root();
    let here = Namespace::new("lo");
    let (client, server) = (here.udp("127.0.0.1", 0), here.udp("127.0.0.1", 53));
    for queue in QUEUES {
        let mut watch = Watch::through(&here.netns, queue);
        for payload in [b"first", b"again"] {
            client.send_to(payload, server.local_addr().unwrap()).unwrap();
        }
        assert_eq!(watch.until(carries(b"again")).len(), 2);
    }
}

#[test]
#[ignore = "needs root"]
fn other_ports_stay_in_the_kernel_and_other_ports_can_be_asked_for() {
    require_root();
    let pair = Pair::new();
    let mut dns = Watch::on(&pair.left.netns);
    let mut other = Watch::new();
    let options = CaptureOptions { ports: vec![54, 5353], ..CaptureOptions::default() };
    other.capture.attach(&pair.left.netns, &options).unwrap();
    let client = pair.left.udp(LEFT, 0);
    for (payload, port) in [(b"to 54", 54), (b"to 53", 53), (b"to 5k", 5353)] {
        client.send_to(payload, (RIGHT, port)).unwrap();
    }
    assert_eq!(dns.until(carries(b"to 53")).len(), 1);
    assert_eq!(other.until(carries(b"to 5k")).len(), 2);
    // At least what was sent: who has which address is asked, too.
    for (watch, least) in [(&mut dns, 2), (&mut other, 1)] {
        let filtered = watch.capture.statistics(None).unwrap().filtered.unwrap();
        assert!((least..1_000).contains(&filtered), "{filtered}");
    }
}

#[test]
#[ignore = "needs root"]
fn tcp_is_captured_and_privileges_can_be_given_up_before() {
    require_root();
    let pair = Pair::new();
    let listener = run_in(&pair.right.netns, || TcpListener::bind((RIGHT, 53))).unwrap().unwrap();
    let mut client = run_in(&pair.left.netns, || {
        let accept = std::thread::spawn(move || listener.accept().unwrap().0);
        (TcpStream::connect((RIGHT, 53)).unwrap(), accept.join().unwrap())
    })
    .unwrap();
    let left = &pair.left.netns;
    let frames = std::thread::scope(|scope| {
        let capture = scope.spawn(move || {
            let mut watch = Watch::on(left);
            privileges::drop_all().unwrap();
            client.0.write_all(b"over tcp").unwrap();
            client.1.read_exact(&mut [0; 8]).unwrap();
            let frames = watch.until(carries(b"over tcp"));
            let statistics = watch.capture.statistics(None).unwrap();
            assert!(statistics.received >= frames.len() as u64);
            assert_eq!(watch.capture.interfaces(frames[0].source)[0].name, "left");
            frames
        });
        capture.join().unwrap()
    });
    assert!(frames.iter().any(carries(b"over tcp")));
}

#[test]
#[ignore = "needs root"]
fn large_segments_that_the_card_would_cut_are_captured_whole() {
    const LARGEST: usize = 60_000;
    require_root();
    let pair = Pair::new();
    let listener = run_in(&pair.right.netns, || TcpListener::bind((RIGHT, 53))).unwrap().unwrap();
    let mut both = QUEUES.map(|queue| Watch::through(&pair.left.netns, queue));
    let mut client = run_in(&pair.left.netns, || TcpStream::connect((RIGHT, 53))).unwrap().unwrap();
    let mut server = listener.accept().unwrap().0;
    let mut answer = vec![b'.'; LARGEST];
    for _ in 0..20 {
        // The window grows with each, and the segments with it.
        server.write_all(&answer).unwrap();
        client.read_exact(&mut answer).unwrap();
    }
    client.write_all(b"the end of it").unwrap();
    for watch in &mut both {
        let frames = watch.until(carries(b"the end of it"));
        let longest = frames.iter().map(|frame| frame.bytes.len()).max().unwrap();
        assert!(longest > 9_000, "no segment was larger than any packet: {longest}");
        assert!(frames.iter().all(|frame| frame.original_len as usize == frame.bytes.len()));
        assert_eq!(watch.capture.statistics(None).unwrap().truncated, 0);
    }
}

#[test]
#[ignore = "needs root"]
fn every_fragment_of_a_large_answer_passes() {
    require_root();
    let pair = Pair::new();
    for (ends, queue) in [([LEFT, RIGHT], QUEUES[0]), ([LEFT_V6, RIGHT_V6], QUEUES[1])] {
        let mut watch = Watch::through(&pair.left.netns, queue);
        let (client, server) = (pair.left.udp(ends[0], 0), pair.right.udp(ends[1], 53));
        let payload = [&[b'.'; 3990][..], b"the end of it"].concat();
        server.send_to(&payload, client.local_addr().unwrap()).unwrap();
        let frames = watch.until(carries(b"the end of it"));
        assert_eq!(frames.len(), 3, "{ends:?}");
    }
}

/// An Ethernet frame with these tags and a UDP datagram from port 53 in it.
fn tagged(tags: &[[u8; 4]]) -> Vec<u8> {
    let mut frame = [[0xff; 6], [2, 0, 0, 0, 0, 1]].concat();
    frame.extend(tags.as_flattened());
    frame.extend([0x08, 0x00, 0x45, 0, 0, 36, 0, 0, 0, 0, 64, 17, 0, 0, 10, 99, 0, 1, 10, 99, 0, 2]);
    frame.extend([0, 53, 0x80, 0, 0, 16, 0, 0]);
    frame.extend(b"tagged..");
    // Short frames would be padded by some drivers.
    frame.extend([0; 16]);
    frame
}

fn inject(from: &Namespace, frame: &[u8]) {
    run_in(&from.netns, || {
        let interface = pnet_datalink::interfaces().into_iter().find(|i| !i.is_loopback()).unwrap();
        let Ok(Channel::Ethernet(mut sender, _)) = pnet_datalink::channel(&interface, Config::default())
        else {
            panic!("no channel to {interface}");
        };
        sender.send_to(frame, None).unwrap().unwrap();
    })
    .unwrap();
}

#[test]
#[ignore = "needs root"]
fn vlan_tags_are_where_they_were_on_the_wire() {
    require_root();
    let pair = Pair::new();
    let stacks: [&[[u8; 4]]; 3] = [&[], &[[0x81, 0, 0x20, 7]], &[[0x88, 0xa8, 0x40, 9], [0x81, 0, 0x60, 8]]];
    for (tags, queue) in stacks.into_iter().flat_map(|tags| QUEUES.map(|queue| (tags, queue))) {
        let frame = tagged(tags);
        for side in [&pair.left, &pair.right] {
            let mut watch = Watch::through(&side.netns, queue);
            inject(&pair.left, &frame);
            let seen = watch.until(|_| true);
            assert_eq!(seen.len(), 1);
            assert_eq!(seen[0].bytes, frame, "{tags:x?} in {}", side.name);
            assert_eq!(seen[0].original_len as usize, frame.len());
        }
    }
}

#[test]
#[ignore = "needs root"]
fn one_interface_may_be_asked_for_and_an_unknown_one_lists_them() {
    require_root();
    let pair = Pair::new();
    let on =
        |interface: &str| CaptureOptions { interface: Some(interface.into()), ..CaptureOptions::default() };
    let mut watch = Watch::new();
    watch.capture.attach(&pair.left.netns, &on("lo")).unwrap();
    let (client, server) = (pair.left.udp("0.0.0.0", 0), pair.left.udp("127.0.0.1", 53));
    client.send_to(b"elsewhere", (RIGHT, 53)).unwrap();
    client.send_to(b"to myself", server.local_addr().unwrap()).unwrap();
    assert_eq!(watch.until(carries(b"to myself")).len(), 1);
    let error = watch.capture.attach(&pair.left.netns, &on("eth9")).unwrap_err();
    let said = "no interface is named \"eth9\"; interfaces in this network namespace: lo, left";
    assert_eq!(error.to_string(), said);
}

#[test]
#[ignore = "needs root"]
fn silence_ends_at_the_deadline_and_a_stop_ends_it_for_good() {
    require_root();
    let here = Namespace::new("silent");
    let mut watch = Watch::on(&here.netns);
    let deadline = Timestamp(now().0 + 30_000_000);
    let batch = watch.batch(Some(deadline), &mut Vec::new());
    assert_eq!((batch.end, batch.frames), (End::Deadline, 0));
    assert!(batch.now >= deadline);
    let waker = watch.waker.try_clone().unwrap();
    let stopper = std::thread::spawn(move || waker.stop());
    assert_eq!(watch.batch(None, &mut Vec::new()).end, End::Stopped);
    stopper.join().unwrap();
    assert_eq!(watch.batch(None, &mut Vec::new()).end, End::Stopped);
}

#[test]
#[ignore = "needs root"]
fn frames_that_came_before_a_stop_are_handed_over() {
    require_root();
    let here = Namespace::new("stopped");
    let (client, server) = (here.udp("127.0.0.1", 0), here.udp("127.0.0.1", 53));
    for queue in QUEUES {
        let mut watch = Watch::through(&here.netns, queue);
        // More than are fetched at once.
        for _ in 0..5_000 {
            client.send_to(b"last words", server.local_addr().unwrap()).unwrap();
        }
        watch.waker.stop();
        let mut frames = Vec::new();
        assert_eq!(watch.batch(None, &mut frames).end, End::Stopped);
        assert_eq!((frames.len(), watch.capture.statistics(None).unwrap().received), (5_000, 5_000));
    }
}

/// More than a queue of 128 KiB holds, and more than the two blocks of the smallest ring.
const SENT: u64 = 5000;

#[test]
#[ignore = "needs root"]
fn a_full_queue_is_counted_and_what_was_in_it_is_kept() {
    require_root();
    let here = Namespace::new("full");
    let (client, server) = (here.udp("127.0.0.1", 0), here.udp("127.0.0.1", 53));
    for queue in [Queue::Socket { bytes: 1 << 17 }, Queue::Ring { bytes: 1 << 17 }] {
        let mut watch = Watch::through(&here.netns, queue);
        for _ in 0..SENT {
            client.send_to(b"one of many", server.local_addr().unwrap()).unwrap();
        }
        // Read twice: the kernel forgets its counters each time.
        watch.capture.statistics(None).unwrap();
        let statistics = watch.capture.statistics(None).unwrap();
        assert!(statistics.dropped_by_kernel > 0);
        assert_eq!(statistics.received + statistics.dropped_by_kernel, SENT);
        let mut frames = Vec::new();
        watch.waker.stop();
        assert_eq!(watch.batch(None, &mut frames).end, End::Stopped);
        assert_eq!(frames.len() as u64, statistics.received);
    }
}

#[test]
#[ignore = "needs root"]
fn many_namespaces_share_one_thread_and_keep_their_own_counters() {
    require_root();
    let namespaces: Vec<Namespace> = (0..20).map(|_| Namespace::new("many")).collect();
    let mut watch = Watch::new();
    let here = Netns::current().unwrap();
    let attach = |namespace: &Namespace| watch.capture.attach(&namespace.netns, &CaptureOptions::default());
    let sources: Result<Vec<_>, _> = visiting(|| namespaces.iter().map(attach).collect()).unwrap();
    let sources = sources.unwrap();
    assert!(Netns::current().unwrap().is(&here), "nobody else was moved");
    for (index, namespace) in namespaces.iter().enumerate() {
        let (client, server) = (namespace.udp("127.0.0.1", 0), namespace.udp("127.0.0.1", 53));
        for _ in 0..=index {
            client.send_to(b"x", server.local_addr().unwrap()).unwrap();
        }
    }
    let mut frames = Vec::new();
    while watch.batch(Some(now()), &mut frames).end != End::Deadline {}
    for (index, source) in sources.iter().enumerate() {
        assert_eq!(frames.iter().filter(|frame| frame.source == *source).count(), index + 1);
        assert_eq!(watch.capture.statistics(Some(*source)).unwrap().received, index as u64 + 1);
    }
    for source in &sources {
        watch.capture.detach(*source).unwrap();
        watch.capture.detach(*source).unwrap();
    }
    assert_eq!(watch.capture.statistics(None).unwrap().received, 210);
    assert_eq!(watch.batch(Some(now()), &mut frames).end, End::Deadline);
}

#[test]
#[ignore = "needs root"]
fn where_no_ring_can_be_had_a_queue_takes_its_place() {
    require_root();
    let here = Namespace::new("large");
    let mut watch = Watch::through(&here.netns, Queue::Ring { bytes: usize::MAX });
    let (client, server) = (here.udp("127.0.0.1", 0), here.udp("127.0.0.1", 53));
    client.send_to(b"all the same", server.local_addr().unwrap()).unwrap();
    assert_eq!(watch.until(carries(b"all the same")).len(), 1);
}

#[test]
#[ignore = "needs root"]
fn namespaces_come_and_go_without_touching_the_others() {
    const ASKED: usize = 3_000;
    require_root();
    let (busy, passing) = (Namespace::new("busy"), Namespace::new("passing"));
    for queue in QUEUES {
        let mut watch = Watch::through(&busy.netns, queue);
        let (client, server) = (busy.udp("127.0.0.1", 0), busy.udp("127.0.0.1", 53));
        let asking = std::thread::spawn(move || {
            for number in 0..ASKED {
                client.send_to(&number.to_be_bytes(), server.local_addr().unwrap()).unwrap();
                if number % 50 == 0 {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
            }
        });
        let (mut frames, mut came) = (Vec::new(), 0);
        while frames.len() < ASKED {
            let options = CaptureOptions { queue, ..CaptureOptions::default() };
            let passing = watch.capture.attach(&passing.netns, &options).unwrap();
            came += 1;
            let limit = Timestamp(now().0 + 20_000_000_000);
            assert_ne!(watch.batch(Some(limit), &mut frames).end, End::Deadline);
            watch.capture.detach(passing).unwrap();
        }
        asking.join().unwrap();
        assert!(came > 1);
        let numbers = frames.iter().map(|frame| frame.bytes.last_chunk().copied().map(usize::from_be_bytes));
        assert!(numbers.eq((0..ASKED).map(Some)), "each once, in order");
        assert_eq!(watch.capture.statistics(None).unwrap().dropped_by_kernel, 0);
    }
}

#[test]
#[ignore = "needs root"]
fn root_captures_in_a_namespace_of_another_user_namespace() {
    require_root();
    let nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "unshare", "-Urn"];
    let container = Ended::shell(&nobody, "ip link set lo up");
    let target = dnsprobe_sniffer::Target::Pid(container.0.id());
    let located = dnsprobe_sniffer::target::locate(&target, &dnsprobe_sniffer::Host::default()).unwrap();
    let mut watch = Watch::on(&located.netns);
    run_in(&located.netns, || {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"rootless", "127.0.0.1:53").unwrap();
    })
    .unwrap();
    assert_eq!(watch.until(carries(b"rootless")).len(), 1);
}

/// Time in nanoseconds, length on the wire and bytes of each frame of a nanosecond pcap file.
fn records(file: &[u8]) -> Vec<(i64, u32, Vec<u8>)> {
    let word = |at: usize| u32::from_ne_bytes(file[at..at + 4].try_into().unwrap());
    assert_eq!(word(0), 0xa1b2_3c4d, "nanoseconds");
    let (mut at, mut found) = (24, Vec::new());
    while at < file.len() {
        let (time, length) =
            (i64::from(word(at)) * 1_000_000_000 + i64::from(word(at + 4)), word(at + 8) as usize);
        found.push((time, word(at + 12), file[at + 16..at + 16 + length].to_vec()));
        at += 16 + length;
    }
    found
}

#[test]
#[ignore = "needs root"]
fn frames_and_their_times_are_those_that_tcpdump_writes() {
    require_root();
    let pair = Pair::new();
    let mut both = QUEUES.map(|queue| Watch::through(&pair.left.netns, queue));
    let file = tempfile::NamedTempFile::new().unwrap();
    let exec = ["netns", "exec", &pair.left.name, "tcpdump", "-w", file.path().to_str().unwrap()];
    let words = ["-i", "left", "-Z", "root", "--time-stamp-precision=nano", "-c", "100"];
    let mut tcpdump = Command::new("ip");
    let tcpdump = tcpdump.args(exec).args(words).arg("port 53 or (vlan and port 53)").stderr(Stdio::piped());
    let mut tcpdump = Ended(tcpdump.spawn().unwrap());
    let said = BufReader::new(tcpdump.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut said = said.inspect(|line| eprintln!("{line}"));
    said.find(|line| line.contains("listening on")).expect("tcpdump is installed");
    let (client, server) = (pair.left.udp(LEFT, 0), pair.right.udp(RIGHT, 53));
    inject(&pair.left, &tagged(&[[0x81, 0, 0x20, 7]]));
    for number in 1..100 {
        client.send_to(format!("question {number}").as_bytes(), server.local_addr().unwrap()).unwrap();
    }
    let ours = both.each_mut().map(|watch| watch.until(carries(b"question 99")));
    assert!(said.any(|line| line.contains("100 packets captured")));
    tcpdump.0.wait().unwrap();
    let theirs = records(&std::fs::read(file.path()).unwrap());
    for ours in ours {
        let ours = ours.into_iter().map(|frame| (frame.at.0, frame.original_len, frame.bytes));
        let ours: Vec<_> = ours.collect();
        assert_eq!((ours.len(), theirs.len()), (100, 100));
        assert!(ours == theirs, "first difference: {:?}", ours.iter().zip(&theirs).find(|(a, b)| a != b));
    }
}
