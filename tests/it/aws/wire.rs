//! A server on loopback that gives the answers it was told to, in order, and keeps what it was
//! asked; and a cloud that talks to it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use jiff::SignedDuration;
use spotcron::aws::{ApiCall, AwsCloud};
use spotcron::ports::FailureKind;
use spotcron::settings::{AwsSettings, Limits, Settings};

pub enum Answer {
    /// Status, body, and the error code in Batch's header.
    Http(u16, String, Option<&'static str>),
    /// Takes the request and never answers.
    Silence,
}

impl Answer {
    pub fn ok(body: impl ToString) -> Answer {
        Answer::Http(200, body.to_string(), None)
    }

    pub fn error(status: u16, code: &'static str, message: &str) -> Answer {
        let body = serde_json::json!({ "message": message }).to_string();
        Answer::Http(status, body, Some(code))
    }
}

/// What a request asked for: path or operation, and body.
#[derive(Debug, Clone)]
pub struct Asked {
    pub what: String,
    pub body: String,
}

impl Asked {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

pub struct Wire {
    pub cloud: AwsCloud,
    script: Script,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    pub async fn answering(answers: impl IntoIterator<Item = Answer>) -> Wire {
        let script = Script::default();
        script.answers.lock().unwrap().extend(answers);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let (cloud, calls) = cloud_at(&url).await;
        Wire { cloud, script, calls }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.script.asked.lock().unwrap().clone()
    }

    /// `operation outcome attempt`, one per request that ended.
    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

/// With the timeouts of real life, for an emulator that takes its time.
pub async fn patient_cloud_at(url: &str) -> AwsCloud {
    let settings = Settings::default();
    let observer = Arc::new(|_: &ApiCall<'_>| {});
    AwsCloud::emulated(url, &settings.aws, &settings.limits, observer).await.unwrap()
}

/// With timeouts short enough to wait for, and what its observer is told.
pub async fn cloud_at(url: &str) -> (AwsCloud, Arc<Mutex<Vec<String>>>) {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let kept = calls.clone();
    let observer = move |call: &ApiCall<'_>| {
        let label = call.outcome.map_or_else(FailureKind::label, |()| "ok");
        let line = format!("{} {} {}", call.operation, label, call.attempt);
        kept.lock().unwrap().push(line);
    };
    let settings = AwsSettings {
        region: Some("us-east-1".into()),
        connect_timeout: SignedDuration::from_millis(500),
        attempt_timeout: SignedDuration::from_millis(500),
        ..Settings::default().aws
    };
    let limits =
        Limits { submit_per_second: 1000, stop_per_second: 1000, describe_per_second: 1000 };
    (AwsCloud::emulated(url, &settings, &limits, Arc::new(observer)).await.unwrap(), calls)
}

async fn answer(State(script): State<Script>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let action = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
    let what = target.or(action).unwrap_or(parts.uri.path()).to_owned();
    script.asked.lock().unwrap().push(Asked { what, body });
    let next = script.answers.lock().unwrap().pop_front();
    match next {
        Some(Answer::Http(status, body, code)) => {
            let builder = Response::builder().status(status);
            let builder = match code {
                Some(code) => builder.header("x-amzn-errortype", code),
                None => builder,
            };
            builder.body(Body::from(body)).unwrap()
        }
        Some(Answer::Silence) => std::future::pending().await,
        // A teapot is no answer of AWS's, and is not repeated by the SDK.
        None => Response::builder().status(418).body(Body::from("the script is over")).unwrap(),
    }
}
