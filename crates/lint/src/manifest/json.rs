//! JSON that YAML readers stumble over.

/// The same JSON with every tab outside strings as a blank, byte for byte in the same places: YAML forbids tabs as
/// indentation, JSON does not care.
pub(super) fn without_tabs(text: &str) -> String {
    let mut in_string = false;
    let mut escaped = false;
    let plain = |c: char| {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            return c;
        }
        in_string = c == '"';
        if c == '\t' { ' ' } else { c }
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::without_tabs;

    #[test]
    fn only_tabs_outside_strings_change() {
        assert_eq!(without_tabs("{\n\t\"a\\\"\t\":\t1}"), "{\n \"a\\\"\t\": 1}");
    }
}
