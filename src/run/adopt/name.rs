//! Whose a job is. The name's hash covers account, region, run, trigger and leg, so that a name that
//! fits is spotcron's own; tags only help where a long name was cut.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::{JobName, JobObservation, RunId, Site};
use crate::run::{MANAGED_BY_TAG, RUN_TAG, Trigger, batch_job_name};

/// Why a job is not taken for one of this spotcron.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotOurs {
    /// Neither its name nor its tags are spotcron's.
    Foreign,
    /// It has spotcron's tags, and a name that spotcron does not give.
    StrangeName,
    /// It has spotcron's tags, and the name of another account, region or run.
    OtherScope,
}

/// A run, by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) run: RunId,
    pub(super) trigger: Trigger,
    pub(super) job: JobName,
    pub(super) scheduled_for: Timestamp,
    /// The key of its parameter set.
    pub(super) key: Option<String>,
}

/// The run and leg of a job at `site`.
pub(super) fn recognise(
    scope: &str,
    site: &Site,
    job: &JobObservation,
) -> Result<(Named, u16), NotOurs> {
    let (tag, value) = MANAGED_BY_TAG;
    let is_tagged = job.tags.get(tag).is_some_and(|tagged| tagged == value);
    let strange = if is_tagged { NotOurs::StrangeName } else { NotOurs::Foreign };
    let (head, leg) = parts(&job.name).ok_or(strange)?;
    let run = RunId::new(job.tags.get(RUN_TAG).map_or(head, String::as_str));
    let fits =
        |trigger: &Trigger| batch_job_name(scope, site, &run, *trigger, leg).as_str() == job.name;
    let trigger = [Trigger::Schedule, Trigger::Backfill, Trigger::Manual].into_iter().find(fits);
    let other = if is_tagged { NotOurs::OtherScope } else { NotOurs::Foreign };
    let trigger = trigger.ok_or(other)?;
    let (job, scheduled_for, key) = parsed(&run, trigger).ok_or(strange)?;
    Ok((Named { run, trigger, job, scheduled_for, key }, leg))
}

/// `<head>-l<leg>-<8 hex>`.
fn parts(name: &str) -> Option<(&str, u16)> {
    let (rest, hash) = name.rsplit_once('-')?;
    let (head, leg) = rest.rsplit_once("-l")?;
    let is_hash = hash.len() == 8 && is_hex(hash);
    Some((head, leg.parse().ok()?)).filter(|_| is_hash)
}

/// `<job>-<time>`, then `-t<n>` of a run by hand, then `-<key>` with a parameter set.
fn parsed(run: &RunId, trigger: Trigger) -> Option<(JobName, Timestamp, Option<String>)> {
    let whole = run.as_str();
    let (rest, key) = match whole.rsplit_once('-') {
        Some((rest, key)) if key.len() == 12 && is_hex(key) => (rest, Some(key.to_owned())),
        _ => (whole, None),
    };
    let rest = match trigger {
        Trigger::Manual => {
            let (rest, number) = rest.rsplit_once("-t")?;
            number.parse::<u32>().ok().map(|_| rest)?
        }
        _ => rest,
    };
    let (job, time) = rest.rsplit_once('-')?;
    let at: Timestamp = time.parse().ok()?;
    // Read back, so that nothing but the way that ids are written is taken for one.
    let job = JobName::from(job);
    (RunId::of(&job, at).as_str() == rest).then_some((job, at, key))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        "2026-03-29T00:30:00Z".parse().unwrap()
    }

    #[test]
    fn ids_are_read_back() {
        for (id, trigger, job, key) in [
            ("extract-20260329T003000Z", Trigger::Schedule, "extract", None),
            ("a-b-c-20260329T003000Z", Trigger::Backfill, "a-b-c", None),
            ("x-20260329T003000Z-t2", Trigger::Manual, "x", None),
            ("x-20260329T003000Z-0123456789ab", Trigger::Schedule, "x", Some("0123456789ab")),
        ] {
            let expected = Some((JobName::from(job), at(), key.map(str::to_owned)));
            assert_eq!(parsed(&RunId::new(id), trigger), expected, "{id}");
        }
        for (id, trigger) in [
            ("extract", Trigger::Schedule),
            ("extract-20260329", Trigger::Schedule),
            ("extract-2026-03-29T00:30:00Z", Trigger::Schedule),
            ("extract-20260329T003000Z", Trigger::Manual),
            ("extract-20260329T003000Z-t1", Trigger::Schedule),
            ("-20261329T003000Z", Trigger::Schedule),
        ] {
            assert_eq!(parsed(&RunId::new(id), trigger), None, "{id}");
        }
    }

    #[test]
    fn names_have_a_leg_and_a_hash() {
        assert_eq!(parts("x-20260329T003000Z-l3-0123abcd"), Some(("x-20260329T003000Z", 3)));
        for name in
            ["", "nightly", "x-l0-0123abc", "x-l0-0123abcg", "x-l-0123abcd", "x-lx-0123abcd"]
        {
            assert_eq!(parts(name), None, "{name}");
        }
    }
}
