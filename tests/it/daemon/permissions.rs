//! Operations that runs can do without: their denial is shown while it lasts, and logged once.

use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use spotcron::daemon::{CallLog, Status, TaskError, metrics_text};
use spotcron::doctor::{Need, Operation};
use spotcron::ports::{FailureKind, ServiceError};

use super::world::World;
use crate::samples::at;

/// What is logged meanwhile.
fn logged(work: impl FnOnce()) -> String {
    let written: Arc<Mutex<Vec<u8>>> = Arc::default();
    let writer = Arc::clone(&written);
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || Tee(Arc::clone(&writer)))
        .finish();
    tracing::subscriber::with_default(subscriber, work);
    let bytes = written.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

struct Tee(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

const DENIED: Result<(), FailureKind> = Err(FailureKind::Denied);

#[tokio::test]
async fn a_denial_is_one_while_it_lasts_and_zero_once_it_is_permitted() {
    let world = World::new(1, 0.0).await;
    let calls = &world.shared.calls;
    let line = |region: &str, value: u8| {
        format!(
            "spotcron_optional_permission_denied{{operation=\"DescribeSubnets\",\
             account=\"\",region=\"{region}\"}} {value}\n"
        )
    };
    let shown = || metrics_text(&world.shared).unwrap();
    assert!(!shown().contains("spotcron_optional_permission_denied{"), "nothing was called yet");
    calls.note("DescribeSubnets", ("", "us-east-1"), DENIED);
    calls.note("DescribeSubnets", ("", "eu-west-1"), Ok(()));
    assert!(shown().contains(&line("us-east-1", 1)), "{}", shown());
    assert!(shown().contains(&line("eu-west-1", 0)), "regions are told apart: {}", shown());
    // The role of another account may do what spotcron's own may not.
    calls.note("DescribeSubnets", ("210987654321", "us-east-1"), Ok(()));
    assert!(shown().contains(&line("us-east-1", 1)), "{}", shown());
    // What does not reach AWS, or is turned away before it is looked at, says nothing new.
    for silence in [FailureKind::Throttled, FailureKind::Unavailable, FailureKind::BadResponse] {
        calls.note("DescribeSubnets", ("", "us-east-1"), Err(silence));
        assert!(shown().contains(&line("us-east-1", 1)), "{silence:?}");
    }
    calls.note("DescribeSubnets", ("", "us-east-1"), Ok(()));
    assert!(shown().contains(&line("us-east-1", 0)), "{}", shown());
}

#[test]
fn a_denial_is_logged_when_it_begins_and_when_it_ends() {
    let log = CallLog::default();
    let text = logged(|| {
        for _ in 0..50 {
            log.note("DescribeSubnets", ("", "us-east-1"), DENIED);
            log.note("DescribeSubnets", ("", "us-east-1"), Err(FailureKind::Throttled));
        }
        for _ in 0..50 {
            log.note("DescribeSubnets", ("", "us-east-1"), Ok(()));
        }
    });
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].contains("WARN") && lines[0].contains("can do without"), "{text}");
    assert!(lines[1].contains("INFO") && lines[1].contains("permits the operation again"));
}

#[test]
fn the_operations_are_those_that_doctor_calls_dispensable_and_the_prices() {
    for operation in Operation::ALL {
        let log = CallLog::default();
        logged(|| log.note(operation.name(), ("", "us-east-1"), DENIED));
        let is_price =
            matches!(operation, Operation::DescribeSpotPriceHistory | Operation::GetProducts);
        // The daemon does not look at definitions.
        let expected = is_price
            || operation.need() != Need::Runs && operation != Operation::DescribeJobDefinitions;
        let shown = log.optional_permissions();
        assert_eq!(shown.iter().any(|found| found.denied), expected, "{operation:?}");
    }
}

#[test]
fn a_task_that_keeps_being_denied_is_logged_once_whatever_the_request_s_id() {
    let status = Status::default();
    let began = at("2026-06-01T00:00:00Z");
    let fails = |id: u32, word: &str| {
        let message = format!("AccessDenied: {word} (request id {id:08x}), as ever");
        let error = ServiceError::new("GetProducts", FailureKind::Denied, message);
        let later = began + SignedDuration::from_secs(60);
        status.note("list-prices", began, began, later, &Err(TaskError::Service(error)));
    };
    let text = logged(|| (0..20).for_each(|id| fails(id, "no")));
    assert_eq!(text.lines().count(), 1, "{text}");
    let text = logged(|| fails(21, "something else"));
    assert_eq!(text.lines().count(), 1, "another failure is news: {text}");
    let shown = status.snapshot()["list-prices"].error.clone().unwrap();
    assert!(
        shown.contains("request id 00000015"),
        "the newest is what AWS support asks for: {shown}"
    );
}
