//! Billing files with one mistake each: what is wrong is named with its place, and nothing is taken.

use bytes::Bytes;
use spotcron::billing::{Bill, FileKind, Intake, LIMITS, Limits, Part, Problem};

use super::{always, gzip, read};

const FEED: &str = include_str!("feed.txt");
const CUR: &str = include_str!("cur.csv");

/// What is wrong with one file, as it is told.
fn told(bytes: &[u8]) -> Vec<String> {
    let problems = read(&[("bill", bytes)]).expect_err("it was taken");
    problems.iter().map(ToString::to_string).collect()
}

fn one(bytes: &[u8]) -> String {
    let [problem] = &told(bytes)[..] else { panic!("{:?}", told(bytes)) };
    problem.clone()
}

fn lines_of(bill: &Bill) -> Vec<String> {
    let line = |line: &spotcron::billing::BilledLine| {
        let unused = match line.part {
            Part::Whole => String::new(),
            Part::Split { unused } => format!(" + {}", unused.to_usd()),
        };
        format!("{} {} {}{unused}", line.period.start, line.resource, line.charge.to_usd())
    };
    bill.lines.iter().map(line).collect()
}

#[test]
fn a_data_feed_is_read_packed_or_not_whatever_its_line_ends() {
    let plain = read(&[("a", FEED.as_bytes())]).unwrap();
    assert_eq!(plain.kind, Some(FileKind::SpotDataFeed));
    let shown = [
        "2023-12-09T07:13:47Z i-0aaaaaaaaaaaaaaa1 0.014200",
        "2023-12-09T08:13:47Z i-0aaaaaaaaaaaaaaa1 0.007100",
        "2023-12-09T08:59:59Z i-0bbbbbbbbbbbbbbb2 0.000000046",
    ];
    assert_eq!(lines_of(&plain), shown);
    let covered = plain.covered.unwrap();
    assert_eq!(covered.start.to_string(), "2023-12-09T07:00:00Z");
    assert_eq!(covered.end.to_string(), "2023-12-09T09:00:00Z");
    let windows = format!("\u{feff}{}", FEED.replace('\n', "\r\n"));
    let (first, second) = FEED.split_at(FEED.find("2023-12-09 08:13").unwrap());
    let members = [gzip(first.as_bytes()), gzip(second.as_bytes())].concat();
    let no_last_end = FEED.trim_end();
    for bytes in [&gzip(FEED.as_bytes()), windows.as_bytes(), &members, no_last_end.as_bytes()] {
        assert_eq!(lines_of(&read(&[("a", bytes)]).unwrap()), shown);
    }
}

#[test]
fn a_report_tells_instances_fargate_and_splits_and_leaves_the_rest_out() {
    let bill = read(&[("a", CUR.as_bytes())]).unwrap();
    assert_eq!(bill.kind, Some(FileKind::CostAndUsageReport));
    let task = "arn:aws:ecs:us-east-1:123456789012:task/batch/0123";
    let expected = [
        "2023-12-09T07:00:00Z i-0aaaaaaaaaaaaaaa1 0.014200".to_owned(),
        "2023-12-09T07:00:00Z i-0bbbbbbbbbbbbbbb2 0.134400".to_owned(),
        format!("2023-12-09T07:00:00Z {task} 0.007000 + 0.002000"),
        format!("2023-12-09T07:00:00Z {task} 0.000700 + 0.000000012"),
        "2023-12-09T08:00:00Z arn:aws:ecs:us-east-1:123456789012:task/batch/9999 0.040480"
            .to_owned(),
    ];
    assert_eq!(lines_of(&bill), expected);
    assert_eq!(bill.counts.left_out, 3, "traffic, tax and a disk");
    let old = CUR.replacen(
        CUR.lines().next().unwrap(),
        &CUR.lines().next().unwrap().split(',').map(older).collect::<Vec<_>>().join(","),
        1,
    );
    assert!(old.contains("lineItem/ResourceId"));
    assert_eq!(lines_of(&read(&[("a", old.as_bytes())]).unwrap()), expected);
}

/// A column as the older report names it.
fn older(name: &str) -> String {
    let (group, rest) = ["identity", "split_line_item", "line_item", "savings_plan"]
        .iter()
        .find_map(|group| Some((*group, name.strip_prefix(group)?.strip_prefix('_')?)))
        .unwrap();
    let camel = |text: &str| -> String {
        let mut words = text.split('_').map(|word| word[..1].to_uppercase() + &word[1..]);
        words.by_ref().collect()
    };
    let group = camel(group);
    format!("{}{}/{}", group[..1].to_lowercase(), &group[1..], camel(rest))
}

