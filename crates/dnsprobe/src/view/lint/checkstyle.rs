//! Checkstyle XML: a `file` for every text with findings, an `error` for each of them.

use std::io::{self, Write};

use dnsprobe_lint::Diagnostic;
use quick_xml::Writer;

use super::xml::attribute;
use super::{Linted, message_and_fix};

pub(super) fn write(out: &mut dyn Write, linted: &Linted<'_>) -> io::Result<()> {
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    let mut xml = Writer::new_with_indent(&mut *out, b' ', 2);
    xml.create_element("checkstyle").with_attribute(attribute("version", "4.3")).write_inner_content(
        |xml| {
            linted
                .diagnostics
                .chunk_by(|one, next| one.path == next.path)
                .try_for_each(|of_text| file(xml, of_text))
        },
    )?;
    writeln!(out)
}

fn file<W: Write>(xml: &mut Writer<W>, of_text: &[Diagnostic]) -> io::Result<()> {
    let path = of_text.first().map_or("", |diagnostic| &diagnostic.path);
    let element = xml.create_element("file").with_attribute(attribute("name", path));
    element.write_inner_content(|xml| of_text.iter().try_for_each(|diagnostic| error(xml, diagnostic)))?;
    Ok(())
}

fn error<W: Write>(xml: &mut Writer<W>, diagnostic: &Diagnostic) -> io::Result<()> {
    let start = diagnostic.span.start;
    let attributes = [
        attribute("line", &start.line.to_string()),
        attribute("column", &start.column.to_string()),
        attribute("severity", diagnostic.severity.as_str()),
        attribute("message", &message_and_fix(diagnostic)),
        attribute("source", &format!("dnsprobe.{}", diagnostic.code)),
    ];
    xml.create_element("error").with_attributes(attributes).write_empty()?;
    Ok(())
}
