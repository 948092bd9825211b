//! A changed catalogue is noticed, and taken over whole or not at all.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use spotcron::catalogue::Catalogue;
use spotcron::daemon::{
    Shared, Task, all_tasks, metrics_text, reload, reload_spot_advisor, status_page,
    watch_catalogue,
};
use tempfile::TempDir;
use tokio::sync::watch;

use super::edges::FailingStore;
use super::world::{CATALOGUE, World, parse, scenario};
use crate::samples::{at, mins};

/// [`CATALOGUE`] without the job `report`, with another queue: a change in two tables.
fn changed() -> String {
    let without = CATALOGUE.rsplit_once("[[jobs]]").unwrap().0;
    without.replace("queue = \"steady\"", "queue = \"steadier\"")
}

/// A daemon whose catalogue is what `named` says in a folder of its own.
async fn daemon_on(write: impl FnOnce(&Path) -> PathBuf) -> (Arc<Shared>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let named = write(folder.path());
    let mut world = World::new(1, 0.0).await;
    world.settings.catalogue = vec![named];
    world.restart().await;
    (Arc::clone(&world.shared), folder)
}

fn plain_file(folder: &Path) -> PathBuf {
    let path = folder.join("catalogue.toml");
    std::fs::write(&path, CATALOGUE).unwrap();
    path
}

fn same(in_force: &Catalogue, text: &str) -> bool {
    let expected = parse(text);
    in_force.jobs == expected.jobs
        && in_force.classes == expected.classes
        && in_force.environments == expected.environments
}

