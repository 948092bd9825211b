//! The one writer. Requests wait in a channel; the thread takes all that wait and commits them in
//! one transaction, with a savepoint each, so that many tasks share one sync of the disk and one
//! batch's conflict does not touch the others.

use std::error::Error;
use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::mutation::{self, Mutation};
use crate::ports::{StoreError, Write};

use super::refusal::failed;
use super::write;

/// Batches that may wait; then callers wait to queue.
const QUEUE: usize = 1024;
/// Batches in one transaction at most, so that the first of them is not kept waiting for long.
const GROUP: usize = 256;

/// One batch, and where its outcome goes.
struct Request {
    writes: Vec<Write>,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

/// The writer thread's handle. Dropping it lets the thread finish what is queued.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, epoch: i64) -> Result<Self, StoreError> {
        Writer::spawn(move |requests| serve(&connection, epoch, requests))
    }

    fn spawn(
        work: impl FnOnce(mpsc::Receiver<Request>) + Send + 'static,
    ) -> Result<Self, StoreError> {
        let (queue, requests) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || work(requests))
            .map_err(failed("starting the store's writer thread"))?;
        Ok(Writer { queue: Some(queue), thread: Some(thread) })
    }

    /// Returns when the batch is durable, or why it is not. Never waits for a thread that is gone.
    pub(super) async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let gone = || {
            let source = "the store's writer thread has ended; restart spotcron";
            failed("handing a batch to the writer")(source)
        };
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        let (reply, outcome) = oneshot::channel();
        queue.send(Request { writes, reply }).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported to whoever waited for it.
            let _ = thread.join();
        }
    }
}

fn serve(connection: &Connection, epoch: i64, mut requests: mpsc::Receiver<Request>) {
    while let Some(first) = requests.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(next) = requests.try_recv()
        {
            group.push(next);
        }
        let batches: Vec<&[Write]> = group.iter().map(|request| &request.writes[..]).collect();
        let outcomes = commit_group(connection, epoch, &batches);
        for (request, outcome) in group.into_iter().zip(outcomes) {
            // A caller that was cancelled no longer listens; its batch is decided all the same.
            let _ = request.reply.send(outcome);
        }
    }
}

/// One batch in a transaction of its own.
pub(super) fn commit_one(
    connection: &Connection,
    epoch: i64,
    writes: &[Write],
) -> Result<(), StoreError> {
    begin(connection, epoch).map_err(|failure| failure.of_one_batch())?;
    match write::apply(connection, writes) {
        Ok(()) => commit(connection).map_err(|failure| failure.of_one_batch()),
        Err(error) => {
            roll_back(connection);
            Err(error)
        }
    }
}

/// All batches in one transaction; one outcome each, in their order.
fn commit_group(
    connection: &Connection,
    epoch: i64,
    batches: &[&[Write]],
) -> Vec<Result<(), StoreError>> {
    if let [writes] = batches {
        return vec![commit_one(connection, epoch, writes)];
    }
    match try_group(connection, epoch, batches) {
        Ok(outcomes) => outcomes,
        Err(failure) => {
            roll_back(connection);
            batches.iter().map(|_| Err(failure.of_one_batch())).collect()
        }
    }
}

fn try_group(
    connection: &Connection,
    epoch: i64,
    batches: &[&[Write]],
) -> Result<Vec<Result<(), StoreError>>, Failure> {
    begin(connection, epoch)?;
    let outcomes = batches
        .iter()
        .map(|writes| in_savepoint(connection, writes))
        .collect::<Result<Vec<_>, Failure>>()?;
    commit(connection)?;
    Ok(outcomes)
}

/// What failed for a whole transaction; every batch in it gets its copy.
enum Failure {
    Deposed { ours: i64, theirs: i64 },
    Lost { doing: &'static str, source: Arc<dyn Error + Send + Sync> },
}

impl Failure {
    fn lost(doing: &'static str) -> impl FnOnce(rusqlite::Error) -> Failure {
        move |source| Failure::Lost { doing, source: Arc::new(source) }
    }

