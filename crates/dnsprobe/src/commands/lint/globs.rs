//! Globs in the way of `.gitignore`, from a folder on.

use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::error::CommandError;

/// Sets of globs, each from its own folder on.
#[derive(Debug, Default)]
pub(super) struct Globs(Vec<(PathBuf, Gitignore)>);

impl Globs {
    /// Globs that start from `folder`, an absolute path.
    pub(super) fn of(folder: &Path, globs: &[String]) -> Result<Self, CommandError> {
        let mut set = Self::default();
        set.add(folder, globs)?;
        Ok(set)
    }

    /// Adds to them.
    pub(super) fn add(&mut self, folder: &Path, globs: &[String]) -> Result<(), CommandError> {
        if globs.is_empty() {
            return Ok(());
        }
        let mut builder = GitignoreBuilder::new(folder);
        for glob in globs {
            builder
                .add_line(None, glob)
                .map_err(|error| CommandError::wrap(format!("read the glob `{glob}`"), error))?;
        }
        let set = builder
            .build()
            .map_err(|error| CommandError::wrap(format!("read the globs `{}`", globs.join("`, `")), error))?;
        self.0.push((folder.to_owned(), set));
        Ok(())
    }

    /// Whether a glob covers this file, an absolute path, or a folder it lies in.
    pub(super) fn cover(&self, path: &Path) -> bool {
        // The library panics on paths outside the folder.
        let covers = |(folder, set): &(PathBuf, Gitignore)| {
            path.strip_prefix(folder)
                .is_ok_and(|inside| set.matched_path_or_any_parents(inside, false).is_ignore())
        };
        self.0.iter().any(covers)
    }
}
