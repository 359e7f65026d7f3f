//! Paths as runtimes make them (`crates/sniffer/tests/node` has whole trees), and names that imitate them.

use proptest::prelude::*;

use super::*;

const UID: &str = "11111111-2222-3333-4444-555555555555";
const ID: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const HASH: &str = "0123456789abcdef0123456789abcdef";

/// Letters for what stands in a path: `U` the UID, `V` the same with `_`, `I` and `O` ids, `H` a static pod's hash.
fn at(path: &str) -> Place {
    let path = path
        .replace("{U}", UID)
        .replace("{V}", &UID.replace('-', "_"))
        .replace("{I}", ID)
        .replace("{O}", OTHER)
        .replace("{H}", HASH);
    place(&format!("12:pids:{path}\n"))
}

fn shown(place: &Place) -> (&str, &str, &str) {
    let within = place.within.as_ref().map_or("", ContainerId::as_str);
    (
        within,
        place.pod.as_ref().map_or("", PodUid::as_str),
        place.container.as_ref().map_or("", ContainerId::as_str),
    )
}

#[test]
fn every_layout_names_its_pod_and_container() {
    let in_pod = [
        "/kubepods/burstable/pod{U}/{I}",
        "/kubepods/pod{U}/{I}",
        "/kubepods/kubepods/besteffort/pod{U}/{I}",
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{V}.slice/cri-containerd-{I}.scope",
        "/kubepods.slice/kubepods-pod{V}.slice/crio-{I}.scope/container",
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{V}.slice/docker-{I}.scope",
        "/system.slice/containerd.service/kubepods-burstable-pod{V}.slice:cri-containerd:{I}",
        "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{V}.slice/cri-containerd-{I}.scope",
        "/../../kubepods/besteffort/pod{U}/{I}",
        "/kubepods/burstable/pod{U}/{I}/init.scope/system.slice",
    ];
    for path in in_pod {
        assert_eq!(shown(&at(path)), ("", UID, ID), "{path}");
    }
    assert_eq!(shown(&at("/kubepods/burstable/pod{H}/{I}")), ("", HASH, ID));
    assert_eq!(shown(&at("/kubepods/burstable/pod{U}")), ("", UID, ""));
    for path in
        ["/docker/{I}", "/system.slice/docker-{I}.scope", "/../cri-containerd-{I}.scope", "/default/{I}"]
    {
        assert_eq!(shown(&at(path)), ("", "", ID), "{path}");
    }
}

#[test]
fn a_node_in_a_container_has_pods_of_its_own() {
    for path in [
        "/docker/{O}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod{V}.slice/cri-containerd-{I}.scope",
        "/system.slice/docker-{O}.scope/kubelet/kubepods/burstable/pod{U}/{I}",
        "/docker/{O}/kubepods/pod{U}/{I}",
        "/machine.slice/libpod-{O}.scope/container/kubelet/kubepods/pod{U}/{I}",
    ] {
        assert_eq!(shown(&at(path)), (OTHER, UID, ID), "{path}");
    }
    assert_eq!(shown(&at("/docker/{O}/docker/{I}")), (OTHER, "", ID));
    assert_eq!(shown(&at("/docker/{I}/system.slice/ssh.service")), ("", "", ID));
}

#[test]
fn a_child_that_is_named_like_another_pod_changes_nothing() {
    let other = "99999999-2222-3333-4444-555555555555";
    let child = at(&format!("/kubepods/burstable/pod{{U}}/{{I}}/kubepods/pod{other}/{{O}}"));
    assert_eq!(shown(&child), ("", UID, ID));
    let beside = at(&format!("/kubepods/burstable/pod{{U}}/{{I}}/pod{other}"));
    assert_eq!(shown(&beside), ("", UID, ID));
}

#[test]
fn podman_has_pods_of_its_own_kind() {
    for path in [
        "/libpod_parent/{O}/libpod-{I}",
        "/machine.slice/machine-libpod_pod_{O}.slice/libpod-{I}.scope/container",
        "/user.slice/user-1000.slice/user@1000.service/user.slice/user-libpod_pod_{O}.slice/libpod-{I}.scope",
    ] {
        let place = at(path);
        assert_eq!(place.libpod.as_ref().map(ContainerId::as_str), Some(OTHER), "{path}");
        assert_eq!((shown(&place), place.manager), (("", "", ID), Some(Manager::Podman)), "{path}");
    }
    let alone = at("/machine.slice/libpod-{I}.scope/container");
    assert_eq!((alone.libpod.as_ref(), shown(&alone)), (None, ("", "", ID)));
}

#[test]
fn monitors_are_told_from_what_they_watch() {
    for path in [
        "/kubepods.slice/kubepods-pod{V}.slice/crio-conmon-{I}.scope",
        "/machine.slice/libpod-conmon-{I}.scope",
        "/libpod_parent/{O}/conmon",
    ] {
        assert_eq!(at(path).role, Role::Monitor, "{path}");
    }
}

#[test]
fn the_line_that_says_something_decides() {
    let file = format!("12:pids:/\n3:name=systemd:/init.scope\n1:memory:/kubepods/pod{UID}/{ID}\n0::/\n");
    assert_eq!(shown(&place(&file)), ("", UID, ID));
    for nothing in ["", "0::/\n", "no colons", "0::/user.slice/user-1000.slice/session-3.scope\n"] {
        assert!(place(nothing).is_nowhere(), "{nothing}");
    }
}

#[test]
fn what_is_only_nearly_an_id_is_none() {
    for path in [
        "/docker/{I}0",
        "/docker/x{I}",
        "/kubepods/pod{U}0",
        "/kubepods/podinfo",
        "/kubepods/pod1111111122223333-4444-555555555555-x",
        "/kubepods/pod11111111-2222_3333-4444-555555555555",
    ] {
        assert!(at(path).is_nowhere(), "{path}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read(text in "\\PC*") {
        let _ = place(&text);
        let _ = place(&format!("0::/{text}"));
    }
}
