//! Executables and libraries as they are found, and bytes that only look like them.

use std::io::{Cursor, Write};

use proptest::prelude::*;

use super::*;
use crate::host::Host;
use crate::target::{Target, locate};

fn build_info(version: &str, modules: &str) -> Vec<u8> {
    let mut section = b"\xff Go buildinf:\x08\x02".to_vec();
    section.resize(32, 0);
    for text in [version, modules] {
        let length = u8::try_from(text.len()).unwrap();
        // Two bytes for what needs more than seven bits.
        if length < 0x80 {
            section.push(length);
        } else {
            section.extend([length, 1]);
        }
        section.extend(text.bytes());
    }
    section
}

fn build(section: &[u8]) -> Option<go::Build> {
    go::build(section, object::Endianness::Little, &|_, _| None)
}

#[test]
fn go_build_information_gives_version_and_cgo() {
    let modules = "path\tx\nbuild\t-compiler=gc\nbuild\tCGO_ENABLED=0\nbuild\tGOARCH=amd64\n".repeat(2);
    let found = build(&build_info("go1.22.3", &modules)).unwrap();
    assert_eq!(found, go::Build { version: "go1.22.3".into(), cgo: Some(go::Cgo::Disabled), prefers: None });
    let found = build(&build_info("go1.22.3", "build\tCGO_ENABLED=1\n")).unwrap();
    assert_eq!(found.cgo, Some(go::Cgo::Enabled));
    assert_eq!(build(&build_info("go1.22.3", "")).unwrap().cgo, None);
    assert_eq!(build(b"something else"), None);
}

#[test]
fn go_build_tags_tell_the_preferred_resolver() {
    let prefers =
        |tags: &str| build(&build_info("go1.22.3", &format!("build\t-tags={tags}\n"))).unwrap().prefers;
    assert_eq!(prefers("osusergo,netgo"), Some(go::Prefers::Go));
    assert_eq!(prefers("netcgo"), Some(go::Prefers::Libc));
    assert_eq!(prefers("netgopher"), None);
}

#[test]
fn older_go_points_to_its_strings() {
    let mut section = b"\xff Go buildinf:\x08\x00".to_vec();
    section.extend(0x1000_u64.to_le_bytes());
    section.extend(0x2000_u64.to_le_bytes());
    let pair = [0x3000_u64.to_le_bytes(), 8_u64.to_le_bytes()].concat();
    let memory = |address, size| match (address, size) {
        (0x1000, 16) => Some(&pair[..]),
        (0x3000, 8) => Some(&b"go1.17.5"[..]),
        _ => None,
    };
    let found = go::build(&section, object::Endianness::Little, &memory).unwrap();
    assert_eq!(found, go::Build { version: "go1.17.5".into(), cgo: None, prefers: None });
}

#[test]
fn the_number_is_found_in_any_go_version() {
    let cases = [
        ("go1.22.3", Some("1.22.3")),
        ("go1.19.8 X:boringcrypto", Some("1.19.8")),
        ("go1.22rc1", Some("1.22")),
        ("devel go1.23-4f5d9a Thu", Some("1.23")),
        ("devel +4f5d9a Thu", None),
        ("", None),
    ];
    for (version, number) in cases {
        assert_eq!(go::number(version).as_deref(), number, "{version}");
    }
}

#[test]
fn glibc_says_its_version_in_its_banner() {
    let cases = [
        (
            "GNU C Library (Debian GLIBC 2.36-9+deb12u10) stable release version 2.36.\nCopyright",
            Some("2.36"),
        ),
        ("GNU C Library (GNU libc) release release version 2.28.\n", Some("2.28")),
        ("GNU C Library (GNU libc) development release version 2.39.9000.\n", Some("2.39.9000")),
        ("GNU C Library", None),
        ("GNU C Library (x) stable release version 2.36", None),
    ];
    for (banner, version) in cases {
        let file = [&[0; 5000][..], banner.as_bytes()].concat();
        assert_eq!(Libc::Glibc.version(&file[..]).unwrap().as_deref(), version, "{banner}");
    }
}

