//! What a job may submit: SubmitJob's limits (AWS Batch API reference).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::SignedDuration;

use super::aws_text::{self, is_tag_text, pattern_problem};
use super::{Located, Scope, array, fargate, shown};
use crate::catalogue::raw::{RawClass, RawEvaluateOnExit, RawJob, RawRetryStrategy};
use crate::catalogue::{
    Environment, EvaluateOnExit, RetryStrategy, Submission, Templates, secrets,
};
use crate::document::{Entries, SecretText, TomlTable};
use crate::domain::{Redacted, Resources};
use crate::template::Template;

/// Batch's limit for the whole request is 30 KiB; the rest of it needs some.
pub(super) const MAX_PAYLOAD_BYTES: usize = 28 * 1024;
/// Batch allows 50, and two are spotcron's.
const MAX_TAGS: usize = 48;
/// Set on every submission (`run::submit_request`), so a job must not set them.
const OWN_TAGS: [&str; 2] = ["managed-by", "spotcron-run"];
const OWN_VARIABLES: [&str; 3] = ["SPOTCRON_RUN_ID", "SPOTCRON_INDEX_MAP", "SPOTCRON_INDEX_COUNT"];

/// The submission, with every problem noted.
pub(super) fn check(
    raw: &RawJob,
    environments: &[Arc<Environment>],
    scope: &mut Scope<'_>,
) -> Option<Submission> {
    let definition = check_definition(raw, environments, scope);
    let environment = check_environment(raw, scope);
    let parameters = check_values("parameters", &raw.parameters, scope);
    let overridable_parameters = check_overridable(raw, scope);
    let command = check_command(raw, scope);
    let resources = check_resources(raw, environments, scope);
    let (array_size, index_map) = array::check(raw, scope);
    let retry_strategy =
        raw.retry_strategy.as_ref().map(|strategy| check_retries(&strategy.value, scope));
    let timeout = check_timeout(raw, scope);
    let (share_identifier, scheduling_priority) = check_share(raw, scope);
    let tags = check_tags(raw, scope);
    check_payload(raw, scope);
    Some(Submission {
        definition: definition?,
        parameters,
        overridable_parameters,
        environment,
        command,
        resources,
        array_size,
        index_map,
        retry_strategy,
        timeout,
        share_identifier,
        scheduling_priority,
        tags,
        // Put in by `job`, when the fields of its parameter sets are known.
        templates: Templates::default(),
    })
}

fn check_definition(
    raw: &RawJob,
    environments: &[Arc<Environment>],
    scope: &mut Scope<'_>,
) -> Option<String> {
    let Located { value, span } = raw.definition.as_ref()?;
    let Some(definition) = aws_text::definition(value) else {
        let hint = "write `name:revision`, such as \"import:3\", or an ARN";
        let problem = format!("{} is no Batch job definition", shown(value));
        scope.error("invalid-definition", span, &problem, hint);
        return None;
    };
    if !definition.pinned {
        let problem = format!("{} does not name its revision", shown(value));
        let hint = "write `name:revision`: the newest revision may change under a running schedule";
        scope.warning("definition-not-pinned", span, &problem, hint);
    }
    let misplaced = |environment: &&Arc<Environment>| {
        definition.region.is_some_and(|region| region != environment.site.region.as_str())
            && !environment.definitions.contains_key(value)
    };
    if let Some(environment) = environments.iter().find(misplaced) {
        let problem = format!(
            "the definition is not in {}, the region of environment {}",
            environment.site.region,
            shown(environment.name.as_str())
        );
        let hint = "add the definition of that region to the environment's `definitions`";
        scope.error("definition-in-other-region", span, &problem, hint);
    }
    let outside = |environment: &&Arc<Environment>| {
        let entered = environment.site.role.as_ref().map(|role| role.arn.account());
        definition.account.zip(entered).is_some_and(|(account, entered)| account != entered)
            && !environment.definitions.contains_key(value)
    };
    if let Some(environment) = environments.iter().find(outside) {
        let name = shown(environment.name.as_str());
        let problem = format!("the definition is not in the account of environment {name}");
        let hint = "add the definition of that account to the environment's `definitions`";
        scope.error("definition-in-other-account", span, &problem, hint);
    }
    Some(value.clone())
}

