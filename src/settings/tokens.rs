//! The file of tokens: who may look at the daemon, and who may operate it.
//!
//! A token is 256 random bits, so that nobody can try them all: one round of SHA-256 keeps it from
//! being read out of the file. (Passwords, of which people choose few, would need a slow hash.)

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use toml::Spanned;
use toml::de::DeValue;

use crate::diagnostic::{Diagnostic, Source, has_errors};
use crate::document::{
    FromToml, Located, Parsed, Reader, SecretText, parse, read_file, shown, toml_table,
};

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Look at everything.
    Read,
    /// Give commands, and look.
    Operate,
}

/// One person's or program's token, as a hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Who: it stands in the audit.
    pub name: String,
    scopes: BTreeSet<Scope>,
    sha256: [u8; 32],
}

/// Everyone who has a token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens(Vec<Token>);

/// What every token begins with, so that one that was published by mistake can be searched for.
const PREFIX: &str = "spotcron_";

impl Token {
    /// Whether it may do what needs `scope`. Who may operate may look.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Operate)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Whose token `presented` is. All hashes are compared, each in constant time, so that the time
    /// of an answer says nothing of them.
    pub fn holder(&self, presented: &str) -> Option<&Token> {
        let digest: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        let mut holder = None;
        for token in &self.0 {
            if bool::from(token.sha256.ct_eq(&digest)) {
                holder = Some(token);
            }
        }
        holder
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Whether a token may be called so.
pub fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    !text.is_empty() && text.len() <= 80 && text.chars().all(allowed)
}

/// A new token of these random bits, and the hash that goes into the file.
pub fn mint(random: [u8; 32]) -> (String, String) {
    let token = format!("{PREFIX}{}", hex::encode(random));
    let sha256 = hex::encode(Sha256::digest(token.as_bytes()));
    (token, sha256)
}

toml_table! {
    /// The tokens of the daemon.
    pub struct RawTokens {
        /// One a person or program.
        tokens: Vec<Located<RawToken>>, optional "";
    }
}

toml_table! {
    /// One token.
    pub struct RawToken as "token" {
        /// Who has it; it stands in the audit. Letters, digits, `-`, `_`, `.` and `@`, at most 80.
        name: String, required "\"alice\"";
        /// `read`, `operate`, or both; `operate` may read too.
        scopes: Vec<Located<ScopeText>>, required "[\"operate\"]";
        /// The SHA-256 of the token in hex, as `spotcron token new` prints it.
        sha256: SecretText, required "\"\"";
    }
}

/// `read` or `operate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopeText(pub Scope);

impl FromToml for ScopeText {
    fn from_toml(value: &Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Self> {
        let choices = [("read", Scope::Read), ("operate", Scope::Operate)];
        reader.choice(value, &choices).map(ScopeText)
    }
}

impl JsonSchema for ScopeText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "scope".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["read", "operate"] })
    }
}

/// The tokens of the file at `path`, and everything that is wrong with it. `None` when any finding
/// is an error.
pub fn load(path: &Path) -> (Option<Tokens>, Vec<Diagnostic>) {
    let source = match read_file(path) {
        Ok(source) => source,
        Err(finding) => return (None, vec![finding]),
    };
    let open = open_to_others(path);
    let (tokens, mut findings) = load_source(source);
    findings.extend(open);
    (tokens, findings)
}

