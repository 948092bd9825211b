//! The guide's section on the test job.

use super::LiveStep;

const BEFORE: &str = "\
## One real job

```sh
spotcron doctor --live --environment spot --definition spotcron-doctor:1
```

submits one tiny job to the queue of one environment, watches it to its end, and says what it ran on and
what it cost, by the calls and with the arithmetic of the daemon. It is the first thing to run on a new
account, and nothing else in `spotcron doctor` costs money. It says what it will do and what that may cost
at most, and asks before it does it; where nobody can be asked it refuses, unless it is told `--yes`.

**A definition has to be named.** A job's own is not taken by itself: SubmitJob can replace a container's
command, but not the entry point of its image, so that an image whose entry point does the work would do
it. Register one that is for this alone:

```sh
aws batch register-job-definition --job-definition-name spotcron-doctor --type container \\
  --container-properties '{\"image\": \"busybox\", \"command\": [\"true\"],
    \"resourceRequirements\": [{\"type\": \"VCPU\", \"value\": \"1\"}, {\"type\": \"MEMORY\", \"value\": \"512\"}]}'
```

(For Fargate with `--platform-capabilities FARGATE`, an `executionRoleArn`, and 0.25 vCPU. Where the policy
allows definitions by their prefix, the name has to begin with it.) The command is `true` whatever the
definition says; `--own-command` runs the definition's own. The job reserves 1 vCPU (0.25 on Fargate) and
512 MiB, has one attempt, and is tagged `spotcron:doctor`, besides `managed-by` and `spotcron-run`.

```text
";

const BETWEEN: &str = "\
```

What may be billed at most is one whole instance of the dearest type that Batch may launch, on demand, for
twice the timeout, for stopping it, and for a quarter of an hour in which it may idle: a job that begins as
late as it may and can then not be stopped is ended by Batch once it has run for the timeout. The cost in
the report is what the ledger would write: the job's share of the instance while it ran. Progress goes to
standard error, the report to standard output; `--format json` has the same steps. The exit code is 2 when
a step failed, 1 when nobody agreed, and 0 otherwise.

| Step | Passes when |
|---|---|
";

const AFTER: &str = "
**Nothing is left behind.** SubmitJob is sent once, whatever becomes of its answer: a lost one is looked up
by the job's name. When the job is not over after `--timeout` (15 minutes unless said otherwise), on Ctrl-C,
and when the job cannot be watched, it is cancelled if it waits and terminated if it has begun, and watched
until it is over. What could not be stopped is named, with the command that stops it; and should this
process be killed, Batch ends the attempt by itself once it has run for `--timeout`. The instance is
Batch's to end, some minutes later.
";

/// What the program says on the simulated account of its tests, which compare it with this.
const SHOWN: &str = "\
One job will be submitted, watched to its end, and priced:
  account      123456789012
  environment  spot, spot in us-east-1
  queue        queue-spot
  definition   spotcron-doctor:1 with `true` as its command, 1 vCPU and 512 MiB
  name         spotcron-doctor-20261124T120000Z-l0-7457ef50
  time         stopped when it is not over after 15m 00s
  cost         at most $0.3200: one m6i.2xlarge, the dearest type behind the queue, on demand for 50m 00s

12:00:00Z  submitted: job e996216d-12c8-3ff2-6e9e-301708bcfead
12:00:00Z  SUBMITTED
12:00:05Z  RUNNABLE
12:02:05Z  STARTING
12:02:35Z  RUNNING
12:02:40Z  SUCCEEDED: Essential container in task exited

environment spot (spot, us-east-1), account 123456789012
  passed  queue        queue-spot takes jobs, with 3 instance types behind it
  passed  list-prices  the Price List has the prices of all 3 types
  passed  submit       SubmitJob took it as job e996216d-12c8-3ff2-6e9e-301708bcfead
  passed  look-up      ListJobs showed it by its name 0s after SubmitJob
  passed  run          SUCCEEDED; waited 2m 34s for its container, which ran 2s
  passed  host         m6i.large in us-east-1a, spot, i-0b19e09a22d0f261e
  passed  cost         $0.000005339, on demand $0.000019487; free should EC2 take the instance back in its first hour
  passed  clean-up     it is over; nothing of it waits or runs

Everything works. The job cost $0.000005; on demand it would have cost $0.000019.
The whole instance is billed until Batch ends it, which is in no job's cost.
";

/// The section on `--live`.
pub(in crate::doctor) fn section() -> String {
    let steps: String = LiveStep::ALL
        .into_iter()
        .map(|step| format!("| `{}` | {} |\n", step.label(), step.shows()))
        .collect();
    format!("{BEFORE}{}{BETWEEN}{steps}{AFTER}", SHOWN)
}
