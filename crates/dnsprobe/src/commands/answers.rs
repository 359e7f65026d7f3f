//! The file of `--answers`: JSON to a script of what the servers do.

use std::net::IpAddr;
use std::path::Path;

use dnsprobe_resolv::Rcode;
use dnsprobe_resolv::answers::{AnswerScript, FIELDS, ScriptAnswer, ScriptKey, nearest_field};
use serde_json::{Map, Value};

use super::situation;
use crate::error::CommandError;

/// Reads the script. Errors name the file, the line, and the key that was probably meant.
pub(crate) fn read(path: &Path) -> Result<AnswerScript, CommandError> {
    let bytes = situation::read_file(path)?;
    let text = String::from_utf8_lossy(&bytes);
    parse(&text).map_err(|Wrong { line, what, hint }| {
        let error = CommandError::new(format!("{}, line {line}: {what}", path.display()));
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    })
}

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
struct Wrong {
    line: usize,
    what: String,
    hint: Option<String>,
}

impl Wrong {
    fn at(text: &str, word: &str, what: String) -> Self {
        Self { line: line_of(text, word), what, hint: None }
    }
}

/// The line on which a key or value stands first.
fn line_of(text: &str, word: &str) -> usize {
    let quoted = Value::from(word).to_string();
    let before = text.find(&quoted).and_then(|at| text.get(..at));
    before.map_or(1, |before| before.matches('\n').count() + 1)
}

fn parse(text: &str) -> Result<AnswerScript, Wrong> {
    let value: Value = serde_json::from_str(text).map_err(|error| Wrong {
        line: error.line().max(1),
        what: format!("this is no JSON: {error}"),
        hint: None,
    })?;
    let Value::Object(entries) = value else {
        return Err(Wrong { line: 1, what: "an object of answers is wanted".to_owned(), hint: None });
    };
    let mut script = AnswerScript::new();
    for (word, value) in &entries {
        // The error itself names the nearest right key.
        let key = ScriptKey::parse(word).map_err(|error| Wrong::at(text, word, error.to_string()))?;
        let Value::Object(fields) = value else {
            return Err(Wrong::at(
                text,
                word,
                format!("the answer of `{word}` must be an object, such as {{}}"),
            ));
        };
        script.insert(key, answer(text, word, fields)?);
    }
    Ok(script)
}

fn answer(text: &str, key: &str, fields: &Map<String, Value>) -> Result<ScriptAnswer, Wrong> {
    let mut answer = ScriptAnswer::default();
    for (field, value) in fields {
        let known = set(&mut answer, field, value);
        if known == Some(Set::Done) {
            continue;
        }
        let wrong = |what| Wrong::at(text, field, what);
        return Err(match known {
            Some(Set::Wants(wanted)) => wrong(format!("`{field}` of `{key}` must be {wanted}, not {value}")),
            _ => Wrong {
                hint: nearest_field(field).map(|near| format!("did you mean `{near}`?")),
                ..wrong(format!(
                    "`{field}` of `{key}` is no field of an answer; there are {}",
                    FIELDS.join(", ")
                ))
            },
        });
    }
    Ok(answer)
}

/// What became of a field.
#[derive(Debug, PartialEq, Eq)]
enum Set {
    Done,
    Wants(&'static str),
}

/// Sets one field; `None` when there is no such field.
fn set(answer: &mut ScriptAnswer, field: &str, value: &Value) -> Option<Set> {
    let flag = |slot: &mut bool| {
        value.as_bool().map_or(Set::Wants("true or false"), |value| {
            *slot = value;
            Set::Done
        })
    };
    Some(match field {
        "rcode" => match value.as_str().and_then(Rcode::from_word) {
            Some(rcode) => {
                answer.rcode = rcode;
                Set::Done
            }
            None => Set::Wants("a response code such as \"NXDOMAIN\" or \"SERVFAIL\""),
        },
        "a" | "aaaa" => addresses(answer, field, value),
        "cname" => match value.as_str() {
            Some(name) => {
                answer.cname = Some(name.to_owned());
                Set::Done
            }
            None => Set::Wants("a name in quotes"),
        },
        "delay_ms" => match value.as_f64().filter(|delay| (0.0..=3_600_000.0).contains(delay)) {
            Some(delay) => {
                answer.delay_ms = Some(delay);
                Set::Done
            }
            None => Set::Wants("milliseconds from 0 to 3600000"),
        },
        "tc" => flag(&mut answer.truncated),
        "drop" => flag(&mut answer.drop),
        "drop_tcp" => flag(&mut answer.drop_tcp),
        "icmp" => flag(&mut answer.unreachable),
        "noedns" => flag(&mut answer.no_edns),
        _ => return None,
    })
}

fn addresses(answer: &mut ScriptAnswer, field: &str, value: &Value) -> Set {
    let wanted = if field == "a" {
        "a list of IPv4 addresses in quotes"
    } else {
        "a list of IPv6 addresses in quotes"
    };
    for word in value.as_array().map(Vec::as_slice).unwrap_or_default() {
        match (field, word.as_str().and_then(|word| word.parse().ok())) {
            ("a", Some(IpAddr::V4(address))) => answer.a.push(address),
            ("aaaa", Some(IpAddr::V6(address))) => answer.aaaa.push(address),
            _ => return Set::Wants(wanted),
        }
    }
    if value.is_array() { Set::Done } else { Set::Wants(wanted) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> (usize, String, Option<String>) {
        let Wrong { line, what, hint } = parse(text).unwrap_err();
        (line, what, hint)
    }

    #[test]
    fn every_field_of_the_format_is_read() {
        let text = r#"{"default": {"rcode": "NXDOMAIN"}, "www.example.com./A": {"a": ["192.0.2.1"], "delay_ms": 2.5},
            "x./*": {"drop": true, "drop_tcp": true, "tc": false, "icmp": false, "noedns": true, "cname": "y."},
            "*/AAAA": {"aaaa": ["2001:db8::1"]}, "@1 default": {}}"#;
        assert!(parse(text).is_ok());
    }

    #[test]
    fn a_wrong_key_is_told_with_its_line_and_the_nearest_right_one() {
        let (line, what, _) = wrong("{\n  \"defualt\": {}\n}");
        assert_eq!(line, 2);
        assert!(what.contains("`defualt`") && what.contains("`default`"), "{what}");
    }

    #[test]
    fn a_wrong_field_is_told_with_its_line_and_the_nearest_right_one() {
        let (line, what, hint) = wrong("{\n  \"default\": {\n    \"rcod\": \"NXDOMAIN\"\n  }\n}");
        assert_eq!(line, 3);
        assert!(what.contains("rcod"), "{what}");
        assert_eq!(hint.as_deref(), Some("did you mean `rcode`?"));
    }

    #[test]
    fn wrong_values_say_what_is_wanted() {
        for (text, wanted) in [
            (r#"{"default": {"rcode": 3}}"#, "response code"),
            (r#"{"default": {"a": ["2001:db8::1"]}}"#, "IPv4"),
            (r#"{"default": {"a": "192.0.2.1"}}"#, "list"),
            (r#"{"default": {"delay_ms": -1}}"#, "milliseconds"),
            (r#"{"default": {"drop": "yes"}}"#, "true or false"),
            (r#"{"default": []}"#, "object"),
            ("[]", "object"),
            ("{\n\n\"default\" {}}", "no JSON"),
        ] {
            let (_, what, _) = wrong(text);
            assert!(what.contains(wanted), "{text}: {what}");
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".{0,200}") {
            let _ = parse(&text);
        }
    }
}
