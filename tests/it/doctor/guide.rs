//! docs/guide/doctor.md is what the program says of its findings.

use spotcron::doctor::{Code, guide_markdown};

use crate::cli::golden::assert_file;

#[test]
fn the_guide_is_current_and_has_a_section_for_every_code() {
    let page = guide_markdown();
    assert_file("docs/guide/doctor.md", &page);
    for code in Code::ALL {
        let heading = format!("\n## {}\n", code.label());
        assert_eq!(page.matches(&heading).count(), 1, "{}", code.label());
        for text in [code.means(), code.why(), code.fix()] {
            assert!(text.ends_with('.') || text.ends_with(". "), "{}: {text}", code.label());
            assert!(!text.contains("  "), "{}: {text}", code.label());
        }
    }
}
