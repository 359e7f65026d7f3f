//! The program run by an interpreter, against a plain reading of the same frames.

use proptest::prelude::*;

use super::*;

/// What the kernel tells the program about a packet beside its bytes.
#[derive(Debug, Clone, Copy)]
struct Meta {
    packet_type: u8,
    hardware: u16,
    protocol: u16,
    /// Where the kernel has the network header.
    network_at: usize,
}

const ETHERNET: Meta =
    Meta { packet_type: libc::PACKET_HOST, hardware: libc::ARPHRD_ETHER, protocol: 0x0800, network_at: 14 };

/// Runs a program as net/core/filter.c does: a load outside the packet refuses it.
fn run(program: &[sock_filter], frame: &[u8], meta: Meta) -> u32 {
    let (mut a, mut x, mut memory, mut at) = (0_u32, 0_u32, [0_u32; 16], 0);
    loop {
        let step = program[at];
        at += 1;
        let code = u32::from(step.code);
        match code & 0x07 {
            libc::BPF_LD => match load(code, step.k, x, &memory, frame, meta) {
                Some(value) => a = value,
                None => return 0,
            },
            libc::BPF_LDX => x = step.k,
            libc::BPF_ST => memory[step.k as usize] = a,
            libc::BPF_ALU => a = compute(code, a, if code & libc::BPF_X == 0 { step.k } else { x }),
            libc::BPF_JMP if code & 0xf0 == libc::BPF_JA => at += step.k as usize,
            libc::BPF_JMP => {
                let holds = if code & 0xf0 == libc::BPF_JEQ { a == step.k } else { a & step.k != 0 };
                at += usize::from(if holds { step.jt } else { step.jf });
            }
            libc::BPF_RET => return step.k,
            _ if code & 0xf8 == libc::BPF_TXA => a = x,
            _ => x = a,
        }
    }
}

fn compute(code: u32, a: u32, operand: u32) -> u32 {
    match code & 0xf0 {
        libc::BPF_ADD => a.wrapping_add(operand),
        libc::BPF_AND => a & operand,
        libc::BPF_LSH => a << operand,
        libc::BPF_RSH => a >> operand,
        other => panic!("operation {other:#x} is not interpreted"),
    }
}

fn load(code: u32, k: u32, x: u32, memory: &[u32; 16], frame: &[u8], meta: Meta) -> Option<u32> {
    let offset = match code & 0xe0 {
        libc::BPF_IMM => return Some(k),
        libc::BPF_MEM => return Some(memory[k as usize]),
        libc::BPF_ABS => k,
        libc::BPF_IND => x.wrapping_add(k),
        other => panic!("mode {other:#x} is not interpreted"),
    };
    let signed = offset.cast_signed();
    let from = match signed {
        0.. => usize::try_from(signed).unwrap(),
        libc::SKF_AD_OFF.. => return Some(ancillary(signed - libc::SKF_AD_OFF, meta)),
        libc::SKF_NET_OFF.. => meta.network_at + usize::try_from(signed - libc::SKF_NET_OFF).unwrap(),
        _ => return None,
    };
    let size = match code & 0x18 {
        libc::BPF_B => 1,
        libc::BPF_H => 2,
        _ => 4,
    };
    let bytes = frame.get(from..from + size)?;
    Some(bytes.iter().fold(0, |value, &byte| value << 8 | u32::from(byte)))
}

fn ancillary(what: i32, meta: Meta) -> u32 {
    match what {
        libc::SKF_AD_PKTTYPE => meta.packet_type.into(),
        libc::SKF_AD_HATYPE => meta.hardware.into(),
        libc::SKF_AD_PROTOCOL => meta.protocol.into(),
        other => panic!("ancillary {other} is not interpreted"),
    }
}

