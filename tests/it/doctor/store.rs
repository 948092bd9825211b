//! What this machine shows of a store.

use std::path::Path;

use spotcron::cli::doctor::{file_system_of, look_at_store};
use spotcron::doctor::StoreFacts;
use spotcron::ports::StoreIdentity;
use spotcron::store::SqliteStore;

const MOUNTS: &str = "\
22 1 259:1 / / rw,relatime - ext4 /dev/root rw
30 22 0:45 / /mnt rw - tmpfs tmpfs rw
31 30 0:46 / /mnt/efs rw,relatime shared:1 - nfs4 127.0.0.1:/ rw
32 30 0:47 / /mnt/with\\040blank rw - fuse.sshfs host:/ rw
33 22 259:2 / /mnt rw - xfs /dev/data rw
nonsense
- -
";

#[test]
fn the_longest_mount_point_above_a_path_tells_its_file_system() {
    for (path, kind) in [
        ("/srv/spotcron", "ext4"),
        ("/mnt/efs", "nfs4"),
        ("/mnt/efs/a/b", "nfs4"),
        ("/mnt/efsless", "xfs"),
        ("/mnt/with blank/a", "fuse.sshfs"),
    ] {
        assert_eq!(file_system_of(Path::new(path), MOUNTS).as_deref(), Some(kind), "{path}");
    }
    assert_eq!(file_system_of(Path::new("/"), ""), None);
}

#[test]
fn a_store_is_recognised_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spotcron.db");
    let before = look_at_store(&path);
    assert_eq!((before.store, before.folder_exists), (StoreFacts::None, true));
    assert!(before.free_bytes.is_some_and(|free| free > 0));
    assert!(!path.exists(), "a look makes nothing");

    for (identity, expected) in [
        (
            StoreIdentity::Account { account_id: "1".to_owned() },
            StoreFacts::OfAccount("1".to_owned()),
        ),
        (StoreIdentity::Simulation { seed: 1 }, StoreFacts::OfSimulation),
    ] {
        let path = folder.path().join(format!("{expected:?}.db"));
        drop(SqliteStore::open(&path, identity).unwrap());
        assert_eq!(look_at_store(&path).store, expected);
    }
    std::fs::write(&path, "no database").unwrap();
    let StoreFacts::Unusable(text) = look_at_store(&path).store else { panic!("was accepted") };
    assert!(text.contains("is not a SQLite database"), "{text}");
}

#[test]
fn a_missing_folder_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let seen = look_at_store(&folder.path().join("nowhere/spotcron.db"));
    assert_eq!((seen.store, seen.folder_exists), (StoreFacts::None, false));
    assert_eq!((seen.file_system, seen.free_bytes), (None, None));
    assert!(look_at_store(Path::new("spotcron.db")).folder_exists, "a bare name lies here");
}
