//! EventBridge's schedule notation, which is not cron, and what it is in cron.

use crate::schedule::Cron;

/// Why an expression in EventBridge's notation is refused, and the advice.
pub struct Foreign {
    pub notation: &'static str,
    pub hint: String,
}

/// Recognises `cron(...)`, `rate(...)`, `at(...)` and EventBridge's six fields with the year last.
pub fn recognise(text: &str) -> Option<Foreign> {
    let text = text.trim();
    let inner = |name: &str| text.strip_prefix(name)?.strip_suffix(')').map(str::trim);
    if let Some(fields) = inner("cron(") {
        return Some(Foreign { notation: "EventBridge's cron(...)", hint: cron_hint(fields) });
    }
    if let Some(rate) = inner("rate(") {
        return Some(Foreign { notation: "EventBridge's rate(...)", hint: rate_hint(rate) });
    }
    if let Some(moment) = inner("at(") {
        let hint = format!("write `at = \"{moment}\"` instead of `cron`; see `time_zone`");
        return Some(Foreign { notation: "EventBridge's at(...)", hint });
    }
    // With seconds first, `?` can only stand in the fourth and sixth field.
    let fields: Vec<&str> = text.split_whitespace().collect();
    (fields.len() == 6 && (fields[2] == "?" || fields[4] == "?"))
        .then(|| Foreign { notation: "EventBridge's cron fields", hint: cron_hint(text) })
}

fn cron_hint(fields: &str) -> String {
    match cron_fields(fields) {
        Some(five) => {
            format!("write \"{five}\"; EventBridge reads it in UTC, see `time_zone`")
        }
        None => "write five fields: minute, hour, day of month, month, day of week (0 is Sunday); \
                 there is no field for the year"
            .to_owned(),
    }
}

/// The five fields that mean the same, if they exist.
fn cron_fields(fields: &str) -> Option<String> {
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let &[minute, hour, day, month, weekday, year] = fields.as_slice() else { return None };
    if !matches!(year, "*" | "?") {
        return None;
    }
    let any = |field: &str| if field == "?" { "*".to_owned() } else { field.to_owned() };
    let weekday = days_of_week(weekday)?;
    let (minute, hour) = (open_step(minute, 59), open_step(hour, 23));
    let five = format!("{minute} {hour} {} {month} {weekday}", any(day));
    five.parse::<Cron>().is_ok().then_some(five)
}

/// `0/15` is EventBridge's way to write `*/15`, and `5/15` that for `5-59/15`.
fn open_step(field: &str, last: u8) -> String {
    let parts = field.split(',').map(|part| match part.split_once('/') {
        Some(("0", step)) => format!("*/{step}"),
        Some((start, step)) if start.parse::<u8>().is_ok() => format!("{start}-{last}/{step}"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(",")
}

/// EventBridge counts days of the week from 1 (Sunday), cron from 0.
fn days_of_week(field: &str) -> Option<String> {
    if field == "?" || field == "*" {
        return Some("*".to_owned());
    }
    let parts = field.split(',').map(|part| {
        let (range, step) = part.split_once('/').map_or((part, None), |(a, b)| (a, Some(b)));
        let days = range.split('-').map(|day| match day.parse::<u8>() {
            Ok(number @ 1..=7) => Some((number - 1).to_string()),
            Ok(_) => None,
            Err(_) if day.len() == 3 && day.bytes().all(|b| b.is_ascii_alphabetic()) => {
                Some(day.to_owned())
            }
            Err(_) if day == "*" => Some(day.to_owned()),
            Err(_) => None,
        });
        let days = days.collect::<Option<Vec<_>>>()?.join("-");
        Some(step.map_or(days.clone(), |step| format!("{days}/{step}")))
    });
    Some(parts.collect::<Option<Vec<_>>>()?.join(","))
}

fn rate_hint(rate: &str) -> String {
    let (number, unit) = rate.split_once(char::is_whitespace).unwrap_or((rate, ""));
    let number: u32 = number.parse().unwrap_or(0);
    let five = match (number, unit.trim().trim_end_matches('s')) {
        (1, "minute") => Some("* * * * *".to_owned()),
        (1, "hour") => Some("0 * * * *".to_owned()),
        (1, "day") => Some("0 0 * * *".to_owned()),
        (7, "day") => Some("0 0 * * 0".to_owned()),
        (n, "minute") if n > 0 && 60 % n == 0 => Some(format!("*/{n} * * * *")),
        (n, "hour") if n > 0 && 24 % n == 0 => Some(format!("0 */{n} * * *")),
        _ => None,
    };
    match five {
        Some(five) => format!("write \"{five}\""),
        None => "write `every = \"90m\"` instead of `cron` for a period of any length".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eventbridge_notation_is_translated() {
        for (text, expected) in [
            ("cron(0 2 * * ? *)", "\"0 2 * * *\""),
            ("cron(0/15 8-17 ? * 2-6 *)", "\"*/15 8-17 * * 1-5\""),
            ("cron(0 9 ? * MON,FRI *)", "\"0 9 * * MON,FRI\""),
            ("cron(5/20 9 * * ? *)", "\"5-59/20 9 * * *\""),
            ("15 10 ? * * *", "\"15 10 * * *\""),
            ("cron(0 2 * * ? 2030)", "no field for the year"),
            ("rate(5 minutes)", "\"*/5 * * * *\""),
            ("rate(1 hour)", "\"0 * * * *\""),
            ("rate(7 minutes)", "`every = "),
            ("rate()", "`every = "),
            ("at(2030-01-01T00:00:00)", "`at = \"2030-01-01T00:00:00\"`"),
        ] {
            let foreign = recognise(text).unwrap();
            assert!(foreign.hint.contains(expected), "{text}: {}", foreign.hint);
        }
    }

    #[test]
    fn cron_itself_is_left_alone() {
        for text in ["0 2 * * *", "0 0 2 * * ?", "0 0 2 ? * 1", "@daily", "rate", "cron("] {
            assert!(recognise(text).is_none(), "{text}");
        }
    }
}