#[test]
fn musl_says_its_version_in_a_string_of_its_own() {
    let cases: [(&[u8], Option<&str>); 5] = [
        (b"x\0\x011.2.5\0y", Some("1.2.5")),
        (b"\x001.1.24-git-16-gffca9d3\0", Some("1.1.24")),
        (b"\x00127.0.0.1\0v1.2.5\0", None),
        (b"\x001.2.5", None),
        (b"1.2.5\0", None),
    ];
    for (bytes, version) in cases {
        assert_eq!(Libc::Musl.version(bytes).unwrap().as_deref(), version, "{}", bytes.escape_ascii());
    }
}

#[test]
fn marks_across_a_window_border_are_found() {
    let banner = b"GNU C Library (x) stable release version 2.31.\n";
    for before in [(1 << 20) - 20, (1 << 20) - 1, 2 << 20] {
        let file = [&vec![b'x'; before][..], banner].concat();
        assert_eq!(Libc::Glibc.version(&file[..]).unwrap().as_deref(), Some("2.31"), "{before}");
    }
}

#[test]
fn loaders_belong_to_their_libc() {
    let cases = [
        ("/lib/ld-musl-x86_64.so.1", Some(Libc::Musl)),
        ("/lib64/ld-linux-x86-64.so.2", Some(Libc::Glibc)),
        ("/nix/store/abc-glibc-2.38/lib/ld-linux-aarch64.so.1", Some(Libc::Glibc)),
        ("/lib/ld64.so.1", Some(Libc::Glibc)),
        ("/system/bin/linker64", None),
    ];
    for (path, libc) in cases {
        assert_eq!(Libc::of_interpreter(path), libc, "{path}");
    }
}

#[test]
fn the_mapped_libc_is_found_by_name() {
    let maps = b"00400000-00452000 r-xp 00000000 fe:00 1 /usr/bin/app\n\
        7f0000021000-7f0000023000 r--p 00000000 fe:00 2                          /lib/x86_64-linux-gnu/libc-2.31.so\n\
        7ffd00000000-7ffd00001000 rw-p 00000000 00:00 0                          [stack]\n";
    let found = libc::mapped(maps).unwrap();
    let range = "7f0000021000-7f0000023000".to_owned();
    assert_eq!(
        found,
        libc::Mapped { libc: Libc::Glibc, range, path: "/lib/x86_64-linux-gnu/libc-2.31.so".into() }
    );

    let musl = b"00010000-00020000 r--p 00000000 fe:00 2 /lib/libc.so.6 (deleted)\n\
        00100000-00200000 r--p 00000000 fe:00 2    /a dir/ld-musl-armhf.so.1 (deleted)\n";
    let found = libc::mapped(musl).unwrap();
    assert_eq!((found.libc, found.path.as_str()), (Libc::Musl, "/a dir/ld-musl-armhf.so.1"));
    assert_eq!(found.range, "100000-200000");
    assert_eq!(libc::mapped(b"nonsense\n\n1-2 x"), None);
}

#[test]
fn a_process_of_this_machine_is_recognised_by_what_it_has_mapped() {
    let own = locate(&Target::Pid(std::process::id()), &Host::default()).unwrap();
    let Detection::Known(found) = resolver_of(&own) else { panic!("the test's own libc is not recognised") };
    let built_for = if cfg!(target_env = "musl") { "musl" } else { "glibc" };
    assert_eq!(found.id, built_for, "{}", found.evidence);
    assert!(found.version.is_some_and(|version| version.contains('.')));
}

#[test]
fn an_empty_root_says_what_was_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::of_host(&Host::at(dir.path())).unwrap();
    assert_eq!(of_shell(&root), Err("/bin/sh: entity not found".to_owned()));
    std::fs::create_dir(dir.path().join("bin")).unwrap();
    std::fs::write(dir.path().join("bin/sh"), "#!/bin/true\n").unwrap();
    assert_eq!(of_shell(&root), Err("/bin/sh: not an ELF executable".to_owned()));
}

/// A root whose `bin/sh` is this file.
fn root_with_shell(bytes: &[u8]) -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("bin")).unwrap();
    std::fs::write(dir.path().join("bin/sh"), bytes).unwrap();
    let root = Root::of_host(&Host::at(dir.path())).unwrap();
    (dir, root)
}

