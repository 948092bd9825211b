//! "Did you mean ...?", and user text that is safe to print.

/// What other schedulers call it, and what it is called here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("schedule", "cron"),
    ("timezone", "time_zone"),
    ("tz", "time_zone"),
    ("job_queue", "queue"),
    ("job_definition", "definition"),
    ("memory", "memory_mib"),
    ("cpus", "vcpus"),
    ("retries", "failure_retries"),
];

/// The known name that is meant by `text`, or most like it, when one is like it at all.
pub fn did_you_mean<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().collect();
    let meant = ELSEWHERE.iter().find(|(other, _)| text.eq_ignore_ascii_case(other));
    let meant = meant.and_then(|(_, here)| known.iter().find(|name| *name == here));
    if let Some(meant) = meant {
        return Some(meant);
    }
    // Comparing costs the product of the lengths, and no name is this long.
    if text.len() > 100 {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let likeness = |name: &str| strsim::jaro_winkler(&lower, &name.to_ascii_lowercase());
    known
        .into_iter()
        .map(|name| (likeness(name), name))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, name)| name)
}

/// `text` in back quotes, without control characters, and not longer than a line.
pub fn shown(text: &str) -> String {
    const MOST: usize = 60;
    let mut short: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    // Quotes need no escaping between back quotes.
    short = short.replace("\\\"", "\"").replace("\\'", "'");
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    format!("`{short}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_is_close_and_nothing_else() {
        let known = ["expected_duration", "deadline", "environments"];
        assert_eq!(did_you_mean("expected_durations", known), Some("expected_duration"));
        assert_eq!(did_you_mean("dedline", known), Some("deadline"));
        assert_eq!(did_you_mean("colour", known), None);
        let job = ["cron", "scheduling_priority", "time_zone"];
        assert_eq!(did_you_mean("schedule", job), Some("cron"));
        assert_eq!(did_you_mean("schedule", known), None);
        assert_eq!(did_you_mean(&"x".repeat(1_000_000), known), None);
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(shown("a\u{1b}[31m\"b\""), "`a\\u{1b}[31m\"b\"`");
        assert!(shown(&"long".repeat(100)).chars().count() < 70);
    }
}