/// What the program should do, written as one would read a frame; `None` when it is too short to say.
fn wanted(frame: &[u8], meta: Meta, ports: &[u16]) -> Option<bool> {
    if meta.packet_type == libc::PACKET_OUTGOING && meta.hardware == libc::ARPHRD_LOOPBACK {
        return Some(false);
    }
    let (ethertype, packet) = match meta.hardware {
        libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => untagged(frame)?,
        libc::ARPHRD_NONE => (if frame.first()? >> 4 == 6 { 0x86dd } else { 0x0800 }, frame),
        _ => (meta.protocol, frame.get(meta.network_at..)?),
    };
    match ethertype {
        0x0800 if meta.hardware == libc::ARPHRD_NONE && packet.first()? >> 4 != 4 => Some(false),
        0x0800 => ipv4(packet, ports),
        0x86dd => ipv6(*packet.get(6)?, packet.get(40..)?, ports),
        _ => Some(false),
    }
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn untagged(frame: &[u8]) -> Option<(u16, &[u8])> {
    let mut rest = frame.get(12..)?;
    for _ in 0..MAX_TAGS {
        if matches!(half(rest, 0)?, 0x8100 | 0x88a8 | 0x9100) {
            rest = rest.get(4..)?;
        }
    }
    Some((half(rest, 0)?, rest.get(2..)?))
}

fn ipv4(packet: &[u8], ports: &[u16]) -> Option<bool> {
    let protocol = u32::from(*packet.get(9)?);
    if half(packet, 6)? & 0x1fff != 0 {
        return Some(protocol == UDP);
    }
    if protocol != UDP && protocol != TCP {
        return Some(false);
    }
    has_port(packet.get(usize::from(packet[0] & 0x0f) * 4..)?, ports)
}

fn ipv6(first: u8, mut rest: &[u8], ports: &[u16]) -> Option<bool> {
    let mut header = u32::from(first);
    for _ in 0..MAX_EXTENSIONS {
        let length = match header {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => (usize::from(*rest.get(1)?) + 1) * 8,
            AUTHENTICATION => (usize::from(*rest.get(1)?) + 2) * 4,
            FRAGMENT if half(rest, 2)? & 0xfff8 != 0 => return Some(u32::from(rest[0]) == UDP),
            FRAGMENT => 8,
            _ => break,
        };
        header = u32::from(rest[0]);
        rest = rest.get(length..)?;
    }
    if header == UDP || header == TCP { has_port(rest, ports) } else { Some(false) }
}

fn has_port(segment: &[u8], ports: &[u16]) -> Option<bool> {
    Some(ports.contains(&half(segment, 0)?) || ports.contains(&half(segment, 2)?))
}

fn accepted(frame: &[u8], meta: Meta) -> bool {
    run(&program(&[53]).unwrap(), frame, meta) == SNAP_LEN
}

fn udp(source: u16, destination: u16) -> Vec<u8> {
    [source.to_be_bytes(), destination.to_be_bytes(), [0, 8], [0, 0]].concat()
}

fn ipv4_packet(protocol: u32, options: usize, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; 20 + options * 4];
    packet[0] = 0x45 + u8::try_from(options).unwrap();
    packet[6..8].copy_from_slice(&fragment.to_be_bytes());
    packet[9] = u8::try_from(protocol).unwrap();
    packet.extend(payload);
    packet
}

/// Extension headers by number, each with its length in bytes, then the payload of `last`.
fn ipv6_packet(extensions: &[(u32, usize)], fragment: u16, last: u32, payload: &[u8]) -> Vec<u8> {
    let numbers: Vec<u32> = extensions.iter().map(|(number, _)| *number).chain([last]).collect();
    let mut packet = vec![0; 40];
    packet[0] = 0x60;
    packet[6] = u8::try_from(numbers[0]).unwrap();
    for (&(number, length), next) in extensions.iter().zip(&numbers[1..]) {
        let mut header = vec![0; length];
        header[0] = u8::try_from(*next).unwrap();
        match number {
            FRAGMENT => header[2..4].copy_from_slice(&fragment.to_be_bytes()),
            AUTHENTICATION => header[1] = u8::try_from(length / 4 - 2).unwrap(),
            _ => header[1] = u8::try_from(length / 8 - 1).unwrap(),
        }
        packet.extend(header);
    }
    packet.extend(payload);
    packet
}

fn ethernet(tags: &[u16], ethertype: u16, packet: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 12];
    for tag in tags {
        frame.extend(tag.to_be_bytes());
        frame.extend([0x20, 0x07]);
    }
    frame.extend(ethertype.to_be_bytes());
    frame.extend(packet);
    frame
}