fn page(shared: &Shared) -> serde_json::Value {
    serde_json::to_value(status_page(shared)).unwrap()
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_a_good_one_is_taken_over_whole() {
    let (shared, folder) = daemon_on(plain_file).await;
    let path = folder.path().join("catalogue.toml");
    let succeeded = |value: &str| {
        let text = metrics_text(&shared).unwrap();
        text.contains(&format!("spotcron_reload_success {value}\n"))
    };
    assert_eq!(page(&shared)["reload"], serde_json::Value::Null, "none was tried");
    // The first half of the change is right and the second is not.
    let before = shared.catalogue.load_full();
    let bad = format!("{}\n[[jobs]]\nname = \"import\"\n", changed());
    std::fs::write(&path, bad).unwrap();
    reload(&shared);
    assert!(Arc::ptr_eq(&before, &shared.catalogue.load()), "the old one is in force");
    assert!(!shared.bells.schedule.take(), "nobody is woken for nothing");
    assert!(succeeded("0"));
    let told = page(&shared)["reload"].clone();
    assert_eq!(told["succeeded"], false);
    assert!(told["errors"][0].as_str().unwrap().contains("import"), "{told}");

    std::fs::write(&path, changed()).unwrap();
    reload(&shared);
    assert!(same(&shared.catalogue.load(), &changed()));
    assert!(shared.bells.schedule.take() && shared.bells.discovery.take());
    assert!(succeeded("1"));
    let told = page(&shared)["reload"].clone();
    assert_eq!((&told["succeeded"], told["errors"].as_array().unwrap().len()), (&true.into(), 0));
}

#[tokio::test]
async fn going_back_to_what_is_in_force_ends_the_failure() {
    let (shared, folder) = daemon_on(plain_file).await;
    let path = folder.path().join("catalogue.toml");
    std::fs::write(&path, changed()).unwrap();
    reload(&shared);
    let in_force = shared.catalogue.load_full();
    std::fs::write(&path, "[[jobs]]").unwrap();
    reload(&shared);
    assert!(!shared.reloads.last().unwrap().succeeded);
    std::fs::write(&path, changed()).unwrap();
    reload(&shared);
    assert!(shared.reloads.last().unwrap().succeeded);
    assert!(Arc::ptr_eq(&in_force, &shared.catalogue.load()), "not taken over once more");
}

/// Watches until `change` made the catalogue of `text` the one in force.
async fn noticed(shared: &Arc<Shared>, change: impl FnOnce(), text: &str) {
    assert!(!same(&shared.catalogue.load(), text));
    noticed_when(shared, change, |shared| same_names(shared, text)).await;
    assert!(same(&shared.catalogue.load(), text), "the change was not noticed");
}

/// Watches until `change` had its effect.
async fn noticed_when(
    shared: &Arc<Shared>,
    change: impl FnOnce(),
    is_there: impl Fn(&Shared) -> bool,
) {
    let (stop, stopped) = watch::channel(false);
    let watching = tokio::spawn(watch_catalogue(Arc::clone(shared), stopped));
    // Runs up to its first wait: by then the directories are watched.
    tokio::task::yield_now().await;
    change();
    // The system says it from a thread of its own. Nothing else ends this, so it gives up some time.
    for _ in 0..3_000_000 {
        if is_there(shared) {
            break;
        }
        assert!(!watching.is_finished(), "{:?}", watching.await);
        // The dust settles in paused time.
        tokio::time::advance(Duration::from_millis(100)).await;
        std::thread::yield_now();
    }
    stop.send_replace(true);
    watching.await.unwrap().unwrap();
}

fn same_names(shared: &Shared, text: &str) -> bool {
    // Cheap enough to be asked millions of times.
    shared.catalogue.load().jobs.len() == text.matches("[[jobs]]").count()
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_written_again_is_noticed() {
    let (shared, folder) = daemon_on(plain_file).await;
    let path = folder.path().join("catalogue.toml");
    noticed(&shared, || std::fs::write(&path, changed()).unwrap(), &changed()).await;
}

#[tokio::test(start_paused = true)]
async fn a_file_in_a_named_directory_is_noticed() {
    let (shared, folder) = daemon_on(|folder| {
        plain_file(folder);
        folder.to_owned()
    })
    .await;
    let path = folder.path().join("catalogue.toml");
    // As editors save: a new file takes the old one's name.
    let save = || {
        let draft = folder.path().join("catalogue.toml.new");
        std::fs::write(&draft, changed()).unwrap();
        std::fs::rename(&draft, &path).unwrap();
    };
    noticed(&shared, save, &changed()).await;
}

/// A ConfigMap's volume: files are links through `..data`, which is swapped for a new directory.
#[tokio::test(start_paused = true)]
async fn a_swapped_link_is_noticed() {
    let fill = |folder: &Path, version: &str, text: &str| {
        std::fs::create_dir(folder.join(version)).unwrap();
        std::fs::write(folder.join(version).join("catalogue.toml"), text).unwrap();
    };
    let (shared, folder) = daemon_on(|folder| {
        fill(folder, "..2026_06_01", CATALOGUE);
        symlink("..2026_06_01", folder.join("..data")).unwrap();
        symlink("..data/catalogue.toml", folder.join("catalogue.toml")).unwrap();
        folder.join("catalogue.toml")
    })
    .await;
    let folder = folder.path();
    let swap = || {
        fill(folder, "..2026_06_02", &changed());
        symlink("..2026_06_02", folder.join("..data_tmp")).unwrap();
        std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
        std::fs::remove_dir_all(folder.join("..2026_06_01")).unwrap();
    };
    noticed(&shared, swap, &changed()).await;
}

/// The one task that turns due times into runs.
fn schedule_task(shared: &Arc<Shared>) -> Box<dyn Task> {
    all_tasks(shared).into_iter().find(|task| task.name() == "schedule").unwrap()
}

#[tokio::test]
async fn a_time_that_falls_due_with_the_edit_of_its_expression_still_runs() {
    let world = World::new(1, 0.0).await;
    let mut schedule = schedule_task(&world.shared);
    schedule.activate(at("2026-06-01T00:00:00Z")).await.unwrap();
    // 00:20 passes while the catalogue is replaced: `import` runs at 7 and 37 minutes from now on.
    let edited = CATALOGUE.replace("*/20 * * * *", "7,37 * * * *");
    world.shared.replace_catalogue(parse(&edited));
    schedule.activate(at("2026-06-01T00:20:05Z")).await.unwrap();
    schedule.activate(at("2026-06-01T00:40:00Z")).await.unwrap();
    let mut due: Vec<String> =
        world.runs().await.iter().map(|run| run.scheduled_for.to_string()).collect();
    due.sort();
    assert_eq!(
        due,
        ["2026-06-01T00:10:00Z", "2026-06-01T00:20:00Z", "2026-06-01T00:37:00Z"],
        "the report's, the one before the edit, and the first of the new expression: not 00:07"
    );
}

#[tokio::test]
async fn memory_is_given_back_once_for_each_catalogue() {
    let world = World::new(1, 0.0).await;
    let mut schedule = schedule_task(&world.shared);
    let edited = CATALOGUE.replace("*/20 * * * *", "7,37 * * * *");
    let edits = [CATALOGUE, CATALOGUE, &edited, &edited, CATALOGUE];
    let mut frees_much = Vec::new();
    for (minute, text) in (0..).zip(edits) {
        world.shared.replace_catalogue(parse(text));
        let now = at("2026-06-01T00:00:00Z") + mins(minute);
        frees_much.push(schedule.activate(now).await.unwrap().frees_much);
    }
    assert_eq!(frees_much, [true, false, true, false, true]);
}

#[tokio::test]
async fn the_last_word_of_a_replaced_catalogue_outlives_a_failed_commit() {
    let mut world = World::new(1, 0.0).await;
    let failing = FailingStore::over(&world.store);
    world.store = Arc::<FailingStore>::clone(&failing);
    world.restart().await;
    let mut schedule = schedule_task(&world.shared);
    schedule.activate(at("2026-06-01T00:00:00Z")).await.unwrap();
    let edited = CATALOGUE.replace("*/20 * * * *", "7,37 * * * *");
    world.shared.replace_catalogue(parse(&edited));
    failing.refuse_once(|_| true);
    schedule.activate(at("2026-06-01T00:20:05Z")).await.unwrap_err();
    assert!(failing.has_refused() && world.runs().await.is_empty());
    // Edited once more before the disk has room again.
    world.shared.replace_catalogue(parse(&edited.replace("7,37", "8,38")));
    schedule.activate(at("2026-06-01T00:21:00Z")).await.unwrap();
    schedule.activate(at("2026-06-01T00:40:00Z")).await.unwrap();
    let runs = world.runs().await.into_iter();
    let imports = runs.filter(|run| run.job.as_str() == "import");
    let mut due: Vec<String> = imports.map(|run| run.scheduled_for.to_string()).collect();
    due.sort();
    assert_eq!(due, ["2026-06-01T00:20:00Z", "2026-06-01T00:38:00Z"]);
}

#[tokio::test]
async fn an_exclusion_that_a_restart_lifts_does_not_fire_what_it_excluded() {
    let bounded = CATALOGUE.replace(
        "cron = \"*/20 * * * *\"",
        "cron = \"*/20 * * * *\"\nstart = \"2026-07-01T00:00:00Z\"",
    );
    let mut world = World::of(&bounded, scenario(0.0), 1).await;
    world.run_for(mins(45)).await;
    world.catalogue = CATALOGUE.to_owned();
    world.restart().await;
    world.run_for(mins(20)).await;
    let runs = world.runs().await.into_iter();
    let imports: Vec<_> = runs.filter(|run| run.job.as_str() == "import").collect();
    assert_eq!(imports.len(), 1, "00:20 and 00:40 were not due when they passed: {imports:?}");
    assert_eq!(imports[0].scheduled_for, at("2026-06-01T01:00:00Z"));
}

#[tokio::test]
async fn a_job_that_was_disabled_for_a_while_does_not_catch_up() {
    let world = World::new(1, 0.0).await;
    let mut schedule = schedule_task(&world.shared);
    schedule.activate(at("2026-06-01T00:00:00Z")).await.unwrap();
    let off = CATALOGUE.replace("time_zone = \"UTC\"", "enabled = false");
    world.shared.replace_catalogue(parse(&off));
    schedule.activate(at("2026-06-01T00:01:00Z")).await.unwrap();
    world.shared.replace_catalogue(parse(CATALOGUE));
    // The process dies meanwhile: what counts is in the store.
    let mut schedule = schedule_task(&world.shared);
    schedule.activate(at("2026-06-01T00:45:00Z")).await.unwrap();
    let imports = world.runs().await.into_iter().filter(|run| run.job.as_str() == "import");
    assert_eq!(imports.count(), 0, "00:20 and 00:40 passed while nobody asked for them");
}

/// The file of parameter sets may lie elsewhere, and belongs to the catalogue all the same.
#[tokio::test(start_paused = true)]
async fn a_changed_file_of_parameter_sets_is_taken_over_or_leaves_the_old_one_in_force() {
    let with_sets = |folder: &Path| {
        std::fs::create_dir(folder.join("sets")).unwrap();
        std::fs::write(folder.join("sets/reports.csv"), "region\neu\n").unwrap();
        let path = folder.join("catalogue.toml");
        let keys = "parameters_file = \"sets/reports.csv\"\ncommand = [\"{{ set.region }}\"]\n";
        std::fs::write(&path, format!("{CATALOGUE}{keys}")).unwrap();
        path
    };
    let (shared, folder) = daemon_on(with_sets).await;
    let file = folder.path().join("sets/reports.csv");
    let sets = |shared: &Shared| shared.catalogue.load().jobs["report"].sets.len();
    // The daemon began with the catalogue of the world, which has no file.
    reload(&shared);
    assert_eq!(sets(&shared), 1);
    std::fs::write(&file, "region\neu\nus,asia\n").unwrap();
    reload(&shared);
    assert_eq!(sets(&shared), 1, "a file with a mistake changes nothing");
    assert_eq!(page(&shared)["reload"]["succeeded"], false);

    std::fs::write(&file, "region\neu\n").unwrap();
    reload(&shared);
    let longer = || std::fs::write(&file, "region\neu\nus\n").unwrap();
    noticed_when(&shared, longer, |shared| sets(shared) == 2).await;
    assert_eq!(sets(&shared), 2, "a change is noticed by itself");
}

/// Spot Advisor's table with `g5.xlarge` in this range of two, and `m6i.large` in the first.
fn advisor(range: u8) -> String {
    format!(
        r#"{{"ranges": [{{"index": 0, "max": 5}}, {{"index": 1, "max": 15}}], "spot_advisor":
           {{"us-east-1": {{"Linux": {{"m6i.large": {{"r": 0}}, "g5.xlarge": {{"r": {range}}}}}}}}}}}"#
    )
}

