//! Just enough of Rust's grammar for the rules: what is code and what is text, and how long
//! functions are.

/// `source` with its comments and literals blanked out, line for line.
pub fn code_of(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut code = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => line_end(&chars, at),
            '/' if chars.get(at + 1) == Some(&'*') => block_end(&chars, at),
            '"' => quoted_end(&chars, at),
            'r' | 'b' if !continues_a_name(&chars, at) => raw_end(&chars, at).unwrap_or(at + 1),
            '\'' => char_end(&chars, at).unwrap_or(at + 1),
            _ => at + 1,
        };
        if end == at + 1 {
            code.push(chars[at]);
        } else {
            code.extend(chars[at..end].iter().filter(|c| **c == '\n'));
            code.push(' ');
        }
        at = end;
    }
    code
}

fn continues_a_name(chars: &[char], at: usize) -> bool {
    at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_')
}

fn line_end(chars: &[char], at: usize) -> usize {
    chars[at..].iter().position(|c| *c == '\n').map_or(chars.len(), |length| at + length)
}

fn block_end(chars: &[char], at: usize) -> usize {
    let rest: String = chars[at + 2..].iter().collect();
    rest.find("*/").map_or(chars.len(), |bytes| at + 4 + rest[..bytes].chars().count())
}

fn quoted_end(chars: &[char], at: usize) -> usize {
    let mut end = at + 1;
    while end < chars.len() && chars[end] != '"' {
        end += if chars[end] == '\\' { 2 } else { 1 };
    }
    (end + 1).min(chars.len())
}

/// The end of `r"…"`, `r#"…"#`, `b"…"` or `br#"…"#`, if one begins at `at`.
fn raw_end(chars: &[char], at: usize) -> Option<usize> {
    let mut open = at;
    while matches!(chars.get(open), Some('r' | 'b')) && open < at + 2 {
        open += 1;
    }
    let hashes = chars[open..].iter().take_while(|c| **c == '#').count();
    let quote = open + hashes;
    if chars.get(quote) != Some(&'"') {
        return None;
    }
    if !chars[at..open].contains(&'r') {
        return Some(quoted_end(chars, quote));
    }
    let mut close = vec!['"'];
    close.resize(hashes + 1, '#');
    let length = chars[quote + 1..].windows(close.len()).position(|window| window == close)?;
    Some(quote + 1 + length + close.len())
}

/// The end of a character literal; `None` for a lifetime.
fn char_end(chars: &[char], at: usize) -> Option<usize> {
    if chars.get(at + 1) == Some(&'\\') {
        let length = chars[at + 3..].iter().position(|c| *c == '\'')?;
        return Some(at + 4 + length);
    }
    (chars.get(at + 2) == Some(&'\'')).then_some(at + 3)
}

/// A function: its name and how many lines it takes.
pub struct Function {
    pub name: String,
    pub lines: usize,
}

/// Every function that has a body.
pub fn functions(source: &str) -> Vec<Function> {
    let code = code_of(source);
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at..];
        let name: String =
            rest[3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let Some(open) = body(rest).filter(|_| !name.is_empty()) else { continue };
        let lines = rest[..closing(rest, open)].lines().count();
        found.push(Function { name, lines });
    }
    found
}

/// Where the body's brace opens; `None` for a declaration.
fn body(rest: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in rest.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return Some(at),
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn closing(rest: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, c) in rest[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + at + 1;
        }
    }
    rest.len()
}

/// The modules at the crate's root that `source` names; `depth` is how deep its own module lies
/// (1 for `src/run.rs`).
pub fn imports(source: &str, depth: usize, prefix: &str) -> Vec<String> {
    let code = code_of(source);
    let mut found = Vec::new();
    for (at, matched) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back();
        if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '$') {
            found.extend(first_names(&code[at + matched.len()..]));
        }
    }
    // `super::` far enough up is the root, too.
    let up = "super::".repeat(depth);
    for (at, matched) in code.match_indices(&up) {
        if !code[..at].ends_with("super::") {
            let rest = code[at + matched.len()..].trim_start_matches("super::");
            found.extend(first_names(rest));
        }
    }
    found
}

/// `domain` of `domain::Usd`; both of `{domain::Usd, market}`.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut depth, mut item, mut names) = (0, String::new(), Vec::new());
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => names.push(name(&std::mem::take(&mut item))),
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 && c != ',' {
            item.push(c);
        }
    }
    names.push(name(&item));
    names
}

#[test]
fn comments_and_literals_are_no_code() {
    let source =
        "let a = \"// fn x() {\"; // tokio\nlet b = r#\"\"}\"#; let c = '{'; 'a: loop {}\n";
    let code = code_of(source);
    assert_eq!(
        code.split_whitespace().collect::<Vec<_>>().join(" "),
        "let a = ; let b = ; let c = ; 'a: loop {}"
    );
    assert_eq!(code.lines().count(), 2);
}

#[test]
fn functions_are_measured_and_imports_found() {
    let source = "trait A { fn no(&self); fn yes(&self) -> [u8; 2] {\n  [0; 2]\n} }\n\
                  use crate::{domain::{Usd, Ppm}, market};\nuse crate::run::Run;\nuse super::sim::X;\n";
    let long: Vec<_> = functions(source).into_iter().map(|f| (f.name, f.lines)).collect();
    assert_eq!(long, [("yes".to_owned(), 3)]);
    assert_eq!(imports(source, 1, "crate::"), ["domain", "market", "run", "sim"]);
}
