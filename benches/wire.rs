//! How many requests a second the simulated account answers over HTTP on one core: signature, parsing,
//! the account itself and the answer, with the client in the same thread. Prints `name requests_per_second`.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::Request;
use spotcron::clock::WallClock;
use spotcron::domain::Capacity;
use spotcron::sim::wire::{Keys, Wire, serve, sign};
use spotcron::sim::{Scenario, SimCloud};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const REQUESTS: usize = 10_000;
/// Jobs that the account holds while it is asked.
const IN_FLIGHT: usize = 10_000;

/// A signed request as it goes over the line.
fn raw(host: &str, path: &str, body: &str) -> Vec<u8> {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let request = Request::post(path).header("host", host).header("x-amz-date", &now);
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    let authorization = sign(&parts, &bytes, ("key", "secret"), ("us-east-1", "batch"));
    format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nx-amz-date: {now}\r\n\
         authorization: {authorization}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Reads one answer; its body.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> String {
    loop {
        let head = buffer.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(head) = head {
            let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
            let length = text.split("content-length: ").nth(1).unwrap();
            let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
            let whole = head + 4 + length;
            if buffer.len() >= whole {
                assert!(text.starts_with("http/1.1 200"), "{}", String::from_utf8_lossy(buffer));
                let body = String::from_utf8_lossy(&buffer[head + 4..whole]).into_owned();
                buffer.drain(..whole);
                return body;
            }
        }
        let mut part = [0; 65_536];
        let read = stream.read(&mut part).await.unwrap();
        assert!(read > 0, "the server went away");
        buffer.extend_from_slice(&part[..read]);
    }
}

async fn measure(name: &str, host: &str, path: &str, body: &str, requests: usize) {
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let request = raw(host, path, body);
    let mut buffer = Vec::new();
    let began = Instant::now();
    for _ in 0..requests {
        stream.write_all(&request).await.unwrap();
        answer(&mut stream, &mut buffer).await;
    }
    let rate = requests as f64 / began.elapsed().as_secs_f64();
    println!("{name} {rate:.0}");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let scenario = Scenario::empty("us-east-1", "ab")
        .with_queue("spot", Capacity::Spot, &["m6i.large", "m6i.xlarge"], 40_000)
        .with_definition("long", 36_000);
    let clock = Arc::new(WallClock);
    let cloud = SimCloud::new(scenario, 1, clock.clone()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = watch::channel(false);
    let wire = Wire::new(cloud, clock, Keys::one("key", "secret"));
    let server = tokio::spawn(serve(listener, wire, stopped));

    let submit = r#"{"jobName": "bench", "jobQueue": "spot", "jobDefinition": "long"}"#;
    measure("submit_job", &host, "/v1/submitjob", submit, IN_FLIGHT).await;
    let ids = ids(&host).await;
    let describe = |ids: &[String]| serde_json::json!({ "jobs": ids }).to_string();
    let path = "/v1/describejobs";
    measure("describe_one_job", &host, path, &describe(&ids[..1]), REQUESTS).await;
    measure("describe_hundred_jobs", &host, path, &describe(&ids), REQUESTS / 10).await;
    let list = r#"{"jobQueue": "spot", "jobStatus": "RUNNABLE", "maxResults": 100}"#;
    measure("list_hundred_jobs", &host, "/v1/listjobs", list, REQUESTS / 10).await;
    stop.send_replace(true);
    server.await.unwrap().unwrap();
}

/// A hundred jobs of the account.
async fn ids(host: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(host).await.unwrap();
    let mut buffer = Vec::new();
    for status in ["RUNNING", "STARTING", "RUNNABLE", "SUBMITTED"] {
        let body = format!(r#"{{"jobQueue": "spot", "jobStatus": "{status}", "maxResults": 100}}"#);
        stream.write_all(&raw(host, "/v1/listjobs", &body)).await.unwrap();
        let page: serde_json::Value =
            serde_json::from_str(&answer(&mut stream, &mut buffer).await).unwrap();
        let jobs = page["jobSummaryList"].as_array().unwrap();
        if jobs.len() == 100 {
            return jobs.iter().map(|job| job["jobId"].as_str().unwrap().to_owned()).collect();
        }
    }
    panic!("no status has a hundred jobs");
}
