//! One request to the daemon.

use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use crate::cli::args::FormatArg;
use crate::cli::{CliError, open};
use crate::daemon::http::Problem;

/// The environment variable that holds the token.
const TOKEN_VARIABLE: &str = "SPOTCRON_TOKEN";
/// The daemon answers as soon as its disk has taken the change.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the daemon is, and with which token it is asked.
#[derive(Debug, Clone, Args)]
pub struct Remote {
    /// The daemon's address [default: `http.listen` of the settings]
    #[arg(long, value_name = "URL", help_heading = "Daemon")]
    pub url: Option<String>,
    /// Settings file [default: config/spotcron.toml where it exists]
    #[arg(long, value_name = "FILE", help_heading = "Daemon")]
    pub config: Option<PathBuf>,
    /// A file that holds the token [default: the environment's SPOTCRON_TOKEN]
    #[arg(long, value_name = "FILE", help_heading = "Daemon")]
    pub token_file: Option<PathBuf>,
    #[command(flatten)]
    pub format: FormatArg,
}

/// A daemon that can be asked.
pub struct Client {
    /// `host:port`.
    authority: String,
    token: String,
}

/// What the daemon said.
pub struct Answer {
    status: StatusCode,
    body: Bytes,
    /// What was asked for with, where that was a command.
    key: Option<String>,
}

/// An answer other than the one wanted.
pub struct Refused {
    pub problem: Option<Problem>,
    pub error: CliError,
}

impl Client {
    pub fn open(remote: &Remote) -> Result<Self, CliError> {
        let authority = match &remote.url {
            Some(url) => authority_of(url)?,
            None => open::settings(remote.config.as_deref())?.http.listen.to_string(),
        };
        Ok(Client { authority, token: token(remote)? })
    }

    /// Asks for a page.
    pub async fn get(&self, path: &str) -> Result<Answer, CliError> {
        self.send(Method::GET, path, Bytes::new(), None).await
    }

    /// Sends a command under `key`.
    pub async fn post(
        &self,
        path: &str,
        body: &serde_json::Value,
        key: &str,
    ) -> Result<Answer, CliError> {
        self.send(Method::POST, path, Bytes::from(body.to_string()), Some(key)).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        key: Option<&str>,
    ) -> Result<Answer, CliError> {
        let stream = self.connect().await?;
        let request = self.request(method, path, body, key)?;
        let exchange = async {
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            // It carries the request; it ends with the answer.
            tokio::spawn(connection);
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            let key = key.map(str::to_owned);
            Ok::<Answer, hyper::Error>(Answer { status, body, key })
        };
        let lost = || {
            let error = CliError::failed(format!("{} did not answer", self.authority));
            match key {
                Some(key) => {
                    error.hint(format!("whether it was done is not known; {}", once_more(key)))
                }
                None => error.hint("ask again"),
            }
        };
        match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(lost().caused_by(error)),
            Err(elapsed) => Err(lost().caused_by(elapsed)),
        }
    }

    async fn connect(&self) -> Result<TcpStream, CliError> {
        let failed = |error: std::io::Error| {
            CliError::failed(format!("no daemon can be reached at {}", self.authority))
                .caused_by(error)
                .hint("start it, or name where it listens with --url http://HOST:PORT")
        };
        // Blocking, like everything that this process waits for.
        let addresses: Vec<_> = self.authority.to_socket_addrs().map_err(failed)?.collect();
        match tokio::time::timeout(PATIENCE, TcpStream::connect(&addresses[..])).await {
            Ok(connected) => connected.map_err(failed),
            Err(elapsed) => Err(failed(elapsed.into())),
        }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        key: Option<&str>,
    ) -> Result<Request<Full<Bytes>>, CliError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.authority)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        if let Some(key) = key {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .header("idempotency-key", key);
        }
        request.body(Full::new(body)).map_err(|_| {
            // The cause would quote what was wrong, and that may be the token.
            CliError::input("the token or the key holds characters that HTTP does not carry")
                .hint("give the token as `spotcron token new` printed it")
        })
    }
}

/// How a command is repeated of which nobody knows whether it was carried out.
fn once_more(key: &str) -> String {
    format!("ask again with --key {key}: it is done once")
}

/// `host:port` of an address such as `http://127.0.0.1:9188`.
fn authority_of(url: &str) -> Result<String, CliError> {
    let wrong = |why: &str, hint: &str| Err(CliError::input(format!("{url} {why}")).hint(hint));
    let example = "write it as http://127.0.0.1:9188";
    let Ok(uri) = url.parse::<Uri>() else { return wrong("is no address", example) };
    match (uri.scheme_str(), uri.host(), uri.path()) {
        (Some("https"), ..) => wrong(
            "asks for TLS, which this program does not speak",
            "reach the daemon through a tunnel, such as ssh -L 9188:127.0.0.1:9188 HOST",
        ),
        (Some("http"), Some(host), "" | "/") => {
            Ok(format!("{host}:{}", uri.port_u16().unwrap_or(80)))
        }
        _ => wrong("is no address of a daemon", example),
    }
}

fn token(remote: &Remote) -> Result<String, CliError> {
    let text = match &remote.token_file {
        Some(path) => std::fs::read_to_string(path).map_err(|error| {
            CliError::input(format!("{} cannot be read", path.display())).caused_by(error)
        })?,
        None => std::env::var(TOKEN_VARIABLE).unwrap_or_default(),
    };
    let token = text.trim();
    if token.is_empty() {
        return Err(CliError::input("there is no token to ask the daemon with")
            .hint("put it into SPOTCRON_TOKEN or --token-file; `spotcron token new` makes one"));
    }
    Ok(token.to_owned())
}

impl Answer {
    /// The body, if the daemon did what was asked.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Box<Refused>> {
        if self.status.is_success() {
            return serde_json::from_slice(&self.body).map_err(|error| {
                let error = CliError::failed("the daemon's answer was not understood")
                    .caused_by(error)
                    .hint(self.repeatable("use the spotcron of the daemon's own version"));
                Box::new(Refused { problem: None, error })
            });
        }
        let mut problem: Option<Problem> = serde_json::from_slice(&self.body).ok();
        let error = match &mut problem {
            Some(problem) => {
                if self.status.is_server_error() {
                    problem.hint = self.repeatable(&problem.hint);
                }
                let (detail, hint) = (problem.detail.as_str(), problem.hint.as_str());
                let error = if problem.is_input() {
                    CliError::input(detail)
                } else {
                    CliError::failed(detail)
                };
                error.hint(hint)
            }
            None => {
                let hint = "is it a spotcron, and not something else, that listens there?";
                let error = CliError::failed(format!("the daemon answered {}", self.status));
                match self.status.is_server_error() {
                    // A proxy that lost the daemon's answer, say.
                    true => error.hint(self.repeatable(hint)),
                    false => error.hint(hint),
                }
            }
        };
        Err(Box::new(Refused { problem, error }))
    }

    /// `hint`, and how a command is repeated that may have been carried out.
    fn repeatable(&self, hint: &str) -> String {
        match &self.key {
            Some(key) => format!("{hint}; {}", once_more(key)),
            None => hint.to_owned(),
        }
    }
}
