//! The versions of libraries by the package data base of a root, for when their files do not say.

use std::io::Read;

use super::libc::Libc;
use crate::pod_files::Root;

/// How much of a data base is read, in bytes; those of full desktops stay below.
const MAX_DATABASE: u64 = 16 << 20;

/// A data base and the packages that hold a library.
struct Database {
    path: &'static str,
    format: Format,
}

/// How a data base writes down packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// `P:musl`, `V:1.2.5-r9` (Alpine, apk-tools `src/database.c`).
    Apk,
    /// `Package: libc6`, `Version: 2.36-9+deb12u14` (Debian, dpkg `lib/dpkg/parse.c`).
    Dpkg,
}

/// In a root, the first that is there counts. `status.d` has one file a package, in images without a package manager.
const DATABASES: [Database; 3] = [
    Database { path: "lib/apk/db/installed", format: Format::Apk },
    Database { path: "var/lib/dpkg/status", format: Format::Dpkg },
    Database { path: "var/lib/dpkg/status.d/libc6", format: Format::Dpkg },
];

/// The version of the libc that is installed below this root, and the data base that says so.
pub(super) fn libc(root: &Root, libc: Libc) -> Option<(String, &'static str)> {
    version(
        root,
        match libc {
            Libc::Glibc => &["libc6", "glibc"],
            Libc::Musl => &["musl"],
        },
    )
}

/// The same for c-ares.
pub(super) fn c_ares(root: &Root) -> Option<(String, &'static str)> {
    version(root, &["libcares2", "libc-ares2", "c-ares"])
}

fn version(root: &Root, packages: &[&str]) -> Option<(String, &'static str)> {
    DATABASES.iter().find_map(|database| {
        let mut bytes = Vec::new();
        root.open_regular(database.path).ok()?.take(MAX_DATABASE).read_to_end(&mut bytes).ok()?;
        Some((installed(&bytes, database.format, packages)?, database.path))
    })
}

/// The upstream part of a package's version.
fn installed(database: &[u8], format: Format, packages: &[&str]) -> Option<String> {
    let (name, number) = match format {
        Format::Apk => (&b"P:"[..], &b"V:"[..]),
        Format::Dpkg => (&b"Package: "[..], &b"Version: "[..]),
    };
    let mut within = false;
    for line in database.split(|&byte| byte == b'\n') {
        if let Some(package) = line.strip_prefix(name) {
            within = packages.iter().any(|known| known.as_bytes() == package);
        } else if line.is_empty() {
            within = false;
        } else if let Some(version) = line.strip_prefix(number).filter(|_| within) {
            return upstream(std::str::from_utf8(version).ok()?);
        }
    }
    None
}

/// `1:9.18.49-1~deb12u3` is 9.18.49: without epoch and what the distribution counts.
fn upstream(version: &str) -> Option<String> {
    let version = version.split_once(':').map_or(version, |(_, version)| version);
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    let number = version[..end].trim_end_matches('.');
    (number.contains('.') && number.starts_with(|c: char| c.is_ascii_digit())).then(|| number.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Host;

    const APK: &str = "C:Q1abc=\nP:alpine-baselayout\nV:3.6.5-r0\n\nC:Q1def=\nP:musl\nV:1.2.5-r9\nA:x86_64\n\nP:musl-utils\nV:9.9.9\n";
    const DPKG: &str = "Package: libc-bin\nVersion: 2.35-1\n\nPackage: libc6\nStatus: install ok installed\n\
        Version: 2.36-9+deb12u14\nDepends: libgcc-s1\n\nPackage: libcares2\nVersion: 1:1.34.5-1\n";

    #[test]
    fn versions_are_read_from_the_package_of_that_name_alone() {
        assert_eq!(installed(APK.as_bytes(), Format::Apk, &["musl"]).as_deref(), Some("1.2.5"));
        assert_eq!(installed(DPKG.as_bytes(), Format::Dpkg, &["libc6", "glibc"]).as_deref(), Some("2.36"));
        assert_eq!(installed(DPKG.as_bytes(), Format::Dpkg, &["libcares2"]).as_deref(), Some("1.34.5"));
        assert_eq!(installed(APK.as_bytes(), Format::Apk, &["utils"]), None);
        assert_eq!(installed(b"P:musl\n\nV:1.2.5\n", Format::Apk, &["musl"]), None);
        assert_eq!(installed(b"P:musl\nV:_git\xff\n", Format::Apk, &["musl"]), None);
    }

    #[test]
    fn the_data_base_of_a_root_is_found() {
        for (path, text, libc_of, wanted) in [
            ("lib/apk/db/installed", APK, Libc::Musl, "1.2.5"),
            ("var/lib/dpkg/status", DPKG, Libc::Glibc, "2.36"),
            ("var/lib/dpkg/status.d/libc6", DPKG, Libc::Glibc, "2.36"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
            let root = Root::of_host(&Host::at(dir.path())).unwrap();
            assert_eq!(libc(&root, libc_of), Some((wanted.to_owned(), path)));
        }
    }
}