fn check_environment(raw: &RawJob, scope: &mut Scope<'_>) -> BTreeMap<String, Redacted> {
    let entries = raw.environment.as_ref().map_or(&[][..], |entries| &entries.value.0);
    for (name, _) in entries {
        let text = name.value.as_str();
        let problem = if text.starts_with("AWS_BATCH") {
            format!("{} begins with `AWS_BATCH`, which Batch keeps for itself", shown(text))
        } else if OWN_VARIABLES.contains(&text) {
            format!("{} is set by spotcron", shown(text))
        } else if text.is_empty() || text.contains(['=', '\0']) {
            format!("{} is no name of an environment variable", shown(text))
        } else {
            continue;
        };
        scope.error("invalid-variable", &name.span, &problem, "choose another name");
    }
    check_values("environment", &raw.environment, scope)
}

/// The map, with a warning for each value that looks like a secret. Values are never printed.
fn check_values(
    table: &str,
    entries: &Option<Located<Entries<SecretText>>>,
    scope: &mut Scope<'_>,
) -> BTreeMap<String, Redacted> {
    let entries = entries.as_ref().map_or(&[][..], |entries| &entries.value.0);
    for (name, value) in entries {
        if let Some(kind) = secrets::looks_secret(&name.value, value.value.0.expose()) {
            warn_of_secret(&format!("`{table}` {}", shown(&name.value)), kind, &name.span, scope);
        }
    }
    entries.iter().map(|(name, value)| (name.value.clone(), value.value.0.clone())).collect()
}

fn warn_of_secret(what: &str, kind: &str, span: &std::ops::Range<usize>, scope: &mut Scope<'_>) {
    let problem = format!("{what} looks like a secret ({kind})");
    let hint = "put it into AWS Secrets Manager and the job definition's `secrets`; everyone who may \
                describe the job can read it here";
    scope.warning("secret-in-catalogue", span, &problem, hint);
}

/// They need not be among the job's `parameters`: the definition may have a default.
fn check_overridable(raw: &RawJob, scope: &mut Scope<'_>) -> BTreeSet<String> {
    let names = raw.overridable_parameters.as_ref().map_or(&[][..], |names| &names.value);
    let mut overridable = BTreeSet::new();
    for Located { value, span } in names {
        if value.is_empty() || value.contains(char::is_control) {
            let problem = format!("{} is no name of a parameter", shown(value));
            let hint = "write it as in the definition's `Ref::name`";
            scope.error("invalid-parameter", span, &problem, hint);
        } else if !overridable.insert(value.clone()) {
            let problem = format!("{} is named twice", shown(value));
            scope.error("duplicate-parameter", span, &problem, "name it once");
        }
    }
    overridable
}

fn check_command(raw: &RawJob, scope: &mut Scope<'_>) -> Option<Vec<String>> {
    let Located { value: words, span } = raw.command.as_ref()?;
    if words.is_empty() {
        let hint = "leave the key out to run the definition's command";
        scope.error("empty-list", span, "`command` is empty", hint);
    }
    for Located { value, span } in words {
        if value.is_empty() {
            let hint = "Batch refuses empty words in a command";
            scope.error("invalid-command", span, "`command` holds an empty word", hint);
        } else if let Some(kind) = secrets::looks_secret("", value) {
            warn_of_secret("a word of `command`", kind, span, scope);
        }
    }
    Some(words.iter().map(|word| word.value.clone()).collect())
}

fn check_resources(
    raw: &RawJob,
    environments: &[Arc<Environment>],
    scope: &mut Scope<'_>,
) -> Option<Resources> {
    let (vcpus, memory) = match (&raw.vcpus, &raw.memory_mib) {
        (Some(vcpus), Some(memory)) => (vcpus, memory),
        // A wrong value is one finding, not two.
        _ if raw.has("vcpus") && raw.has("memory_mib") => return None,
        (None, None) => {
            if let Some(gpus) = raw.gpus.as_ref().filter(|gpus| gpus.value.get::<u32>() > 0) {
                let hint = "add `vcpus` and `memory_mib`";
                scope.error("incomplete-resources", &gpus.span, "`gpus` stands alone", hint);
            }
            return None;
        }
        (Some(Located { span, .. }), None) => {
            let problem = "`vcpus` without `memory_mib`";
            scope.error("incomplete-resources", span, problem, "give both, or neither");
            return None;
        }
        (None, Some(Located { span, .. })) => {
            let problem = "`memory_mib` without `vcpus`";
            scope.error("incomplete-resources", span, problem, "give both, or neither");
            return None;
        }
    };
    let gpus: u32 = raw.gpus.as_ref().map_or(0, |gpus| gpus.value.get());
    let resources = Resources { vcpu_millis: vcpus.value.0, memory_mib: memory.value.get(), gpus };
    let on_fargate = environments.iter().find(|environment| environment.capacity.is_fargate());
    let on_ec2 = environments.iter().find(|environment| !environment.capacity.is_fargate());
    if let Some(environment) = on_fargate
        && let Some((problem, hint)) = fargate::problem(&resources)
    {
        let span = match (&raw.gpus, gpus) {
            (Some(located), 1..) => &located.span,
            _ if fargate::sells_vcpus(resources.vcpu_millis) => &memory.span,
            _ => &vcpus.span,
        };
        let problem = format!("{problem} (environment {})", shown(environment.name.as_str()));
        scope.error("fargate-size", span, &problem, &hint);
    }
    if let Some(environment) = on_ec2
        && vcpus.value.0 % 1000 != 0
    {
        let problem = format!(
            "EC2 reserves whole vCPUs, not {} (environment {})",
            fargate::text(vcpus.value.0),
            shown(environment.name.as_str())
        );
        scope.error("fractional-vcpus", &vcpus.span, &problem, "parts of a vCPU are Fargate's");
    }
    Some(resources)
}

