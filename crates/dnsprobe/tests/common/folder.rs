//! A folder of manifests, and `dnsprobe lint` in it.

#![allow(clippy::unwrap_used, reason = "test code; clippy only exempts functions marked as tests")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::{Left, Ran, dnsprobe, finish, text};

/// A pod with one error, at 7:14.
pub(crate) const WRONG: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: orders
spec:
  dnsPolicy: clusterfirst # as it was
  containers:
  - name: app
    image: registry.example/app:1
";

/// A folder of manifests.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let folder = Self(TempDir::new().unwrap());
        for (path, content) in files {
            folder.write(path, content);
        }
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, path: impl AsRef<Path>, content: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap()
    }

    pub(crate) fn command(&self, line: &[&str]) -> Command {
        let mut command = dnsprobe(&[&["lint"], line].concat());
        command.current_dir(self.path());
        command
    }

    pub(crate) fn lint(&self, line: &[&str]) -> Ran {
        finish(self.command(line))
    }

    /// Where something was found, `path:line:column code`.
    pub(crate) fn found(&self, line: &[&str], code: i32) -> Vec<String> {
        places(&self.lint(&[&["-o", "json"], line].concat()).exits(code))
    }
}

/// Where something was found, `path:line:column code`.
pub(crate) fn places(left: &Left) -> Vec<String> {
    let place =
        |it: &Value| format!("{}:{}:{} {}", text(it, "path"), it["line"], it["column"], text(it, "code"));
    left.objects().iter().map(place).collect()
}
