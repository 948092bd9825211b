//! Threads that read, each on its own connection: a long report does not hold up a short look-up,
//! and neither holds up the writer.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::ports::StoreError;

use super::connection::open_for_reading;
use super::refusal::failed;

const THREADS: usize = 2;

type Query = Box<dyn FnOnce(&Connection) + Send>;

/// The reading threads' handle. Dropping it ends them.
pub(super) struct Readers {
    queue: Option<Sender<Query>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let (queue, queries) = channel();
        let queries = Arc::new(Mutex::new(queries));
        let mut threads = Vec::with_capacity(THREADS);
        for index in 0..THREADS {
            let connection =
                open_for_reading(path).map_err(failed("opening the store for reading"))?;
            let queries = Arc::clone(&queries);
            let thread = std::thread::Builder::new()
                .name(format!("store-reader-{index}"))
                .spawn(move || serve(&connection, &queries))
                .map_err(failed("starting a thread that reads the store"))?;
            threads.push(thread);
        }
        Ok(Readers { queue: Some(queue), threads })
    }

    /// Runs `query` on a reading thread.
    pub(super) async fn run<T, Q>(&self, doing: &'static str, query: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let gone = || failed(doing)("the store's reading threads have ended; restart spotcron");
        let (reply, answer) = oneshot::channel();
        let query: Query = Box::new(move |connection| {
            // A caller that was cancelled no longer listens.
            let _ = reply.send(query(connection));
        });
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send(query).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?.map_err(failed(doing))
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A panic of the thread was reported to whoever waited for it.
            let _ = thread.join();
        }
    }
}

fn serve(connection: &Connection, queries: &Mutex<Receiver<Query>>) {
    loop {
        // The lock is held while waiting and let go before the query runs.
        let next = queries.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(query) => query(connection),
            Err(_) => return,
        }
    }
}
