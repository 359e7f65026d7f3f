//! Classic BPF with labels instead of distances (`linux/filter.h`, `linux/bpf_common.h`).
//!
//! A conditional jump is always one instruction that skips an unconditional one: its own distance is a byte, the other's
//! is a word, so no program is too long for its jumps.

use std::collections::BTreeMap;

use libc::sock_filter;

use super::SNAP_LEN;

/// A place in the program; those with a number are made once for each header or tag of that depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    Keep,
    Ethernet,
    Raw,
    Tag(u32),
    Ipv4,
    Ipv4Fragment,
    Ipv4Ports,
    Refuse4,
    Ipv6,
    Options(u32),
    Authentication(u32),
    Fragment(u32),
    LaterFragment(u32),
    Advance(u32),
    Refuse6,
    Ports,
    Accept,
}

/// A program being written, from its first instruction to its last.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    code: Vec<sock_filter>,
    places: BTreeMap<Label, usize>,
    /// Unconditional jumps whose distance is not known yet.
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    /// The next instruction is what `label` stands for.
    pub(super) fn place(&mut self, label: Label) {
        self.places.insert(label, self.code.len());
    }

    /// The program with all distances filled in. Jumps go forward only; every label used must have been placed.
    pub(super) fn finish(mut self) -> Vec<sock_filter> {
        for (at, label) in &self.jumps {
            let distance = self.places[label] - at - 1;
            self.code[*at].k = u32::try_from(distance).unwrap_or(u32::MAX);
        }
        self.code
    }

    pub(super) fn accept(&mut self) {
        self.push(libc::BPF_RET | libc::BPF_K, SNAP_LEN);
    }

    pub(super) fn refuse(&mut self) {
        self.push(libc::BPF_RET | libc::BPF_K, 0);
    }

    pub(super) fn go(&mut self, label: Label) {
        self.jumps.push((self.code.len(), label));
        self.push(libc::BPF_JMP | libc::BPF_JA, 0);
    }

    pub(super) fn if_equal(&mut self, value: u32, label: Label) {
        self.branch(libc::BPF_JEQ, value, [0, 1]);
        self.go(label);
    }

    pub(super) fn unless_equal(&mut self, value: u32, label: Label) {
        self.branch(libc::BPF_JEQ, value, [1, 0]);
        self.go(label);
    }

    /// Goes there when A and `mask` have a bit in common.
    pub(super) fn if_bits(&mut self, mask: u32, label: Label) {
        self.branch(libc::BPF_JSET, mask, [0, 1]);
        self.go(label);
    }

    /// A = what the kernel knows about the packet, an `SKF_AD_…`.
    pub(super) fn load_ancillary(&mut self, what: libc::c_int) {
        self.push(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, (libc::SKF_AD_OFF + what).cast_unsigned());
    }

    /// A = the two bytes at `offset`, in network order.
    pub(super) fn load_half(&mut self, offset: u32) {
        self.push(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS, offset);
    }

    /// A = the two bytes at X + `offset`, in network order.
    pub(super) fn load_half_x(&mut self, offset: u32) {
        self.push(libc::BPF_LD | libc::BPF_H | libc::BPF_IND, offset);
    }

    /// A = the byte at X + `offset`.
    pub(super) fn load_byte_x(&mut self, offset: u32) {
        self.push(libc::BPF_LD | libc::BPF_B | libc::BPF_IND, offset);
    }

    pub(super) fn load_immediate(&mut self, value: u32) {
        self.push(libc::BPF_LD | libc::BPF_IMM, value);
    }

    pub(super) fn set_x(&mut self, value: u32) {
        self.push(libc::BPF_LDX | libc::BPF_IMM, value);
    }

    /// A = scratch word.
    pub(super) fn load(&mut self, word: u32) {
        self.push(libc::BPF_LD | libc::BPF_MEM, word);
    }

    /// Scratch word = A.
    pub(super) fn store(&mut self, word: u32) {
        self.push(libc::BPF_ST, word);
    }

    pub(super) fn add(&mut self, value: u32) {
        self.push(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_K, value);
    }

    pub(super) fn add_x(&mut self) {
        self.push(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_X, 0);
    }

    pub(super) fn and(&mut self, mask: u32) {
        self.push(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, mask);
    }

    pub(super) fn shift_left(&mut self, bits: u32) {
        self.push(libc::BPF_ALU | libc::BPF_LSH | libc::BPF_K, bits);
    }

    /// X = A.
    pub(super) fn move_to_x(&mut self) {
        self.push(libc::BPF_MISC | libc::BPF_TAX, 0);
    }

    /// A = X.
    pub(super) fn move_from_x(&mut self) {
        self.push(libc::BPF_MISC | libc::BPF_TXA, 0);
    }

    fn branch(&mut self, condition: u32, k: u32, [jt, jf]: [u8; 2]) {
        self.push(libc::BPF_JMP | condition | libc::BPF_K, k);
        if let Some(last) = self.code.last_mut() {
            (last.jt, last.jf) = (jt, jf);
        }
    }

    fn push(&mut self, code: u32, k: u32) {
        // The highest class, mode and operation together stay below 0x100.
        let code = u16::try_from(code).unwrap_or(u16::MAX);
        self.code.push(sock_filter { code, jt: 0, jf: 0, k });
    }
}
