//! Which texts the API server accepts as a search entry (`ValidateDNS1123Subdomain`,
//! `ValidateDNS1123SubdomainWithUnderScore` in Kubernetes `apimachinery/pkg/util/validation`).

/// What a search entry is to the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grammar {
    /// A lower-case RFC 1123 subdomain, one trailing dot allowed.
    Strict,
    /// Needs the relaxed validation: a lone dot, or underscores.
    Relaxed,
    Invalid,
}

/// The grammar a search entry fulfils.
pub(super) fn grammar(text: &str) -> Grammar {
    if is_subdomain(text, is_label) {
        Grammar::Strict
    } else if text == "." || is_subdomain(text, is_relaxed_label) {
        Grammar::Relaxed
    } else {
        Grammar::Invalid
    }
}

fn is_subdomain(text: &str, label: fn(&str) -> bool) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    text.len() <= 253 && text.split('.').all(label)
}

fn is_label(label: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = label.as_bytes();
    bytes.first().is_some_and(|b| inner(*b))
        && bytes.last().is_some_and(|b| inner(*b))
        && bytes.iter().all(|b| inner(*b) || *b == b'-')
}

/// One leading underscore, and underscores inside.
fn is_relaxed_label(label: &str) -> bool {
    let rest = label.strip_prefix('_').unwrap_or(label);
    !rest.starts_with('_') && !rest.ends_with('_') && is_label(&rest.replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_judged_as_the_api_server_does() {
        for text in ["corp.test", "corp.test.", "a-b.c1", "1.2"] {
            assert_eq!(grammar(text), Grammar::Strict, "{text:?}");
        }
        for text in [".", "_tcp.corp.test", "a_b.test"] {
            assert_eq!(grammar(text), Grammar::Relaxed, "{text:?}");
        }
        for text in ["", "..", "a..b", "Corp.test", "*.a", "-a", "a-", "__a", "a_", ".a", "a b", "https://a"]
        {
            assert_eq!(grammar(text), Grammar::Invalid, "{text:?}");
        }
        assert_eq!(grammar(&["a".repeat(64), "test".into()].join(".")), Grammar::Strict);
    }
}
