//! Classic BPF with labels instead of distances (`linux/filter.h`, `linux/bpf_common.h`).
//!
//! The distance of a conditional jump is a byte. Where that is too little, it becomes two instructions: it skips an
//! unconditional jump, whose distance is a word. So no program is too long for its jumps, and each is as short as it can be:
//! the kernel compiles it anew for each socket, which is most of what opening one costs.

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
    LaterFragment,
    Advance(u32),
    Refuse6,
    Ports,
    Accept,
}

/// A program being written, from its first instruction to its last.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    steps: Vec<Step>,
    /// The step that each label stands for.
    places: BTreeMap<Label, usize>,
}

/// One thing to do, whose distances are not known yet.
#[derive(Debug, Clone, Copy)]
enum Step {
    Plain(sock_filter),
    /// An unconditional jump.
    Go(Label),
    /// A comparison of A with `k`, and where to go if it comes out like this; otherwise with the next step.
    Branch {
        condition: u32,
        k: u32,
        when: bool,
        to: Label,
    },
}

impl Assembler {
    /// The next instruction is what `label` stands for.
    pub(super) fn place(&mut self, label: Label) {
        self.places.insert(label, self.steps.len());
    }

    /// The program with all distances filled in. Jumps go forward only; every label used must have been placed.
    pub(super) fn finish(self) -> Vec<sock_filter> {
        // All jumps are short at first. A longer one may make others too long, but none shorter.
        let mut long = vec![false; self.steps.len()];
        loop {
            let starts = starts(&long);
            let mut changed = false;
            for (index, step) in self.steps.iter().enumerate() {
                let Step::Branch { to, .. } = step else { continue };
                let too_far = starts[self.places[to]] - starts[index] - 1 > usize::from(u8::MAX);
                changed |= too_far && !long[index];
                long[index] |= too_far;
            }
            if !changed {
                return self.with_distances(&starts, &long);
            }
        }
    }

    fn with_distances(&self, starts: &[usize], long: &[bool]) -> Vec<sock_filter> {
        let mut code = Vec::new();
        for (step, long) in self.steps.iter().zip(long) {
            let to = |label: &Label, from: usize| starts[self.places[label]] - from - 1;
            match step {
                Step::Plain(instruction) => code.push(*instruction),
                Step::Go(label) => code.push(jump(to(label, code.len()))),
                Step::Branch { condition, k, when, to: label } if *long => {
                    code.push(branch(*condition, *k, !when, 1));
                    code.push(jump(to(label, code.len())));
                }
                Step::Branch { condition, k, when, to: label } => {
                    code.push(branch(*condition, *k, *when, to(label, code.len())));
                }
            }
        }
        code
    }

    pub(super) fn accept(&mut self) {
        self.push(libc::BPF_RET | libc::BPF_K, SNAP_LEN);
    }

    pub(super) fn refuse(&mut self) {
        self.push(libc::BPF_RET | libc::BPF_K, 0);
    }

    pub(super) fn go(&mut self, label: Label) {
        self.steps.push(Step::Go(label));
    }

    pub(super) fn if_equal(&mut self, k: u32, to: Label) {
        self.steps.push(Step::Branch { condition: libc::BPF_JEQ, k, when: true, to });
    }

    pub(super) fn unless_equal(&mut self, k: u32, to: Label) {
        self.steps.push(Step::Branch { condition: libc::BPF_JEQ, k, when: false, to });
    }

    /// Goes there when A and `mask` have a bit in common.
    pub(super) fn if_bits(&mut self, mask: u32, to: Label) {
        self.steps.push(Step::Branch { condition: libc::BPF_JSET, k: mask, when: true, to });
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

    /// A = the four bytes at X + `offset`, in network order.
    pub(super) fn load_word_x(&mut self, offset: u32) {
        self.push(libc::BPF_LD | libc::BPF_W | libc::BPF_IND, offset);
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

    pub(super) fn shift_right(&mut self, bits: u32) {
        self.push(libc::BPF_ALU | libc::BPF_RSH | libc::BPF_K, bits);
    }

    /// X = A.
    pub(super) fn move_to_x(&mut self) {
        self.push(libc::BPF_MISC | libc::BPF_TAX, 0);
    }

    /// A = X.
    pub(super) fn move_from_x(&mut self) {
        self.push(libc::BPF_MISC | libc::BPF_TXA, 0);
    }

    fn push(&mut self, code: u32, k: u32) {
        self.steps.push(Step::Plain(instruction(code, k)));
    }
}

/// Where each step begins in the program, and where that ends.
fn starts(long: &[bool]) -> Vec<usize> {
    let mut at = 0;
    let mut starts = vec![0];
    starts.extend(long.iter().map(|long| {
        at += 1 + usize::from(*long);
        at
    }));
    starts
}

fn instruction(code: u32, k: u32) -> sock_filter {
    // The highest class, mode and operation together stay below 0x100.
    let code = u16::try_from(code).unwrap_or(u16::MAX);
    sock_filter { code, jt: 0, jf: 0, k }
}

fn jump(distance: usize) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JA, u32::try_from(distance).unwrap_or(u32::MAX))
}

/// A conditional jump over so many instructions if the comparison comes out like this.
fn branch(condition: u32, k: u32, when: bool, distance: usize) -> sock_filter {
    let distance = u8::try_from(distance).unwrap_or(u8::MAX);
    let (jt, jf) = if when { (distance, 0) } else { (0, distance) };
    sock_filter { jt, jf, ..instruction(libc::BPF_JMP | condition | libc::BPF_K, k) }
}
