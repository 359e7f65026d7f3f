use super::scalar::{Plain, resolve};
use super::*;

fn only(text: &str) -> Document<'_> {
    let mut read: Vec<_> = documents(text).collect();
    assert_eq!(read.len(), 1, "one document");
    read.remove(0).unwrap()
}

fn starts(text: &str, path: &str) -> (u32, u32) {
    let document = only(text);
    let mut node = document.root().unwrap();
    for name in path.split('.') {
        node = match name.parse::<usize>() {
            Ok(index) => node.items().nth(index).unwrap(),
            Err(_) => node.entry(name).unwrap().1,
        };
    }
    (node.start().line, node.start().column)
}

#[test]
fn values_stand_where_they_are_written() {
    for (text, path, at) in [
        ("a:\n  b: c\n", "a.b", (2, 6)),
        ("a:\r\n  b: c\r\n", "a.b", (2, 6)),
        ("\u{feff}a: b\n", "a", (1, 4)),
        ("\u{feff}# x\na:\n  b: c\n", "a.b", (3, 6)),
        ("ä: {ö: \"ü\"}\n", "ä.ö", (1, 8)),
        ("a: 'q'\n", "a", (1, 4)),
        ("a: |\n  text\n", "a", (1, 4)),
        ("a: >-\n  text\n", "a", (1, 4)),
        ("a:\n- x\n-\n- y\n", "a.2", (4, 3)),
        ("a: &x v\nb: *x\n", "b", (1, 7)),
        ("a: !!str v\n", "a", (1, 10)),
        ("---\na: b\n", "a", (2, 4)),
        ("%YAML 1.2\n---\na: b\n", "a", (3, 4)),
        ("{\n  \"a\": [\"b\", {\"c\": 1}]\n}\n", "a.1.c", (2, 20)),
    ] {
        assert_eq!(starts(text, path), at, "{text:?}");
    }
}

#[test]
fn an_empty_item_stands_on_its_own_line() {
    assert_eq!(starts("a:\n- x\n-\n- y\n", "a.1").0, 3);
    assert_eq!(starts("a:\n  - name:\n  - name: b\n", "a.0.name").0, 2);
}

#[test]
fn byte_ranges_cut_the_text_exactly() {
    let text = "\u{feff}---\nk: v\n---\nä: {ö: \"ü x\", n: 12}\n";
    let document = documents(text).nth(1).unwrap().unwrap();
    let value = document.root().unwrap().path("ä.ö").unwrap();
    assert_eq!(&text[value.span().bytes()], "\"ü x\"");
    assert_eq!(&text[document.root().unwrap().path("ä.n").unwrap().span().bytes()], "12");
}

#[test]
fn a_broken_document_leaves_the_others() {
    let read: Vec<_> = documents("a: 1\n---\nb: [\n---\nc: 3\n").collect();
    assert_eq!(read.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(read[2].as_ref().unwrap().root().unwrap().start().line, 5);
}

#[test]
fn markers_inside_text_do_not_cut() {
    assert_eq!(documents("a: |\n  ---\n  x\nb: '--- c'\n---x: 1\n").count(), 1);
    assert_eq!(documents("a: 1\n...\n---\nb: 2\n...\n").flatten().count(), 2);
}

#[test]
fn merge_keys_bring_what_is_not_set() {
    let document = only("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n");
    let node = document.root().unwrap().get("use").unwrap();
    assert_eq!((node.text_at("x"), node.text_at("y")), (Some("1"), Some("3")));
    assert_eq!(node.entries().len(), 2);
}

#[test]
fn the_last_of_equal_keys_counts() {
    assert_eq!(only("a: 1\na: 2\n").root().unwrap().text_at("a"), Some("2"));
}

#[test]
fn hostile_aliases_end() {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..9 {
        let list = vec![format!("*a{}", level - 1); 9].join(",");
        text.push_str(&["a", &level.to_string(), ": &a", &level.to_string(), " [", &list, "]\n"].concat());
    }
    text += "self: &s {x: *s}\n";
    let document = only(&text);
    let value = Value::of(document.root().unwrap());
    assert!(!value.entries().is_empty());
    assert!(document.exhausted());
}

#[test]
fn deep_nesting_is_refused() {
    let text = "[".repeat(100_000);
    assert!(documents(&text).all(|read| read.is_err()));
}

#[test]
fn plain_scalars_have_the_types_of_yaml_1_1() {
    for text in ["0755", "09", "1_000", "0x1f", "0o17", "0b1", "+2", "2.", "1.5", "1e3", "-1", ".5", ".inf"] {
        assert_eq!(resolve(text), Plain::Number, "{text}");
    }
    for text in ["2s", "2:30", "2026-01-01", "=", "1.2.3", "_1", "-", "+", ".", "0x", "1e", "e3", "10.0.0.1"]
    {
        assert_eq!(resolve(text), Plain::Text, "{text}");
    }
    for text in ["y", "Yes", "ON", "true"] {
        assert_eq!(resolve(text), Plain::Bool(true), "{text}");
    }
    for text in ["n", "No", "off", "FALSE"] {
        assert_eq!(resolve(text), Plain::Bool(false), "{text}");
    }
    assert_eq!([resolve(""), resolve("~"), resolve("null")], [Plain::Null; 3]);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_without_panic_and_spans_lie_inside(text in "[-a-z:{}\\[\\]&*!|>'\"#% \\n\\r\\t\u{e4}.]{0,200}") {
        for document in documents(&text).flatten() {
            if let Some(root) = document.root() {
                let value = Value::of(root);
                proptest::prop_assert!(value.span.last_byte as usize <= text.len());
                proptest::prop_assert!(text.get(value.span.bytes()).is_some());
            }
        }
    }
}
