//! The accounts behind one endpoint: whose access key it is that signs a request, and which roles
//! lead from one account into another. Source: STS API reference, AssumeRole; IAM User Guide,
//! "IAM identifiers" (unique id prefixes) and "Temporary security credentials in IAM".

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::sigv4::{Keys, NoSecret};
use crate::sim::random::Seed;
use crate::sim::{RoleSpec, SimCloud};

/// An ended session is remembered so long, to be told from one that never was.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) account: String,
    pub(super) arn: String,
    pub(super) user_id: String,
}

/// Temporary credentials.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) access_key: String,
    pub(super) secret: String,
    pub(super) token: String,
    pub(super) expires: Timestamp,
    pub(super) caller: Caller,
}

pub(super) struct Accounts {
    home: String,
    clouds: BTreeMap<String, SimCloud>,
    keys: Keys,
    seed: Seed,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// By account.
    roles: BTreeMap<String, Vec<RoleSpec>>,
    /// By access key.
    sessions: BTreeMap<String, Session>,
    made: u64,
}

impl Accounts {
    /// `keys` are of users of `home`.
    pub(super) fn new(home: &SimCloud, keys: Keys) -> Self {
        let (id, roles) = (home.account_id(), home.roles());
        Accounts {
            clouds: BTreeMap::from([(id.clone(), home.clone())]),
            keys,
            seed: Seed(home.seed()),
            inner: Mutex::new(Inner {
                roles: BTreeMap::from([(id.clone(), roles)]),
                ..Inner::default()
            }),
            home: id,
        }
    }

    pub(super) fn add(&mut self, cloud: &SimCloud) {
        let id = cloud.account_id();
        self.lock().roles.insert(id.clone(), cloud.roles());
        self.clouds.insert(id, cloud.clone());
    }

    /// The account, or `None` where there is no such.
    pub(super) fn cloud(&self, account: &str) -> Option<&SimCloud> {
        self.clouds.get(account)
    }

    /// The account that the server was started with.
    pub(super) fn home(&self) -> &str {
        &self.home
    }

    /// Replaces an account's roles. Sessions that there are go on until they end, as at AWS.
    pub(super) fn set_roles(&self, account: &str, roles: Vec<RoleSpec>) -> bool {
        let known = self.clouds.contains_key(account);
        if known {
            self.lock().roles.insert(account.to_owned(), roles);
        }
        known
    }

    /// The secret that a request must be signed with.
    pub(super) fn secret_of(
        &self,
        access_key: &str,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<String, NoSecret> {
        let inner = self.lock();
        match (inner.sessions.get(access_key), token) {
            (Some(session), Some(token)) if session.token == token => {
                if session.expires <= now {
                    Err(NoSecret::Expired)
                } else {
                    Ok(session.secret.clone())
                }
            }
            (None, None) => self.keys.secret(access_key).ok_or(NoSecret::Unknown),
            // A session's key without its token, or a token that is not this key's.
            _ => Err(NoSecret::Unknown),
        }
    }

    /// Whose access key it is.
    pub(super) fn caller(&self, access_key: &str) -> Caller {
        match self.lock().sessions.get(access_key) {
            Some(session) => session.caller.clone(),
            None => Caller {
                account: self.home.clone(),
                arn: format!("arn:aws:iam::{}:user/{access_key}", self.home),
                user_id: access_key.to_owned(),
            },
        }
    }

    /// The role of this ARN, if its trust policy lets `caller` assume it.
    pub(super) fn trusting_role(
        &self,
        arn: &str,
        caller: &Caller,
        external_id: Option<&str>,
    ) -> Option<(String, RoleSpec)> {
        let inner = self.lock();
        let mut all = inner.roles.iter().flat_map(|(account, roles)| {
            roles.iter().map(move |role| (account.clone(), role.clone()))
        });
        all.find(|(account, role)| {
            let home = [self.home.clone()];
            let trusts = role.trusts.as_deref().unwrap_or(&home);
            role.arn(account) == arn
                && trusts.contains(&caller.account)
                && role.external_id.as_deref().is_none_or(|asked| external_id == Some(asked))
        })
    }

    /// A session of `role`.
    pub(super) fn begin_session(
        &self,
        (account, role): (&str, &RoleSpec),
        name: &str,
        lasts: SignedDuration,
        now: Timestamp,
    ) -> Session {
        let mut inner = self.lock();
        inner.made += 1;
        let number = format!("{account}/{}", inner.made);
        let made = |what: &str, digits| self.seed.hex(what, &number, digits).to_uppercase();
        let role_id = self.seed.hex("role-id", &role.arn(account), 17).to_uppercase();
        let bare = role.name.rsplit('/').next().unwrap_or_default();
        let session = Session {
            access_key: format!("ASIA{}", made("session-key", 16)),
            secret: made("session-secret", 40),
            token: made("session-token", 64),
            expires: now.checked_add(lasts).unwrap_or(Timestamp::MAX),
            caller: Caller {
                account: account.to_owned(),
                arn: format!("arn:aws:sts::{account}:assumed-role/{bare}/{name}"),
                user_id: format!("AROA{role_id}:{name}"),
            },
        };
        inner.sessions.retain(|_, old| now.duration_since(old.expires) < REMEMBERED);
        inner.sessions.insert(session.access_key.clone(), session.clone());
        session
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