#[test]
fn queries_and_answers_pass_and_other_ports_do_not() {
    for (source, destination, passes) in [(40_000, 53, true), (53, 40_000, true), (40_000, 54, false)] {
        for protocol in [UDP, TCP] {
            let frame = ethernet(&[], 0x0800, &ipv4_packet(protocol, 0, 0, &udp(source, destination)));
            assert_eq!(accepted(&frame, ETHERNET), passes, "{protocol} {source} {destination}");
        }
    }
    assert!(!accepted(&ethernet(&[], 0x0800, &ipv4_packet(1, 0, 0, &udp(53, 53))), ETHERNET));
}

#[test]
fn only_the_sent_copy_on_a_loopback_is_refused() {
    let frame = ethernet(&[], 0x0800, &ipv4_packet(UDP, 0, 0, &udp(40_000, 53)));
    let cases = [
        (libc::PACKET_OUTGOING, libc::ARPHRD_LOOPBACK, false),
        (libc::PACKET_HOST, libc::ARPHRD_LOOPBACK, true),
        (libc::PACKET_OUTGOING, libc::ARPHRD_ETHER, true),
    ];
    for (packet_type, hardware, passes) in cases {
        assert_eq!(accepted(&frame, Meta { packet_type, hardware, ..ETHERNET }), passes);
    }
}

#[test]
fn options_and_tags_are_stepped_over() {
    let packet = ipv4_packet(UDP, 3, 0, &udp(40_000, 53));
    for tags in [&[][..], &[0x8100], &[0x88a8, 0x8100], &[0x9100, 0x8100]] {
        assert!(accepted(&ethernet(tags, 0x0800, &packet), ETHERNET), "{tags:x?}");
    }
    assert!(!accepted(&ethernet(&[0x88a8, 0x8100, 0x8100], 0x0800, &packet), ETHERNET));
}

#[test]
fn later_fragments_pass_for_udp_only() {
    for (fragment, protocol, passes) in
        [(0x2000_u16, UDP, false), (1, UDP, true), (0x1000, UDP, true), (1, TCP, false)]
    {
        let frame = ethernet(&[], 0x0800, &ipv4_packet(protocol, 0, fragment, &udp(1, 2)));
        assert_eq!(accepted(&frame, ETHERNET), passes, "{fragment} {protocol}");
        let packet = ipv6_packet(&[(FRAGMENT, 8)], fragment << 3, protocol, &udp(1, 2));
        assert_eq!(accepted(&ethernet(&[], 0x86dd, &packet), ETHERNET), passes, "v6 {fragment} {protocol}");
    }
}

#[test]
fn six_extension_headers_are_walked_and_no_more() {
    let six =
        [(HOP_BY_HOP, 8), (DESTINATION_OPTIONS, 16), (ROUTING, 24), (FRAGMENT, 8), (AUTHENTICATION, 24)];
    let mut extensions = six.to_vec();
    for passes in [true, true, false] {
        let packet = ipv6_packet(&extensions, 0, UDP, &udp(40_000, 53));
        assert_eq!(accepted(&ethernet(&[], 0x86dd, &packet), ETHERNET), passes);
        extensions.push((DESTINATION_OPTIONS, 2048));
    }
}

#[test]
fn raw_ip_and_unknown_headers_are_read_from_their_network_header() {
    let packets = [
        (0x0800, ipv4_packet(UDP, 0, 0, &udp(53, 9))),
        (0x86dd, ipv6_packet(&[(HOP_BY_HOP, 8)], 0, TCP, &udp(9, 53))),
    ];
    for (protocol, packet) in packets {
        let raw = Meta { hardware: libc::ARPHRD_NONE, network_at: 0, protocol, ..ETHERNET };
        assert!(accepted(&packet, raw));
        let ppp = Meta { hardware: libc::ARPHRD_PPP, network_at: 2, ..raw };
        assert!(accepted(&[&[0, 0x21], &packet[..]].concat(), ppp));
        assert!(!accepted(&packet, Meta { protocol: 0x0806, ..ppp }));
    }
}

