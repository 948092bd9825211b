//! EC2's filters: every filter must hold, one of its values is enough, and `*` and `?` in a value
//! stand for any text and any character. Source: EC2 User Guide, "Filter your resources".

use super::{Call, Fault, invalid};

/// Source: EC2 API Reference, `Filter`.
const MOST_VALUES: usize = 200;
const WILD: [char; 3] = ['*', '?', '\\'];

pub(super) struct Filters<'a>(Vec<(&'a str, Vec<&'a str>)>);

impl<'a> Filters<'a> {
    /// The filters of a request, all of them among `known`; `tag:` there allows any tag's key.
    pub(super) fn of(call: &'a Call, known: &[&str]) -> Result<Self, Fault> {
        let filters = call.filters();
        for (name, values) in &filters {
            let tag = name.strip_prefix("tag:").map(|key| !key.is_empty());
            let known =
                tag.map_or(known.contains(name), |has_key| has_key && known.contains(&"tag:"));
            if !known {
                return Err(invalid(format!("The filter '{name}' is invalid")));
            }
            if values.is_empty() {
                return Err(invalid(format!("The filter '{name}' has no value")));
            }
            if values.len() > MOST_VALUES {
                let message = format!("The filter '{name}' has more than {MOST_VALUES} values");
                return Err(Fault::new(400, "FilterLimitExceeded", message));
            }
        }
        Ok(Filters(filters))
    }

    /// The values of a filter, when something must have one of exactly these.
    pub(super) fn exactly(&self, filter: &str) -> Option<&[&'a str]> {
        let (_, values) = self.0.iter().find(|(name, _)| *name == filter)?;
        (!values.iter().any(|value| value.contains(WILD))).then_some(values)
    }

    /// Whether something passes whose attributes are told by filter name: none, one or several
    /// values.
    pub(super) fn admit(&self, values_of: impl Fn(&str) -> Vec<String>) -> bool {
        self.0.iter().all(|(name, patterns)| {
            let own = values_of(name);
            patterns.iter().any(|pattern| own.iter().any(|value| fits(pattern, value)))
        })
    }
}

/// Whether `value` is what `pattern` says; a backslash takes a wildcard's meaning away.
fn fits(pattern: &str, value: &str) -> bool {
    if !pattern.contains(WILD) {
        return pattern == value;
    }
    let (mut pattern, mut value) = (pattern.chars(), value.chars());
    // Where to go on when what follows the last `*` does not fit.
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let before = (pattern.clone(), value.clone());
        let step = match pattern.next() {
            Some('*') => {
                retry = Some((pattern.clone(), before.1));
                continue;
            }
            Some('?') => value.next().is_some(),
            Some('\\') => pattern.next() == value.next(),
            Some(wanted) => value.next() == Some(wanted),
            None if before.1.as_str().is_empty() => return true,
            None => false,
        };
        if !step {
            // The last `*` takes one character more.
            let Some((after_star, mut rest)) = retry.take() else { return false };
            if rest.next().is_none() {
                return false;
            }
            (pattern, value) = (after_star.clone(), rest.clone());
            retry = Some((after_star, rest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_fit_as_they_do_at_ec2() {
        for (pattern, value) in [
            ("c5.large", "c5.large"),
            ("c5.*", "c5.9xlarge"),
            ("c5*", "c5.large"),
            ("*", ""),
            ("*.large", "m6i.large"),
            ("m?i.*x*e", "m6i.16xlarge"),
            ("a*ab", "aabab"),
            ("\\*", "*"),
            ("m\\6i", "m6i"),
        ] {
            assert!(fits(pattern, value), "{pattern} {value}");
        }
        for (pattern, value) in [
            ("c5.large", "c5.xlarge"),
            ("C5.*", "c5.large"),
            ("c5.?", "c5."),
            ("*.large", "m6i.xlarge2"),
            ("a*ab", "aaba"),
            ("\\*", "a"),
            ("", "a"),
            ("?", ""),
        ] {
            assert!(!fits(pattern, value), "{pattern} {value}");
        }
    }
}
