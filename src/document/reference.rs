//! The reference of a file's keys, in markdown, from the same declarations as the reader.

use super::KeyInfo;
use super::table::sentences;

/// One section: a table's heading, what it is, and a row per key.
pub fn reference_markdown(heading: &str, doc: &[&str], keys: &[KeyInfo]) -> String {
    let mut text = format!("## `{heading}`\n\n{}\n\n", sentences(doc));
    text.push_str("| key | default | what it is |\n|---|---|---|\n");
    for key in keys {
        let default = match (key.required, key.default) {
            (true, _) => format!("required, e.g. `{}`", cell(key.example)),
            (false, Some(default)) => format!("`{}`", cell(default)),
            (false, None) if key.example.is_empty() => "none".to_owned(),
            (false, None) => format!("none, e.g. `{}`", cell(key.example)),
        };
        text.push_str(&format!("| `{}` | {default} | {} |\n", key.name, cell(&sentences(key.doc))));
    }
    text.push('\n');
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The head of a generated page.
pub fn reference_head(title: &str, text: &str) -> String {
    format!(
        "# {title}\n\nGenerated from the program; a test says how to write it anew.\n\n{text}\n\n"
    )
}

/// The JSON schema of `T`'s file, formatted, with a line break at its end.
pub fn schema_text<T: schemars::JsonSchema>(title: &str) -> String {
    let mut schema = schemars::schema_for!(T);
    schema.insert("title".to_owned(), title.into());
    // A schema is JSON already.
    let text = serde_json::to_string_pretty(schema.as_value()).unwrap_or_default();
    text + "\n"
}
