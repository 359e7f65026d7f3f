//! Questions of three programs on one address: whose they are taken for, and what is shown of their lookups.

use dnsprobe_lookup::LinkType;
use dnsprobe_sniffer::owners::By;

use super::*;
use crate::commands::lane::{Done, Lane};

const MEMBER: MemberId = MemberId(7);
const POD: &str = "nameserver 10.96.0.10\nsearch sre.svc.cluster.local cluster.local\noptions ndots:5\n";
const NODE: &str = "nameserver 10.96.0.10\nsearch corp.example.net\n";

fn shared(told: &Told, wanted: Whose) -> Shared {
    Shared {
        told: told.clone(),
        member: MEMBER,
        wanted,
        files: Files::Own,
        addresses: [[192, 0, 2, 1].into()].into(),
        ports: vec![53],
        file: Some(NODE.into()),
    }
}

fn lane(told: &Told, wanted: Whose) -> Lane {
    let pipeline = Pipeline::new(vec![53], SearchList::Known(Some(NODE.into())));
    let seen_at = SeenAt { name: Some("anybody".to_owned()), ..SeenAt::default() };
    Lane::new(pipeline, seen_at).shared(Some(Sharing::new(shared(told, wanted))))
}

fn asker(who: Who, program: &str, file: &str) -> Arc<Asker> {
    let resolv_conf = Some(file.as_bytes().into());
    let asker = Asker { who, pid: Some(9), program: Some(program.to_owned()), by: By::Process, resolv_conf };
    Arc::new(asker)
}

fn pod(namespace: &str) -> Who {
    let name =
        dnsprobe_sniffer::node::PodName { namespace: Some(namespace.to_owned()), name: "agent-0".to_owned() };
    let uid = dnsprobe_sniffer::node::PodUid::new(&"a".repeat(32));
    let entry = Entry {
        kind: Kind::Pod,
        netns: Some(MEMBER.0),
        network: dnsprobe_sniffer::node::Network::Host,
        pids: vec![9],
        pod: Some(name),
        uid,
        within: None,
        containers: Vec::new(),
        sandbox: None,
        default_container: None,
        runtime: None,
        names: Vec::new(),
        pinned: None,
        resolv_conf: None,
    };
    Who::Container(Arc::new(entry), None)
}

