//! STS: who is asking, and the credentials of a role. Source: STS API reference, AssumeRole, with the
//! limits of its parameters; IAM User Guide, "Troubleshoot IAM roles" for the refusal.

use jiff::{SignedDuration, Timestamp};

use super::accounts::{Accounts, Caller, Session};
use super::protocol::{Call, Fault, Output};
use super::xml::Element;
use crate::domain::RoleArn;
use crate::sim::RoleSpec;

/// What AssumeRole gives where nobody asks for more or less.
const DEFAULT_SECS: i64 = 3600;
/// The most that a role gives to one that was itself assumed ("role chaining").
const CHAINED_SECS: i64 = 3600;

pub(super) fn call(
    accounts: &Accounts,
    caller: &Caller,
    call: &Call,
    now: Timestamp,
) -> Result<Output, Fault> {
    match call.operation.as_str() {
        "GetCallerIdentity" => Ok(Output::Xml(vec![
            Element::text("Arn", &caller.arn),
            Element::text("UserId", &caller.user_id),
            Element::text("Account", &caller.account),
        ])),
        "AssumeRole" => assume_role(accounts, caller, call, now),
        _ => Err(call.unknown()),
    }
}

fn assume_role(
    accounts: &Accounts,
    caller: &Caller,
    call: &Call,
    now: Timestamp,
) -> Result<Output, Fault> {
    let arn = required(call, "RoleArn")?;
    let name = required(call, "RoleSessionName")?;
    let external_id = call.parameter("ExternalId");
    let of_name = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !(2..=64).contains(&name.len()) || !name.chars().all(of_name) {
        return Err(invalid("roleSessionName", name, "[\\w+=,.@-]*"));
    }
    let of_id = |c: char| of_name(c) || ":/".contains(c);
    if let Some(id) = external_id
        && !((2..=1224).contains(&id.len()) && id.chars().all(of_id))
    {
        return Err(invalid("externalId", id, "[\\w+=,.@:\\/-]*"));
    }
    if RoleArn::parse(arn).is_none() {
        return Err(Fault::new(400, "ValidationError", format!("{arn} is invalid")));
    }
    let Some((account, role)) = accounts.trusting_role(arn, caller, external_id) else {
        // The same words whether it does not exist, does not trust, or asks for another id.
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
            caller.arn
        );
        return Err(Fault::new(403, "AccessDenied", message));
    };
    let lasts = lasts(call, caller, &role)?;
    let session = accounts.begin_session((&account, &role), name, lasts, now);
    Ok(Output::Xml(answer(&session)))
}

fn required<'a>(call: &'a Call, name: &str) -> Result<&'a str, Fault> {
    call.parameter(name).filter(|value| !value.is_empty()).ok_or_else(|| {
        let (first, rest) = name.split_at(1);
        let member = format!("{}{rest}", first.to_lowercase());
        let message = format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: \
             Member must not be null"
        );
        Fault::new(400, "ValidationError", message)
    })
}

fn invalid(member: &str, value: &str, pattern: &str) -> Fault {
    let message = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: {pattern}"
    );
    Fault::new(400, "ValidationError", message)
}

fn lasts(call: &Call, caller: &Caller, role: &RoleSpec) -> Result<SignedDuration, Fault> {
    let asked = call.parameter("DurationSeconds").map_or(Ok(DEFAULT_SECS), |text| {
        let secs: i64 = text.parse().unwrap_or(0);
        if (900..=43_200).contains(&secs) {
            return Ok(secs);
        }
        let message = format!(
            "1 validation error detected: Value '{text}' at 'durationSeconds' failed to satisfy \
             constraint: Member must have value between 900 and 43200"
        );
        Err(Fault::new(400, "ValidationError", message))
    })?;
    let is_chained = caller.arn.contains(":assumed-role/");
    if is_chained && asked > CHAINED_SECS {
        let message = "The requested DurationSeconds exceeds the 1 hour session limit for roles \
                       assumed by role chaining";
        return Err(Fault::new(400, "ValidationError", message));
    }
    if asked > i64::from(role.max_session_secs) {
        let message =
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        return Err(Fault::new(400, "ValidationError", message));
    }
    Ok(SignedDuration::from_secs(role.session_secs.map_or(asked, i64::from)))
}

fn answer(session: &Session) -> Vec<Element> {
    let expires = session.expires.strftime("%Y-%m-%dT%H:%M:%SZ");
    vec![
        Element::new("Credentials").children([
            Element::text("AccessKeyId", &session.access_key),
            Element::text("SecretAccessKey", &session.secret),
            Element::text("SessionToken", &session.token),
            Element::text("Expiration", expires),
        ]),
        Element::new("AssumedRoleUser").children([
            Element::text("AssumedRoleId", &session.caller.user_id),
            Element::text("Arn", &session.caller.arn),
        ]),
    ]
}
