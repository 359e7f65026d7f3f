//! `.dnsprobe.toml`: the nearest one upwards, and what it may say.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dnsprobe_lint::{Config, KubeVersion, Span};
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::args::FailOn;
use super::files::readable;
use super::per_path::place;
use crate::commands::cluster::{self, ClusterArgs, LibcArg};
use crate::commands::situation;
use crate::error::CommandError;

/// The file's name.
const NAME: &str = ".dnsprobe.toml";

/// A configuration file, or none.
#[derive(Debug, Default)]
pub(crate) struct ConfigFile {
    /// What it says about linting.
    pub(crate) lint: LintTable,
    /// The absolute path of the folder it lies in, which its paths start from.
    pub(crate) folder: Option<PathBuf>,
    /// Its absolute path, and the same as it is shown.
    pub(super) path: Option<(PathBuf, Arc<str>)>,
    text: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Whole {
    #[serde(default)]
    lint: LintTable,
}

/// `[lint]`; every key may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LintTable {
    cluster_domain: Option<String>,
    cluster_dns: Option<Vec<String>>,
    host_search: Option<Vec<String>>,
    #[serde(deserialize_with = "version")]
    kube_version: Option<KubeVersion>,
    libc: Option<LibcArg>,
    default_namespace: Option<String>,
    other_cluster_domains: Vec<String>,
    extra_options: Vec<String>,
    private_zones: Vec<String>,
    /// Codes, or their beginnings.
    pub(super) select: Vec<String>,
    /// Codes, or their beginnings.
    pub(super) ignore: Vec<String>,
    pub(super) fail_on: Option<FailOn>,
    /// Globs.
    pub(super) include: Vec<String>,
    /// Globs.
    pub(super) exclude: Vec<String>,
    pub(super) baseline: Option<PathBuf>,
    /// Glob to codes, or their beginnings.
    pub(super) per_path_ignore: BTreeMap<String, Vec<Spanned<String>>>,
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<KubeVersion>, D::Error> {
    let text = String::deserialize(deserializer)?;
    cluster::version(&text).map(Some).map_err(de::Error::custom)
}

impl ConfigFile {
    /// The file named, or the nearest `.dnsprobe.toml` from the current folder upwards.
    pub(crate) fn find(named: Option<&Path>) -> Result<Self, CommandError> {
        let here = current_folder()?;
        if let Some(path) = named {
            return Self::read(&here.join(path), path);
        }
        let nearest = here.ancestors().map(|folder| folder.join(NAME)).find(|path| path.is_file());
        let shown = |path: &Path| path.strip_prefix(&here).unwrap_or(path).to_owned();
        nearest.map_or_else(|| Ok(Self::default()), |path| Self::read(&path, &shown(&path)))
    }

    fn read(path: &Path, shown: &Path) -> Result<Self, CommandError> {
        let bytes = situation::read_file(path)?;
        let failed = |what: String| CommandError::new(what).hint("`dnsprobe lint --help` shows every key");
        let text = String::from_utf8(bytes).map_err(|error| {
            let line =
                error.as_bytes()[..error.utf8_error().valid_up_to()].split(|&byte| byte == b'\n').count();
            failed(format!("{}:{line}: not UTF-8", shown.display()))
        })?;
        let whole: Whole = toml::from_str(&text).map_err(|error| {
            let (line, column) = position(&text, error.span().map_or(0, |span| span.start));
            failed(format!("{}:{line}:{column}: {}", shown.display(), error.message()))
        })?;
        let folder = path.parent().map(Path::to_owned);
        let path = Some((path.to_owned(), Arc::from(readable(shown.as_os_str()))));
        Ok(Self { lint: whole.lint, folder, path, text })
    }

    /// The place of a range of its bytes.
    pub(super) fn span(&self, bytes: Range<usize>) -> Span {
        place(&self.text, bytes)
    }

    /// What the linter is told: the file's values, those of the command line before them.
    pub(crate) fn config(&self, args: &ClusterArgs) -> Config {
        let file = &self.lint;
        Config {
            cluster_domain: args.cluster_domain.clone().or_else(|| file.cluster_domain.clone()),
            cluster_dns: args.cluster_dns.clone().or_else(|| file.cluster_dns.clone()),
            host_searches: args.host_search.clone().or_else(|| file.host_search.clone()),
            kube_version: args.kube_version.or(file.kube_version),
            libc: args.libc.or(file.libc).map(Into::into),
            default_namespace: file.default_namespace.clone(),
            other_cluster_domains: file.other_cluster_domains.clone(),
            extra_options: file.extra_options.clone(),
            private_zones: file.private_zones.clone(),
            ..Config::default()
        }
    }
}

/// The current folder, without links.
pub(super) fn current_folder() -> Result<PathBuf, CommandError> {
    let here = std::env::current_dir().and_then(|folder| folder.canonicalize());
    here.map_err(|error| CommandError::wrap("find the current folder", error))
}

/// Line and column, both from 1, of a byte.
pub(super) fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_shown_in_the_help_can_be_read_and_names_every_key() {
        let help = super::super::args::AFTER_HELP;
        let indented: Vec<&str> = help.lines().filter_map(|line| line.strip_prefix("  ")).collect();
        let sample = indented.join("\n");
        let whole: Whole = toml::from_str(&sample).expect("the sample is right");
        assert_eq!(whole.lint.per_path_ignore.len(), 1);
        let keys =
            toml::from_str::<Whole>("lint.x = 1").expect_err("there is no such key").message().to_owned();
        let keys: Vec<&str> = keys.split('`').skip(3).step_by(2).collect();
        assert!(keys.len() > 15, "{keys:?}");
        for key in keys {
            assert!(sample.contains(key), "the help does not show {key}");
        }
    }

    #[test]
    fn places_are_counted_in_characters() {
        assert_eq!(position("a\nüx", 4), (2, 2));
        assert_eq!(position("", 0), (1, 1));
    }
}