/// An IPv4 packet with a question over UDP, or with the answer that there is no such name.
fn packet(name: &str, port: u16, answers: bool) -> Vec<u8> {
    let mut message =
        vec![0, port.to_be_bytes()[1], if answers { 0x81 } else { 1 }, if answers { 0x83 } else { 0 }];
    message.extend([0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(label.bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    let length = |header: usize| u16::try_from(message.len() + header).unwrap().to_be_bytes();
    let (client, server) = (([192, 0, 2, 1], port), ([10, 96, 0, 10], 53_u16));
    let (from, to) = if answers { (server, client) } else { (client, server) };
    let mut bytes = vec![0x45, 0];
    bytes.extend(length(28));
    bytes.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    bytes.extend(from.0.into_iter().chain(to.0));
    bytes.extend(from.1.to_be_bytes().into_iter().chain(to.1.to_be_bytes()).chain(length(8)).chain([0, 0]));
    bytes.extend(message);
    bytes
}

/// Questions and answers in a row, each a millisecond after the one before, and the lookups that they come to.
fn lookups(lane: &mut Lane, asked: &[(&str, u16)]) -> Vec<Done> {
    let mut done = Vec::new();
    for (index, (name, port)) in (0..).zip(asked) {
        for (answers, at) in [(false, index * 2), (true, index * 2 + 1)] {
            let bytes = packet(name, *port, answers);
            let original_len = u32::try_from(bytes.len()).unwrap();
            let at = Timestamp(at * 1_000_000);
            lane.advance(&Frame { at, link: LinkType::RAW, bytes: &bytes, original_len, interface: 1 });
            let mut place = Done::nothing();
            while lane.next_over(&mut place) {
                done.push(std::mem::replace(&mut place, Done::nothing()));
            }
        }
    }
    done.extend(lane.finish());
    done.sort_by_key(|done| done.lookup.start);
    done
}

/// When a question of [`lookups`] left.
fn left(index: i64) -> Timestamp {
    Timestamp(index * 2_000_000)
}

fn note(told: &Told, port: u16, index: i64, asker: impl Into<Option<Arc<Asker>>>) {
    told.note((MEMBER, Protocol::Udp, ([192, 0, 2, 1], port).into()), left(index), asker.into());
}

fn shown(done: &[Done]) -> Vec<(&str, Option<&str>, usize)> {
    done.iter().map(|it| (&*it.lookup.name, it.seen_at.name.as_deref(), it.lookup.steps.len())).collect()
}

#[test]
fn lookups_are_theirs_whose_sockets_asked() {
    let told = Told::default();
    note(&told, 1_001, 0, asker(pod("sre"), "agent", POD));
    note(&told, 1_002, 1, asker(Who::Node, "curl", NODE));
    note(&told, 1_003, 2, asker(pod("sre"), "agent", POD));
    note(&told, 1_004, 3, asker(pod("sre"), "agent", POD));
    note(&told, 1_005, 4, asker(Who::Node, "curl", NODE));
    let asked = [
        ("www.sre.svc.cluster.local", 1_001),
        ("www.corp.example.net", 1_002),
        ("www.cluster.local", 1_003),
        ("www", 1_004),
        ("www", 1_005),
    ];
    let done = lookups(&mut lane(&told, Whose::Pods(Follow::All)), &asked);
    assert_eq!(shown(&done), [("www", Some("sre/agent-0"), 3), ("www", Some("the node (curl)"), 2)]);
    let by = done[1].seen_at.asked_by.as_ref().unwrap();
    assert_eq!((by.pid, by.program.as_deref(), by.told_by), (Some(9), Some("curl"), "process"));
    assert_eq!(done[0].seen_at.conf.as_ref().unwrap().file.as_deref(), Some(POD.as_bytes()));
}

#[test]
fn a_question_whose_socket_was_gone_goes_on_with_its_lookup() {
    let told = Told::default();
    note(&told, 1_001, 0, asker(pod("sre"), "agent", POD));
    note(&told, 1_002, 1, None);
    // Of the third nothing was heard at all.
    let asked = [("www.sre.svc.cluster.local", 1_001), ("www.cluster.local", 1_002), ("www", 1_003)];
    let done = lookups(&mut lane(&told, Whose::Pods(Follow::All)), &asked);
    assert_eq!(shown(&done), [("www", Some("sre/agent-0"), 3)]);
}

#[test]
fn what_nobody_is_told_for_stays_anybodys() {
    let told = Told::default();
    let done = lookups(
        &mut lane(&told, Whose::Pods(Follow::All)),
        &[("www.corp.example.net", 1_001), ("www", 1_002)],
    );
    assert_eq!(shown(&done), [("www", Some("anybody"), 2)]);
    assert_eq!(done[0].seen_at.among_others.as_deref(), Some("anybody"));
}

#[test]
fn whether_a_dot_was_typed_is_known_of_those_whose_file_is() {
    let told = Told::default();
    note(&told, 1_002, 1, asker(pod("sre"), "agent", NODE));
    let asked = [("www", 1_001), ("web", 1_002)];
    let done = lookups(&mut lane(&told, Whose::Pods(Follow::All)), &asked);
    let names: Vec<_> = done.iter().map(|it| (&*it.lookup.name, it.lookup.doubtful_dot)).collect();
    assert_eq!(names, [("www", true), ("web.", false)]);
}

#[test]
fn those_of_others_are_left_out_and_counted() {
    let told = Told::default();
    note(&told, 1_001, 0, asker(Who::Node, "curl", NODE));
    note(&told, 1_002, 1, asker(pod("payments"), "agent", NODE));
    note(&told, 1_003, 2, asker(pod("sre"), "agent", NODE));
    let asked = [("a.example.net", 1_001), ("b.example.net", 1_002), ("c.example.net", 1_003)];
    let mut lane = lane(&told, Whose::Pods(Follow::Namespace("sre".to_owned())));
    let done = lookups(&mut lane, &asked);
    assert_eq!(shown(&done), [("c.example.net", Some("sre/agent-0"), 1)]);
    assert_eq!(lane.of_others, 2);
}

#[test]
fn a_lookup_of_two_is_nobodys() {
    let told = Told::default();
    note(&told, 1_001, 0, asker(pod("sre"), "agent", NODE));
    note(&told, 1_002, 1, asker(Who::Node, "curl", NODE));
    let done = lookups(
        &mut lane(&told, Whose::Pods(Follow::All)),
        &[("www.corp.example.net", 1_001), ("www", 1_002)],
    );
    assert_eq!(shown(&done), [("www", Some("anybody"), 2)]);
}

#[test]
fn of_a_flood_nobody_waits_until_it_is_over() {
    let told = Told::default();
    let mut sharing = Sharing::new(shared(&told, Whose::Pods(Follow::All)));
    let bytes = packet("www", 1_001, false);
    let mut turn = |at: i64| {
        let original_len = u32::try_from(bytes.len()).unwrap();
        let frame =
            Frame { at: Timestamp(at), link: LinkType::RAW, bytes: &bytes, original_len, interface: 1 };
        sharing.note(&frame)
    };
    // One each microsecond: half a million in a second.
    let waiting = (0..500_000).filter(|at| turn(at * 1_000) == Turn::Wait).count();
    assert_eq!(waiting, usize::try_from(FLOOD).unwrap());
    assert_eq!(turn(500_000_000), Turn::Now, "it was one until now");
    assert_eq!(turn(500_000_000 + 2 * WINDOW.0), Turn::Wait);
    assert!(sharing.asked.len() <= MOST_ASKED);
}

#[test]
fn frames_that_wait_have_a_limit() {
    let told = Told::default();
    let mut sharing = Sharing::new(shared(&told, Whose::Pods(Follow::All)));
    let bytes = packet("www", 1_001, false);
    let mut released = 0;
    for at in 0..i64::try_from(MOST_HELD + 10).unwrap() {
        let original_len = u32::try_from(bytes.len()).unwrap();
        let frame =
            Frame { at: Timestamp(at), link: LinkType::RAW, bytes: &bytes, original_len, interface: 1 };
        released += sharing.hold(&frame).len();
    }
    assert_eq!((released, sharing.held.len()), (10, MOST_HELD));
}

#[test]
fn a_suffix_is_taken_off_where_it_is_one() {
    let reads = Reads::new(Some("search Sre.Svc.Cluster.Local. cluster.local\n".into()));
    for (name, stem) in [
        ("www.sre.svc.cluster.local", "www"),
        ("www.example.com.cluster.local", "www.example.com"),
        ("wwwcluster.local", "wwwcluster.local"),
        ("cluster.local", "cluster.local"),
    ] {
        assert_eq!(reads.stem(name), stem, "{name}");
    }
}
