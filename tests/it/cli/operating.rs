//! The guide to operating a daemon, run: each verb of it asks the demo's daemon, and what the page says
//! that it prints is what it prints.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use clap::Parser;
use jiff::{SignedDuration, Timestamp};
use spotcron::cli::demo::Session;
use spotcron::cli::{Cli, Verb};
use spotcron::clock::Clock;
use spotcron::daemon::{Unpaced, http};
use spotcron::diagnostic::Source;
use spotcron::settings::tokens;
use spotcron::sim::Scenario;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::golden::assert_file;

const GUIDE: &str = "docs/guide/operating.md";
const SETTINGS: &str = "config/spotcron.toml";

fn project(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// What a page does, in its order.
#[derive(Debug)]
enum Step {
    /// Virtual time passes.
    After(SignedDuration),
    /// Attempts of a definition fail from now on, or work again.
    Failing(String, bool),
    /// Commands, and where what the last of them printed stands in the page.
    Shows { commands: String, output: std::ops::Range<usize> },
}

/// The steps of the page: its comments, and each `sh` block that a `text` block follows.
fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut commands: Option<String> = None;
    let mut rest = 0;
    while let Some(line) = page[rest..].split_inclusive('\n').next() {
        let begin = rest;
        rest += line.len();
        if let Some(told) =
            line.strip_prefix("<!-- ").and_then(|l| l.trim_end().strip_suffix(" -->"))
        {
            steps.push(match told.split_once(' ') {
                Some(("after", span)) => Step::After(span.parse().unwrap()),
                Some(("failing", name)) => Step::Failing(name.to_owned(), true),
                Some(("working", name)) => Step::Failing(name.to_owned(), false),
                _ => panic!("nobody knows what `{told}` means"),
            });
        }
        let Some(language) = line.strip_prefix("```") else { continue };
        let length = page[rest..].find("```").expect("a block has an end");
        let inside = rest..rest + length;
        rest += length + "```\n".len();
        match language.trim() {
            "sh" => commands = Some(page[inside].to_owned()),
            "text" => {
                let commands = commands.take().unwrap_or_else(|| panic!("at {begin}: no command"));
                steps.push(Step::Shows { commands, output: inside });
            }
            _ => commands = None,
        }
    }
    steps
}

/// The demo's daemon with its store in `folder`, where the settings are that a person's would be.
struct Daemon {
    session: Session,
    token: String,
    _stop: watch::Sender<bool>,
}

impl Daemon {
    async fn start(folder: &Path) -> Self {
        let store = folder.join("demo.db").display().to_string();
        let words = ["spotcron", "demo", "--speed", "max", "--for", "1d", "--store", &store];
        let Verb::Demo(args) = Cli::try_parse_from(words).unwrap().verb else { unreachable!() };
        let session = Session::open(&args).await.unwrap();
        let (token, sha256) = tokens::mint([3; 32]);
        let text = format!(
            "[[tokens]]\nname = \"alice\"\nscopes = [\"operate\"]\nsha256 = \"{sha256}\"\n"
        );
        let known = tokens::load_source(Source::new("tokens.toml", text)).0;
        session.shared.tokens.store(known.map(Arc::new));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_stop, stopped) = watch::channel(false);
        tokio::spawn(http::serve(listener, Arc::clone(&session.shared), stopped));
        let settings = format!(
            "catalogue = [\"catalogue.toml\"]\n[store]\npath = \"../demo.db\"\n\
             [http]\nlisten = \"{address}\"\n"
        );
        std::fs::create_dir(folder.join("config")).unwrap();
        std::fs::write(folder.join(SETTINGS), settings).unwrap();
        let catalogue = project("config/demo/catalogue.toml");
        std::fs::write(folder.join("config/catalogue.toml"), catalogue).unwrap();
        Daemon { session, token, _stop }
    }

    async fn until(&self, until: Timestamp) {
        self.session.drive(until, &mut Unpaced).await;
    }

    fn set_failing(&self, name: &str, fails: bool) {
        let scenario = Scenario::demo().unwrap();
        let mut definition = scenario.definitions.into_iter().find(|one| one.name == name).unwrap();
        definition.failure_probability = if fails { 1.0 } else { 0.0 };
        self.session.cloud.set_definition(definition);
    }

    /// What the last of `commands` prints, errors included.
    async fn printed(&self, commands: &str, folder: &Path) -> String {
        let binary = Path::new(env!("CARGO_BIN_EXE_spotcron")).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut printed = String::new();
        for command in commands.lines() {
            let mut shell = Command::new("sh");
            shell
                .args(["-c", &format!("{command} 2>&1")])
                .current_dir(folder)
                .env("PATH", format!("{}:{path}", binary.display()))
                .env("SPOTCRON_TOKEN", &self.token)
                .env("NO_COLOR", "1")
                .env("COLUMNS", "100");
            // Elsewhere, so that the daemon can answer meanwhile.
            let output =
                tokio::task::spawn_blocking(move || shell.output()).await.unwrap().unwrap();
            printed = String::from_utf8(output.stdout).unwrap();
        }
        printed
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_the_guide_to_operating_print_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path()).await;
    let page = project(GUIDE);
    let mut shown = 0;
    let (mut current, mut copied) = (String::new(), 0);
    for step in steps(&page) {
        match step {
            Step::After(span) => daemon.until(daemon.session.clock.now() + span).await,
            Step::Failing(name, fails) => daemon.set_failing(&name, fails),
            Step::Shows { commands, output } => {
                current.push_str(&page[copied..output.start]);
                current.push_str(&daemon.printed(&commands, folder.path()).await);
                copied = output.end;
                shown += 1;
            }
        }
    }
    current.push_str(&page[copied..]);
    assert!(shown >= 15, "the guide's examples were not understood: {shown}");
    assert_file(GUIDE, &current);
    let said = ["pause", "resume", "backfill", "trigger", "retry", "cancel", "move"];
    for verb in said.iter().chain(&["force-on-demand", "audit"]) {
        assert!(page.contains(&format!("\nspotcron {verb}")), "the guide shows no `{verb}`");
    }
}

