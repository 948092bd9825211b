//! Reading one file, with one clear finding when it cannot be read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Source};

/// Larger files are refused: a catalogue of 10,000 jobs is about 4 MiB.
pub const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// The text of the file at `path`.
///
/// # Errors
/// One finding for a file that is missing, unreadable, no regular file, larger than
/// [`MAX_FILE_BYTES`] or not UTF-8.
pub fn read_file(path: &Path) -> Result<Source, Diagnostic> {
    match read_bytes(path) {
        Ok(bytes) => from_bytes(path, bytes),
        Err(finding) => Err(finding.at(&unread(path), 0..0)),
    }
}

/// A source without text, to locate findings about a whole file.
pub(crate) fn unread(path: &Path) -> Arc<Source> {
    Arc::new(Source::new(path, ""))
}

/// A source from a file's bytes.
fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Source, Diagnostic> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(path, text)),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let bytes = error.as_bytes();
            let byte = bytes.get(valid).copied().unwrap_or_default();
            let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
            // Only the lines up to the bad one are kept, and nothing of them is shown but their
            // number: what is not text cannot be searched for secrets.
            let mut text = String::from_utf8_lossy(&bytes[..valid]).into_owned();
            text.push('\u{fffd}');
            let source = Source::new(path, text);
            source.hide(std::iter::once(0..valid).collect());
            let found = if utf16 { "it is UTF-16" } else { "found byte" };
            let detail = if utf16 { found.into() } else { format!("{found} 0x{byte:02X}") };
            Err(Diagnostic::error("not-utf8", format!("the file is not UTF-8 text: {detail}"))
                .at(&Arc::new(source), valid..valid + '\u{fffd}'.len_utf8())
                .hint("save the file as UTF-8; TOML allows no other encoding"))
        }
    }
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    // Asked before opening: opening a named pipe would wait for a writer.
    let facts = path.metadata().map_err(|error| unreadable(&error))?;
    if facts.is_dir() {
        return Err(Diagnostic::error("not-a-file", "this is a directory, not a file")
            .hint("name a file that ends with `.toml`"));
    }
    if !facts.is_file() {
        return Err(Diagnostic::error("not-a-file", "this is not a regular file")
            .hint("pipes, sockets and devices are not read; name a plain file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    // One byte more than allowed shows that there is more, also in a file that still grows.
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let most = MAX_FILE_BYTES / (1024 * 1024);
        return Err(Diagnostic::error(
            "file-too-large",
            format!("the file is larger than {most} MiB, and was not read"),
        )
        .hint("split it into several files in one directory, or check that it is the right file"));
    }
    Ok(bytes)
}

pub(crate) fn unreadable(error: &io::Error) -> Diagnostic {
    match error.kind() {
        io::ErrorKind::NotFound => Diagnostic::error("file-not-found", "there is no such file")
            .hint("check the path; relative paths start at the configuration file's directory"),
        io::ErrorKind::PermissionDenied => {
            Diagnostic::error("file-unreadable", "the file may not be read: permission denied")
                .hint("give the user that spotcron runs as the right to read it")
        }
        // `FilesystemLoop` is not stable yet; the number is Linux's and macOS's ELOOP.
        _ if matches!(error.raw_os_error(), Some(40 | 62)) => {
            Diagnostic::error("symlink-loop", "the path is a loop of symbolic links")
                .hint("remove the link, or let it point at a file")
        }
        _ => Diagnostic::error("file-unreadable", format!("the file cannot be read: {error}")),
    }
}
