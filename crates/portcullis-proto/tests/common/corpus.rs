//! The corpus of real gateways' data: `$PORTCULLIS_CORPUS`, or `shared/corpus` beside the repository.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

/// One file, with its row in `INDEX.tsv`.
pub(crate) struct Row {
    /// The path as the index has it, e.g. `desc/asus-rt-ac66u.xml`.
    pub(crate) file: String,
    columns: HashMap<String, String>,
    /// The document: without HTTP head, placeholders filled.
    pub(crate) body: Vec<u8>,
}

impl Row {
    /// The value of a column, empty where the row has none.
    pub(crate) fn column(&self, name: &str) -> &str {
        self.columns.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// All rows of one kind. Says so on standard error and returns `None` where there is no corpus.
pub(crate) fn rows(kind: &str) -> Option<Vec<Row>> {
    let root = std::env::var_os("PORTCULLIS_CORPUS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"),
        PathBuf::from,
    );
    let Ok(index) = fs::read_to_string(root.join("INDEX.tsv")) else {
        // Not through the test harness, which keeps the output of a passing test to itself.
        let _ = writeln!(std::io::stderr(), "skipped: corpus not found at {}", root.display());
        return None;
    };
    let mut lines = index.lines().map(|line| line.split('\t').map(unquoted));
    let names: Vec<String> = lines.next().expect("a head line").collect();
    let rows = lines.map(|values| names.iter().cloned().zip(values).collect::<HashMap<_, _>>());
    let rows = rows.filter(|columns| columns.get("kind").is_some_and(|column| column == kind));
    let rows = rows.map(|columns| {
        let file = columns.get("file").expect("a file column").clone();
        let bytes = fs::read(root.join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        Row { body: filled(without_head(&file, &bytes)), file, columns }
    });
    Some(rows.collect())
}

/// A field without the quotation marks that it has where it contains some.
fn unquoted(field: &str) -> String {
    match field.strip_prefix('"').and_then(|field| field.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => field.to_owned(),
    }
}

fn without_head<'a>(file: &str, bytes: &'a [u8]) -> &'a [u8] {
    if !file.ends_with(".http") {
        return bytes;
    }
    let ends = [&b"\r\n\r\n"[..], b"\n\n"].into_iter().filter_map(|blank_line| {
        let head = bytes.windows(blank_line.len()).position(|window| window == blank_line)?;
        bytes.get(head + blank_line.len()..)
    });
    ends.max_by_key(|body| body.len()).unwrap_or_else(|| panic!("{file}: no blank line"))
}

fn filled(bytes: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(bytes) else { return bytes.to_vec() };
    let mut text = text.to_owned();
    for (placeholder, value) in [
        ("{{listenAddr}}", "192.168.1.1:5000"),
        ("{port}", "5000"),
        ("%s:%d", "192.168.1.1:5000"),
        ("!ADDR!", "192.168.1.1:5000"),
    ] {
        text = text.replace(placeholder, value);
    }
    text.into_bytes()
}