    fn of_one_batch(&self) -> StoreError {
        match self {
            Failure::Deposed { ours, theirs } => {
                StoreError::Deposed { ours: *ours, theirs: *theirs }
            }
            Failure::Lost { doing, source } => {
                StoreError::Failed { doing, source: Box::new(Arc::clone(source)) }
            }
        }
    }
}

/// Begins a transaction that holds the write lock, if this process still owns the store.
fn begin(connection: &Connection, ours: i64) -> Result<(), Failure> {
    let lost = Failure::lost;
    run(connection, "BEGIN IMMEDIATE").map_err(lost("beginning a transaction"))?;
    let stored = connection
        .prepare_cached("SELECT epoch FROM meta")
        .and_then(|mut select| select.query_row([], |row| row.get::<_, i64>(0)));
    let failure = match stored {
        Ok(theirs) if theirs == ours || mutation::active(Mutation::StaleEpoch) => return Ok(()),
        Ok(theirs) => Failure::Deposed { ours, theirs },
        Err(error) => lost("checking who owns the store")(error),
    };
    roll_back(connection);
    Err(failure)
}

fn commit(connection: &Connection) -> Result<(), Failure> {
    run(connection, "COMMIT").map_err(|error| {
        roll_back(connection);
        Failure::lost("committing; nothing was written")(error)
    })
}

/// The outer result is the transaction's, the inner one the batch's. Errors such as a full disk
/// can make SQLite roll the whole transaction back; a savepoint after that would begin another.
fn in_savepoint(
    connection: &Connection,
    writes: &[Write],
) -> Result<Result<(), StoreError>, Failure> {
    let doing = "setting one batch apart from the others";
    run(connection, "SAVEPOINT batch").map_err(Failure::lost(doing))?;
    let outcome = write::apply(connection, writes);
    if let Err(error) = outcome {
        if connection.is_autocommit() {
            let doing = "committing several batches at once; nothing was written";
            return Err(Failure::Lost { doing, source: Arc::new(error) });
        }
        run(connection, "ROLLBACK TO batch").map_err(Failure::lost(doing))?;
        run(connection, "RELEASE batch").map_err(Failure::lost(doing))?;
        return Ok(Err(error));
    }
    run(connection, "RELEASE batch").map_err(Failure::lost(doing))?;
    Ok(outcome)
}

fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}

/// Ends a transaction that failed. When even that fails, the next `BEGIN` does too, and says so.
fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        let _ = run(connection, "ROLLBACK");
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::{open_in_memory, raise_epoch};
    use super::super::{create, queries};
    use super::*;
    use crate::domain::InstanceShape;
    use crate::ledger::Counter;
    use crate::ports::StoreIdentity;

    fn database() -> Connection {
        let mut connection = open_in_memory().unwrap();
        let identity = StoreIdentity::Simulation { seed: 1 };
        create::create_tables(&mut connection, &identity).unwrap();
        assert_eq!(raise_epoch(&mut connection).unwrap(), 1);
        connection
    }

    fn shape(name: &str, text: &str) -> Write {
        let shape =
            InstanceShape { vcpus: 1, memory_mib: 1, gpus: 0, architecture: text.to_owned() };
        Write::Shape(name.into(), shape)
    }

    fn shapes(connection: &Connection) -> Vec<String> {
        queries::shapes(connection).unwrap().into_keys().map(|name| name.to_string()).collect()
    }

    #[test]
    fn one_failing_batch_of_a_group_leaves_the_others() {
        let connection = database();
        let bad = vec![shape("bad", "x"), Write::Count(Counter::ScheduleLags, i128::MAX)];
        let (a, b) = (vec![shape("a", "x")], vec![shape("b", "x")]);
        let outcomes = commit_group(&connection, 1, &[&a, &bad, &b]);
        assert!(matches!(outcomes[..], [Ok(()), Err(StoreError::Failed { .. }), Ok(())]));
        assert_eq!(shapes(&connection), ["a", "b"]);
        assert!(connection.is_autocommit());
    }

    #[test]
    fn a_group_of_a_deposed_process_is_refused_whole() {
        let connection = database();
        let (a, b) = (vec![shape("a", "x")], vec![shape("b", "x")]);
        for outcome in commit_group(&connection, 0, &[&a, &b]) {
            assert!(matches!(outcome, Err(StoreError::Deposed { ours: 0, theirs: 1 })));
        }
        assert_eq!(shapes(&connection), [""; 0]);
        commit_one(&connection, 1, &a).unwrap();
    }

    /// What is reported as written is there, what is reported as failed is not, alone or in a
    /// group; and with room again, writing goes on.
    #[test]
    fn a_full_disk_fails_what_does_not_fit() {
        let connection = database();
        let pages: i64 = connection.query_row("PRAGMA page_count", [], |r| r.get(0)).unwrap();
        let limit = |pages: i64| connection.pragma_update(None, "max_page_count", pages).unwrap();
        limit(pages + 2);
        let large = vec![shape("early", "x"), shape("large", &"x".repeat(100_000))];
        let small = vec![shape("small", "x")];
        let error = commit_one(&connection, 1, &large).unwrap_err();
        let StoreError::Failed { doing: "writing an instance type", source } = error else {
            panic!("{error:?}")
        };
        assert!(source.to_string().contains("full"), "{source}");
        assert_eq!(shapes(&connection), [""; 0]);

        let outcomes = commit_group(&connection, 1, &[&small, &large]);
        assert!(outcomes[1].is_err());
        let expected: &[&str] = if outcomes[0].is_ok() { &["small"] } else { &[] };
        assert_eq!(shapes(&connection), expected);

        limit(pages + 1000);
        commit_one(&connection, 1, &large).unwrap();
        assert!(shapes(&connection).contains(&"large".to_owned()));
    }

    #[tokio::test]
    async fn a_dead_writer_fails_every_commit_and_hangs_none() {
        // It dies with a request in hand and others queued.
        let writer = Writer::spawn(|mut requests| {
            let _in_hand = requests.blocking_recv();
        })
        .unwrap();
        for _ in 0..3 {
            let error = writer.commit(vec![shape("a", "x")]).await.unwrap_err();
            let StoreError::Failed { source, .. } = error else { panic!("{error:?}") };
            assert!(source.to_string().contains("writer thread has ended"), "{source}");
        }
    }
}
