//! Reading a request: the members of its JSON, in the types of Batch's service model.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::sim::wire::protocol::{Call, Fault};

/// The members as `T`; unknown ones are left alone, as AWS leaves them.
pub(super) fn read<T: DeserializeOwned>(call: &Call) -> Result<T, Fault> {
    serde_json::from_value(Value::Object(call.json().clone()))
        .map_err(|error| Fault::new(400, "SerializationException", error.to_string()))
}

/// A text that must be there and not be empty.
pub(super) fn required(member: &str, value: Option<String>) -> Result<String, Fault> {
    value
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Fault::client(format!("{member} must be provided")))
}
