//! What linting costs beside the bare events of the YAML parser, over the same texts in one run.
//!
//! `cargo bench -p dnsprobe-lint -- [MANIFESTS]`, 2000 of 10 kB by default. One thread, so that time is CPU time.

use dnsprobe_lint::{Config, Found, Input, judge, scan};
use granit_parser::Parser;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// About 10 kB: what a chart renders for one service.
fn manifest(number: usize) -> String {
    let mut text = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web-{number}\n  namespace: team-{}\nspec:\n  template:\n    \
         metadata:\n      labels: {{app: web-{number}}}\n    spec:\n      dnsConfig:\n        options:\n        - name: ndots\n          \
         value: \"{}\"\n      containers:\n",
        number % 50,
        2 + number % 4
    );
    for container in 0..4 {
        let _ = write!(
            text,
            "      - name: c{container}\n        image: registry.example/app:{number}\n        env:\n"
        );
        for variable in 0..20 {
            let value = match variable % 5 {
                0 => format!("https://api-{variable}.example.com/v1"),
                1 => format!("db-{variable}.team-{}:5432", number % 50),
                _ => format!("some plain value number {variable}"),
            };
            let _ = writeln!(text, "        - name: VARIABLE_{variable}\n          value: {value}");
        }
    }
    let _ = write!(
        text,
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: web-{number}, namespace: team-{}}}\nspec:\n  ports:\n  - port: 80\n\
         ---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web-{number}, namespace: team-{}}}\ndata:\n",
        number % 50,
        number % 50
    );
    for key in 0..60 {
        let _ = writeln!(text, "  key-{key}: \"a value that is read by nobody, number {key}\"");
    }
    text
}

fn events(text: &str) -> usize {
    Parser::new_from_str(text).map_while(Result::ok).count()
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}

fn main() {
    let count = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(2000);
    let texts: Vec<String> = (0..count).map(manifest).collect();
    let bytes: usize = texts.iter().map(String::len).sum();
    let (seen, parsing) = timed(|| texts.iter().map(|text| events(text)).sum::<usize>());
    let one = |(number, text): (usize, &String)| {
        scan(Input { path: &format!("{number}.yaml"), bytes: text.as_bytes(), found: Found::InFolder })
    };
    let (facts, scanning) = timed(|| texts.iter().enumerate().map(one).collect::<Vec<_>>());
    let (report, judging) = timed(|| judge(&facts, &Config::default()));
    println!("{count} manifests, {bytes} bytes, {seen} events, {} findings", report.diagnostics.len());
    println!("events {parsing:?}, scan {scanning:?}, judge {judging:?}");
    let ratio = (scanning + judging).as_secs_f64() / parsing.as_secs_f64();
    println!("lint costs {ratio:.2} times the bare events");
}
