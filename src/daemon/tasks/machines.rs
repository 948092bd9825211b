//! From container instances to the EC2 instances behind them.

use crate::daemon::Shared;
use crate::domain::{InstanceFacts, InstanceId, InstanceShape, InstanceType, Site};
use crate::ports::{InstanceDirectory, ServiceError};
use crate::run::HostRecord;

/// The machines behind container instances, as far as AWS still shows them: by container instance
/// ARN, and what EC2 says of each. `shape` knows what a type offers.
pub async fn machines_behind(
    directory: &dyn InstanceDirectory,
    site: &Site,
    arns: &[String],
    shape: &(dyn Fn(&InstanceType) -> Option<InstanceShape> + Sync),
) -> Result<(Vec<(String, HostRecord)>, Vec<InstanceFacts>), ServiceError> {
    let hosts = directory.container_hosts(site, arns).await?;
    if hosts.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let ids: Vec<InstanceId> = hosts.iter().map(|host| host.instance_id.clone()).collect();
    let facts = directory.instances(site, &ids).await?;
    let mut found = Vec::new();
    for facts in &facts {
        for host in hosts.iter().filter(|host| host.instance_id == facts.id) {
            let record = HostRecord {
                instance_id: facts.id.clone(),
                instance_type: facts.instance_type.clone(),
                zone: facts.zone.clone(),
                lifecycle: facts.lifecycle.clone(),
                launched_at: facts.launched_at,
                shape: shape(&facts.instance_type),
            };
            found.push((host.container_instance_arn.clone(), record));
        }
    }
    Ok((found, facts))
}

/// The same for the daemon, which has looked at what the types offer.
pub(super) async fn known_machines_behind(
    shared: &Shared,
    site: &Site,
    arns: &[String],
) -> Result<(Vec<(String, HostRecord)>, Vec<InstanceFacts>), ServiceError> {
    let shape = |name: &InstanceType| shared.desk.shape(name).map(|shape| (*shape).clone());
    machines_behind(&*shared.cloud.instances, site, arns, &shape).await
}
