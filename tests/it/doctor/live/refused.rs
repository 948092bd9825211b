//! What does not come to a job, or comes to one without an answer: nothing is sent twice.

use spotcron::cli::render::Report as _;
use spotcron::doctor::live::{LiveStep, Verdict};
use spotcron::domain::BatchStatus;
use spotcron::ports::BatchService;
use spotcron::sim::{Fault, Faults, Operation};

use super::stage::{Stage, failed, scenario, step, table};

#[tokio::test]
async fn who_does_not_agree_submits_nothing() {
    let stage = Stage::new("spot");
    let mut script = stage.script();
    script.agrees = false;
    let report = stage.conduct(&mut script).await;
    assert_eq!(stage.cloud.submission_count(), 0);
    assert_eq!((report.declined, report.exit_code()), (true, 1));
    assert!(table(&report, None).ends_with("\nNothing was submitted.\n"));
    assert_eq!((script.waits, script.told.len()), (0, 0));
}

#[tokio::test]
async fn a_queue_that_takes_no_jobs_is_left_alone() {
    let mut disabled = scenario();
    disabled.queues[0].enabled = false;
    let mut missing = scenario();
    missing.queues[0].name = "another".to_owned();
    for (scenario, words) in [(disabled, "is disabled"), (missing, "DescribeJobQueues")] {
        let stage = Stage::of(scenario, "spot");
        let (report, script) = stage.tested().await;
        assert_eq!(stage.cloud.submission_count(), 0);
        assert!(script.preview.is_empty(), "nobody is asked");
        assert_eq!((failed(&report), report.exit_code()), (vec![LiveStep::Queue], 2));
        let seen = &step(&report, LiveStep::Queue).seen;
        assert!(seen.contains(words) && seen.ends_with("nothing was submitted"), "{seen}");
    }
}

#[tokio::test]
async fn a_refused_submission_is_shown_in_batch_s_words() {
    let mut stage = Stage::new("spot");
    stage.wish.definition = Some("no-such:1".to_owned());
    let (report, _) = stage.tested().await;
    assert_eq!(failed(&report), [LiveStep::Submit]);
    let submit = step(&report, LiveStep::Submit);
    assert!(submit.seen.contains("ClientException"), "{}", submit.seen);
    assert!(submit.fix.as_ref().unwrap().contains("no-such:1 is ACTIVE in us-east-1"));
    for skipped in [LiveStep::LookUp, LiveStep::Run, LiveStep::Host, LiveStep::Cost] {
        assert_eq!(step(&report, skipped).verdict, Verdict::Skipped);
    }
    assert_eq!(step(&report, LiveStep::CleanUp).seen, "nothing was submitted");
}

#[tokio::test]
async fn a_submission_that_is_not_permitted_names_the_permissions() {
    let faults = Faults::default().on_call(Operation::SubmitJob, 1, Fault::Denied);
    let stage = Stage::faulty("spot", faults);
    let (report, _) = stage.tested().await;
    assert_eq!((failed(&report), stage.cloud.submission_count()), (vec![LiveStep::Submit], 0));
    let fix = step(&report, LiveStep::Submit).fix.as_ref().unwrap();
    assert!(fix.contains("batch:SubmitJob") && fix.contains("batch:TagResource"), "{fix}");
}

#[tokio::test]
async fn a_lost_answer_is_found_by_name_and_never_sent_again() {
    for lag in [0, 40] {
        let mut scenario = scenario();
        scenario.timing.listing_lag_secs = lag;
        let stage = Stage::of(scenario, "spot");
        stage.cloud.set_faults(Faults::default().on_call(
            Operation::SubmitJob,
            1,
            Fault::LostAfter,
        ));
        let mut script = stage.script();
        let report = stage.conduct(&mut script).await;
        assert_eq!(failed(&report), [], "{}", table(&report, None));
        assert_eq!(stage.cloud.calls()[&Operation::SubmitJob], 1);
        assert_eq!(report.job_id, Some(stage.cloud.submissions()[0].id.clone()));
        assert!(step(&report, LiveStep::Submit).seen.contains("its answer was lost"));
        let shown = format!("{lag}s after SubmitJob");
        assert!(step(&report, LiveStep::LookUp).seen.contains(&shown));
        assert!(report.cost_usd.is_some());
    }
}

