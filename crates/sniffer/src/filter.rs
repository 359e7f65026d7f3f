//! The kernel's filter: a classic BPF program that lets only DNS through.
//!
//! One program fits every interface of a namespace: it asks the kernel what kind of interface a frame is on
//! (`SKF_AD_HATYPE`) and begins at the network header. The offsets are counted from the start of the frame and not
//! from the kernel's network header (`SKF_NET_OFF`): the latter kind of load fails when the bytes are not in the
//! packet's linear part (net/core/filter.c, `bpf_internal_load_pointer_neg_helper`), and drivers that keep only the
//! Ethernet header there are common (`virtio_net`). It remains for interfaces whose header is not known, whose frames
//! can only be counted.
//!
//! Let through are UDP datagrams and TCP segments with one of the ports at either end, over IPv4 (with options) and
//! IPv6 (with up to [`MAX_EXTENSIONS`] extension headers), behind up to [`MAX_TAGS`] in-line VLAN tags beside the one
//! that the kernel takes off; and every later fragment of a UDP datagram, which has no ports, so that they can be
//! counted. The copies that a loopback interface shows on sending are refused: it shows them again on receiving.

mod assembler;

use libc::sock_filter;

use crate::error::Error;
use crate::link::{self, Start};
use assembler::{Assembler, Label};

/// How many different ports one program holds.
pub const MAX_PORTS: usize = 32;
/// How many IPv6 extension headers are walked: classic BPF has no loops, so each costs some thirty instructions.
pub const MAX_EXTENSIONS: u32 = 6;
/// How many in-line VLAN tags are walked.
pub const MAX_TAGS: u32 = 2;
/// How much of a frame is kept, in bytes: the largest IPv4 packet, an Ethernet header and some tags.
pub const SNAP_LEN: u32 = 0x1_0040;

const ETHERTYPE_IPV4: u32 = 0x0800;
const ETHERTYPE_IPV6: u32 = 0x86dd;
/// 802.1Q, 802.1ad and the value that was in use before it.
const ETHERTYPES_VLAN: [u32; 3] = [0x8100, 0x88a8, 0x9100];
/// Where the type is in an Ethernet header, and how far apart the types of stacked tags are.
const ETHERTYPE_AT: u32 = 12;
const TAG_LEN: u32 = 4;
const ETHERNET_LEN: u32 = 14;

const TCP: u32 = 6;
const UDP: u32 = 17;
const HOP_BY_HOP: u32 = 0;
const ROUTING: u32 = 43;
const FRAGMENT: u32 = 44;
const AUTHENTICATION: u32 = 51;
const DESTINATION_OPTIONS: u32 = 60;
const IPV6_LEN: u32 = 40;

/// The scratch words that hold the number of an IPv6 header and its first four bytes while the accumulator is needed.
const NUMBER: u32 = 0;
const FIRST_WORD: u32 = 1;

/// The program for these ports.
///
/// # Errors
/// [`Error::TooManyPorts`] for more than [`MAX_PORTS`] different ones.
pub fn program(ports: &[u16]) -> Result<Vec<sock_filter>, Error> {
    let mut ports = ports.to_vec();
    ports.sort_unstable();
    ports.dedup();
    if ports.len() > MAX_PORTS {
        return Err(Error::TooManyPorts { given: ports.len() });
    }
    let mut code = Assembler::default();
    refuse_loopback_copies(&mut code);
    find_network_header(&mut code);
    walk_ipv4(&mut code);
    walk_ipv6(&mut code);
    compare_ports(&mut code, &ports);
    Ok(code.finish())
}

fn refuse_loopback_copies(code: &mut Assembler) {
    code.load_ancillary(libc::SKF_AD_PKTTYPE);
    code.unless_equal(u32::from(libc::PACKET_OUTGOING), Label::Keep);
    code.load_ancillary(libc::SKF_AD_HATYPE);
    code.unless_equal(u32::from(libc::ARPHRD_LOOPBACK), Label::Keep);
    code.refuse();
    code.place(Label::Keep);
}

/// Leaves the offset of the network header in X and goes to the walk of its protocol.
fn find_network_header(code: &mut Assembler) {
    code.load_ancillary(libc::SKF_AD_HATYPE);
    for &(hardware, start) in link::KNOWN {
        let label = match start {
            Start::Ethernet => Label::Ethernet,
            Start::Ip => Label::Raw,
        };
        code.if_equal(u32::from(hardware), label);
    }
    begin_unknown(code);
    begin_raw(code);
    begin_ethernet(code);
}

fn begin_unknown(code: &mut Assembler) {
    code.set_x(libc::SKF_NET_OFF.cast_unsigned());
    code.load_ancillary(libc::SKF_AD_PROTOCOL);
    code.if_equal(ETHERTYPE_IPV4, Label::Ipv4);
    code.if_equal(ETHERTYPE_IPV6, Label::Ipv6);
    code.refuse();
}