fn check_retries(raw: &RawRetryStrategy, scope: &mut Scope<'_>) -> RetryStrategy {
    let rules = raw.evaluate_on_exit.as_ref();
    if let Some(rules) = rules.filter(|rules| rules.value.len() > 5) {
        let problem = format!("`evaluate_on_exit` has {} entries", rules.value.len());
        scope.error("out-of-range", &rules.span, &problem, "Batch allows at most 5");
    }
    let rules = rules.map_or(&[][..], |rules| &rules.value);
    RetryStrategy {
        attempts: raw.attempts.as_ref().map_or(1, |attempts| attempts.value.get()),
        evaluate_on_exit: rules.iter().map(|rule| check_rule(&rule.value, scope)).collect(),
    }
}

fn check_rule(raw: &RawEvaluateOnExit, scope: &mut Scope<'_>) -> EvaluateOnExit {
    let patterns = [
        ("on_exit_code", &raw.on_exit_code),
        ("on_reason", &raw.on_reason),
        ("on_status_reason", &raw.on_status_reason),
    ];
    if patterns.iter().all(|(_, pattern)| pattern.is_none()) {
        let hint = "add `on_exit_code`, `on_reason` or `on_status_reason`";
        let problem = "an entry of `evaluate_on_exit` has no condition";
        scope.error("rule-without-condition", &raw.table_span, problem, hint);
    }
    for (key, pattern) in patterns {
        let Some(Located { value, span }) = pattern else { continue };
        if let Some(problem) = pattern_problem(value, key == "on_exit_code") {
            let problem = format!("`{key}` {}: {problem}", shown(value));
            let hint = "match the beginning, such as \"Host EC2*\"";
            scope.error("invalid-pattern", span, &problem, hint);
        }
    }
    let text = |value: &Option<Located<String>>| value.as_ref().map(|text| text.value.clone());
    EvaluateOnExit {
        on_exit_code: text(&raw.on_exit_code),
        on_reason: text(&raw.on_reason),
        on_status_reason: text(&raw.on_status_reason),
        retry: raw.action.as_ref().is_some_and(|action| action.value.0),
    }
}

fn check_timeout(raw: &RawJob, scope: &mut Scope<'_>) -> Option<SignedDuration> {
    let Located { value, span } = raw.timeout.as_ref()?;
    let timeout = value.0;
    if timeout < SignedDuration::from_secs(60) {
        let problem = format!("`timeout` is {timeout:#}; Batch needs at least 60 seconds");
        scope.error("out-of-range", span, &problem, "");
        return None;
    }
    if timeout.subsec_nanos() != 0 {
        scope.error("out-of-range", span, "`timeout` must be whole seconds", "");
        return None;
    }
    Some(timeout)
}

fn check_share(raw: &RawJob, scope: &mut Scope<'_>) -> (Option<String>, Option<u16>) {
    if let Some(Located { value, span }) = &raw.share_identifier {
        let letters = value.bytes().all(|b| b.is_ascii_alphanumeric());
        if value.is_empty() || value.len() > 255 || !letters {
            let problem = format!("{} is no share identifier", shown(value));
            let hint = "letters and digits only, at most 255";
            scope.error("invalid-share", span, &problem, hint);
        }
    }
    if let (Some(located), None) = (&raw.scheduling_priority, &raw.share_identifier) {
        let problem = "`scheduling_priority` has no effect without `share_identifier`";
        let hint = "both belong to queues with a fair-share policy";
        scope.warning("priority-without-share", &located.span, problem, hint);
    }
    let share = raw.share_identifier.as_ref().map(|share| share.value.clone());
    (share, raw.scheduling_priority.as_ref().map(|priority| priority.value.get()))
}

