//! `JUnit` XML: a suite for every text with findings, a failed case for every object and rule.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use dnsprobe_lint::{Diagnostic, Severity};
use quick_xml::Writer;
use quick_xml::events::BytesText;

use super::xml::{allowed, attribute};
use super::{Linted, message_and_fix, object};

/// The findings of one rule about one object.
type Case<'a> = ((Option<String>, &'static str), Vec<&'a Diagnostic>);

pub(super) fn write(out: &mut dyn Write, linted: &Linted<'_>) -> io::Result<()> {
    let suites: Vec<(&str, Vec<Case<'_>>)> =
        linted.diagnostics.chunk_by(|one, next| one.path == next.path).filter_map(suite).collect();
    let cases: usize = suites.iter().map(|(_, cases)| cases.len()).sum();
    let failures = cases;
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    let mut xml = Writer::new_with_indent(&mut *out, b' ', 2);
    let element = xml.create_element("testsuites").with_attributes([
        attribute("name", "dnsprobe lint"),
        attribute("tests", &cases.max(1).to_string()),
        attribute("failures", &failures.to_string()),
    ]);
    element.write_inner_content(|xml| match &suites[..] {
        // Readers take a file without any case for a broken run.
        [] => passed(xml, linted.files),
        suites => suites.iter().try_for_each(|(path, cases)| write_suite(xml, path, cases)),
    })?;
    writeln!(out)
}

fn suite(of_text: &[Diagnostic]) -> Option<(&str, Vec<Case<'_>>)> {
    let mut cases: BTreeMap<(Option<String>, &'static str), Vec<&Diagnostic>> = BTreeMap::new();
    for diagnostic in of_text {
        cases.entry((object(diagnostic), diagnostic.code)).or_default().push(diagnostic);
    }
    Some((&of_text.first()?.path, cases.into_iter().collect()))
}

fn worst((_, found): &Case<'_>) -> Severity {
    found.iter().map(|diagnostic| diagnostic.severity).max().unwrap_or(Severity::Info)
}

fn passed<W: Write>(xml: &mut Writer<W>, files: usize) -> io::Result<()> {
    let suite = xml.create_element("testsuite").with_attributes([
        attribute("name", "dnsprobe lint"),
        attribute("tests", "1"),
        attribute("failures", "0"),
    ]);
    let name = format!("{files} files without findings");
    suite.write_inner_content(|xml| {
        let case = xml.create_element("testcase");
        case.with_attributes([attribute("classname", "dnsprobe"), attribute("name", &name)]).write_empty()?;
        Ok(())
    })?;
    Ok(())
}

fn write_suite<W: Write>(xml: &mut Writer<W>, path: &str, cases: &[Case<'_>]) -> io::Result<()> {
    let suite = xml.create_element("testsuite").with_attributes([
        attribute("name", path),
        attribute("tests", &cases.len().to_string()),
        attribute("failures", &cases.len().to_string()),
    ]);
    suite.write_inner_content(|xml| cases.iter().try_for_each(|case| write_case(xml, path, case)))?;
    Ok(())
}

fn write_case<W: Write>(xml: &mut Writer<W>, path: &str, case: &Case<'_>) -> io::Result<()> {
    let ((object, code), found) = case;
    let name = object.as_ref().map_or_else(|| (*code).to_owned(), |object| format!("{code} {object}"));
    let element = xml.create_element("testcase").with_attributes([
        attribute("classname", path),
        attribute("name", &name),
        attribute("file", path),
    ]);
    let mut text = String::new();
    for diagnostic in found {
        let (start, severity) = (diagnostic.span.start, diagnostic.severity.as_str());
        let message = message_and_fix(diagnostic);
        let _ = writeln!(text, "{path}:{}:{}: {severity} {code} {message}", start.line, start.column);
    }
    let text = allowed(&text);
    let content = BytesText::new(&text);
    element.write_inner_content(|xml| {
        let message = found.first().map_or("", |diagnostic| &diagnostic.message);
        let failure = xml
            .create_element("failure")
            .with_attributes([attribute("type", worst(case).as_str()), attribute("message", message)]);
        failure.write_text_content(content)?;
        Ok(())
    })?;
    Ok(())
}