#[tokio::test]
async fn a_changed_table_of_spot_advisor_is_taken_over_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("advisor.json");
    let mut world = World::new(1, 0.0).await;
    world.settings.decision.spot_advisor_file = Some(path.clone());
    world.restart().await;
    let level = |world: &World| {
        let experience = world.shared.experience();
        experience.hazards.levels(&"us-east-1".into()).of_type("g5.xlarge").factor.0
    };
    assert_eq!(level(&world), 1_000_000);
    std::fs::write(&path, advisor(1)).unwrap();
    reload_spot_advisor(&world.shared);
    // 10 over the mean of 2.5 and 10.
    assert_eq!(level(&world), 1_600_000);
    for broken in ["", &advisor(2), &advisor(1)[..50]] {
        std::fs::write(&path, broken).unwrap();
        reload_spot_advisor(&world.shared);
        assert_eq!(level(&world), 1_600_000, "{broken}");
    }
    std::fs::remove_file(&path).unwrap();
    reload_spot_advisor(&world.shared);
    assert_eq!(level(&world), 1_600_000);
    std::fs::write(&path, advisor(0)).unwrap();
    reload_spot_advisor(&world.shared);
    assert_eq!(level(&world), 1_000_000);
    // What runs on, and learns, keeps it.
    std::fs::write(&path, advisor(1)).unwrap();
    reload_spot_advisor(&world.shared);
    world.run_for(mins(180)).await;
    let advised =
        world.shared.experience().hazards.levels(&"us-east-1".into()).of_type("g5.xlarge");
    assert_eq!(advised.advised.map(|ratio| ratio.0), Some(1_600_000));
}