fn check_tags(raw: &RawJob, scope: &mut Scope<'_>) -> BTreeMap<String, String> {
    let Some(Located { value: Entries(entries), span }) = &raw.tags else { return BTreeMap::new() };
    if entries.len() > MAX_TAGS {
        let problem =
            format!("{} tags; at most {MAX_TAGS} fit beside spotcron's own two", entries.len());
        scope.error("too-many-tags", span, &problem, "");
    }
    for (key, value) in entries {
        let text = key.value.as_str();
        if text.to_ascii_lowercase().starts_with("aws:") {
            let problem = format!("tag {}: AWS keeps `aws:` for itself", shown(text));
            scope.error("reserved-tag", &key.span, &problem, "choose another key");
        } else if OWN_TAGS.contains(&text) {
            let problem = format!("tag {} is set by spotcron", shown(text));
            scope.error("reserved-tag", &key.span, &problem, "choose another key");
        } else if text.is_empty() || text.chars().count() > 128 || !is_tag_text(text) {
            let hint = "1 to 128 letters, digits, blanks and any of + - = . _ : / @";
            let problem = format!("{} is no key of a tag", shown(text));
            scope.error("invalid-tag", &key.span, &problem, hint);
        }
        // What a template becomes is looked at by `templates`.
        let is_plain = !Template::is_one(&value.value);
        if is_plain && (value.value.chars().count() > 256 || !is_tag_text(&value.value)) {
            let hint = "at most 256 letters, digits, blanks and any of + - = . _ : / @";
            let problem = format!("the value of tag {} is not allowed", shown(text));
            scope.error("invalid-tag", &value.span, &problem, hint);
        } else if let Some(kind) = secrets::looks_secret(text, &value.value) {
            warn_of_secret(&format!("tag {}", shown(text)), kind, &key.span, scope);
        }
    }
    entries.iter().map(|(key, value)| (key.value.clone(), value.value.clone())).collect()
}

/// Labels become columns of reports and labels of metrics.
pub(super) fn check_labels(raw: &RawClass, scope: &mut Scope<'_>) -> BTreeMap<String, String> {
    let entries = raw.labels.as_ref().map_or(&[][..], |entries| &entries.value.0);
    for (key, value) in entries {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let letters = key.value.chars().all(allowed)
            && key.value.starts_with(|c: char| c.is_ascii_alphabetic());
        if !letters || key.value.len() > 63 {
            let problem = format!("{} is no key of a label", shown(&key.value));
            let hint = "a letter, then letters, digits, `_` and `-`, at most 63";
            scope.error("invalid-label", &key.span, &problem, hint);
        }
        if value.value.chars().count() > 256 || value.value.chars().any(char::is_control) {
            let problem = format!("the value of label {} is not allowed", shown(&key.value));
            scope.error("invalid-label", &value.span, &problem, "one line, at most 256 characters");
        }
    }
    entries.iter().map(|(key, value)| (key.value.clone(), value.value.clone())).collect()
}

fn check_payload(raw: &RawJob, scope: &mut Scope<'_>) {
    let pairs = |entries: &Option<Located<Entries<SecretText>>>| -> usize {
        let entries = entries.as_ref().map_or(&[][..], |entries| &entries.value.0);
        // The name, the value, and JSON's signs around them.
        entries.iter().map(|(key, value)| key.value.len() + value.value.0.expose().len() + 24).sum()
    };
    let words = raw.command.as_ref().map_or(&[][..], |words| &words.value);
    let command: usize = words.iter().map(|word| word.value.len() + 3).sum();
    let tags = raw.tags.as_ref().map_or(&[][..], |tags| &tags.value.0);
    let tags: usize = tags.iter().map(|(key, value)| key.value.len() + value.value.len() + 6).sum();
    let total = pairs(&raw.environment) + pairs(&raw.parameters) + command + tags;
    if total > MAX_PAYLOAD_BYTES {
        let span = raw.name.as_ref().map_or(&raw.table_span, |name| &name.span);
        let problem = format!("environment, parameters, command and tags are {total} bytes");
        let hint = "Batch refuses requests above 30 KiB; pass the address of a file in S3 instead";
        scope.error("submission-too-large", span, &problem, hint);
    }
}
