//! Commands over HTTP: who may give them, and what is answered.

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};
use spotcron::daemon::{http, reload_tokens};
use spotcron::diagnostic::Source;
use spotcron::settings::tokens;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::world::World;
use crate::samples::mins;

/// A daemon that listens, with the tokens of an operator and of one who may look.
pub struct Served {
    pub world: World,
    pub address: SocketAddr,
    pub operator: String,
    reader: String,
    _stop: watch::Sender<bool>,
}

pub fn entry(name: &str, scope: &str, sha256: &str) -> String {
    format!("[[tokens]]\nname = \"{name}\"\nscopes = [\"{scope}\"]\nsha256 = \"{sha256}\"\n")
}

pub async fn serve(world: World) -> Served {
    let (operator, one) = tokens::mint([1; 32]);
    let (reader, two) = tokens::mint([2; 32]);
    let text = entry("alice", "operate", &one) + &entry("grafana", "read", &two);
    let (known, findings) = tokens::load_source(Source::new("tokens.toml", text));
    assert!(findings.is_empty(), "{findings:?}");
    world.shared.tokens.store(known.map(Arc::new));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(http::serve(listener, Arc::clone(&world.shared), stopped));
    Served { world, address, operator, reader, _stop }
}

async fn served() -> Served {
    let mut world = World::new(8, 0.0).await;
    world.run_for(mins(61)).await;
    serve(world).await
}