#[test]
fn the_commands_of_the_guide_are_commands() {
    let page = project(GUIDE);
    let block = page.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let mut labels: Vec<&str> = Vec::new();
    for line in block.lines() {
        let command: spotcron::control::Command =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        // Every key is shown.
        let written: serde_json::Value = serde_json::from_str(line).unwrap();
        let read = command.to_send();
        let keys = |value: &serde_json::Value| {
            value.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(keys(&written), keys(&read), "{line}");
        labels.push(command.label());
    }
    labels.dedup();
    assert_eq!(labels.len(), 9, "{labels:?}");
}

#[test]
fn a_new_token_fits_the_table_that_is_printed_with_it() {
    let said = || {
        let output = Command::new(env!("CARGO_BIN_EXE_spotcron"))
            .args(["token", "new", "--name", "alice", "--scope", "operate"])
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let text = said();
    let token = text.lines().find_map(|line| line.trim().strip_prefix("spotcron_")).unwrap();
    let table = &text[text.find("[[tokens]]").unwrap()..];
    let (known, findings) = tokens::load_source(Source::new("tokens.toml", table));
    assert!(findings.is_empty(), "{findings:?}");
    let known = known.unwrap();
    assert_eq!(known.holder(&format!("spotcron_{token}")).unwrap().name, "alice");
    assert_ne!(said(), text, "another one each time");
}

/// As a person would: a demo in one terminal, the verbs in another.
#[test]
fn a_demo_that_runs_is_operated_from_another_process() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let tokens_file = folder.path().join("tokens.toml");
    let (token, sha256) = tokens::mint([4; 32]);
    let table =
        format!("[[tokens]]\nname = \"a\"\nscopes = [\"operate\"]\nsha256 = \"{sha256}\"\n");
    std::fs::write(&tokens_file, table).unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, token + "\n").unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_spotcron"))
        .args(["demo", "--speed", "60", "--listen", &free.to_string(), "--tokens"])
        .arg(&tokens_file)
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // Its first line says that it runs, and by then it listens.
    let mut log = BufReader::new(demo.stderr.take().unwrap());
    log.read_line(&mut String::new()).unwrap();
    let url = format!("http://{free}");
    let ask = |words: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_spotcron"))
            .args(words)
            .args(["--url", &url, "--format", "json", "--token-file"])
            .arg(&token_file)
            .output()
            .unwrap()
    };
    let json = |output: &std::process::Output| -> serde_json::Value {
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    };
    let paused = ask(&["pause", "--all", "--key", "k"]);
    assert_eq!((paused.status.code(), &json(&paused)["repeated"]), (Some(0), &false.into()));
    let again = ask(&["pause", "--all", "--key", "k"]);
    assert_eq!((again.status.code(), &json(&again)["repeated"]), (Some(0), &true.into()));
    let refused = ask(&["pause", "--all"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(json(&refused)["code"], "already-paused");
    let wrong = ask(&["trigger", "orders-import", "--key", "k"]);
    assert_eq!(wrong.status.code(), Some(2), "the key is another request's");
    assert_eq!(json(&ask(&["audit"]))["commands"].as_array().unwrap().len(), 2);
    demo.kill().unwrap();
    demo.wait().unwrap();
    let gone = ask(&["resume", "--all"]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&gone.stderr).contains("no daemon can be reached"));
}

