//! The file of tokens.

use std::os::unix::fs::PermissionsExt;

use spotcron::diagnostic::{self, Severity, Source};
use spotcron::settings::tokens::{self, Scope};

fn read(text: &str) -> (Option<tokens::Tokens>, String) {
    let (tokens, findings) = tokens::load_source(Source::new("tokens.toml", text));
    (tokens, diagnostic::render(&findings, false))
}

#[test]
fn a_token_is_known_by_its_hash_and_by_nothing_else() {
    let (token, sha256) = tokens::mint([7; 32]);
    let (other, _) = tokens::mint([8; 32]);
    assert_eq!(token.len(), "spotcron_".len() + 64);
    let text = format!("[[tokens]]\nname = \"a\"\nscopes = [\"read\"]\nsha256 = \"{sha256}\"\n");
    let (known, report) = read(&text);
    assert_eq!(report, "");
    let known = known.unwrap();
    let holder = known.holder(&token).unwrap();
    assert_eq!(holder.name, "a");
    assert!(holder.may(Scope::Read) && !holder.may(Scope::Operate));
    for wrong in [&other, &sha256, "", &token.to_uppercase(), &format!("{token} ")] {
        assert!(known.holder(wrong).is_none(), "{wrong}");
    }
    assert!(!format!("{known:?}").contains(&sha256[..8]));
}

#[test]
fn mistakes_are_all_reported_and_no_hash_is_shown() {
    let (_, sha256) = tokens::mint([7; 32]);
    let (token, _) = tokens::mint([9; 32]);
    let (read_back, report) = read(&format!(
        "[[tokens]]\nname = \"a b\"\nscopes = []\nsha256 = \"{sha256}\"\n\
         [[tokens]]\nname = \"b\"\nscopes = [\"write\"]\nsha256 = \"{token}\"\n\
         [[tokens]]\nname = \"c\"\nscopes = [\"read\"]\nsha256 = \"{sha256}\"\n\
         [[tokens]]\nname = \"c\"\nscopes = [\"read\"]\nsha = \"{sha256}\"\n"
    ));
    assert!(read_back.is_none());
    for said in ["`a b`", "may do nothing", "write", "no SHA-256", "unknown key `sha`"] {
        assert!(report.contains(said), "{said}\n{report}");
    }
    assert!(!report.contains(&sha256[..16]) && !report.contains(&token[..20]), "{report}");
    let (none, report) = read(&format!("sha256 = {sha256} = \"\n"));
    assert!(none.is_none());
    assert!(!report.contains(&sha256[..16]), "{report}");
    let twice = format!("[[tokens]]\nname = \"c\"\nscopes = [\"read\"]\nsha256 = \"{sha256}\"\n");
    let (none, report) = read(&twice.repeat(2));
    assert!(none.is_none() && report.contains("two tokens are called `c`"), "{report}");
}

#[test]
fn a_token_that_two_have_is_a_mistake_and_said_without_its_hash() {
    let (_, sha256) = tokens::mint([7; 32]);
    let entry = |name: &str, scope: &str, hash: &str| {
        format!("[[tokens]]\nname = \"{name}\"\nscopes = [\"{scope}\"]\nsha256 = \"{hash}\"\n")
    };
    // Hex digits may be written large: the bytes count.
    let text = entry("a", "operate", &sha256) + &entry("b", "read", &sha256.to_uppercase());
    let (none, report) = read(&text);
    assert!(none.is_none());
    assert!(report.contains("`b` has the token of `a`: the same `sha256`"), "{report}");
    assert!(report.contains("tokens.toml:5"), "{report}");
    assert!(!report.to_lowercase().contains(&sha256[..16]), "{report}");
}

#[test]
fn a_file_that_others_may_read_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.toml");
    std::fs::write(&path, "").unwrap();
    for (mode, warned) in [(0o600, false), (0o400, false), (0o640, true), (0o602, true)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let (tokens, findings) = tokens::load(&path);
        assert_eq!(tokens.unwrap().count(), 0);
        let warnings = findings.iter().filter(|found| found.severity == Severity::Warning);
        assert_eq!(warnings.count(), usize::from(warned), "{mode:o}");
    }
}