fn begin_raw(code: &mut Assembler) {
    code.place(Label::Raw);
    code.set_x(0);
    code.load_byte_x(0);
    code.and(0xf0);
    code.if_equal(0x40, Label::Ipv4);
    code.if_equal(0x60, Label::Ipv6);
    code.refuse();
}

fn begin_ethernet(code: &mut Assembler) {
    code.place(Label::Ethernet);
    for tags in 0..=MAX_TAGS {
        let tag_bytes = tags * TAG_LEN;
        code.set_x(ETHERNET_LEN + tag_bytes);
        code.load_half(ETHERTYPE_AT + tag_bytes);
        code.if_equal(ETHERTYPE_IPV4, Label::Ipv4);
        code.if_equal(ETHERTYPE_IPV6, Label::Ipv6);
        for tag in ETHERTYPES_VLAN {
            code.if_equal(tag, Label::Tag(tags));
        }
        code.refuse();
        code.place(Label::Tag(tags));
    }
    code.refuse();
}

/// RFC 791, section 3.1.
fn walk_ipv4(code: &mut Assembler) {
    code.place(Label::Ipv4);
    code.load_half_x(6);
    code.if_bits(0x1fff, Label::Ipv4Fragment);
    code.load_byte_x(9);
    code.if_equal(UDP, Label::Ipv4Ports);
    code.unless_equal(TCP, Label::Refuse4);
    code.place(Label::Ipv4Ports);
    code.load_byte_x(0);
    code.and(0x0f);
    code.shift_left(2);
    code.add_x();
    code.move_to_x();
    code.go(Label::Ports);
    code.place(Label::Ipv4Fragment);
    code.load_byte_x(9);
    code.unless_equal(UDP, Label::Refuse4);
    code.accept();
    code.place(Label::Refuse4);
    code.refuse();
}

/// RFC 8200, section 4; the authentication header is RFC 4302, section 2.
fn walk_ipv6(code: &mut Assembler) {
    code.place(Label::Ipv6);
    code.load_byte_x(6);
    code.store(NUMBER);
    code.move_from_x();
    code.add(IPV6_LEN);
    code.move_to_x();
    code.load(NUMBER);
    for header in 0..MAX_EXTENSIONS {
        step_over_extension(code, header);
    }
    code.if_equal(UDP, Label::Ports);
    code.if_equal(TCP, Label::Ports);
    code.refuse();
    code.place(Label::LaterFragment);
    code.load(FIRST_WORD);
    code.shift_right(24);
    code.unless_equal(UDP, Label::Refuse6);
    code.accept();
    code.place(Label::Refuse6);
    code.refuse();
}

/// With the header's number in A and its offset in X: leaves both for the next header.
///
/// All that matters is in its first four bytes: the number of the next one, its own length, and whose turn in a datagram a
/// fragment is. Loads from a packet are by far the longest instructions for the kernel to compile, so there is one.
fn step_over_extension(code: &mut Assembler, header: u32) {
    let options = Label::Options(header);
    let fragment = Label::Fragment(header);
    let authentication = Label::Authentication(header);
    let advance = Label::Advance(header);
    code.if_equal(UDP, Label::Ports);
    code.if_equal(TCP, Label::Ports);
    code.store(NUMBER);
    code.load_word_x(0);
    code.store(FIRST_WORD);
    code.load(NUMBER);
    code.if_equal(FRAGMENT, fragment);
    code.if_equal(AUTHENTICATION, authentication);
    code.if_equal(HOP_BY_HOP, options);
    code.if_equal(ROUTING, options);
    code.unless_equal(DESTINATION_OPTIONS, Label::Refuse6);

    // The second byte counts eights beyond the first eight bytes.
    code.place(options);
    code.load(FIRST_WORD);
    code.shift_right(16 - 3);
    code.and(0xff << 3);
    code.go(advance);

    // It counts fours beyond them.
    code.place(authentication);
    code.load(FIRST_WORD);
    code.shift_right(16 - 2);
    code.and(0xff << 2);
    code.go(advance);

    // There are none beyond them.
    code.place(fragment);
    code.load(FIRST_WORD);
    code.if_bits(0xfff8, Label::LaterFragment);
    code.load_immediate(0);

    code.place(advance);
    code.add(8);
    code.add_x();
    code.move_to_x();
    code.load(FIRST_WORD);
    code.shift_right(24);
}

fn compare_ports(code: &mut Assembler, ports: &[u16]) {
    code.place(Label::Ports);
    for end in [0, 2] {
        code.load_half_x(end);
        for &port in ports {
            code.if_equal(u32::from(port), Label::Accept);
        }
    }
    code.refuse();
    code.place(Label::Accept);
    code.accept();
}

#[cfg(test)]
#[path = "filter/tests.rs"]
mod tests;
