//! The runs that schedules would have had.

use jiff::SignedDuration;
use spotcron::backtest::from_schedules;
use spotcron::domain::{Capacity, Window};

use super::{from_zero, start};
use crate::samples::{self, mins};

#[test]
fn schedules_are_run_over_the_window() {
    let mut hourly = samples::job("hourly", "c", "0 * * * *", "UTC");
    hourly.schedule.delay = SignedDuration::from_secs(20);
    let mut daily = samples::job("daily", "c", "30 3 * * *", "UTC");
    std::sync::Arc::make_mut(&mut daily.submission).array_size = Some(25);
    let mut off = samples::job("off", "c", "* * * * *", "UTC");
    off.enabled = false;
    let environments = vec![
        samples::environment("spot", Capacity::Spot),
        samples::environment("steady", Capacity::OnDemand),
    ];
    let catalogue = samples::catalogue(environments, from_zero(), vec![hourly, daily, off]);
    let window = Window::new(start(), start() + SignedDuration::from_hours(24));
    let past = from_schedules(&catalogue, window, &|_| samples::resources());
    assert_eq!(past.kinds.len(), 1, "nothing tells the two jobs apart");
    assert_eq!(past.runs.len(), 25);
    let first = past.runs[0];
    assert_eq!(first.at, start() + SignedDuration::from_secs(20));
    assert_eq!(first.deadline_at, Some(start() + mins(360)), "from the scheduled time");
    assert_eq!((first.work, first.copies), (mins(60), 1));
    let wide: Vec<_> = past.runs.iter().filter(|run| run.copies > 1).collect();
    assert_eq!((wide.len(), wide[0].copies), (1, 25));
    assert!(past.runs.is_sorted_by_key(|run| run.at));
    assert!(past.runs.iter().all(|run| run.done.is_none()));
}
