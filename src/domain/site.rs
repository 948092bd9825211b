//! Where calls go: a region of an account. spotcron's own account needs no more than the region;
//! another one is entered by assuming a role there.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};

use super::Region;

/// The ARN of an IAM role, in its form checked: `arn:aws:iam::123456789012:role/path/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleArn(Arc<str>);

impl RoleArn {
    /// `None` for what is not the ARN of a role. Source of the form: IAM User Guide, "IAM
    /// identifiers"; a role's name has at most 64 characters, its path 512.
    pub fn parse(text: &str) -> Option<RoleArn> {
        let rest = text.strip_prefix("arn:")?;
        let (partition, rest) = rest.split_once(":iam::")?;
        let (account, resource) = rest.split_once(":role/")?;
        let (path, name) = resource.rsplit_once('/').unwrap_or(("", resource));
        let of_name = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
        let well_formed = partition.starts_with("aws")
            && partition.chars().all(|c| c.is_ascii_lowercase() || c == '-')
            && account.len() == 12
            && account.bytes().all(|b| b.is_ascii_digit())
            && path.len() <= 512
            && path.chars().all(|c| c.is_ascii_graphic())
            && (1..=64).contains(&name.len())
            && name.chars().all(of_name);
        well_formed.then(|| RoleArn(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub fn partition(&self) -> &str {
        self.0.split(':').nth(1).unwrap_or_default()
    }

    /// The twelve digits of the account that the role belongs to.
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A role to assume.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role {
    pub arn: RoleArn,
    /// What the role's trust policy may ask for (`sts:ExternalId`). AWS does not treat it as a
    /// secret; it is kept with the role, so that a leg can still be reached when its environment
    /// has left the catalogue.
    pub external_id: Option<Arc<str>>,
}

/// A region of an account. Its text is the region's name alone in spotcron's own account, so that
/// what was stored before there were roles reads as what it meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site {
    pub region: Region,
    /// `None` is the account of spotcron's own credentials.
    pub role: Option<Role>,
}

const VIA: &str = " via ";
const EXTERNAL_ID: &str = " external-id ";

impl Site {
    /// The account and region that this is. Sites with different roles of one account are the same.
    pub fn account_region(&self) -> AccountRegion {
        AccountRegion {
            account: self.role.as_ref().map(|role| role.arn.account().into()),
            region: self.region.clone(),
        }
    }

    /// The whole of it, to be parsed again.
    pub fn to_text(&self) -> String {
        match self.role.as_ref().and_then(|role| role.external_id.as_ref()) {
            Some(id) => format!("{self}{EXTERNAL_ID}{id}"),
            None => self.to_string(),
        }
    }
}

impl From<Region> for Site {
    /// The region in spotcron's own account.
    fn from(region: Region) -> Self {
        Site { region, role: None }
    }
}

impl From<&str> for Site {
    /// The region of that name in spotcron's own account.
    fn from(region: &str) -> Self {
        Site::from(Region::from(region))
    }
}

/// For people: `eu-west-1`, or `eu-west-1 via arn:aws:iam::123456789012:role/batch`.
impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.role {
            None => self.region.fmt(f),
            Some(role) => write!(f, "{}{VIA}{}", self.region, role.arn),
        }
    }
}

/// Why a text is no site.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no role's ARN, in the place `{1}`")]
pub struct NoSite(String, String);

impl FromStr for Site {
    type Err = NoSite;

