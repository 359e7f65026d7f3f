//! Frames built by hand, one per shape that a capture may hold.

use proptest::strategy::Strategy as _;

use super::*;
use crate::time::Timestamp;

const QUERY: &[u8] = b"\x12\x34payload";

fn ipv4_udp(source: u16, destination: u16, fragment: u16, options: usize, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x45 + (options / 4) as u8, 0];
    bytes.extend((20 + options as u16 + 8 + payload.len() as u16).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(fragment.to_be_bytes());
    bytes.extend([64, 17, 0, 0, 10, 244, 1, 7, 10, 96, 0, 10]);
    bytes.extend(vec![1; options]);
    udp_header(&mut bytes, source, destination, payload);
    bytes
}

fn udp_header(bytes: &mut Vec<u8>, source: u16, destination: u16, payload: &[u8]) {
    for value in [source, destination, 8 + payload.len() as u16, 0] {
        bytes.extend(value.to_be_bytes());
    }
    bytes.extend(payload);
}

fn ipv6_udp(extensions: &[(u8, Vec<u8>)], payload: &[u8]) -> Vec<u8> {
    let mut inner = Vec::new();
    for (index, (_, body)) in extensions.iter().enumerate() {
        let next = extensions.get(index + 1).map_or(17, |(kind, _)| *kind);
        inner.push(next);
        inner.extend(body);
    }
    udp_header(&mut inner, 4000, 53, payload);
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend((inner.len() as u16).to_be_bytes());
    bytes.extend([extensions.first().map_or(17, |(kind, _)| *kind), 64]);
    bytes.extend([0xfd; 16]);
    bytes.extend([0xfe; 16]);
    bytes.extend(inner);
    bytes
}

fn decoded(link: LinkType, bytes: &[u8]) -> Result<Datagram<'_>, Skipped> {
    let frame = Frame {
        at: Timestamp(0),
        link,
        bytes,
        original_len: u32::try_from(bytes.len()).unwrap(),
        interface: 0,
    };
    decode(&frame, &[53])
}

fn ethernet(types: &[u16], packet: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 12];
    for (index, ethertype) in types.iter().enumerate() {
        if index > 0 {
            bytes.extend([0, 7]);
        }
        bytes.extend(ethertype.to_be_bytes());
    }
    bytes.extend(packet);
    bytes
}

#[test]
fn every_link_type_leads_to_the_same_payload() {
    let packet = ipv4_udp(4000, 53, 0, 0, QUERY);
    let mut cooked_v1 = vec![0; 14];
    cooked_v1.extend([8, 0]);
    let mut cooked_v2 = vec![8, 0];
    cooked_v2.extend([0; 18]);
    let frames = [
        (LinkType::ETHERNET, ethernet(&[0x0800], &packet)),
        (LinkType::ETHERNET, ethernet(&[0x8100, 0x0800], &packet)),
        (LinkType::ETHERNET, ethernet(&[0x88a8, 0x8100, 0x0800], &packet)),
        (LinkType::LINUX_SLL, [cooked_v1, packet.clone()].concat()),
        (LinkType::LINUX_SLL2, [cooked_v2, packet.clone()].concat()),
        (LinkType::RAW, packet.clone()),
        (LinkType::NULL, [vec![2, 0, 0, 0], packet.clone()].concat()),
    ];
    for (link, bytes) in frames {
        let datagram = decoded(link, &bytes).unwrap();
        assert_eq!(datagram.payload, QUERY, "{link:?}");
        assert_eq!(SocketAddr::from(datagram.source), "10.244.1.7:4000".parse().unwrap());
        assert_eq!(SocketAddr::from(datagram.destination), "10.96.0.10:53".parse().unwrap());
        assert!(!datagram.cut);
    }
}

#[test]
fn ipv4_options_are_passed_over() {
    assert_eq!(decoded(LinkType::RAW, &ipv4_udp(4000, 53, 0, 12, QUERY)).unwrap().payload, QUERY);
}

#[test]
fn ethernet_padding_is_not_payload() {
    let mut bytes = ethernet(&[0x0800], &ipv4_udp(4000, 53, 0, 0, b"ab"));
    bytes.resize(60, 0);
    assert_eq!(decoded(LinkType::ETHERNET, &bytes).unwrap().payload, b"ab");
}

#[test]
fn later_fragments_are_told_apart_from_the_first() {
    assert_eq!(decoded(LinkType::RAW, &ipv4_udp(4000, 53, 0x2000, 0, QUERY)).unwrap().payload, QUERY);
    assert_eq!(decoded(LinkType::RAW, &ipv4_udp(4000, 53, 0x00b9, 0, QUERY)), Err(Skipped::Fragment));
    let later = ipv6_udp(&[(44, vec![0, 0x05, 0xa8, 0, 0, 0, 1])], QUERY);
    assert_eq!(decoded(LinkType::RAW, &later), Err(Skipped::Fragment));
}

#[test]
fn ipv6_extension_headers_are_walked() {
    let hop_by_hop = (0, vec![0, 5, 2, 0, 0, 1, 0]);
    let routing = (43, [vec![1], vec![0; 14]].concat());
    let options = (60, vec![0, 1, 4, 0, 0, 0, 0]);
    let first_fragment = (44, vec![0, 0, 1, 0, 0, 0, 1]);
    let packet = ipv6_udp(&[hop_by_hop, routing, options, first_fragment], QUERY);
    let datagram = decoded(LinkType::RAW, &packet).unwrap();
    assert_eq!(datagram.payload, QUERY);
    assert!(datagram.source.ip().is_ipv6());
}

