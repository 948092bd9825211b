//! The reconciliation for people.

use super::{By, Group, Report, Unmatched};
use crate::billing::FileKind;
use crate::cli::render::table::{Grid, Text, Tone, or_dash, plain, toned};
use crate::cli::render::{self, FAINT, Page, value};
use crate::domain::Usd;

const MEANING: &str = "\
Billed is what the files say; the rest takes it apart. Ledger is the cost of the attempts in that
time. Idle is what no attempt had reserved, at the prices that the ledger has. Unpriced stands in its
place where an attempt has no price or still runs. Drift is what is left over: zero, or a price, a
time or a discount that the ledger goes by is not what AWS bills.";

impl render::Report for Report {
    fn write(&self, page: &mut Page) {
        let kind = self.kind.map_or("no file", FileKind::label);
        let files = value::count(self.counts.files as usize, "file");
        let Some(covered) = self.covered else {
            page.line(format!("{files} of the {kind}: no line of use in the time asked for."));
            return;
        };
        let (from, until) = (value::time(covered.from), value::time(covered.until));
        page.line(format!("{files} of the {kind}, from {from} to {until}."));
        page.line(self.counted());
        page.gap();
        if self.groups.is_empty() {
            page.line("The ledger knows nothing of what is billed there.");
        } else {
            page.table(0, &self.grid(&self.groups, &self.total));
        }
        if !self.tasks.is_empty() {
            page.heading("Containers, by AWS's split of their instances' charges");
            page.table(2, &self.grid(&self.tasks, &self.tasks_total));
        }
        self.unmatched(page);
        if let Some(why) = &self.not_kept {
            page.gap();
            page.line(format!("Not kept: {why}"));
            page.line("Then run this again with --keep, and start the daemon.");
        } else if self.kept == Some(true) {
            page.gap();
            page.line("Kept: the daemon's metrics have it from its next start.");
        }
        page.gap();
        MEANING.lines().for_each(|line| page.styled(FAINT, line));
    }
}

impl Report {
    fn counted(&self) -> String {
        let mut text = format!("{} of use", value::count(self.counts.lines as usize, "line"));
        if self.counts.repeated > 0 {
            text += &format!(", {} more that came again and count once", self.counts.repeated);
        }
        if self.counts.left_out > 0 {
            text += &format!(", {} of other things left out", self.counts.left_out);
        }
        text + "."
    }

    fn grid(&self, groups: &[Group], total: &Group) -> Grid {
        let mut grid = Grid::new();
        if self.by != By::Environment {
            grid = grid.name("DAY");
        }
        if self.by != By::Day {
            grid = grid.name("ENVIRONMENT");
        }
        let mut grid = grid
            .number("BILLED")
            .number("LEDGER")
            .number("IDLE")
            .number("UNPRICED")
            .number("DRIFT")
            .number("%");
        for group in groups {
            grid.row(self.names(group).into_iter().chain(amounts(group)));
        }
        let blank = usize::from(self.by == By::Both);
        let total_names = std::iter::once(toned(Tone::Strong, "total"));
        let blanks = std::iter::repeat_n(Text::default(), blank);
        grid.row(total_names.chain(blanks).chain(amounts(total)));
        grid
    }

    fn names(&self, group: &Group) -> Vec<Text> {
        let day = || or_dash(group.day);
        let environment = || or_dash(group.environment.as_ref());
        match self.by {
            By::Day => vec![day()],
            By::Environment => vec![environment()],
            By::Both => vec![day(), environment()],
        }
    }

    fn unmatched(&self, page: &mut Page) {
        let unknown = [
            (&self.unknown, "Billed, and not known to the ledger", "RESOURCE"),
            (&self.unknown_tasks, "Containers billed, and not known to the ledger", "TASK"),
        ];
        for (unmatched, title, column) in unknown {
            let mut grid = Grid::new().name(column).number("LINES").number("BILLED");
            for unknown in &unmatched.listed {
                let billed = value::usd(unknown.billed);
                grid.row([plain(&unknown.resource), plain(unknown.lines), plain(billed)]);
            }
            section(page, title, unmatched, &grid);
        }
        let mut grid = Grid::new().name("RUN").name("ENVIRONMENT").name("ON").number("COST");
        for missing in &self.missing.listed {
            grid.row([
                plain(&missing.attempt.run),
                plain(&missing.environment),
                plain(&missing.resource),
                plain(value::usd(missing.cost)),
            ]);
        }
        section(page, "Attempts without a line in the files", &self.missing, &grid);
    }
}

fn section<T>(page: &mut Page, title: &str, unmatched: &Unmatched<T>, grid: &Grid) {
    if unmatched.count == 0 {
        return;
    }
    page.heading(format!("{title}: {}, {}", unmatched.count, value::usd(unmatched.usd)));
    page.table(2, grid);
    if unmatched.listed.len() < unmatched.count {
        let more = unmatched.count - unmatched.listed.len();
        page.styled(FAINT, format!("  and {more} more; list them with --all"));
    }
}

fn amounts(group: &Group) -> [Text; 6] {
    let drift = match group.drift_usd {
        Usd::ZERO => Tone::Good,
        _ => Tone::Warn,
    };
    let unpriced = if group.unpriced_usd == Usd::ZERO { Tone::Plain } else { Tone::Warn };
    [
        plain(value::usd(group.billed_usd)),
        plain(value::usd(group.ledger_usd)),
        plain(value::usd(group.idle_usd)),
        toned(unpriced, value::usd(group.unpriced_usd)),
        toned(drift, value::usd(group.drift_usd)),
        or_dash(group.sums.ratio()),
    ]
}