    fn from_str(text: &str) -> Result<Self, NoSite> {
        let Some((region, rest)) = text.split_once(VIA) else { return Ok(Site::from(text)) };
        let (arn, external_id) = match rest.split_once(EXTERNAL_ID) {
            Some((arn, id)) => (arn, Some(id.into())),
            None => (rest, None),
        };
        let parsed = RoleArn::parse(arn);
        let arn = parsed.ok_or_else(|| NoSite(arn.to_owned(), text.to_owned()))?;
        Ok(Site { region: region.into(), role: Some(Role { arn, external_id }) })
    }
}

impl Serialize for Site {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for Site {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A region as one account sees it. Zones are named, requests are limited and spot prices are told
/// by account and region: `eu-west-1a` of two accounts may be two places.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountRegion {
    /// `None` is spotcron's own.
    pub account: Option<Arc<str>>,
    pub region: Region,
}

impl AccountRegion {
    /// `text` is a name in the region (its own, or a zone's); what it is called among those of all
    /// accounts: `eu-west-1a`, or `123456789012:eu-west-1a`.
    pub fn qualified(&self, text: &str) -> String {
        match &self.account {
            None => text.to_owned(),
            Some(account) => format!("{account}:{text}"),
        }
    }

    /// A name without the account that [`AccountRegion::qualified`] put before it.
    pub fn unqualified(text: &str) -> &str {
        text.split_once(':').map_or(text, |(_, name)| name)
    }
}

impl From<&str> for AccountRegion {
    /// What its `Display` wrote.
    fn from(text: &str) -> Self {
        match text.split_once(':') {
            None => AccountRegion { account: None, region: text.into() },
            Some((account, region)) => {
                AccountRegion { account: Some(account.into()), region: region.into() }
            }
        }
    }
}

impl fmt::Display for AccountRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.qualified(self.region.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/teams/data/spotcron";

    fn site(external_id: Option<&str>) -> Site {
        let arn = RoleArn::parse(ROLE).unwrap();
        let role = Role { arn, external_id: external_id.map(Arc::from) };
        Site { region: "eu-west-1".into(), role: Some(role) }
    }

    #[test]
    fn a_site_reads_back_as_what_was_written() {
        for (site, text) in [
            (Site::from("eu-west-1"), "\"eu-west-1\"".to_owned()),
            (site(None), format!("\"eu-west-1 via {ROLE}\"")),
            (site(Some("a/b:c=1")), format!("\"eu-west-1 via {ROLE} external-id a/b:c=1\"")),
        ] {
            assert_eq!(serde_json::to_string(&site).unwrap(), text);
            assert_eq!(serde_json::from_str::<Site>(&text).unwrap(), site);
        }
        let error = serde_json::from_str::<Site>("\"eu-west-1 via batch\"").unwrap_err();
        assert!(error.to_string().contains("`batch` is no role's ARN"), "{error}");
    }

    #[test]
    fn an_external_id_is_not_shown() {
        assert_eq!(site(Some("secret")).to_string(), format!("eu-west-1 via {ROLE}"));
    }

    #[test]
    fn only_roles_have_the_arn_of_a_role() {
        let role = RoleArn::parse(ROLE).unwrap();
        assert_eq!((role.partition(), role.account()), ("aws", "123456789012"));
        let gov = RoleArn::parse("arn:aws-us-gov:iam::123456789012:role/x").unwrap();
        assert_eq!(gov.partition(), "aws-us-gov");
        for wrong in [
            "",
            "spotcron",
            "arn:aws:iam::123456789012:user/x",
            "arn:aws:iam::12345:role/x",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/a b",
            "arn:aws:iam:eu-west-1:123456789012:role/x",
            "arn:aws:sts::123456789012:assumed-role/x/y",
        ] {
            assert_eq!(RoleArn::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn accounts_keep_their_zones_apart() {
        let (own, other) = (Site::from("eu-west-1"), site(None));
        let (own, other) = (own.account_region(), other.account_region());
        assert_eq!(own.qualified("eu-west-1a"), "eu-west-1a");
        assert_eq!(other.qualified("eu-west-1a"), "123456789012:eu-west-1a");
        for place in [own, other] {
            assert_eq!(AccountRegion::from(place.to_string().as_str()), place);
            assert_eq!(AccountRegion::unqualified(&place.qualified("eu-west-1a")), "eu-west-1a");
        }
    }
}