#[test]
fn the_longest_program_fits_the_kernel_and_one_more_port_is_an_error() {
    let mut ports: Vec<u16> = (0..32).map(|port| port * 7).collect();
    ports.push(7);
    assert!(program(&ports).unwrap().len() < 4096);
    ports.push(u16::MAX);
    let error = program(&ports).unwrap_err();
    assert_eq!(error.to_string(), "a kernel filter holds at most 32 ports, 33 were given");
}

#[test]
fn a_jump_that_is_too_far_for_a_byte_is_made_in_two_steps() {
    for (between, instructions) in [(254, 1), (255, 2), (1_000, 2)] {
        for (value, passes) in [(0, [true, false]), (1, [false, true])] {
            let jumps: [fn(&mut Assembler, u32); 2] = [
                |code, value| code.if_equal(value, Label::Accept),
                |code, value| code.unless_equal(value, Label::Accept),
            ];
            for (jump, passes) in jumps.into_iter().zip(passes) {
                let mut code = Assembler::default();
                jump(&mut code, value);
                (0..between).for_each(|_| code.load_immediate(0));
                code.refuse();
                code.place(Label::Accept);
                code.accept();
                let program = code.finish();
                assert_eq!(program.len(), instructions + between + 2);
                assert_eq!(run(&program, &[], ETHERNET) != 0, passes, "{between} {value}");
            }
        }
    }
}

/// Frames near to what DNS looks like: most random bytes would be refused at the first test.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let port = prop_oneof![Just(53_u16), Just(5353), any::<u16>()];
    let protocol = prop_oneof![3 => Just(UDP), 2 => Just(TCP), 1 => 0_u32..256];
    let fragment = prop_oneof![Just(0_u16), Just(0x4000), any::<u16>()];
    let known =
        prop::sample::select(vec![HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS]);
    let extensions = prop::collection::vec((known, 1_usize..5), 0..9);
    let tags = prop::collection::vec(prop::sample::select(vec![0x8100_u16, 0x88a8, 0x9100]), 0..4);
    let parts = (port.clone(), port, protocol, fragment, extensions, tags, any::<bool>(), 0_usize..11);
    parts.prop_map(|(source, destination, protocol, fragment, extensions, tags, six, options)| {
        let payload = udp(source, destination);
        if six {
            let sized = |(number, eighths)| (number, if number == FRAGMENT { 8 } else { eighths * 8 });
            let extensions: Vec<_> = extensions.into_iter().map(sized).collect();
            ethernet(&tags, 0x86dd, &ipv6_packet(&extensions, fragment, protocol, &payload))
        } else {
            ethernet(&tags, 0x0800, &ipv4_packet(protocol, options, fragment, &payload))
        }
    })
}

fn metas() -> impl Strategy<Value = Meta> {
    let hardware = [libc::ARPHRD_ETHER, libc::ARPHRD_LOOPBACK, libc::ARPHRD_NONE, libc::ARPHRD_PPP];
    let protocol = prop::sample::select(vec![0x0800_u16, 0x86dd, 0x8100, 0x0806]);
    (0_u8..5, prop::sample::select(hardware.to_vec()), protocol).prop_map(
        |(packet_type, hardware, protocol)| Meta { packet_type, hardware, protocol, network_at: 14 },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn the_program_reads_frames_as_one_would(
        frame in frames(),
        meta in metas(),
        cut in prop_oneof![Just(None), (0_usize..80).prop_map(Some)],
        strip in any::<bool>(),
        ports in prop_oneof![Just(vec![53]), prop::collection::vec(any::<u16>(), 0..MAX_PORTS)],
    ) {
        let frame = &frame[..cut.unwrap_or(frame.len()).min(frame.len())];
        let frame = if strip && meta.hardware == libc::ARPHRD_NONE { frame.get(14..).unwrap_or(&[]) } else { frame };
        let passes = run(&program(&ports).unwrap(), frame, meta) != 0;
        prop_assert_eq!(passes, wanted(frame, meta, &ports).unwrap_or(false));
    }

    #[test]
    fn any_bytes_end_the_program(
        frame in prop::collection::vec(any::<u8>(), 0..120),
        meta in metas(),
    ) {
        let passes = run(&program(&[53]).unwrap(), &frame, meta) != 0;
        prop_assert_eq!(passes, wanted(&frame, meta, &[53]).unwrap_or(false));
    }
}