#[test]
fn what_is_not_ours_is_named() {
    assert_eq!(decoded(LinkType::RAW, &ipv4_udp(4000, 54, 0, 0, QUERY)), Err(Skipped::OtherPort));
    assert_eq!(decoded(LinkType::ETHERNET, &ethernet(&[0x0806], &[0; 28])), Err(Skipped::NotIp));
    let mut icmp = ipv4_udp(4000, 53, 0, 0, QUERY);
    icmp[9] = 1;
    assert_eq!(decoded(LinkType::RAW, &icmp), Err(Skipped::OtherProtocol));
    assert_eq!(decoded(LinkType(147), &[0; 40]), Err(Skipped::UnknownLink(LinkType(147))));
    assert_eq!(decoded(LinkType::RAW, &[]), Err(Skipped::CutShort));
}

#[test]
fn a_short_snap_length_keeps_what_is_there_and_says_so() {
    let whole = ipv4_udp(4000, 53, 0, 0, QUERY);
    let datagram = decoded(LinkType::RAW, &whole[..whole.len() - 3]).unwrap();
    assert_eq!(datagram.payload, &QUERY[..QUERY.len() - 3]);
    assert!(datagram.cut);
}

proptest::proptest! {
    #[test]
    fn arbitrary_frames_never_panic(
        link in proptest::sample::select(vec![0_u16, 1, 101, 108, 113, 228, 229, 276]),
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
    ) {
        let _ = decoded(LinkType(link), &bytes);
    }
}

/// Frames of the usual kind, of which some bytes may be others and the end may be missing.
fn usual_frames() -> impl proptest::strategy::Strategy<Value = (LinkType, Vec<u8>)> {
    use proptest::collection::vec;
    use proptest::prelude::*;
    let length = prop_oneof![4 => Just(0_i16), 1 => -40..40_i16];
    let packet =
        (vec(any::<u8>(), 0..40), prop_oneof![4 => Just(0_u16), 1 => any::<u16>()], 0..3_usize, length);
    let damage =
        (any::<proptest::sample::Index>(), proptest::option::weighted(0.3, any::<u8>()), 0..12_usize);
    (any::<bool>(), packet, damage).prop_map(
        |(cooked, (payload, fragment, options, length), (at, byte, cut))| {
            let mut packet = ipv4_udp(4000, 53, fragment, options * 4, &payload);
            let total = u16::from_be_bytes([packet[2], packet[3]]).wrapping_add_signed(length);
            packet[2..4].copy_from_slice(&total.to_be_bytes());
            packet.extend([0; 4]);
            let mut frame =
                if cooked { [&[0; 14][..], &[8, 0], &packet].concat() } else { ethernet(&[0x0800], &packet) };
            if let Some(byte) = byte {
                let at = at.index(frame.len());
                frame[at] = byte;
            }
            frame.truncate(frame.len() - cut);
            (if cooked { LinkType::LINUX_SLL } else { LinkType::ETHERNET }, frame)
        },
    )
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(2_048))]

    #[test]
    fn an_endpoint_gives_back_what_it_was_made_of(
        address in proptest::prop_oneof![
            proptest::prelude::any::<std::net::Ipv4Addr>().prop_map(IpAddr::V4),
            proptest::prelude::any::<std::net::Ipv6Addr>().prop_map(IpAddr::V6),
            proptest::prelude::any::<std::net::Ipv4Addr>().prop_map(|it| IpAddr::V6(it.to_ipv6_mapped())),
        ],
        port: u16,
    ) {
        let endpoint = Endpoint::new(address, port);
        proptest::prop_assert_eq!((endpoint.ip(), endpoint.port()), (address, port));
    }

    #[test]
    fn usual_frames_are_read_as_any_frame_is((link, bytes) in usual_frames()) {
        let frame = Frame { at: Timestamp(0), link, bytes: &bytes, original_len: 0, interface: 0 };
        if let Some(quick) = quick::decode(link, &bytes) {
            proptest::prop_assert_eq!(Ok(quick), general(&frame));
        }
    }
}

#[test]
fn usual_frames_are_read_quickly() {
    let frame = ethernet(&[0x0800], &ipv4_udp(4000, 53, 0, 0, QUERY));
    assert_eq!(quick::decode(LinkType::ETHERNET, &frame).map(|it| it.payload), Some(QUERY));
}

#[test]
fn endpoints_differ_by_each_part_of_them() {
    let v6 = |first: u16, last: u16, port| Endpoint::new([first, 0, 0, 0, 0, 0, 0, last].into(), port);
    let all = [
        v6(0xfd00, 7, 53),
        v6(0xfd01, 7, 53),
        v6(0xfd00, 8, 53),
        v6(0xfd00, 7, 54),
        v6(0, 7, 53),
        // The same bits, but another kind of address.
        Endpoint::new([0, 0, 0, 7].into(), 53),
    ];
    for (index, one) in all.iter().enumerate() {
        for (other_index, other) in all.iter().enumerate() {
            assert_eq!(one == other, index == other_index, "{one:?} and {other:?}");
        }
    }
}
