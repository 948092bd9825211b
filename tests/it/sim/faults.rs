//! Faults: what the caller is told, and what really happened.

use spotcron::ports::{BatchService, FailureKind, SubmitError};
use spotcron::sim::{Fault, Faults, Operation};

use super::account::*;

#[test]
fn scripted_submit_faults_say_what_they_should_and_do_what_they_say() {
    let account = Account::new(calm(), 1);
    let submit = Operation::SubmitJob;
    account.cloud.set_faults(
        Faults::default()
            .on_call(submit, 1, Fault::Throttled)
            .on_call(submit, 2, Fault::LostBefore)
            .on_call(submit, 3, Fault::LostAfter)
            .on_call(submit, 4, Fault::Denied),
    );
    let send = || account.submit(&request(SPOT, "quick", "one"));
    assert!(matches!(send(), Err(SubmitError::NotAccepted(e)) if e.kind == FailureKind::Throttled));
    assert!(matches!(send(), Err(SubmitError::OutcomeUnknown(_))));
    assert!(account.cloud.submissions().is_empty());
    assert!(matches!(send(), Err(SubmitError::OutcomeUnknown(_))));
    assert!(matches!(send(), Err(SubmitError::NotAccepted(e)) if e.kind == FailureKind::Denied));
    let [seen] = &account.cloud.submissions()[..] else { panic!() };
    let found =
        ready(account.cloud.find_by_name(&account.site, SPOT, &"one".into(), account.now()));
    assert_eq!(found.unwrap()[0].id, seen.id);
    assert!(send().is_ok());
    assert_eq!(account.cloud.submission_count(), 2, "the simulation does not hide duplicates");
}

#[test]
fn random_faults_come_as_often_as_asked_and_equally_for_equal_seeds() {
    let failures = |seed| {
        let account = Account::new(calm(), seed);
        let describe = Operation::DescribeJobs;
        account.cloud.set_faults(Faults::default().with(describe, Fault::Unavailable, 0.2));
        let call = || ready(account.cloud.describe(&account.site, &[])).is_err();
        (0..2000).map(|_| call()).collect::<Vec<bool>>()
    };
    let first = failures(1);
    let count = first.iter().filter(|failed| **failed).count();
    assert!((330..470).contains(&count), "{count}");
    assert_eq!(first, failures(1));
    assert_ne!(first, failures(2));
}

#[test]
fn faults_of_one_operation_leave_the_others_alone() {
    let account = Account::new(calm(), 1);
    account.cloud.set_faults(Faults::default().with(Operation::CancelJob, Fault::LostAfter, 1.0));
    let id = account.start(SPOT, "quick", "one");
    let error = ready(account.cloud.cancel(&account.site, &id, "stop")).unwrap_err();
    assert_eq!((error.operation, error.kind), ("CancelJob", FailureKind::Unavailable));
    assert!(account.job(&id).status.is_final(), "it was cancelled all the same");
}
