//! This machine: credentials that work, its clock, the store and its disk.

use jiff::SignedDuration;

use super::finding::not_looked_at;
use super::{About, Code, Examined, Finding, StoreFacts, Unseen};

/// Requests signed with a time five minutes off are refused (AWS Signature Version 4).
const REFUSED: SignedDuration = SignedDuration::from_mins(5);
/// AWS's `Date` header counts whole seconds, and an answer takes some time: less is no finding.
const NOTICED: SignedDuration = SignedDuration::from_secs(30);
const LITTLE_DISK: u64 = 1 << 30;

/// File systems whose files lie on other machines, as Linux names them.
const NETWORK: [&str; 13] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "glusterfs",
    "gpfs",
    "lustre",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
    "sshfs",
];

pub(super) fn check(examined: &Examined<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(credentials(examined));
    findings.extend(clock(examined));
    findings.extend(store(examined));
    findings.extend(network(examined));
    findings.extend(disk(examined));
    findings
}

fn credentials(examined: &Examined<'_>) -> Option<Finding> {
    let why = match examined.facts.account.as_ref().err()? {
        Unseen::Failed(text) | Unseen::Refused(text) => text.as_str(),
        Unseen::Denied => "AWS refuses them",
        Unseen::Missing => "there are none",
    };
    Some(Finding::new(
        Code::CredentialsUnusable,
        About::Account,
        format!("the account cannot be found out: {why}"),
        "Renew or name the credentials (AWS_PROFILE, a role of the machine), and try \
         `aws sts get-caller-identity`",
    ))
}

fn clock(examined: &Examined<'_>) -> Option<Finding> {
    let ahead = match &examined.facts.aws_clock_ahead {
        Ok(ahead) => *ahead,
        // Without an answer there is no header: the credentials' finding says so.
        Err(_) if examined.facts.account.is_err() => return None,
        failed => return not_looked_at(About::Machine, "AWS's clock", failed),
    };
    let seconds = ahead.as_secs().unsigned_abs();
    let code = match seconds {
        off if off > REFUSED.unsigned_abs().as_secs() => Code::ClockFarOff,
        off if off > NOTICED.unsigned_abs().as_secs() => Code::ClockOff,
        _ => return None,
    };
    let direction = if ahead.is_negative() { "ahead of" } else { "behind" };
    Some(Finding::new(
        code,
        About::Machine,
        format!("its clock is {seconds} s {direction} AWS's"),
        "Set the clock and keep it with NTP: `timedatectl set-ntp true`, or chrony with Amazon Time \
         Sync (169.254.169.123)",
    ))
}

fn store(examined: &Examined<'_>) -> Option<Finding> {
    let path = examined.settings.store_path.display();
    let local = &examined.facts.local;
    if !local.folder_exists {
        return Some(Finding::new(
            Code::StoreFolderMissing,
            About::Store,
            format!("the folder of {path} does not exist"),
            "Make it, writable for the user that runs spotcron, or correct `store.path` in the \
             settings",
        ));
    }
    let of = match (&local.store, &examined.facts.account) {
        (StoreFacts::Unusable(text), _) => {
            return Some(Finding::new(
                Code::StoreUnusable,
                About::Store,
                text.clone(),
                "Do what it says, restore a copy with `spotcron store restore FILE`, or name another \
                 file as `store.path`",
            ));
        }
        (StoreFacts::OfSimulation, _) => "a simulation".to_owned(),
        (StoreFacts::OfAccount(theirs), Ok(ours)) if theirs != ours => {
            format!("account {theirs}, and the credentials are of {ours}")
        }
        (StoreFacts::OfAccount(_) | StoreFacts::None, _) => return None,
    };
    Some(Finding::new(
        Code::StoreOfAnotherAccount,
        About::Store,
        format!("{path} holds the data of {of}"),
        "Name another file as `store.path` in the settings, or use the credentials that belong to it",
    ))
}

fn network(examined: &Examined<'_>) -> Option<Finding> {
    let kind = examined.facts.local.file_system.as_deref()?;
    // Those in user space are named `fuse.sshfs`.
    let bare = kind.strip_prefix("fuse.").unwrap_or(kind);
    NETWORK.contains(&bare).then(|| {
        Finding::new(
            Code::StoreOnNetwork,
            About::Store,
            format!(
                "{} lies on a network file system ({kind})",
                examined.settings.store_path.display()
            ),
            "Put `store.path` on a local disk, such as an EBS volume",
        )
    })
}

fn disk(examined: &Examined<'_>) -> Option<Finding> {
    let free = examined.facts.local.free_bytes.filter(|free| *free < LITTLE_DISK)?;
    Some(Finding::new(
        Code::DiskLow,
        About::Store,
        format!("only {} MiB are free where the store lies", free >> 20),
        "Make room there, or move the store to a larger disk",
    ))
}
