//! What looks like a secret, and which bytes of a file are therefore never shown.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::raw::{RawCatalogue, RawClass, RawEnvironment, RawJob};
use crate::document::TomlTable;

/// Tables whose values are the user's own and are never shown.
const HIDDEN_TABLES: [&str; 2] = ["environment", "parameters"];

/// Why `value`, under `name`, looks like a secret; `None` when it does not.
pub fn looks_secret(name: &str, value: &str) -> Option<&'static str> {
    let value = value.trim();
    if let Some(kind) = known_shape(value) {
        return Some(kind);
    }
    // References are how secrets should be passed.
    let reference = value.starts_with("arn:") || value.starts_with("Ref::");
    if names_secret(name) && !value.is_empty() && !reference && !is_flag_or_path(value) {
        return Some("its name says that it is one");
    }
    is_random_token(value).then_some("a long random text")
}

fn known_shape(value: &str) -> Option<&'static str> {
    let upper = |text: &str| text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let words = || value.split(|c: char| !c.is_ascii_alphanumeric());
    let key_id = |word: &str| {
        word.len() == 20 && (word.starts_with("AKIA") || word.starts_with("ASIA")) && upper(word)
    };
    if words().any(key_id) {
        return Some("an AWS access key id");
    }
    if value.contains("-----BEGIN") && value.contains("PRIVATE KEY") {
        return Some("a private key");
    }
    let prefixes = ["ghp_", "gho_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "sk_live_", "sk-"];
    if value.len() >= 20 && prefixes.iter().any(|prefix| value.starts_with(prefix)) {
        return Some("an access token");
    }
    if value.starts_with("eyJ") && value.matches('.').count() == 2 {
        return Some("a signed web token");
    }
    if let Some((_, rest)) = value.split_once("://") {
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        if user.and_then(|user| user.split_once(':')).is_some_and(|(_, word)| !word.is_empty()) {
            return Some("a URL with a password");
        }
    }
    None
}

/// Whether a variable's name announces a secret: `DB_PASSWORD`, `apiKey`, but not `TOKEN_TTL`.
fn names_secret(name: &str) -> bool {
    let words = words_of(name);
    let has = |word: &str| words.iter().any(|known| known == word);
    // `SECRET_ARN` names a secret and does not hold it.
    let describes = [
        "arn",
        "name",
        "file",
        "path",
        "id",
        "ttl",
        "url",
        "length",
        "len",
        "count",
        "expiry",
        "type",
        "enabled",
        "parameter",
        "region",
        "limit",
        "policy",
    ];
    if words.last().is_some_and(|last| describes.contains(&last.as_str())) {
        return false;
    }
    let single = [
        "password",
        "passwd",
        "passphrase",
        "pwd",
        "secret",
        "secrets",
        "token",
        "credential",
        "credentials",
        "apikey",
    ];
    single.iter().any(|word| has(word))
        || has("key")
            && ["api", "access", "private", "signing", "encryption"].iter().any(|word| has(word))
}

/// `dbPassword`, `DB_PASSWORD`, `db-password` → `db`, `password`.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || c.is_uppercase() && after_lower {
            words.push(String::new());
        }
        after_lower = c.is_lowercase();
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn is_flag_or_path(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "0" | "1")
        || value.starts_with('/')
        || value.starts_with("file:")
}

/// Base64-like texts of some length with letters of both cases and digits all through.
fn is_random_token(value: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b);
    if value.len() < 32 || value.starts_with('/') || !value.bytes().all(allowed) {
        return false;
    }
    // AWS secret keys are 40 letters of base64; words with capitals change their case less often.
    let aws_key = value.len() == 40 && !value.contains(['-', '_', '=']);
    if aws_key
        && class_changes(value) >= 10
        && [u8::is_ascii_digit, u8::is_ascii_uppercase]
            .iter()
            .all(|is| value.bytes().any(|b| is(&b)))
    {
        return true;
    }
    value.split(['/', '_', '-', '=', '+']).any(|part| {
        let count = |is: fn(&u8) -> bool| part.bytes().filter(is).count();
        part.len() >= 14
            && count(u8::is_ascii_digit) >= 2
            && count(u8::is_ascii_uppercase) >= 3
            && count(u8::is_ascii_lowercase) >= 3
            && different_bytes(part) * 2 > part.len().min(40)
    })
}

/// How often a small letter, a capital or a digit follows one of another kind.
fn class_changes(text: &str) -> usize {
    let kind = |byte: &u8| match byte {
        b'a'..=b'z' => Some(0),
        b'A'..=b'Z' => Some(1),
        b'0'..=b'9' => Some(2),
        _ => None,
    };
    let pairs = text.as_bytes().windows(2);
    pairs
        .filter(|pair| matches!((kind(&pair[0]), kind(&pair[1])), (Some(a), Some(b)) if a != b))
        .count()
}

fn different_bytes(text: &str) -> usize {
    let mut seen = [false; 256];
    text.bytes().for_each(|byte| seen[usize::from(byte)] = true);
    seen.iter().filter(|seen| **seen).count()
}

