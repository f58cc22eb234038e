//! Tables for people.

use super::text::Text;
use comfy_table::{ContentArrangement, Table, presets};
use std::io::{self, Write};

/// Writes aligned columns under a header. Columns are as wide as they need to be, so that a line stays a
/// line for `grep`.
pub(crate) fn write(
    out: &mut dyn Write,
    header: &[&str],
    rows: impl IntoIterator<Item = Vec<Text>>,
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