/// Sends a request as it is, and reads the status and the body.
async fn send(address: SocketAddr, head: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let text = format!(
        "{head}\r\nHost: test\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    // A server that answers without reading the body may close while it is being sent.
    let _ = stream.write_all(text.as_bytes()).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

const POST: &str = "POST /api/v1/commands HTTP/1.1";

impl Served {
    async fn post(&self, headers: &str, body: &Value) -> (u16, Value) {
        let head = format!(
            "{POST}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json{headers}",
            self.operator
        );
        let (status, body) = send(self.address, &head, &body.to_string()).await;
        (status, serde_json::from_str(&body).unwrap_or_else(|_| panic!("{body}")))
    }

    async fn get(&self, path: &str, token: &str) -> (u16, String) {
        let head = format!("GET {path} HTTP/1.1\r\nAuthorization: Bearer {token}");
        send(self.address, &head, "").await
    }
}

#[tokio::test]
async fn a_command_is_answered_with_what_it_did_for_people_and_programs() {
    let served = served().await;
    let (status, done) = served.post("", &json!({ "command": "trigger", "job": "import" })).await;
    assert_eq!(status, 200, "{done}");
    assert_eq!((&done["by"], &done["outcome"]), (&json!("alice"), &json!("done")));
    assert_eq!(done["answer"]["run"], "import-20260601T010100Z-t1");
    assert!(done["said"][0].as_str().unwrap().starts_with("Started import-2026"), "{done}");
}

#[tokio::test]
async fn refusals_are_problem_details_with_what_to_do() {
    let served = served().await;
    let run = "import-20260601T002000Z";
    for (body, status, code) in [
        (json!({ "command": "trigger", "job": "nobody" }), 404, "unknown-job"),
        (json!({ "command": "retry", "run": run }), 409, "succeeded"),
        (
            json!({ "command": "trigger", "job": "import", "parameters": { "a": "b" } }),
            422,
            "not-overridable",
        ),
        (json!({ "command": "shutdown" }), 400, "no-command"),
        (json!([1, 2]), 400, "no-command"),
    ] {
        let (answered, problem) = served.post("", &body).await;
        assert_eq!((answered, &problem["code"]), (status, &json!(code)), "{problem}");
        assert_eq!(problem["status"], status);
        let words = |key: &str| problem[key].as_str().unwrap_or_default().len();
        assert!(words("detail") > 10 && words("hint") > 10 && words("title") > 3, "{problem}");
    }
}

#[tokio::test]
async fn only_who_has_a_token_for_it_is_heard() {
    let served = served().await;
    let body = json!({ "command": "pause", "jobs": "all" }).to_string();
    let operator = &served.operator;
    for (authorization, status) in [
        (String::new(), 401),
        ("\r\nAuthorization: Bearer".to_owned(), 401),
        ("\r\nAuthorization: Bearer wrong".to_owned(), 401),
        (format!("\r\nAuthorization: Basic {operator}"), 401),
        (format!("\r\nAuthorization: Bearer {}", &operator[..operator.len() - 1]), 401),
        (format!("\r\nAuthorization: Bearer {operator}0"), 401),
        (format!("\r\nAuthorization: Bearer {}", served.reader), 403),
        (format!("\r\nAuthorization: bearer {operator}"), 200),
    ] {
        let head = format!("{POST}\r\nContent-Type: application/json{authorization}");
        let (answered, text) = send(served.address, &head, &body).await;
        assert_eq!(answered, status, "{authorization}: {text}");
        assert!(!text.contains(operator.as_str()), "{text}");
    }
    // Who may operate may look, and who may look sees who paused.
    for token in [operator, &served.reader] {
        let (status, text) = served.get("/api/v1/pauses", token).await;
        assert_eq!(status, 200);
        let pauses: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(pauses["all_paused"]["by"], "alice");
        assert_eq!(served.get("/api/v1/audit", token).await.0, 200);
    }
    assert_eq!(served.get("/api/v1/audit", "wrong").await.0, 401);
    for wrong in ["limit=x", "since=yesterday", "who=alice"] {
        assert_eq!(served.get(&format!("/api/v1/audit?{wrong}"), operator).await.0, 400);
    }
    for (query, records) in
        [("by=alice&limit=1", 1), ("by=bob", 0), ("since=2100-01-01T00:00:00Z", 0)]
    {
        let (_, text) = served.get(&format!("/api/v1/audit?{query}"), operator).await;
        let found: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(found.len(), records, "{query}");
        assert!(!text.contains("fingerprint"), "{text}");
    }
}

#[tokio::test]
async fn without_tokens_nobody_operates() {
    let served = served().await;
    served.world.shared.tokens.store(None);
    let (status, problem) = served.post("", &json!({ "command": "pause", "jobs": "all" })).await;
    assert_eq!((status, &problem["code"]), (404, &json!("no-tokens")));
}

#[tokio::test]
async fn what_a_web_page_could_send_is_not_taken() {
    let served = served().await;
    let authorized = format!("{POST}\r\nAuthorization: Bearer {}", served.operator);
    let body = json!({ "command": "pause", "jobs": "all" }).to_string();
    for kind in [
        "",
        "\r\nContent-Type: text/plain",
        "\r\nContent-Type: application/x-www-form-urlencoded",
        "\r\nContent-Type: multipart/form-data; boundary=x",
    ] {
        let (status, text) = send(served.address, &format!("{authorized}{kind}"), &body).await;
        assert_eq!(status, 415, "{kind}: {text}");
    }
    let preflight = "OPTIONS /api/v1/commands HTTP/1.1\r\nOrigin: http://evil.example\r\n\
                     Access-Control-Request-Method: POST";
    assert_eq!(send(served.address, preflight, "").await.0, 405);
    assert_eq!(served.get("/api/v1/commands", &served.operator).await.0, 405);
    let json = format!("{authorized}\r\nContent-Type: application/json; charset=utf-8");
    let large = json!({ "command": "pause", "jobs": "all", "note": "x".repeat(70_000) });
    assert_eq!(send(served.address, &json, &large.to_string()).await.0, 413);
    assert_eq!(send(served.address, &json, &body).await.0, 200);
}

#[tokio::test]
async fn a_repeated_request_is_answered_again_and_done_once() {
    let served = served().await;
    let trigger = json!({ "command": "trigger", "job": "import" });
    let key = "\r\nIdempotency-Key: 4711";
    let (_, first) = served.post(key, &trigger).await;
    assert_eq!(first["repeated"], false);
    // Blanks and the order of keys are no other request.
    let head = format!(
        "{POST}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json{key}",
        served.operator
    );
    let same = "{ \"job\":\n\"import\", \"command\": \"trigger\" }";
    let (status, second) = send(served.address, &head, same).await;
    let second: Value = serde_json::from_str(&second).unwrap();
    assert_eq!((status, &second["repeated"]), (200, &json!(true)), "{second}");
    assert_eq!(second["answer"], first["answer"]);
    let (status, problem) =
        served.post(key, &json!({ "command": "trigger", "job": "report" })).await;
    assert_eq!((status, &problem["code"]), (422, &json!("key-used")));
    let runs = served.world.runs().await;
    assert_eq!(runs.iter().filter(|run| run.id.as_str().ends_with("-t1")).count(), 1);
    let (_, other) = served.post("", &trigger).await;
    assert_eq!(other["answer"]["run"], "import-20260601T010100Z-t2");
    assert_eq!(served.post("\r\nIdempotency-Key: ", &trigger).await.0, 400);
}

#[tokio::test]
async fn pages_that_only_show_ask_for_a_token_where_they_are_told_to() {
    let mut world = World::new(8, 0.0).await;
    world.settings.http.tokens = Some("tokens.toml".into());
    world.settings.http.protect_reads = true;
    world.restart().await;
    world.run_for(SignedDuration::from_mins(5)).await;
    let served = serve(world).await;
    for path in ["/", "/metrics", "/status"] {
        assert_eq!(served.get(path, "wrong").await.0, 401, "{path}");
        assert_eq!(served.get(path, &served.reader).await.0, 200, "{path}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(send(served.address, &format!("GET {path} HTTP/1.1"), "").await.0, 200);
    }
}

#[tokio::test]
async fn a_changed_file_of_tokens_is_taken_over_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.toml");
    let mut world = World::new(8, 0.0).await;
    world.settings.http.tokens = Some(path.clone());
    world.restart().await;
    world.run_for(mins(1)).await;
    let served = serve(world).await;
    let (fresh, sha256) = tokens::mint([9; 32]);
    std::fs::write(&path, "[[tokens]]\nname = 7\n").unwrap();
    reload_tokens(&served.world.shared);
    assert_eq!(served.get("/api/v1/pauses", &served.operator).await.0, 200, "the old ones stay");
    std::fs::write(&path, entry("bob", "read", &sha256)).unwrap();
    reload_tokens(&served.world.shared);
    assert_eq!(served.get("/api/v1/pauses", &fresh).await.0, 200);
    assert_eq!(served.get("/api/v1/pauses", &served.operator).await.0, 401, "withdrawn");
    std::fs::remove_file(&path).unwrap();
    reload_tokens(&served.world.shared);
    assert_eq!(served.get("/api/v1/pauses", &fresh).await.0, 200);
}
