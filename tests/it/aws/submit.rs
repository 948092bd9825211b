//! SubmitJob sends one request, whatever happens to it, and says truly what is known of it.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpListener;

use jiff::SignedDuration;
use serde_json::json;
use spotcron::catalogue::{EvaluateOnExit, RetryStrategy};
use spotcron::domain::{Redacted, Resources};
use spotcron::ports::{BatchService, FailureKind, SubmitError};
use spotcron::run::SubmitRequest;

use super::wire::{Answer, Wire, cloud_at};

fn request() -> SubmitRequest {
    SubmitRequest {
        site: "us-east-1".into(),
        name: "extract-20260329T003000Z-l0-0a1b2c3d".into(),
        queue: "spot".to_owned(),
        definition: "extract:7".to_owned(),
        parameters: BTreeMap::new(),
        environment: BTreeMap::new(),
        command: None,
        resources: None,
        array_size: None,
        retry_strategy: None,
        timeout: None,
        share_identifier: None,
        scheduling_priority: None,
        tags: BTreeMap::new(),
    }
}

fn kind(error: &SubmitError) -> (&'static str, FailureKind) {
    match error {
        SubmitError::Rejected(error) => ("rejected", error.kind),
        SubmitError::NotAccepted(error) => ("not accepted", error.kind),
        SubmitError::OutcomeUnknown(error) => ("unknown", error.kind),
    }
}

#[tokio::test]
async fn one_request_whatever_the_answer() {
    use FailureKind::*;
    let html = || "<html>no</html>".to_owned();
    for (answer, expected) in [
        (Answer::error(500, "ServerException", "oops"), ("unknown", Unavailable)),
        (Answer::Http(500, html(), None), ("unknown", Unavailable)),
        (Answer::Http(503, html(), None), ("unknown", Unavailable)),
        (Answer::Http(404, html(), None), ("unknown", Unavailable)),
        (Answer::Http(302, String::new(), None), ("unknown", BadResponse)),
        (Answer::ok("{}"), ("unknown", BadResponse)),
        (Answer::ok(r#"{"jobName":"x","jobId":""}"#), ("unknown", BadResponse)),
        (Answer::ok("not JSON"), ("unknown", BadResponse)),
        (Answer::Silence, ("unknown", Unavailable)),
        (Answer::error(429, "TooManyRequestsException", "slow"), ("not accepted", Throttled)),
        (Answer::Http(429, html(), None), ("not accepted", Throttled)),
        (Answer::error(400, "ThrottlingException", "slow"), ("not accepted", Throttled)),
        (Answer::error(403, "ExpiredTokenException", "old"), ("not accepted", Denied)),
        (Answer::error(400, "ClientException", "no such queue"), ("rejected", Rejected)),
        (Answer::error(403, "AccessDeniedException", "no"), ("not accepted", Denied)),
    ] {
        let wire = Wire::answering([answer]).await;
        let error = wire.cloud.submit(&request()).await.unwrap_err();
        assert_eq!(kind(&error), expected, "{error}");
        assert_eq!(wire.asked().len(), 1, "{error}");
        assert_eq!(wire.asked()[0].what, "/v1/submitjob");
        assert!(error.to_string().starts_with("SubmitJob: "), "{error}");
    }
}

#[tokio::test]
async fn a_dropped_connection_leaves_the_outcome_unknown() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let (cloud, calls) = cloud_at(&format!("http://{}", listener.local_addr().unwrap())).await;
    let server = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 4096];
            // The whole request is smaller than the buffer; then the connection is dropped.
            let read = stream.read(&mut buffer).unwrap();
            assert!(String::from_utf8_lossy(&buffer[..read]).starts_with("POST /v1/submitjob"));
        }
    });
    let error = cloud.submit(&request()).await.unwrap_err();
    assert_eq!(kind(&error), ("unknown", FailureKind::Unavailable), "{error}");
    assert_eq!(*calls.lock().unwrap(), ["SubmitJob unavailable 1"]);
    // A second connection would have ended the server.
    assert!(!server.is_finished());
}

#[tokio::test]
async fn a_refused_connection_was_certainly_never_sent() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (cloud, calls) = cloud_at(&format!("http://{address}")).await;
    let error = cloud.submit(&request()).await.unwrap_err();
    assert_eq!(kind(&error), ("not accepted", FailureKind::Unavailable), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
    assert_eq!(*calls.lock().unwrap(), ["SubmitJob unavailable 1"]);
}

#[tokio::test]
async fn a_job_id_comes_back_and_the_call_is_counted() {
    let wire = Wire::answering([Answer::ok(json!({ "jobName": "x", "jobId": "id-1" }))]).await;
    assert_eq!(wire.cloud.submit(&request()).await.unwrap().as_str(), "id-1");
    assert_eq!(wire.calls(), ["SubmitJob ok 1"]);
    assert_eq!(
        wire.asked()[0].json(),
        json!({
            "jobName": "extract-20260329T003000Z-l0-0a1b2c3d", "jobQueue": "spot",
            "jobDefinition": "extract:7", "propagateTags": true
        })
    );
}

#[tokio::test]
async fn everything_that_a_job_may_set_is_sent() {
    let wire = Wire::answering([Answer::ok(json!({ "jobName": "x", "jobId": "id-1" }))]).await;
    let pair = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    let secret = |key: &str, value: &str| [(key.to_owned(), Redacted::new(value))].into();
    let full = SubmitRequest {
        parameters: secret("date", "2026-03-29"),
        environment: secret("SPOTCRON_RUN_ID", "extract-20260329T003000Z"),
        command: Some(vec!["run".to_owned(), "Ref::date".to_owned()]),
        resources: Some(Resources { vcpu_millis: 250, memory_mib: 512, gpus: 1 }),
        array_size: Some(10),
        retry_strategy: Some(RetryStrategy {
            attempts: 3,
            evaluate_on_exit: vec![
                EvaluateOnExit {
                    on_status_reason: Some("Host EC2*".to_owned()),
                    retry: true,
                    ..EvaluateOnExit::default()
                },
                EvaluateOnExit { on_reason: Some("*".to_owned()), ..EvaluateOnExit::default() },
            ],
        }),
        timeout: Some(SignedDuration::from_mins(5)),
        share_identifier: Some("team".to_owned()),
        scheduling_priority: Some(9),
        tags: pair("managed-by", "spotcron"),
        ..request()
    };
    wire.cloud.submit(&full).await.unwrap();
    assert_eq!(
        wire.asked()[0].json(),
        json!({
            "jobName": "extract-20260329T003000Z-l0-0a1b2c3d", "jobQueue": "spot",
            "jobDefinition": "extract:7", "propagateTags": true,
            "parameters": { "date": "2026-03-29" },
            "containerOverrides": {
                "command": ["run", "Ref::date"],
                "environment": [{ "name": "SPOTCRON_RUN_ID", "value": "extract-20260329T003000Z" }],
                "resourceRequirements": [
                    { "type": "VCPU", "value": "0.25" },
                    { "type": "MEMORY", "value": "512" },
                    { "type": "GPU", "value": "1" }
                ]
            },
            "arrayProperties": { "size": 10 },
            "retryStrategy": { "attempts": 3, "evaluateOnExit": [
                { "onStatusReason": "Host EC2*", "action": "RETRY" },
                { "onReason": "*", "action": "EXIT" }
            ] },
            "timeout": { "attemptDurationSeconds": 300 },
            "shareIdentifier": "team",
            "schedulingPriorityOverride": 9,
            "tags": { "managed-by": "spotcron" }
        })
    );
}
