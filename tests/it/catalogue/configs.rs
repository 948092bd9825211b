//! The shipped files: examples, schemas and references say what the program does.

use std::fs;
use std::path::{Path, PathBuf};

use spotcron::{catalogue, diagnostic, settings};

fn without_findings(path: &str) -> catalogue::Catalogue {
    let loaded = catalogue::load(&[PathBuf::from(path)]);
    assert_eq!(diagnostic::render(&loaded.diagnostics, false), "", "{path}");
    loaded.catalogue.unwrap()
}

#[test]
fn the_example_and_the_demo_have_no_findings() {
    assert_eq!(without_findings("config/catalogue.toml").jobs.len(), 7);
    let demo = without_findings("config/demo/catalogue.toml");
    assert_eq!((demo.environments.len(), demo.classes.len(), demo.jobs.len()), (5, 5, 15));
    for job in demo.jobs.values() {
        let resources = job.submission.resources.unwrap();
        // The recorded prices that the demo replays are of GPU machines as small as p2.xlarge.
        assert!(
            resources.vcpu_millis <= 4_000 && resources.memory_mib <= 60 * 1024,
            "{}",
            job.name
        );
        assert_eq!(resources.gpus, 0, "{}", job.name);
    }
}

#[test]
fn the_example_names_every_key() {
    let text = fs::read_to_string("config/catalogue.toml").unwrap();
    for key in keys_of(&catalogue::schema()) {
        assert!(names(&text, &key), "config/catalogue.toml does not show `{key}`");
    }
}

/// Every key with its default: reading the file, or none, gives the same settings.
#[test]
fn the_configuration_file_holds_every_default() {
    let path = Path::new("config/spotcron.toml");
    let (read, findings) = settings::load(path);
    assert_eq!(diagnostic::render(&findings, false), "");
    let defaults = settings::Settings {
        // Paths start at the file's directory.
        catalogue: vec![PathBuf::from("config/catalogue.toml")],
        store_path: PathBuf::from("config/spotcron.db"),
        ..Default::default()
    };
    assert_eq!(read.unwrap(), defaults);
    let text = fs::read_to_string(path).unwrap();
    for key in keys_of(&settings::schema()) {
        assert!(names(&text, &key), "config/spotcron.toml does not show `{key}`");
    }
}

/// The defaults that the schema and the reference promise are those of the program: a class and a
/// job that write them all are equal to ones that write none.
#[test]
fn promised_defaults_are_the_real_ones() {
    let head = "[[environments]]\nname = \"spot\"\nqueue = \"a\"\ncapacity = \"spot\"\n\
                region = \"eu-west-1\"\n\
                [[environments]]\nname = \"od\"\nqueue = \"b\"\ncapacity = \"on-demand\"\n\
                region = \"eu-west-1\"\n";
    let class = "[[classes]]\nname = \"c\"\nenvironments = [\"spot\", \"od\"]\n\
                 expected_duration = \"1h\"\n";
    let job = "[[jobs]]\nname = \"j\"\nclass = \"c\"\ncron = \"0 2 * * *\"\ndefinition = \"d:1\"\n\
               vcpus = 1\nmemory_mib = 1024\n";
    let schema: serde_json::Value = serde_json::from_str(&catalogue::schema()).unwrap();
    let written = |table: &str| -> String {
        let properties = schema["$defs"][table]["properties"].as_object().unwrap();
        let line = |(key, value): (&String, &serde_json::Value)| {
            let default = value.get("default")?;
            let text = if default.is_object() { "{}".into() } else { default.to_string() };
            Some(format!("{key} = {text}\n"))
        };
        properties.iter().filter_map(line).collect()
    };
    let load = |text: String| {
        let loaded = catalogue::load_sources(vec![diagnostic::Source::new("a.toml", text)]);
        assert_eq!(diagnostic::render(&loaded.diagnostics, false), "");
        loaded.catalogue.unwrap()
    };
    let plain = load(format!("{head}{class}{job}"));
    let full = format!("{head}{class}{}{job}{}", written("class"), written("job"));
    assert!(full.contains("max_legs = 6") && full.contains("time_zone = \"UTC\""), "{full}");
    let full = load(full);
    assert_eq!(plain.classes, full.classes);
    assert_eq!(plain.jobs, full.jobs);
}

/// The generated files are what the program generates; `UPDATE_GOLDEN=1` writes them.
#[test]
fn generated_files_are_current() {
    let files = [
        ("config/schema/catalogue.schema.json", catalogue::schema()),
        ("config/schema/spotcron.schema.json", settings::schema()),
        ("docs/reference/catalogue.md", catalogue::reference_markdown()),
        ("docs/reference/config.md", settings::reference_markdown()),
    ];
    for (path, text) in files {
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(path, &text).unwrap();
        }
        assert!(
            fs::read_to_string(path).unwrap_or_default() == text,
            "{path} is not what the program generates; run\n  \
             UPDATE_GOLDEN=1 cargo test --no-default-features --test it catalogue::configs"
        );
    }
}

/// The names of all properties of a schema.
fn keys_of(schema: &str) -> Vec<String> {
    fn collect(value: &serde_json::Value, keys: &mut Vec<String>) {
        if let Some(properties) = value.get("properties").and_then(|value| value.as_object()) {
            keys.extend(properties.keys().cloned());
        }
        match value {
            serde_json::Value::Object(map) => map.values().for_each(|value| collect(value, keys)),
            serde_json::Value::Array(list) => list.iter().for_each(|value| collect(value, keys)),
            _ => {}
        }
    }
    let mut keys = Vec::new();
    collect(&serde_json::from_str(schema).unwrap(), &mut keys);
    assert!(keys.len() > 20, "only {} keys", keys.len());
    keys
}

/// Whether a line of `text` assigns `key`, begins its table, or shows it in a comment or inline table.
fn names(text: &str, key: &str) -> bool {
    let begins = |line: &str| {
        let line = line.trim_start_matches(['#', ' ', '[', '{']);
        line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(['=', ']', '.']))
    };
    text.lines().any(|line| begins(line) || line.split(['{', ',']).any(begins))
        || text.contains(&format!(".{key}]"))
}