/// The tokens in a text that is already read.
pub fn load_source(source: Source) -> (Option<Tokens>, Vec<Diagnostic>) {
    let source = Arc::new(source);
    source.hide(long_words(&source.text));
    let tree = match parse(&source) {
        Parsed::Tree(tree) => tree,
        Parsed::Broken(errors) => {
            let place = |(finding, span): (Diagnostic, Range<usize>)| finding.at(&source, span);
            return (None, errors.into_iter().map(place).collect());
        }
    };
    let span = tree.span();
    let root = Spanned::new(span, DeValue::Table(tree.into_inner()));
    let mut reader = Reader::new(Arc::clone(&source));
    let raw = RawTokens::from_toml(&root, &mut reader).unwrap_or_default();
    let mut check = Check { source: &source, findings: reader.into_findings() };
    let raw = raw.tokens.map(|tokens| tokens.value).unwrap_or_default();
    let mut tokens: Vec<Token> = Vec::new();
    for entry in &raw {
        let Some(token) = check.token(&entry.value) else { continue };
        if tokens.iter().any(|other| other.name == token.name) {
            let problem = format!("two tokens are called {}", shown(&token.name));
            check.error(
                &entry.span,
                &problem,
                "give each a name of its own: it stands in the audit",
            );
        }
        if let Some(other) = tokens.iter().find(|other| other.sha256 == token.sha256) {
            let problem = format!(
                "{} has the token of {}: the same `sha256`",
                shown(&token.name),
                shown(&other.name)
            );
            let hint = "give each a token of its own: the audit could not tell them apart. \
                        `spotcron token new` makes one";
            check.error(&entry.span, &problem, hint);
        }
        tokens.push(token);
    }
    let findings = check.findings;
    (if has_errors(&findings) { None } else { Some(Tokens(tokens)) }, findings)
}

/// Whatever may be a hash, or a token that was put here by mistake, wherever it stands: reports show
/// nothing of it.
fn long_words(text: &str) -> Vec<Range<usize>> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut words = Vec::new();
    let mut begin = 0;
    for part in text.split_inclusive(|c| !is_word(c)) {
        let word = part.trim_end_matches(|c| !is_word(c)).len();
        if word >= SECRET_CHARACTERS {
            words.push(begin..begin + word);
        }
        begin += part.len();
    }
    words
}

/// Half of a hash; no name that people choose is so long without a hyphen.
const SECRET_CHARACTERS: usize = 32;

struct Check<'a> {
    source: &'a Arc<Source>,
    findings: Vec<Diagnostic>,
}

impl Check<'_> {
    fn error(&mut self, span: &Range<usize>, problem: &str, hint: &str) {
        let finding = Diagnostic::error("invalid-token", problem);
        self.findings.push(finding.at(self.source, span.clone()).hint(hint));
    }

    fn token(&mut self, raw: &RawToken) -> Option<Token> {
        let name = raw.name.as_ref()?;
        if !is_name(&name.value) {
            let problem = format!("{} is no name of a token", shown(&name.value));
            let hint = "letters, digits, `-`, `_`, `.` and `@`, at most 80";
            self.error(&name.span, &problem, hint);
        }
        let scopes = raw.scopes.as_ref()?;
        // A word that is none was reported, and left out.
        let written = self.source.text.get(scopes.span.clone()).unwrap_or_default();
        if scopes.value.is_empty() && !written.contains(['"', '\'']) {
            self.error(&scopes.span, "this token may do nothing", "give it `read` or `operate`");
        }
        let hash = raw.sha256.as_ref()?;
        let decoded = hex::decode(hash.value.0.expose()).ok();
        let Some(sha256) = decoded.and_then(|bytes| bytes.try_into().ok()) else {
            let hint = "`spotcron token new` prints the table to add: the hash, not the token";
            self.error(&hash.span, "`sha256` is no SHA-256: 64 hexadecimal digits", hint);
            return None;
        };
        let scopes = scopes.value.iter().map(|scope| scope.value.0).collect();
        Some(Token { name: name.value.clone(), scopes, sha256 })
    }
}

/// Who can write the file can make himself an operator, and nobody else needs to read it.
fn open_to_others(path: &Path) -> Option<Diagnostic> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).ok()?.permissions().mode();
        (mode & 0o077 != 0).then(|| {
            let problem = format!(
                "{} may be read or written by others than its owner (mode {:03o})",
                path.display(),
                mode & 0o777
            );
            Diagnostic::warning("tokens-open-to-others", problem)
                .hint(format!("chmod 600 {}", path.display()))
        })
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}
