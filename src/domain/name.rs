//! Names and identifiers: cheap to clone, impossible to mix up.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                $name(text.into())
            }
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                $name::new(text)
            }
        }
        impl From<String> for $name {
            fn from(text: String) -> Self {
                $name::new(text)
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )+};
}

names! {
    /// A job of the catalogue.
    JobName;
    /// One schedule: its job, expression and zone.
    ScheduleKey;
    /// A job class of the catalogue: the policy that its jobs share.
    ClassName;
    /// A calendar of the catalogue: times that jobs leave out.
    CalendarName;
    /// An environment of the catalogue: one Batch job queue with one kind of capacity.
    EnvironmentName;
    /// One run of a job: `<job>-<yyyymmddThhmmssZ>` of its scheduled time, in UTC, and with parameter
    /// sets `-<12 hex of the set>` after it.
    RunId;
    /// The `jobName` sent to Batch: deterministic per run and leg, so that it can be looked up.
    BatchJobName;
    /// The id that Batch gave (`jobId`); array children are `parent:index`.
    BatchJobId;
    /// An AWS region, such as `eu-west-1`.
    Region;
    /// An availability zone's name, such as `eu-west-1a` (specific to one account).
    Zone;
    /// An EC2 instance type, such as `m6i.xlarge`.
    InstanceType;
    /// An EC2 instance id, such as `i-0abc`.
    InstanceId;
}

impl RunId {
    /// The id of `job`'s run for `scheduled_for`.
    pub fn of(job: &JobName, scheduled_for: Timestamp) -> Self {
        RunId::new(format!("{job}-{}", scheduled_for.strftime("%Y%m%dT%H%M%SZ")))
    }

    /// The id of `job`'s run for `scheduled_for` with the parameter set of this key.
    pub fn of_set(job: &JobName, scheduled_for: Timestamp, key: &str) -> Self {
        RunId::of(job, scheduled_for).with_set(key)
    }

    /// The id of the run with the parameter set of this key, among those whose ids begin with this one.
    pub fn with_set(&self, key: &str) -> Self {
        RunId::new(format!("{self}-{key}"))
    }

    /// Whether it is the run that `group` names, or one of its parameter sets.
    pub fn is_of(&self, group: &RunId) -> bool {
        let is_key = |rest: &str| {
            rest.strip_prefix('-').is_some_and(|key| {
                key.len() == 12 && key.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            })
        };
        let rest = self.as_str().strip_prefix(group.as_str());
        rest.is_some_and(|rest| rest.is_empty() || is_key(rest))
    }
}

impl Zone {
    /// The region that this zone's name begins with: `us-east-1a` is in `us-east-1`.
    pub fn region(&self) -> Region {
        Region::new(self.as_str().trim_end_matches(|c: char| c.is_ascii_lowercase()))
    }
}

/// A spot pool: one instance type in one availability zone has one price and one fate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pool {
    pub zone: Zone,
    pub instance_type: InstanceType,
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.instance_type, self.zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_are_readable_and_utc() {
        let at: Timestamp = "2026-03-29T02:30:00+02:00".parse().unwrap();
        assert_eq!(RunId::of(&"extract".into(), at).as_str(), "extract-20260329T003000Z");
    }

    #[test]
    fn runs_of_parameter_sets_belong_to_their_group() {
        let at: Timestamp = "2026-03-29T00:30:00Z".parse().unwrap();
        let group = RunId::of(&"extract".into(), at);
        assert!(group.is_of(&group));
        assert!(RunId::of_set(&"extract".into(), at, "0123456789ab").is_of(&group));
        let other_job = RunId::of(&"extract-20260329T003000Z".into(), at);
        assert!(!other_job.is_of(&group));
        assert!(!group.is_of(&other_job));
    }

    #[test]
    fn zones_know_their_region() {
        assert_eq!(Zone::from("ap-southeast-2c").region(), Region::from("ap-southeast-2"));
    }
}
