//! What takes longer than a script can wait, on virtual time; and input of the wrong kind.

mod life;
mod strange;

use serde_json::{Value, json};

use crate::domain::{Capacity, Pool};
use crate::sim::instant::{Millis, SECOND};
use crate::sim::scenario::{MarketSettings, Scenario, Timing};
use crate::sim::state::State;
use crate::sim::wire::protocol::{Call, Fault, Input, Output, Service};

/// 2026-01-01.
const NOW: Millis = 1_767_225_600_000;

struct Account(State);

/// Two queues and a Fargate one, in a market that takes nothing back by itself.
fn scenario() -> Scenario {
    let mut scenario = Scenario::empty("us-east-1", "a")
        .with_queue("spot", Capacity::Spot, &["m6i.large"], 64)
        .with_queue("fargate", Capacity::FargateSpot, &[], 64)
        .with_definition("hour", 3_600);
    scenario.market = MarketSettings { reclaim_scale: 0.0, ..MarketSettings::default() };
    scenario.timing = Timing { submitted_secs: [5, 5], ..Timing::default() };
    scenario
}

impl Account {
    fn new(scenario: Scenario) -> Self {
        Account(State::new(scenario, 7, NOW))
    }

    fn call(&mut self, operation: &str, input: Value) -> Result<Value, Fault> {
        let Value::Object(members) = input else { unreachable!("requests are objects") };
        let input = Input::Json(members);
        let call = Call { service: Service::Batch, operation: operation.to_owned(), input };
        match super::call(&mut self.0, &call)? {
            Output::Json(answer) => Ok(answer),
            Output::Xml(_) => unreachable!("Batch answers in JSON"),
        }
    }

    fn ask(&mut self, operation: &str, input: Value) -> Value {
        self.call(operation, input).unwrap()
    }

    /// Submits to `spot`, with `more` members.
    fn submit(&mut self, name: &str, more: Value) -> String {
        let mut input = json!({ "jobName": name, "jobQueue": "spot", "jobDefinition": "hour" });
        for (member, value) in more.as_object().unwrap() {
            input[member] = value.clone();
        }
        self.ask("SubmitJob", input)["jobId"].as_str().unwrap().to_owned()
    }

    fn pass(&mut self, seconds: Millis) {
        let to = self.0.now + seconds * SECOND;
        self.0.advance(to);
    }

    fn describe(&mut self, id: &str) -> Value {
        self.ask("DescribeJobs", json!({ "jobs": [id] }))["jobs"][0].clone()
    }

    fn status(&mut self, id: &str) -> String {
        self.describe(id)["status"].as_str().unwrap_or("absent").to_owned()
    }

    /// Names of what ListJobs finds in `spot` under `name`.
    fn named(&mut self, name: &str) -> usize {
        let filters = json!([{ "name": "JOB_NAME", "values": [name] }]);
        let answer = self.ask("ListJobs", json!({ "jobQueue": "spot", "filters": filters }));
        answer["jobSummaryList"].as_array().unwrap().len()
    }

    /// The spot queue's only pool loses its capacity for ten minutes.
    fn crunch(&mut self) {
        let pool = Pool { zone: "us-east-1a".into(), instance_type: "m6i.large".into() };
        let ix = self.0.market.find(&pool).unwrap();
        self.0.crunch(ix, self.0.now + 600 * SECOND);
    }
}
