//! Which setting of the system forbids private namespaces to its users.

use std::fs;

/// A setting, the value that forbids, and what to say of it.
type Rule = (&'static str, fn(&str) -> bool);

const RULES: &[Rule] = &[
    // Debian's and Arch's own switch.
    ("kernel.unprivileged_userns_clone", |value| value == "0"),
    ("user.max_user_namespaces", |value| value == "0"),
    ("user.max_net_namespaces", |value| value == "0"),
    ("user.max_mnt_namespaces", |value| value == "0"),
    // Ubuntu since 23.10: the namespace is made, but without capabilities in it.
    ("kernel.apparmor_restrict_unprivileged_userns", |value| value != "0"),
];

/// The first setting in force that forbids it, as `name = value`; `None` when none of those known does.
pub(super) fn setting() -> Option<String> {
    setting_from(|path| fs::read_to_string(path).ok())
}

fn setting_from(read: impl Fn(&str) -> Option<String>) -> Option<String> {
    let sysctl = RULES.iter().find_map(|(name, forbids)| {
        let value = read(&format!("/proc/sys/{}", name.replace('.', "/")))?;
        forbids(value.trim()).then(|| format!("{name} = {}", value.trim()))
    });
    sysctl.or_else(|| seccomp(&read("/proc/self/status")?))
}

/// Container runtimes refuse the system call to those without `CAP_SYS_ADMIN`.
fn seccomp(status: &str) -> Option<String> {
    let value = status.lines().find_map(|line| line.strip_prefix("Seccomp:"))?.trim();
    (value == "2")
        .then(|| "a seccomp filter (Seccomp = 2 in /proc/self/status), as container runtimes set".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(files: &[(&str, &str)]) -> Option<String> {
        let files: std::collections::BTreeMap<_, _> = files.iter().copied().collect();
        setting_from(|path| files.get(path).map(ToString::to_string))
    }

    #[test]
    fn the_setting_that_forbids_is_named_with_its_value() {
        let cases = [
            ("/proc/sys/kernel/unprivileged_userns_clone", "0\n", "kernel.unprivileged_userns_clone = 0"),
            ("/proc/sys/user/max_user_namespaces", "0\n", "user.max_user_namespaces = 0"),
            (
                "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
                "1\n",
                "kernel.apparmor_restrict_unprivileged_userns = 1",
            ),
        ];
        for (path, value, wanted) in cases {
            assert_eq!(said(&[(path, value)]).as_deref(), Some(wanted));
        }
    }

    #[test]
    fn settings_that_allow_are_not_blamed() {
        let allowing = [
            ("/proc/sys/kernel/unprivileged_userns_clone", "1\n"),
            ("/proc/sys/user/max_user_namespaces", "96365\n"),
            ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "0\n"),
            ("/proc/self/status", "Name:\tx\nSeccomp:\t0\n"),
        ];
        assert_eq!(said(&allowing), None);
    }

    #[test]
    fn a_seccomp_filter_is_blamed_when_no_setting_is() {
        let status = ("/proc/self/status", "NoNewPrivs:\t0\nSeccomp:\t2\nSeccomp_filters:\t1\n");
        assert!(said(&[status]).unwrap().starts_with("a seccomp filter"));
        let sysctl = ("/proc/sys/user/max_user_namespaces", "0");
        assert_eq!(said(&[status, sysctl]).as_deref(), Some("user.max_user_namespaces = 0"));
    }
}
