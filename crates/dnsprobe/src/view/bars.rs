//! A waterfall: where in a lookup each step stood, so that the eye sees where the time went.

use dnsprobe_lookup::{Nanos, Step};

/// One bar per step, each `width` columns wide: blank until the step began, full while it lasted. A step whose end
/// was not seen is dotted to the right edge.
pub(crate) fn waterfall(steps: &[Step], width: usize) -> Vec<String> {
    let total: Nanos = steps.iter().filter_map(|step| step.added).sum();
    let open_ended = steps.iter().any(|step| step.added.is_none());
    // Leaves a quarter for what is not known.
    let scale = if open_ended { width * 3 / 4 } else { width };
    let column = |time: Nanos| if total.0 == 0 { 0.0 } else { time.0 as f64 / total.0 as f64 * scale as f64 };
    let mut begun = Nanos(0);
    let mut bars = Vec::with_capacity(steps.len());
    for step in steps {
        let start = column(begun);
        bars.push(match step.added {
            Some(added) => {
                begun = begun + added;
                bar(start, column(begun), width)
            }
            None => dotted(start, width),
        });
    }
    bars
}

/// Blocks from one column to another, in eighths of a column; never invisible.
fn bar(start: f64, end: f64, width: usize) -> String {
    const EIGHTHS: [&str; 9] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];
    let last = width.saturating_sub(1) as f64;
    let blank = start.min(last).floor();
    let eighths = (((end - blank) * 8.0).round()).clamp(1.0, (width as f64 - blank).max(1.0) * 8.0);
    // Both are small and not negative.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the width just above"
    )]
    let (blank, eighths) = (blank as usize, eighths as usize);
    format!("{}{}{}", " ".repeat(blank), "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

fn dotted(start: f64, width: usize) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the width")]
    let blank = (start.floor() as usize).min(width.saturating_sub(1));
    format!("{}{}", " ".repeat(blank), "┄".repeat(width - blank))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dnsprobe_resolv::Outcome;

    fn steps(added: &[Option<i64>]) -> Vec<Step> {
        let step = |added: &Option<i64>| Step {
            candidate: "".into(),
            suffix: None,
            outcome: Outcome::Answer,
            added: added.map(Nanos),
            wasted: false,
            questions: Vec::new(),
            why: None,
        };
        added.iter().map(step).collect()
    }

    #[test]
    fn bars_follow_one_another() {
        assert_eq!(waterfall(&steps(&[Some(1), Some(1), Some(2)]), 8), ["██", "  ██", "    ████"]);
    }

    #[test]
    fn a_short_step_is_still_visible() {
        assert_eq!(waterfall(&steps(&[Some(1), Some(9_999)]), 4), ["▏", "████"]);
    }

    #[test]
    fn an_unknown_end_is_dotted() {
        assert_eq!(waterfall(&steps(&[Some(3), None]), 4), ["███", "   ┄"]);
        assert_eq!(waterfall(&steps(&[None]), 4), ["┄┄┄┄"]);
    }
}
