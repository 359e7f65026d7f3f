//! Prints the page of all rules: `cargo run -p dnsprobe-lint --example rules_page > crates/lint/RULES.md`.

fn main() {
    print!("{}", dnsprobe_lint::rules_page());
}