#[test]
fn a_static_program_is_known_by_what_its_libc_left() {
    let marks: [(&[u8], _); 3] = [
        (b"\0No error information\0", Some("musl")),
        (b"\0GLIBC_TUNABLES\0", Some("glibc")),
        (b"\0GLIBC_TUNABLES and more\0", None),
    ];
    for (mark, id) in marks {
        let mut elf = small_elf(mark);
        // PT_NULL in place of PT_INTERP.
        elf[64] = 0;
        let (_dir, root) = root_with_shell(&elf);
        match of_shell(&root) {
            Ok(Detection::Known(found)) => assert_eq!((Some(found.id), found.version), (id, None)),
            other => assert_eq!(
                (None, other),
                (id, Err(format!("/bin/sh is static and carries no mark of a known libc; {FITTING}")))
            ),
        }
    }
}

#[test]
fn a_loader_that_is_not_there_leaves_the_version_open() {
    let (_dir, root) = root_with_shell(&small_elf(b""));
    let evidence = "\"/lib/ld-musl-x86_64.so.1\" is the interpreter of /bin/sh".to_owned();
    let wanted = Detection::Known(Detected { id: "musl", version: None, evidence, others: Vec::new() });
    assert_eq!(of_shell(&root), Ok(wanted));
}

#[test]
fn a_loader_of_no_known_libc_is_named() {
    let mut elf = small_elf(b"");
    let at = elf.windows(7).position(|bytes| bytes == b"ld-musl").unwrap();
    elf[at..at + 7].copy_from_slice(b"ld-\x1b[2J");
    let (_dir, root) = root_with_shell(&elf);
    assert!(of_shell(&root).is_err(), "escape sequences are no path");
    elf[at..at + 7].copy_from_slice(b"ld-what");
    let (_dir, root) = root_with_shell(&elf);
    let said = "/bin/sh has an interpreter of no known libc: \"/lib/ld-what-x86_64.so.1\"";
    assert_eq!(of_shell(&root), Err(said.to_owned()));
}

#[test]
fn a_sparse_giant_with_giant_pieces_costs_nothing() {
    let giant = |at: usize, size: u64| {
        let mut elf = small_elf(&build_info("go1.22.3", ""));
        elf[at..at + 8].copy_from_slice(&size.to_le_bytes());
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&elf).unwrap();
        file.set_len(1 << 40).unwrap();
        elf::read(file)
    };
    // Sizes of the interpreter's segment, then of the build information's section.
    assert!(giant(64 + 32, 1 << 39).unwrap_err().starts_with("not a sound ELF executable"));
    assert_eq!(giant(64 + 2 * 56 + 64 + 32, 1 << 39).unwrap().go, None);
}

/// A file that counts what is read of it.
struct Counted {
    file: std::fs::File,
    bytes: std::rc::Rc<std::cell::Cell<u64>>,
}

impl std::io::Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.bytes.set(self.bytes.get() + read as u64);
        Ok(read)
    }
}

impl std::io::Seek for Counted {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.file.seek(to)
    }
}

/// What is made of an executable with these tables, and how much is read for it: all of its headers are of this kind, each
/// for another piece of the file as large as a piece may be.
fn with_many_headers(kind: u32, headers: u16, build_info: &[u8]) -> (Result<elf::Program, String>, u64) {
    let mut elf = small_elf(build_info);
    let at = 1_u64 << 20;
    elf[32..40].copy_from_slice(&at.to_le_bytes());
    elf[56..58].copy_from_slice(&headers.to_le_bytes());
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&elf).unwrap();
    file.set_len(1 << 40).unwrap();
    file.seek(std::io::SeekFrom::Start(at)).unwrap();
    for number in 0..u64::from(headers) {
        let offset = (8 << 20) + number;
        let mut header = [kind, 4].map(u32::to_le_bytes).concat();
        header.extend([offset, 0x40_0000, 0, 4 << 20, 4 << 20, 1].map(u64::to_le_bytes).concat());
        file.write_all(&header).unwrap();
    }
    file.rewind().unwrap();
    let bytes = std::rc::Rc::new(std::cell::Cell::new(0));
    let program = elf::read(Counted { file, bytes: std::rc::Rc::clone(&bytes) });
    (program, bytes.get())
}

