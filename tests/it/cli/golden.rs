//! Golden texts beside the tests.

use std::path::Path;

/// Compares `actual` with tests/it/cli/`name`, or rewrites that file.
#[track_caller]
pub fn assert_golden(name: &str, actual: &str) {
    let file = format!("tests/it/cli/{name}");
    assert_file(&file, actual);
}

/// Compares `actual` with a file of the project, or rewrites it.
#[track_caller]
pub fn assert_file(file: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{file}: {error}; UPDATE_GOLDEN=1 writes it"));
    assert!(
        expected == actual,
        "{file} differs; UPDATE_GOLDEN=1 accepts what there is now:\n{actual}"
    );
}
