//! Every kind of finding: its stable code, its severity, and what is said of it everywhere. The
//! guide is made from this table.

use serde::{Serialize, Serializer};

/// How bad a finding is. The worst decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Runs fail, or stay where they are.
    Error,
    /// It works, but costs money, deadlines or knowledge.
    Warning,
    /// To be known; nothing has to be done.
    Note,
}

impl Severity {
    pub const fn label(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

macro_rules! codes {
    ($($name:ident $label:literal $severity:ident
        means $means:literal
        why $why:literal
        fix $fix:literal;)+) => {
        /// A kind of finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $means] $name,)+ }

        impl Code {
            /// All of them, in the order of the guide.
            pub const ALL: &[Code] = &[$(Code::$name,)+];

            /// The stable text: `queue-disabled`.
            pub const fn label(self) -> &'static str {
                match self { $(Code::$name => $label,)+ }
            }

            pub const fn severity(self) -> Severity {
                match self { $(Code::$name => Severity::$severity,)+ }
            }

            /// What it means, in general.
            pub const fn means(self) -> &'static str {
                match self { $(Code::$name => $means,)+ }
            }

            /// Why it matters.
            pub const fn why(self) -> &'static str {
                match self { $(Code::$name => $why,)+ }
            }

            /// What to do, in general.
            pub const fn fix(self) -> &'static str {
                match self { $(Code::$name => $fix,)+ }
            }
        }
    };
}

