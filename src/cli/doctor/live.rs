//! `doctor --live`: submits one tiny job on the real account, watches it as the daemon would, prices
//! it with the ledger's own arithmetic, and leaves nothing behind. Over ports, so that the simulated
//! cloud can be tested just so.

mod attend;
mod clean_up;
mod look;
mod reckon;
mod report;
mod submit;
mod watch;

pub use attend::{Attendant, Terminal, Waited};
pub use report::{LiveReport, Preview};

use jiff::SignedDuration;

use crate::clock::Clock;
use crate::cost::PriceMode;
use crate::daemon::Cloud;
use crate::doctor::live::LivePlan;

/// How often Batch is asked.
const POLL: SignedDuration = SignedDuration::from_secs(5);

/// One test of one account.
pub struct Session<'a> {
    pub cloud: &'a Cloud,
    pub clock: &'a dyn Clock,
    /// That the credentials belong to.
    pub account: &'a str,
    pub plan: &'a LivePlan,
    /// As the daemon's settings say.
    pub price_mode: PriceMode,
    pub absent_after: SignedDuration,
}

impl Session<'_> {
    /// The whole test. Nothing is submitted before `attendant` has agreed; once something is, it is
    /// at its end or told to be when this returns, or the report says what is left.
    pub async fn conduct(&self, attendant: &mut dyn Attendant) -> LiveReport {
        let mut report = LiveReport::of(self.account, self.plan);
        let Some(look) = self.look(&mut report).await else { return report };
        let preview = Preview::of(&report, self.plan, look.ceiling.as_ref());
        if !attendant.agrees(&preview) {
            report.declined = true;
            return report;
        }
        let sent = self.send(attendant).await;
        let mut watched = self.watch(&sent, attendant).await;
        let cleaned = self.clean_up(&sent, &mut watched, attendant).await;
        let reckoning = self.reckon(&look, &watched).await;
        let submitted = submit::judge(self.plan, &sent, &watched);
        let ran = watch::judge(self, &watched, &reckoning);
        let priced = reckon::judge(self.plan, &reckoning);
        submitted.into_iter().chain([ran]).chain(priced).chain([cleaned]).for_each(|finding| {
            report.add(finding);
        });
        report.note(&watched, &reckoning);
        report
    }
}
