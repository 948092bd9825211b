//! Ways to break the program on purpose. Each takes one guarantee away at the place that gives it, so
//! that the simulation can prove that it would notice (docs/concepts/exactly-once.md). Only with the
//! feature `mutations`, which nothing that is released has; without it [`active`] is constant.

#[cfg(feature = "mutations")]
use std::sync::atomic::{AtomicUsize, Ordering};

macro_rules! mutations {
    ($($name:ident = $label:literal, $breaks:literal;)+) => {
        /// One way to break it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Mutation {
            $(#[doc = $breaks] $name,)+
        }

        impl Mutation {
            pub const ALL: &[Mutation] = &[$(Mutation::$name),+];

            pub const fn label(self) -> &'static str {
                match self { $(Mutation::$name => $label,)+ }
            }

            /// What no longer holds with it.
            pub const fn breaks(self) -> &'static str {
                match self { $(Mutation::$name => $breaks,)+ }
            }
        }
    };
}

mutations! {
    IntentAfterCall = "intent-after-call", "invariant 1: the intent is durable before the call";
    TrustInherited = "trust-inherited", "window 3: what another process left is looked up before it is sent";
    ResendOnTimeout = "resend-on-timeout", "window 4: an unknown outcome is never taken for a refusal";
    NoLookUp = "no-look-up", "window 4: what a look-up shows is taken over";
    OneQueueOnly = "one-queue-only", "window 4: the look-up asks the queue that the intent names";
    AbsentAtOnce = "absent-at-once", "the bound L: a name counts as absent only after it stayed so for L";
    WallClockDecides = "wall-clock-decides", "the bound L is measured by a clock that nobody sets";
    LookUpByTime = "look-up-by-time", "a look-up depends on no clock";
    VisibleAnyway = "visible-anyway", "invariant 4: only what is durable becomes visible";
    HandledFirst = "handled-first", "invariant 2: a due time and its run become durable together";
    HandledForgotten = "handled-forgotten", "window 1: a time that nobody handled is found still due";
    EditFiresThePast = "edit-fires-the-past", "an edited schedule begins when it is taken over";
    GapLosesTimes = "gap-loses-times", "clock times that a gap swallows run at its end";
    SkipUnrecorded = "skip-unrecorded", "a time that does not run is recorded with its reason";
    StopForgotten = "stop-forgotten", "window 6: a stop that shows no effect is asked for again";
    FallbackBeforeFailed = "fallback-before-failed", "window 7: a leg follows only once the one before it is seen to have ended";
    AttemptForgotten = "attempt-forgotten", "window 9: an attempt without a line is found in the store";
    UnknownIsResent = "unknown-is-resent", "window 11: what nobody can account for is not sent again";
    VanishedRunsAgain = "vanished-runs-again", "invariant 10: a job that Batch no longer shows is unknown, not failed";
    StaleEpoch = "stale-epoch", "a process that was replaced writes nothing";
    DueRunForgotten = "due-run-forgotten", "window 2: a run that is due and not decided is decided by the next process";
    AnswerForgotten = "answer-forgotten", "window 5: an answer that did not become durable is looked up";
    RecordApart = "record-apart", "window 12: what a command changes and its record become durable together";
    KeyIgnored = "key-ignored", "window 12: a repeated command is answered from its record";
    OverlapIgnored = "overlap-ignored", "an overlap policy keeps a run from starting while others are open";
    AfterIgnored = "after-ignored", "a run that comes after others waits for them";
    SetForgotten = "set-forgotten", "a due time has a run for each of its parameter sets";
    FinishedIndexAgain = "finished-index-again", "a further leg carries only the indices that are not done";
    PauseIgnored = "pause-ignored", "the times of a paused job pass without a run";
    CancelForgotten = "cancel-forgotten", "what was cancelled is not sent any more";
    ResendUndurable = "resend-undurable", "window 13: a name that was sent again is on the disk until it was looked at";
    NoLateLook = "no-late-look", "beyond L: a name that was sent again is looked at later";
    DuplicateStays = "duplicate-stays", "beyond L: of several jobs of one name all but one are terminated";
}

#[cfg(feature = "mutations")]
static ACTIVE: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Breaks the program so from now on, or in no way. For the whole process.
#[cfg(feature = "mutations")]
pub fn set(mutation: Option<Mutation>) {
    ACTIVE.store(mutation.map_or(usize::MAX, |mutation| mutation as usize), Ordering::SeqCst);
}

/// Whether the program is broken so.
#[cfg(feature = "mutations")]
pub fn active(mutation: Mutation) -> bool {
    ACTIVE.load(Ordering::Relaxed) == mutation as usize
}

/// Whether the program is broken so: never, without the feature.
#[cfg(not(feature = "mutations"))]
pub const fn active(_: Mutation) -> bool {
    false
}