codes! {
    CredentialsUnusable "credentials-unusable" Error
        means "AWS does not say to which account the credentials belong: there are none, they have \
               expired, or AWS cannot be reached."
        why "Nothing on AWS works, and nothing there can be looked at."
        fix "`aws sts get-caller-identity` must answer with the same environment. Renew the \
             credentials, name the profile (AWS_PROFILE), or give the machine a role.";
    RoleRefused "role-refused" Error
        means "The role through which the environment's account is entered (`assume_role`) cannot be \
               assumed."
        why "Nothing can be submitted, watched or stopped there, and nothing there can be looked at; \
             the other environments go on."
        fix "Let the role's trust policy name the role or user of spotcron's own credentials, with the \
             `external_id` of the catalogue if it asks for one, and allow those sts:AssumeRole on it; \
             the guide to permissions has both policies.";
    PermissionDenied "permission-denied" Error
        means "The credentials may not call an operation that runs depend on."
        why "Without it runs are not submitted, seen, moved or decided well."
        fix "Allow the action in the policy of the role; the guide to permissions has whole policies.";
    PermissionDeniedForCosts "permission-denied-for-costs" Warning
        means "The credentials may not look up the machine that an attempt ran on."
        why "Runs go on, but their attempts have no price, and reclaims look like failures more often."
        fix "Allow the action in the policy of the role.";
    PermissionDeniedForComfort "permission-denied-for-comfort" Note
        means "The credentials may not call an operation that spotcron can do without."
        why "Something is known less well."
        fix "Allow the action, or live with what is lost.";
    PermissionUnclear "permission-unclear" Warning
        means "The answer to a test of a permission told neither yes nor no: AWS was throttling, or \
               could not be reached."
        why "Whether the daemon may call the operation is not known."
        fix "Run `spotcron doctor` again. If it stays, look at the network between here and AWS.";
    PermissionNotTested "permission-not-tested" Note
        means "Permissions whose test would start, change or stop a job are left alone."
        why "A denied one shows only when it is first used."
        fix "Compare the role's policy with the guide to permissions.";
    NotLookedAt "not-looked-at" Warning
        means "A look at something failed, for another reason than a permission."
        why "What is wrong there, if anything, is not in this report."
        fix "Remove the cause that is named, and run `spotcron doctor` again.";
    ClockOff "clock-off" Warning
        means "This machine's clock differs from AWS's by more than 30 seconds."
        why "Jobs start early or late, and jobs found by their name may be taken for older ones."
        fix "Keep the clock with NTP (chrony, systemd-timesyncd, or Amazon Time Sync at \
             169.254.169.123).";
    ClockFarOff "clock-far-off" Error
        means "This machine's clock differs from AWS's by more than 5 minutes."
        why "AWS refuses requests that are signed with such a time."
        fix "Set the clock, then keep it with NTP (chrony, systemd-timesyncd, or Amazon Time Sync at \
             169.254.169.123).";
    StoreFolderMissing "store-folder-missing" Error
        means "The folder of the store does not exist."
        why "The daemon ends at its start: it makes the file, but no folder."
        fix "Make the folder, writable for the user that runs spotcron, or correct `store.path`.";
    StoreUnusable "store-unusable" Error
        means "What is at the store's path cannot be used: damaged, of another program, or of a newer \
               spotcron."
        why "The daemon ends at its start."
        fix "The finding says what to do; see also the guide to the store.";
    StoreOfAnotherAccount "store-of-another-account" Error
        means "The store holds the data of another account, or of a simulation."
        why "The daemon refuses it, so that no account's runs are mixed with another's."
        fix "Name another file as `store.path`, or use the credentials that belong to it.";
    StoreOnNetwork "store-on-network" Warning
        means "The store lies on a network file system."
        why "SQLite needs locks and shared memory that such file systems do not keep reliably: the \
             store can be damaged."
        fix "Put `store.path` on a local disk (an EBS volume, not EFS), and copy it with `spotcron \
             store backup FILE`.";
    DiskLow "disk-low" Warning
        means "Less than 1 GiB is free where the store lies."
        why "On a full disk nothing can be written down, and so nothing is submitted."
        fix "Make room, or move the store.";
    QueueMissing "queue-missing" Error
        means "There is no such job queue in the region."
        why "Nothing can be submitted to the environment."
        fix "Correct `queue` or `region` in the catalogue, or make the queue.";
    QueueDisabled "queue-disabled" Error
        means "The job queue is DISABLED."
        why "Batch refuses submissions, and spotcron leaves the environment out."
        fix "Enable the queue.";
    QueueInvalid "queue-invalid" Error
        means "The job queue's status is not VALID."
        why "Jobs are not placed, and spotcron leaves the environment out."
        fix "Correct what its status reason says, most often a compute environment behind it.";
    QueueWithoutCapacity "queue-without-capacity" Error
        means "No compute environment behind the queue has the capacity that the catalogue states."
        why "Prices would be wrong, so that spotcron leaves the environment out."
        fix "Put such a compute environment behind the queue, or correct `capacity`.";
    QueueMixesCapacity "queue-mixes-capacity" Warning
        means "Compute environments of other kinds of capacity are behind the queue too."
        why "Batch falls back to the next one at once, so that neither a price nor a deadline can be \
             promised: spotcron reckons with the stated capacity only."
        fix "Give each kind of capacity a queue, and an environment of the catalogue, of its own.";
    ComputeEnvironmentMissing "compute-environment-missing" Error
        means "The queue names a compute environment that does not exist (any more)."
        why "Its share of the capacity is gone; alone, no job is placed."
        fix "Take it out of the queue's order, or make it again.";
    ComputeEnvironmentDisabled "compute-environment-disabled" Error
        means "A compute environment behind the queue is DISABLED."
        why "No job is placed there; those that run go on."
        fix "Enable it, or take it out of the queue's order.";
    ComputeEnvironmentInvalid "compute-environment-invalid" Error
        means "A compute environment is not VALID, for a reason other than those below."
        why "No job is placed there."
        fix "Correct what its status reason says, then update the compute environment, which has it \
             checked again.";
    InstanceRoleIsARole "instance-role-is-a-role" Error
        means "The compute environment's `instanceRole` is the ARN of a role, where that of an \
               instance profile belongs."
        why "No instance can be launched: EC2 takes instance profiles, which hold a role."
        fix "Give the name or the ARN of the instance profile (`arn:aws:iam::ACCOUNT:instance-profile/\
             NAME`); the console makes one of the role's name, IAM's API does not.";
    InstanceProfileMissing "instance-profile-missing" Error
        means "The compute environment names no instance profile, or one that does not exist."
        why "No instance can be launched."
        fix "Make the instance profile, put a role with AmazonEC2ContainerServiceforEC2Role into it, \
             and name it as `instanceRole`.";
    RoleNotAssumable "role-not-assumable" Error
        means "AWS Batch may not assume the compute environment's role: it does not exist, is spelt \
               wrongly, or does not trust Batch."
        why "Batch can do nothing for this compute environment."
        fix "Correct `serviceRole` (with its path), and let it trust batch.amazonaws.com; best leave \
             it out, and Batch uses its service-linked role.";
    SpotFleetRole "spot-fleet-role" Error
        means "A spot compute environment with BEST_FIT needs `spotIamFleetRole`, which is missing or \
               no role's ARN."
        why "Its spot requests fail, and no instance is launched."
        fix "Use SPOT_PRICE_CAPACITY_OPTIMIZED, which needs no such role; or name a role that trusts \
             spotfleet.amazonaws.com and has AmazonEC2SpotFleetTaggingRole.";
    BestFitOnSpot "best-fit-on-spot" Warning
        means "A spot compute environment has the allocation strategy BEST_FIT, Batch's default."
        why "Batch waits for the one type that fits best, also when it has no capacity and others do, \
             and takes no heed of reclaims."
        fix "Make a compute environment with SPOT_PRICE_CAPACITY_OPTIMIZED and put it in its place: \
             from BEST_FIT the strategy cannot be changed.";
    ArchitecturesMixed "architectures-mixed" Warning
        means "The environment's instance types have different architectures."
        why "A container image made for one fails to start on the other."
        fix "Split it into two queues and environments, with `definitions` for each.";
    FewZones "few-zones" Warning
        means "Spot capacity comes from fewer than two availability zones."
        why "When the one zone has no capacity left, every run is reclaimed or waits."
        fix "Add subnets in other zones.";
    FewTypes "few-types" Warning
        means "Spot capacity comes from fewer than three instance types."
        why "Each type in each zone is a pool of its own: with few of them, runs are reclaimed \
             together."
        fix "Allow more types, sizes and families, or `optimal`.";
    BreakerOpen "breaker-open" Note
        means "The daemon leaves the environment alone for a while: it had no capacity, or capacity there \
               was taken back again and again."
        why "Its runs go elsewhere, on demand as a rule, until one leg has tried it and found capacity."
        fix "It closes by itself. If it keeps opening, add zones and instance types, or raise `maxvCpus`.";
    SplitEnvironment "split-environment" Note
        means "Some instance types of the environment make what a vCPU hour costs there more than 10 % dearer, \
               by the store's prices, by where Batch placed its attempts (30 at the least), and by how \
               often each pool is taken back; without them half of its pools, three types and two zones \
               are left."
        why "Batch picks the pool inside an environment: what a decision chooses, and pays, is the mixture."
        fix "Leave the types that are named out of its compute environments, or give them an environment of \
             their own.";
    WidenEnvironment "widen-environment" Note
        means "The environment has few pools, and these are taken back half as often again as the region's \
               (ten interruptions at the least) or had no capacity three times in a row; or other \
               environments of its region have types of its architecture and sizes that are more than 10 % \
               cheaper and, watched for 100 hours, taken back less often."
        why "Runs wait, are interrupted, or cost more than capacity does that is at hand."
        fix "Add the types that are named to its compute environments; where none is, zones and types.";
    IdleVcpus "idle-vcpus" Warning
        means "The compute environment keeps vCPUs although nothing runs (`minvCpus` above 0)."
        why "They are paid for around the clock, in no run's cost."
        fix "Set `minvCpus` to 0.";
    MaxVcpusTooSmall "max-vcpus-too-small" Error
        means "A job reserves more vCPUs than any compute environment of the environment may have."
        why "It stays in RUNNABLE for ever."
        fix "Raise `maxvCpus`, or let the job's class leave the environment out.";
    DefinitionMissing "definition-missing" Error
        means "There is no such job definition in the environment's region."
        why "SubmitJob is refused."
        fix "Register it, correct the job's `definition`, or name the one to use there under the \
             environment's `definitions`.";
    DefinitionInactive "definition-inactive" Error
        means "The job definition's revision was deregistered."
        why "SubmitJob is refused."
        fix "Name an active revision.";
    DefinitionNotPinned "definition-not-pinned" Warning
        means "The job definition is named without its revision."
        why "The newest revision is run, whoever made it: the schedule changes unseen."
        fix "Name the revision: `name:revision`.";
    DefinitionPlatform "definition-platform" Error
        means "The definition is made for EC2 and the environment is Fargate, or the other way round."
        why "SubmitJob is refused, or the job is never placed."
        fix "Name a definition of the right platform under the environment's `definitions`.";
    DefinitionArchitecture "definition-architecture" Error
        means "The definition is made for another processor than the environment has."
        why "The container fails to start."
        fix "Name a definition of the right architecture under the environment's `definitions`.";
    JobFitsNoType "job-fits-no-type" Error
        means "What the job reserves fits no instance type of the environment."
        why "It stays in RUNNABLE for ever."
        fix "Reserve less, allow larger types, or let the job's class leave the environment out. An \
             instance's memory is a little less than its type says.";
    DefinitionTimeoutTooShort "definition-timeout-too-short" Warning
        means "The definition's timeout is shorter than the class's `expected_duration`."
        why "Batch ends the attempt, and does not repeat one that timed out."
        fix "Set the job's `timeout`, or correct `expected_duration`.";
    RetriesRepeatFailures "retries-repeat-failures" Warning
        means "Batch owns the class's retries, and its strategy repeats attempts that failed by \
               themselves: what no entry of `evaluateOnExit` matches is repeated."
        why "A bug is paid for as often as there are attempts."
        fix "End `evaluate_on_exit` with `{ on_reason = \"*\", action = \"exit\" }`.";
    RetriesIgnoreReclaims "retries-ignore-reclaims" Warning
        means "Batch owns the class's retries, and its strategy does not repeat an attempt whose host \
               was reclaimed."
        why "One reclaim ends the run: spotcron does not submit it again either."
        fix "Begin `evaluate_on_exit` with `{ on_status_reason = \"Host EC2*\", action = \"retry\" }` \
             (Fargate: `Your Spot Task was interrupted*`) and allow several `attempts`.";
    DefinitionRetriesOverridden "definition-retries-overridden" Note
        means "The definition has a retry strategy, and spotcron owns the retries of the class."
        why "It is overridden in each submission: spotcron decides what is repeated, and where."
        fix "Nothing, or say `retry_owner = \"batch\"` in the class if Batch is to repeat.";
    StuckForCapacity "stuck-for-capacity" Warning
        means "A job waits in RUNNABLE because EC2 has no capacity of the types and zones allowed."
        why "Nothing runs until there is some; runs of spotcron are moved after their `wait_budget`."
        fix "Allow more types and zones.";
    StuckForMaxVcpus "stuck-for-max-vcpus" Error
        means "A job waits in RUNNABLE because it needs more than the compute environments' `maxvCpus`."
        why "It waits for ever, and so does what is behind it."
        fix "Raise `maxvCpus`, or reserve less.";
    StuckForSize "stuck-for-size" Error
        means "A job waits in RUNNABLE because no instance type allowed is large enough for it, or has \
               what it asks for."
        why "It waits for ever, and so does what is behind it."
        fix "Allow larger types, or reserve less.";
    StuckForServiceRole "stuck-for-service-role" Error
        means "A job waits in RUNNABLE because Batch's service role lacks permissions."
        why "No instance is launched for the whole queue."
        fix "Give `serviceRole` the policy AWSBatchServiceRole, or leave it out, and Batch uses its \
             service-linked role.";
    StuckForInvalidEnvironment "stuck-for-invalid-environment" Error
        means "A job waits in RUNNABLE because the compute environments behind its queue are invalid."
        why "No job of the queue is placed."
        fix "Correct the compute environments: their findings say how.";
    StuckWithoutReason "stuck-without-reason" Warning
        means "A job waits in RUNNABLE for more than 30 minutes, and Batch does not say why."
        why "Batch is silent about vCPU quotas, instances that cannot reach ECS, and instance profiles \
             without the right role: the job may wait for ever."
        fix "Look, in this order, at the Auto Scaling group's activities for quotas (Service Quotas, \
             EC2, running and spot instances), at the subnets' route to ECS (NAT, public addresses or \
             VPC endpoints), and at the instance profile's role \
             (AmazonEC2ContainerServiceforEC2Role).";
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.label())
    }
}