#[test]
fn each_mistake_is_named_with_its_line_and_column() {
    let bad = |from: &str, to: &str| {
        assert!(FEED.contains(from), "{from}");
        FEED.replacen(from, to, 1).into_bytes()
    };
    for (bytes, expected) in [
        (bad("\t0.0071000000 USD\t1", ""), "bill, line 4: has 7 fields where #Fields: names 9"),
        (
            bad("0.0071000000 USD\t1", "much USD\t1"),
            "bill, line 4, Charge: \"much\" is not a decimal number",
        ),
        (
            bad("0.0071000000 USD\t1", "0.0071000000 CNY\t1"),
            "bill, line 4, Charge: is in \"CNY\"; the ledger is in USD",
        ),
        (
            bad("0.0071000000 USD\t1", "0.0071000000\t1"),
            "bill, line 4, Charge: \"0.0071000000\" is not an amount like 0.0142000000 USD",
        ),
        (
            bad("2023-12-09 08:13:47 UTC", "2023-12-09 08:13:47"),
            "bill, line 4, Timestamp: \"2023-12-09 08:13:47\" is not a time like 2023-12-09 07:13:47 UTC",
        ),
        (
            bad("i-0bbbbbbbbbbbbbbb2", "-"),
            "bill, line 5, InstanceID: \"-\" is not an instance's id",
        ),
        (bad("sir-3", "sir\0-3"), "bill, line 5: holds a NUL byte; the file is damaged"),
        (
            bad("#Version: 1.0", "#Version: 2.0"),
            "bill, line 1: is of version \"2.0\"; known is 1.0",
        ),
        (Vec::new(), "bill: is empty; a billing file has a header at least"),
        (gzip(b""), "bill: is empty; a billing file has a header at least"),
        (b"PK\x03\x04rest".to_vec(), "bill: is a ZIP archive; unpack it first"),
    ] {
        assert_eq!(one(&bytes), expected);
    }
    let header = FEED.replacen("InstanceID", "Instance", 1);
    assert!(
        told(header.as_bytes())[0].starts_with("bill, line 2: has no field InstanceID; it has")
    );
    let unknown = one(b"name,price\nm6i.large,0.1\n");
    let expected = "bill, line 1: is neither the header of a spot data feed";
    assert!(unknown.starts_with(expected) && unknown.ends_with("but \"name,price\""), "{unknown}");
}

#[test]
fn each_mistake_of_a_report_is_named_with_its_line_and_column() {
    let bad = |from: &str, to: &str| {
        assert!(CUR.contains(from), "{from}");
        CUR.replacen(from, to, 1).into_bytes()
    };
    for (bytes, expected) in [
        (bad("0.1344000000", "1,3"), "bill, line 3: has 13 fields where the header has 12"),
        (
            bad("0.1344000000", "0.13.4"),
            "bill, line 3, savings_plan_savings_plan_effective_cost: \"0.13.4\" is not a decimal number",
        ),
        (
            bad("USD,0.0142000000", "USD,"),
            "bill, line 2, line_item_unblended_cost: \"\" is not a decimal number",
        ),
        (
            bad("USD,0.0142000000", "EUR,0.0142000000"),
            "bill, line 2, line_item_currency_code: is \"EUR\"; the ledger is in USD",
        ),
        (
            bad("2023-12-09T08:00:00Z", "2024-01-01T00:00:00Z"),
            "bill, line 2, line_item_usage_end_date: is 2024-01-01T00:00:00Z: the line reaches into \
             another day; export with TIME_GRANULARITY HOURLY",
        ),
        (
            bad("line_item_resource_id", "resource"),
            "bill, line 1: has no column line_item_resource_id; export CUR 2.0 with resource IDs \
             (INCLUDE_RESOURCES) and all columns",
        ),
    ] {
        assert_eq!(one(&bytes), expected);
    }
}

#[test]
fn a_truncated_or_damaged_archive_is_refused_whole() {
    let packed = gzip(FEED.repeat(50).as_bytes());
    for cut in [packed.len() - 1, packed.len() / 2, 12] {
        let text = one(&packed[..cut]);
        assert!(text.contains("ends in the middle of the packed data"), "{cut}: {text}");
    }
    let mut damaged = packed.clone();
    let last = damaged.len() - 6;
    damaged[last] ^= 0xff;
    let text = one(&damaged);
    assert!(text.contains("cannot be unpacked or read"), "{text}");
    let trailing = [&packed[..], b"garbage where a member would begin"].concat();
    assert!(one(&trailing).contains("cannot be unpacked or read"), "{}", one(&trailing));
}

