//! The texts to lint: from the command line's paths to bytes.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use dnsprobe_lint::{Facts, Found, Input, scan};
use ignore::{DirEntry, WalkBuilder};
use rayon::prelude::*;

use super::globs::Globs;
use crate::error::CommandError;
use crate::view::{Sources, Ui};

/// The largest text that is linted, in bytes. Memory stays bounded: a text is held by one thread at a time.
const MOST_BYTES: u64 = 64 << 20;

/// Which files of a folder are linted.
pub(super) struct Filter {
    /// These only.
    pub(super) include: Globs,
    /// None of these, not even when named.
    pub(super) exclude: Globs,
}

impl Filter {
    /// Everything that looks like a manifest.
    pub(super) fn of_manifests() -> Result<Self, CommandError> {
        let include = Globs::of(Path::new("/"), &["*.yaml", "*.yml", "*.json"].map(str::to_owned))?;
        Ok(Self { include, exclude: Globs::default() })
    }
}

/// One text of the input.
#[derive(Debug)]
struct Source {
    /// The path as it is shown.
    shown: String,
    content: Content,
    found: Found,
    /// The absolute path, for globs and baselines.
    whole: PathBuf,
}

#[derive(Debug)]
enum Content {
    File(PathBuf),
    /// Standard input, which can be read only once, and the path it stands for.
    Held(Vec<u8>, Option<PathBuf>),
}

/// All texts of the input, in order.
#[derive(Default)]
pub(super) struct Texts {
    sources: Vec<Source>,
    by_shown: HashMap<String, usize>,
    /// While the paths are walked: what is there already.
    known: HashSet<PathBuf>,
    problems: Vec<CommandError>,
    /// The configuration file.
    mentioned: Option<(String, PathBuf)>,
}

impl Texts {
    /// Finds what the paths name. What cannot be found is kept as a problem; the rest counts all the same.
    pub(super) fn find(paths: &[PathBuf], stdin_path: Option<&Path>, here: &Path, filter: &Filter) -> Self {
        let mut texts = Self::default();
        for path in paths {
            if path == Path::new("-") {
                texts.stdin(stdin_path, here);
                continue;
            }
            match path.canonicalize() {
                Ok(whole) if whole.is_dir() => texts.folder(path, &whole, filter),
                Ok(whole) if filter.exclude.cover(&whole) => {}
                Ok(whole) => texts.add(path, whole, Found::Named),
                Err(error) => texts.unread(path, error),
            }
        }
        texts.known = HashSet::new();
        texts
    }

    fn stdin(&mut self, stdin_path: Option<&Path>, here: &Path) {
        let shown = stdin_path.unwrap_or(Path::new("-"));
        match capped(io::stdin().lock()) {
            Ok(bytes) => self.push(
                shown,
                here.join(shown),
                Content::Held(bytes, stdin_path.map(Path::to_owned)),
                Found::Named,
            ),
            Err(error) => self.unread(Path::new("standard input"), error),
        }
    }

    fn folder(&mut self, folder: &Path, whole: &Path, filter: &Filter) {
        let absolute = |path: &Path| whole.join(path.strip_prefix(folder).unwrap_or(path));
        let mut walk = WalkBuilder::new(folder);
        // A copy of a repository without its `.git` is linted like the repository itself.
        walk.require_git(false).sort_by_file_path(Path::cmp);
        for entry in walk.build() {
            match entry {
                Ok(entry) => {
                    let whole = absolute(entry.path());
                    if filter.include.cover(&whole) && !filter.exclude.cover(&whole) {
                        self.entry(entry, whole);
                    }
                }
                Err(error) => self
                    .problems
                    .push(CommandError::wrap(format!("read the folder {}", folder.display()), error)),
            }
        }
    }

