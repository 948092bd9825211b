//! Advice on environments, as `plan` and `explain` show it.

use serde::Serialize;

use super::Page;
use crate::decision::advice::{Advice, Seen, Work, advise};
use crate::doctor::advice_text;
use crate::domain::EnvironmentName;

/// What had better be changed of an environment.
#[derive(Debug, Serialize)]
pub struct AdviceView {
    pub environment: EnvironmentName,
    #[serde(flatten)]
    pub advice: Advice,
    pub text: String,
}

impl AdviceView {
    /// Of all environments that the class of `work` allows.
    pub fn of(seen: &Seen<'_>, work: &Work<'_>) -> Vec<AdviceView> {
        let of_one = |environment: &crate::catalogue::Environment| {
            let name = environment.name.clone();
            advise(seen, environment, work).into_iter().map(move |advice| {
                let (problem, fix) = advice_text(&advice);
                let text = format!("Advice on {name}: {problem}. {fix}.");
                AdviceView { environment: name.clone(), advice, text }
            })
        };
        seen.catalogue.environments_of(work.class).flat_map(|found| of_one(found)).collect()
    }

    /// A line each.
    pub fn write(all: &[AdviceView], page: &mut Page) {
        all.iter().for_each(|one| page.line(format!("  {}", one.text)));
    }
}