#[test]
fn what_unpacks_to_too_much_is_refused() {
    let limits = Limits { unpacked_bytes: 1 << 20, ratio: 100, ratio_from: 1 << 18, ..LIMITS };
    let refused = |bytes: &[u8], limits: Limits| {
        let mut intake = Intake::new(always(), limits);
        intake.text("bomb", bytes);
        let problems: Vec<Problem> = intake.finish().unwrap_err();
        problems.last().unwrap().to_string()
    };
    let line = FEED.lines().last().unwrap();
    let many =
        |count: usize| gzip(format!("{FEED}{}", format!("{line}\n").repeat(count)).as_bytes());
    let bomb = refused(&many(5_000), limits);
    assert!(bomb.contains("unpacks to more than 100 times its size"), "{bomb}");
    let loose = Limits { ratio: u64::MAX, ..limits };
    let large = refused(&many(20_000), loose);
    assert!(large.contains("holds more than 1048576 bytes"), "{large}");
    let zeros = refused(&gzip(&vec![0; 1 << 22]), Limits { ratio_from: 1 << 16, ..limits });
    assert!(zeros.contains("NUL") || zeros.contains("unpacks to more"), "{zeros}");
    let long = "x".repeat(LIMITS.record_bytes as usize * 2);
    let endless = refused(format!("{CUR}\"{long}").as_bytes(), LIMITS);
    assert!(endless.contains("a quote that is never closed"), "{endless}");
    let few = refused(CUR.as_bytes(), Limits { lines: 2, ..LIMITS });
    assert!(few.contains("more than the 2 that are kept"), "{few}");
}

#[test]
fn all_problems_of_all_files_are_told_up_to_a_limit() {
    let bad = FEED.replace(" USD\t1", " EUR\t1");
    let both =
        read(&[("one", bad.as_bytes()), ("two", bad.as_bytes()), ("three", FEED.as_bytes())]);
    let files: Vec<String> = both.unwrap_err().into_iter().map(|problem| problem.file).collect();
    assert_eq!(files, ["one", "one", "one", "two", "two", "two"]);
    let line = bad.lines().last().unwrap();
    let many = format!("{bad}{}", format!("{line}\n").repeat(100));
    let problems = told(many.as_bytes());
    assert_eq!(problems.len(), LIMITS.problems + 1);
    assert!(problems.last().unwrap().contains("more problems than these"));
}

#[test]
fn an_hour_that_comes_twice_counts_once_and_two_versions_of_it_are_refused() {
    let once = read(&[("a", FEED.as_bytes())]).unwrap();
    let later = FEED.lines().take(4).collect::<Vec<_>>().join("\n");
    let twice = read(&[("a", FEED.as_bytes()), ("b", later.as_bytes())]).unwrap();
    assert_eq!(twice.lines, once.lines);
    assert_eq!((twice.counts.repeated, twice.counts.files), (2, 2));
    let other = later.replacen("0.0071000000 USD\t1", "0.0072000000 USD\t1", 1);
    let problems = read(&[("a", FEED.as_bytes()), ("b", other.as_bytes())]).unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "b, line 4: says another charge of i-0aaaaaaaaaaaaaaa1 at 2023-12-09T08:13:47Z than a, line 4, \
         does; give only the newer of two versions of a file"
    );
    let cur = read(&[("a", CUR.as_bytes()), ("b", CUR.as_bytes())]).unwrap();
    assert_eq!((cur.counts.lines, cur.counts.repeated), (5, 5));
}

#[test]
fn files_of_two_kinds_would_count_twice() {
    let problems = read(&[("feed", FEED.as_bytes()), ("cur", CUR.as_bytes())]).unwrap_err();
    assert!(problems[0].to_string().contains("reconcile them one after the other"), "{problems:?}");
}

#[test]
fn a_file_of_headers_alone_is_a_quiet_hour() {
    for text in [FEED, CUR] {
        let header: String = text
            .lines()
            .take_while(|line| !line.starts_with("2023"))
            .take(2)
            .fold(String::new(), |all, line| {
                if line.starts_with('#') || all.is_empty() { all + line + "\n" } else { all }
            });
        let bill = read(&[("a", header.as_bytes())]).unwrap();
        assert_eq!((bill.lines.len(), bill.covered), (0, None));
    }
}

#[test]
fn a_damaged_parquet_file_is_refused() {
    let read = |bytes: &'static [u8]| {
        let mut intake = Intake::new(always(), LIMITS);
        intake.parquet("bill", Bytes::from_static(bytes));
        intake.finish().unwrap_err()[0].to_string()
    };
    for bytes in [&b"PAR1"[..], b"PAR1PAR1", b"PAR1\0\0\0\0\xff\xff\xff\x7fPAR1"] {
        let told = match cfg!(feature = "parquet") {
            true => "bill: is not a whole Parquet file",
            false => "bill: is Parquet, which this build does not read",
        };
        assert!(read(bytes).starts_with(told), "{}", read(bytes));
    }
}
