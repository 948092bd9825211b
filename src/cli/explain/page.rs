//! How a run's story is laid out for people.

use super::{AttemptDetail, Report};
use crate::cli::render::table::{Grid, Tone, or_dash, plain, toned};
use crate::cli::render::{self, FAINT, Page, STRONG, sentence, value};
use crate::domain::{LegCause, RunOutcome, Usd};

impl render::Report for Report {
    fn write(&self, page: &mut Page) {
        self.head(page);
        page.heading("What happened");
        let mut day = None;
        for event in &self.timeline {
            let date = event.at.strftime("%Y-%m-%d").to_string();
            if day.as_ref() != Some(&date) {
                page.styled(FAINT, format!("  {date}"));
            }
            day = Some(date);
            page.line(format!("  {}  {}", value::clock(event.at), event.text));
        }
        for decision in &self.decisions {
            let why = match decision.cause {
                LegCause::Scheduled => String::new(),
                cause => format!(", because {}", sentence::cause(cause)),
            };
            let at = value::clock(decision.decision.at);
            page.heading(format!("Where leg {} could have gone, at {at}{why}", decision.leg));
            decision.decision.write(page, 2);
        }
        if !self.attempts.is_empty() {
            page.heading("Attempts");
            page.table(2, &attempts(&self.attempts));
            page.heading("What it cost");
            self.attempts.iter().for_each(|attempt| ledger(page, attempt));
            self.sum(page);
        }
        if let Some(asked) = &self.asked_now {
            asked.write(page);
        }
        if let Some(choice) = &self.last_choice {
            choice.write(page);
        }
    }
}

impl Report {
    fn head(&self, page: &mut Page) {
        page.line(format!("{STRONG}{}{STRONG:#}  {}", self.id, self.state));
        page.line(&self.state_text);
        page.gap();
        page.line(format!("  job        {} (class {})", self.job, self.class));
        if !self.set.is_empty() {
            let pairs = self.set.iter().map(|(name, value)| format!("{name}={value}"));
            let pairs = pairs.collect::<Vec<_>>().join(" ");
            // What a file holds may be anything; a terminal must not take it for a command.
            page.line(format!("  set        {}", pairs.escape_debug()));
        }
        if let Some(indices) = &self.indices {
            let (all, done) = (&indices.assigned, indices.done.len());
            page.line(format!(
                "  indices    {all} of {}, {done} of {} done",
                indices.of,
                all.len()
            ));
        }
        page.line(format!("  scheduled  {}", value::time(self.scheduled_for)));
        let deadline = match (self.deadline_at, self.ended_at) {
            (None, _) => "none".to_owned(),
            (Some(at), Some(ended)) if !self.deadline_missed && self.succeeded() => {
                let spare = sentence::against_deadline(at.duration_since(ended));
                format!("{}, {spare}", value::time(at))
            }
            (Some(at), _) if !self.deadline_missed => value::time(at),
            (Some(at), Some(ended)) if ended > at => {
                let late = sentence::against_deadline(at.duration_since(ended));
                format!("{}, {late}", value::time(at))
            }
            (Some(at), _) => format!("{}, missed", value::time(at)),
        };
        page.line(format!("  deadline   {deadline}"));
    }

    fn succeeded(&self) -> bool {
        self.state == RunOutcome::Succeeded.label()
    }

    fn sum(&self, page: &mut Page) {
        let total = &self.total;
        let unpriced = total.unpriced_attempts;
        if total.attempts == 0 {
            return;
        }
        let mut parts = Vec::new();
        if unpriced < total.attempts {
            parts.push(format!("cost {}", value::usd_exact(total.cost_usd)));
            parts.push(format!("on demand {}", value::usd_exact(total.on_demand_equivalent_usd)));
            parts.push(self.saved());
        }
        if total.waste_usd != Usd::ZERO {
            parts.push(format!("{} of the cost wasted", value::usd_exact(total.waste_usd)));
        }
        if unpriced > 0 {
            parts.push(format!("{} without a price", value::count(unpriced as usize, "attempt")));
        }
        page.gap();
        page.line(format!("  {STRONG}Together: {}.{STRONG:#}", parts.join(", ")));
    }

    fn saved(&self) -> String {
        let saved = self.total.saved_usd;
        let percent = self.total.saved_percent.as_ref();
        let percent = percent.map(|percent| format!(" ({percent} %)")).unwrap_or_default();
        match saved.is_negative() {
            true => format!("{} more than on demand{percent}", value::usd_exact(-saved)),
            false => format!("saved {}{percent}", value::usd_exact(saved)),
        }
    }
}

fn attempts(attempts: &[AttemptDetail]) -> Grid {
    let mut grid = Grid::new()
        .name("ATTEMPT")
        .name("ENDED")
        .number("EXIT")
        .name("CAPACITY")
        .name("INSTANCE")
        .name("TYPE")
        .name("ZONE")
        .number("SECONDS")
        .name("LOG STREAM")
        .prose("REASON");
    for detail in attempts {
        let attempt = &detail.attempt;
        grid.row([
            plain(attempt.name()),
            attempt.end_text(),
            or_dash(attempt.exit_code),
            plain(attempt.capacity),
            or_dash(detail.instance_id.as_ref()),
            or_dash(detail.instance_type.as_ref()),
            or_dash(detail.zone.as_ref()),
            or_dash(attempt.duration_secs),
            toned(Tone::Faint, attempt.log_stream.as_deref().unwrap_or("-")),
            or_dash(detail.reason.as_ref()),
        ]);
    }
    grid
}

fn ledger(page: &mut Page, detail: &AttemptDetail) {
    let name = detail.attempt.name();
    let environment = &detail.attempt.environment;
    let Some(line) = &detail.ledger else {
        page.line(format!("  {name} on {environment}: not in the ledger yet."));
        return;
    };
    page.line(format!("  {name} on {environment} ({}):", line.state));
    for (index, text) in line.text.iter().enumerate() {
        page.line(format!("    {text}"));
        if index == 0 {
            line.spot_prices.iter().for_each(|piece| page.line(format!("      {}", piece.text())));
        }
    }
}
