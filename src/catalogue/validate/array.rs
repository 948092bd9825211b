//! Array jobs, and those whose indices are spread over runs.

use super::Scope;
use super::sets::MAX_RUNS;
use crate::catalogue::raw::RawJob;
use crate::catalogue::{IndexMap, Job, MAX_CHILDREN};
use crate::document::TomlTable;

/// The default of `array_chunk`: small enough that a lost host holds few others up, and large enough
/// that ten thousand indices are twenty runs.
const CHUNK: u16 = 500;

/// The array's size, where it is sent as it is, or how its indices are spread.
pub(super) fn check(raw: &RawJob, scope: &mut Scope<'_>) -> (Option<u16>, Option<IndexMap>) {
    let chunk = raw.array_chunk.as_ref().map_or(CHUNK, |chunk| chunk.value.get());
    let is_mapped = raw.index_map.as_ref().is_some_and(|flag| flag.value);
    let Some(size) = &raw.array_size else {
        if let Some(flag) = raw.index_map.as_ref().filter(|_| is_mapped && !raw.has("array_size")) {
            let hint = "say how many indices there are: `array_size = 10000`";
            scope.error("map-without-array", &flag.span, "`index_map` without `array_size`", hint);
        }
        return (None, None);
    };
    let count: u32 = size.value.get();
    if is_mapped {
        return (None, Some(IndexMap { count, chunk }));
    }
    if let Some(written) = raw.array_chunk.as_ref().filter(|_| chunk != CHUNK) {
        let problem = "`array_chunk` has no effect without `index_map = true`";
        scope.warning("chunk-without-map", &written.span, problem, "add it, or remove the key");
    }
    if count > MAX_CHILDREN {
        let problem = format!("an array of {count} children; Batch allows {MAX_CHILDREN}");
        let hint = "with `index_map = true` it is cut into several, if the workload reads the map";
        scope.error("out-of-range", &size.span, &problem, hint);
    }
    (u16::try_from(count).ok(), None)
}

/// Sets and chunks multiply.
pub(super) fn check_count(raw: &RawJob, job: &Job, scope: &mut Scope<'_>) {
    let runs = job.runs_each_time();
    if runs > MAX_RUNS {
        let span = raw.array_size.as_ref().map_or(&raw.table_span, |size| &size.span);
        let problem = format!("every scheduled time would have {runs} runs; at most {MAX_RUNS}");
        scope.error("too-many-runs", span, &problem, "raise `array_chunk`, or split the job");
    }
}
