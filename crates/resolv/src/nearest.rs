//! The nearest known word to a mistyped one, for error messages.

/// The word of `known` with the fewest edits from `word`, if that is at most a third of its letters (and one at least).
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, near) =
        known.into_iter().map(|candidate| (edits(word, candidate), candidate)).min_by_key(|pair| pair.0)?;
    let allowed = (near.chars().count() / 3).max(1);
    (distance <= allowed).then_some(near)
}

/// Letters to insert, drop or change to make one word of the other (Levenshtein). Only the first 64 letters count,
/// which bounds the work on hostile input.
fn edits(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.to_lowercase().chars().take(64).collect();
    let right: Vec<char> = right.to_lowercase().chars().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let change = diagonal + usize::from(l != r);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
