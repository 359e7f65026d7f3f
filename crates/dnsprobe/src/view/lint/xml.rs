//! What the XML formats have in common: text that is allowed in XML 1.0.

use std::borrow::Cow;

use quick_xml::events::attributes::Attribute;

/// An attribute with the characters that XML cannot hold replaced.
pub(super) fn attribute<'a>(name: &'a str, value: &str) -> Attribute<'a> {
    let value = allowed(value);
    // Line breaks in attributes are read as blanks unless written as references.
    let escaped = quick_xml::escape::escape(&*value)
        .replace('\n', "&#10;")
        .replace('\r', "&#13;")
        .replace('\t', "&#9;");
    Attribute { key: quick_xml::name::QName(name), value: Cow::Owned(escaped) }
}

/// Text with the characters that XML 1.0 (section 2.2, Char) cannot hold replaced.
pub(super) fn allowed(text: &str) -> String {
    let is_allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if is_allowed(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(allowed("a\u{0}b\u{1b}\u{fffe}ü\n"), "a\u{fffd}b\u{fffd}\u{fffd}ü\n");
        assert_eq!(&*attribute("name", "<a & \"b\"\n").value, "&lt;a &amp; &quot;b&quot;&#10;");
    }
}