/// The bytes of a catalogue that are never shown: values of parameters and environment variables,
/// texts that look like secrets, and everything inside tables with unknown names (which may be
/// misspelt ones).
pub fn masks(root: &DeTable<'_>) -> Vec<Range<usize>> {
    let mut masks = Vec::new();
    for (key, value) in root {
        let known = match key.get_ref().as_ref() {
            "environments" => RawEnvironment::NAMES,
            "classes" => RawClass::NAMES,
            "jobs" => RawJob::NAMES,
            _ => &[],
        };
        let known = if RawCatalogue::NAMES.contains(&key.get_ref().as_ref()) {
            known
        } else {
            RawJob::NAMES
        };
        match value.get_ref() {
            DeValue::Array(tables) => {
                for table in tables.iter().filter_map(|table| table.get_ref().as_table()) {
                    mask_table(table, known, &mut masks);
                }
            }
            DeValue::Table(table) => mask_table(table, known, &mut masks),
            _ => mask_if_secret(key.get_ref(), value, &mut masks),
        }
    }
    masks
}

fn mask_table(table: &DeTable<'_>, known: &[&str], masks: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        let unknown = !known.contains(&name) && matches!(value.get_ref(), DeValue::Table(_));
        if unknown || HIDDEN_TABLES.contains(&name) {
            mask_leaves(value, masks);
        } else {
            mask_if_secret(name, value, masks);
        }
    }
}

fn mask_leaves(value: &Spanned<DeValue<'_>>, masks: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => table.iter().for_each(|(_, value)| mask_leaves(value, masks)),
        DeValue::Array(array) => array.iter().for_each(|value| mask_leaves(value, masks)),
        _ => masks.push(value.span()),
    }
}

fn mask_if_secret(name: &str, value: &Spanned<DeValue<'_>>, masks: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::String(text) if looks_secret(name, text).is_some() => masks.push(value.span()),
        DeValue::Array(array) => {
            array.iter().for_each(|value| mask_if_secret(name, value, masks));
        }
        DeValue::Table(table) => {
            table.iter().for_each(|(key, value)| mask_if_secret(key.get_ref(), value, masks));
        }
        _ => {}
    }
}

/// The same for a text that is no TOML, where only lines can be told apart: from a line that names
/// parameters or environment variables to the next table's header, and on lines that name or hold a
/// secret, nothing after the first `=` is shown.
pub fn masks_of_text(text: &str) -> Vec<Range<usize>> {
    let mut masks = Vec::new();
    let (mut hidden, mut start) = (false, 0);
    for line in text.split_inclusive('\n') {
        let code = line.trim_start();
        let named = HIDDEN_TABLES.iter().any(|table| {
            code.match_indices(table).any(|(at, _)| !code[at + table.len()..].starts_with('s'))
        });
        if code.starts_with('[') {
            hidden = named;
        } else {
            hidden |= named;
            let value = line.find('=').map_or(0, |at| at + 1);
            let name = line[..value].trim_end_matches('=');
            let secret = line[value..]
                .split(|c: char| c.is_whitespace() || "\"',[]{}".contains(c))
                .any(|word| looks_secret(name, word).is_some());
            let end = line.trim_end().len();
            if (hidden || secret) && value < end {
                masks.push(start + value..start + end);
            }
        }
        start += line.len();
    }
    masks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_recognised() {
        for (name, value) in [
            ("X", "AKIAIOSFODNN7EXAMPLE"),
            ("X", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            ("DB_PASSWORD", "hunter2"),
            ("apiKey", "abc"),
            ("X", "postgres://user:word@db.example/x"),
            ("X", "-----BEGIN RSA PRIVATE KEY-----\nMII"),
            ("X", "ghp_0123456789abcdefghij"),
        ] {
            assert!(looks_secret(name, value).is_some(), "{name}={value}");
        }
    }

    #[test]
    fn ordinary_values_are_not() {
        for (name, value) in [
            ("SECRET_ARN", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"),
            ("TOKEN_TTL", "3600"),
            ("MAX_TOKENS", "4096"),
            ("USE_TOKEN", "true"),
            ("INPUT", "s3://acme-data/landing/2024/Reports/DailySummaryV2.parquet"),
            ("COMMIT", "3f786850e387550fdab836ed7e6dc881de23001b"),
            ("CLASS", "com.example.reports.DailySummaryGeneratorV2"),
            ("RUN", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
            ("PASSWORD_FILE", "/run/secrets/db"),
            ("KEYBOARD", "qwerty"),
            ("OUT", "landing/2024/Reports/DailySummaryFinalV2"),
        ] {
            assert_eq!(looks_secret(name, value), None, "{name}={value}");
        }
    }

    #[test]
    fn lines_of_broken_files_hide_values() {
        let text =
            "[[jobs]]\nname = \"a\nenvironment = { A = \"one\",\n B = \"two\" }\n[[jobs]]\nx = 1\n";
        let shown: Vec<&str> = masks_of_text(text).into_iter().map(|mask| &text[mask]).collect();
        assert_eq!(shown, [" { A = \"one\",", " \"two\" }"]);
    }
}
