//! Cuts a stream into its documents before parsing, so that a broken one does not take the others with it.
//!
//! A line that begins with `---` or `...` ends the document before it in every context, block and quoted scalars
//! included (YAML 1.2.2 section 9.1.4, `c-forbidden`): the cut needs no parsing.

/// A part of the stream: at most one document, with the directives before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part<'t> {
    pub(super) text: &'t str,
    /// Offset of its first byte in the stream.
    pub(super) byte: usize,
    /// Lines of the stream before it.
    pub(super) lines: usize,
}

/// The parts of a stream, in order; nothing is left out.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut part = Part { text: "", byte: 0, lines: 0 };
    let mut has_content = false;
    let (mut byte, mut line) = (0, 0);
    for row in text.split_inclusive('\n') {
        let next_line = line + 1;
        if is_marker(row, "---") && has_content {
            part.text = &text[part.byte..byte];
            parts.push(part);
            part = Part { text: "", byte, lines: line };
        }
        has_content |= !(row.trim().is_empty() || row.starts_with(['#', '%']));
        byte += row.len();
        line = next_line;
        if is_marker(row, "...") {
            part.text = &text[part.byte..byte];
            parts.push(part);
            part = Part { text: "", byte, lines: line };
            has_content = false;
        }
    }
    part.text = &text[part.byte..];
    if !part.text.trim().is_empty() {
        parts.push(part);
    }
    parts
}

fn is_marker(row: &str, marker: &str) -> bool {
    row.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}
