//! CREATING, UPDATING and DELETING: queues and environments need a while until they are VALID or
//! gone, and cannot be changed meanwhile. An environment takes no queue before it is VALID
//! (simulated-aws.md §1.5).

use super::agenda::Event;
use super::environment::EnvironmentIx;
use super::instant::{Millis, SECOND};
use super::job::QueueIx;
use super::state::State;

/// What is under way with a queue or an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Creating,
    Updating,
    Deleting,
}

impl Change {
    pub(crate) const fn status(self) -> &'static str {
        match self {
            Change::Creating => "CREATING",
            Change::Updating => "UPDATING",
            Change::Deleting => "DELETING",
        }
    }
}

impl State {
    fn change_takes(&self) -> Millis {
        Millis::from(self.scenario.timing.place_change_secs) * SECOND
    }

    pub(crate) fn change_environment(&mut self, ix: EnvironmentIx, change: Change) {
        self.environments[ix].change = Some(change);
        match self.change_takes() {
            0 => self.environment_settles(ix),
            takes => self.agenda.plan(self.now + takes, Event::EnvironmentSettles(ix)),
        }
    }

    pub(crate) fn environment_settles(&mut self, ix: EnvironmentIx) {
        if self.environments[ix].change.take() == Some(Change::Deleting) {
            self.delete_environment(ix);
        }
    }

    pub(crate) fn change_queue(&mut self, ix: QueueIx, change: Change) {
        self.queues[ix].change = Some(change);
        match self.change_takes() {
            0 => self.queue_settles(ix),
            takes => self.agenda.plan(self.now + takes, Event::QueueSettles(ix)),
        }
    }

    pub(crate) fn queue_settles(&mut self, ix: QueueIx) {
        if self.queues[ix].change.take() == Some(Change::Deleting) {
            self.delete_queue(ix);
        }
    }
}
