//! The report as Parquet says what it says as text.

use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use bytes::Bytes;
use spotcron::billing::{Bill, Intake, LIMITS, Problem};

use super::{always, read};
use crate::samples::at;

const CUR: &str = include_str!("cur.csv");

/// The columns that are no text.
const TIMES: [&str; 2] = ["line_item_usage_start_date", "line_item_usage_end_date"];

fn is_number(name: &str) -> bool {
    name.ends_with("_cost")
}

/// The rows of `text` as a Parquet file, with the types that AWS gives them. Empty values are null.
fn parquet(text: &str, compression: Compression) -> Vec<u8> {
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let rows: Vec<Vec<&str>> = lines.collect();
    let fields: String = names
        .iter()
        .map(|name| match *name {
            name if TIMES.contains(&name) => format!("OPTIONAL INT64 {name} (TIMESTAMP_MILLIS);"),
            name if is_number(name) => format!("OPTIONAL DOUBLE {name};"),
            name => format!("OPTIONAL BINARY {name} (UTF8);"),
        })
        .collect();
    let schema = Arc::new(parse_message_type(&format!("message report {{ {fields} }}")).unwrap());
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for (place, name) in names.iter().enumerate() {
        let values = rows.iter().map(|row| row[place]).filter(|value| !value.is_empty());
        let levels: Vec<i16> = rows.iter().map(|row| i16::from(!row[place].is_empty())).collect();
        let mut column = group.next_column().unwrap().unwrap();
        if TIMES.contains(name) {
            let values: Vec<i64> = values.map(|value| at(value).as_millisecond()).collect();
            column.typed::<Int64Type>().write_batch(&values, Some(&levels), None).unwrap();
        } else if is_number(name) {
            let values: Vec<f64> = values.map(|value| value.parse().unwrap()).collect();
            column.typed::<DoubleType>().write_batch(&values, Some(&levels), None).unwrap();
        } else {
            let values: Vec<ByteArray> = values.map(ByteArray::from).collect();
            column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).unwrap();
        }
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}

fn taken(bytes: Vec<u8>) -> Result<Bill, Vec<Problem>> {
    let mut intake = Intake::new(always(), LIMITS);
    intake.parquet("bill", Bytes::from(bytes));
    intake.finish()
}

#[test]
fn parquet_says_what_the_text_says() {
    let text = read(&[("a", CUR.as_bytes())]).unwrap();
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
        let bill = taken(parquet(CUR, compression)).unwrap();
        assert_eq!(bill.lines, text.lines);
        assert_eq!((bill.covered, bill.counts), (text.covered, text.counts));
    }
    // Text and Parquet of one report are the same lines.
    let mut intake = Intake::new(always(), LIMITS);
    intake.text("a", CUR.as_bytes());
    intake.parquet("b", Bytes::from(parquet(CUR, Compression::SNAPPY)));
    let both = intake.finish().unwrap();
    assert_eq!((both.lines, both.counts.repeated), (text.lines, 5));
}

#[test]
fn a_mistake_in_parquet_is_named_with_its_row_and_column() {
    let told = |text: &str| {
        let problems = taken(parquet(text, Compression::SNAPPY)).unwrap_err();
        problems[0].to_string()
    };
    let currency = CUR.replacen("Usage,USD,0.0142", "Usage,EUR,0.0142", 1);
    let expected = "bill, line 1, line_item_currency_code: is \"EUR\"; the ledger is in USD";
    assert_eq!(told(&currency), expected);
    let column = CUR.replacen("line_item_resource_id", "resource", 1);
    assert!(told(&column).contains("has no column line_item_resource_id"), "{}", told(&column));
}

/// Wherever one byte is wrong the file is refused or reads as another bill, and nothing panics.
#[test]
fn damaged_bytes_never_end_the_program() {
    let whole = parquet(CUR, Compression::SNAPPY);
    let mut refused = 0;
    for place in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x55;
        refused += usize::from(taken(bytes).is_err());
    }
    assert!(refused > 0);
    for length in (0..whole.len()).step_by(97) {
        assert!(taken(whole[..length].to_vec()).is_err(), "{length}");
    }
}
