//! What our tables have in common.

use comfy_table::{ContentArrangement, Table, presets};

use super::Ui;
use super::text::Palette;

/// A table without lines, coloured only where colours are wanted.
pub(super) fn bare(arrangement: ContentArrangement, ui: &Ui) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(arrangement);
    table.set_width(u16::try_from(ui.width).unwrap_or(u16::MAX));
    if ui.out == Palette::Colours {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}
