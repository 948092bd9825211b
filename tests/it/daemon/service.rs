//! The end of the process: in order, and within the grace whatever hangs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use spotcron::daemon::{Activation, ServiceError, Shared, Task, TaskError, serve_until};
use spotcron::ports::Activator;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::world::{CATALOGUE, NoWakes, World};

/// Far beyond the grace, of paused time: whoever is still there then hangs for ever.
const FOR_EVER: Duration = Duration::from_secs(24 * 3600);

/// A service with `tasks` on a port of its own, and the word that stops it.
struct Running {
    address: std::net::SocketAddr,
    told: oneshot::Sender<()>,
    service: JoinHandle<Result<(), ServiceError>>,
    shared: Arc<Shared>,
    _folder: TempDir,
}

impl Running {
    async fn with(tasks: Vec<Box<dyn Task>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalogue: PathBuf = folder.path().join("catalogue.toml");
        std::fs::write(&catalogue, CATALOGUE).unwrap();
        let mut world = World::new(1, 0.0).await;
        world.settings.catalogue = vec![catalogue];
        world.restart().await;
        let shared = Arc::clone(&world.shared);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (told, word) = oneshot::channel();
        let serving = Arc::clone(&shared);
        let service = tokio::spawn(async move {
            let word = async { word.await.unwrap() };
            serve_until(serving, listener, tasks, &NoWakes, word).await
        });
        Running { address, told, service, shared, _folder: folder }
    }

    /// Says stop, and how the service ended.
    async fn stop(self) -> Result<(), ServiceError> {
        self.told.send(()).unwrap();
        let ended = tokio::time::timeout(FOR_EVER, self.service).await;
        ended.expect("it hangs for ever").unwrap()
    }

    /// A whole request and its answer: what other clients sent before was read by then.
    async fn ask(&self) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = b"GET /healthz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

/// Activates once: says so, and comes to an end when `end` does.
struct Stalls {
    began: Option<oneshot::Sender<()>>,
    end: Option<oneshot::Receiver<()>>,
}

#[async_trait]
impl Task for Stalls {
    fn name(&self) -> &'static str {
        "stalls"
    }
    fn period(&self) -> SignedDuration {
        SignedDuration::from_hours(1000)
    }
    fn bell(&self) -> Activator {
        Activator::default()
    }
    async fn activate(&mut self, _now: Timestamp) -> Result<Activation, TaskError> {
        self.began.take().unwrap().send(()).unwrap();
        match self.end.take() {
            Some(end) => end.await.unwrap(),
            None => std::future::pending().await,
        }
        Ok(Activation::default())
    }
}

fn stalls(end: Option<oneshot::Receiver<()>>) -> (Vec<Box<dyn Task>>, oneshot::Receiver<()>) {
    let (began, beginning) = oneshot::channel();
    (vec![Box::new(Stalls { began: Some(began), end })], beginning)
}

#[tokio::test(start_paused = true)]
async fn half_a_request_does_not_keep_the_process_alive() {
    let (end, ending) = oneshot::channel();
    let (tasks, began) = stalls(Some(ending));
    let running = Running::with(tasks).await;
    began.await.unwrap();
    end.send(()).unwrap();
    let mut slow = TcpStream::connect(running.address).await.unwrap();
    slow.write_all(b"GET /status HTTP/1.1\r\nHo").await.unwrap();
    running.ask().await;
    let grace = Duration::try_from(running.shared.settings.shutdown_grace).unwrap();
    let told_at = tokio::time::Instant::now();
    running.stop().await.unwrap();
    assert_eq!(told_at.elapsed().as_secs(), grace.as_secs(), "of paused time: all of the grace");
    drop(slow);
}

#[tokio::test(start_paused = true)]
async fn with_nothing_open_the_end_takes_no_time() {
    let (end, ending) = oneshot::channel();
    let (tasks, began) = stalls(Some(ending));
    let running = Running::with(tasks).await;
    began.await.unwrap();
    running.ask().await;
    end.send(()).unwrap();
    let told_at = tokio::time::Instant::now();
    let shared = Arc::clone(&running.shared);
    running.stop().await.unwrap();
    assert!(told_at.elapsed() < Duration::from_secs(1), "of paused time");
    assert!(!spotcron::daemon::status_page(&shared).ready);
}

#[tokio::test(start_paused = true)]
async fn an_activation_that_hangs_is_left_when_the_grace_ends_and_the_end_says_so() {
    let (tasks, began) = stalls(None);
    let running = Running::with(tasks).await;
    began.await.unwrap();
    // A client that hangs too gets no second grace.
    let mut slow = TcpStream::connect(running.address).await.unwrap();
    slow.write_all(b"GET /status HTTP/1.1\r\nHo").await.unwrap();
    running.ask().await;
    let grace = Duration::try_from(running.shared.settings.shutdown_grace).unwrap();
    let told_at = tokio::time::Instant::now();
    let ServiceError::Died(text) = running.stop().await.unwrap_err() else { panic!("not a death") };
    assert!(text.contains("still running when the grace ended"), "{text}");
    assert_eq!(told_at.elapsed().as_secs(), grace.as_secs(), "of paused time: one grace, not two");
    drop(slow);
}

#[tokio::test(start_paused = true)]
async fn a_catalogue_that_cannot_be_watched_ends_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(1, 0.0).await;
    world.settings.catalogue = vec![folder.path().join("gone/catalogue.toml")];
    world.restart().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (tasks, _began) = stalls(None);
    let never = std::future::pending();
    let ended = serve_until(Arc::clone(&world.shared), listener, tasks, &NoWakes, never).await;
    let Err(ServiceError::Died(text)) = ended else { panic!("it went on") };
    assert!(text.contains("gone cannot be watched"), "{text}");
}
