//! The verb as a process, beside a daemon that has the store open.

use std::path::Path;
use std::process::{Command, Output};

use spotcron::ports::StoreIdentity;
use spotcron::store::SqliteStore;

use super::gzip;

fn reconcile(folder: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spotcron"))
        .args(["reconcile", "bill", "--store", "store.db"])
        .args(more)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

#[test]
fn beside_a_daemon_the_report_is_printed_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("bill"), gzip(include_bytes!("feed.txt"))).unwrap();
    let daemon = SqliteStore::open(folder.join("store.db"), StoreIdentity::Simulation { seed: 1 });
    let daemon = daemon.unwrap();
    let printed = |more: &[&str]| {
        let output = reconcile(folder, more);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let plain = printed(&[]);
    assert!(plain.contains("Billed, and not known to the ledger: 2, $0.0213"), "{plain}");
    assert!(!plain.to_lowercase().contains("kept"), "{plain}");
    let refused = printed(&["--keep"]);
    let id = std::process::id();
    assert!(refused.contains("Billed, and not known to the ledger: 2"), "{refused}");
    assert!(refused.contains("Not kept: "), "{refused}");
    assert!(
        refused.contains(&format!("store.db is open for writing in process {id}")),
        "{refused}"
    );
    assert!(refused.contains("run this again with --keep"), "{refused}");
    let json: serde_json::Value =
        serde_json::from_str(&printed(&["--keep", "--format", "json"])).unwrap();
    assert_eq!(json["kept"], false);
    drop(daemon);
    assert!(printed(&["--keep"]).contains("Kept: the daemon's metrics have it"));
}

#[test]
fn a_bad_file_ends_with_the_code_of_bad_input_and_prints_no_report() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("bill"), "name,price\n").unwrap();
    drop(
        SqliteStore::open(folder.join("store.db"), StoreIdentity::Simulation { seed: 1 }).unwrap(),
    );
    let output = reconcile(folder, &["--keep"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("bill, line 1: is neither the header of a spot data feed"), "{told}");
}
