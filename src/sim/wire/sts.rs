//! STS: who is asking.

use super::protocol::{Call, Fault, Output};
use super::xml::Element;
use crate::sim::state::State;

pub(super) fn call(state: &State, access_key: &str, call: &Call) -> Result<Output, Fault> {
    match call.operation.as_str() {
        "GetCallerIdentity" => {
            let account = &state.scenario.account_id;
            Ok(Output::Xml(vec![
                Element::text("Arn", format!("arn:aws:iam::{account}:user/{access_key}")),
                Element::text("UserId", access_key),
                Element::text("Account", account),
            ]))
        }
        _ => Err(call.unknown()),
    }
}