    /// A regular file, or a link to one: links to folders may lead anywhere, also in a circle.
    fn entry(&mut self, entry: DirEntry, whole: PathBuf) {
        let is_link = entry.path_is_symlink();
        let path = entry.into_path();
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => {
                let whole = if is_link { path.canonicalize().unwrap_or(whole) } else { whole };
                self.add(&path, whole, Found::InFolder);
            }
            Ok(_) => {}
            Err(error) => self.unread(&path, error),
        }
    }

    fn add(&mut self, path: &Path, whole: PathBuf, found: Found) {
        if self.known.insert(whole.clone()) {
            let path = path.strip_prefix(".").unwrap_or(path);
            self.push(path, whole, Content::File(path.to_owned()), found);
        }
    }

    fn push(&mut self, shown: &Path, whole: PathBuf, content: Content, found: Found) {
        let shown = readable(shown.as_os_str());
        self.by_shown.insert(shown.clone(), self.sources.len());
        self.sources.push(Source { shown, content, found, whole });
    }

    fn unread(&mut self, path: &Path, error: io::Error) {
        self.problems.push(CommandError::on_file("read", path, error));
    }

    /// Reads and scans every text, on all cores.
    pub(super) fn scan(&mut self) -> Vec<Facts> {
        let scanned: Vec<Result<Facts, CommandError>> = self.sources.par_iter().map(scan_one).collect();
        let mut facts = Vec::with_capacity(scanned.len());
        for result in scanned {
            match result {
                Ok(one) => facts.push(one),
                Err(error) => self.problems.push(error),
            }
        }
        facts
    }

    /// What could not be read so far: says all of it but the last, which is left to end the command with.
    pub(super) fn take_problem(&mut self, ui: &Ui) -> Option<CommandError> {
        let last = self.problems.pop();
        for problem in self.problems.drain(..) {
            problem.report(ui);
        }
        last
    }

    /// How many texts there are.
    pub(super) fn len(&self) -> usize {
        self.sources.len()
    }

    /// The absolute path of a text.
    pub(super) fn whole(&self, shown: &str) -> Option<&Path> {
        self.source(shown).map(|source| source.whole.as_path())
    }

    /// The absolute paths of all texts.
    pub(super) fn wholes(&self) -> impl Iterator<Item = &Path> {
        self.sources.iter().map(|source| source.whole.as_path())
    }

    /// A file that is not linted and may be spoken of.
    pub(super) fn mention(&mut self, shown: &str, path: PathBuf) {
        self.mentioned = Some((shown.to_owned(), path));
    }

    fn source(&self, shown: &str) -> Option<&Source> {
        self.by_shown.get(shown).map(|&index| &self.sources[index])
    }
}

impl Sources for Texts {
    fn text(&self, shown: &str) -> Option<String> {
        let bytes = match self.source(shown) {
            Some(source) => source.read().ok()?,
            None => Cow::Owned(capped(File::open(self.mentioned_file(shown)?).ok()?).ok()?),
        };
        String::from_utf8(bytes.into_owned()).ok()
    }

    fn file(&self, shown: &str) -> Option<&Path> {
        match self.source(shown).map(|source| &source.content) {
            Some(Content::File(path)) => Some(path),
            Some(Content::Held(_, path)) => path.as_deref(),
            None => self.mentioned_file(shown),
        }
    }
}

impl Texts {
    fn mentioned_file(&self, shown: &str) -> Option<&Path> {
        self.mentioned.as_ref().filter(|(known, _)| known == shown).map(|(_, path)| path.as_path())
    }
}

impl Source {
    fn read(&self) -> io::Result<Cow<'_, [u8]>> {
        match &self.content {
            Content::Held(bytes, _) => Ok(Cow::Borrowed(bytes)),
            Content::File(path) => {
                let file = File::open(path)?;
                // Told in advance where the file says how large it is; a pipe does not.
                if file.metadata()?.len() > MOST_BYTES {
                    Err(too_large())
                } else {
                    capped(file).map(Cow::Owned)
                }
            }
        }
    }
}

fn scan_one(source: &Source) -> Result<Facts, CommandError> {
    let bytes = source.read().map_err(|error| CommandError::wrap(format!("read {}", source.shown), error))?;
    Ok(scan(Input { path: &source.shown, bytes: &bytes, found: source.found }))
}

/// Reads to the end, but not without end.
fn capped(input: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(too_large());
    }
    Ok(bytes)
}

fn too_large() -> io::Error {
    io::Error::other(format!("larger than {} MiB: split it", MOST_BYTES >> 20))
}

/// A path as text, bytes that are no text as `\xff`, so that two paths never look the same.
pub(super) fn readable(path: &OsStr) -> String {
    let mut text = String::new();
    for chunk in path.as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}