#[test]
fn headers_that_claim_many_pieces_are_not_all_followed() {
    // PT_INTERP: the first counts, and is no text here.
    let (program, read) = with_many_headers(3, 1_000, b"");
    assert_eq!(program.unwrap().interpreter.as_deref(), Some(""));
    assert!(read < 8 << 20, "{read}");
    // PT_LOAD, where an older Go program's strings are looked for: at an address that none of them has.
    let pointers =
        [b"\xff Go buildinf:\x08\x00".as_slice(), &1_u64.to_le_bytes(), &1_u64.to_le_bytes()].concat();
    let (program, read) = with_many_headers(1, 1_000, &pointers);
    assert_eq!(program.unwrap().go, None);
    assert!((8 << 20..24 << 20).contains(&read), "{read}");
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = elf::read(Cursor::new(&bytes));
        let _ = build(&bytes);
        let _ = build(&[b"\xff Go buildinf:\x08\x02".as_slice(), &bytes].concat());
        let _ = Libc::Glibc.version(&bytes[..]);
        let _ = Libc::Musl.version(&bytes[..]);
        let _ = libc::in_static(&bytes[..]);
        let _ = libc::mapped(&bytes);
    }

    /// A sound executable with some bytes of its headers changed.
    #[test]
    fn a_damaged_executable_is_read_without_panic(
        damage in prop::collection::vec((0_usize..0x400, any::<u8>()), 1..20),
        pointers in prop::collection::vec(any::<u8>(), 16..64),
    ) {
        let mut bytes = small_elf(&build_info("go1.22.3", ""));
        for (at, byte) in damage {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        let _ = elf::read(Cursor::new(&bytes));
        let old = [b"\xff Go buildinf:\x08\x00".as_slice(), &pointers].concat();
        let _ = elf::read(Cursor::new(small_elf(&old)));
    }
}

#[test]
fn a_small_elf_gives_its_interpreter_and_build_information() {
    let program = elf::read(Cursor::new(small_elf(&build_info("go1.22.3", "")))).unwrap();
    assert_eq!(program.interpreter.as_deref(), Some("/lib/ld-musl-x86_64.so.1"));
    assert_eq!(program.go.unwrap().version, "go1.22.3");
}

/// A 64-bit little-endian executable with one `PT_INTERP`, one `PT_LOAD` and the section `.go.buildinfo`.
fn small_elf(build_info: &[u8]) -> Vec<u8> {
    let interpreter = b"/lib/ld-musl-x86_64.so.1\0";
    let names = b"\0.go.buildinfo\0.shstrtab\0";
    let (segments, sections) = (64_u64, 64 + 2 * 56);
    let data = sections + 3 * 64;
    let (info_at, names_at) =
        (data + interpreter.len() as u64, data + (interpreter.len() + build_info.len()) as u64);
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    elf.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    elf.extend([0, segments, sections].map(u64::to_le_bytes).concat());
    elf.extend([0, 0, 0, 0]);
    elf.extend([64_u16, 56, 2, 64, 3, 2].map(u16::to_le_bytes).concat());
    for (kind, offset, size) in [(3_u32, data, interpreter.len() as u64), (1, 0, names_at)] {
        elf.extend([kind, 4].map(u32::to_le_bytes).concat());
        elf.extend([offset, 0x40_0000 + offset, 0, size, size, 1].map(u64::to_le_bytes).concat());
    }
    elf.extend([0; 64]);
    for (name, kind, offset, size) in
        [(1_u32, 1_u32, info_at, build_info.len()), (15, 3, names_at, names.len())]
    {
        elf.extend([name, kind].map(u32::to_le_bytes).concat());
        elf.extend([0, 0, offset, size as u64, 0, 1, 0].map(u64::to_le_bytes).concat());
    }
    let body = [interpreter, build_info, names].concat();
    elf.extend(body);
    elf
}

/// A program that has begun: it has loaded its libraries and answered.
fn begun() -> (std::process::Child, Process) {
    use std::io::{Read, Write};
    let piped = std::process::Stdio::piped;
    let mut child = std::process::Command::new("cat").stdin(piped()).stdout(piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let process = Process::open(&Host::default(), child.id()).unwrap();
    (child, process)
}

#[test]
fn processes_of_one_program_have_loaded_the_same_files() {
    let own = Process::open(&Host::default(), std::process::id()).unwrap();
    let (mut one, mut other) = (begun(), begun());
    let found = [&one.1, &other.1, &own].map(|process| loaded(process).unwrap());
    assert_eq!(found[0], found[1]);
    assert_ne!(found[0], found[2]);
    for child in [&mut one.0, &mut other.0] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
