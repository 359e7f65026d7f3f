//! Makes the edits that findings carry, or shows them as a patch.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use dnsprobe_lint::{Diagnostic, Safety, apply};
use similar::TextDiff;

use super::files::Texts;
use super::settings::{Judged, Settings};
use crate::error::CommandError;
use crate::view::Sources;

/// One repair may make another possible; no chain of them is longer than this.
const MOST_ROUNDS: usize = 10;

/// Repairs the files until nothing changes any more; what is found in them then.
pub(super) fn repair(
    mut judged: Judged,
    texts: &mut Texts,
    settings: &Settings,
) -> Result<Judged, CommandError> {
    for _ in 0..MOST_ROUNDS {
        let mut changed = false;
        for (shown, before, after) in changes(&judged.diagnostics, texts, settings.upto) {
            let Some(file) = texts.file(&shown) else { continue };
            replace(file, &before, &after)
                .map_err(|error| CommandError::wrap(format!("write the repaired {shown}"), error))?;
            changed = true;
        }
        if !changed {
            break;
        }
        judged = settings.judge(texts);
    }
    Ok(judged)
}

/// Prints what a repair would change, as a patch.
pub(super) fn print_patch(
    diagnostics: &[Diagnostic],
    texts: &Texts,
    upto: Safety,
) -> Result<(), CommandError> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for (shown, before, after) in changes(diagnostics, texts, upto) {
        // A name with a line break would end the header.
        let name = shown.escape_default();
        let diff = TextDiff::from_lines(&before, &after);
        write!(out, "{}", diff.unified_diff().header(&format!("a/{name}"), &format!("b/{name}")))?;
    }
    out.flush()?;
    Ok(())
}

/// Every text that changes: its path, the text before and after.
fn changes<'a>(
    diagnostics: &'a [Diagnostic],
    texts: &'a Texts,
    upto: Safety,
) -> impl Iterator<Item = (String, String, String)> + 'a {
    diagnostics.chunk_by(|one, next| one.path == next.path).filter_map(move |of_text| {
        let shown = of_text.first()?.path.to_string();
        let before = texts.text(&shown)?;
        let after = apply(&before, of_text, upto);
        (after != before).then_some((shown, before, after))
    })
}

/// Puts a whole file in place of the old one, so that an interruption leaves one or the other. A link stays a link.
fn replace(file: &Path, before: &str, after: &str) -> io::Result<()> {
    let file = file.canonicalize()?;
    let folder = file.parent().unwrap_or(Path::new("/"));
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(after.as_bytes())?;
    new.as_file().set_permissions(fs::metadata(&file)?.permissions())?;
    if fs::read(&file)? != before.as_bytes() {
        return Err(io::Error::other("it was changed by someone else meanwhile"));
    }
    new.persist(&file)?;
    Ok(())
}
