//! Roots as a hostile container would make them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A root with an `etc`, inside a directory that holds a file the container must not reach.
struct Container {
    outside: TempDir,
}

impl Container {
    fn new() -> Self {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "the host's").unwrap();
        fs::create_dir_all(outside.path().join("root/etc")).unwrap();
        Self { outside }
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.outside.path().join("root").join(inside)
    }

    fn read(&self, path: &str) -> Content {
        Root::of_host(&Host::at(self.path(""))).unwrap().read(path).content
    }

    fn read_link(&self, to: impl AsRef<Path>) -> Content {
        symlink(to, self.path("etc/resolv.conf")).unwrap();
        self.read("etc/resolv.conf")
    }
}

fn found(content: Content) -> Vec<u8> {
    match content {
        Content::Found(bytes) => bytes,
        other => panic!("expected a file, got {other:?}"),
    }
}

#[test]
fn a_plain_file_is_read_and_its_path_said() {
    let container = Container::new();
    fs::write(container.path("etc/resolv.conf"), "nameserver 10.96.0.10\n").unwrap();
    let root = Root::of_host(&Host::at(container.path(""))).unwrap();
    for path in ["etc/resolv.conf", "/etc/resolv.conf"] {
        let read = root.read(path);
        assert_eq!(read.path, container.path("etc/resolv.conf"));
        assert_eq!(found(read.content), b"nameserver 10.96.0.10\n");
    }
}

#[test]
fn an_absolute_link_stays_in_the_root() {
    let container = Container::new();
    let secret = container.outside.path().join("secret");
    assert!(matches!(container.read_link(secret), Content::Missing));
}

#[test]
fn an_absolute_link_to_a_file_of_the_container_is_followed() {
    let container = Container::new();
    fs::create_dir_all(container.path("run/resolvconf")).unwrap();
    fs::write(container.path("run/resolvconf/resolv.conf"), "ours").unwrap();
    assert_eq!(found(container.read_link("/run/resolvconf/resolv.conf")), b"ours");
}

#[test]
fn dots_do_not_climb_out_of_the_root() {
    let container = Container::new();
    assert!(matches!(container.read_link("../../secret"), Content::Missing));
    assert!(matches!(container.read("../secret"), Content::Missing));
    fs::write(container.path("secret"), "the container's").unwrap();
    assert_eq!(found(container.read("etc/resolv.conf")), b"the container's");
}

#[test]
fn a_linked_directory_stays_in_the_root() {
    let container = Container::new();
    fs::remove_dir(container.path("etc")).unwrap();
    symlink(container.outside.path(), container.path("etc")).unwrap();
    assert!(matches!(container.read("etc/secret"), Content::Missing));
}

#[test]
fn a_fifo_neither_blocks_nor_counts_as_empty() {
    let container = Container::new();
    mkfifo(&container.path("etc/resolv.conf"), Mode::S_IRWXU).unwrap();
    let content = container.read("etc/resolv.conf");
    assert!(matches!(content, Content::Unreadable(Unreadable::NotRegular("a FIFO"))), "{content:?}");
}

#[test]
fn a_directory_is_said_to_be_one() {
    let container = Container::new();
    let content = container.read("etc");
    assert!(matches!(content, Content::Unreadable(Unreadable::NotRegular("a directory"))), "{content:?}");
}

#[test]
fn a_file_of_exactly_the_limit_is_read_and_one_byte_more_is_not() {
    let container = Container::new();
    let size = usize::try_from(MAX_BYTES).unwrap();
    fs::write(container.path("etc/hosts"), vec![b'#'; size]).unwrap();
    assert_eq!(found(container.read("etc/hosts")).len(), size);
    // Sparse, so that a file far beyond memory costs nothing to make.
    let huge = fs::File::create(container.path("etc/hosts")).unwrap();
    for length in [MAX_BYTES + 1, 1 << 40] {
        huge.set_len(length).unwrap();
        let content = container.read("etc/hosts");
        assert!(matches!(content, Content::Unreadable(Unreadable::TooLarge)), "{content:?}");
    }
}

#[test]
fn a_dangling_link_is_a_missing_file() {
    assert!(matches!(Container::new().read_link("nowhere"), Content::Missing));
}

#[test]
fn a_circular_link_is_refused() {
    let content = Container::new().read_link("resolv.conf");
    assert!(matches!(content, Content::Unreadable(Unreadable::BadLink)), "{content:?}");
}

#[test]
fn a_file_below_a_file_is_missing() {
    let container = Container::new();
    fs::write(container.path("etc/hosts"), "").unwrap();
    assert!(matches!(container.read("etc/hosts/more"), Content::Missing));
}

#[test]
fn a_magic_link_of_proc_is_refused() {
    // The whole machine as the container: its /proc is a real one.
    let root = Root::of_host(&Host::default()).unwrap();
    let own = std::process::id();
    for path in
        [format!("proc/{own}/root/etc/passwd"), format!("proc/{own}/exe"), format!("proc/{own}/cwd/x")]
    {
        let content = root.read(&path).content;
        assert!(matches!(content, Content::Unreadable(Unreadable::BadLink)), "{path}: {content:?}");
    }
}

#[test]
fn an_embedded_nul_is_an_error_not_another_file() {
    let content = Container::new().read("etc\0/x");
    assert!(matches!(content, Content::Unreadable(Unreadable::Other(_))), "{content:?}");
}

#[test]
fn a_named_namespace_has_its_own_files_in_front_of_the_nodes() {
    let container = Container::new();
    fs::create_dir_all(container.path("etc/netns/blue")).unwrap();
    fs::write(container.path("etc/netns/blue/resolv.conf"), "blue").unwrap();
    fs::write(container.path("etc/resolv.conf"), "node").unwrap();
    fs::write(container.path("etc/hosts"), "node").unwrap();
    let host = Host::at(container.path(""));
    let blue = Root::of_named_netns(&host, "blue").unwrap();
    let own = blue.read("etc/resolv.conf");
    assert_eq!(own.path, container.path("etc/netns/blue/resolv.conf"));
    assert_eq!(found(own.content), b"blue");
    let nodes = blue.read("/etc/hosts");
    assert_eq!(nodes.path, container.path("etc/hosts"));
    assert_eq!(found(nodes.content), b"node");
    let red = Root::of_named_netns(&host, "red").unwrap();
    assert_eq!(found(red.read("etc/resolv.conf").content), b"node");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a link says, what is read through it is the container's or nothing.
    #[test]
    fn no_link_reaches_the_secret(parts in prop::collection::vec("(\\.\\.|\\.|etc|root|secret|proc|self|)", 0..8)) {
        let container = Container::new();
        let content = container.read_link(format!("/{}", parts.join("/")));
        prop_assert!(!matches!(content, Content::Found(_)), "{content:?}");
        let container = Container::new();
        let content = container.read_link(format!("x{}", parts.join("/")));
        prop_assert!(!matches!(content, Content::Found(_)), "{content:?}");
    }
}
