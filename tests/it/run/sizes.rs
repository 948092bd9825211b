//! How large a run's input is, wherever its job says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use spotcron::catalogue::{Job, ParameterSet, Submission};
use spotcron::domain::{Capacity, InputSize, Redacted};
use spotcron::experience::durations::RunSize;
use spotcron::run::{Run, size_of};
use spotcron::template::Template;

use super::run;
use crate::samples;

/// A job whose parameter `rows` has this value.
fn job(rows: &str) -> Job {
    let parameters = BTreeMap::from([("rows".to_owned(), Redacted::new(rows))]);
    let mut submission = Submission { parameters, ..Submission::default() };
    if Template::is_one(rows) {
        let template = Template::parse(rows).unwrap();
        submission.templates.parameters.insert("rows".to_owned(), template);
    }
    Job {
        input_size_parameter: Some("rows".into()),
        submission: Arc::new(submission),
        ..samples::job("work", "c", "0 2 * * *", "UTC")
    }
}

fn run_with(field: &str, value: &str) -> Run {
    let set = ParameterSet::of([(field.to_owned(), value.to_owned())].into());
    Run { set: Some(Arc::new(set)), ..run(Capacity::Spot) }
}

fn known(text: &str) -> RunSize {
    RunSize::Known(InputSize::parse(text).unwrap())
}

#[test]
fn it_is_what_is_submitted_under_the_name() {
    let plain = run(Capacity::Spot);
    let unnamed = Job { input_size_parameter: None, ..job("7") };
    assert_eq!(size_of(&plain, &unnamed), RunSize::NotNamed);
    assert_eq!(size_of(&plain, &job("7")), known("7"));
    assert_eq!(size_of(&run_with("n", "12"), &job("{{ set.n }}000")), known("12000"));
    // The field of a set that nothing submits under that name, and one that something does.
    let other = Job { submission: Arc::default(), ..job("7") };
    assert_eq!(size_of(&run_with("rows", "12"), &other), known("12"));
    assert_eq!(size_of(&run_with("rows", "12"), &job("7")), known("7"));
    let mut by_hand = run_with("rows", "12");
    by_hand.by_hand.parameters.insert("rows".to_owned(), Redacted::new("30"));
    assert_eq!(size_of(&by_hand, &job("7")), known("30"));
}

#[test]
fn what_is_no_number_above_zero_is_missing() {
    for text in ["-1", "0", "NaN", "1e400", "many", ""] {
        assert_eq!(size_of(&run(Capacity::Spot), &job(text)), RunSize::Missing, "{text}");
        let mut by_hand = run(Capacity::Spot);
        by_hand.by_hand.parameters.insert("rows".to_owned(), Redacted::new(text));
        assert_eq!(size_of(&by_hand, &job("7")), RunSize::Missing, "{text}");
    }
    // An edited catalogue: a field that the run's set does not have, and a name that is gone.
    assert_eq!(size_of(&run_with("m", "1"), &job("{{ set.n }}")), RunSize::Missing);
    let other = Job { submission: Arc::default(), ..job("7") };
    assert_eq!(size_of(&run(Capacity::Spot), &other), RunSize::Missing);
}
