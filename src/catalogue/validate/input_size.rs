//! The parameter that says how large a job's input is.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Scope, shown};
use crate::catalogue::ParameterSet;
use crate::catalogue::raw::RawJob;
use crate::document::did_you_mean;
use crate::domain::InputSize;

/// The name, which must be one of the job's parameters or of its sets' fields.
pub(super) fn check(
    raw: &RawJob,
    sets: &[Arc<ParameterSet>],
    scope: &mut Scope<'_>,
) -> Option<Arc<str>> {
    let named = raw.input_size_parameter.as_ref()?;
    let parameters = raw.parameters.iter().flat_map(|entries| &entries.value.0);
    let parameters: BTreeSet<&str> = parameters.map(|(name, _)| name.value.as_str()).collect();
    // All sets of a job have the same fields.
    let fields = sets.first().into_iter().flat_map(|set| set.fields.keys().map(String::as_str));
    let known: BTreeSet<&str> = fields.chain(parameters.iter().copied()).collect();
    let name = named.value.as_str();
    if !known.contains(name) {
        let problem = format!(
            "`input_size_parameter` {} is none of its `parameters`, and no field of its parameter sets",
            shown(name)
        );
        let hint = match did_you_mean(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name one that holds a number, such as rows or bytes".to_owned(),
        };
        scope.error("unknown-input-size", &named.span, &problem, &hint);
    } else if !parameters.contains(name) {
        let size_of = |set: &Arc<ParameterSet>| InputSize::parse(set.fields.get(name)?);
        let without = sets.iter().filter(|set| size_of(set).is_none()).count();
        if without > 0 {
            let problem = format!(
                "{without} of {} parameter sets have no number above zero in {}",
                sets.len(),
                shown(name)
            );
            let hint = "how long these take is estimated without their size";
            scope.warning("no-input-size", &named.span, &problem, hint);
        }
    }
    Some(named.value.as_str().into())
}
