//! The HTTP server: reads a request, checks its signature, lets the account answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::accounts::Accounts;
use super::batch;
use super::body::{self, Body};
use super::control;
use super::distort::{distort, take_token};
use super::mishap::{Mishap, MishapRule, Mishaps};
use super::protocol::{Call, Fault, Output, Service, answer, refuse};
use super::sigv4::{Keys, Refusal, Scope, verify};
use super::{ec2, ecs, pricing, sts};
use crate::clock::Clock;
use crate::sim::{RoleSpec, SimCloud};

/// How long the requests that are being answered may take after the stop.
const DRAIN: Duration = Duration::from_secs(2);
/// No request of AWS's APIs is larger.
const BODY_LIMIT: usize = 1 << 20;

/// A simulated account that is served, and those that are entered from it.
#[derive(Clone)]
pub struct Wire {
    accounts: Arc<Accounts>,
    clock: Arc<dyn Clock>,
    mishaps: Arc<Mishaps>,
    requests: Arc<AtomicU64>,
}

impl Wire {
    /// `cloud`, for whoever signs with one of `keys`. Job definitions must then exist, as at AWS.
    pub fn new(cloud: SimCloud, clock: Arc<dyn Clock>, keys: Keys) -> Self {
        Wire::with_accounts(cloud, Vec::new(), clock, keys)
    }

    /// The same, and `further` accounts for whoever assumes one of their roles.
    pub fn with_accounts(
        cloud: SimCloud,
        further: Vec<SimCloud>,
        clock: Arc<dyn Clock>,
        keys: Keys,
    ) -> Self {
        let mishaps = Arc::new(Mishaps::new(cloud.seed(), cloud.mishaps()));
        let mut accounts = Accounts::new(&cloud, keys);
        cloud.refuse_unknown_definitions();
        for cloud in further {
            cloud.refuse_unknown_definitions();
            accounts.add(&cloud);
        }
        Wire { accounts: Arc::new(accounts), clock, mishaps, requests: Arc::default() }
    }

    /// Replaces the roles of an account; `false` where there is no such account. Sessions that were
    /// given go on until they end.
    pub fn set_roles(&self, account: &str, roles: Vec<RoleSpec>) -> bool {
        self.accounts.set_roles(account, roles)
    }

    /// What goes wrong from now on.
    pub fn set_mishaps(&self, rules: Vec<MishapRule>) {
        self.mishaps.set(rules);
    }

    /// How often each operation was called since the mishaps were set.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.mishaps.calls()
    }
}

/// Serves until `stop` turns true; requests that are being answered are answered.
pub async fn serve(
    listener: TcpListener,
    wire: Wire,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => break,
            accepted = listener.accept() => accepted?.0,
        };
        connections.spawn(connection(stream, wire.clone(), stop.clone()));
        while connections.try_join_next().is_some() {}
    }
    while connections.join_next().await.is_some() {}
    Ok(())
}

async fn connection(stream: TcpStream, wire: Wire, mut stop: watch::Receiver<bool>) {
    let service = service_fn(move |request| {
        let wire = wire.clone();
        async move { respond(&wire, request).await }
    });
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut served = std::pin::pin!(served);
    // A client that goes away in the middle is the client's affair.
    tokio::select! {
        _ = served.as_mut() => return,
        _ = stop.wait_for(|stopped| *stopped) => {}
    }
    served.as_mut().graceful_shutdown();
    // An answer that hangs on purpose is not waited for.
    let _ = tokio::time::timeout(DRAIN, served).await;
}

/// The connection breaks without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
struct Dropped;

type Reply = Result<Response<Body>, Dropped>;

/// Answers, dated by the account's clock: clients tell from that whether theirs is right.
async fn respond(wire: &Wire, request: Request<Incoming>) -> Reply {
    let date = wire.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut response = answered(wire, request).await?;
    if let Ok(date) = date.parse() {
        response.headers_mut().insert(header::DATE, date);
    }
    Ok(response)
}

async fn answered(wire: &Wire, request: Request<Incoming>) -> Reply {
    let number = wire.requests.fetch_add(1, Ordering::Relaxed);
    let request_id = format!("{number:08x}-5c41-4000-8000-73706f746372");
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            let message = "the request is larger than 1 MiB";
            return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
    };
    if let Some(path) = parts.uri.path().strip_prefix(control::PREFIX) {
        let Wire { accounts, mishaps, clock, .. } = wire;
        let reply = control::control(accounts, mishaps, &**clock, &parts.method, path, &body);
        return Ok(reply.map(body::whole));
    }
    let now = wire.clock.now();
    let secret_of = |key: &str, token: Option<&str>| wire.accounts.secret_of(key, token, now);
    let scope = match verify(&parts, &body, secret_of, now) {
        Ok(scope) => scope,
        Err(refusal) => return Ok(refused(&refusal, &request_id)),
    };
    let Some(service) = Service::of_signing_name(&scope.service) else {
        let message = "signed for a service that is not simulated";
        return Ok(plain(StatusCode::BAD_REQUEST, message));
    };
    match Call::parse(service, &parts.method, &parts.uri, &parts.headers, &body) {
        Ok(call) => reply(wire, &scope, call, &request_id).await,
        Err(fault) => Ok(refuse(service, &fault, &request_id).map(body::whole)),
    }
}

