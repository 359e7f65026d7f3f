//! `dnsprobe-conformance`: predicts recorded lookups and compares.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use dnsprobe_conformance::record::{Clients, Recorded, record, record_for, scenarios, write_line};
use dnsprobe_conformance::vector::Question;
use dnsprobe_conformance::{
    Agreement, Comparison, PodVector, Prediction, Vector, compare, predict, read_lines, read_vectors,
};

const USAGE: &str = "usage: dnsprobe-conformance predict FILE
       dnsprobe-conformance score FILE [--resolver PREFIX] [--show N]
       dnsprobe-conformance kubelet FILE
       dnsprobe-conformance record FILE [--seed N|random] [--scenarios N] [--seconds N] [--resolver PREFIX]

FILE holds vectors, one JSON object a line; .gz is unpacked, - is standard input.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("dnsprobe-conformance: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    match arguments {
        [command, file] if command == "predict" => print_predictions(Path::new(file)),
        [command, file, options @ ..] if command == "score" => score(Path::new(file), options),
        [command, file] if command == "kubelet" => kubelet(Path::new(file)),
        [command, file, options @ ..] if command == "record" => record_to(Path::new(file), options),
        _ => Err(USAGE.into()),
    }
}

fn print_predictions(file: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for vector in read_vectors(file)? {
        serde_json::to_writer(&mut out, &predict(&vector)?)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Prints what the kubelet makes of every pod; what differs from the recording goes to standard error.
fn kubelet(file: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut code = ExitCode::SUCCESS;
    for vector in read_lines::<PodVector>(file)? {
        serde_json::to_writer(&mut out, &vector.line())?;
        out.write_all(b"\n")?;
        if vector.agrees() == Some(false) {
            eprintln!("{}: expected {}", vector.id, serde_json::to_string(&vector.expect)?);
            code = ExitCode::from(1);
        }
    }
    out.flush()?;
    Ok(code)
}

/// Counts of one resolver.
#[derive(Default)]
struct Row {
    vectors: usize,
    bound: usize,
    agree: usize,
    questions: usize,
    result: usize,
    loose: usize,
    loose_agree: usize,
}

impl Row {
    fn add(&mut self, comparison: Comparison) {
        self.vectors += 1;
        if comparison.by == Agreement::Names {
            self.loose += 1;
            self.loose_agree += usize::from(comparison.agrees());
            return;
        }
        self.bound += 1;
        self.agree += usize::from(comparison.agrees());
        self.questions += usize::from(comparison.questions);
        self.result += usize::from(comparison.result);
    }
}

fn score(file: &Path, options: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let prefix = option(options, "--resolver").unwrap_or_default();
    let mut show: usize = option(options, "--show").map_or(Ok(0), str::parse)?;
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut out = io::BufWriter::new(io::stdout().lock());
    for vector in read_vectors(file)?.iter().filter(|vector| vector.resolver.starts_with(prefix)) {
        let prediction = predict(vector)?;
        let comparison = compare(vector, &prediction);
        rows.entry(vector.resolver.clone()).or_default().add(comparison);
        if !comparison.agrees() && show > 0 {
            show -= 1;
            print_difference(&mut out, vector, &prediction, comparison)?;
        }
    }
    writeln!(
        out,
        "{:<22} {:>7} {:>7} {:>7} {:>9} {:>7} {:>11}",
        "resolver", "vectors", "bound", "agree", "questions", "result", "loose"
    )?;
    for (resolver, row) in &rows {
        let loose = format!("{}/{}", row.loose_agree, row.loose);
        writeln!(
            out,
            "{resolver:<22} {:>7} {:>7} {:>7} {:>9} {:>7} {loose:>11}",
            row.vectors, row.bound, row.agree, row.questions, row.result
        )?;
    }
    out.flush()?;
    let agree = rows.values().all(|row| row.agree == row.bound && row.loose_agree == row.loose);
    Ok(ExitCode::from(u8::from(!agree)))
}

/// Scenarios of a recording when none of its options says how many.
const SCENARIOS: usize = 32;

/// Records with the resolvers of this machine. As many scenarios as asked for, or new ones until the time is up.
fn record_to(file: &Path, options: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let seed = match option(options, "--seed") {
        Some("random") => fastrand::u64(..=u64::from(u32::MAX)),
        Some(number) => number.parse()?,
        None => 0,
    };
    let clients = Clients::find()?.only(option(options, "--resolver").unwrap_or_default());
    let mut out = io::BufWriter::new(std::fs::File::create(file)?);
    let mut sink = |recorded: &Recorded| write_line(&mut out, recorded);
    let made = if let Some(seconds) = option(options, "--seconds") {
        record_for(&clients, seed, Duration::from_secs(seconds.parse()?), &mut sink)?
    } else {
        let count = option(options, "--scenarios").map_or(Ok(SCENARIOS), str::parse)?;
        record(&clients, &scenarios(seed, count), None, &mut sink)?
    };
    out.flush()?;
    eprintln!("seed {seed}: {made} lookups recorded in {}", file.display());
    Ok(ExitCode::SUCCESS)
}

fn option<'a>(options: &'a [String], name: &str) -> Option<&'a str> {
    let at = options.iter().position(|word| word == name)?;
    options.get(at + 1).map(String::as_str)
}

fn print_difference(
    out: &mut dyn Write,
    vector: &Vector,
    prediction: &Prediction,
    comparison: Comparison,
) -> io::Result<()> {
    writeln!(out, "{} (compared by {:?})", vector.id, comparison.by)?;
    writeln!(out, "  name {:?}, resolv.conf {:?}", vector.name, vector.resolv_conf)?;
    if !comparison.questions {
        writeln!(out, "  recorded  {}", brief(&vector.observed))?;
        writeln!(out, "  predicted {}", brief(&prediction.observed))?;
    }
    if !comparison.result {
        let recorded = serde_json::to_string(&vector.result)?;
        let predicted = serde_json::to_string(&prediction.result)?;
        writeln!(out, "  recorded result  {recorded}\n  predicted result {predicted}")?;
    }
    Ok(())
}

fn brief(questions: &[Question]) -> String {
    let word = |question: &Question| {
        let name = question.qname.as_deref().unwrap_or("malformed");
        let qtype = question.qtype.as_deref().unwrap_or("-");
        let server = serde_json::to_string(&question.server).unwrap_or_default();
        let proto = question.proto.as_deref().map(|proto| format!("/{proto}")).unwrap_or_default();
        format!("{name} {qtype} @{server}{proto}")
    };
    questions.iter().map(word).collect::<Vec<_>>().join(", ")
}
