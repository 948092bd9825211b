//! The simulated account's wire front, judged by AWS's own client for Python: each script under
//! tests/wire asserts what an operation answers; botocore parses the answers by AWS's own model.

mod market;

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use spotcron::clock::{Clock, WallClock};
use spotcron::sim::wire::{Keys, Wire, serve};
use spotcron::sim::{Scenario, SimCloud};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The scenario that the scripts know.
const SCENARIO: &str = include_str!("wire/scenario.toml");

/// The folder of the Python environment, or why these tests are left out.
fn python() -> Option<PathBuf> {
    let folder = std::env::var_os("SPOTCRON_MOTO_VENV").map(PathBuf::from);
    if folder.is_none() {
        let how = "set SPOTCRON_MOTO_VENV to what `python3 tests/moto/prepare.py DIRECTORY` prints";
        assert!(std::env::var("REQUIRE_ALL").as_deref() != Ok("1"), "boto3 is required: {how}");
        println!("SKIPPED: boto3 on the simulated account ({how})");
    }
    Some(folder?.join("bin/python"))
}

/// Runs `tests/wire/<script>.py ENDPOINT` against a fresh account.
async fn script(name: &str) {
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let cloud = SimCloud::new(Scenario::parse(SCENARIO).unwrap(), 1, clock.clone()).unwrap();
    run_script(name, cloud, clock, &[]).await;
}

/// Runs `tests/wire/<script>.py ENDPOINT ARGUMENTS...` against `cloud`; signatures are checked by
/// `clock`.
async fn run_script(name: &str, cloud: SimCloud, clock: Arc<dyn Clock>, arguments: &[String]) {
    let Some(python) = python() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = watch::channel(false);
    let further = cloud.further_accounts().unwrap();
    let keys = Keys::one("simulated", "simulated");
    let wire = Wire::with_accounts(cloud, further, clock, keys);
    let server = tokio::spawn(serve(listener, wire, stopped));
    let path = format!("{}/tests/wire/{name}.py", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(python);
    command.arg(path).arg(endpoint).args(arguments);
    let run = move || command.output().unwrap();
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    stop.send_replace(true);
    server.await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{problem}");
}

macro_rules! scripts {
    ($($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                script(stringify!($name)).await;
            }
        )*
    };
}

/// The guide speaks of the demo's account, which is what `simulate-aws` serves when nothing is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guides_examples_work_with_the_aws_command_line() {
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let cloud = SimCloud::new(Scenario::demo().unwrap(), 1, clock.clone()).unwrap();
    run_script("guide", cloud, clock, &[]).await;
}

scripts!(
    identity,
    accounts,
    mishaps,
    control,
    // Where jobs run, and what they are.
    definitions,
    environments,
    queues,
    // Jobs.
    submit,
    describe,
    listing,
    stopping,
    arrays,
    dependencies,
    retries,
    snapshot,
);