#[tokio::test]
async fn a_second_job_of_the_name_is_told_and_stopped() {
    let mut scenario = scenario();
    scenario.definitions[0].median_secs = 3600;
    let stage = Stage::of(scenario, "spot");
    // As if the network had delivered the one request twice.
    let twice = stage.cloud.submit(&stage.plan().request).await.unwrap();
    let mut script = stage.script();
    let report = stage.conduct(&mut script).await;
    assert_eq!(failed(&report), [LiveStep::LookUp, LiveStep::Run]);
    let look_up = step(&report, LiveStep::LookUp);
    assert!(look_up.seen.contains(&twice.to_string()), "{}", look_up.seen);
    assert_ne!(report.job_id.as_ref(), Some(&twice));
    for sent in stage.cloud.submissions() {
        let jobs = stage.cloud.describe(&"us-east-1".into(), &[sent.id]).await.unwrap();
        assert_eq!(jobs[0].status, BatchStatus::Failed);
        assert!(jobs[0].status_reason.as_ref().unwrap().starts_with("spotcron: doctor --live"));
    }
}

#[tokio::test]
async fn a_request_that_never_arrived_is_given_up_not_repeated() {
    let faults = Faults::default().on_call(Operation::SubmitJob, 1, Fault::LostBefore);
    let stage = Stage::faulty("spot", faults);
    let mut script = stage.script();
    let report = stage.conduct(&mut script).await;
    assert_eq!(stage.cloud.calls()[&Operation::SubmitJob], 1);
    assert_eq!(stage.cloud.submission_count(), 0);
    assert_eq!(failed(&report), [LiveStep::Submit, LiveStep::LookUp]);
    assert!(step(&report, LiveStep::CleanUp).seen.contains("nothing of it"));
    // It was looked for as long as the daemon would have.
    assert_eq!(script.waits, 18);
}

#[tokio::test]
async fn a_job_that_cannot_be_listed_and_whose_answer_was_lost_is_not_called_clean() {
    let faults = Faults::default().on_call(Operation::SubmitJob, 1, Fault::LostAfter).with(
        Operation::ListJobs,
        Fault::Denied,
        1.0,
    );
    let stage = Stage::faulty("spot", faults);
    let (report, _) = stage.tested().await;
    assert_eq!(failed(&report), [LiveStep::Submit, LiveStep::LookUp, LiveStep::CleanUp]);
    let clean = step(&report, LiveStep::CleanUp);
    assert!(clean.seen.contains("cannot be told"), "{}", clean.seen);
    let by_name = format!("values={}", report.job_name);
    assert!(clean.fix.as_ref().unwrap().contains(&by_name), "{clean:?}");
    assert_eq!(stage.status().await, BatchStatus::Succeeded, "it ended by itself");
}

#[tokio::test]
async fn a_job_that_cannot_be_listed_is_watched_all_the_same() {
    let faults = Faults::default().with(Operation::ListJobs, Fault::Denied, 1.0);
    let (report, _) = Stage::faulty("spot", faults).tested().await;
    assert_eq!(failed(&report), [LiveStep::LookUp]);
    assert!(step(&report, LiveStep::LookUp).fix.as_ref().unwrap().contains("batch:ListJobs"));
    assert!(report.cost_usd.is_some());
}

#[tokio::test]
async fn calls_that_are_throttled_now_and_then_change_nothing() {
    let faults = [Operation::DescribeJobs, Operation::ListJobs, Operation::DescribeInstances]
        .into_iter()
        .fold(Faults::default(), |all, one| all.with(one, Fault::Throttled, 0.5));
    let (report, _) = Stage::faulty("spot", faults).tested().await;
    assert_eq!(failed(&report), [], "{}", table(&report, None));
}