/// Carries a call out, with what goes wrong on the way.
async fn reply(wire: &Wire, scope: &Scope, mut call: Call, request_id: &str) -> Reply {
    let service = call.service;
    let mishap = wire.mishaps.next(&call.operation);
    let rest = take_token(&mut call);
    let carried_out = if mishap.as_ref().is_none_or(Mishap::takes_effect) {
        Some(carry_out(wire, scope, &call))
    } else {
        None
    };
    if let Some(fault) = mishap.as_ref().and_then(|mishap| mishap.refusal(service)) {
        return Ok(refuse(service, &fault, request_id).map(body::whole));
    }
    let response = match carried_out {
        Some(Ok(output)) => answer(&call, distort(output, mishap.as_ref(), rest), request_id),
        Some(Err(fault)) => refuse(service, &fault, request_id),
        None => return Err(Dropped),
    };
    match mishap {
        Some(Mishap::DropAfter) => Err(Dropped),
        Some(Mishap::Hang) => std::future::pending().await,
        Some(Mishap::Slow { secs }) => Ok(response.map(|bytes| body::slow(bytes, secs))),
        Some(Mishap::Truncated) => Ok(body::truncated(response)),
        Some(Mishap::Malformed) => {
            Ok(response.map(|_| body::whole(Bytes::from_static(b"<<not what was promised"))))
        }
        _ => Ok(response.map(body::whole)),
    }
}

/// One operation on the caller's account, in one piece.
fn carry_out(wire: &Wire, scope: &Scope, call: &Call) -> Result<Output, Fault> {
    let caller = wire.accounts.caller(&scope.access_key);
    let cloud = wire.accounts.cloud(&caller.account).ok_or_else(|| unknown_key(&scope.service))?;
    let mut state = cloud.at_now();
    match call.service {
        Service::Sts => sts::call(&wire.accounts, &caller, call, wire.clock.now()),
        Service::Ec2 => ec2::call(&mut state, call),
        Service::Ecs => ecs::call(&state, call),
        Service::Pricing => pricing::call(&state, &scope.region, call),
        Service::Batch => batch::call(&mut state, call),
    }
}

/// A request that is not let in, in the words of the service that it was meant for.
fn refused(refusal: &Refusal, request_id: &str) -> Response<Body> {
    let (scope, fault) = match refusal {
        Refusal::Missing => {
            let message = "the request has no AWS Signature Version 4; sign it with the key pair \
                           that the server was started with";
            return plain(StatusCode::FORBIDDEN, message);
        }
        Refusal::UnknownKey(scope) => (scope, unknown_key(&scope.service)),
        Refusal::Expired(scope) => (scope, expired(&scope.service)),
        Refusal::Skewed(scope, message) => (scope, skewed(&scope.service, message)),
        Refusal::Mismatch(scope) => (scope, mismatch(&scope.service)),
    };
    match Service::of_signing_name(&scope.service) {
        Some(service) => refuse(service, &fault, request_id).map(body::whole),
        None => plain(StatusCode::FORBIDDEN, &fault.message),
    }
}

/// Each service has its own word for the same thing.
fn unknown_key(service: &str) -> Fault {
    let message = "The security token included in the request is invalid.";
    match service {
        "ec2" => Fault::new(
            401,
            "AuthFailure",
            "AWS was not able to validate the provided access credentials",
        ),
        "sts" => Fault::new(403, "InvalidClientTokenId", message),
        _ => Fault::new(403, "UnrecognizedClientException", message),
    }
}

fn expired(service: &str) -> Fault {
    let message = "The security token included in the request is expired";
    match service {
        "ec2" => Fault::new(400, "RequestExpired", "Request has expired."),
        "sts" => Fault::new(403, "ExpiredToken", message),
        _ => Fault::new(403, "ExpiredTokenException", message),
    }
}

fn skewed(service: &str, message: &str) -> Fault {
    match service {
        "ec2" => Fault::new(400, "RequestExpired", message),
        "sts" => Fault::new(403, "SignatureDoesNotMatch", message),
        _ => Fault::new(403, "InvalidSignatureException", message),
    }
}

fn mismatch(service: &str) -> Fault {
    let message = "The request signature we calculated does not match the signature you provided. \
                   Check your AWS Secret Access Key and signing method.";
    match service {
        "ec2" => Fault::new(403, "AuthFailure", message),
        "sts" => Fault::new(403, "SignatureDoesNotMatch", message),
        _ => Fault::new(403, "InvalidSignatureException", message),
    }
}

fn plain(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = Response::new(body::whole(Bytes::from(format!("{message}\n"))));
    *response.status_mut() = status;
    response
}
