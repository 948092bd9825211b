//! What is printed, and written to `target/bench-policy.json`.

use std::process::ExitCode;

use comfy_table::Table;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use serde_json::{Value, json};

/// Everything that was measured.
#[derive(Debug, Default)]
pub struct Report {
    json: Vec<Value>,
}

impl Report {
    pub fn note(&mut self, text: &str) {
        println!("{text}");
        self.json.push(json!({ "note": text }));
    }

    /// A table: a row is a name and its cells.
    pub fn table(&mut self, title: &str, columns: &[String], rows: &[(String, Vec<String>)]) {
        let mut table = Table::new();
        table.load_style(UTF8_BORDERS_ONLY);
        table.set_header(std::iter::once("").chain(columns.iter().map(String::as_str)));
        for (name, cells) in rows {
            table.add_row(std::iter::once(name).chain(cells));
        }
        println!("\n{title}\n{table}");
        let rows: Vec<Value> =
            rows.iter().map(|(name, cells)| json!({ "name": name, "cells": cells })).collect();
        self.json.push(json!({ "title": title, "columns": columns, "rows": rows }));
    }

    pub fn write(&self) -> ExitCode {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench-policy.json");
        let text = format!("{:#}\n", Value::Array(self.json.clone()));
        let written = std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/target"))
            .and_then(|()| std::fs::write(path, text));
        match written {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("bench-policy: {path}: {error}");
                ExitCode::FAILURE
            }
        }
    }
}