/// What a listener that takes one request and answers with `answer` makes of `resume --all`: the key
/// that was sent, the exit code, and what was printed.
fn answered_with(answer: &str, words: &[&str]) -> (String, Option<i32>, String) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = answer.to_owned();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        // The command's own JSON ends it.
        while !request.ends_with(b"}") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    });
    let output = Command::new(env!("CARGO_BIN_EXE_spotcron"))
        .args(["resume", "--all", "--url", &url])
        .args(words)
        .env("SPOTCRON_TOKEN", "t")
        .output()
        .unwrap();
    let request = server.join().unwrap();
    let key = request.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (key.to_owned(), output.status.code(), String::from_utf8(printed).unwrap())
}

#[test]
fn whoever_cannot_know_whether_it_was_done_learns_the_key_to_ask_again_with() {
    let problem = |status: u16, code: &str| {
        let body = format!(
            "{{\"type\":\"about:blank\",\"title\":\"t\",\"status\":{status},\
             \"code\":\"{code}\",\"detail\":\"a detail\",\"hint\":\"a hint\"}}"
        );
        format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    for (answer, said, unclear) in [
        (String::new(), "did not answer", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_owned(), "did not answer", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_owned(), "not understood", true),
        ("HTTP/1.1 502 X\r\nContent-Length: 2\r\n\r\nno".to_owned(), "answered 502", true),
        (problem(500, "died"), "a hint; ask again", true),
        (problem(503, "store"), "a hint; ask again", true),
        (problem(409, "not-paused"), "a hint", false),
        ("HTTP/1.1 405 X\r\nContent-Length: 0\r\n\r\n".to_owned(), "answered 405", false),
    ] {
        for words in [&[][..], &["--key", "mine"], &["--format", "json"]] {
            let (key, code, printed) = answered_with(&answer, words);
            assert_eq!(code, Some(1), "{answer}: {printed}");
            assert!(printed.contains(said), "{answer}: {printed}");
            let names_it = printed.contains(&format!("--key {key}: it is done once"));
            assert_eq!(names_it, unclear, "{answer} {words:?}: {printed}");
        }
    }
}

#[test]
fn what_cannot_be_sent_is_said_before_anything_is() {
    let ask = |words: &[&str], token: Option<&str>| {
        let folder = tempfile::tempdir().unwrap();
        let mut verb = Command::new(env!("CARGO_BIN_EXE_spotcron"));
        verb.args(words).current_dir(folder.path()).env_remove("SPOTCRON_TOKEN");
        if let Some(token) = token {
            verb.env("SPOTCRON_TOKEN", token);
        }
        let output = verb.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let secret = Some("spotcron_secret\u{1}");
    for (words, token, said) in [
        (&["resume", "--all"][..], None, "there is no token"),
        (&["resume", "--all", "--url", "https://host"], Some("t"), "does not speak"),
        (&["resume", "--all", "--url", "host:1"], Some("t"), "is no address"),
        (&["resume", "--all", "--token-file", "none"], None, "none cannot be read"),
        (&["pause"], Some("t"), "required"),
        (&["pause", "a", "--all"], Some("t"), "cannot be used with"),
        (&["trigger", "a", "--parameter", "b"], Some("t"), "expected NAME=VALUE"),
        (&["backfill", "a", "--from", "3d", "--to", "1d"], Some("t"), "expected a time"),
        (&["move", "a", "--to", "spot"], Some("t"), "possible values: on-demand"),
        (&["force-on-demand", "--class", "a", "--off", "--for", "1h"], Some("t"), "cannot be used"),
        (&["token", "new", "--name", "a b", "--scope", "read"], None, "letters, digits"),
    ] {
        let (code, text) = ask(words, token);
        assert_eq!(code, Some(2), "{words:?}: {text}");
        assert!(text.contains(said), "{words:?}: {text}");
    }
    // Something listens, and is not sent what HTTP would not carry; nor is that shown.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (code, text) = ask(&["resume", "--all", "--url", &url], secret);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("characters that HTTP does not carry") && !text.contains("secret"));
}
