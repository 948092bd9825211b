//! AWS's notations: ARNs, regions, zones, instance types, definitions, tags, patterns.

use super::names::is_name_char;
use crate::document::is_region;

/// An ARN of AWS Batch, taken apart.
pub(super) struct BatchArn<'a> {
    pub region: &'a str,
    pub account: &'a str,
    /// What follows `job-queue/` or `job-definition/`.
    pub name: &'a str,
}

/// `arn:aws:batch:REGION:ACCOUNT:KIND/NAME`; `None` for anything else.
pub(super) fn batch_arn<'a>(text: &'a str, kind: &str) -> Option<BatchArn<'a>> {
    let mut parts = text.splitn(6, ':');
    let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let name = resource.strip_prefix(kind)?.strip_prefix('/')?;
    let account_id = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    let well_formed = arn == "arn"
        && partition.starts_with("aws")
        && service == "batch"
        && is_region(region)
        && account_id;
    (well_formed && !name.is_empty()).then_some(BatchArn { region, account, name })
}

/// A name of a queue or definition: at most 128 of Batch's letters.
pub(super) fn is_batch_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(is_name_char)
}

/// The shape of an exact instance type: `m6i.xlarge`, `u-6tb1.metal`, `c7gn.16xlarge`.
pub(super) fn is_instance_type(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    text.split_once('.').is_some_and(|(family, size)| part(family) && part(size))
}

/// A job definition, and whether it names its revision. `None` when it is none.
pub(super) struct Definition<'a> {
    pub pinned: bool,
    /// Of an ARN.
    pub region: Option<&'a str>,
    /// Of an ARN.
    pub account: Option<&'a str>,
}

pub(super) fn definition(text: &str) -> Option<Definition<'_>> {
    let (region, account, name) = if text.starts_with("arn:") {
        let arn = batch_arn(text, "job-definition")?;
        (Some(arn.region), Some(arn.account), arn.name)
    } else {
        (None, None, text)
    };
    let (name, revision) = match name.split_once(':') {
        Some((name, revision)) => (name, Some(revision)),
        None => (name, None),
    };
    let number = |text: &str| text.parse::<u32>().is_ok_and(|number| number > 0);
    (is_batch_name(name) && revision.is_none_or(number)).then(|| Definition {
        pinned: revision.is_some(),
        region,
        account,
    })
}

/// Letters of tags' keys and values, as AWS documents them for all services.
pub(super) fn is_tag_text(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c))
}

/// What is wrong with a pattern of `evaluateOnExit`. Source: Batch's model of EvaluateOnExit.
pub(super) fn pattern_problem(pattern: &str, digits_only: bool) -> Option<&'static str> {
    let body = pattern.strip_suffix('*').unwrap_or(pattern);
    if pattern.is_empty() {
        Some("the pattern is empty")
    } else if pattern.len() > 512 {
        Some("the pattern is longer than 512 characters")
    } else if body.contains('*') {
        Some("`*` is only allowed at the end")
    } else if digits_only && !body.bytes().all(|b| b.is_ascii_digit()) {
        Some("an exit code is matched by digits and a `*` at the end")
    } else if !body
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || ".:".contains(c) || c.is_ascii_whitespace())
    {
        Some("only letters, digits, `.`, `:`, blanks and a `*` at the end are allowed")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_know_their_revision_and_region() {
        let pinned = |text| definition(text).map(|d| (d.pinned, d.region.map(str::to_owned)));
        assert_eq!(pinned("import:3"), Some((true, None)));
        assert_eq!(pinned("import"), Some((false, None)));
        let arn = "arn:aws:batch:eu-west-1:123456789012:job-definition/import:7";
        assert_eq!(pinned(arn), Some((true, Some("eu-west-1".into()))));
        for text in ["", ":", "a:0", "a:x", "a:1:2", "a b", "arn:aws:batch:x", "arn:"] {
            assert_eq!(pinned(text), None, "{text}");
        }
    }

    #[test]
    fn patterns_follow_batch() {
        for pattern in ["Host EC2*", "*", "CannotPullContainerError:*", "a.b"] {
            assert_eq!(pattern_problem(pattern, false), None, "{pattern}");
        }
        for pattern in ["", "a*b", "(x)", "**", "é"] {
            assert!(pattern_problem(pattern, false).is_some(), "{pattern}");
        }
        assert_eq!(pattern_problem("13*", true), None);
        assert!(pattern_problem("a1", true).is_some());
    }
}
